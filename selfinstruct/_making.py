"""The recipes that work on runs and datasets, as functions (see `_api`).

Each function makes a run in the directory `out`, or goes on with the run there, and returns the
finished run. `sources` is a run or a dataset, or a list of them. The settings are the options of
the command of the same name. Errors are those of `generate`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfinstruct._calls import directory_of, made, plain, run_in_thread, several_of
from selfinstruct._keywords import Place

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from selfinstruct._file_keywords import Importing, ImportingTasks, Rendering
    from selfinstruct._keywords import (
        Chatting,
        Constraining,
        Eliciting,
        Evolving,
        Inverting,
        Organising,
        Paraphrasing,
    )
    from selfinstruct.runs.view import RunView

_SITTING = {
    "progress": True,
    "seconds": None,
    "repair": False,
    "ask_again": False,
    "accept_change": False,
}


def unnatural(
    out: Place,
    sources: RunView | Place | Sequence[RunView | Place] = (),
    **settings: Unpack[Eliciting],
) -> RunView:
    """Elicit new tasks with their inputs and constraints, then their outputs.

    `sources`: where the demonstrations come from; the packaged seed tasks without any.
    """
    return _run("unnatural", sources, out, settings)


def chat(
    out: Place,
    sources: RunView | Place | Sequence[RunView | Place] = (),
    **settings: Unpack[Chatting],
) -> RunView:
    """Make conversations of several turns between a person and an assistant.

    `sources`: instructions that begin the conversations; without any, topics do.
    """
    return _run("chat", sources, out, settings)


def evolve(
    sources: RunView | Place | Sequence[RunView | Place], out: Place, **settings: Unpack[Evolving]
) -> RunView:
    """Make the instructions of datasets harder in rounds, and answer them."""
    return _run("evolve", sources, out, settings)


def paraphrase(
    sources: RunView | Place | Sequence[RunView | Place],
    out: Place,
    **settings: Unpack[Paraphrasing],
) -> RunView:
    """Word the instructions of datasets anew, and keep their outputs."""
    return _run("paraphrase", sources, out, settings)


def invert(
    sources: RunView | Place | Sequence[RunView | Place], out: Place, **settings: Unpack[Inverting]
) -> RunView:
    """Swap the inputs and outputs of datasets; `instruction`: for every task, without a model."""
    return _run("invert", sources, out, settings)


def constrain(
    sources: RunView | Place | Sequence[RunView | Place],
    out: Place,
    **settings: Unpack[Constraining],
) -> RunView:
    """Add verifiable constraints to instructions, and keep the answers that follow them."""
    return _run("constrain", sources, out, settings)


def render(
    datasets: Place | Sequence[Place],
    templates: Place | Sequence[Place],
    out: Place,
    **settings: Unpack[Rendering],
) -> RunView:
    """Show the rows of annotated datasets in templates; no model is asked.

    `datasets`: files, folders or names on the Hub. `templates`: files or folders, as
    "DATASET=PATH#GROUP" where need be.
    """
    from selfinstruct.records.datasets.opening import absolute
    from selfinstruct.templates.reading import Named

    named = {
        "datasets": tuple(absolute(os.fspath(each)) for each in _several(datasets)),
        "templates": tuple(Named.of(os.fspath(each)).absolute() for each in _several(templates)),
    }
    return _run("render", (), out, settings, named)


def dynosaur(
    datasets: Place | Sequence[Place], out: Place, **settings: Unpack[Organising]
) -> RunView:
    """Tasks over the fields of annotated datasets, and their rows as examples.

    `datasets`: files, folders or names on the Hub. With a list of `tasks` no model is asked.
    """
    from selfinstruct.records.datasets.opening import absolute

    named = {"datasets": tuple(absolute(os.fspath(each)) for each in _several(datasets))}
    return _run("dynosaur", (), out, settings, named)


def import_files(
    sources: RunView | Place | Sequence[RunView | Place],
    out: Place,
    **settings: Unpack[Importing],
) -> RunView:
    """Make a run of datasets that have outputs already (`selfinstruct import`)."""
    return _run("import", sources, out, settings)


def import_tasks(
    tasks: Place | Sequence[Place], out: Place, **settings: Unpack[ImportingTasks]
) -> RunView:
    """Make a run of task files of Natural Instructions (`selfinstruct natural import`)."""
    paths = tuple(str(Path(each).absolute()) for each in _several(tasks))
    return _run("natural", (), out, settings, {"tasks": paths})


def _several(places: Place | Sequence[Place]) -> Sequence[Place]:
    return [places] if isinstance(places, str | os.PathLike) else places


def _run(
    recipe: str,
    sources: RunView | Place | Sequence[RunView | Place],
    out: Place,
    settings: Mapping[str, Any],
    named: Mapping[str, Any] | None = None,
) -> RunView:
    from selfinstruct.asking.settings import read_table
    from selfinstruct.recipes.catalogue import kind_of

    kind = kind_of(recipe).load_settings()
    sitting = {name: settings.get(name, default) for name, default in _SITTING.items()}
    others = {name: value for name, value in settings.items() if name not in _SITTING}
    said = {**read_table(plain(others), f"{recipe}()", kind), **(named or {})}
    if several := several_of(sources):
        said["sources"] = tuple(str(directory_of(source).absolute()) for source in several)
    return run_in_thread(made(Path(out), kind, said, **sitting))
