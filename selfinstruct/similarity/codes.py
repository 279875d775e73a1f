"""Texts as token ids, and the ids as code points of a string.

rapidfuzz is fastest on strings, and numpy reads the encoded string as an array.
"""

from __future__ import annotations

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


def points(codes: Sequence[Code]) -> NDArray[np.uint32]:
    """(n,) the token ids of all texts, in the order of the texts."""
    try:
        # a list of ids raises TypeError
        raw = "".join(codes).encode("utf-32-le")  # type: ignore[arg-type]
    except TypeError:
        raw = b"".join(
            np.array(list(map(ord, ids)) if isinstance(ids, str) else ids, "<u4").tobytes()
            for ids in codes
        )
    return np.frombuffer(raw, "<u4")


def lengths(codes: Sequence[Code]) -> NDArray[np.int64]:
    """(texts,) the number of tokens of each text."""
    return np.fromiter(map(len, codes), np.int64, len(codes))


def repetitions(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """(keys,) for each of the sorted keys, the number of equal keys before."""
    places = np.arange(len(keys))
    first = np.ones(len(keys), np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    return places - np.maximum.accumulate(np.where(first, places, 0))
