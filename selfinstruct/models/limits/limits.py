"""The limits of an endpoint: how often, and with how many calls at once.

rpm, tpm      the user's settings: an even pace
headers       the server's x-ratelimit-remaining-requests and the like
refusals      the pace learned from a burst of HTTP 429: rates.LearnedRate
adaptive      the number of calls at once with the best throughput: adaptive.Adaptive
failures      an endpoint where nothing works gets single calls: breaker.Breaker
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from random import Random

from selfinstruct.errors import Refused, RequestFailed, Transient
from selfinstruct.models import Allowance, Completion, Model, Request
from selfinstruct.models.limits.adaptive import Adaptive
from selfinstruct.models.limits.breaker import Breaker
from selfinstruct.models.limits.rates import LearnedRate, Quota, Rate

REPLY_TOKENS = 256  # of a reply that has no limit, for --tpm


@dataclass(frozen=True, slots=True)
class _Call:
    """A call under way."""

    number: int
    sent: float  # time
    tokens: int  # as estimated beforehand
    sent_tokens: int  # of all calls up to and with this call
    request: Request


# The call that a provider's headers belong to.
_UNDER_WAY: ContextVar[_Call] = ContextVar("_UNDER_WAY")


class Limits:
    """All that is known about the limits of an endpoint. Decides and never waits; `Paced` waits."""

    def __init__(
        self,
        name: str = "the endpoint",
        *,
        rpm: int = 0,
        tpm: int = 0,
        most: int = 1 << 30,
        adaptive: bool = False,
        notice: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`rpm`, `tpm`: 0 for none. `most`: the largest limit that `adaptive` may try."""
        self.name, self._clock = name, clock
        self.under_way = 0
        self._requests = Rate(rpm / 60) if rpm else None
        self._tokens = Rate(tpm / 60) if tpm else None
        self._left_requests, self._left_tokens = Quota(), Quota()
        self._is_told = False
        self._learned = LearnedRate(Random(0))
        self._adaptive = Adaptive(most) if adaptive else None
        self._breaker = Breaker(name, notice)
        self._sent = self._sent_tokens = self._told_by = 0

    @property
    def load(self) -> float:
        """Calls under way, as a share of the calls at once that the endpoint takes, if known."""
        return self.under_way / (self._adaptive.limit if self._adaptive else 1.0)

    @property
    def reason(self) -> str:
        """The reason of a delay."""
        return self._breaker.why if self._breaker.is_open else f"{self.name}: its limit is used up"

    def delay(self, request: Request) -> float:
        """Seconds until this request may be sent; infinite: not before another call has ended."""
        now = self._clock()
        if self._adaptive is not None and self._adaptive.is_full(self.under_way):
            return math.inf
        longest = max(self._breaker.delay(self.under_way, now), self._learned.delay(now))
        if self._requests is not None:
            longest = max(longest, self._requests.delay(now))
        if self._tokens is not None:
            longest = max(longest, self._tokens.delay(now))
        if self._is_told:
            longest = max(
                longest,
                self._left_requests.delay(1, now),
                self._left_tokens.delay(_tokens(request), now),
            )
        return longest

    def begin(self, request: Request) -> _Call:
        """Count a request that is sent now."""
        now = self._clock()
        tokens = _tokens(request) if self._tokens is not None or self._is_told else 0
        self._sent, self._sent_tokens = self._sent + 1, self._sent_tokens + tokens
        call = _Call(self._sent, now, tokens, self._sent_tokens, request)
        self.under_way += 1
        self._learned.take(call.number, now)
        self._breaker.sent(call.number)
        self._left_requests.take(1, now)
        self._left_tokens.take(tokens, now)
        if self._requests is not None:
            self._requests.take(1, now)
        if self._tokens is not None:
            self._tokens.take(tokens, now)
        return call

    def end(self, call: _Call) -> None:
        """Count the end of a call, whether with a reply or an error."""
        self.under_way -= 1
        self._breaker.ended(call.number)

    def answered(self, call: _Call, completion: Completion) -> None:
        """Learn from a reply."""
        if self._tokens is not None:
            self._tokens.give_back(
                call.tokens - completion.usage.prompt_tokens - completion.usage.completion_tokens
            )
        if self._adaptive is not None:
            self._adaptive.answered(self._clock())
        self._breaker.answered()

    def refused(self) -> None:
        """Learn from a call that the server said no to: the server is there."""
        self._breaker.answered()

    def failed(self, call: _Call, error: Transient) -> None:
        """Learn from a call that may be made again."""
        now = self._clock()
        if not error.is_server_busy:
            self._breaker.failed(call.number, str(error), now, call.request.key)
            return
        is_first = self._learned.refused(call.number, call.sent, error.retry_after, now)
        if is_first and self._adaptive is not None:
            self._adaptive.burst(now)

    def told(self, allowance: Allowance) -> None:
        """Take the headers of a reply, in the task of its call; ignore those of older calls."""
        call, now = _UNDER_WAY.get(None), self._clock()
        if call is None or call.number < self._told_by:
            return
        self._is_told, self._told_by = True, call.number
        requests, tokens = allowance.requests, allowance.tokens
        if requests is not None:
            left = requests.left - (self._sent - call.number)
            self._left_requests.told(left, requests.limit, requests.reset, now)
        if tokens is not None:
            left = tokens.left - (self._sent_tokens - call.sent_tokens)
            self._left_tokens.told(left, tokens.limit, tokens.reset, now)


class Limited:
    """Reports every call to the limits of an endpoint.

    Never waits: the caller has waited for `limits.delay` before.
    """

    def __init__(self, inner: Model, limits: Limits) -> None:
        self._inner, self.limits = inner, limits

    async def complete(self, request: Request) -> Completion:
        limits = self.limits
        call = limits.begin(request)
        _UNDER_WAY.set(call)
        try:
            completion = await self._inner.complete(request)
        except (Refused, RequestFailed):
            limits.refused()
            raise
        except Transient as error:
            limits.failed(call, error)
            raise
        finally:
            limits.end(call)
        limits.answered(call, completion)
        return completion

    async def close(self) -> None:
        await self._inner.close()


def _tokens(request: Request) -> int:
    """Tokens as providers count them beforehand.

    That is the prompt at four characters a token, and the longest reply allowed.
    """
    most = request.decoding.max_tokens
    return (
        sum(len(message.text) for message in request.messages) // 4
        + 1
        + (REPLY_TOKENS if most is None else most)
    )
