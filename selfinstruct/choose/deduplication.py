"""The novelty filter for any dataset: near-duplicates go (paper, section 2.2), or are marked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfinstruct.choose.comparison import Apart, Comparison, Together
from selfinstruct.choose.identity import EXACT, Identity, Turns
from selfinstruct.choose.marks import marked
from selfinstruct.choose.pool import Pool
from selfinstruct.errors import UserError
from selfinstruct.records import STDIO, Bad, OnRead, Record, Source, Write, writing
from selfinstruct.records.columnar import schema_of
from selfinstruct.records.reading import examples_of
from selfinstruct.similarity import Match

_STEP = 1000  # records between two calls of `progress`
_MUCH = 0.05  # of the records that one text takes: more deserves a warning


@dataclass(frozen=True, slots=True)
class Dedupe:
    """The settings of `selfinstruct dedupe`, with every default."""

    # Without any, the whole prompt. Several are compared jointly. "instruction=question" names the
    # column of a part of the prompt.
    fields: tuple[str, ...] = ()
    each: bool = False  # compare each field separately: one that resembles is enough
    turns: Turns = "all"  # of a chat, that are compared: all, the user's first or last
    threshold: float = 0.7  # rejected if ROUGE-L F is above
    tokenizer: str = "unicode"
    mark: bool = False  # write the verdict into the record, instead of dropping it
    skip_bad: bool = False  # count unreadable records and pass over them, instead of stopping
    format: str | None = None  # of the inputs, instead of the format that their names tell
    processes: int = 0  # that search; 0: as many as there are cores, at most 4


@dataclass(frozen=True, slots=True)
class Taken:
    """The text that takes most records as its near-duplicates, if they are many."""

    records: int
    share: float  # of all records that were read
    text: str
    place: str  # "FILE:NUMBER"


@dataclass(frozen=True, slots=True)
class DedupeCounts:
    """The counts of the records: read = kept + near_duplicates + bad."""

    read: int = 0
    kept: int = 0
    near_duplicates: int = 0
    bad: int = 0
    against: int = 0  # texts that were compared with and not written
    tokenless: int = 0  # kept without a comparison: the tokenizer finds nothing in the text
    taken: Taken | None = field(default=None, compare=False)
    unused: tuple[str, ...] = field(default=(), compare=False)  # columns of no prompt


def dedupe(
    inputs: Sequence[str],
    out: str,
    config: Dedupe,
    *,
    against: Sequence[str] = (),
    against_fields: tuple[str, ...] = (),
    rejected: str | None = None,
    progress: OnRead = lambda done, size, read: None,
) -> DedupeCounts:
    """Copies the records of the inputs to `out`, in order, without near-duplicates.

    A near-duplicate resembles an earlier record or a record of `against`. The path "-" is a
    standard stream. against_fields: the fields of the texts in `against`, if not those of the
    inputs. rejected: a file for the other records, with reason, nearest neighbour and score.
    Raises UserError naming file and line, and leaves no output then. Memory: an index of kept texts.
    """
    _check(config, inputs, against, out, rejected)
    others = [Source(path) for path in against]
    sources = [Source(path, config.format) for path in inputs]
    every = [*others, *sources]
    size = sum(source.size for source in every)
    identity = Identity(config.fields, config.turns)
    theirs = identity.of_others(against_fields) if against_fields else identity
    with ExitStack() as stack:
        keep = stack.enter_context(_writing(out, config, sources))
        reject = stack.enter_context(writing(rejected)) if rejected else None
        pool = Pool(_compared(config, identity), config.tokenizer, config.processes)
        copy = _Copy(config, pool, keep, reject)
        for source, record, text in _texts(others, theirs, config.skip_bad, stack):
            copy.compare_with(source, record, text)
        entries = pool.reading(_texts(sources, identity, config.skip_bad, stack), _items)
        for source, record, text in stack.enter_context(closing(entries)):
            copy.take(source, record, text)
            if copy.counts["read"] % _STEP == 0:
                progress(sum(each.done for each in every), size, copy.counts["read"])
        for name in inputs:
            identity.check_named(name)
        progress(size, size, copy.counts["read"])
    return copy.summary(identity)


def _writing(out: str, config: Dedupe, sources: Sequence[Source]) -> AbstractContextManager[Write]:
    """The copy; in Parquet with the schema of the sources, where all are Parquet."""
    is_parquet = out.lower().endswith(".parquet")
    if is_parquet and all(source.format == "parquet" for source in sources):
        return writing(out, schema=schema_of([source.path for source in sources]))
    return writing(out, config.format if out == STDIO else None)


def _compared(config: Dedupe, identity: Identity) -> Comparison:
    if config.each:
        return Apart(config.tokenizer, config.threshold, len(identity.fields))
    return Together(config.tokenizer, config.threshold, () if identity.fields else EXACT)


class _Copy:
    """The comparison of each record with the texts before, and where the record goes."""

    def __init__(self, config: Dedupe, pool: Pool, keep: Write, reject: Write | None) -> None:
        self.counts: Counter[str] = Counter()  # by the names of `DedupeCounts`
        self._marks, self._pool = config.mark, pool
        self._keep, self._reject = keep, reject
        self._taken: Counter[int] = Counter()  # records by the neighbour that took them
        self._widest: Match | None = None

    def compare_with(self, source: Source, record: Record | Bad, texts: Sequence[str]) -> None:
        """Takes in a text that is not copied."""
        if not isinstance(record, Bad):
            self._pool.add(texts, source, record)
            self.counts["against"] += 1

    def take(self, source: Source, record: Record | Bad, texts: tuple[str, ...]) -> None:
        """Keeps, marks or rejects a record."""
        self.counts["read"] += 1
        if isinstance(record, Bad):
            self.counts["bad"] += 1
            if self._reject is not None:
                self._reject(_rejection(source, record, reason="bad_record", detail=record.why))
        elif neighbour := self._pool.nearest(texts):
            self._drop(source, record, texts, neighbour)
        else:
            self.counts["kept"] += 1
            self.counts["tokenless"] += self._pool.add(texts, source, record)
            self._keep(marked(record) if self._marks else record)

    def _drop(self, source: Source, record: Record, texts: Sequence[str], neighbour: Match) -> None:
        self.counts["near_duplicates"] += 1
        self._taken[neighbour.position] += 1
        if self._widest is None or (
            self._taken[neighbour.position] > self._taken[self._widest.position]
        ):
            self._widest = neighbour
        if not self._marks and self._reject is None:
            return
        place = self._pool.place(neighbour.position)
        if self._marks:
            self._keep(marked(record, place, neighbour.score))
        if self._reject is None:
            return
        why = {
            "reason": "near_duplicate",
            "text": _joined(texts),
            "score": neighbour.score,
            "nearest": neighbour.text,
            "nearest_source": place,
        }
        self._reject(_rejection(source, record, **why, record=record.fields))

    def summary(self, identity: Identity) -> DedupeCounts:
        unused = tuple(identity.unused()) if not identity.fields else ()
        taken, widest = None, self._widest
        if widest is not None:
            records = self._taken[widest.position]
            share = records / self.counts["read"]
            if records > 1 and share > _MUCH:
                taken = Taken(records, share, widest.text, self._pool.place(widest.position))
        return DedupeCounts(**self.counts, taken=taken, unused=unused)


def _joined(texts: Sequence[str]) -> str:
    return "\n".join(text for text in texts if text)


def _check(
    config: Dedupe, inputs: Sequence[str], against: Sequence[str], out: str, rejected: str | None
) -> None:
    if not 0 <= config.threshold <= 1:
        raise UserError(
            f"threshold {config.threshold}: ROUGE-L goes from 0 to 1; the paper rejects above 0.7"
        )
    if config.processes < 0:
        raise UserError(f"processes {config.processes}: at least 1, or 0 for one a core")
    if config.each and len(Identity(config.fields).fields) < 2:
        raise UserError("--each needs several --field, each of which is then compared by itself")
    if [*inputs, *against].count(STDIO) > 1:
        raise UserError("- (standard input) can be read only once; give the other input as a file")
    read = {Path(examples_of(path)).resolve() for path in [*inputs, *against] if path != STDIO}
    written = [path for path in (out, rejected) if path is not None]
    for path in written:
        if path != STDIO and Path(path).resolve() in read:
            raise UserError(
                f"{path}: is an input and would be overwritten; choose another place to write to"
            )
    if len(written) > 1 and (out == rejected or Path(out).resolve() == Path(written[1]).resolve()):
        raise UserError(
            f"{out}: kept and rejected records cannot go to one place; "
            "choose another for one of them"
        )


def _texts(
    sources: Sequence[Source], identity: Identity, skip_bad: bool, stack: ExitStack
) -> Generator[tuple[Source, Record | Bad, tuple[str, ...]], None, None]:
    """Every record with the texts to compare; none for a bad record.

    Raises UserError at a bad record, unless such are skipped.
    """
    for source in sources:
        for record in stack.enter_context(closing(iter(source))):
            texts = record if isinstance(record, Bad) else identity.texts(record)
            if not isinstance(texts, Bad):
                yield source, record, texts
            elif skip_bad:
                yield source, texts, ()
            else:
                raise UserError(
                    f"{source.name}:{texts.where}: {texts.why}; "
                    "--skip-bad counts such records and passes over them"
                )


def _items(entry: tuple[Source, Record | Bad, tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The texts that will be searched: none of a bad record."""
    return [entry[2]] if entry[2] else []


def _rejection(source: Source, record: Record | Bad, /, **why: Any) -> Record:
    return Record(record.where, {"source": f"{source.name}:{record.where}", **why})
