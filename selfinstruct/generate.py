"""The main job: one sitting of a run, from an open directory to its n examples or a clean stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial

from selfinstruct.batching import ROUND, SURPLUS, batching
from selfinstruct.bootstrap import Bootstrap, Pace, Step
from selfinstruct.errors import CapReached, Stalled, UserError
from selfinstruct.funnel import Funnel
from selfinstruct.inputs import Inputs
from selfinstruct.models import Model
from selfinstruct.models.layers import Notice, Recorded, Retried, when_there_is_room
from selfinstruct.models.limits import Limited
from selfinstruct.models.metered import Metered
from selfinstruct.models.paced import GRACE, Bounded, Paced
from selfinstruct.models.providers import endpoints
from selfinstruct.models.spread import Spread
from selfinstruct.prices import budget
from selfinstruct.run import Run
from selfinstruct.tasks import Example, Instruction

_SYNC_EVERY = 1.0  # seconds: what a power cut may take
NOT_YET = 75  # exit code of a sitting that the clock or a cap ended: try again later (sysexits.h)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A signal, the clock or a cap ended the sitting; everything received is on record. `code`: for the process to exit with."""

    def __init__(self, why: str, code: int) -> None:
        super().__init__(why)
        self.code = code


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
    spending = budget(config, run.meter, run.spending, notice)
    async with endpoints(config, notice, run.learned) as found:
        spread = Spread([Limited(Metered(Bounded(one.model), spending), one.limits) for one in found], notice)
        paced = Paced(spread, config.concurrency, spread.delay)
        retried = Retried(paced, retries=config.retries, patience=config.patience, notice=notice)
        async with batching(run, found, spending, retried, notice=notice, waiting=waiting) as batch:
            model: Model = Recorded(batch or retried, run.completions, run.meter, notice, paced.hold)
            pool = run.pool(inputs.seeds)
            pace = Pace(config.n, config.concurrency, pool.turns, len(pool.machine), len(pool.machine), run.funnel.examples)
            if config.batch:
                pace = replace(pace, concurrency=ROUND, surplus=SURPLUS)
            bootstrap = Bootstrap(config, inputs.stages, model, pool, pace)

            async def stop() -> None:
                await paced.stop(GRACE)
                if batch is not None:
                    await batch.stop(GRACE)

            async def finish() -> None:
                await paced.stop(GRACE)  # what is under way is paid for, and serves a longer run
                if batch is not None:
                    await batch.finish(GRACE)

            async with _stopping(stop, seconds), _syncing(run):
                if run.is_finished and batch is not None:  # batches that were cancelled when it was: what have they cost?
                    await batch.settled()
                    return
                try:
                    await _commit_all(run, bootstrap, finish, notice, changed)
                except CapReached as cap:
                    raise Interrupted(str(cap), NOT_YET) from None


async def _commit_all(
    run: Run, bootstrap: Bootstrap, finish: Callable[[], Awaitable[None]], notice: Notice, changed: Callable[[], None]
) -> None:
    drought = Drought(run.config.stall_turns, run.funnel)
    async with aclosing(bootstrap.steps()) as steps:
        async for step in steps:
            for outcome in step.outcomes:
                await when_there_is_room(partial(run.commit, outcome), notice)
            await when_there_is_room(partial(run.end_step, step), notice)
            changed()
            if run.is_finished:
                await finish()  # before what is under way is cancelled
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


@asynccontextmanager
async def _stopping(send_no_more: Callable[[], Awaitable[None]], seconds: float | None) -> AsyncIterator[None]:
    """Ends the sitting at the first signal, or after `seconds`: sends nothing new, waits a moment for what is under way, and
    raises Interrupted. A second signal ends it at once. Outside the main thread no signal arrives.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    reasons: list[Interrupted] = []
    ending: list[asyncio.Task[None]] = []

    async def end() -> None:
        await send_no_more()
        task.cancel()

    def stop(why: str, code: int) -> None:
        reasons.append(Interrupted(why, code))
        if len(reasons) == 1:
            ending.append(asyncio.ensure_future(end()))
        else:
            task.cancel()

    installed = []
    with contextlib.suppress(ValueError, RuntimeError):
        for number in _SIGNALS:
            loop.add_signal_handler(number, stop, number.name, 128 + number)
            installed.append(number)
    clock = loop.call_later(seconds, stop, "time is up", NOT_YET) if seconds is not None else None
    try:
        yield
    except asyncio.CancelledError:
        if reasons:
            raise reasons[0] from None
        raise
    finally:
        if clock is not None:
            clock.cancel()
        for one in ending:
            one.cancel()
        for number in installed:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _syncing(run: Run) -> AsyncIterator[None]:
    """Bring new replies to the disk every second, off the event loop: many at once for the price of one.

    A disk that fails to keep them ends the sitting.
    """
    task = asyncio.current_task()
    assert task is not None
    failed: list[UserError] = []

    async def sync() -> None:
        while True:
            await asyncio.sleep(_SYNC_EVERY)
            try:
                await asyncio.to_thread(run.sync)
            except UserError as error:
                failed.append(error)
                task.cancel()

    syncing = asyncio.ensure_future(sync())
    try:
        yield
    except asyncio.CancelledError:
        if failed:
            raise failed[0] from None
        raise
    finally:
        syncing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await syncing
