"""Repeats calls about a batch (upload, create, look, download) until they succeed."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from selfinstruct.errors import ModelError, Transient
from selfinstruct.models.disk import Notice
from selfinstruct.models.retry import Retried

Result = TypeVar("Result")


class Patience:
    """Waits `patience` seconds for an endpoint that has answered before, and else a few tries."""

    FIRST_TRIES = Retried.FIRST_TRIES
    PAUSE, LONGEST_PAUSE = Retried.PAUSE, Retried.LONGEST_PAUSE  # seconds; a pause doubles

    def __init__(self, patience: float, notice: Notice) -> None:
        self._patience, self._notice = patience, notice
        self._last_answer: float | None = None

    async def __call__(self, call: Callable[[], Awaitable[Result]]) -> Result:
        """The result of the first call that succeeds. Raises ModelError."""
        begun = time.monotonic()
        for trial in itertools.count(1):
            try:
                result = await call()
            except Transient as error:
                now = time.monotonic()
                is_over = (
                    trial >= self.FIRST_TRIES
                    if self._last_answer is None
                    else self._waited(begun, now) > self._patience
                )
                if is_over:
                    raise ModelError(
                        f"{error}; gave up after {now - begun:.0f} s, start again when it answers"
                    ) from None
                pause = self._pause(error, trial)
                if trial == 3 or pause >= self.LONGEST_PAUSE:
                    self._notice(f"waiting: {error} (again in {pause:.0f} s)")
                await asyncio.sleep(pause)
            else:
                self._last_answer = time.monotonic()
                return result
        raise AssertionError("nobody counts that far")

    def _waited(self, begun: float, now: float) -> float:
        """Seconds without an answer to any call."""
        return now - max(begun, self._last_answer or 0.0)

    def _pause(self, error: Transient, trial: int) -> float:
        """Seconds before the next try."""
        pause = min(self.PAUSE * 2.0 ** min(trial - 1, 20), self.LONGEST_PAUSE)
        return pause if error.retry_after is None else max(pause, error.retry_after)
