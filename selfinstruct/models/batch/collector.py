"""Requests that wait to be sent together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from selfinstruct.models import Request, Usage


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and the most that it can take, which is reserved."""

    request: Request
    most: Usage


class Collector:
    """Holds what is asked until nothing new has been asked for a while: by then everything is asked that can be without a reply."""

    MOST, MOST_BYTES = 50_000, 190_000_000  # of one batch; the API takes 50,000 requests in 200 MB
    IDLE, LOOKS = 1.0, 4  # seconds, and into how many looks they are divided

    def __init__(self) -> None:
        self.most = self.MOST
        self._asked: dict[str, Asked] = {}
        self._added = 0
        self._something = asyncio.Event()

    def add(self, key: str, asked: Asked) -> None:
        self._asked[key] = asked
        self._added += 1
        self._something.set()

    def drop(self, key: str) -> bool:
        """Whether it was still here."""
        return self._asked.pop(key, None) is not None

    async def ready(self) -> None:
        """Wait until a batch should be sent.

        Many looks instead of one wait: while replies are read and compared, the loop stands still, and time that passes so does
        not mean that nothing more is asked.
        """
        while not self._asked:
            self._something.clear()
            await self._something.wait()
        quiet, added = 0, self._added
        while quiet < self.LOOKS and len(self._asked) < self.most:
            await asyncio.sleep(self.IDLE / self.LOOKS)
            quiet = quiet + 1 if self._added == added else 0
            added = self._added

    def take(self, line: Callable[[Request], bytes]) -> tuple[bytes, list[Asked]]:
        """The lines of one batch and their requests, which are no longer held. Both may be empty."""
        lines: list[bytes] = []
        taken: list[Asked] = []
        size = 0
        for asked in self._asked.values():
            one = line(asked.request)
            size += len(one)
            if lines and (size > self.MOST_BYTES or len(lines) >= self.most):
                break
            lines.append(one)
            taken.append(asked)
        for asked in taken:
            del self._asked[asked.request.key]
        return b"".join(lines), taken
