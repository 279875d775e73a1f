"""What calls cost: counted, and reserved at their worst before they are sent, so that a cap holds whatever happens.

A call is settled by its outcome: paid for as the server counts it, not charged at all, or unknown (the connection broke, the
process died), which counts at its worst for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from selfinstruct.errors import CapReached, ModelError, NoRoom, RequestFailed, Transient
from selfinstruct.models import Completion, Model, Request, Usage
from selfinstruct.models.disk import Notice, when_there_is_room
from selfinstruct.models.money.meter import Meter

_PER_MESSAGE, _PER_CALL = (
    16,
    512,
)  # tokens at most that a server's chat template and a JSON schema add
_DREGS = 0.05  # of a cap
_REPLY_WITHOUT_LIMIT = (
    4096  # tokens, if neither the decoding nor --extra-body limits a reply; no cap is held with it
)


class Ledger(Protocol):
    """Where calls are written down: `spending.Spending`, or `NoLedger`. Both may raise NoRoom or UserError."""

    def sent(self, key: str, most: Usage) -> None:
        """Before a call is sent."""
        ...

    def ended(self, key: str, *, is_charged: bool) -> None:
        """When it has ended without a reply. One that has ended with a reply is on record."""
        ...


class NoLedger:
    """Forgets."""

    def sent(self, key: str, most: Usage) -> None: ...

    def ended(self, key: str, *, is_charged: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Caps:
    """What a run may take in all, over every sitting. None: no cap."""

    cost: float | None = None  # USD
    tokens: int | None = None
    requests: int | None = None  # calls sent, those that are made again among them

    def __bool__(self) -> bool:
        return any(one is not None for one in (self.cost, self.tokens, self.requests))


class Budget:
    """Holds a run to its caps: what is paid for, what may have been charged, and the worst of all that is under way.

    `cost`: USD of a usage. `ledger` outlives this process.
    """

    def __init__(
        self,
        caps: Caps,
        meter: Meter,
        *,
        cost: Callable[[Usage], float] = lambda usage: 0.0,
        ledger: Ledger | None = None,
        notice: Notice = lambda text: None,
    ) -> None:
        self.meter = meter
        self._caps, self._cost, self._ledger, self._notice = (
            caps,
            cost,
            ledger or NoLedger(),
            notice,
        )
        self._reserved = Usage()
        self._under_way = 0
        self._changed = asyncio.Event()
        self._over: str | None = None  # the cap that ended the sitting
        self._refusal: BaseException | None = None
        self._short, self._in_line = "", 0  # the cap that the calls in the line wait for
        self._excess = 1.0  # a server whose count has passed what was taken for the worst counts on by that factor

    async def reserve(self, request: Request) -> Usage:
        """Wait until the worst that this call can take is within the caps, and write it down. Raises CapReached if it never is."""
        most = worst(request, self._excess)
        await self._room(most)
        try:
            await when_there_is_room(lambda: self._ledger.sent(request.key, most), self._notice)
        except BaseException:
            self.withdraw(most)
            raise
        return most

    async def reserve_in_batch(self, request: Request) -> Usage:
        """As `reserve`, at the batch price, but for the ledger: a batch is written down as a whole (models/sent.py)."""
        most = worst(request, self._excess).in_batch()
        await self._room(most)
        return most

    def adopt(self, most: Usage) -> None:
        """A call that an earlier process sent, which is counted already and still under way."""
        self._under_way += 1
        self._reserved += most

    def withdraw(self, most: Usage) -> None:
        """It was never sent."""
        self.meter.calls -= 1
        self._release(most)

    def refuse(self, error: BaseException) -> None:
        """Raise this to whoever waits for room or comes for it: nothing more is going to be settled."""
        self._refusal = error
        self._wake()

    def dregs(self) -> str | None:
        """The cap that leaves so little room that what is reserved now, less than others wait for, is not worth a batch."""
        caps, tokens = self._caps, self._reserved.prompt_tokens + self._reserved.completion_tokens
        shares = (
            self._cost(self._reserved) / caps.cost if caps.cost else 0.0,
            tokens / caps.tokens if caps.tokens else 0.0,
            self._under_way / caps.requests if caps.requests else 0.0,
        )
        return self._short if self._in_line and max(shares) < _DREGS else None

    async def _room(self, most: Usage) -> None:
        while self._refusal is None and (cap := self._over or self._reached(most)) is not None:
            if not self._under_way:
                self._over = cap  # for smaller calls as well: the run ends, and would cut them off
                raise CapReached(cap)
            self._short, self._in_line = cap, self._in_line + 1
            try:
                await self._changed.wait()
            finally:
                self._in_line -= 1
        if self._refusal is not None:
            raise self._refusal
        self._under_way += 1
        self._reserved += most
        self.meter.calls += 1

    def paid(self, request: Request, most: Usage, completion: Completion) -> None:
        """It was answered."""
        self.meter.take(request.stage, completion)
        self._release(most)
        usage = completion.usage
        over = max(
            usage.prompt_tokens / max(most.prompt_tokens, 1),
            usage.completion_tokens / max(most.completion_tokens, 1),
        )
        if over > 1.0 and self._caps:
            self._excess *= over
            self._notice(
                f"the server counts {usage.prompt_tokens}+{usage.completion_tokens} tokens where at most "
                f"{most.prompt_tokens}+{most.completion_tokens} were expected; more is reserved for each call from here on"
            )

    def ended(self, request: Request, most: Usage, *, is_charged: bool) -> None:
        """It was not answered; `is_charged` if it may have to be paid for all the same."""
        self.settled(most, is_charged=is_charged)
        with contextlib.suppress(NoRoom):  # unwritten, it counts as charged after the next start
            self._ledger.ended(request.key, is_charged=is_charged)

    def settled(self, most: Usage, *, is_charged: bool) -> None:
        """As `ended`, for what the ledger knows already."""
        if is_charged:
            self.meter.unknown += most
            self.meter.unknown_calls += 1
        self._release(most)

    def _reached(self, most: Usage) -> str | None:
        """The cap that this call might pass."""
        caps, meter = self._caps, self.meter
        if not caps:
            return None
        if caps.requests is not None and meter.calls + 1 > caps.requests:
            return f"--max-requests {caps.requests}: {meter.calls:,} calls were sent"
        spent = meter.usage + meter.unknown
        in_all = spent + self._reserved + most
        if (
            caps.tokens is not None
            and in_all.prompt_tokens + in_all.completion_tokens > caps.tokens
        ):
            together = spent.prompt_tokens + spent.completion_tokens
            return f"--max-tokens-total {caps.tokens}: {together:,} tokens are spent, and the next call may take more than is left"
        if caps.cost is not None and self._cost(in_all) > caps.cost:
            return f"--max-cost {caps.cost:g}: ${self._cost(spent):,.4f} are spent, and the next call may take more than is left"
        return None

    def _release(self, most: Usage) -> None:
        self._under_way -= 1
        self._reserved -= most
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Metered:
    """Every call passes through the budget, those that are made again as well."""

    def __init__(self, inner: Model, budget: Budget) -> None:
        self._inner, self._budget = inner, budget

    async def complete(self, request: Request) -> Completion:
        most = await self._budget.reserve(request)
        try:
            completion = await self._inner.complete(request)
        except Transient as error:
            self._budget.ended(request, most, is_charged=error.may_be_charged)
            raise
        except (RequestFailed, ModelError):  # refused, and so not charged
            self._budget.ended(request, most, is_charged=False)
            raise
        except BaseException:  # cancelled: the server may go on with it
            self._budget.ended(request, most, is_charged=True)
            raise
        self._budget.paid(request, most, completion)
        return completion

    async def close(self) -> None:
        await self._inner.close()


def worst(request: Request, factor: float = 1.0) -> Usage:
    """More tokens than a call can take: a prompt has no more of them than bytes (of every byte-level tokenizer), a reply no more
    than it is limited to.
    """
    extra = dict(request.extra)
    size = (
        sum(
            len(message.text.encode("utf-8", "surrogatepass")) + _PER_MESSAGE
            for message in request.messages
        )
        + _PER_CALL
    )
    size += len(request.grammar or "") + sum(len(str(value)) for value in extra.values())
    reply = max(_limits(request, extra), default=_REPLY_WITHOUT_LIMIT)
    choices = max(
        (extra[name] for name in ("n", "best_of") if isinstance(extra.get(name), int)), default=1
    )
    return Usage(math.ceil(size * factor), math.ceil(reply * choices * factor))


def _limits(request: Request, extra: dict[str, Any]) -> list[int]:
    said = [extra.get(name) for name in ("max_tokens", "max_completion_tokens")]
    return [one for one in (*said, request.decoding.max_tokens) if isinstance(one, int)]
