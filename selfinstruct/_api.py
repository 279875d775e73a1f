"""The commands as functions, for programs and notebooks.

A function says what the command of its name says, and takes the command's options as keywords, with
_ for -. A call that asks a model runs in a thread with an event loop of its own, so that it works in
a notebook too, whose loop is running already. Ctrl-C (or the notebook's stop button) ends the call,
and the same call goes on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfinstruct._calls import (
    directory_of,
    judged,
    made,
    plain,
    probes_for,
    run_in_thread,
    several_of,
)
from selfinstruct._file_keywords import Exporting
from selfinstruct._keywords import Judging, Place, Progress, Responding, Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from selfinstruct._file_keywords import Checking
    from selfinstruct.annotate.quality import Quality
    from selfinstruct.defects.counts import Survey
    from selfinstruct.exports import Exported
    from selfinstruct.runs.rehearsal import Rehearsal
    from selfinstruct.runs.view import RunView


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

    said = read_table(plain(settings), "generate()", SelfInstructConfig)
    flags = {"repair": repair, "ask_again": ask_again, "accept_change": accept_change}
    return run_in_thread(made(Path(out), SelfInstructConfig, said, progress, seconds, **flags))


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

    several = several_of(sources)
    models = [model] if isinstance(model, str) else list(model)
    said = read_table(plain(settings), "respond()", RespondConfig)
    said["sources"] = tuple(str(directory_of(source).absolute()) for source in several)
    if any(models):
        said |= {"model": models[0], "other_models": tuple(models[1:])}
    flags = {"repair": repair, "ask_again": ask_again, "accept_change": accept_change}
    return run_in_thread(made(Path(out), RespondConfig, said, progress, seconds, **flags))


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

    view = load_run(directory_of(run))
    flags = {"repair": False, "ask_again": ask_again, "accept_change": False}
    return run_in_thread(made(view.directory, type(view.config), {}, progress, seconds, **flags))


def judge(
    run: RunView | Place,
    *,
    sample: int | None = None,
    seed: int = 0,
    replace: bool = False,
    ask_again: bool = False,
    progress: Progress = True,
    seconds: float | None = None,
    **settings: Unpack[Judging],
) -> Quality:
    """Ask a model about every example of a run, or about `sample` of them as `seed` draws them.

    Returns the paper's quality table. Writes judgements.jsonl, which `RunView.judgements` reads.
    `ask_again`: buy the requests anew that were lost. Raises Interrupted, ModelError and other UserErrors.
    """
    drawn = {"sample": sample, "seed": seed}
    flags = {"replace": replace, "ask_again": ask_again}
    work = judged(directory_of(run), plain(settings), drawn, progress, seconds, **flags)
    return run_in_thread(work)


def preflight(*, judge: bool = False, **settings: Unpack[Settings]) -> Rehearsal:
    """Ask every stage of `generate` once, and the judge's question if wanted; nothing is kept.

    Prints nothing: `lines()` of the result is the report of `selfinstruct try`. Raises ModelError
    or another UserError.
    """
    from selfinstruct.asking.settings import read_table
    from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig
    from selfinstruct.runs.rehearsal import rehearse

    said = read_table(plain(settings), "preflight()", SelfInstructConfig)

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
    """Known defects in the examples of a run, or of a file in any usual shape, with evidence.

    `out`: where a copy goes in which what has one right repair is repaired. Raises UserError.
    """
    from selfinstruct.defects.survey import chosen, survey

    where, copy = str(directory_of(source)), None if out is None else os.fspath(out)
    return survey(where, chosen(only, ignore), out=copy, **options)


def export(
    runs: RunView | Place | Sequence[RunView | Place], out: Place, **options: Unpack[Exporting]
) -> Exported:
    """Write the examples of runs to `out` in a form that trainers load; returns their counts.

    `out` is a file where the name ends in .jsonl, .json or .parquet, else a folder. Raises
    UserError, leaving `out` as it was.
    """
    from selfinstruct.exports import Export
    from selfinstruct.exports import export as write

    kept = options.get("keep", ())
    filters = (kept,) if isinstance(kept, str) else tuple(kept)
    settings: dict[str, Any] = {
        **options,
        "keep": filters,
        "license": options.get("license", "").lower(),
    }
    return write([directory_of(run) for run in several_of(runs)], Path(out), Export(**settings))
