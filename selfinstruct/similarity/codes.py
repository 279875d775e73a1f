"""Texts as token ids, and the ids as code points of a string.

rapidfuzz is fastest on strings, and numpy reads the encoded string as an array.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Code = str | list[int]
UNKNOWN = 0  # the token id of every token that no item of the pool has
SURROGATES = range(0xD800, 0xE000)  # no token id: strings with these code points do not encode


def code(ids: list[int]) -> Code:
    """The ids as a string, or the ids themselves where an id is no code point.

    rapidfuzz compares both forms, numbers more slowly.
    """
    try:
        return "".join(map(chr, ids))
    except ValueError:
        return ids


def to_ids(code: Code) -> list[int]:
    return [*map(ord, code)] if isinstance(code, str) else code


def points(codes: Sequence[Code]) -> NDArray[np.uint32]:
    """(n,) the token ids of all texts, in the order of the texts."""
    try:
        # a list of ids raises TypeError
        raw = "".join(codes).encode("utf-32-le")  # type: ignore[arg-type]
    except TypeError:
        raw = b"".join(np.array(to_ids(ids), "<u4").tobytes() for ids in codes)
    return np.frombuffer(raw, "<u4")


def lengths(codes: Sequence[Code]) -> NDArray[np.int64]:
    """(texts,) the number of tokens of each text."""
    return np.fromiter(map(len, codes), np.int64, len(codes))


def occurrences(ids: Sequence[int]) -> Sequence[int]:
    """The ids of a text, where the second and each later occurrence has an id of its own.

    Two texts then share as many ids as they share tokens, repetitions counted.
    """
    counts = Counter(ids)
    if len(counts) == len(ids):
        return ids
    repeated = [(id, count) for id, count in counts.items() if count > 1]
    return [*counts, *[id | nth << 32 for id, count in repeated for nth in range(1, count)]]


def repetitions(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """(keys,) for each of the sorted keys, the number of equal keys before."""
    places = np.arange(len(keys))
    first = np.ones(len(keys), np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    return places - np.maximum.accumulate(np.where(first, places, 0))


def numbered(tokens: Sequence[str]) -> dict[str, int]:
    """The ids of tokens in the order of first use: 1, 2, 3, ..., without the surrogates."""
    ids = [*range(1, SURROGATES.start), *range(SURROGATES.stop, len(tokens) + len(SURROGATES) + 1)]
    return dict(zip(tokens, ids, strict=False))


def split(ids: NDArray[np.uint32], lengths: NDArray[np.int64]) -> list[Code]:
    """The codes of texts, from their ids one after the other and their lengths."""
    stops = np.cumsum(lengths).tolist()
    starts = [0, *stops[:-1]]
    if ids.size and int(ids.max()) > sys.maxunicode:
        return [code(ids[start:stop].tolist()) for start, stop in zip(starts, stops, strict=False)]
    whole = ids.astype("<u4").tobytes().decode("utf-32-le")
    return [whole[start:stop] for start, stop in zip(starts, stops, strict=False)]
