"""A dataset checked, example by example, with a repaired copy on request."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from selfinstruct.defects import (
    ACROSS,
    DEFECTS,
    Across,
    Finding,
    Row,
    findings,
    rejects,
    repaired,
    shortened_row,
)
from selfinstruct.defects.counts import Survey
from selfinstruct.errors import UserError
from selfinstruct.records import STDIO, Bad, OnRead, Record, Source, Write, writing

_STEP = 500  # records between two calls of `progress`
_ROUNDS = 4  # a repair may bring another defect to light


def chosen(only: Collection[str], ignore: Collection[str]) -> frozenset[str]:
    """The slugs to look for. Raises UserError for an unknown slug."""
    for slug in (*only, *ignore):
        if slug not in DEFECTS:
            raise UserError(f"{slug}: no such defect; known are {', '.join(DEFECTS)}")
    return frozenset(only or DEFECTS) - frozenset(ignore)


def survey(
    path: str,
    slugs: Collection[str] = tuple(DEFECTS),
    *,
    out: str | None = None,
    every: str | None = None,
    format: str | None = None,
    progress: OnRead = lambda done, size, read: None,
) -> Survey:
    """Checks the examples of a file or of a run's directory, in any format that `records` reads.

    The fields have Alpaca's names. out: the copy, in which defects with a single right repair are
    repaired; every other field stays as it is. every: the file of all findings, a record each.
    Raises UserError. Memory: the texts of all examples, for finding duplicates.
    """
    source = Source(_file(path), format)
    _keep_apart(path, out, every)
    with ExitStack() as stack:
        write: Write = _nowhere
        tell: Write = _nowhere
        if out is not None:
            write = stack.enter_context(writing(out, format if out == STDIO else None))
        if every is not None:
            tell = stack.enter_context(writing(every))
        checking = _Checking(slugs, write, tell)
        for number, record in enumerate(stack.enter_context(closing(iter(source))), 1):
            if number % _STEP == 0:
                progress(source.done, source.size, number)
            bad = checking.take(record)
            if bad is not None and number == 1:
                raise UserError(f"{source.name}:{bad.where}: {bad.why}")
            if bad is not None and isinstance(record, Record):
                write(record)
        found = checking.survey
        progress(source.size, source.size, found.examples)
    if not found.examples:
        raise UserError(f"{source.name}: holds no example; each needs 'instruction' and 'output'")
    return found


class _Checking:
    """The checks of a dataset, record after record; writes the copy and the findings."""

    def __init__(self, slugs: Collection[str], write: Write, tell: Write) -> None:
        self.survey = Survey()
        self._slugs, self._write, self._tell = slugs, write, tell
        is_wanted = bool(ACROSS & set(slugs))
        self._across = Across(near="near_duplicate" in slugs) if is_wanted else None

    def take(self, record: Record | Bad) -> Bad | None:
        """Checks a record, or returns why the record is no example."""
        bad = record if isinstance(record, Bad) else self._check(record)
        self.survey.bad += bad is not None
        return bad

    def _check(self, record: Record) -> Bad | None:
        row = _row(record)
        if isinstance(row, Bad):
            return row
        found = self._findings(row)
        mended = _mended(row, found, self._slugs)
        self.survey.take(record.where, found)
        self.survey.long += shortened_row(row) is not row
        self.survey.repaired += mended != row
        for finding in found:
            self._tell(_told(record.where, finding))
        self._write(record if mended == row else _written(record, row, mended))
        return None

    def _findings(self, row: Row) -> list[Finding]:
        across = self._across.findings(row) if self._across else []
        return findings(row, self._slugs) + [
            finding for finding in across if finding.slug in self._slugs
        ]


def _nowhere(record: Record) -> None:
    pass


def _keep_apart(path: str, *written: str | None) -> None:
    """Raises UserError where an input would be overwritten, or a file written twice."""
    places = [Path(_file(path)).resolve()] if path != STDIO else []
    for file in written:
        if file is None or file == STDIO:
            continue
        if Path(file).resolve() in places:
            raise UserError(
                f"{file}: is the input, or written to already, and never overwritten; "
                "choose another place to write to"
            )
        places.append(Path(file).resolve())


def _told(where: int, finding: Finding) -> Record:
    """The record of a finding.

    rejects: `generate` would drop the example by this finding, unless told otherwise.
    """
    fields = {
        "where": where,
        "slug": finding.slug,
        "severity": finding.severity,
        "field": finding.field,
        "evidence": finding.evidence,
        "rejects": rejects(finding, "certain"),
        "repairable": finding.fix is not None,
    }
    return Record(where, fields)


def _file(path: str) -> str:
    return str(Path(path) / "examples.jsonl") if path != STDIO and Path(path).is_dir() else path


def _row(record: Record) -> Row | Bad:
    fields = record.fields
    texts = {
        name: fields.get(name) if fields.get(name) is not None else ""
        for name in ("instruction", "input", "output")
    }
    missing = [name for name in ("instruction", "output") if name not in fields]
    if missing or not all(isinstance(text, str) for text in texts.values()):
        fault = f"no {missing[0]}" if missing else "a field is no text"
        why = f"no example: {fault}; each has 'instruction', 'input', 'output'"
        return Bad(record.where, why)
    label = fields.get("is_classification")
    label = label if isinstance(label, bool) else None
    return Row(**texts, is_classification=label)  # type: ignore[arg-type]  # texts, as seen above


def _mended(row: Row, seen: list[Finding], slugs: Collection[str]) -> Row:
    for _ in range(_ROUNDS):
        if not any(finding.fix is not None for finding in seen):
            break
        row = repaired(row, seen)
        seen = findings(row, slugs)
    return row


def _written(record: Record, row: Row, mended: Row) -> Record:
    changed = {
        name: getattr(mended, name)
        for name in ("instruction", "input", "output")
        if getattr(mended, name) != getattr(row, name)
    }
    return replace(record, fields={**record.fields, **changed}, line=None)
