"""The main job: one sitting of a run, from an open directory to its n examples or a clean stop."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from selfinstruct import prompts
from selfinstruct.bootstrap import Bootstrap, Pace, Step
from selfinstruct.config import Config
from selfinstruct.errors import Stalled, UserError
from selfinstruct.funnel import Funnel
from selfinstruct.models import Model
from selfinstruct.models.layers import Metered, Paced, Recorded, Retried
from selfinstruct.models.providers import extra_fields, provider
from selfinstruct.run import Run
from selfinstruct.similarity import tokens
from selfinstruct.stage import Stage, stages
from selfinstruct.tasks import Example, Instruction, SeedTask, read_seeds

GRACE = 4.0  # seconds that a stopped run waits for the replies to what it has sent
_SYNC_EVERY = 1.0  # seconds: what a power cut may take
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run is made from besides its config, read and checked."""

    seeds: Sequence[SeedTask]
    stages: dict[str, Stage]

    @classmethod
    def read(cls, config: Config) -> Inputs:
        """Raises UserError for anything wrong in the seed tasks or the templates."""
        path = Path(config.seed_tasks) if config.seed_tasks else prompts.SEED_TASKS
        seeds = read_seeds(path)
        mute = sum(not tokens(seed.instruction, config.tokenizer) for seed in seeds)
        if 2 * mute > len(seeds):
            other = "unicode" if config.tokenizer == "rouge" else "rouge"
            raise UserError(
                f"{path}: {mute} of {len(seeds)} seed instructions have no token under --tokenizer {config.tokenizer}, so that no "
                f"duplicate would ever be found; use --tokenizer {other}"
            )
        directory = Path(config.prompts) if config.prompts else None
        templates = prompts.load(
            config.preset, stages=config.stages, directory=directory, as_json=config.response_format != "text"
        )
        return cls(seeds, stages(config, templates, extra_fields(config)))

    @property
    def seeds_fingerprint(self) -> str:
        return hashlib.sha256(repr(list(self.seeds)).encode("utf-8", "backslashreplace")).hexdigest()[:16]

    @property
    def prompt_fingerprints(self) -> dict[str, str]:
        return {name: stage.template.fingerprint for name, stage in self.stages.items()}


class Interrupted(Exception):
    """A signal ended the sitting; everything received is on record."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


async def generate(run: Run, inputs: Inputs, *, notice: Callable[[str], None], changed: Callable[[], None] = lambda: None) -> None:
    """Go on with `run` until it has its n examples. `changed` is called after every commit.

    Raises ModelError, Stalled, UserError (a full disk) or Interrupted; whatever it raises, the run can be resumed.
    """
    if run.is_finished:
        return
    config = run.config
    async with provider(config, notice) as endpoint:
        paced = Paced(endpoint, config.concurrency)
        retried = Retried(paced, retries=config.retries, patience=config.patience, notice=notice)
        model: Model = Recorded(Metered(retried, run.meter), run.completions)
        pool = run.pool(inputs.seeds)
        pace = Pace(config.n, config.concurrency, pool.turns, len(pool.machine), len(pool.machine), run.funnel.examples)
        bootstrap = Bootstrap(config, inputs.stages, model, pool, pace)
        async with _stopping_on_signals(paced), _syncing(run):
            await _commit_all(run, bootstrap, changed)


async def _commit_all(run: Run, bootstrap: Bootstrap, changed: Callable[[], None]) -> None:
    drought = Drought(run.config.stall_turns, run.funnel)
    async with aclosing(bootstrap.steps()) as steps:
        async for step in steps:
            finished = run.commit(step)
            changed()
            if finished:
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
        if self._without_instruction > self._turns:
            self._stop(f"{self._turns} turns in a row gave no new instruction")
        if self._without_example > 2 * self._turns:
            self._stop(f"{2 * self._turns} instructions in a row gave no example")

    def _stop(self, what: str) -> None:
        funnel = self._funnel
        share = funnel.admitted / funnel.proposed if funnel.proposed else 0.0
        raise Stalled(
            f"stopped: {what} (accepted so far: {funnel.admitted} of {funnel.proposed} proposed, {share:.1%}; commonest reasons: "
            f"{funnel.commonest()}); look into rejected.jsonl, try another model or prompt, or go on with a higher --stall-turns"
        )


@asynccontextmanager
async def _stopping_on_signals(paced: Paced) -> AsyncIterator[None]:
    """The first signal sends nothing new and waits a moment for what is under way, a second one ends at once.

    Outside the main thread, where no signal arrives, this does nothing.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    received: list[int] = []
    ending: list[asyncio.Task[None]] = []

    async def end() -> None:
        await paced.stop(GRACE)
        task.cancel()

    def on_signal(number: int) -> None:
        received.append(number)
        if len(received) == 1:
            ending.append(asyncio.ensure_future(end()))
        else:
            task.cancel()

    installed = []
    with contextlib.suppress(ValueError, RuntimeError):
        for number in _SIGNALS:
            loop.add_signal_handler(number, on_signal, number)
            installed.append(number)
    try:
        yield
    except asyncio.CancelledError:
        if received:
            raise Interrupted(received[0]) from None
        raise
    finally:
        for one in ending:
            one.cancel()
        for number in installed:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _syncing(run: Run) -> AsyncIterator[None]:
    """Bring new replies to the disk every second, off the event loop: many at once for the price of one."""

    async def sync() -> None:
        while True:
            await asyncio.sleep(_SYNC_EVERY)
            await asyncio.to_thread(run.completions.sync)

    task = asyncio.ensure_future(sync())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
