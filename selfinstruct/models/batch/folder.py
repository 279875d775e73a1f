"""A round's folder: the keys of its requests, and the replies as far as they have come.

Files may grow while they are read, end in half a line, or hold lines that are no replies.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from selfinstruct.models.batch.lines import Line, parsed

REQUESTS, REPLIES = "requests-{:04}.jsonl", "replies-{}.jsonl"
CLOSED = "closed"
_MOST_NAMED = 5  # faults of a file that are named singly


@dataclass(slots=True)
class _Read:
    """How far a file of replies has been read. faults: lines so far that are no replies."""

    inode: int
    offset: int = 0
    lines: int = 0
    faults: int = 0


class RoundFolder:
    """The files of a round. `read` takes in all lines that are new.

    answered: keys with a reply. failed: keys with nothing but errors so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answered: set[str] = set()
        self.failed: set[str] = set()
        self._read: dict[str, _Read] = {}  # by name of the file

    @cached_property
    def keys(self) -> frozenset[str]:
        return frozenset(key for file in self.requests for key in keys_of(file))

    @property
    def requests(self) -> list[Path]:
        return sorted(self.path.glob(REQUESTS.format(0).replace("0000", "*")))

    @property
    def replies(self) -> list[Path]:
        return sorted(self.path.glob(REPLIES.format("*")))

    @property
    def closed(self) -> str | None:
        """Why no more replies are wanted; None while they are."""
        try:
            return (self.path / CLOSED).read_text("utf-8", "replace")
        except OSError:
            return None

    @property
    def missing(self) -> int:
        """Requests without a reply and without an error."""
        return len(self.keys) - len(self.answered) - len(self.failed)

    def read(self) -> list[str]:
        """Read the new lines. Returns the faults among them, each with its place.

        A file that is gone takes its replies along, and the others are read anew.
        """
        if self._read.keys() - {path.name for path in self.replies}:
            self._read, self.answered, self.failed = {}, set(), set()
        return [fault for path in self.replies for fault in self._read_file(path)]

    def _read_file(self, path: Path) -> Iterator[str]:
        with contextlib.suppress(OSError), path.open("rb") as file:
            inode = path.stat().st_ino
            state = self._read.get(path.name)
            if state is None or state.inode != inode or path.stat().st_size < state.offset:
                state = self._read[path.name] = _Read(inode)  # new, or written anew
            file.seek(state.offset)
            for line in file:
                if not line.endswith(b"\n") and parsed(line) is None:
                    return  # half a line
                state.offset += len(line)
                state.lines += 1
                fault = self._take(line)
                if fault:
                    state.faults += 1
                    if state.faults <= _MOST_NAMED:
                        yield f"{path.name}:{state.lines}: {fault}; passed over"
                    elif state.faults == _MOST_NAMED + 1:
                        yield f"{path.name}: more such lines; the rest is not named"

    def _take(self, text: bytes) -> str:
        """Count a line. Returns the fault of a line that is no reply to a request; "" if none."""
        if not text.strip():
            return ""
        record = parsed(text)
        line = Line.of(record) if isinstance(record, dict) else None
        if line is None:
            return "not JSON" if record is None else "no reply (it has no custom_id)"
        if line.key not in self.keys:
            return f"custom_id {line.key[:40]!r} is none of this round's requests"
        if line.is_answered:
            self.answered.add(line.key)
            self.failed.discard(line.key)
        elif line.key not in self.answered:
            self.failed.add(line.key)
        return ""


def keys_of(path: Path) -> list[str]:
    """The keys in a file of requests, in order. Half a line at the end is passed over."""
    with path.open("rb") as file:
        records = (parsed(line) for line in file)
        return [record["custom_id"] for record in records if is_request(record)]


def is_request(record: Any) -> bool:
    return isinstance(record, dict) and isinstance(record.get("custom_id"), str)


def rounds_in(home: Path) -> Iterator[RoundFolder]:
    """The rounds of a folder, the oldest first. home: a run's directory, or a folder of rounds."""
    for folder in sorted((home, *home.rglob("rounds"))):
        if folder.name == "rounds" and folder.is_dir():
            numbered = (path for path in folder.iterdir() if path.name.isdecimal())
            yield from map(RoundFolder, sorted(numbered, key=lambda path: int(path.name)))
