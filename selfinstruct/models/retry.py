"""The retry layer: calls that failed are made again while that can help.

A failure is final for a request only if the server answers others before and after it. Where no
other request tells, a probe is sent. The verdict is found in evidence.py.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable

import tenacity

from selfinstruct.errors import ModelError, Refused, RequestFailed, Transient
from selfinstruct.models import Completion, Model, Request
from selfinstruct.models.disk import Notice
from selfinstruct.models.evidence import (
    FIRST_TRIES,
    MINUTE,
    Evidence,
    Tries,
    Verdict,
    judge,
    judge_silence,
)
from selfinstruct.models.probes import Probes
from selfinstruct.text import duration

Refusal = Callable[[str, ModelError], Awaitable[bool]]
_LONGEST_LOADING = 5.0  # seconds between two looks at a server that loads a model


async def _is_the_only_server(server: str, error: ModelError) -> bool:
    return True


class Retried:
    """Makes a call again after a Transient error.

    A failure counts against its request if the server has answered others since. After `retries`
    such failures (two timeouts, a single refusal) the request is lost: RequestFailed. While nobody
    is answered, the server is waited for, and ModelError follows after `patience` seconds. A server
    that has never answered gets only a few tries, unless it says that it will answer later.

    is_known: the server has answered in an earlier sitting. refused: hears that a server (its
    address, "" for all) serves the run no more, and returns whether no other server is left.
    """

    FIRST_TRIES = FIRST_TRIES
    # Seconds. The first is about the time of a reply, for an error that comes alone.
    PAUSE, LONGEST_PAUSE = 0.2, 60.0
    # Requests that may be lost while nothing but probes was answered in this sitting.
    DOUBTS, DOUBTS_IF_KNOWN = 4, 16
    SPAN, MOST_LOST = 32, 20  # the run ends if so many of the last requests are lost

    def __init__(
        self,
        inner: Model,
        *,
        retries: int,
        patience: float,
        notice: Notice = lambda text: None,
        evidence: Evidence | None = None,
        is_known: bool = False,
        refused: Refusal = _is_the_only_server,
    ) -> None:
        self._inner = inner
        self._retries, self._patience, self._notice = retries, patience, notice
        self.evidence, self._refused = evidence or Evidence(), refused
        self._calls = Probes(inner, self.evidence)
        self._doubts = self.DOUBTS_IF_KNOWN if is_known else self.DOUBTS
        self._has_served = False  # anything but a probe
        self._ends: deque[str | None] = deque(maxlen=self.SPAN)  # None: answered; else the reason
        self._over = ""  # why the run ends
        self._asleep: dict[int, tuple[Transient, float]] = {}  # with the time of the next try
        self._said = 0.0
        self._jitter = tenacity.wait_random_exponential(
            multiplier=self.PAUSE, max=self.LONGEST_PAUSE
        )

    async def complete(self, request: Request) -> Completion:
        """Raises RequestFailed or ModelError, never Transient."""
        begun = time.monotonic()
        try:
            # Enough for nearly every request, and without the price of the loop below.
            return await self._try(request)
        except Transient as error:
            failure: Transient | None = error.with_traceback(None)
        return await self._try_again(request, failure, Tries(begun, self._retries))

    async def _try_again(
        self, request: Request, failure: Transient | None, tries: Tries
    ) -> Completion:
        """Go on after the first failure until an answer or the end of the request."""
        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Transient),
            wait=self._pause,
            before_sleep=lambda state: self._wait_begins(state, tries),
            sleep=lambda seconds: self._sleep(seconds, tries),
            reraise=True,
        )
        try:
            async for attempt in attempts:
                with attempt:
                    if failure is None:
                        try:
                            return await self._try(request)
                        except Transient as error:
                            failure = error.with_traceback(None)
                    end = await self._judge(request, failure, tries)
                    try:
                        raise failure if end is None else end
                    finally:
                        del end
                        failure = None
        finally:
            # Or the last error and this frame would hold each other, and the rare garbage
            # collection (cli/heap.py) would leave both in memory.
            del attempts
        raise AssertionError("tenacity neither returned nor raised")

    async def _try(self, request: Request) -> Completion:
        """A call. Raises Transient, RequestFailed or ModelError."""
        if self._over:
            raise ModelError(self._over)
        try:
            completion = await self._calls.complete(request)
        except RequestFailed as lost:
            await self._note_loss(lost.reason)
            raise
        self._has_served = True
        self._ends.append(completion.error)
        return completion

    async def close(self) -> None:
        await self._inner.close()

    def reason(self, now: float) -> str:
        """The failure that requests wait for at the moment; empty if none waits."""
        if not self._asleep:
            return ""
        failure, until = next(reversed(self._asleep.values()))
        return f"{failure} (again in {duration(max(until - now, 0.0))})"

    # ------------------------------------------------ the verdict

    async def _judge(
        self, request: Request, failure: Transient, tries: Tries
    ) -> RequestFailed | ModelError | None:
        """The error that ends the tries; None: make the call again."""
        now, evidence = time.monotonic(), self.evidence
        tries.take(now, evidence.last_answer(failure.server))
        verdict = judge(failure, tries, evidence, now, self._patience)
        if verdict is Verdict.ASK:
            if await self._calls.serves_others(request, failure.server, now):
                if tries.would_end(failure):
                    return await self._lose(request, failure, tries)
                tries.count(failure)
                return None
            verdict = judge_silence(failure, tries, evidence, time.monotonic(), self._patience)
            if failure.of_run is not None and self._calls.was_refused:
                verdict = Verdict.OVER  # everything is refused
        return await self._end(failure, tries) if verdict is Verdict.OVER else None

    async def _lose(
        self, request: Request, failure: Transient, tries: Tries
    ) -> RequestFailed | ModelError | None:
        """The error of a request that the server never answers, though it answers others.

        A stage that can shorten its prompt does so: that prompt may be answered.
        """
        self._doubts -= not self._has_served
        if self._doubts < 0:
            return await self._end(failure, tries)
        if isinstance(failure, Refused):
            lost = failure.of_request
        else:
            slug = "context_overflow" if request.shrinks else "server_error"
            lost = RequestFailed(slug, str(failure))
        await self._note_loss(lost.reason)
        return lost

    async def _note_loss(self, reason: str) -> None:
        """Count a lost request. The run ends if most of the last requests are lost."""
        self._ends.append(reason)
        lost = Counter(each for each in self._ends if each is not None)
        if lost.total() >= self.MOST_LOST and not self._over:
            self._over = (
                f"{lost.total()} of the last {len(self._ends)} requests failed for good, most of "
                f"them with: {lost.most_common(1)[0][0]}; look into the prompts and the "
                "endpoint's rules, then start again"
            )
            await self._refused("", ModelError(self._over))

    async def _end(self, failure: Transient, tries: Tries) -> ModelError | None:
        """The error of the run; None if another server goes on."""
        text = str(failure.of_run or self._why_given_up(failure, tries))
        if isinstance(failure, Refused) and self._has_served:
            text += "; it has answered others, and now refuses every request"
            text += "" if "top up" in text else ": is the account empty, or a limit reached?"
        if not await self._refused(failure.server, ModelError(text)):
            return None
        self._over = text
        return ModelError(text)

    def _why_given_up(self, failure: Transient, tries: Tries) -> str:
        asked = failure.retry_after or 0.0
        if asked > max(self._patience, MINUTE):
            return (
                f"{failure}; wants to be asked again in {duration(asked)}, longer than "
                f"--patience {self._patience:.0f}: start again then"
            )
        seconds = time.monotonic() - tries.begun
        return f"{failure}; gave up after {seconds:.0f} s, start again when it answers"

    # ------------------------------------------------ the pause

    def _wait_begins(self, state: tenacity.RetryCallState, tries: Tries) -> None:
        failure = _failure_of(state)
        self._say(failure, tries.failed, state.upcoming_sleep)
        self._asleep[id(tries)] = (failure, time.monotonic() + state.upcoming_sleep)

    async def _sleep(self, seconds: float, tries: Tries) -> None:
        try:
            await asyncio.sleep(seconds)
        finally:
            del self._asleep[id(tries)]

    def _pause(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next try: random, up to a bound that doubles with each failure."""
        failure, pause = _failure_of(state), float(self._jitter(state))
        if failure.is_loading:
            pause = min(pause, _LONGEST_LOADING)
        asked = failure.retry_after
        if asked is None and failure.is_server_busy:
            asked = 0.0  # the endpoint's own limits hold all calls: see limits/limits.py
        return pause if asked is None else asked + min(pause, 1.0)

    def _say(self, failure: Transient, failed: int, seconds: float) -> None:
        """A notice of a long wait or of the third failure, every ten seconds at most."""
        now = time.monotonic()
        if (seconds > 10 or failed >= 3) and now - self._said > 10:
            self._said = now
            again = f" (again in {seconds:.0f} s)" if seconds > 10 else ""
            self._notice(f"waiting: {failure}{again}")


def _failure_of(state: tenacity.RetryCallState) -> Transient:
    """The failure that an attempt of tenacity's ended with."""
    failure = state.outcome.exception() if state.outcome else None
    assert isinstance(failure, Transient)
    return failure
