"""Which records are drawn, and in which order: permutations that need no memory.

A permutation of N numbers is a Feistel cipher over the next even power of two, walked on until the
number is below N (Black and Rogaway 2002, "Ciphers with arbitrary finite domains"). Number k of a
permutation is computed from k alone, so that 100M records are drawn in constant memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 16  # numbers that are computed at once
_ROUNDS = 6
Numbers = NDArray[np.uint64]


class Permutation:
    """A permutation of the numbers below `size`, decided by the texts of its key."""

    def __init__(self, size: int, *key: object) -> None:
        self.size = size
        half = max(1, (max(size - 1, 1).bit_length() + 1) // 2)
        self._shift, self._mask = np.uint64(half), np.uint64((1 << half) - 1)
        digest = blake2b("\0".join(map(str, key)).encode(), digest_size=8 * _ROUNDS).digest()
        self._keys = np.frombuffer(digest, "<u8").astype(np.uint64)

    def of(self, numbers: Numbers) -> Numbers:
        """The images of numbers below `size`."""
        found = self._once(numbers.astype(np.uint64))
        outside = found >= self.size
        while outside.any():
            found[outside] = self._once(found[outside])
            outside = found >= self.size
        return found

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Numbers]:
        """The images of `start`, `start` + 1, ... up to `stop`, in blocks."""
        stop = self.size if stop is None else stop
        for begin in range(start, stop, BLOCK):
            yield self.of(np.arange(begin, min(begin + BLOCK, stop), dtype=np.uint64))

    def _once(self, numbers: Numbers) -> Numbers:
        left, right = numbers >> self._shift, numbers & self._mask
        for key in self._keys:
            left, right = right, left ^ (_mixed(right + key) & self._mask)
        joined: Numbers = (left << self._shift) | right
        return joined


def _mixed(numbers: Numbers) -> Numbers:
    """A bijection of 64 bits that spreads every bit (the finaliser of SplitMix64)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Numbers = numbers ^ (numbers >> np.uint64(31))
    return mixed


class Draw:
    """The draws of a component: whole passes over its records, then a part of another pass.

    size: records there are. seed, name: decide the order; other components have no part in it.
    """

    def __init__(self, size: int, seed: int, name: str) -> None:
        self._size, self._key = size, (seed, "draw", name)
        self._passes: dict[int, Permutation] = {}

    def records(self, draws: Numbers) -> tuple[Numbers, Numbers]:
        """The record and the pass of each draw, counted from 0."""
        passes, places = draws // np.uint64(self._size), draws % np.uint64(self._size)
        records = np.empty_like(draws)
        for number in np.unique(passes):
            chosen = passes == number
            records[chosen] = self._pass(int(number)).of(places[chosen])
        return records, passes

    def _pass(self, number: int) -> Permutation:
        if number not in self._passes:
            self._passes[number] = Permutation(self._size, *self._key, number)
        return self._passes[number]
