"""The commands that work on finished datasets, as functions (see `_api`).

All but `uncertainty` ask no model. Each raises UserError, and then leaves its output as it was.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from selfinstruct._calls import directory_of, plain, run_in_thread, several_of, worked
from selfinstruct._keywords import Place, Progress, Server

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from selfinstruct.adherence.scoring import Scores
    from selfinstruct.annotate.measurement import Measurement
    from selfinstruct.choose.deduplication import DedupeCounts
    from selfinstruct.mixing.job import Mixed
    from selfinstruct.mixing.selecting import Selected
    from selfinstruct.runs.view import RunView


class Mixing(TypedDict, total=False):
    """The keywords of `mix`, which win over the file of a mixture."""

    n: int
    tokens: int
    cap: int
    temperature: float
    weights: str
    tokenizer: Place
    format: str  # messages | sharegpt | alpaca | prompt-completion
    order: str
    system: str
    seed: int


class Deduping(TypedDict, total=False):
    """The keywords of `dedupe` beside its own parameters."""

    fields: Sequence[str]
    each: bool
    turns: Literal["all", "first", "last"]
    threshold: float
    tokenizer: str
    mark: bool
    skip_bad: bool
    format: str | None
    processes: int


class Measuring(TypedDict, total=False):
    """What `uncertainty` measures."""

    examples: int
    variants: int
    rate: float
    seeds: Sequence[int]
    perplexity: bool
    likelihood: bool


class Scoring(Measuring, Server, total=False):
    """The keywords of `uncertainty` beside its own parameters."""

    model: str


def mix(
    components: Mapping[str, RunView | Place] | Place, out: Place, **options: Unpack[Mixing]
) -> Mixed:
    """Mix runs, files and datasets into the folder `out`, which a trainer reads.

    `components`: a source for each name, or the TOML file of a mixture.
    """
    from selfinstruct.mixing.job import mix as write
    from selfinstruct.mixing.tables import of_sources, read_mixture

    said = plain(options)
    if isinstance(components, Mapping):
        named = {name: os.fspath(directory_of(each)) for name, each in components.items()}
        stages = of_sources(named, said)
    else:
        stages = read_mixture(Path(components), said)
    return write(stages, Path(out), on_read=lambda name: None)


def select(
    source: RunView | Place,
    out: Place,
    *,
    n: int | None = None,
    by: str = "random",
    lowest: bool = False,
    strata: str = "",
    threshold: float = 0.7,
    seeds: Sequence[int] = (0,),
) -> Selected:
    """Choose `n` records of a run or a file, and copy them to `out` as they stand.

    With several `seeds` `out` is a folder with a selection for each.
    """
    from selfinstruct.mixing.selecting import Selecting
    from selfinstruct.mixing.selecting import select as write

    settings = Selecting(n, by, lowest, strata, threshold, tuple(seeds))
    return write(str(directory_of(source)), Path(out), settings)


def dedupe(
    sources: RunView | Place | Sequence[RunView | Place],
    out: Place,
    *,
    rejected: Place | None = None,
    against: Place | Sequence[Place] = (),
    against_fields: Sequence[str] = (),
    **options: Unpack[Deduping],
) -> DedupeCounts:
    """Copy the records of datasets to the file `out`, without near-duplicates of earlier records.

    `rejected`: a file for the other records. `against`: datasets whose records are not copied.
    """
    from selfinstruct.choose.deduplication import Dedupe
    from selfinstruct.choose.deduplication import dedupe as copy
    from selfinstruct.records.collected import file_of

    paths = [str(directory_of(each)) for each in several_of(sources)]
    settings: dict[str, Any] = {**options, "fields": tuple(options.get("fields", ()))}
    return copy(
        [file_of(path) if Path(path).is_dir() else path for path in paths],
        os.fspath(out),
        Dedupe(**settings),
        against=[str(directory_of(each)) for each in several_of(against)],
        against_fields=tuple(against_fields),
        rejected=None if rejected is None else os.fspath(rejected),
    )


def uncertainty(
    sources: RunView | Place | Sequence[RunView | Place],
    out: Place | None = None,
    *,
    ask_again: bool = False,
    progress: Progress = True,
    **settings: Unpack[Scoring],
) -> Measurement:
    """Measure how unsure a model is of each task of runs or datasets, or how likely outputs are.

    `out`: the folder of the result and of the replies; of a single run its own directory.
    The result tells the folder (`out`), its file (`measured.file`) and, for a
    person, `lines()`. Raises Interrupted and ModelError as well.
    """
    from selfinstruct.annotate.measurement import Measurement, folder_of, measured_of
    from selfinstruct.annotate.scorer import ScorerSettings, settled
    from selfinstruct.asking.settings import read_table

    paths = tuple(str(directory_of(each)) for each in several_of(sources))
    given: dict[str, Any] = {**settings}
    how = {name: given.pop(name) for name in Measuring.__annotations__ if name in given}
    measured = measured_of(paths, **how)
    folder = folder_of(paths, None if out is None else Path(out))
    said = read_table(plain(given), "uncertainty()", ScorerSettings)

    async def measurement() -> Measurement:
        found = Measurement(measured, await settled(folder, said), folder)
        await worked(found, progress, None, ask_again=ask_again)
        return found

    return run_in_thread(measurement())


def score_adherence(answers: RunView | Place, prompts: RunView | Place | None = None) -> Scores:
    """Score recorded answers by the verifiable constraints of their prompts, strict and loose.

    `prompts`: the prompts with their constraints; None: the answers have them.
    """
    from selfinstruct.adherence.recordings import scores

    of = None if prompts is None else str(directory_of(prompts))
    return scores(str(directory_of(answers)), of)
