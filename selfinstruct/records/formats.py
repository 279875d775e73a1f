"""File formats and compression, told by a file's name. Owns pyarrow and zstd, imported late."""

from __future__ import annotations

import gzip
import sys
import zlib
from contextlib import ExitStack
from importlib import import_module
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, cast

from selfinstruct.errors import UserError, how_to_install

STDIO = "-"
FORMATS = ("jsonl", "json", "csv", "tsv", "parquet")
TEXT = "txt"  # is read alone, and only as instructions


def format_of(path: str, *, plain_text: bool = False) -> str:
    """A name in `FORMATS`, JSON Lines for a standard stream; with plain_text also `TEXT`.

    Raises UserError if the name does not tell.
    """
    suffixes = [suffix.lower().removeprefix(".") for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in ("gz", "zst"):
        suffixes.pop()
    if path == STDIO or (suffixes and suffixes[-1] == "ndjson"):
        return "jsonl"
    known = (*FORMATS, TEXT) if plain_text else FORMATS
    if not suffixes or suffixes[-1] not in known:
        names = ", ".join(f".{name}" for name in known)
        otherwise = "" if plain_text else ", or say --format"
        raise UserError(
            f"{path}: its name does not tell the format; "
            f"name it {names} (then .gz or .zst){otherwise}"
        )
    return suffixes[-1]


def compressed(raw: IO[bytes], path: str, mode: str, stack: ExitStack) -> IO[bytes]:
    """The stream inside, for a name that ends in .gz or .zst; closed with the stack."""
    if path.lower().endswith(".gz"):
        # Without name and time in the header: the same records give the same bytes.
        return cast(IO[bytes], stack.enter_context(gzip.GzipFile("", mode, 6, raw, mtime=0)))
    if path.lower().endswith(".zst"):
        is_empty = isinstance(raw, BufferedReader) and not raw.peek(1)
        if not is_empty:  # no records are written as no bytes
            return cast(IO[bytes], stack.enter_context(_zstd().open(raw, mode)))
    return raw


def _zstd() -> Any:
    return _extra("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd", ".zst")


def parquet(extra: str = "dedupe") -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet.

    Raises UserError if they are not installed, naming the extra to install.
    """
    return _extra("pyarrow", ".parquet", extra), _extra("pyarrow.parquet", ".parquet", extra)


def damaged() -> tuple[type[Exception], ...]:
    """The exceptions of decompressing a damaged or truncated file."""
    zstd = sys.modules.get("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    return (EOFError, gzip.BadGzipFile, zlib.error, *([zstd.ZstdError] if zstd else []))


def _extra(module: str, suffix: str, extra: str = "dedupe") -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise UserError(
            f"reading and writing {suffix} needs {module}: {how_to_install(extra)}"
        ) from None
