"""The records that others are compared with, and where each stands."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence

from selfinstruct.choose.comparison import Comparison
from selfinstruct.errors import UserError
from selfinstruct.records import Record, Source
from selfinstruct.similarity import Lookahead, tokens

_TRIAL = 100  # so many records tell whether the tokenizer suits them


class Pool:
    """The texts so far, and the place of each."""

    def __init__(self, compared: Comparison, tokenizer: str, processes: int) -> None:
        self._compared, self._tokenizer = compared, tokenizer
        ahead: Lookahead[tuple[str, ...]] = Lookahead(compared, processes)
        self.nearest, self.reading = ahead.nearest, ahead.reading
        self._lines = array("q")
        self._firsts: list[int] = []  # the number of each source's first record
        self._sources: list[Source] = []
        self._foreign = 0

    def add(self, texts: Sequence[str], source: Source, record: Record) -> bool:
        """Takes in a record; True if the tokenizer finds nothing in its texts.

        Raises UserError if the tokenizer finds nothing in most records.
        """
        number = len(self._lines)
        tokenless = self._compared.add(texts)
        if not self._sources or self._sources[-1] is not source:
            self._sources.append(source)
            self._firsts.append(number)
        self._lines.append(record.where)
        # not blank: the tokenizer is blind to its script
        if tokenless and any(tokens(text, "unicode") for text in texts):
            self._foreign += 1
            if number >= _TRIAL and 2 * self._foreign > number:
                raise UserError(
                    f"{source.name}:{record.where}: {self._foreign} of {number + 1} texts "
                    f"have no tokens under the tokenizer {self._tokenizer!r}, "
                    "so that nothing is ever like them; use --tokenizer unicode"
                )
        return tokenless

    def place(self, number: int) -> str:
        """The file and line of a record that was taken in."""
        source = self._sources[bisect_right(self._firsts, number) - 1]
        return f"{source.name}:{self._lines[number]}"
