"""Draws of the scripted model, the same in every version of Python.

Only `random()` and `getrandbits()` promise the same numbers everywhere; `choice` does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def any_of(rng: Random, options: Sequence[T]) -> T:
    """An option, all being equally likely."""
    return options[int(rng.random() * len(options))]


def one_of(rng: Random, shares: Mapping[T, float]) -> T | None:
    """A name, each with its share of the cases; None in the rest of the cases."""
    ball = rng.random()
    for name, share in shares.items():
        ball -= share
        if ball < 0:
            return name
    return None
