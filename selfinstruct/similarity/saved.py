"""A file of arrays that is believed as far as the file proves: its origin and its contents.

A file that is torn, stale, of another format or of other texts is not used, and all is computed
anew. Deleting the file loses nothing but time. Nothing in the file is a pickle.
"""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = 4  # raise with every change in the meaning of the arrays, or in a tokenizer
_CHUNK = 1 << 16  # texts
_START = 64  # bytes of a digest; all parts of a file begin at a multiple

Arrays = Mapping[str, NDArray[Any]]


def save(path: Path, arrays: Arrays, texts: Sequence[str], tokenizer: str) -> None:
    """Write the arrays that were computed from the texts. The file is there whole, or as before.

    Raises OSError.
    """
    parts = [np.ascontiguousarray(array) for array in arrays.values()]
    kinds = [(name, part.dtype.str, part.shape) for name, part in zip(arrays, parts, strict=True)]
    header = json.dumps([len(texts), _origin(texts, tokenizer), kinds]).encode() + b"\n"
    pieces = [header, *(part.tobytes() for part in parts)]
    digest = hashlib.sha256()
    new = path.with_name(path.name + ".new")
    try:
        with new.open("wb") as file:
            file.write(bytes(_START))
            for piece in pieces:
                for content in (piece, bytes(_padded(len(piece)) - len(piece))):
                    digest.update(content)
                    file.write(content)
            file.seek(0)
            file.write(digest.hexdigest().encode())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def load(path: Path, texts: Sequence[str], tokenizer: str) -> tuple[int, Arrays] | None:
    """How many of the first texts the file is about, and the arrays; None without a proof."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    rest = memoryview(content)[_START:]
    if content[:_START] != hashlib.sha256(rest).hexdigest().encode():
        return None
    # so the rest is as `save` has written it
    header = content[_START : content.index(b"\n", _START) + 1]
    count, origin, kinds = json.loads(header)
    if count > len(texts) or origin != _origin(texts[:count], tokenizer):
        return None
    return count, dict(_arrays(content, _START + _padded(len(header)), kinds))


def to_bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


def to_text(array: NDArray[np.uint8]) -> str:
    return array.tobytes().decode("utf-8", "surrogatepass")


def _origin(texts: Sequence[str], tokenizer: str) -> str:
    """A digest of all that an index is made of: texts, tokenizer, tables of characters, format."""
    digest = hashlib.sha256()
    digest.update(json.dumps([FORMAT, tokenizer, unicodedata.unidata_version]).encode())
    for first in range(0, len(texts), _CHUNK):
        chunk = texts[first : first + _CHUNK]
        digest.update(np.array([*map(len, chunk)], "<i8").tobytes())
        digest.update("".join(chunk).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _arrays(
    content: bytes, at: int, kinds: Sequence[tuple[str, str, Sequence[int]]]
) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, kind, shape in kinds:
        count = math.prod(shape)
        array = np.frombuffer(content, kind, count, at)
        yield name, array.reshape(shape)
        at += _padded(array.nbytes)


def _padded(size: int) -> int:
    return -(-size // _START) * _START
