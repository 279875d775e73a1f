"""What `import selfinstruct` gives: the commands as functions, for programs and notebooks.

Each says what the command of its name says and takes its options as keywords, with _ for -. What asks a model runs in a thread
with an event loop of its own, so that it also works where one is running already, as in a notebook; Ctrl-C (or the notebook's
stop button) ends it, and the same call goes on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from selfinstruct._calls import heard, judged, probes_for, run_in_thread, shown_by
from selfinstruct._keywords import Exporting, Judging, Place, Progress, Responding, Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from selfinstruct._keywords import Checking
    from selfinstruct.annotate.quality import Quality
    from selfinstruct.asking.config import Config
    from selfinstruct.defects.counts import Survey
    from selfinstruct.exports import Exported
    from selfinstruct.runs.rehearsal import Rehearsal
    from selfinstruct.runs.view import RunView

T = TypeVar("T")


def generate(
    out: Place,
    *,
    progress: Progress = True,
    seconds: float | None = None,
    repair: bool = False,
    ask_again: bool = False,
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
    flags = {"repair": repair, "ask_again": ask_again, "accept_change": accept_change}
    return run_in_thread(_make(Path(out), SelfInstructConfig, said, progress, seconds, **flags))


def respond(
    sources: RunView | Place | Sequence[RunView | Place],
    out: Place,
    *,
    model: str | Sequence[str] = "",
    progress: Progress = True,
    seconds: float | None = None,
    repair: bool = False,
    ask_again: bool = False,
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
    said["sources"] = tuple(str(_directory(source).absolute()) for source in several)
    if any(models):
        said |= {"model": models[0], "other_models": tuple(models[1:])}
    flags = {"repair": repair, "ask_again": ask_again, "accept_change": accept_change}
    return run_in_thread(_make(Path(out), RespondConfig, said, progress, seconds, **flags))


def resume(
    run: RunView | Place,
    *,
    progress: Progress = True,
    seconds: float | None = None,
    ask_again: bool = False,
) -> RunView:
    """Go on with a run, whatever made it, with its own settings. Raises as `generate`.

    `ask_again`: buy the requests anew that were lost.
    """
    from selfinstruct.runs.view import load_run

    view = load_run(_directory(run))
    flags = {"repair": False, "ask_again": ask_again, "accept_change": False}
    return run_in_thread(_make(view.directory, type(view.config), {}, progress, seconds, **flags))


async def _make(
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
    return run_in_thread(
        judged(_directory(run), _plain(settings), sample, seed, replace, progress, seconds)
    )


def preflight(*, judge: bool = False, **settings: Unpack[Settings]) -> Rehearsal:
    """Ask every stage of `generate` once, and the judge's question if wanted; nothing is kept.

    Prints nothing: `lines()` of the result is the report of `selfinstruct try`. Raises ModelError
    or another UserError.
    """
    from selfinstruct.asking.settings import read_table
    from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig
    from selfinstruct.runs.rehearsal import rehearse

    said = read_table(_plain(settings), "preflight()", SelfInstructConfig)

    async def rehearsed() -> Rehearsal:
        return await rehearse(await probes_for(said, judge=judge))

    return run_in_thread(rehearsed())


def check(
    source: RunView | Place,
    *,
    only: Sequence[str] = (),
    ignore: Sequence[str] = (),
    out: Place | None = None,
    **options: Unpack[Checking],
) -> Survey:
    """Known defects in the examples of a run, or of a file in any usual shape: counts, and some evidence.

    `out`: where a copy goes in which what has one right repair is repaired. Raises UserError.
    """
    from selfinstruct.defects.survey import chosen, survey

    where, copy = str(_directory(source)), None if out is None else os.fspath(out)
    return survey(where, chosen(only, ignore), out=copy, **options)


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
    return write([_directory(run) for run in several], Path(out), Export(**settings))


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
