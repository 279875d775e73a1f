"""From a dataset to a part of it: `selfinstruct select`. Records are copied as they stand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfinstruct.annotate.measures import numbers_of
from selfinstruct.choose.picks import Overlap, Pick, best, counts_of, diverse, fittest, overlap
from selfinstruct.errors import UserError
from selfinstruct.exports.selection import judgements_of
from selfinstruct.exports.style import drawn
from selfinstruct.records import Record, Source, writing
from selfinstruct.records.collected import file_of
from selfinstruct.records.shapes import Prompt, read_prompt
from selfinstruct.records.values import Unreadable
from selfinstruct.runs.view import load_run
from selfinstruct.text import to_json

WAYS = ("random", "score", "length", "diversity", "fit")
_LIKELIHOOD = "likelihood"  # the number by which `fit` goes
_THRESHOLD = 0.7


@dataclass(frozen=True, slots=True)
class Selecting:
    """The settings of a selection. by: one of `WAYS`, or the name of a number in the records."""

    n: int | None  # None: as many as there are, of `fit`
    by: str = "random"
    lowest: bool = False  # the lowest numbers instead of the highest
    strata: str = ""  # FIELD, or FIELD:VALUE=COUNT,VALUE=COUNT
    threshold: float = _THRESHOLD  # of diversity
    seeds: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Selected:
    """The counts of a selection."""

    files: tuple[Path, ...]
    read: int
    chosen: Mapping[str, int]  # by stratum, of the first seed
    without: int  # records that cannot be chosen: unreadable, or without the number
    overlap: Overlap | None  # of several seeds

    def lines(self) -> Iterator[str]:
        """For a person."""
        total = sum(self.chosen.values())
        yield f"chose {total:,} of {self.read:,} records"
        if len(self.chosen) > 1 or any(self.chosen):
            for name, count in sorted(self.chosen.items()):
                yield f"  {name or '(none)'}: {count:,}"
        if self.without:
            yield f"  {self.without:,} could not be chosen: unreadable, or without the number"
        if self.overlap is not None:
            yield f"  {self.overlap.line()}"
        for path in self.files:
            yield f"wrote {path}"


def select(source: str, out: Path | str, settings: Selecting) -> Selected:
    """Writes the chosen records of a run or a file, in their order.

    With several seeds `out` is a folder with a file for each. Raises UserError.
    """
    _check(settings)
    field, said = _strata(settings.strata, settings.n)
    drawings = list(_picks(source, settings, field))
    read = [drawing[0] for drawing in drawings]
    picks = _candidates(read, settings)
    sizes = Counter(pick.stratum for pick in picks)
    counts = counts_of(len(picks) if settings.n is None else settings.n, sizes, said)
    out = Path(out)
    several = len(settings.seeds) > 1
    files, selections = [], []
    for number, seed in enumerate(settings.seeds):
        picks = _candidates((drawing[number] for drawing in drawings), settings)
        if settings.by == "diversity":
            places = diverse(picks, counts, settings.threshold)
        else:
            places = best(picks, counts)
        path = out / f"seed-{seed}.jsonl" if several else out
        _copy(source, path, places)
        files.append(path)
        selections.append(places)
    by_place = {pick.place: pick.stratum for pick in read}
    chosen = Counter(by_place[place] for place in selections[0])
    return Selected(
        tuple(files),
        len(read),
        dict(chosen),
        sum(pick.worth is None for pick in read),
        overlap(selections, len(picks)) if several else None,
    )


def _candidates(picks: Iterable[Pick], settings: Selecting) -> list[Pick]:
    """The records that can be chosen: by `fit` the likeliest output of each prompt."""
    known = [pick for pick in picks if pick.worth is not None]
    if settings.by != "fit":
        return known
    if not known:
        raise UserError(
            "--by fit: no record has a likelihood; 'selfinstruct uncertainty SOURCE --likelihood' "
            "measures them"
        )
    return fittest(known)


def _check(settings: Selecting) -> None:
    if settings.n is None and settings.by != "fit":
        raise UserError("--n is missing: say how many records are to be chosen")
    for name, holds, wanted in (
        ("n", settings.n is None or settings.n >= 1, "at least 1"),
        ("threshold", 0 <= settings.threshold <= 1, "between 0 and 1"),
    ):
        if not holds:
            raise UserError(f"--{name} {getattr(settings, name)}: must be {wanted}")
    if len(set(settings.seeds)) < len(settings.seeds):
        raise UserError("--seed: names a seed twice; give each once")


def _strata(text: str, n: int | None) -> tuple[str, dict[str, int]]:
    """The field that tells strata apart, and the counts that are said. Raises UserError."""
    field, sign, rest = text.partition(":")
    if not sign:
        return field, {}
    counts: dict[str, int] = {}
    for part in rest.split(","):
        value, equals, count = part.strip().rpartition("=")
        if not equals or not count.isdecimal():
            raise UserError(f"--strata {text}: write FIELD:VALUE=COUNT,VALUE=COUNT")
        counts[value] = int(count)
    if n is not None and sum(counts.values()) != n:
        raise UserError(
            f"--strata {text}: the counts sum to {sum(counts.values())}, and --n is {n}"
        )
    return field, counts


def _picks(source: str, settings: Selecting, field: str) -> Iterator[tuple[Pick, ...]]:
    """Of each record a pick for every seed."""
    scores = _scores(source, settings.by)
    for place, record in enumerate(_records(source)):
        try:
            prompt = read_prompt(record.fields, {}) if isinstance(record, Record) else None
        except Unreadable:
            prompt = None
        if not isinstance(record, Record) or prompt is None:
            yield tuple(Pick(place, None, 0) for _ in settings.seeds)
            continue
        worth = _worth(settings, record.fields, prompt, scores)
        question = f"{prompt.instruction}\n{prompt.input}".strip()
        parts: Sequence[str] = [question, prompt.output or "", *_turns(prompt)]
        text = question if settings.by == "diversity" else ""
        if settings.by == "fit":
            text = to_json([question, *_turns(prompt)])
            parts = [text]  # the prompt's draw, whichever output is kept
        stratum = _plain(_value(record.fields, field)) if field else ""
        yield tuple(
            Pick(place, worth, drawn(seed, "select", *parts), stratum, text)
            for seed in settings.seeds
        )


def _worth(
    settings: Selecting, fields: Mapping[str, Any], prompt: Prompt, scores: Mapping[str, float]
) -> float | None:
    by = settings.by
    if by == "random":
        return 0.0
    if by == "length":
        number: Any = float(len((prompt.output or "").split()))
    elif by in ("score", "diversity"):
        number = scores.get(str(fields.get("id")), _value(fields, "score"))
        if by == "diversity" and number is None:
            return 0.0  # nothing is judged: the draw decides
    else:
        name = _LIKELIHOOD if by == "fit" else by
        number = scores.get(str(fields.get("id")), _value(fields, name))
    is_number = isinstance(number, (int, float)) and not isinstance(number, bool)
    if not is_number or not math.isfinite(number):
        return None
    return -float(number) if settings.lowest else float(number)


def _value(fields: Mapping[str, Any], name: str) -> Any:
    """A field of the record or of its provenance."""
    provenance = fields.get("provenance")
    inner = provenance.get(name) if isinstance(provenance, dict) else None
    return fields.get(name, inner)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value)


def _turns(prompt: Prompt) -> Sequence[str]:
    return [prompt.system, *(part for turn in prompt.history for part in (turn.role, turn.text))]


def _scores(source: str, by: str) -> dict[str, float]:
    """The judge's scores of a run, or a scorer's numbers, by the example's id."""
    if not (Path(source) / "run.json").is_file() or by in ("random", "length"):
        return {}
    if by not in ("score", "diversity"):
        return numbers_of(Path(source), _LIKELIHOOD if by == "fit" else by)
    judged = judgements_of(load_run(source))
    return {id: float(line["score"]) for id, line in judged.items() if "score" in line}


def _records(source: str) -> Iterator[Any]:
    yield from Source(file_of(source))


def _copy(source: str, path: Path, places: set[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(str(path)) as write:
        for place, record in enumerate(_records(source)):
            if place in places:
                write(record)
