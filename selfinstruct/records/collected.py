"""Collected instructions: any dataset, or a run, as a stream of prompts to be answered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from selfinstruct.data.collected import Collected
from selfinstruct.errors import UserError
from selfinstruct.records.formats import compressed
from selfinstruct.records.reading import Bad, Record, Source
from selfinstruct.records.shapes import Unreadable, read_prompt

_OF_A_RUN = "examples.jsonl"
_BLOCK = 1 << 20


class Collection:
    """One source, read anew at every iteration, in constant memory.

    `unused`: after an iteration, the columns that no prompt uses, in the order of their appearance.
    """

    def __init__(
        self, path: str, fields: Mapping[str, str] | None = None, format: str | None = None
    ) -> None:
        """path: of a file or a run. fields: columns by name, as {"instruction": "question"}.

        Raises UserError if there is no such source.
        """
        self.name = path
        self._fields = dict(fields or {})
        self._path = file_of(path)
        self._format = format or _format_of(self._path)
        self.unused: list[str] = []

    def __iter__(self) -> Iterator[Collected | Bad]:
        unused: dict[str, None] = {}
        columns: dict[str, None] = {}
        for record in Source(self._path, self._format):
            if isinstance(record, Bad):
                yield record
                continue
            columns |= dict.fromkeys(record.fields)
            try:
                yield self._read(record, unused)
            except Unreadable as error:
                yield Bad(record.where, str(error))
        self.unused = list(unused)
        for name, column in self._fields.items():
            if column not in columns:
                there = ", ".join(columns) or "none"
                raise UserError(
                    f"--field {name}={column}: {self.name} has no such column (columns: {there})"
                )

    def _read(self, record: Record, unused: dict[str, None]) -> Collected:
        prompt = read_prompt(record.fields, self._fields)
        own = record.fields.get("id")
        has_id = isinstance(own, (str, int)) and not isinstance(own, bool) and str(own)
        rest = {
            name: value
            for name, value in record.fields.items()
            if name not in prompt.used and not (name == "id" and has_id)
        }
        unused |= dict.fromkeys(rest)
        return Collected(
            id=str(own) if has_id else f"{Path(self.name).name}:{record.where}",
            instruction=prompt.instruction,
            input=prompt.input,
            output=prompt.output,
            system=prompt.system,
            history=prompt.history,
            rest=rest,
        )


def open_source(
    path: str, *, fields: Mapping[str, str] | None = None, format: str | None = None
) -> Collection:
    """A source by its path. Raises UserError if there is none."""
    return Collection(path, fields, format)


def file_of(path: str) -> str:
    """The file behind a source: of a run its examples. Raises UserError if there is none."""
    place = Path(path)
    if place.is_dir():
        if not (place / _OF_A_RUN).is_file():
            raise UserError(f"{path}: no run here (no {_OF_A_RUN}); name a run or a file")
        return str(place / _OF_A_RUN)
    if not place.is_file():
        raise UserError(f"{path}: no such file; name a run or a file of instructions")
    return path


def fingerprint(path: str) -> str:
    """SHA-256 of the source's bytes, in hex. Raises UserError."""
    digest = hashlib.sha256()
    try:
        with open(file_of(path), "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    return digest.hexdigest()


def _format_of(path: str) -> str | None:
    """The format where the name alone does not say it: plain text, JSON Lines inside .json."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in (".gz", ".zst"):
        suffixes.pop()
    if suffixes and suffixes[-1] == ".txt":
        return "txt"
    if suffixes and suffixes[-1] == ".json":
        with ExitStack() as stack:
            raw = stack.enter_context(open(path, "rb"))
            begins = compressed(raw, path, "rb", stack).read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
            return "jsonl" if begins.startswith(b"{") else "json"
    return None
