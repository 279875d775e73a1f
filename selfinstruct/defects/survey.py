"""A dataset checked, example by example, with a repaired copy on request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from selfinstruct.defects import (
    ACROSS,
    DEFECTS,
    Across,
    Finding,
    Row,
    earlier_findings,
    findings,
    rejects,
    repaired,
    shortened_row,
)
from selfinstruct.defects.counts import Survey
from selfinstruct.defects.rows import read_row
from selfinstruct.errors import UserError
from selfinstruct.records import STDIO, Bad, OnRead, Record, Source, Write, writing
from selfinstruct.records.copying import Copy, copying
from selfinstruct.records.prompts import Prompts, named_columns
from selfinstruct.records.reading import examples_of
from selfinstruct.records.values import Unreadable

_NONE = "no example: "
_STEP = 500  # records between two calls of `progress`
_KNOWN = ("id", "is_classification", "provenance")  # columns that need not be named
_ROUNDS = 12  # a round repairs one field of each defect, and may bring another to light


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
    fields: Sequence[str] = (),
    out: str | None = None,
    every: str | None = None,
    format: str | None = None,
    skip_bad: bool = False,
    special_tokens: Collection[str] = (),
    progress: OnRead = lambda done, size, read: None,
) -> Survey:
    """Checks the examples of a file or of a run's directory, in any shape that `records` reads.

    fields: as "instruction=question". out: the copy, in which defects with a single right repair
    are repaired; every other byte stays. skip_bad: whether the copy leaves out records that cannot
    be read. every: the file of all findings, a record each. special_tokens: more of them, for
    `leaked_prompt`. Raises UserError. Memory: the last 50,000 texts, for finding near-duplicates.
    """
    _keep_apart(path, out, every)
    source = Source(path, format, pieces=out is not None)
    with ExitStack() as stack:
        copy = stack.enter_context(copying(source, out, format)) if out is not None else None
        tell: Write = stack.enter_context(writing(every)) if every is not None else _nowhere
        look = partial(findings, only=slugs, special_tokens=special_tokens)
        checking = _Checking(slugs, look, fields, copy, tell, skip_bad=skip_bad)
        for number, record in enumerate(stack.enter_context(closing(iter(source))), 1):
            if number % _STEP == 0:
                progress(source.done, source.size, number)
            checking.take(record)
        checking.end(source)
        progress(source.size, source.size, checking.survey.examples)
    return checking.survey


class _Checking:
    """The checks of a dataset, record after record; writes the copy and the findings."""

    def __init__(
        self,
        slugs: Collection[str],
        look: Callable[[Row], list[Finding]],
        fields: Sequence[str],
        copy: Copy | None,
        tell: Write,
        *,
        skip_bad: bool,
    ) -> None:
        self.survey = Survey()
        self._slugs, self._look = slugs, look
        self._copy, self._tell, self._skip_bad = copy, tell, skip_bad
        self._prompts = Prompts(named_columns(fields), lenient=True)
        is_wanted = bool(ACROSS & set(slugs))
        self._across = Across(near="near_duplicate" in slugs) if is_wanted else None

    def take(self, record: Record | Bad) -> None:
        """Checks a record, and notes a record that is no example."""
        bad = record if isinstance(record, Bad) else self._check(record)
        if bad is None:
            return
        self.survey.take_bad(bad.where, bad.why)
        self._tell(_told_bad(bad))
        if self._copy is not None:
            (self._copy.leave_out if self._skip_bad else self._copy.keep)(
                record if isinstance(record, Record) and not self._skip_bad else bad
            )

    def end(self, source: Source) -> None:
        """Raises UserError if a named column, or any example, is missing."""
        self._prompts.check_named(source.name)
        self.survey.unused = self._prompts.unused(*_KNOWN)
        if not self.survey.examples:
            first = next(iter(self.survey.unread), None)
            where = f"; record {first.where}: {first.why.removeprefix(_NONE)}" if first else ""
            raise UserError(f"{source.name}: holds no example{where}")

    def _check(self, record: Record) -> Bad | None:
        try:
            read = read_row(record.fields, self._prompts)
        except Unreadable as error:
            return Bad(record.where, f"{_NONE}{error}", record.piece)
        row = read.row
        found = self._findings(row)
        mended = _mended(row, found, self._look)
        changes = read.changes(mended)
        self.survey.take(record.where, found)
        self.survey.long += shortened_row(row) is not row
        if self._copy is None:
            self.survey.repaired += bool(changes)
        elif changes:
            self.survey.repaired += self._copy.change(record, changes)
        else:
            self._copy.keep(record)
        for finding in found:
            self._tell(_told(record.where, finding))
        return None

    def _findings(self, row: Row) -> list[Finding]:
        across = self._across.findings(row) if self._across else []
        own = self._look(row)
        earlier = earlier_findings(row, [finding.slug for finding in own]) if row.history else []
        return own + [each for each in (*earlier, *across) if each.slug in self._slugs]


def _nowhere(record: Record) -> None:
    pass


def _keep_apart(path: str, *written: str | None) -> None:
    """Raises UserError where an input would be overwritten, or a file written twice."""
    places = [Path(examples_of(path)).resolve()] if path != STDIO else []
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


def _told_bad(bad: Bad) -> Record:
    """The record of a record that is no example, with the fields of a finding."""
    fields = {
        "where": bad.where,
        "slug": "unreadable",
        "severity": "error",
        "field": None,
        "evidence": bad.why,
        "rejects": False,
        "repairable": False,
    }
    return Record(bad.where, fields)


def _mended(row: Row, seen: list[Finding], look: Callable[[Row], list[Finding]]) -> Row:
    for _ in range(_ROUNDS):
        if not any(finding.fix is not None for finding in seen):
            break
        row = repaired(row, seen)
        seen = look(row)
    return row
