"""completions.jsonl: every reply, written down before use. A reply on record is never bought again.

A line has "model" only where the reply comes from another model than the run's main one. A line
with "error" is a request that was lost. A later line of the same key takes its place.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.models import Completion, Request, Usage
from selfinstruct.models.disk import disk_errors, error_of_disk
from selfinstruct.models.money.meter import Meter
from selfinstruct.runs.journal import Journal
from selfinstruct.text import to_json

# Of every line. The key follows, so that a line is found again without being parsed.
_START = b'{"key": "'
_KEY = slice(len(_START), len(_START) + 32)
_PARTS_OF_USAGE = tuple(Usage.__slots__)[2:]  # after the prompt's and the completion's tokens


class Completions:
    """A Record (models/record.py) in a file.

    In memory are keys and offsets, some 150 bytes a reply; the texts are on disk.
    """

    def __init__(
        self, path: Path, meter: Meter, *, skip_broken: bool = False, read_only: bool = False
    ) -> None:
        """Count the file's replies in `meter`, which knows the run's main model.

        Raises UserError at a line that is no completion, unless `skip_broken`.
        """
        self.path, self._meter = path, meter
        self._journal = Journal(path, read_only=read_only)
        self._offsets: dict[bytes, int] = {}
        self._lost: dict[bytes, str] = {}  # the places of lost requests
        for number, (offset, line) in enumerate(self._journal.lines(), 1):
            read = _read(line)
            if read is not None:
                self._take(line[_KEY], offset, *read)
            elif not skip_broken:
                raise UserError(
                    f"{path}:{number}: damaged; "
                    "restore the file, or add --repair to buy this one reply again"
                )

    def _take(
        self, key: bytes, offset: int, stage: str, place: str, completion: Completion, model: str
    ) -> None:
        if key in self._lost:
            self._forget(key)
        self._offsets.setdefault(key, offset)
        if completion.error is not None:
            self._lost[key] = place
        self._meter.take(stage, completion, model)

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
        record = {
            "key": key,
            "stage": request.stage,
            "place": request.place,
            **({"model": other} if (other := self._meter.other(request.model)) else {}),
            "text": completion.text,
            **({"reasoning": completion.reasoning} if completion.reasoning else {}),
            "finish_reason": completion.finish_reason,
            "usage": _usage(completion.usage),
            **({} if completion.error is None else {"error": completion.error}),
            "seconds": round(seconds, 3),
            "at": round(time.time(), 3),
        }
        self._offsets[key.encode()] = append(self._journal, to_json(record))
        if completion.error is not None:
            self._lost[key.encode()] = request.place

    @property
    def size(self) -> int:
        """Bytes."""
        return self._journal.size

    def digest(self) -> str:
        """SHA-256 of the whole file, in hex."""
        return self._journal.digest()

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


def _read(line: bytes) -> tuple[str, str, Completion, str] | None:
    """The stage, the place, the completion without its text, the model ("" for the main model)."""
    try:
        record: dict[str, Any] = json.loads(line)
        if line.startswith(_START) and isinstance(record["text"], str):
            completion = _completion({**record, "reasoning": ""}, "")
            model = record.get("model", "")
            place = str(record.get("place", ""))
            return (record["stage"], place, completion, model) if isinstance(model, str) else None
    except (ValueError, KeyError, TypeError):
        return None
    return None


def _completion(record: Mapping[str, Any], text: str) -> Completion:
    usage = Usage(**record["usage"])
    return Completion(
        text, record["finish_reason"], usage, record.get("error"), record.get("reasoning", "")
    )


def _usage(usage: Usage) -> dict[str, int]:
    """Prompt and completion always; their parts, which few servers tell, only if not 0."""
    counts = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
    }
    for name in _PARTS_OF_USAGE:
        count = getattr(usage, name)
        if count:
            counts[name] = count
    return counts
