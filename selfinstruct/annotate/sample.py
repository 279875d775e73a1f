"""A judge's sample, drawn as in section 3.3: an example each of different instructions."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from hashlib import blake2b

from selfinstruct.data.examples import Example


def sampled(examples: Iterable[Example], size: int, seed: int) -> frozenset[str]:
    """The ids of `size` examples of different instructions; an example of each if there are fewer.

    Each draw is decided by a hash of the seed and the texts, so that the sample of a run that has
    grown keeps most of the old sample.
    """
    best: dict[bytes, tuple[int, str]] = {}  # by instruction
    for example in examples:
        instruction = _digest(seed, "instruction", example.instruction)
        rank = int.from_bytes(
            _digest(seed, example.id, example.instruction, example.input, example.output), "big"
        )
        best[instruction] = min(best.get(instruction, (rank, example.id)), (rank, example.id))
    return frozenset(best[instruction][1] for instruction in heapq.nsmallest(size, best))


def _digest(seed: int, *texts: str) -> bytes:
    return blake2b(
        "\0".join((str(seed), *texts)).encode("utf-8", "surrogatepass"), digest_size=12
    ).digest()
