"""The records of a run's file, turn by turn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.errors import UserError

Kind = TypeVar("Kind", Instruction, Example, Rejected)


class Reader(Generic[Kind]):
    """The records of a file. Raises UserError at a line that is none."""

    def __init__(self, file: BinaryIO, kind: type[Kind]) -> None:
        self._path = Path(file.name)
        self._kind: type[Kind] = kind
        self._lines = enumerate(file, 1)
        self._record: Kind | None = None
        self.raw: dict[str, Any] = {}  # the next record as JSON
        self.turn = -1
        self._advance()

    @property
    def is_at_end(self) -> bool:
        return self._record is None

    def of(self, turn: int) -> Iterator[Kind]:
        """The records of a turn, which are the next ones, if there are any."""
        while self._record is not None and self.turn <= turn:
            record = self._record
            self._advance()
            yield record

    def _advance(self) -> None:
        number, line = next(self._lines, (0, b""))
        if not line:
            self._record, self.raw, self.turn = None, {}, -1
            return
        try:
            # of bytes, json.loads would look for the encoding first
            self.raw = json.loads(line.decode("utf-8", "surrogatepass"))
            self._record = self._kind.from_record(self.raw)
            self.turn = int(_turn_of(self._record))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(
                f"{self._path}:{number}: damaged; 'selfinstruct resume {self._path.parent} "
                "--repair' builds the file anew"
            ) from None


def _turn_of(record: Instruction | Example | Rejected) -> int:
    return record.provenance["turn"] if isinstance(record, Example) else record.turn
