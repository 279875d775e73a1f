"""Training and test parts without a common instruction."""

from __future__ import annotations

from dataclasses import dataclass

from selfinstruct.errors import UserError
from selfinstruct.exports.style import drawn

_NAMES = {2: ("train", "test"), 3: ("train", "validation", "test")}


@dataclass(frozen=True, slots=True)
class Splits:
    """The split of an instruction depends on the seed and its words alone.

    The other instructions, their order and their number have no part. A run that grows or is
    joined by another never moves an instruction to another split.
    """

    bounds: dict[str, float]  # a name, and the share where the split ends
    seed: int

    def of(self, instruction: str) -> str:
        """The split of an instruction; case and spacing do not count."""
        place = drawn(self.seed, "split", " ".join(instruction.split()).casefold()) / 2**64
        return next(
            (name for name, bound in self.bounds.items() if place < bound), list(self.bounds)[-1]
        )


def splits(text: str, seed: int) -> Splits:
    """Reads `0.95/0.05` (train/test) or `0.9/0.05/0.05` (train/validation/test).

    An empty text makes everything train. Raises UserError.
    """
    if not text:
        return Splits({"train": 1.0}, seed)
    try:
        shares = [float(share) for share in text.split("/")]
    except ValueError:
        shares = []
    if (
        len(shares) not in _NAMES
        or not all(0 < share < 1 for share in shares)
        or abs(sum(shares) - 1) > 1e-6
    ):
        raise UserError(
            f"--split {text}: write two or three shares that make 1, "
            "as in 0.95/0.05 or 0.9/0.05/0.05"
        )
    names = _NAMES[len(shares)]
    return Splits({name: sum(shares[: number + 1]) for number, name in enumerate(names)}, seed)
