"""Wide signatures, for long texts, huge pools and low thresholds.

There the 64 bits beside a posting exclude too few items. A sketch has about eight times as many
bits as the text has tokens, and each token and each of its repetitions sets a bit. Few tokens share
a bit, so the shared bits bound the shared tokens closely. Sketches are compared only where many
items are left to verify.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from selfinstruct.similarity.bounds import CROWDS, Demands
from selfinstruct.similarity.codes import Code, lengths, points, repetitions

# Factors for multiplicative hashing: odd, with well mixed bits.
_GOLDEN, _OTHER = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_CHUNK = 1 << 16  # records in memory at a time
_NARROWEST, _WIDEST = 8, 16  # binary logarithms of the number of bits


def _width(length: NDArray[np.int64]) -> NDArray[np.int64]:
    """(texts,) the binary logarithm of the number of bits, by the lengths of the texts."""
    width: NDArray[np.int64] = np.ceil(np.log2(np.maximum(length, 1) * 8)).astype(np.int64)
    return width.clip(_NARROWEST, _WIDEST)


def _hashes(ids: NDArray[np.int64], repeated: NDArray[np.int64]) -> NDArray[np.uint64]:
    return ids.astype(np.uint64) * _GOLDEN + repeated.astype(np.uint64) * _OTHER


class Sketches:
    """The wide signatures of the records 0..size-1, in a single array of 64-bit words."""

    def __init__(self) -> None:
        self.size = 0
        self._words = np.zeros(0, np.uint64)
        self._starts = np.zeros(0, np.int64)
        self._widths = np.zeros(0, np.int8)
        self._lengths = np.zeros(0, np.int32)

    def extend(self, codes: Sequence[Code]) -> None:
        """Add the records from `size` on. codes: of all records."""
        for at in range(self.size, len(codes), _CHUNK):
            self._take(codes[at : at + _CHUNK])

    def _take(self, codes: Sequence[Code]) -> None:
        length = lengths(codes)
        owner = np.repeat(np.arange(len(codes)), length)
        keys = np.sort((owner << 32) + points(codes))
        width = _width(length)
        sizes = np.int64(1) << (width - 6)
        starts = np.cumsum(sizes) - sizes
        words = np.zeros(int(sizes.sum()), np.uint64)
        bits = _hashes(keys & 0xFFFFFFFF, repetitions(keys)) >> (64 - width[owner]).astype(
            np.uint64
        )
        np.bitwise_or.at(
            words,
            starts[owner] + (bits >> np.uint64(6)).astype(np.int64),
            np.uint64(1) << (bits & np.uint64(63)),
        )
        self._starts = np.concatenate([self._starts, starts + len(self._words)])
        self._words = np.concatenate([self._words, words])
        self._widths = np.concatenate([self._widths, width.astype(np.int8)])
        self._lengths = np.concatenate([self._lengths, length.astype(np.int32)])
        self.size += len(codes)

    def likely(
        self,
        records: NDArray[np.int64],
        kinds: NDArray[np.uint16],
        known: NDArray[np.int64],
        demands: Demands,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The records that share enough bits with a text, and the most tokens that each may share.

        kinds: of the records. known: the sorted ids of the text's tokens that the pool knows.
        """
        hashes = _hashes(known, repetitions(known))
        least = demands.least[kinds // CROWDS]
        widths = self._widths[records]
        most = np.zeros(len(records), np.int64)
        for width in np.unique(widths).tolist():
            of_width = (widths == width).nonzero()[0]
            ours = np.zeros(1 << (width - 6), np.uint64)
            bits = hashes >> np.uint64(64 - width)
            np.bitwise_or.at(
                ours,
                (bits >> np.uint64(6)).astype(np.int64),
                np.uint64(1) << (bits & np.uint64(63)),
            )
            theirs = self._words[self._starts[records[of_width], None] + np.arange(len(ours))]
            crowd = self._lengths[records[of_width]] - np.bitwise_count(theirs).sum(
                1, dtype=np.int64
            )
            crowd = np.minimum(crowd, len(known) - int(np.bitwise_count(ours).sum()))
            most[of_width] = np.bitwise_count(theirs & ours).sum(1, dtype=np.int64) + crowd
        enough = most >= least
        return records[enough], most[enough]

    def lengths(self, records: NDArray[np.int64]) -> NDArray[np.int64]:
        """The tokens of each record."""
        return self._lengths[records].astype(np.int64)
