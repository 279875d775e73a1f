"""The main job: one sitting of a run, from an open directory to its n examples or a clean stop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

from selfinstruct.asking import settings
from selfinstruct.asking.batching import ROUND, SURPLUS
from selfinstruct.asking.config import Config
from selfinstruct.asking.providers import LOCAL, only_model
from selfinstruct.asking.sitting import Sitting, sitting
from selfinstruct.data.examples import Example
from selfinstruct.data.tasks import Instruction
from selfinstruct.errors import Stalled
from selfinstruct.models.disk import Notice, when_there_is_room
from selfinstruct.recipes.bootstrap import Bootstrap, Step, rank
from selfinstruct.recipes.pace import Pace
from selfinstruct.runs.directory import recorded_config
from selfinstruct.runs.funnel import Funnel
from selfinstruct.runs.inputs import FOLDER, Inputs
from selfinstruct.runs.run import Run


async def settled(
    directory: Path, said: dict[str, Any], *, notice: Notice, ask: bool = True
) -> tuple[Config, Path | None]:
    """The config of the run in `directory`, and the folder of its inputs if it was begun: then as recorded, otherwise with a model
    found for it. `ask`: whether the endpoint may be asked which one it serves. Raises UserError.
    """
    recorded = _recorded(directory)
    if recorded is not None:
        return settings.resumed(recorded, said), directory / FOLDER
    if settings.wants_embedded(said):
        notice(
            "model: the embedded SmolLM2-135M-Instruct, for trying things out (no --model, --base-url or OPENAI_API_KEY was given)"
        )
        said = {**said, "model": LOCAL}
    config = settings.fresh(said)
    if not config.model:
        config = settings.fresh({**said, "model": await only_model(config, ask=ask)})
    return config, None


def _recorded(directory: Path) -> Config | None:
    return recorded_config(directory) if directory.is_dir() else None


async def generate(
    run: Run,
    inputs: Inputs,
    *,
    notice: Notice,
    changed: Callable[[], None] = lambda: None,
    waiting: Callable[[str], None] = lambda what: None,
    seconds: float | None = None,
) -> None:
    """Go on with `run` until it has its n examples, for `seconds` at most. `changed` is called after every commit, `waiting` with
    what is waited for, or with nothing.

    Raises ModelError, Stalled, UserError (a full disk) or Interrupted; whatever it raises, the run can be resumed.
    """
    if run.is_finished and not run.batches.open:
        return
    config = run.config
    async with sitting(
        config, run, notice=notice, waiting=waiting, seconds=seconds, rank=rank
    ) as at:
        if (
            run.is_finished and at.batch is not None
        ):  # batches that were cancelled when it was: what have they cost?
            await at.batch.settled()
            return
        pool = run.pool(inputs.seeds)
        instructions = len(pool.machine)
        pace = Pace(
            config.n,
            ROUND if config.batch else config.concurrency,
            turns=pool.turns,
            admitted=instructions,
            known=instructions,
            examples=run.funnel.examples,
            per_turn=0.75
            * config.new_per_turn,  # of those asked for, most are new as long as the pool is small
            surplus=SURPLUS if config.batch else 1.0,
            evenly=not config.batch,
        )
        await _commit_all(
            run, Bootstrap(config, inputs.stages, at.model, pool, pace), at, notice, changed
        )


async def _commit_all(
    run: Run, bootstrap: Bootstrap, at: Sitting, notice: Notice, changed: Callable[[], None]
) -> None:
    drought = Drought(run.config.stall_turns, run.funnel)
    async with aclosing(bootstrap.steps()) as steps:
        async for step in steps:
            for outcome in step.outcomes:
                await when_there_is_room(partial(run.commit, outcome), notice)
            await when_there_is_room(partial(run.end_step, step), notice)
            changed()
            if run.is_finished:
                await (
                    at.finish()
                )  # before what is under way is cancelled: it is paid for, and serves a longer run
                return
            drought.take(step)


class Drought:
    """Ends a run that a model has nothing more to give to, with a diagnosis instead of a loop."""

    def __init__(self, turns: int, funnel: Funnel) -> None:
        self._turns, self._funnel = turns, funnel
        self._without_instruction = 0  # turns in a row
        self._without_example = 0  # instructions in a row

    def take(self, step: Step) -> None:
        """Raises Stalled."""
        if any(isinstance(one, Example) for one in step.outcomes):
            self._without_example = self._without_instruction = 0
        elif any(isinstance(one, Instruction) for one in step.outcomes):
            self._without_example += 1
            self._without_instruction = 0
        self._without_instruction += step.ends_turn
        if self._without_instruction >= self._turns:
            self._stop(f"{self._turns} turns in a row gave no new instruction")
        if self._without_example >= 2 * self._turns:
            self._stop(f"{2 * self._turns} instructions in a row gave no example")

    def _stop(self, what: str) -> None:
        funnel = self._funnel
        share = funnel.admitted / funnel.proposed if funnel.proposed else 0.0
        raise Stalled(
            f"stopped: {what} (accepted so far: {funnel.admitted} of {funnel.proposed} proposed, {share:.1%}; commonest reasons: "
            f"{funnel.commonest()}); look into rejected.jsonl, try another model or prompt, or go on with a higher --stall-turns"
        )
