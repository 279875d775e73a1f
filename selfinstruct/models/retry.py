"""Calls made again while that can help."""

from __future__ import annotations

import time

import tenacity

from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models import Completion, Model, Request
from selfinstruct.models.disk import Notice


class Retried:
    """Makes a call again while that can help.

    `retries` tries that say something against the request, and it has failed for good: others were answered meanwhile, or the
    server has had nothing but an error for it all the time. While nobody is answered, the server is gone: it is waited for,
    `patience` seconds if it has ever answered, else a few tries (a wrong address must not take an hour).
    """

    FIRST_TRIES = 5
    PAUSE, LONGEST_PAUSE = (
        0.2,
        60.0,
    )  # seconds; the first is about a reply's time, for an error that comes alone

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
        trial = _Trial(time.monotonic())
        try:
            return await self._once(
                request
            )  # what nearly every request is, without the price of a loop around it
        except Transient as error:
            first: Transient | None = error
        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Transient),
            wait=self._pause,
            stop=lambda state: self._gives_up(state, trial),
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
                            first = (
                                None  # or it and this frame would hold each other: see sitting.py
                            )
                    return await self._once(request)
        except Transient as error:
            if trial.counted >= self._retries and self._others_answered_since(trial.begun):
                raise RequestFailed("server_error", str(error)) from error
            seconds = time.monotonic() - trial.begun
            raise ModelError(
                f"{error}; gave up after {seconds:.0f} s, start again when it answers"
            ) from error
        raise AssertionError("tenacity neither returned nor raised")

    async def _once(self, request: Request) -> Completion:
        completion = await self._inner.complete(request)
        self._last_answer = time.monotonic()
        return completion

    async def close(self) -> None:
        await self._inner.close()

    def _others_answered_since(self, moment: float) -> bool:
        return self._last_answer is not None and self._last_answer > moment

    def _gives_up(self, state: tenacity.RetryCallState, trial: _Trial) -> bool:
        now, error = time.monotonic(), state.outcome.exception() if state.outcome else None
        assert isinstance(error, Transient)
        if self._is_against_it(error, trial, now):
            trial.counted, trial.counted_at = trial.counted + 1, now
        if self._last_answer is None:
            return state.attempt_number >= self.FIRST_TRIES
        if trial.counted >= self._retries and self._others_answered_since(trial.begun):
            return True
        return now - max(trial.begun, self._last_answer) > self._patience

    def _is_against_it(self, error: Transient, trial: _Trial, now: float) -> bool:
        if error.is_server_busy:
            return False
        is_always_so = not error.is_server_gone and now - trial.counted_at > self.LONGEST_PAUSE
        return is_always_so or self._others_answered_since(trial.counted_at)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, Transient) else None
        if asked is None and isinstance(error, Transient) and error.is_server_busy:
            asked = 0.0  # the endpoint's own limits hold everybody: see limits.py
        pause = float(self._jitter(state))
        return pause if asked is None else asked + min(pause, 1.0)

    def _say(self, state: tenacity.RetryCallState) -> None:
        now = time.monotonic()
        is_long = state.upcoming_sleep > 10
        if (
            (is_long or state.attempt_number >= 3)
            and now - self._said > 10
            and state.outcome is not None
        ):
            self._said = now
            self._notice(
                f"waiting: {state.outcome.exception()}"
                + (f" (again in {state.upcoming_sleep:.0f} s)" if is_long else "")
            )


class _Trial:
    """One request's tries."""

    def __init__(self, begun: float) -> None:
        self.begun = self.counted_at = begun
        self.counted = 0  # those that say something against the request
