"""A sitting's words while no reply comes: the reason of the wait, every half minute."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from selfinstruct.models.disk import Notice
from selfinstruct.models.evidence import Evidence
from selfinstruct.text import duration

Reason = Callable[[float], str]  # from `now` to the reason of a wait; "" for none


class Silence:
    """Says the first reason that there is, once `every` seconds have passed without a reply.

    The sitting's other notices go through `say`, so that the two never speak in the same moment.
    """

    EVERY = 30.0

    def __init__(self, notice: Notice, *, every: float = EVERY) -> None:
        self._notice, self._every = notice, every
        self._begun = self._said = time.monotonic()

    def say(self, text: str) -> None:
        self._said = time.monotonic()
        self._notice(text)

    async def watch(self, evidence: Evidence, reasons: Sequence[Reason]) -> None:
        """Never returns."""
        while True:
            await asyncio.sleep(self._every / 30)
            self.look(evidence, reasons, time.monotonic())

    def look(self, evidence: Evidence, reasons: Sequence[Reason], now: float) -> None:
        last_reply = max(self._begun, evidence.last_answer())
        if now - max(last_reply, self._said) < self._every:
            return
        reason = next(filter(None, (reason(now) for reason in reasons)), "")
        if reason:
            self.say(f"waiting: {reason}; no reply for {duration(now - last_reply)}")
