"""From run directories to files that trainers load."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selfinstruct import __version__
from selfinstruct.choose.candidate import Candidate
from selfinstruct.choose.keep import keep
from selfinstruct.errors import UserError
from selfinstruct.exports.card import card
from selfinstruct.exports.forms import FORMS, Form, is_file
from selfinstruct.exports.place import MARK, placed
from selfinstruct.exports.selection import Selection, names_of
from selfinstruct.exports.sinks import SINKS
from selfinstruct.exports.splits import Splits, splits
from selfinstruct.exports.style import Style, drawn
from selfinstruct.exports.tally import Tally
from selfinstruct.records import hub
from selfinstruct.runs.view import load_run
from selfinstruct.text import to_json


@dataclass(frozen=True, slots=True)
class Export:
    """What to export and how; every default of `selfinstruct export` is here."""

    format: str = "alpaca"
    split: str = ""  # shares of train/test or train/validation/test; none: all is train
    keep: tuple[str, ...] = ()  # filters, all of which must hold
    seed: int = 0  # decides splits and templates
    shuffle_seed: int | None = None  # None: the order of the runs
    system: str = ""
    drop_labels: bool = False
    license: str = ""  # of a dataset folder
    push_to_hub: str = ""  # OWNER/NAME
    force: bool = False  # replace a file

    def to_words(self) -> list[str]:
        """The options that say this, but for those that only say where it goes."""
        words: list[str] = []
        for name, value in asdict(self).items():
            flag = f"--{name.replace('_', '-')}"
            if name == "format":
                words += [flag, value]
            elif name == "keep":
                words += [word for one in value for word in (flag, one)]
            elif name in ("drop_labels", "force"):
                words += [flag] if value and name != "force" else []
            elif name != "push_to_hub" and value not in ("", None) and (name, value) != ("seed", 0):
                words += [flag, str(value)]
        return words


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of the examples: read = kept + all of dropped; kept = all rows of the splits."""

    out: Path
    read: int
    kept: int
    renamed: int  # whose id another run's example had
    dropped: Mapping[str, int]  # by reason
    unknown: Mapping[
        str, int
    ]  # by reason: of those dropped, where there was nothing to compare (not judged, not asked)
    splits: Mapping[str, Tally]
    address: str = ""  # on the Hub

    def lines(self) -> Iterator[str]:
        yield f"read {self.read:,} examples: kept {self.kept:,}"
        for reason, count in self.dropped.items():
            unknown = self.unknown.get(reason, 0)
            what = "not judged" if _is_about_judgements(reason) else "where nothing is known of it"
            yield f"  dropped, {reason}: {count:,}" + (
                f" ({unknown:,} of them {what})" if unknown else ""
            )
        if self.renamed:
            yield f"  {self.renamed:,} ids were taken by an earlier run's; they begin with their run's name now"
        for name, tally in self.splits.items():
            yield f"  {name}: {tally.rows:,} examples of {tally.instructions:,} instructions"
        yield f"wrote {self.out}"
        if self.address:
            yield f"pushed to {self.address} (private if it is new)"


def _is_about_judgements(reason: str) -> bool:
    return reason.startswith("not ") and keep(reason.removeprefix("not ")).is_about_judgements


def export(
    directories: Sequence[Path | str], out: Path | str, settings: Export | None = None
) -> Exported:
    """Writes the examples of one run or several to `out`: a file where it ends in .jsonl, .json or .parquet, otherwise a folder.

    One row at a time, but for a shuffle, which holds what it keeps. Raises UserError, and then `out` is as it was before.
    """
    settings, out = settings or Export(), Path(out)
    form, parts = _checked(settings), splits(settings.split, settings.seed)
    single = is_file(form, settings.format, out, settings.split)
    selection = Selection(
        [load_run(directory) for directory in directories], [keep(text) for text in settings.keep]
    )
    with placed(out, is_file=single, force=settings.force) as aside:
        files = {name: _file_of(aside, name, form, single) for name in parts.bounds}
        tallies = _write(_ordered(selection, settings.shuffle_seed), files, form, settings, parts)
        _check_full(selection, tallies, settings.split)
        if not single:
            _describe(aside, out.absolute().name, settings, selection, tallies)
    address = hub.pushed(out, settings.push_to_hub) if settings.push_to_hub else ""
    counts = (
        selection.read,
        selection.kept,
        selection.renamed,
        dict(selection.dropped.most_common()),
        dict(selection.unknown),
    )
    return Exported(out, *counts, tallies, address)


def _checked(settings: Export) -> Form:
    form = FORMS.get(settings.format)
    if form is None:
        raise UserError(f"--format {settings.format}: no such format (known: {', '.join(FORMS)})")
    for name in ("system", "drop_labels", "license", "push_to_hub"):
        if getattr(settings, name) and name not in form.takes:
            fitting = ", ".join(known for known, one in FORMS.items() if name in one.takes)
            raise UserError(
                f"--{name.replace('_', '-')}: has no place in --format {settings.format} (only in {fitting})"
            )
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*|", settings.license):
        raise UserError(
            f"--license {settings.license}: must be an identifier as the Hub lists them, such as cc-by-4.0 or apache-2.0"
        )
    if settings.push_to_hub:
        hub.token()  # better now than after the work
    return form


def _file_of(aside: Path, split: str, form: Form, single: bool) -> Path:
    if single:
        return aside
    folder = aside / "data" if form.is_dataset else aside
    folder.mkdir(exist_ok=True)
    return folder / f"{split}{form.suffixes[0]}"


def _ordered(rows: Iterable[Candidate], shuffle_seed: int | None) -> Iterable[Candidate]:
    """Shuffled by what the seed makes of each text, so that the order of the runs does not matter."""
    if shuffle_seed is None:
        return rows
    return sorted(
        rows, key=lambda row: drawn(shuffle_seed, "order", row.instruction, row.input, row.output)
    )


def _write(
    rows: Iterable[Candidate],
    files: Mapping[str, Path],
    form: Form,
    settings: Export,
    parts: Splits,
) -> dict[str, Tally]:
    style = Style(settings.system, settings.drop_labels, settings.seed)
    tallies = {name: Tally() for name in files}
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(SINKS[path.suffix.lower()](path))
            for name, path in files.items()
        }
        for row in rows:
            split = parts.of(row.instruction)
            writers[split](form.record(row, style))
            tallies[split].take(row)
    return tallies


def _check_full(selection: Selection, tallies: Mapping[str, Tally], split: str) -> None:
    if not selection.kept:
        reasons = ", ".join(f"{why}: {count:,}" for why, count in selection.dropped.most_common())
        raise UserError(
            f"nothing to export: {selection.read:,} examples read, none kept ({reasons or 'the run has none yet'})"
        )
    for name, tally in tallies.items():
        if not tally.rows:
            raise UserError(
                f"--split {split}: no instruction fell to {name}, and loaders take no empty file; "
                "give it a larger share or choose another --seed"
            )


def _describe(
    folder: Path, name: str, settings: Export, selection: Selection, tallies: Mapping[str, Tally]
) -> None:
    """What lies beside the data: our mark, a dataset card, an entry for LLaMA-Factory."""
    form, words = FORMS[settings.format], settings.to_words()
    mark: dict[str, Any] = {
        "selfinstruct": __version__,
        "runs": names_of(selection.runs),
        "options": words,
        "read": selection.read,
        "kept": selection.kept,
        "dropped": dict(selection.dropped.most_common()),
        "splits": {split: tally.rows for split, tally in tallies.items()},
    }
    _write_json(folder / MARK, mark)
    if form.is_dataset:
        (folder / "README.md").write_text(
            card(name, settings.license, tallies, selection, words), "utf-8"
        )
    if form.trainer_entry:
        entry = form.trainer_entry(Style(settings.system))
        entries = {
            _entry_name(name, split): {"file_name": f"{split}{form.suffixes[0]}", **entry}
            for split in tallies
        }
        _write_json(folder / "dataset_info.json", entries)


def _entry_name(folder: str, split: str) -> str:
    """As LLaMA-Factory's `dataset:` names it, where commas separate."""
    return re.sub(r"[,\s]+", "_", folder) + ("" if split == "train" else f"_{split}")


def _write_json(path: Path, value: object) -> None:
    path.write_text(to_json(value, indent=1) + "\n", "utf-8")
