"""Looks at open batches until they have ended."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from selfinstruct.errors import ModelError, NotYet
from selfinstruct.models.batch.api import NotThere, lines_of
from selfinstruct.models.batch.lines import Line
from selfinstruct.models.batch.log import Log, SentBatch
from selfinstruct.models.batch.patience import Patience
from selfinstruct.models.batch.place import Place
from selfinstruct.models.batch.state import BatchState
from selfinstruct.models.disk import Notice


class Polling:
    """Waits for the ends of batches.

    waiting: hears how many requests of the open batches are done. hurry: when set, nobody needs the
    batches any more, and pauses are short.
    """

    LATE = 600.0  # seconds until an endpoint shows a new batch, or the files of an ended one
    GROWING = 120.0  # seconds until a file that has an id is there and whole
    _HURRIED_PAUSE = 0.5
    _LEAST_WAIT = 3.0  # seconds, more than the collector waits for further requests

    def __init__(
        self,
        api: Place,
        log: Log,
        patiently: Patience,
        waiting: Callable[[str], None],
        notice: Notice = lambda text: None,
    ) -> None:
        self._api, self._log, self._patiently = api, log, patiently
        self._waiting, self._notice = waiting, notice
        self._done: dict[str, int] = {}  # by token, answered requests
        self._unknown: set[str] = set()  # names of states that were told
        self.hurry = asyncio.Event()

    async def end_of(self, sent: SentBatch) -> BatchState:
        """Wait until the batch has ended. Raises ModelError, or NotYet after a long silence."""
        (pause, longest), begun = self._api.pauses, time.monotonic()
        heard = begun
        while True:
            state = await self._state(sent, begun)
            if state is not None:
                if state.counts.completed != self._done.get(sent.token):
                    heard = time.monotonic()
                self._done[sent.token] = state.counts.completed or 0
                self.tell_waiting()
                if state.has_ended:
                    return state
            # Requests that come at the same time are sent first.
            if time.monotonic() - heard > max(self._api.most_waiting, self._LEAST_WAIT):
                raise NotYet(f"waits for the replies to {sent.id}")
            await self.rest(pause)
            pause = min(pause * 1.5, longest)

    async def _state(self, sent: SentBatch, begun: float) -> BatchState | None:
        """None: the batch cannot be seen yet. begun: time of the first look. Raises ModelError."""
        is_late = time.monotonic() - begun > self.LATE
        try:
            state = await self._patiently(lambda: self._api.look(sent.id or ""))
        except NotThere:
            if is_late or time.time() - sent.at > self.LATE:
                raise
            return None
        if state.is_known or state.has_ended:
            return state
        if not state.named and is_late:
            raise ModelError(
                f"{self._api.address}: speaks of a batch without 'status'; "
                "is this an OpenAI-compatible batch endpoint?"
            )
        if state.named and state.named not in self._unknown:
            self._unknown.add(state.named)
            self._notice(
                f"batch {sent.id}: is {self._api.words(state.named)!r}, which is no state that is "
                "known; waits for its files"
            )
        return state

    def lines_of(self, state: BatchState) -> AsyncIterator[Line]:
        """The lines of an ended batch. Raises NotThere or ModelError."""
        return lines_of(state, lambda file: self._patiently(lambda: self._api.content(file)))

    async def rest(self, pause: float) -> None:
        """Wait until the next look, less long in a hurry."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.hurry.wait(), pause)
        if self.hurry.is_set():
            await asyncio.sleep(min(pause, self._HURRIED_PAUSE))

    def tell_waiting(self) -> None:
        """Tell how the open batches stand; an empty text if none is open."""
        opened = self._log.open.values()
        done = sum(self._done.get(sent.token, 0) for sent in opened)
        total = sum(len(sent.requests) for sent in opened)
        batches = count_of(len(opened), "batch", "batches")
        self._waiting(
            f"waits for {batches} ({done:,} of {total:,} requests done)" if opened else ""
        )


def count_of(number: int, singular: str, plural: str) -> str:
    return f"{number:,} {singular if number == 1 else plural}"
