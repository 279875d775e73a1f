"""Random generators and sampling seeds, each a function of the seed and its place in a run."""

from __future__ import annotations

import hashlib
import random


def generator(seed: int, *place: object) -> random.Random:
    """A generator for a place in a run, the same on every machine and in every Python."""
    return random.Random(_number(seed, *place))


def sampling_seed(seed: int, *place: object) -> int:
    """The seed for a server's sampling, in range(2**31)."""
    return _number(seed, *place) % 2**31


def _number(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:8], "big")
