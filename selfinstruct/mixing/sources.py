"""The source of a component: a run, a file, or a folder of data files, as rendered rows."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.choose.keep import keep
from selfinstruct.data.collected import Collected
from selfinstruct.data.examples import Example
from selfinstruct.errors import UserError
from selfinstruct.exports.forms import FORMS
from selfinstruct.exports.selection import judgements_of
from selfinstruct.exports.style import Style
from selfinstruct.mixing.mixture import Component, Mixture
from selfinstruct.mixing.named import dataset_of, written
from selfinstruct.mixing.store import Rows, Store
from selfinstruct.records.collected import Collection, fingerprint
from selfinstruct.records.datasets import Dataset
from selfinstruct.records.formats import format_of
from selfinstruct.records.reading import Source
from selfinstruct.records.record import Bad
from selfinstruct.runs.view import load_run
from selfinstruct.text import to_json, well_formed

Tokens = Callable[[str], int]
_EXAMPLES = "examples.jsonl"
_LICENSE = re.compile(r"^license:[ \t]*[\"']?([\w.+-]+)", re.M)
_TRAIN = re.compile(r"train(?![a-z])", re.I)
_RESERVED = ("mixed", "component", "tokens", "characters")


@dataclass
class Stored:
    """A component whose records are in a store."""

    component: Component
    rows: Rows
    fingerprint: str  # SHA-256 over the bytes of its files, in hex
    license: str
    read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)  # by reason

    @property
    def size(self) -> int:
        """Rows that may be drawn."""
        return min(len(self.rows), self.component.limit or len(self.rows))


def store(
    component: Component, mixture: Mixture, folder: Path, tokens: Tokens | None, cutter: Any = None
) -> Stored:
    """Reads a component once, and stores each record that can be used as a rendered row.

    tokens: the number of tokens of a text; None where nothing depends on tokens. cutter: cuts a
    document of text into pieces. Raises UserError.
    """
    dataset = dataset_of(component)
    files = files_of(component) if dataset is None else [written(dataset, folder / "source")]
    digest = _digest(files) if dataset is None else dataset.fingerprint
    kept = Store(folder)
    found = Stored(component, _NOTHING, digest, _license_of(component, dataset))
    if component.text:
        lines: Iterator[tuple[bytes, int, str, float | None]] = _documents(found, files, cutter)
    else:
        lines = _conversations(found, files, mixture)
    for line, place, text, number in lines:
        count = tokens(text) if tokens is not None else None
        kept.take(line, place, count, count if mixture.order == "tokens" else number)
    found.rows = kept.done()
    return found


def files_of(component: Component) -> list[str]:
    """The files of a source, in order: one, or the data files of a folder, of its split `train`.

    Raises UserError.
    """
    place = Path(component.source)
    if not place.is_dir() or (place / _EXAMPLES).is_file():
        if not place.exists():
            raise UserError(f"component {component.name}: {place}: no such run, file or folder")
        return [component.source]
    names = sorted(str(path) for path in place.rglob("*") if path.is_file() and _is_data(path))
    names = [name for name in names if Path(name).name != "dataset_info.json"]
    train = [name for name in names if _TRAIN.match(Path(name).name)]
    names = train or names  # of a dataset with splits, the split to train on
    if not names:
        raise UserError(f"component {component.name}: {place}: no run and no data file in it")
    return names


def _is_data(path: Path) -> bool:
    try:
        format_of(str(path), plain_text=True)
    except UserError:
        return False
    return not path.name.startswith(".")


# ---------------------------------------------------------------- conversations


def _conversations(
    found: Stored, files: list[str], mixture: Mixture
) -> Iterator[tuple[bytes, int, str, float | None]]:
    component, render = found.component, FORMS[mixture.format].record
    style, filters = Style(mixture.system), [keep(text) for text in component.keep]
    for candidate, place, rest in _candidates(found, files):
        why = next((f"not {each.text}" for each in filters if not each.takes(candidate)), None)
        if why is not None:
            found.dropped[why] += 1
            continue
        row = render(candidate, style)
        text = _text_of(candidate, style)
        number = _number(mixture.order, candidate, rest, text)
        if number is None and mixture.order not in _RESERVED:
            found.dropped[f"no number {mixture.order!r}"] += 1
            continue
        yield (to_json(row) + "\n").encode(), place, text, number


def _candidates(found: Stored, files: list[str]) -> Iterator[tuple[Candidate, int, Any]]:
    named = dict(text.partition("=")[::2] for text in found.component.fields)
    place = 0
    for name in files:
        run = Path(name).name
        scores = judgements_of(load_run(name)) if (Path(name) / _EXAMPLES).is_file() else {}
        for record in Collection(name, named):
            place, found.read = place + 1, found.read + 1
            if isinstance(record, Bad):
                found.dropped["cannot be read"] += 1
            elif record.output is None:
                found.dropped["no output"] += 1
            else:
                example = _example(record)
                judged = scores.get(record.id, {})
                yield Candidate.of(example, record.id, run, judged), place, record.rest


def _example(record: Collected) -> Example:
    provenance = record.rest.get("provenance")
    label = record.rest.get("is_classification")
    return Example(
        id=record.id,
        instruction=record.instruction,
        input=record.input,
        output=record.output or "",
        is_classification=label if isinstance(label, bool) else None,
        provenance=provenance if isinstance(provenance, dict) else dict(record.rest),
        system=record.system,
        history=record.history,
    )


def _text_of(candidate: Candidate, style: Style) -> str:
    """All texts of a row, whose tokens count."""
    turns = [turn.text for turn in candidate.history]
    parts = [candidate.system or style.system, *turns, candidate.question, candidate.output]
    return "\n".join(part for part in parts if part)


def _number(order: str, candidate: Candidate, rest: Any, text: str) -> float | None:
    """The number by which a row is ordered."""
    if order == "characters":
        return float(len(text))
    if order in _RESERVED:
        return None
    if order == "score":
        return candidate.score
    value = candidate.provenance.get(order, rest.get(order))
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


# ---------------------------------------------------------------- text


def _documents(
    found: Stored, files: list[str], cutter: Any
) -> Iterator[tuple[bytes, int, str, float | None]]:
    cut, place = found.component.cut, 0
    for name in files:
        for record in Source(name, format_of(name, plain_text=True)):
            place, found.read = place + 1, found.read + 1
            text = None if isinstance(record, Bad) else _document(record.fields)
            if text is None or not text.strip():
                why = "cannot be read" if isinstance(record, Bad) else "no text"
                found.dropped[why] += 1
                continue
            for piece in cutter(text, cut) if cut else (text,):
                yield (to_json({"text": piece}) + "\n").encode(), place, piece, None


def _document(fields: Any) -> str | None:
    for name in ("text", "content", "instruction"):  # the last: a plain text file, one a line
        if isinstance(fields.get(name), str):
            return well_formed(fields[name])
    return None


# ---------------------------------------------------------------- what is noted of a source


def fingerprint_of(component: Component) -> str:
    """SHA-256 over the bytes of a source's files, or the Hub's revision. Raises UserError."""
    dataset = dataset_of(component)
    return _digest(files_of(component)) if dataset is None else dataset.fingerprint


def _digest(files: list[str]) -> str:
    if len(files) == 1:
        return fingerprint(files[0])
    digest = hashlib.sha256()
    for name in files:
        digest.update(fingerprint(name).encode())
    return digest.hexdigest()


def _license_of(component: Component, dataset: Dataset | None) -> str:
    """As the mixture says, or a data card's, or "" where nobody says."""
    if dataset is not None:
        return component.license or dataset.card.license
    card = Path(component.source) / "README.md"
    if component.license or not card.is_file():
        return component.license
    head = card.read_text("utf-8", "replace")[:20_000]
    header = head.partition("---")[2].partition("\n---")[0] if head.startswith("---") else ""
    licence = _LICENSE.search(header)
    return licence[1] if licence else ""


_NOTHING: Any = None
