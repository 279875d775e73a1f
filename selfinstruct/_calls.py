"""How the library's functions run: in a thread of their own, with a bar or a function that hears.

And what they share with the commands.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from selfinstruct._keywords import Place, Progress

if TYPE_CHECKING:
    from selfinstruct.annotate.quality import Quality
    from selfinstruct.annotate.work import Work
    from selfinstruct.asking.config import Config
    from selfinstruct.asking.endpoint import Endpoint
    from selfinstruct.asking.probes import Probe
    from selfinstruct.models.money.meter import Meter
    from selfinstruct.runs.progress import Tally
    from selfinstruct.runs.view import RunView

T = TypeVar("T")
_PATIENCE = 60.0  # seconds of a preflight's wait for a server that is gone


def run_in_thread(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, from a thread of its own: a notebook's has an event loop already.

    Ctrl-C cancels the work, which tidies up.
    """
    under_way: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = []

    async def main() -> T:
        under_way.append((asyncio.get_running_loop(), asyncio.current_task()))
        return await work

    with ThreadPoolExecutor(1, thread_name_prefix="selfinstruct") as thread:
        future = thread.submit(asyncio.run, main())
        try:
            return future.result()
        except KeyboardInterrupt:
            for loop, task in under_way:
                if task is not None:
                    loop.call_soon_threadsafe(task.cancel)
            raise


async def probes_for(
    said: Mapping[str, Any],
    *,
    judge: bool,
    notice: Callable[[str], None] = lambda text: None,
    ask: bool = True,
) -> list[Probe]:
    """The probes of a run with these settings, and of a judge at the same endpoint if wanted.

    `ask`: whether the endpoint may be asked which model it serves. Raises UserError.
    """
    from selfinstruct.annotate.settings import judge_probe
    from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig
    from selfinstruct.runs.generation import fresh
    from selfinstruct.runs.inputs import Inputs
    from selfinstruct.runs.rehearsal import probes_of

    said = {"patience": _PATIENCE, **said, "batch": False}
    config = await fresh(SelfInstructConfig, said, notice=notice, ask=ask)
    probes = await probes_of(Inputs.read(config))
    return [*probes, judge_probe(config)] if judge else probes


class Shown(Protocol):
    """A run's progress as somebody sees it."""

    def update(self) -> None: ...

    def wait_for(self, what: str) -> None: ...

    def say(self, text: str) -> None: ...

    def close(self) -> None: ...


class _Told:
    """Tells a function of every step forward; no notices."""

    def __init__(self, tell: Callable[[int, int], None], wanted: int, tally: Tally) -> None:
        self._tell, self._wanted, self._tally, self._last = tell, wanted, tally, -1

    def update(self) -> None:
        if self._tally.examples != self._last:
            self._last = self._tally.examples
            self._tell(self._last, self._wanted)

    def wait_for(self, what: str) -> None: ...

    def say(self, text: str) -> None: ...

    def close(self) -> None: ...


def shown_by(
    progress: Progress, wanted: int, tally: Tally, meter: Meter, config: Endpoint, what: str
) -> Shown:
    from selfinstruct.models.money.prices import prices_of

    if progress is True:
        from selfinstruct.runs.progress import Progress as Bar

        prices = prices_of(config, (*config.models, *meter.paid.others))
        return Bar(wanted, tally, meter, prices, max_cost=config.max_cost, what=what)
    return _Told(progress or (lambda done, wanted: None), wanted, tally)


async def heard(shown: Shown, work: Callable[..., Awaitable[None]]) -> None:
    """Do the work of a sitting, which tells its progress to `shown`."""
    try:
        await work(notice=shown.say, changed=shown.update, waiting=shown.wait_for)
    finally:
        shown.close()


async def made(
    directory: Path,
    kind: type[Config],
    said: dict[str, Any],
    progress: Progress,
    seconds: float | None,
    *,
    repair: bool,
    ask_again: bool,
    accept_change: bool,
) -> RunView:
    from selfinstruct.runs.generation import forget_lost, go_on, settled
    from selfinstruct.runs.inputs import Inputs
    from selfinstruct.runs.run import Run
    from selfinstruct.runs.view import load_run

    config, kept = await settled(directory, kind, said, notice=lambda text: None)
    inputs = Inputs.read(config, kept=kept, named=said.keys())
    flags = {"repair": repair, "rebuild": ask_again, "accept_change": accept_change}
    run = Run(directory, config, inputs, **flags)
    try:
        if ask_again:
            forget_lost(run)
        shown = shown_by(progress, run.wanted or 0, run.funnel, run.meter, config, "examples")
        await heard(shown, partial(go_on, run, inputs, seconds=seconds))
    finally:
        run.leave()
    return load_run(directory)


async def judged(
    directory: Path,
    given: dict[str, Any],
    drawn: Mapping[str, Any],
    progress: Progress,
    seconds: float | None,
    *,
    replace: bool,
    ask_again: bool,
) -> Quality:
    """The quality of a run, after every example of the sample was judged."""
    from selfinstruct.annotate.review import Review
    from selfinstruct.annotate.settings import settled
    from selfinstruct.runs.view import load_run

    view = load_run(directory)
    review = Review(view, await settled(directory, given, "judge()"), **drawn)
    review.check(replace=replace)
    await worked(review, progress, seconds, ask_again=ask_again)
    return review.tally.quality


async def worked(work: Work, progress: Progress, seconds: float | None, *, ask_again: bool) -> None:
    """A sitting of a judge or a scorer."""
    from selfinstruct.annotate.work import go_on

    books = work.open()
    try:
        if ask_again:
            books.completions.forget_lost(lambda place: False)
        of = (work.wanted, work.tally, books.meter, work.config)
        shown = shown_by(progress, *of, work.counted)
        await heard(shown, partial(go_on, work, books, seconds=seconds))
    finally:
        books.close()


# ---------------------------------------------------------------- arguments


def directory_of(run: RunView | Place) -> Path:
    """The directory of a run, or the path of a dataset."""
    return Path(run) if isinstance(run, str | os.PathLike) else run.directory


def several_of(
    sources: RunView | Place | Sequence[RunView | Place],
) -> Sequence[RunView | Place]:
    """A list, where a single run or path may stand for a list."""
    is_list = isinstance(sources, Sequence) and not isinstance(sources, str)
    return sources if is_list else [sources]  # type: ignore[list-item, return-value]


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a configuration file would say them."""
    import json

    found = {
        name: os.fspath(value) if isinstance(value, os.PathLike) else value
        for name, value in settings.items()
    }
    if isinstance(found.get("extra_body"), Mapping):
        found["extra_body"] = json.dumps(found["extra_body"])
    return found
