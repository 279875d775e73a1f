"""Texts as token ids, and the ids as code points: rapidfuzz is fastest on strings, numpy on what a string encodes to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Code = str | list[int]
SURROGATES = range(
    0xD800, 0xE000
)  # no text can hold these code points, so no token may have such an id


def code(ids: list[int]) -> Code:
    """The form that is kept and compared."""
    try:
        return "".join(map(chr, ids))
    except (
        ValueError
    ):  # more tokens than there are code points: rapidfuzz takes numbers just as well, only slower
        return ids


def points(codes: Sequence[Code]) -> NDArray[np.uint32]:
    """The token ids of several texts one after the other."""
    try:
        raw = "".join(codes).encode("utf-32-le")  # type: ignore[arg-type]  # a list raises TypeError, as wanted
    except TypeError:
        raw = b"".join(
            np.array(list(map(ord, one)) if isinstance(one, str) else one, "<u4").tobytes()
            for one in codes
        )
    return np.frombuffer(raw, "<u4")


def lengths(codes: Sequence[Code]) -> NDArray[np.int64]:
    """How many tokens each text has."""
    return np.fromiter(map(len, codes), np.int64, len(codes))


def repetitions(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many equal ones stand before each of these sorted keys."""
    places = np.arange(len(keys))
    first = np.ones(len(keys), np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    return places - np.maximum.accumulate(np.where(first, places, 0))
