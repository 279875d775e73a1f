"""From run directories to files that trainers load."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfinstruct import __version__
from selfinstruct.choose.candidate import Candidate
from selfinstruct.choose.keep import keep
from selfinstruct.errors import UserError
from selfinstruct.exports.card import card
from selfinstruct.exports.forms import FORMS, Form, is_file
from selfinstruct.exports.order import ordered, together
from selfinstruct.exports.place import MARK, placed
from selfinstruct.exports.selection import Selection, find_turns, is_judged, names_of
from selfinstruct.exports.settings import Export, form_of
from selfinstruct.exports.sinks import sink
from selfinstruct.exports.splits import Splits, splits
from selfinstruct.exports.style import Style
from selfinstruct.exports.super_ni import headers_of
from selfinstruct.exports.tally import Tally
from selfinstruct.records import hub
from selfinstruct.runs.view import RunView, load_run
from selfinstruct.text import to_json


@dataclass(frozen=True, slots=True)
class Exported:
    """The counts of an export: read = kept + all of dropped.

    The rows of all splits are the examples kept; in the format `preference`, two are a row.
    """

    out: Path
    read: int
    kept: int
    renamed: int  # whose id another run's example had
    dropped: Mapping[str, int]  # by reason
    # By reason: of those dropped, where there was nothing to compare (not judged, not asked).
    unknown: Mapping[str, int]
    splits: Mapping[str, Tally]
    address: str = ""  # on the Hub
    notes: tuple[str, ...] = ()  # a line each, about rows that may not be as expected
    unpaired: Mapping[str, int] | None = None  # prompts without a pair, by reason; None: no pairs

    def lines(self) -> Iterator[str]:
        """The counts as a person reads them."""
        yield f"read {self.read:,} examples: kept {self.kept:,}"
        for reason, count in self.dropped.items():
            yield f"  dropped, {reason}: {count:,}{self._unknown(reason)}"
        if self.renamed:
            yield (
                f"  {self.renamed:,} ids were taken by an earlier run's; "
                "they begin with their run's name now"
            )
        yield from self.notes
        for reason, count in (self.unpaired or {}).items():
            yield f"  prompts without a pair, {reason}: {count:,}"
        rows = "examples" if self.unpaired is None else "pairs"
        for name, tally in self.splits.items():
            yield f"  {name}: {tally.rows:,} {rows} of {tally.instructions:,} instructions"
        yield f"wrote {self.out}"
        if self.address:
            yield f"pushed to {self.address} (private if it is new)"

    def _unknown(self, reason: str) -> str:
        unknown = self.unknown.get(reason, 0)
        if not unknown:
            return ""
        asked = keep(reason.removeprefix("not "))
        why = "not judged" if asked.is_about_judgements else "where nothing is known of it"
        return f" ({unknown:,} of them {why})"


def export(
    directories: Sequence[Path | str], out: Path | str, settings: Export | None = None
) -> Exported:
    """Writes the examples of runs to `out`.

    `out` is a file where its name ends in .jsonl, .json or .parquet, otherwise a folder. A row is
    held at a time; a shuffle holds all rows. Raises UserError, and then `out` is as before.
    """
    settings, out = settings or Export(), Path(out)
    form, parts = form_of(settings), splits(settings.split, settings.seed)
    single = is_file(form, settings.format, out, settings.split)
    runs = [load_run(directory) for directory in directories]
    selection, style = _selection(runs, form, settings), _style(runs, form, settings)
    with placed(out, is_file=single, force=settings.force) as aside:
        files = {name: _file_of(aside, name, form, single) for name in parts.bounds}
        rows = ordered(selection, settings.shuffle_seed, is_joined=form.joined is not None)
        tallies = _write(rows, files, form, style, parts)
        _check_full(selection, tallies, settings.split)
        if not single:
            _describe(aside, out.absolute().name, settings, style, selection, tallies)
    address = hub.pushed(out, settings.push_to_hub) if settings.push_to_hub else ""
    return Exported(
        out,
        selection.read,
        selection.kept,
        selection.renamed,
        dict(selection.dropped.most_common()),
        dict(selection.unknown),
        tallies,
        address,
        tuple(_notes(selection)),
        dict(selection.unpaired.most_common()) if form.is_paired else None,
    )


def _selection(runs: Sequence[RunView], form: Form, settings: Export) -> Selection:
    """Raises UserError for pairs of runs that nobody judged."""
    filters = [keep(text) for text in settings.keep]
    if not form.is_paired:
        return Selection(runs, filters, settings.best, form.has_tasks)
    if not any(map(is_judged, runs)):
        first = shlex.quote(str(runs[0].directory))
        raise UserError(
            f"--format {settings.format}: no example has a score, and scores choose the pairs; "
            f"first run 'selfinstruct judge {first} --model NAME'"
        )
    return Selection(runs, filters, margin=settings.margin or 0.0)


def _style(runs: Sequence[RunView], form: Form, settings: Export) -> Style:
    system, history = find_turns(runs) if form.has_columns_for_turns else (False, False)
    return Style(
        settings.system,
        settings.drop_labels,
        settings.seed,
        system_column=system or bool(settings.system),
        history_column=history,
        grouped=settings.grouped,
        language=settings.language,
        new_schema=settings.new_schema,
        tasks=_tasks(runs) if form.has_tasks else {},
    )


def _tasks(runs: Sequence[RunView]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The imported tasks of all runs, by the name of the run and of the task."""
    return {
        (run, name): header
        for run, view in zip(names_of(runs), runs, strict=True)
        for name, header in headers_of(view.directory)
    }


def _notes(selection: Selection) -> Iterator[str]:
    if selection.best and not selection.scored:
        yield (
            "  nothing is judged, so the first example of each prompt was kept; "
            "'selfinstruct judge DIR --model NAME' gives scores"
        )


def _file_of(aside: Path, split: str, form: Form, single: bool) -> Path:
    if single:
        return aside
    folder = aside / "data" if form.is_dataset else aside
    folder.mkdir(exist_ok=True)
    return folder / (split if form.has_tasks else f"{split}{form.suffixes[0]}")


def _write(
    rows: Iterable[Candidate],
    files: Mapping[str, Path],
    form: Form,
    style: Style,
    parts: Splits,
) -> dict[str, Tally]:
    columns = form.columns(style) if form.columns else {}
    tallies = {name: Tally() for name in files}
    with ExitStack() as stack:
        writers = {name: stack.enter_context(sink(path, columns)) for name, path in files.items()}
        for split, group in together(rows, form, parts, grouped=style.grouped):
            writers[split](
                form.joined(group, style) if form.joined else form.record(group[0], style)
            )
            for row in group:
                tallies[split].take(row)
    return tallies


def _check_full(selection: Selection, tallies: Mapping[str, Tally], split: str) -> None:
    if not selection.kept:
        counts = [*selection.dropped.most_common(), *selection.unpaired.most_common()]
        reasons = ", ".join(f"{why}: {count:,}" for why, count in counts)
        raise UserError(
            f"nothing to export: {selection.read:,} examples read, none kept "
            f"({reasons or 'the run has none yet'})"
        )
    for name, tally in tallies.items():
        if not tally.rows:
            raise UserError(
                f"--split {split}: no instruction fell to {name}, and loaders take no empty file; "
                "give it a larger share or choose another --seed"
            )


def _describe(
    folder: Path,
    name: str,
    settings: Export,
    style: Style,
    selection: Selection,
    tallies: Mapping[str, Tally],
) -> None:
    """Writes the files beside the data: a mark, a dataset card, an entry for LLaMA-Factory."""
    form, words = FORMS[settings.format], settings.to_words()
    mark: dict[str, Any] = {
        "selfinstruct": __version__,
        "runs": names_of(selection.runs),
        "options": words,
        "read": selection.read,
        "kept": selection.kept,
        "dropped": dict(selection.dropped.most_common()),
        **({"unpaired": dict(selection.unpaired.most_common())} if form.is_paired else {}),
        "splits": {split: tally.rows for split, tally in tallies.items()},
    }
    _write_json(folder / MARK, mark)
    if form.is_dataset:
        (folder / "README.md").write_text(
            card(name, settings.license, tallies, selection, style, words), "utf-8"
        )
    if form.trainer_entry:
        entry = form.trainer_entry(style)
        entries = {
            _entry_name(name, split): {"file_name": f"{split}{form.suffixes[0]}", **entry}
            for split in tallies
        }
        _write_json(folder / "dataset_info.json", entries)


def _entry_name(folder: str, split: str) -> str:
    """The name in LLaMA-Factory's `dataset:`, where commas separate names."""
    return re.sub(r"[,\s]+", "_", folder) + ("" if split == "train" else f"_{split}")


def _write_json(path: Path, value: object) -> None:
    path.write_text(to_json(value, indent=1) + "\n", "utf-8")
