"""Probes: tiny requests that tell whether a server answers anybody."""

from __future__ import annotations

import asyncio
import contextlib
import time

from selfinstruct.compat import timeout
from selfinstruct.errors import RequestFailed, Transient
from selfinstruct.models import PROBE, Completion, Decoding, Message, Model, Request
from selfinstruct.models.evidence import Evidence

_TOKENS = 16  # of the longest reply
# The next text is sent after a probe that was not answered: a server may fail at any single text.
TEXTS = ("hi", "Say yes.", "What is 1+1?", "Name a color.")


class Probes:
    """Sends all calls of a sitting, and finds out whether a server answers others than a request.

    The calls under way may tell. If they do not within NATURAL seconds, a probe is sent, and a
    single probe serves all that ask. A probe passes the caps and limits like any other call.
    """

    NATURAL = 5.0

    def __init__(self, inner: Model, evidence: Evidence) -> None:
        self._inner, self._evidence = inner, evidence
        self.was_refused = False  # the last probe
        self._silent = 0  # probes without an answer
        self._under_way = 0
        self._news: asyncio.Event | None = None  # of calls that end, while somebody waits for news
        self._asking = asyncio.Lock()

    async def complete(self, request: Request) -> Completion:
        sent = time.monotonic()
        self._under_way += 1
        try:
            completion = await self._inner.complete(request)
        finally:
            self._under_way -= 1
            if self._news is not None:
                self._news.set()
                self._news = None
        self._evidence.answered("", sent, time.monotonic())
        return completion

    async def serves_others(self, request: Request, server: str, since: float) -> bool:
        """Whether the server answers a call that was sent after `since`. Raises ModelError."""
        await self._hear_of_others(server, since)
        async with self._asking:
            if self._evidence.serves_since(server, since):
                return True
            if self._evidence.is_silent_since(server, since):
                return False
            is_answered = await self._probe(request, server)
            if not is_answered and self.was_refused:  # which costs nothing, and may be of the text
                is_answered = await self._probe(request, server)
            return is_answered

    async def _hear_of_others(self, server: str, since: float) -> None:
        deadline = time.monotonic() + self.NATURAL
        while self._under_way and not self._evidence.serves_since(server, since):
            left = deadline - time.monotonic()
            if left <= 0:
                return
            news = self._news = self._news or asyncio.Event()
            # Not `wait_for`, which may swallow a cancellation that comes with the news.
            with contextlib.suppress(asyncio.TimeoutError):
                async with timeout(left):
                    await news.wait()

    async def _probe(self, request: Request, server: str) -> bool:
        probe = _probe_for(request, server, TEXTS[self._silent % len(TEXTS)])
        sent = time.monotonic()
        try:
            await self.complete(probe)
        except (Transient, RequestFailed) as error:
            is_passing = isinstance(error, Transient) and error.of_run is None
            self.was_refused = not is_passing
            self._silent += 1
            self._evidence.was_silent(probe.server, sent, time.monotonic())
            return False
        self._evidence.answered(probe.server, sent, time.monotonic())
        return True


def _probe_for(request: Request, server: str, text: str) -> Request:
    """A request that costs next to nothing, to the model of `request`."""
    role = "prompt" if request.api == "completions" else "user"
    return Request(
        *(PROBE, PROBE, request.model, request.api, (Message(role, text),)),
        decoding=Decoding(max_tokens=_TOKENS),
        seed=0,
        extra=request.extra,
        server=server,
    )
