"""completions.jsonl: every reply, written down before use. A reply on record is never bought again.

A line has "model" only where the reply comes from another model than the run's main one. A line
with "error" is a request that was lost. A later line of the same key takes its place.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from selfinstruct.errors import UserError
from selfinstruct.models import Completion, Request, Usage
from selfinstruct.models.disk import disk_errors, error_of_disk
from selfinstruct.models.money.meter import Meter
from selfinstruct.runs.hashes import Hashed
from selfinstruct.runs.journal import Journal
from selfinstruct.text import to_json

# Of every line. The key follows, so that a line is found again without being parsed.
_START = b'{"key": "'
_KEY = slice(len(_START), len(_START) + 32)
_COUNTS = frozenset(Usage.__slots__)
_PARTS_OF_USAGE = tuple(Usage.__slots__)[2:]  # after the prompt's and the completion's tokens
_ERROR = b'"error": '  # no text can hold it: its quotes are escaped
_decode = json.JSONDecoder().raw_decode


class Completions:
    """A Record (models/record.py) in a file.

    In memory are keys and offsets, some 150 bytes a reply; the texts are on disk.
    """

    def __init__(
        self,
        path: Path,
        meter: Meter,
        noted: Mapping[str, Any] | None = None,
        hashed: Hashed | None = None,
        *,
        skip_broken: bool = False,
        read_only: bool = False,
    ) -> None:
        """Count the file's replies in `meter`, which knows the run's main model.

        `noted`: an earlier `note()` of the file, whose digest is known to be right still. Only the
        lines behind it are parsed. Raises UserError at a line that is no completion, unless
        `skip_broken`.
        """
        self.path, self._meter = path, meter
        self._journal = Journal(path, hashed, read_only=read_only)
        self._offsets: dict[bytes, int] = {}
        self._lost: dict[bytes, str] = {}  # the places of lost requests
        self._counted = Meter(model=meter.model)  # the replies of the file
        self._is_whole = True  # every line of the file is a reply, and counted
        self._tokens: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))  # by model
        start, before = 0, 0
        if noted is not None and "replies" in noted:
            start, before = self._find(noted["size"], Meter.from_record(noted["replies"]))
        for number, (offset, line) in enumerate(self._journal.lines(start), before + 1):
            read = _read(line)
            if read is not None:
                self._take(line[_KEY], offset, read)
            elif skip_broken:
                self._is_whole = False
            else:
                raise UserError(
                    f"{path}:{number}: damaged; "
                    "restore the file, or add --repair to buy this one reply again"
                )
        for model, counts in self._tokens.items():
            self._counted.pay(Usage(**counts), model)
        meter.add_replies(self._counted)

    def _find(self, size: int, counted: Meter) -> tuple[int, int]:
        """Find the replies in the first `size` bytes, which `counted` has counted.

        Returns where they end, and their number of lines.
        """
        number = 0
        for offset, line in self._journal.lines():
            if offset >= size:
                break
            number += 1
            key = line[_KEY]
            if self._lost:
                self._replace(key)
            self._offsets.setdefault(key, offset)
            if _ERROR in line and (read := _read(line)) and read.is_lost:
                self._lost[key] = read.place
        counted.model = self._meter.model
        self._counted = counted
        return size, number

    def _take(self, key: bytes, offset: int, read: _Read) -> None:
        """Count the reply of a line."""
        counted = self._counted
        if self._lost and self._replace(key):
            counted.requests -= 1
            counted.failed -= 1
        self._offsets.setdefault(key, offset)
        counted.requests += 1
        if read.is_lost:
            counted.failed += 1
            self._lost[key] = read.place
        counts = self._tokens[read.model]
        for name, count in read.usage.items():
            counts[name] += count

    def _replace(self, key: bytes) -> bool:
        """Forget a lost request that a later line of the file has again; False: no such."""
        if key not in self._lost:
            return False
        del self._lost[key], self._offsets[key]
        return True

    def _forget(self, key: bytes) -> None:
        del self._lost[key], self._offsets[key]
        self._meter.requests -= 1
        self._meter.failed -= 1

    def forget_lost(self, keeps: Callable[[str], bool]) -> int:
        """Forget the lost requests but for those at a place that `keeps` holds; return how many.

        The file stays as it is: where nothing is bought anew, the requests are lost again the next
        time that the file is opened.
        """
        found = [key for key, place in self._lost.items() if not keeps(place)]
        for key in found:
            self._forget(key)
        self._is_whole = self._is_whole and not found
        return len(found)

    @property
    def lost(self) -> int:
        """Requests that failed for good."""
        return len(self._lost)

    def __len__(self) -> int:
        return len(self._offsets)

    def __contains__(self, key: str) -> bool:
        return key.encode() in self._offsets

    def get(self, key: str) -> Completion | None:
        offset = self._offsets.get(key.encode())
        if offset is None:
            return None
        record = json.loads(self._journal.read(offset))
        return _completion(record, record["text"])

    def put(self, key: str, request: Request, completion: Completion, seconds: float) -> None:
        """Raises NoRoom or UserError if the file cannot grow."""
        other = self._meter.other(request.model)
        line = _line(key, request, completion, other, seconds)
        self._offsets[key.encode()] = append(self._journal, line)
        self._counted.take(completion, other)
        if completion.error is not None:
            self._lost[key.encode()] = request.place

    def note(self) -> dict[str, Any]:
        """The file as it stands, for checkpoint.json: its size, its digest and its replies.

        Without the replies where a line is damaged or a lost request is to be asked for again:
        the file is then read as a whole when it is opened again.
        """
        found: dict[str, Any] = {"size": self._journal.size, "sha256": self._journal.digest()}
        return {**found, "replies": self._counted.to_record()} if self._is_whole else found

    def sync(self) -> None:
        """Raises NoRoom or UserError."""
        with disk_errors(self.path):
            self._journal.sync()

    def close(self) -> None:
        self._journal.close()


def append(journal: Journal, line: str) -> int:
    """`Journal.append` that raises NoRoom for a full disk, and UserError for a failing disk."""
    try:
        return journal.append(line)
    except OSError as error:
        raise error_of_disk(error, journal.path) from None


class _Read(NamedTuple):
    """A line but for its texts. model: "" for the main model."""

    place: str
    model: str
    usage: dict[str, int]
    is_lost: bool


def _read(line: bytes) -> _Read | None:
    """None for a line that is no completion."""
    if not line.startswith(_START):
        return None
    try:
        text = line.decode("utf-8", "surrogatepass")
        record, end = _decode(text)
        usage, model = record["usage"], record.get("model", "")
        is_whole = usage.keys() <= _COUNTS and not text[end:].strip()
        if is_whole and isinstance(record["text"], str) and isinstance(model, str):
            record["stage"], record["finish_reason"]  # every completion has them
            return _Read(
                str(record.get("place", "")), model, usage, record.get("error") is not None
            )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return None


def _completion(record: Mapping[str, Any], text: str) -> Completion:
    usage = Usage(**record["usage"])
    return Completion(
        text, record["finish_reason"], usage, record.get("error"), record.get("reasoning", "")
    )


def _line(key: str, request: Request, completion: Completion, other: str, seconds: float) -> str:
    """A line, as `to_json` writes it; put together, which takes half the time."""
    model = f', "model": {to_json(other)}' if other else ""
    reasoning = f', "reasoning": {to_json(completion.reasoning)}' if completion.reasoning else ""
    error = "" if completion.error is None else f', "error": {to_json(completion.error)}'
    stage, place, text = to_json(request.stage), to_json(request.place), to_json(completion.text)
    return (
        f'{{"key": "{key}", "stage": {stage}, "place": {place}{model}, "text": {text}{reasoning}, '
        f'"finish_reason": {to_json(completion.finish_reason)}, '
        f'"usage": {_usage(completion.usage)}{error}, '
        f'"seconds": {round(seconds, 3)}, "at": {round(time.time(), 3)}}}'
    )


def _usage(usage: Usage) -> str:
    """Prompt and completion always; their parts, which few servers tell, only if not 0."""
    named = ((name, getattr(usage, name)) for name in _PARTS_OF_USAGE)
    parts = [f', "{name}": {count}' for name, count in named if count]
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    return f'{{"prompt_tokens": {prompt}, "completion_tokens": {completion}{"".join(parts)}}}'
