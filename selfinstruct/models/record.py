"""The record of replies: whatever is on it is never bought again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from selfinstruct.errors import RequestFailed
from selfinstruct.models import Completion, Model, Request
from selfinstruct.models.disk import Notice, when_there_is_room
from selfinstruct.models.money.meter import Meter


class Record(Protocol):
    """Where completions are kept: `run.Completions`, or a dictionary of one's own."""

    def get(self, key: str) -> Completion | None: ...

    def put(self, key: str, request: Request, completion: Completion, seconds: float) -> None: ...


class Recorded:
    """Never buys twice: what is on record is answered from there, what is new goes on record before anybody sees it. A request
    that failed for good goes on record as well: the dataset depends on it.

    Replies that find the disk full are kept until there is room. Meanwhile `hold` is on: what cannot be written down is not
    bought, so that no more can be lost than was under way.
    """

    def __init__(
        self,
        inner: Model,
        record: Record,
        meter: Meter,
        notice: Notice = lambda text: None,
        hold: Callable[[bool], None] = lambda held: None,
    ) -> None:
        self._inner, self._record, self._meter, self._notice, self._hold = (
            inner,
            record,
            meter,
            notice,
            hold,
        )
        self._homeless = 0  # replies that wait for room

    async def complete(self, request: Request) -> Completion:
        key = request.key
        known = self._record.get(key)
        if known is None:
            begun = time.monotonic()
            try:
                known = await self._inner.complete(request)
            except RequestFailed as failure:
                known = Completion(failure.detail, "error", error=failure.reason)
                self._meter.take(request.stage, known)
            seconds, completion = time.monotonic() - begun, known
            notice = (
                (lambda text: None) if self._homeless else self._notice
            )  # the first one speaks for all
            if self._record.get(key) is None:  # a batch's replies go on record as they come
                await when_there_is_room(
                    lambda: self._record.put(key, request, completion, seconds),
                    notice,
                    self._paused,
                )
        return known

    def _paused(self, is_paused: bool) -> None:
        self._homeless += 1 if is_paused else -1
        self._hold(self._homeless > 0)  # a cancelled wait leaves it on: the sitting ends

    async def close(self) -> None:
        await self._inner.close()
