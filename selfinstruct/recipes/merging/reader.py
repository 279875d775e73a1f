"""The lines of a run's file, turn by turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from selfinstruct.errors import UserError


class Reader:
    """The records of a file. Raises UserError at a line that is none."""

    def __init__(self, file: BinaryIO, turn_of: Callable[[dict[str, Any]], int]) -> None:
        self._path, self._turn_of = Path(file.name), turn_of
        self._lines = enumerate(file, 1)
        self._record: dict[str, Any] | None = None
        self.turn = -1
        self._advance()

    @property
    def is_at_end(self) -> bool:
        return self._record is None

    def of(self, turn: int) -> Iterator[dict[str, Any]]:
        """The records of a turn, which are the next ones, if there are any."""
        while self._record is not None and self.turn <= turn:
            record = self._record
            self._advance()
            yield record

    def _advance(self) -> None:
        number, line = next(self._lines, (0, b""))
        try:
            # of bytes, json.loads would look for the encoding first
            self._record = json.loads(line.decode("utf-8", "surrogatepass")) if line else None
            self.turn = -1 if self._record is None else int(self._turn_of(self._record))
        except (ValueError, KeyError, TypeError):
            raise UserError(
                f"{self._path}:{number}: damaged; 'selfinstruct resume {self._path.parent} "
                "--repair' builds the file anew"
            ) from None
