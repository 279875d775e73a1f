"""The novelty filter (paper, section 2.2) for any dataset: keep a record unless its text is too similar to one before it."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.records import STDIO, Bad, Record, Source, writing
from selfinstruct.similarity import Match, RougeIndex, tokens

Progress = Callable[[int, int, int], None]
"""Called as the work goes on: bytes read, bytes in all (0: unknown), records read."""

_STEP = 1000  # records between two calls of `Progress`
_TRIAL = 100  # so many texts tell whether the tokenizer suits them


@dataclass(frozen=True, slots=True)
class Dedupe:
    """What to compare and when to reject; every default of `selfinstruct dedupe` is here."""

    fields: tuple[str, ...] = (
        "instruction",
    )  # several are joined; a chat counts as its first user turn
    threshold: float = 0.7  # rejected if ROUGE-L F is above it
    tokenizer: str = "unicode"
    skip_bad: bool = False  # count and pass over what cannot be read, instead of stopping
    format: str | None = None  # of the inputs, instead of what their names say


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the records: read = kept + near_duplicates + bad."""

    read: int
    kept: int
    near_duplicates: int
    bad: int
    against: int  # texts that were compared with and not written
    tokenless: int  # kept without a comparison, since the tokenizer finds nothing in them


def dedupe(
    inputs: Sequence[str],
    out: str,
    config: Dedupe,
    *,
    against: Sequence[str] = (),
    against_fields: tuple[str, ...] = (),
    rejected: str | None = None,
    progress: Progress = lambda done, size, read: None,
) -> Outcome:
    """Copies the records of the inputs to `out`, in order, but for near-duplicates of an earlier one or of `against`.

    Paths: "-" is a standard stream. against_fields: where the other files keep the text, if not where the inputs do.
    rejected: a file for every record that is not copied, with the reason, what it resembles and how much.
    Raises UserError naming file and line, and then leaves no output behind. Memory: the texts kept and their index.
    """
    _check(config, inputs, against, out, rejected)
    others, sources = (
        [Source(path) for path in against],
        [Source(path, config.format) for path in inputs],
    )
    size = sum(source.size for source in [*others, *sources])
    pool, counts = (
        _Pool(config),
        dict.fromkeys(("read", "kept", "near_duplicates", "bad", "against", "tokenless"), 0),
    )
    with ExitStack() as stack:
        keep = stack.enter_context(writing(out, config.format if out == STDIO else None))
        reject = stack.enter_context(writing(rejected)) if rejected else _nowhere
        for source, record, text in stack.enter_context(
            closing(_texts(others, against_fields or config.fields, config.skip_bad))
        ):
            if not isinstance(record, Bad):
                pool.add(text, source, record)
                counts["against"] += 1
        for source, record, text in stack.enter_context(
            closing(_texts(sources, config.fields, config.skip_bad))
        ):
            counts["read"] += 1
            if counts["read"] % _STEP == 0:
                progress(sum(one.done for one in [*others, *sources]), size, counts["read"])
            if isinstance(record, Bad):
                counts["bad"] += 1
                reject(_rejection(source, record, reason="bad_record", detail=record.why))
            elif match := pool.index.nearest(text, above=config.threshold):
                counts["near_duplicates"] += 1
                reject(
                    _rejection(
                        source,
                        record,
                        reason="near_duplicate",
                        text=text,
                        **pool.told(match),
                        record=record.fields,
                    )
                )
            else:
                counts["kept"] += 1
                counts["tokenless"] += pool.add(text, source, record)
                keep(record)
        progress(size, size, counts["read"])
    return Outcome(**counts)


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
            f"{out}: kept and rejected records cannot go to one place; choose another for one of them"
        )


def _texts(
    sources: Sequence[Source], fields: tuple[str, ...], skip_bad: bool
) -> Generator[tuple[Source, Record | Bad, str], None, None]:
    """Every record with the text to compare ("" for a bad one)."""
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
                        f"{source.name}:{text.where}: {text.why}; --skip-bad counts such records and passes over them"
                    )


def _text(record: Record, fields: tuple[str, ...]) -> str | Bad:
    """The text in the named fields, one line each."""
    texts = []
    for name in fields:
        if name not in record.fields:
            return Bad(
                record.where,
                f"no field {name!r} (there are: {', '.join(map(str, record.fields)) or 'none'}); say --field",
            )
        value = record.fields[name]
        text = "" if value is None else value if isinstance(value, str) else _first_user_turn(value)
        if text is None:
            return Bad(
                record.where, f"field {name!r} is neither text nor a chat with a user's turn"
            )
        texts.append(text)
    return "\n".join(texts)


def _first_user_turn(chat: object) -> str | None:
    """What the user says first in a list of turns as OpenAI (role, content) or ShareGPT (from, value) writes them."""
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
    """The index, and for each text in it where it was read."""

    def __init__(self, config: Dedupe) -> None:
        self.index = RougeIndex(config.tokenizer)
        self._lines = array("q")
        self._firsts: list[int] = []  # the position of each source's first text
        self._sources: list[Source] = []
        self._foreign = 0

    def add(self, text: str, source: Source, record: Record) -> bool:
        """Takes in a text; True if the tokenizer finds nothing in it. Raises UserError where it finds nothing in most texts."""
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
                    f"{source.name}:{record.where}: {self._foreign} of {position + 1} texts have no tokens under the tokenizer "
                    f"{self.index.tokenizer!r}, so that nothing is ever like them; use --tokenizer unicode"
                )
        return tokenless

    def told(self, match: Match) -> dict[str, Any]:
        """A match as the file of rejected records has it."""
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
