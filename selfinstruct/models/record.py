"""The record of replies: a reply on record is never bought again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from selfinstruct.errors import RequestFailed
from selfinstruct.models import Completion, Model, Request
from selfinstruct.models.disk import Notice, when_there_is_room
from selfinstruct.models.money.meter import Meter


class Record(Protocol):
    """Where completions are kept (runs/completions.py)."""

    def get(self, key: str) -> Completion | None: ...

    def put(self, key: str, request: Request, completion: Completion, seconds: float) -> None: ...


class Recorded:
    """Answers from the record, and puts every new completion on record before handing it on.

    A request that failed for good goes on record too, since the dataset depends on the failure.
    Replies that find the disk full wait for room. Meanwhile `hold(True)` stops new calls, so that
    no more can be lost than the replies under way.
    """

    def __init__(
        self,
        inner: Model,
        record: Record,
        meter: Meter,
        notice: Notice = lambda text: None,
        hold: Callable[[bool], None] = lambda held: None,
    ) -> None:
        self._inner, self._record, self._meter = inner, record, meter
        self._notice, self._hold = notice, hold
        self._unwritten = 0  # replies that wait for room

    async def complete(self, request: Request) -> Completion:
        key = request.key
        known = self._record.get(key)
        if known is not None:
            return known
        begun = time.monotonic()
        try:
            completion = await self._inner.complete(request)
        except RequestFailed as failure:
            completion = Completion(failure.detail, "error", error=failure.reason)
            self._meter.take(completion)
        seconds = time.monotonic() - begun
        if self._record.get(key) is None:  # a batch's replies go on record as they come
            # The first reply that waits speaks for all.
            notice: Notice = (lambda text: None) if self._unwritten else self._notice
            await when_there_is_room(
                lambda: self._record.put(key, request, completion, seconds), notice, self._paused
            )
        return completion

    def _paused(self, is_paused: bool) -> None:
        self._unwritten += 1 if is_paused else -1
        self._hold(self._unwritten > 0)  # a cancelled wait leaves the hold on: the sitting ends

    async def close(self) -> None:
        await self._inner.close()
