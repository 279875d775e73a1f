"""Hashes of the files of a run, by which a start tells that nobody has changed them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Hashed:
    """The SHA-256 of the first `size` bytes of a file."""

    size: int
    hash: hashlib._Hash


Hashes = dict[str, Hashed]  # by the names of the files


def hashes_of(sizes: Mapping[Path, int]) -> Hashes:
    """The first bytes of files, so many of each, hashed. No file that is missing or shorter.

    Several files at a time, on as many cores.
    """
    with ThreadPoolExecutor() as threads:
        hashed = threads.map(_hashed, sizes.keys(), sizes.values())
        return {path.name: each for path, each in zip(sizes, hashed, strict=True) if each}


def hash_of(path: Path, size: int, hashed: Hashed | None = None) -> hashlib._Hash:
    """SHA-256 of a file's first `size` bytes. hashed: what is known of fewer or as many."""
    if hashed is None or hashed.size > size:
        hashed = Hashed(0, hashlib.sha256())
    digest = hashed.hash.copy()
    with open(path, "rb") as file:
        size -= file.seek(hashed.size)
        while size > 0 and (chunk := file.read(min(size, 1 << 20))):
            digest.update(chunk)
            size -= len(chunk)
    return digest


def _hashed(path: Path, size: int) -> Hashed | None:
    try:
        return Hashed(size, hash_of(path, size)) if path.stat().st_size >= size else None
    except OSError:
        return None
