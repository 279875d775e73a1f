"""Recorded requests asked anew: would the same run from scratch give the same bytes?

A server that is invariant to batching and takes a seed gives the same reply to the same request. A
dataset from such a server can be bought again from scratch (docs/runs.md).
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfinstruct.asking.endpoint import changed, check
from selfinstruct.asking.probes import Scratch
from selfinstruct.asking.sitting import sitting
from selfinstruct.errors import UserError
from selfinstruct.models import Completion, Request
from selfinstruct.models.disk import Notice
from selfinstruct.runs.directory import recorded_config

_SHOWN = 60  # characters around the first difference
_NOT_HELD = {"batch": False, "by_files": False}  # the replies are wanted now


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, its reply on record, and the reply of today."""

    request: Request
    recorded: Completion
    today: Completion

    @property
    def is_equal(self) -> bool:
        then, now = self.recorded, self.today
        return (then.text, then.reasoning) == (now.text, now.reasoning)

    def __str__(self) -> str:
        then, now = self.recorded.text, self.today.text
        pairs = enumerate(zip(then, now, strict=False))
        at = next((place for place, (old, new) in pairs if old != new), min(len(then), len(now)))
        start = max(0, at - _SHOWN // 2)
        old, new = then[start : at + _SHOWN], now[start : at + _SHOWN]
        return (
            f"{self.request.stage} at {self.request.place}: differs from character {at:,} on: "
            f"{old!r} on record, {new!r} today"
        )


@dataclass(slots=True)
class Sample:
    """As many recorded requests as wanted, drawn by a seed and their keys, whatever their order."""

    wanted: int
    seed: int = 0
    _drawn: list[tuple[int, str, Request, Completion]] = field(default_factory=list)

    def take(self, request: Request, reply: Completion) -> None:
        """Offer a request. Requests that were lost for good are passed over."""
        if reply.error is not None:
            return
        digest = hashlib.sha256(f"{self.seed}/{request.key}".encode()).digest()
        entry = (-int.from_bytes(digest[:8], "big"), request.key, request, reply)
        if len(self._drawn) < self.wanted:
            heapq.heappush(self._drawn, entry)
        else:
            heapq.heappushpop(self._drawn, entry)

    def __iter__(self) -> Iterator[tuple[Request, Completion]]:
        for _, _, request, reply in sorted(self._drawn, reverse=True, key=lambda entry: entry[0]):
            yield request, reply


async def ask_again(
    directory: Path, sample: Sample, said: Mapping[str, Any], notice: Notice
) -> Sequence[Exchange]:
    """Ask for the sampled replies of a run anew. said: settings of this sitting.

    Nothing is kept. Raises UserError, ModelError or Interrupted.
    """
    recorded = recorded_config(directory)
    if recorded is None:
        raise UserError(f"{directory}: no run here (no run.json); name the directory of a run")
    config = changed(recorded, {**_NOT_HELD, **said})
    check(config)
    async with sitting(config, Scratch(), notice=notice) as at:

        async def exchange(request: Request, known: Completion) -> Exchange:
            return Exchange(request, known, await at.model.complete(request))

        return await asyncio.gather(*(exchange(*each) for each in sample))
