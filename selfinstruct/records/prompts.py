"""Reads the prompts of a dataset, and notes the columns that are left over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.records.columns import PARTS, listed, plain_columns
from selfinstruct.records.shapes import Prompt, read_prompt
from selfinstruct.records.values import Place, Unreadable

_SHAPES = 1000  # sets of columns that are remembered
_TEXTS = ("system", "instruction", "input", "output")


class Prompts:
    """Reads prompts, and notes the columns that no prompt uses and those that were named in vain.

    named: columns by part. lenient, edition: see `read_prompt`.
    """

    def __init__(
        self, named: Mapping[str, str], *, lenient: bool = False, edition: int = 2
    ) -> None:
        self._named, self._lenient, self._edition = named, lenient, edition
        self._missing = dict(named)
        self._plain: dict[tuple[str, ...], tuple[str | None, ...] | None] = {}
        self._unused: dict[str, None] = {}
        self._columns: dict[str, None] = {}

    def read(self, record: Mapping[str, Any]) -> Prompt:
        """The prompt of a record. Raises Unreadable."""
        for part, column in list(self._missing.items()):
            if column in record:
                del self._missing[part]
        if self._missing:
            self._columns.update(dict.fromkeys(record))
        try:
            prompt = read_prompt(record, self._named, lenient=self._lenient, edition=self._edition)
        except RecursionError:
            raise Unreadable("nested too deeply") from None
        for name in record:
            if name not in prompt.used:
                self._unused[name] = None
        return prompt

    def plain_texts(self, record: Mapping[str, Any]) -> tuple[str, str, str, str] | None:
        """System message, instruction, input and output as they stand, "" for a missing text.

        None for a record whose values decide its shape, for values that are no texts, and for the
        first record with these columns: `read` is for all records, and takes several times as long.
        """
        names = tuple(record)
        if names not in self._plain:
            if len(self._plain) == _SHAPES:
                self._plain.clear()
            found = plain_columns(names, self._named)
            self._plain[names] = tuple(map(found.get, _TEXTS)) if found is not None else None
            return None
        columns = self._plain[names]
        if columns is None:
            return None
        own, asked, beside, said = columns
        system = (record[own] or "") if own is not None else ""
        instruction = (record[asked] or "") if asked is not None else ""
        given = (record[beside] or "") if beside is not None else ""
        output = (record[said] or "") if said is not None else ""
        if type(system) is type(instruction) is type(given) is type(output) is str:
            return system, instruction, given, output
        return None

    def places(self, record: Mapping[str, Any]) -> dict[str, Place]:
        """Where the texts of a record stand that `plain_texts` has read."""
        columns = self._plain[tuple(record)] or ()
        return {
            part: (column,)
            for part, column in zip(_TEXTS, columns, strict=False)
            if column is not None
        }

    def unused(self, *known: str) -> list[str]:
        """The columns that no prompt used, in the order of their appearance, but the known."""
        return [name for name in self._unused if name not in known]

    def check_named(self, source: str) -> None:
        """Raises UserError, with the columns there are, if a named column was in no record."""
        if self._missing and self._columns:
            asked = ", ".join(f"{part}={name}" for part, name in self._missing.items())
            raise UserError(
                f"--field {asked}: no such column in {source} (columns: {listed(self._columns)})"
            )


def named_columns(fields: Iterable[str]) -> dict[str, str]:
    """Columns by part, from texts such as "instruction=question". Raises UserError."""
    found = {}
    for text in fields:
        name, separator, column = text.partition("=")
        if not separator or name not in PARTS or not column:
            raise UserError(
                f"--field {text}: must be NAME=COLUMN with one of the names {', '.join(PARTS)}"
            )
        found[name] = column
    return found
