"""Datasets, read record by record."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from selfinstruct.errors import UserError
from selfinstruct.records.arrays import read_json
from selfinstruct.records.columnar import read_parquet
from selfinstruct.records.encoding import as_utf8
from selfinstruct.records.formats import STDIO, TEXT, compressed, damaged, format_of
from selfinstruct.records.lines import read_jsonl, read_txt
from selfinstruct.records.record import Bad, Lost, Record
from selfinstruct.records.rows import read_csv, read_tsv

EXAMPLES = "examples.jsonl"  # of a run
OnRead = Callable[[int, int, int], None]
"""Called while files are read: bytes read, bytes in all (0: unknown), records read."""

_Reader = Callable[[IO[bytes], bool], Generator[Record | Bad, None, bytes]]
READERS: dict[str, _Reader] = {
    "jsonl": read_jsonl, "json": read_json, "csv": read_csv, "tsv": read_tsv,
    "parquet": read_parquet, TEXT: read_txt,
}  # fmt: skip


def examples_of(path: str) -> str:
    """The file of a run's examples for the run's directory; any other path as given.

    Raises UserError for a directory that is no run's.
    """
    if path == STDIO or not Path(path).is_dir():
        return path
    if not (Path(path) / EXAMPLES).is_file():
        raise UserError(f"{path}: no run here (no {EXAMPLES}); name a run or a file")
    return str(Path(path) / EXAMPLES)


class Source:
    """An input: its name, its size, how much of that was read, and its records."""

    def __init__(self, path: str, format: str | None = None, *, pieces: bool = False) -> None:
        """path: "-" is standard input, a directory a run.

        format: a name in `READERS`, where the file's name does not tell. pieces: whether records
        have the bytes that a copy needs. Raises UserError if there is no such file.
        """
        if path != STDIO and not Path(path).exists():
            raise UserError(f"{path}: no such file; give a file, or - for standard input")
        self.name = "<stdin>" if path == STDIO else path
        path = examples_of(path)
        self.size = 0 if path == STDIO else Path(path).stat().st_size
        self.path, self.format = path, format or format_of(path)
        self.end = b""  # after a whole iteration with pieces, the bytes behind the last record
        self._pieces = pieces
        self._raw: IO[bytes] | None = None

    @property
    def done(self) -> int:
        """Bytes of `size` read so far, in compressed files before decompression; 0 for stdin."""
        if self._raw is None or self.path == STDIO:
            return 0
        return self.size if self._raw.closed else self._raw.tell()

    def __iter__(self) -> Generator[Record | Bad, None, None]:
        """Every record in order, `Bad` in the place of an unreadable record.

        Raises UserError where the rest is lost.
        """
        with ExitStack() as stack:
            try:
                self._raw = (
                    sys.stdin.buffer
                    if self.path == STDIO
                    else stack.enter_context(open(self.path, "rb"))
                )
                file = compressed(self._raw, self.path, "rb", stack)
                if self.format != "parquet":
                    file = as_utf8(file, stack)
                self.end = yield from READERS[self.format](file, self._pieces)
            except Lost as lost:
                raise UserError(f"{self.name}:{lost.where}: {lost.why}") from None
            except damaged() as error:
                raise UserError(
                    f"{self.name}: damaged or cut off ({error}); compress it anew"
                ) from None
            except OSError as error:
                raise UserError(
                    f"{self.name}: {error.strerror or error}; give a file that can be read"
                ) from None
