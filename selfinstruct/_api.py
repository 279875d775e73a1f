"""What `import selfinstruct` gives: the commands as functions, for programs and notebooks.

Each says what the command of its name says and takes its options as keywords, with _ for -. What asks a model runs in a thread
with an event loop of its own, so that it also works where one is running already, as in a notebook; Ctrl-C (or the notebook's
stop button) ends it, and the same call goes on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from selfinstruct._keywords import Exporting, Judging, Place, Progress, Responding, Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from selfinstruct.annotate.quality import Quality
    from selfinstruct.asking.config import Config
    from selfinstruct.asking.endpoint import Endpoint
    from selfinstruct.defects.survey import Survey
    from selfinstruct.exports import Exported
    from selfinstruct.models.money.meter import Meter
    from selfinstruct.runs.progress import Tally
    from selfinstruct.runs.view import RunView

T = TypeVar("T")


def generate(
    out: Place,
    *,
    progress: Progress = True,
    seconds: float | None = None,
    repair: bool = False,
    accept_change: bool = False,
    **settings: Unpack[Settings],
) -> RunView:
    """Generate `n` examples into the run directory `out`, or go on with the run that is there.

    Returns the run, finished. `seconds`: how long it may take. Raises Interrupted if time or a cap
    ends the sitting first (the same call goes on), ModelError, Stalled or another UserError.
    """
    from selfinstruct.asking.settings import read_table
    from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig

    said = read_table(_plain(settings), "generate()", SelfInstructConfig)
    flags = {"repair": repair, "accept_change": accept_change}
    return _run(_make(Path(out), SelfInstructConfig, said, progress, seconds, **flags))


def respond(
    sources: RunView | Place | Sequence[RunView | Place],
    out: Place,
    *,
    model: str | Sequence[str] = "",
    progress: Progress = True,
    seconds: float | None = None,
    repair: bool = False,
    accept_change: bool = False,
    **settings: Unpack[Responding],
) -> RunView:
    """Answer the instructions of runs or datasets into the run directory `out`, or go on with it.

    Several models each answer every instruction. Returns the run, finished; raises as `generate`.
    """
    from selfinstruct.asking.settings import read_table
    from selfinstruct.recipes.responses import RespondConfig

    several = (
        [sources] if not isinstance(sources, Sequence) or isinstance(sources, str) else sources
    )
    models = [model] if isinstance(model, str) else list(model)
    said = read_table(_plain(settings), "respond()", RespondConfig)
    said["sources"] = tuple(str(_directory(source)) for source in several)
    if any(models):
        said |= {"model": models[0], "other_models": tuple(models[1:])}
    flags = {"repair": repair, "accept_change": accept_change}
    return _run(_make(Path(out), RespondConfig, said, progress, seconds, **flags))


def resume(
    run: RunView | Place, *, progress: Progress = True, seconds: float | None = None
) -> RunView:
    """Go on with a run, whatever made it, with its own settings. Raises as `generate`."""
    from selfinstruct.runs.view import load_run

    view = load_run(_directory(run))
    flags = {"repair": False, "accept_change": False}
    return _run(_make(view.directory, type(view.config), {}, progress, seconds, **flags))


async def _make(
    directory: Path,
    kind: type[Config],
    said: dict[str, Any],
    progress: Progress,
    seconds: float | None,
    *,
    repair: bool,
    accept_change: bool,
) -> RunView:
    from selfinstruct.runs.generation import go_on, settled
    from selfinstruct.runs.inputs import Inputs
    from selfinstruct.runs.run import Run
    from selfinstruct.runs.view import load_run

    config, kept = await settled(directory, kind, said, notice=lambda text: None)
    inputs = Inputs.read(config, kept=kept, named=said.keys())
    run = Run(directory, config, inputs, repair=repair, accept_change=accept_change)
    try:
        run.expected = inputs.open().expected
        shown = _shown(progress, run.wanted or 0, run.funnel, run.meter, config, "examples")
        try:
            await go_on(
                run,
                inputs,
                notice=shown.say,
                changed=shown.update,
                waiting=shown.wait_for,
                seconds=seconds,
            )
        finally:
            shown.close()
    finally:
        if run.is_worth_keeping:
            run.close()
        else:
            run.discard()
    return load_run(directory)


def judge(
    run: RunView | Place,
    *,
    sample: int | None = None,
    seed: int = 0,
    replace: bool = False,
    progress: Progress = True,
    seconds: float | None = None,
    **settings: Unpack[Judging],
) -> Quality:
    """Ask a model about every example of a run, or about `sample` of them as `seed` draws them; returns the paper's quality table.

    Writes judgements.jsonl, which `RunView.judgements` reads. Raises Interrupted, ModelError and other UserErrors.
    """
    return _run(_judge(_directory(run), _plain(settings), sample, seed, replace, progress, seconds))


async def _judge(
    directory: Path,
    given: dict[str, Any],
    sample: int | None,
    seed: int,
    replace: bool,
    progress: Progress,
    seconds: float | None,
) -> Quality:
    from selfinstruct.annotate.review import Review
    from selfinstruct.annotate.settings import settled
    from selfinstruct.runs.view import load_run

    view = load_run(directory)
    judge = await settled(directory, given, "judge()")
    review = Review(view, judge, sample=sample, seed=seed)
    review.check(replace=replace)
    books = review.open()
    try:
        shown = _shown(progress, review.wanted, review.tally, books.meter, judge.config, "judged")
        try:
            await review.go_on(
                books,
                notice=shown.say,
                changed=shown.update,
                waiting=shown.wait_for,
                seconds=seconds,
            )
        finally:
            shown.close()
    finally:
        books.close()
    return review.tally.quality


def check(
    source: RunView | Place,
    *,
    only: Sequence[str] = (),
    ignore: Sequence[str] = (),
    out: Place | None = None,
    format: str | None = None,
) -> Survey:
    """Known defects in the examples of a run, or of any file with instruction, input and output: counts, and some evidence.

    `out`: where a copy goes in which what has one right repair is repaired. Raises UserError.
    """
    from selfinstruct.defects.survey import chosen, survey

    where = str(_directory(source))
    return survey(
        where, chosen(only, ignore), out=None if out is None else os.fspath(out), format=format
    )


def export(
    runs: RunView | Place | Sequence[RunView | Place], out: Place, **options: Unpack[Exporting]
) -> Exported:
    """Write the examples of one run or several to `out` in a form that trainers load; returns what became of them.

    `out` is a file where it ends in .jsonl, .json or .parquet, else a folder. Raises UserError, leaving `out` as it was.
    """
    from selfinstruct.exports import Export
    from selfinstruct.exports import export as write

    several = [runs] if not isinstance(runs, Sequence) or isinstance(runs, str) else runs
    kept = options.get("keep", ())
    filters = (kept,) if isinstance(kept, str) else tuple(kept)
    settings: dict[str, Any] = {
        **options,
        "keep": filters,
        "license": options.get("license", "").lower(),
    }
    return write([_directory(one) for one in several], Path(out), Export(**settings))


# ---------------------------------------------------------------- what they share


def _directory(run: RunView | Place) -> Path:
    return Path(run) if isinstance(run, str | os.PathLike) else run.directory


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """As a configuration file would say it."""
    import json

    found = {
        name: os.fspath(value) if isinstance(value, os.PathLike) else value
        for name, value in settings.items()
    }
    if isinstance(found.get("extra_body"), Mapping):
        found["extra_body"] = json.dumps(found["extra_body"])
    return found


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Its result, from a thread of its own: a notebook's thread has an event loop already. Ctrl-C cancels it, and it tidies up."""
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


class _Shown(Protocol):
    def update(self) -> None: ...

    def wait_for(self, what: str) -> None: ...

    def say(self, text: str) -> None: ...

    def close(self) -> None: ...


class _Told:
    """Tells a function how far it is, at every step forward; no notices."""

    def __init__(self, tell: Callable[[int, int], None], wanted: int, tally: Tally) -> None:
        self._tell, self._wanted, self._tally, self._last = tell, wanted, tally, -1

    def update(self) -> None:
        if self._tally.examples != self._last:
            self._last = self._tally.examples
            self._tell(self._last, self._wanted)

    def wait_for(self, what: str) -> None: ...

    def say(self, text: str) -> None: ...

    def close(self) -> None: ...


def _shown(
    progress: Progress, wanted: int, tally: Tally, meter: Meter, config: Endpoint, what: str
) -> _Shown:
    from selfinstruct.models.money.prices import price_of

    if progress is True:
        from selfinstruct.runs.progress import Progress as Bar

        return Bar(wanted, tally, meter, price_of(config), max_cost=config.max_cost, what=what)
    return _Told(progress or (lambda done, wanted: None), wanted, tally)
