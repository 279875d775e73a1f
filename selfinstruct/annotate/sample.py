"""Which examples are judged where not all are: as the paper drew them, some instructions and one example of each (section 3.3)."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from hashlib import blake2b

from selfinstruct.data.examples import Example


def sampled(examples: Iterable[Example], size: int, seed: int) -> frozenset[str]:
    """The ids of `size` examples, each of another instruction; all there are if the instructions are fewer.

    Each draw is by what the seed makes of the texts, so that the sample of a run that has grown keeps most of the old one.
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
