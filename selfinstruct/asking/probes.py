"""Probes: every stage asked once before a run, with all replies.

A probe goes the way of a run's requests, with the same limits, caps and attempts. Nothing is kept.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from selfinstruct.asking.advice import Symptoms, is_read, remedy
from selfinstruct.asking.reading import Reply
from selfinstruct.asking.sitting import sitting
from selfinstruct.asking.stage import Stage
from selfinstruct.models import Completion, Model, Request
from selfinstruct.models.batch.log import SentBatch, SentRequest
from selfinstruct.models.disk import Notice
from selfinstruct.models.money.budget import NoLedger
from selfinstruct.models.money.meter import Meter
from selfinstruct.models.openai.fields import Learned


@dataclass(frozen=True, slots=True)
class Probe:
    """A stage, with the values of an ordinary request. to: another model than the main model."""

    stage: Stage
    place: str
    values: Mapping[str, object]
    to: str | None = None

    @property
    def request(self) -> Request:
        return self.stage.request(self.place, self.values, to=self.to)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its completion. seconds: between the two."""

    request: Request
    completion: Completion
    seconds: float


@dataclass(frozen=True, slots=True)
class Probed:
    """A probe with the exchange of each attempt, and the last reply."""

    probe: Probe
    exchanges: Sequence[Exchange]
    reply: Reply

    @property
    def is_read(self) -> bool:
        return is_read(self.reply)

    @property
    def remedy(self) -> str:
        """The remedy for attempts that could not be read; "" if the first attempt was read."""
        stage = self.probe.stage
        symptoms = Symptoms(stage.name, stage.decoding, stage.endpoint.response_format)
        for exchange in self.exchanges:
            reply = stage.read(exchange.completion, exchange.request.messages)
            if not is_read(reply):
                symptoms = symptoms.and_also(exchange.completion, reply)
        return remedy(symptoms) if symptoms.unread else ""


@dataclass(slots=True)
class Scratch:
    """Books that outlive nothing: an implementation of `sitting.Books`."""

    meter: Meter = field(default_factory=Meter)
    learned: Learned = field(default_factory=dict)
    spending: NoLedger = field(default_factory=NoLedger)
    replies: dict[str, Completion] = field(default_factory=dict)

    @property
    def completions(self) -> Scratch:
        return self

    @property
    def batches(self) -> NoBatches:
        return NoBatches()

    def __contains__(self, key: str) -> bool:
        return key in self.replies

    def get(self, key: str) -> Completion | None:
        return self.replies.get(key)

    def put(self, key: str, request: Request, completion: Completion, seconds: float) -> None:
        self.replies[key] = completion

    def sync(self) -> None: ...


class NoBatches:
    """A log of batches that stays empty."""

    open: Mapping[str, SentBatch] = {}
    home = Path()

    def begin(self, sent: SentBatch) -> None: ...

    def name(self, token: str, batch_id: str) -> None: ...

    def cancel(self, token: str) -> None: ...

    def close(self, token: str, why: str, lost: Collection[SentRequest] = ()) -> None: ...


class _Noting:
    """A Model that notes its exchanges."""

    def __init__(self, inner: Model) -> None:
        self._inner = inner
        self.exchanges: list[Exchange] = []

    async def complete(self, request: Request) -> Completion:
        begun = time.monotonic()
        completion = await self._inner.complete(request)
        self.exchanges.append(Exchange(request, completion, time.monotonic() - begun))
        return completion

    async def close(self) -> None:
        await self._inner.close()


async def ask_all(probes: Sequence[Probe], books: Scratch, notice: Notice) -> list[Probed]:
    """Ask the probes of an endpoint in their order, each as often as a run would.

    Raises UserError, ModelError or Interrupted.
    """
    found: list[Probed] = []
    if not probes:
        return found
    async with sitting(probes[0].stage.endpoint, books, notice=notice) as at:
        for probe in probes:
            noting = _Noting(at.model)
            reply = await probe.stage.ask(noting, probe.place, probe.values, probe.to)
            found.append(Probed(probe, tuple(noting.exchanges), reply))
    return found
