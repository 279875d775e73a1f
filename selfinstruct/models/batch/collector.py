"""Requests that wait to be sent together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from selfinstruct.models import Request, Usage


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request and the tokens that are reserved for the call and the reply."""

    request: Request
    most: Usage


class Collector:
    """Holds requests until none has been added for a while.

    By then every request is here that can be asked before a reply comes.
    """

    MOST, MOST_BYTES = 50_000, 190_000_000  # of a batch; OpenAI takes 50,000 requests in 200 MB
    IDLE, LOOKS = 1.0, 4  # seconds without a new request, and the looks they are divided into

    def __init__(self) -> None:
        self.most = self.MOST
        self._pending: dict[str, PendingRequest] = {}
        self._added = 0
        self._is_filled = asyncio.Event()

    def add(self, key: str, pending: PendingRequest) -> None:
        self._pending[key] = pending
        self._added += 1
        self._is_filled.set()

    def drop(self, key: str) -> bool:
        """Forget a request. Returns whether the request was still here."""
        return self._pending.pop(key, None) is not None

    async def ready(self) -> None:
        """Wait until a batch should be sent.

        Many short looks, since the loop stands still while replies are read and compared. After a
        single long wait nobody would know whether askers had a chance to ask.
        """
        while not self._pending:
            self._is_filled.clear()
            await self._is_filled.wait()
        quiet, added = 0, self._added
        while quiet < self.LOOKS and len(self._pending) < self.most:
            await asyncio.sleep(self.IDLE / self.LOOKS)
            quiet = quiet + 1 if self._added == added else 0
            added = self._added

    def take(self, line_of: Callable[[Request], bytes]) -> tuple[bytes, list[PendingRequest]]:
        """The lines of a batch and their requests, which leave the collector. Both may be empty.

        All are for the same model, as OpenAI wants a batch to be.
        """
        lines: list[bytes] = []
        taken: list[PendingRequest] = []
        size = 0
        for pending in self._pending.values():
            if taken and pending.request.model != taken[0].request.model:
                continue
            line = line_of(pending.request)
            size += len(line)
            if lines and (size > self.MOST_BYTES or len(lines) >= self.most):
                break
            lines.append(line)
            taken.append(pending)
        for pending in taken:
            del self._pending[pending.request.key]
        return b"".join(lines), taken
