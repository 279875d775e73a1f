"""Records of several sources with the tasks in them, and which of the tasks are taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from selfinstruct.data.collected import Collected
from selfinstruct.data.examples import Layout
from selfinstruct.data.imported import Dropped, ImportedTask, Origin
from selfinstruct.errors import UserError
from selfinstruct.records.collected import file_of, fingerprint
from selfinstruct.records.formats import format_of
from selfinstruct.records.imported import Importer
from selfinstruct.records.prompts import named_columns
from selfinstruct.records.reading import Source
from selfinstruct.records.tokens import Tokenizer, sha256

_SHOWN = 200  # characters of a text in a message


@dataclass(frozen=True, slots=True)
class Survey:
    """What all records come to: the examples, and the fields of chats that their lines have."""

    records: int
    examples: int
    dropped: Counter[str]
    layout: Layout


class Admission:
    """Which rows are taken: of equal ones the first, and no chat that a rule of `drop` names."""

    def __init__(self, drop: Sequence[str]) -> None:
        self._same_id, self._same_pair = "same-id" in drop, "same-first-pair" in drop
        self._seen: dict[bytes, bytes] = {}  # keys of rows, with the key of their chat

    def reasons(self, task: ImportedTask) -> list[str | None]:
        """The reason to pass over each row of a task; tasks come in order."""
        return [self._why_not(row, task.origin) for row in task.rows]

    def _why_not(self, row: Collected, origin: Origin | None) -> str | None:
        """Parts of a chat are compared as parts of the whole: what a split repeats is no copy."""
        if not row.output:
            return "no_output"
        own = _digest("row", row.prompt_digest.hex(), row.output)
        chat = own
        if origin is not None and origin.part:
            chat = _digest("chat", origin.whole)
            own = _digest("part", origin.whole, str(origin.part))
        if own in self._seen:
            return "exact_duplicate"
        keys = {}
        if self._same_id and origin is not None:
            keys["same_id"] = _digest("id", row.id)
        if self._same_pair and origin is not None:
            keys["same_first_pair"] = _digest("pair", origin.first_pair)
        for reason, key in keys.items():
            if self._seen.get(key, chat) != chat:
                return reason
        self._seen |= {own: chat} | dict.fromkeys(keys.values(), chat)
        return None


def _digest(*texts: str) -> bytes:
    joined = "".join(f"{len(text)}:{text}" for text in texts)
    return blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(slots=True)
class Gathered:
    """The records of all sources in order, each as the tasks in it; read anew every time."""

    paths: tuple[str, ...]
    importer: Importer
    fingerprints: Sequence[str]
    _surveys: dict[tuple[str, ...], Survey] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Sequence[ImportedTask | Dropped]]:
        for path in self.paths:
            file = file_of(path)
            for record in Source(file, format_of(file, plain_text=True)):
                yield list(self.importer.read(record, path))

    def survey(self, drop: tuple[str, ...]) -> Survey:
        """Counts, from a whole iteration the first time. Raises UserError if nothing is there."""
        if drop not in self._surveys:
            self._surveys[drop] = self._surveyed(drop)
        return self._surveys[drop]

    def _surveyed(self, drop: tuple[str, ...]) -> Survey:
        admission, dropped = Admission(drop), Counter[str]()
        records, first, system, history = 0, "", False, list[bool]()
        for tasks in self:
            records += 1
            for task in tasks:
                if isinstance(task, Dropped):
                    dropped[task.reason] += 1
                    first = first or task.text
                    continue
                for row, reason in zip(task.rows, admission.reasons(task), strict=True):
                    if reason is not None:
                        dropped[reason] += 1
                        continue
                    system = system or bool(row.system)
                    history.append(bool(row.history))
        if not history:
            raise UserError(_nothing(self.paths, records, dropped, first))
        late = any(history) and not history[0]
        layout = Layout(system, any(history), history_is_text=late)
        return Survey(records, len(history), dropped, layout)

    def described(self, drop: tuple[str, ...]) -> Iterator[str]:
        """Lines of the plan."""
        found = self.survey(drop)
        yield f"  source       {', '.join(self.paths)}, {found.records:,} records"
        for reason, count in found.dropped.most_common():
            yield f"  left out     {count:,}, {reason}"


def _nothing(paths: Sequence[str], records: int, dropped: Counter[str], first: str) -> str:
    reasons = ", ".join(f"{reason} {count:,}x" for reason, count in dropped.most_common(3))
    shown = first if len(first) <= _SHOWN else f"{first[:_SHOWN]} ..."
    told = f" ({reasons}; the first: {shown})" if reasons else ""
    way = "name the columns with --field, or the shape with --as"
    if dropped and not set(dropped) - {"no_output"}:
        way = "records without an output are answered by 'selfinstruct respond'"
    where = ", ".join(Path(path).name for path in paths)
    return f"import: none of the {records:,} records of {where} can be an example{told}; {way}"


def gathered(config: Any) -> Gathered:
    """The sources that the settings name. Raises UserError."""
    prints = [fingerprint(path) for path in config.sources]
    count = None
    if config.tokenizer:
        count = Tokenizer(config.tokenizer).count
        prints.append(sha256(config.tokenizer))
    importer = Importer(
        *(config.shape, named_columns(config.fields), config.paths),
        short="short-output" in config.drop,
        digits="repeated-digits" in config.drop,
        count=count,
        most=config.split_tokens,
    )
    return Gathered(tuple(config.sources), importer, prints)
