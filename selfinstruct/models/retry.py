"""The retry layer: calls that failed are made again while that can help."""

from __future__ import annotations

import time

import tenacity

from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models import Completion, Model, Request
from selfinstruct.models.disk import Notice


class Retried:
    """Makes a call again after a Transient error.

    A try counts against its request if other requests were answered meanwhile, or if the server
    has had nothing but an error for that request all the time. After `retries` such tries the
    request has failed for good (RequestFailed). While no request is answered, the server is gone,
    and ModelError follows after `patience` seconds. A server that has never answered gets only a
    few tries, since a wrong address must not take an hour.
    """

    FIRST_TRIES = 5  # of a server that has never answered
    # Seconds. The first is about the time of a reply, for an error that comes alone.
    PAUSE, LONGEST_PAUSE = 0.2, 60.0

    def __init__(
        self, inner: Model, *, retries: int, patience: float, notice: Notice = lambda text: None
    ) -> None:
        self._inner = inner
        self._retries, self._patience, self._notice = retries, patience, notice
        self._last_answer: float | None = None
        self._said = 0.0
        self._jitter = tenacity.wait_random_exponential(
            multiplier=self.PAUSE, max=self.LONGEST_PAUSE
        )

    async def complete(self, request: Request) -> Completion:
        """Raises RequestFailed or ModelError, never Transient."""
        tries = _Tries(time.monotonic())
        try:
            # Enough for nearly every request, and without the price of the loop below.
            return await self._try(request)
        except Transient as error:
            first: Transient | None = error
        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Transient),
            wait=self._pause,
            stop=lambda state: self._gives_up(state, tries),
            before_sleep=self._say,
            reraise=True,
        )
        try:
            async for attempt in attempts:
                with attempt:
                    if first is not None:
                        try:
                            raise first
                        finally:
                            # Or the error and this frame would hold each other, and the rare
                            # garbage collection (cli/heap.py) would leave both in memory.
                            first = None
                    return await self._try(request)
        except Transient as error:
            if tries.counted >= self._retries and self._others_answered_since(tries.begun):
                raise RequestFailed("server_error", str(error)) from error
            seconds = time.monotonic() - tries.begun
            raise ModelError(
                f"{error}; gave up after {seconds:.0f} s, start again when it answers"
            ) from error
        raise AssertionError("tenacity neither returned nor raised")

    async def _try(self, request: Request) -> Completion:
        completion = await self._inner.complete(request)
        self._last_answer = time.monotonic()
        return completion

    async def close(self) -> None:
        await self._inner.close()

    def _others_answered_since(self, moment: float) -> bool:
        return self._last_answer is not None and self._last_answer > moment

    def _gives_up(self, state: tenacity.RetryCallState, tries: _Tries) -> bool:
        now, error = time.monotonic(), state.outcome.exception() if state.outcome else None
        assert isinstance(error, Transient)
        if self._counts(error, tries, now):
            tries.counted, tries.counted_at = tries.counted + 1, now
        if self._last_answer is None:
            return state.attempt_number >= self.FIRST_TRIES
        if tries.counted >= self._retries and self._others_answered_since(tries.begun):
            return True
        return now - max(tries.begun, self._last_answer) > self._patience

    def _counts(self, error: Transient, tries: _Tries, now: float) -> bool:
        """Whether a try speaks against its request, and not against the server."""
        if error.is_server_busy:
            return False
        is_always_so = not error.is_server_gone and now - tries.counted_at > self.LONGEST_PAUSE
        return is_always_so or self._others_answered_since(tries.counted_at)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next try."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, Transient) else None
        if asked is None and isinstance(error, Transient) and error.is_server_busy:
            asked = 0.0  # the endpoint's own limits hold all calls: see limits/limits.py
        pause = float(self._jitter(state))
        return pause if asked is None else asked + min(pause, 1.0)

    def _say(self, state: tenacity.RetryCallState) -> None:
        """A notice of a long wait or of the third failure, every ten seconds at most."""
        now, seconds = time.monotonic(), state.upcoming_sleep
        is_worth_a_word = seconds > 10 or state.attempt_number >= 3
        if is_worth_a_word and now - self._said > 10 and state.outcome is not None:
            self._said = now
            again = f" (again in {seconds:.0f} s)" if seconds > 10 else ""
            self._notice(f"waiting: {state.outcome.exception()}{again}")


class _Tries:
    """The tries of a request so far."""

    def __init__(self, begun: float) -> None:
        self.begun = self.counted_at = begun  # time.monotonic()
        self.counted = 0  # those that speak against the request
