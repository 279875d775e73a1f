"""What a file's name says about its format and compression. The one owner of pyarrow and zstandard, asked for when needed."""

from __future__ import annotations

import gzip
import sys
from contextlib import ExitStack
from importlib import import_module
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
        raise UserError(f"{path}: its name does not tell the format; name it {known} (then .gz or .zst), or say --format")
    return suffixes[-1]


def compressed(raw: IO[bytes], path: str, mode: str, stack: ExitStack) -> IO[bytes]:
    """The stream inside, for a name that ends in .gz or .zst; closed with the stack."""
    if path.lower().endswith(".gz"):  # without name and time in the header: the same records give the same bytes
        return cast(IO[bytes], stack.enter_context(gzip.GzipFile("", mode, 6, raw, mtime=0)))
    if path.lower().endswith(".zst"):
        return stack.enter_context(_zstandard(raw, mode))
    return raw


def _zstandard(raw: IO[bytes], mode: str) -> IO[bytes]:
    module = "compression.zstd" if sys.version_info >= (3, 14) else "zstandard"
    return cast(IO[bytes], _extra(module, ".zst").open(raw, mode))


def parquet() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet. Raises UserError where they are not installed."""
    return _extra("pyarrow", ".parquet"), _extra("pyarrow.parquet", ".parquet")


def _extra(module: str, suffix: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        name = module.split(".")[0]
        raise UserError(f"reading and writing {suffix} needs {name}: pip install 'selfinstruct[dedupe]'") from None
