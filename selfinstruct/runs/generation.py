"""One sitting of a run, whatever its recipe: from an open directory to its end or a clean stop."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

from selfinstruct.asking import settings
from selfinstruct.asking.advice import FIRST, FirstReplies
from selfinstruct.asking.batching import ROUND
from selfinstruct.asking.config import Config
from selfinstruct.asking.providers import LOCAL, SCRIPTED, only_model
from selfinstruct.asking.sitting import Sitting, sitting
from selfinstruct.asking.stage import asking
from selfinstruct.data.examples import Example
from selfinstruct.errors import Stalled
from selfinstruct.models import Completion, Model, Request
from selfinstruct.models.disk import Notice, when_there_is_room
from selfinstruct.recipes import Recipe
from selfinstruct.recipes.catalogue import kind_of
from selfinstruct.recipes.engine import Engine, Step, rank
from selfinstruct.recipes.pace import Pace
from selfinstruct.runs.directory import recorded_config
from selfinstruct.runs.funnel import Funnel
from selfinstruct.runs.inputs import FOLDER, Inputs
from selfinstruct.runs.remembering import remembering
from selfinstruct.runs.run import Run

log = logging.getLogger("selfinstruct")
_STATUS_EVERY = 5.0  # seconds, at most, for notices
EMBEDDED = (
    "model: the embedded SmolLM2-135M-Instruct, for trying things out "
    "(no --model, --base-url or OPENAI_API_KEY was given)"
)


async def settled(
    directory: Path, kind: type[Config], said: dict[str, Any], *, notice: Notice, ask: bool = True
) -> tuple[Config, Path | None]:
    """The settings of the run in `directory`, and the folder of its inputs if it was begun.

    A run that was begun has its recorded settings, but for those in `said`; a new one has a model
    found for it. `ask`: whether the endpoint may be asked which one it serves. Raises UserError.
    """
    recorded = _recorded(directory)
    if recorded is not None:
        return settings.resumed(recorded, said), directory / FOLDER
    return await fresh(kind, said, notice=notice, ask=ask), None


async def fresh(
    kind: type[Config], said: dict[str, Any], *, notice: Notice, ask: bool = True
) -> Config:
    """The settings of a new run, as `settled`. Raises UserError."""
    if kind.asks_nobody(said):
        said = {**said, "model": SCRIPTED}
    if settings.wants_embedded(said, said.get("n", kind().n)):
        notice(EMBEDDED)
        said = {**said, "model": LOCAL}
    config = settings.fresh(kind, said)
    if not config.model:
        model = await only_model(config, ask=ask)
        config = settings.fresh(kind, {**said, "model": model})
    return config


def _recorded(directory: Path) -> Config | None:
    return recorded_config(directory) if directory.is_dir() else None


async def go_on(
    run: Run,
    inputs: Inputs,
    *,
    notice: Notice = lambda text: None,
    changed: Callable[[], None] = lambda: None,
    waiting: Callable[[str], None] = lambda what: None,
    seconds: float | None = None,
) -> None:
    """Go on with `run` until it has its n examples or its items end, for `seconds` at most.

    `notice` hears each notice, `changed` is called after every commit, `waiting` hears the reason
    of a wait, or nothing. Raises ModelError, Stalled, UserError or Interrupted; the run can be
    resumed after each.
    """
    if run.is_finished and not run.batches.open:
        return
    config, noticed = run.config, _noticing(run, notice)
    await inputs.check()
    async with sitting(
        config, run, notice=noticed, waiting=waiting, seconds=seconds, rank=rank
    ) as at:
        if run.is_finished and at.batch is not None:  # cancelled batches: what have they cost?
            await at.batch.settled()
            return
        recipe = inputs.open()
        pace = _pace(run, recipe, run.restore(recipe))
        for remark in recipe.remarks():
            noticed(remark)
        fresh = Fresh(_watched(at.model, run, inputs), run.completions.__contains__)
        gates = inputs.gates(recipe, run.executions.run)
        start, ask = run.funnel.turns, asking(inputs.stages, fresh)
        engine = Engine(recipe, ask, pace, gates=gates, start=start)
        drought = Drought(
            config.stall_turns, run.funnel, is_endless=recipe.is_endless, is_fresh=fresh.take
        )
        with remembering(run, recipe):
            await _commit_all(run, engine, drought, at, noticed, changed)


def _watched(model: Model, run: Run, inputs: Inputs) -> Model:
    """The model, unless its first replies hold nothing; a run that stalls sooner is not watched."""
    if run.config.edition == 1 or run.config.stall_turns < FIRST:
        return model
    return FirstReplies(model, inputs.stages, run.completions.__contains__)


def forget_lost(run: Run) -> str:
    """Have a run that is built anew ask again for what it has lost; return the words for it.

    Lost proposals of a run without an end stay lost. Every later turn was drawn from a pool without
    them, and would have to be bought anew.
    """
    is_endless = kind_of(run.config.recipe).load().is_endless
    asked = run.completions.forget_lost(lambda place: is_endless and place.startswith("t"))
    left = run.completions.lost
    return f"asks again for {asked} of {asked + left} lost requests" + (
        f"; {left} lost proposals stay lost, since later turns were drawn without them"
        if left
        else ""
    )


def _noticing(run: Run, notice: Notice) -> Notice:
    """Tells the run's status and the log before `notice`.

    A run that waits commits nothing, and its status would not be written otherwise.
    """
    written = -math.inf

    def noticed(text: str) -> None:
        nonlocal written
        run.notices.append((time.time(), text))
        log.info("%s", text)
        notice(text)
        if time.monotonic() - written > _STATUS_EVERY:
            written = time.monotonic()
            run.checkpoint_soon()

    return noticed


def _pace(run: Run, recipe: Recipe, instructions: int) -> Pace:
    config = run.config
    return Pace(
        config.stop_after,
        ROUND if config.is_batched else config.concurrency,
        turns=run.funnel.turns,
        admitted=instructions,
        known=instructions,
        examples=run.funnel.examples,
        per_turn=recipe.per_item(),
        most=recipe.per_instruction(),
        evenly=not config.is_batched,
    )


async def _commit_all(
    run: Run,
    engine: Engine,
    drought: Drought,
    at: Sitting,
    notice: Notice,
    changed: Callable[[], None],
) -> None:
    async with aclosing(engine.steps()) as steps:
        async for step in steps:
            for outcome in step.outcomes:
                await when_there_is_room(partial(run.commit, outcome), notice)
            await when_there_is_room(partial(run.end_step, step), notice)
            changed()
            if step.is_last:  # before calls under way are cancelled: they serve a longer run
                await at.finish()
                return
            drought.take(step)


class Fresh:
    """A Model that notes the places of requests that are not on record yet."""

    def __init__(self, inner: Model, is_known: Callable[[str], bool]) -> None:
        self._inner, self._is_known = inner, is_known
        self._places: set[str] = set()

    async def complete(self, request: Request) -> Completion:
        if not self._is_known(request.key):
            self._places.add(request.place)
        return await self._inner.complete(request)

    async def close(self) -> None:
        await self._inner.close()

    def take(self, place: str) -> bool:
        """Whether anything new was asked at a place; forgets the place."""
        is_fresh = place in self._places
        self._places.discard(place)
        return is_fresh


class Drought:
    """Ends a run that a model has nothing more to give to, with a diagnosis instead of a loop.

    Only turns and instructions count for which something was asked in this sitting. Replies that
    were under way when an earlier sitting stalled say nothing of a model that has changed since.
    """

    def __init__(
        self,
        turns: int,
        funnel: Funnel,
        *,
        is_endless: bool = True,
        is_fresh: Callable[[str], bool] = lambda place: True,
    ) -> None:
        self._turns, self._funnel = turns, funnel
        self._is_endless, self._is_fresh = is_endless, is_fresh
        self._without_instruction = 0  # turns in a row
        self._without_example = 0  # instructions in a row

    def take(self, step: Step) -> None:
        """Raises Stalled."""
        if any(isinstance(each, Example) for each in step.outcomes):
            self._without_example = self._without_instruction = 0
        elif step.instruction is not None:
            self._without_example += self._is_fresh(step.instruction.id)
            self._without_instruction = 0
        if step.ends_turn and self._is_fresh(f"t{step.turn}") and self._is_endless:
            self._without_instruction += 1
        if self._without_instruction >= self._turns:
            self._stop(f"{self._turns} turns in a row gave no new instruction")
        if self._without_example >= 2 * self._turns:
            self._stop(f"{2 * self._turns} instructions in a row gave no example")

    def _stop(self, what: str) -> None:
        funnel = self._funnel
        share = funnel.admitted / funnel.proposed if funnel.proposed else 0.0
        raise Stalled(
            f"stopped: {what} (accepted so far: {funnel.admitted} of {funnel.proposed} proposed, "
            f"{share:.1%}; commonest reasons: {funnel.commonest()}); look into rejected.jsonl, "
            "try another model or prompt, or go on with a higher --stall-turns"
        )
