"""A whole dataset checked, example by example: counts of each defect, some evidence, and a repaired copy on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
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
from selfinstruct.errors import UserError
from selfinstruct.records import STDIO, Bad, Record, Source, writing

Progress = Callable[[int, int, int], None]
"""Called as the work goes on: bytes read, bytes in all (0: unknown), records read."""

_STEP = 500  # records between two calls of `Progress`
_SHOWN = 3  # findings of each slug that are kept to be shown
_ROUNDS = 4  # a repair may bring another defect to light


@dataclass(frozen=True, slots=True)
class Seen:
    """A finding and the line, item or row of the example that it is about."""

    where: int
    finding: Finding


@dataclass(slots=True)
class Survey:
    """What was found. `examples` = those without any finding + `defective`."""

    examples: int = 0
    defective: int = 0
    bad: int = 0  # records that are no example
    repaired: int = 0  # examples that were changed
    long: int = 0  # examples of which most checks saw the beginning and the end alone
    certain: Counter[str] = field(
        default_factory=Counter
    )  # findings by which `generate` rejects unless told otherwise
    counts: Counter[str] = field(default_factory=Counter)
    shown: dict[str, list[Seen]] = field(default_factory=dict)

    def take(self, where: int, found: list[Finding]) -> None:
        self.examples += 1
        self.defective += bool(found)
        for one in found:
            self.counts[one.slug] += 1
            self.certain[one.slug] += rejects(one, "certain")
            if len(evidence := self.shown.setdefault(one.slug, [])) < _SHOWN:
                evidence.append(Seen(where, one))

    def to_record(self) -> dict[str, object]:
        return {
            "examples": self.examples,
            "defective": self.defective,
            "bad": self.bad,
            "repaired": self.repaired,
            "long": self.long,
            "findings": {
                slug: {
                    "severity": DEFECTS[slug].severity,
                    "count": self.counts[slug],
                    "rejecting": self.certain[slug],
                }
                for slug in DEFECTS
                if self.counts[slug]
            },
            "evidence": [
                {
                    "slug": slug,
                    "where": one.where,
                    "field": one.finding.field,
                    "evidence": one.finding.evidence,
                }
                for slug in DEFECTS
                for one in self.shown.get(slug, ())
            ],
        }

    def lines(self) -> Iterator[str]:
        share = f" ({self.defective / self.examples:.1%})" if self.examples else ""
        yield f"{self.examples:,} examples, {self.defective:,} with a finding{share}" + (
            f", {self.bad:,} records are no example" if self.bad else ""
        )
        if self.long:
            yield f"{self.long:,} examples have a field so long that its middle was looked at by few checks"
        for slug, defect in DEFECTS.items():
            if count := self.counts[slug]:
                yield f"{count:>9,}  {slug:<20}{defect.severity:<9}{defect.meaning}"
                for one in self.shown[slug]:
                    yield f"{'':>11}{one.where}, {one.finding.field}: {one.finding.evidence}"


def chosen(only: Collection[str], ignore: Collection[str]) -> frozenset[str]:
    """The slugs that are looked for. Raises UserError for one that there is not."""
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
    progress: Progress = lambda done, size, read: None,
) -> Survey:
    """Checks the examples of a file, or of a run's directory, in any form that `records` reads, with fields named as Alpaca's.

    out: where a copy goes with what has one right repair repaired. Every other field stays as it is.
    every: where each finding goes, one record each.
    Raises UserError. Memory: the texts of all examples, for finding duplicates.
    """
    source = Source(_file(path), format)
    _keep_apart(path, out, every)
    across = Across(near="near_duplicate" in slugs) if ACROSS & set(slugs) else None
    found = Survey()
    with ExitStack() as stack:
        write = (
            stack.enter_context(writing(out, format if out == STDIO else None))
            if out is not None
            else None
        )
        tell = stack.enter_context(writing(every)) if every is not None else None
        for number, record in enumerate(stack.enter_context(closing(iter(source))), 1):
            if number % _STEP == 0:
                progress(source.done, source.size, number)
            row = record if isinstance(record, Bad) else _row(record)
            if isinstance(row, Bad):
                found.bad += 1
                if number == 1:
                    raise UserError(f"{source.name}:{row.where}: {row.why}")
                if write and isinstance(record, Record):
                    write(record)
            else:
                seen = findings(row, slugs) + [
                    one for one in (across.findings(row) if across else []) if one.slug in slugs
                ]
                found.take(record.where, seen)
                found.long += shortened_row(row) is not row
                mended = _mended(row, seen, slugs)
                found.repaired += mended != row
                if tell:
                    for one in seen:
                        tell(_told(record.where, one))
                if write and isinstance(record, Record):
                    write(record if mended == row else _written(record, row, mended))
        progress(source.size, source.size, found.examples)
    if not found.examples:
        raise UserError(f"{source.name}: holds no example; each needs 'instruction' and 'output'")
    return found


def _keep_apart(path: str, *written: str | None) -> None:
    """Raises UserError where a file would be written over that is read, or twice."""
    places = [Path(_file(path)).resolve()] if path != STDIO else []
    for one in written:
        if one is None or one == STDIO:
            continue
        if Path(one).resolve() in places:
            raise UserError(
                f"{one}: is the input, or written to already, and never overwritten; choose another place to write to"
            )
        places.append(Path(one).resolve())


def _told(where: int, one: Finding) -> Record:
    """A finding as the file of all of them has it. `rejects`: by it `generate` would drop the example unless told otherwise."""
    fields = {
        "slug": one.slug,
        "severity": one.severity,
        "field": one.field,
        "evidence": one.evidence,
    }
    return Record(
        where,
        {
            "where": where,
            **fields,
            "rejects": rejects(one, "certain"),
            "repairable": one.fix is not None,
        },
    )


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
        return Bad(
            record.where,
            f"no example: {'no ' + missing[0] if missing else 'a field is no text'}; each has 'instruction', 'input', 'output'",
        )
    label = fields.get("is_classification")
    return Row(**texts, is_classification=label if isinstance(label, bool) else None)  # type: ignore[arg-type]  # looked at above


def _mended(row: Row, seen: list[Finding], slugs: Collection[str]) -> Row:
    for _ in range(_ROUNDS):
        if not any(one.fix is not None for one in seen):
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
