"""Wide signatures, for huge pools.

There the 64 bits beside a posting exclude too few items. A sketch has 256 bits, and each token of
the text and each of its repetitions sets a bit. Few of the tokens of a short text share a bit, so
the shared bits bound the shared tokens closely. Sketches are compared only where many items are
left to verify.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from selfinstruct.similarity.codes import Code, lengths, points, repetitions

# Factors for multiplicative hashing: odd, with well mixed bits.
_GOLDEN, _OTHER = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F
_LOW = (1 << 64) - 1
_CHUNK = 1 << 16  # records in memory at a time
_WORDS = 4  # of 64 bits: what a processor reads of memory at once holds two sketches


class Sketches:
    """The wide signatures of the records 0..size-1."""

    def __init__(self) -> None:
        self.size = 0
        self._words = np.zeros((0, _WORDS), np.uint64)

    def extend(self, codes: Sequence[Code]) -> None:
        """Add the records from `size` on. codes: of all records."""
        words = [self._words]
        for at in range(self.size, len(codes), _CHUNK):
            chunk = codes[at : at + _CHUNK]
            words.append(_sketched(points(chunk), lengths(chunk)))
        self._words = np.concatenate(words)
        self.size = len(codes)

    def most_shared(
        self,
        records: NDArray[np.int64],
        lengths: NDArray[np.int64],
        known: Sequence[int],
    ) -> NDArray[np.int64]:
        """(records,) the most tokens that each of these records may share with a text.

        lengths: of the records, in tokens. known: the ids of the text's tokens that the pool knows.
        """
        bits, theirs = _sketch(known), self._words.take(records, 0)
        crowds, crowd = lengths - _counted(theirs), len(known) - bits.bit_count()
        ours = np.frombuffer(bits.to_bytes(8 * _WORDS, "little"), np.uint64)
        most: NDArray[np.int64] = _counted(theirs & ours) + np.minimum(crowds, crowd)
        return most


def _sketched(ids: NDArray[np.integer], length: NDArray[np.integer]) -> NDArray[np.uint64]:
    """(texts, 4) the sketches of texts, from their ids one after the other and their lengths."""
    owner = np.repeat(np.arange(len(length)), length)
    keys = np.sort((owner << 32) + ids)
    hashes = (keys & 0xFFFFFFFF).astype(np.uint64) * np.uint64(_GOLDEN)
    hashes += repetitions(keys).astype(np.uint64) * np.uint64(_OTHER)
    bits = (hashes >> np.uint64(56)).astype(np.int64)
    words = np.zeros((len(length), _WORDS), np.uint64)
    ones = np.uint64(1) << (bits & 63).astype(np.uint64)
    np.bitwise_or.at(words, (owner, bits >> 6), ones)
    return words


def _sketch(ids: Sequence[int]) -> int:
    """The sketch of one text, as an integer: the bits that `_sketched` sets, in less time."""
    bits, seen = 0, dict[int, int]()
    for id in ids:
        nth = seen[id] = seen.get(id, -1) + 1
        bits |= 1 << ((id * _GOLDEN + nth * _OTHER & _LOW) >> 56)
    return bits


def _counted(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """(texts,) how many bits of each sketch are set. Of 256 bits, some are not."""
    counts = np.bitwise_count(words).view(np.uint32).ravel()
    # the highest byte of this product is the sum of all four bytes: faster than a sum of rows
    return (counts * np.uint32(0x01010101) >> np.uint32(24)).astype(np.int64)
