"""Random generators and sampling seeds, each a function of the seed and its place in a run."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from functools import lru_cache


def generator(seed: int, *place: object) -> random.Random:
    """A generator for a place in a run, the same on every machine and in every Python."""
    return random.Random(_number(seed, *place))


def sampling_seed(seed: int, *place: object) -> int:
    """The seed for a server's sampling, in range(2**31)."""
    return _number(seed, *place) % 2**31


def dealt(seed: int, name: str, entries: Sequence[str], at: int) -> str:
    """The entry number `at` of an endless deal; an empty text without entries.

    As with a pack of cards, every entry comes once before any comes a second time.
    """
    if not entries:
        return ""
    deal, card = divmod(at, len(entries))
    return entries[shuffled(seed, name, len(entries), deal)[card]]


@lru_cache(maxsize=256)
def shuffled(seed: int, name: str, size: int, deal: int) -> tuple[int, ...]:
    """The numbers below `size` in the order of a deal."""
    numbers = list(range(size))
    generator(seed, name, "deal", deal).shuffle(numbers)
    return tuple(numbers)


def _number(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:8], "big")
