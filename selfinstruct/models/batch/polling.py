"""Looks at open batches until they have ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from selfinstruct.models.batch.api import ENDED, BatchApi, completed
from selfinstruct.models.batch.log import Log, SentBatch
from selfinstruct.models.batch.patience import Patience


class Polling:
    """Waits for the ends of batches.

    waiting: hears how many requests of the open batches are done. hurry: when set, nobody needs the
    batches any more, and pauses are short.
    """

    PAUSE, LONGEST_PAUSE = 5.0, 60.0  # seconds between two looks at a batch
    _HURRIED_PAUSE = 0.5

    def __init__(
        self, api: BatchApi, log: Log, patiently: Patience, waiting: Callable[[str], None]
    ) -> None:
        self._api, self._log, self._patiently, self._waiting = api, log, patiently, waiting
        self._done: dict[str, int] = {}  # by token, answered requests
        self.hurry = asyncio.Event()

    async def end_of(self, sent: SentBatch) -> dict[str, Any]:
        """Wait until the batch has ended. Returns the endpoint's record. Raises ModelError."""
        pause = self.PAUSE
        while True:
            batch = await self._patiently(lambda: self._api.look(sent.id or ""))
            self._done[sent.token] = completed(batch) or 0
            self.tell_waiting()
            if batch["status"] in ENDED:
                return batch
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.hurry.wait(), pause)
            if self.hurry.is_set():
                await asyncio.sleep(min(pause, self._HURRIED_PAUSE))
            pause = min(pause * 1.5, self.LONGEST_PAUSE)

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
