"""Collected instructions: any dataset, or a run, as a stream of prompts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

from selfinstruct.data.collected import Collected
from selfinstruct.errors import UserError
from selfinstruct.records.columns import PARTS, listed
from selfinstruct.records.formats import format_of
from selfinstruct.records.reading import Source, examples_of
from selfinstruct.records.record import Bad, Record
from selfinstruct.records.shapes import read_prompt
from selfinstruct.records.values import Unreadable, is_blank, plain
from selfinstruct.text import well_formed

_BLOCK = 1 << 20  # bytes
_NO_FIELDS: Mapping[str, str] = MappingProxyType({})


class Collection:
    """A source of instructions: read anew at every iteration, in constant memory.

    name: the path as given. unused: after a whole iteration, the columns that no prompt uses, in
    the order of their first appearance. Ids come from the source as they are, and may repeat.
    """

    def __init__(
        self,
        path: str,
        fields: Mapping[str, str] = _NO_FIELDS,
        format: str | None = None,
        edition: int = 2,
    ) -> None:
        """Raises UserError if there is no such source, or no such part of a prompt."""
        for part, column in fields.items():
            if part not in PARTS:
                known = ", ".join(PARTS)
                raise UserError(f"--field {part}={column}: no such part; known are {known}")
        self.name = path
        self.unused: list[str] = []
        self._path = file_of(path)
        self._format = format or format_of(self._path, plain_text=True)
        self._fields, self._edition = dict(fields), edition
        self._has_fields = not fields  # every column of `fields` was seen

    def __iter__(self) -> Iterator[Collected | Bad]:
        """Each record in order, `Bad` in the place of an unreadable record.

        Raises UserError where the rest is lost, and if no record has a column of `fields`.
        """
        self._check_fields()
        unused: dict[str, None] = {}
        for record in self._records():
            if isinstance(record, Bad):
                yield record
                continue
            try:
                collected = collect(record, self.name, self._fields, edition=self._edition)
            except Unreadable as error:
                yield Bad(record.where, str(error))
            except RecursionError:
                yield Bad(record.where, "nested too deeply")
            else:
                unused.update(dict.fromkeys(collected.rest))
                yield collected
        self.unused = list(unused)

    def _records(self) -> Iterator[Record | Bad]:
        with closing(iter(Source(self._path, self._format))) as records:
            yield from records

    def _check_fields(self) -> None:
        """Reads on until every column of `fields` was seen: mostly the first record alone."""
        if self._has_fields:
            return
        missing, columns = dict(self._fields), dict[str, None]()
        for record in self._records():
            if isinstance(record, Record):
                columns.update(dict.fromkeys(record.fields))
                missing = {part: name for part, name in missing.items() if name not in columns}
                if not missing:
                    break
        else:
            asked = ", ".join(f"{part}={name}" for part, name in missing.items())
            raise UserError(
                f"--field {asked}: no such column in {self.name} (columns: {listed(columns)})"
            )
        self._has_fields = True


def collect(
    record: Record, name: str, fields: Mapping[str, str] = _NO_FIELDS, *, edition: int = 2
) -> Collected:
    """The prompt of a record. name: of the source. fields: columns by part. Raises Unreadable."""
    prompt = read_prompt(record.fields, fields, edition=edition)
    identity, used = id_of(record.fields.get("id")), prompt.used
    if identity or is_blank(record.fields.get("id")):
        used |= {"id"}
    return Collected(
        id=identity or f"{Path(name).name}:{record.where}",
        instruction=prompt.instruction,
        input=prompt.input,
        output=prompt.output,
        system=prompt.system,
        history=prompt.history,
        rest=plain({name: value for name, value in record.fields.items() if name not in used}),
        where=record.where,
    )


def open_source(
    path: str,
    *,
    fields: Mapping[str, str] = _NO_FIELDS,
    format: str | None = None,
    edition: int = 2,
) -> Collection:
    """The instructions of a run or a file.

    fields: columns by part, as {"instruction": "question"}. format: a name in `READERS`, where the
    file's name does not tell. edition: of the run that reads. Raises UserError if there is no such
    source.
    """
    return Collection(path, fields, format, edition)


def file_of(path: str) -> str:
    """The file behind a source: of a run its examples. Raises UserError if there is none."""
    if Path(path).is_dir():
        return examples_of(path)
    if not Path(path).is_file():
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
        raise UserError(f"{path}: {error.strerror}; give a file that can be read") from None
    return digest.hexdigest()


def id_of(value: object) -> str:
    """A text or an integer as a text; "" for anything else."""
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return well_formed(str(value)).strip()
    return ""
