"""What a person may say about how examples are written."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Style:
    """What a person may say about how rows are written."""

    system: str = ""  # a system message before every example
    drop_labels: bool = False  # half of the inputs lose the label that they begin with
    seed: int = 0


def drawn(seed: int, *texts: str) -> int:
    """64 bits that the seed and the texts decide, the same on every machine and in every order."""
    return int.from_bytes(
        blake2b("\0".join((str(seed), *texts)).encode(), digest_size=8).digest(), "big"
    )
