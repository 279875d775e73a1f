"""What a file's name says about its format and compression. The one owner of pyarrow and zstd, asked for when needed."""

from __future__ import annotations

import gzip
import sys
import zlib
from contextlib import ExitStack
from importlib import import_module
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, cast

from selfinstruct.errors import UserError

STDIO = "-"
FORMATS = ("jsonl", "json", "csv", "tsv", "parquet")


def format_of(path: str) -> str:
    """A name in `FORMATS`; JSON Lines for a standard stream. Raises UserError where the name says nothing."""
    suffixes = [suffix.lower().removeprefix(".") for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in ("gz", "zst"):
        suffixes.pop()
    if path == STDIO or (suffixes and suffixes[-1] == "ndjson"):
        return "jsonl"
    if not suffixes or suffixes[-1] not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise UserError(
            f"{path}: its name does not tell the format; name it {known} (then .gz or .zst), or say --format"
        )
    return suffixes[-1]


def compressed(raw: IO[bytes], path: str, mode: str, stack: ExitStack) -> IO[bytes]:
    """The stream inside, for a name that ends in .gz or .zst; closed with the stack."""
    if path.lower().endswith(
        ".gz"
    ):  # without name and time in the header: the same records give the same bytes
        return cast(IO[bytes], stack.enter_context(gzip.GzipFile("", mode, 6, raw, mtime=0)))
    if path.lower().endswith(".zst") and not (
        isinstance(raw, BufferedReader) and not raw.peek(1)
    ):  # nothing is written as nothing
        return cast(IO[bytes], stack.enter_context(_zstd().open(raw, mode)))
    return raw


def _zstd() -> Any:
    return _extra("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd", ".zst")


def parquet(extra: str = "dedupe") -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet. Raises UserError where they are not installed, naming the extra that has them."""
    return _extra("pyarrow", ".parquet", extra), _extra("pyarrow.parquet", ".parquet", extra)


def damaged() -> tuple[type[Exception], ...]:
    """What decompressing a damaged or truncated file raises."""
    zstd = sys.modules.get("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    return (EOFError, gzip.BadGzipFile, zlib.error, *([zstd.ZstdError] if zstd else []))


def _extra(module: str, suffix: str, extra: str = "dedupe") -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise UserError(
            f"reading and writing {suffix} needs {module}: pip install 'selfinstruct[{extra}]'"
        ) from None
