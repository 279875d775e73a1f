"""The novelty filter for any dataset: near-duplicates go (paper, section 2.2)."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.records import STDIO, Bad, OnRead, Record, Source, Write, writing
from selfinstruct.similarity import Match, RougeIndex, tokens

_STEP = 1000  # records between two calls of `progress`
_TRIAL = 100  # so many texts tell whether the tokenizer suits them


@dataclass(frozen=True, slots=True)
class Dedupe:
    """The settings of `selfinstruct dedupe`, with every default."""

    # Several fields are joined. A chat counts as its first user turn.
    fields: tuple[str, ...] = ("instruction",)
    threshold: float = 0.7  # rejected if ROUGE-L F is above
    tokenizer: str = "unicode"
    skip_bad: bool = False  # count unreadable records and pass over them, instead of stopping
    format: str | None = None  # of the inputs, instead of the format that their names tell


@dataclass(frozen=True, slots=True)
class DedupeCounts:
    """The counts of the records: read = kept + near_duplicates + bad."""

    read: int = 0
    kept: int = 0
    near_duplicates: int = 0
    bad: int = 0
    against: int = 0  # texts that were compared with and not written
    tokenless: int = 0  # kept without a comparison: the tokenizer finds nothing in the text


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
    Raises UserError naming file and line, and then leaves no output behind. Memory: the texts kept
    and their index.
    """
    _check(config, inputs, against, out, rejected)
    others = [Source(path) for path in against]
    sources = [Source(path, config.format) for path in inputs]
    size = sum(source.size for source in [*others, *sources])
    with ExitStack() as stack:
        keep = stack.enter_context(writing(out, config.format if out == STDIO else None))
        reject = stack.enter_context(writing(rejected)) if rejected else _nowhere
        copy = _Copy(config, keep, reject)
        fields = against_fields or config.fields
        texts = stack.enter_context(closing(_texts(others, fields, config.skip_bad)))
        for source, record, text in texts:
            copy.compare_with(source, record, text)
        texts = stack.enter_context(closing(_texts(sources, config.fields, config.skip_bad)))
        for source, record, text in texts:
            copy.take(source, record, text)
            if copy.counts["read"] % _STEP == 0:
                done = sum(source.done for source in [*others, *sources])
                progress(done, size, copy.counts["read"])
        progress(size, size, copy.counts["read"])
    return DedupeCounts(**copy.counts)


class _Copy:
    """The comparison of each record with the texts before, and where the record goes."""

    def __init__(self, config: Dedupe, keep: Write, reject: Write) -> None:
        self.counts: Counter[str] = Counter()  # by the names of `DedupeCounts`
        self._threshold = config.threshold
        self._pool = _Pool(config.tokenizer)
        self._keep, self._reject = keep, reject

    def compare_with(self, source: Source, record: Record | Bad, text: str) -> None:
        """Takes in a text that is not copied."""
        if not isinstance(record, Bad):
            self._pool.add(text, source, record)
            self.counts["against"] += 1

    def take(self, source: Source, record: Record | Bad, text: str) -> None:
        """Keeps or rejects a record."""
        self.counts["read"] += 1
        if isinstance(record, Bad):
            self.counts["bad"] += 1
            self._reject(_rejection(source, record, reason="bad_record", detail=record.why))
        elif match := self._pool.index.nearest(text, above=self._threshold):
            self.counts["near_duplicates"] += 1
            neighbour = self._pool.neighbour(match)
            why = {"reason": "near_duplicate", "text": text, **neighbour, "record": record.fields}
            self._reject(_rejection(source, record, **why))
        else:
            self.counts["kept"] += 1
            self.counts["tokenless"] += self._pool.add(text, source, record)
            self._keep(record)


def _check(
    config: Dedupe, inputs: Sequence[str], against: Sequence[str], out: str, rejected: str | None
) -> None:
    if not 0 <= config.threshold <= 1:
        raise UserError(
            f"threshold {config.threshold}: ROUGE-L goes from 0 to 1; the paper rejects above 0.7"
        )
    if [*inputs, *against].count(STDIO) > 1:
        raise UserError("- (standard input) can be read only once; give the other input as a file")
    read = {Path(path).resolve() for path in [*inputs, *against] if path != STDIO}
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
    sources: Sequence[Source], fields: tuple[str, ...], skip_bad: bool
) -> Generator[tuple[Source, Record | Bad, str], None, None]:
    """Every record with the text to compare; "" for a bad record."""
    for source in sources:
        with closing(iter(source)) as records:
            for record in records:
                text: str | Bad = record if isinstance(record, Bad) else _text(record, fields)
                if isinstance(text, str):
                    yield source, record, text
                elif skip_bad:
                    yield source, text, ""
                else:
                    raise UserError(
                        f"{source.name}:{text.where}: {text.why}; "
                        "--skip-bad counts such records and passes over them"
                    )


def _text(record: Record, fields: tuple[str, ...]) -> str | Bad:
    """The texts of the named fields, a line each."""
    texts = []
    for name in fields:
        if name not in record.fields:
            there = ", ".join(map(str, record.fields)) or "none"
            return Bad(record.where, f"no field {name!r} (there are: {there}); say --field")
        value = record.fields[name]
        text = "" if value is None else value if isinstance(value, str) else _first_user_turn(value)
        if text is None:
            return Bad(
                record.where, f"field {name!r} is neither text nor a chat with a user's turn"
            )
        texts.append(text)
    return "\n".join(texts)


def _first_user_turn(chat: object) -> str | None:
    """The user's first text in a list of turns, OpenAI's (role, content) or ShareGPT's."""
    for turn in chat if isinstance(chat, list) else []:
        if isinstance(turn, dict) and turn.get("role", turn.get("from")) in ("user", "human"):
            said = turn.get("content", turn.get("value"))
            if isinstance(said, list):  # parts, of which some may be images
                said = "\n".join(
                    str(part["text"]) for part in said if isinstance(part, dict) and "text" in part
                )
            return said if isinstance(said, str) else None
    return None


class _Pool:
    """The index of the texts so far, and the place of each."""

    def __init__(self, tokenizer: str) -> None:
        self.index = RougeIndex(tokenizer)
        self._lines = array("q")
        self._firsts: list[int] = []  # the position of each source's first text
        self._sources: list[Source] = []
        self._foreign = 0

    def add(self, text: str, source: Source, record: Record) -> bool:
        """Takes in a text; True if the tokenizer finds nothing there.

        Raises UserError if the tokenizer finds nothing in most texts.
        """
        before = self.index.tokenless
        position = self.index.add(text)
        if not self._sources or self._sources[-1] is not source:
            self._sources.append(source)
            self._firsts.append(position)
        self._lines.append(record.where)
        tokenless = self.index.tokenless > before
        if tokenless and tokens(text, "unicode"):  # not blank: the tokenizer is blind to its script
            self._foreign += 1
            if position >= _TRIAL and 2 * self._foreign > position:
                raise UserError(
                    f"{source.name}:{record.where}: {self._foreign} of {position + 1} texts "
                    f"have no tokens under the tokenizer {self.index.tokenizer!r}, "
                    "so that nothing is ever like them; use --tokenizer unicode"
                )
        return tokenless

    def neighbour(self, match: Match) -> dict[str, Any]:
        """The fields of a match in the file of rejected records."""
        source = self._sources[bisect_right(self._firsts, match.position) - 1]
        return {
            "score": match.score,
            "nearest": match.text,
            "nearest_source": f"{source.name}:{self._lines[match.position]}",
        }


def _rejection(source: Source, record: Record | Bad, /, **why: Any) -> Record:
    return Record(record.where, {"source": f"{source.name}:{record.where}", **why})


def _nowhere(record: Record) -> None:
    pass
