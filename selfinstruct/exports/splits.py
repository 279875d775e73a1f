"""Training and test parts, such that no instruction is on both sides."""

from __future__ import annotations

from dataclasses import dataclass

from selfinstruct.errors import UserError
from selfinstruct.exports.style import drawn

_NAMES = {2: ("train", "test"), 3: ("train", "validation", "test")}


@dataclass(frozen=True, slots=True)
class Splits:
    """Where an instruction goes hangs on the seed and its words alone: not on the others, their order or their number. A run that
    grows, or that another one joins, never moves an instruction across.
    """

    bounds: dict[str, float]  # a name, and the share up to which it reaches
    seed: int

    def of(self, instruction: str) -> str:
        """The split of an instruction; neither case nor spacing makes it another."""
        place = drawn(self.seed, "split", " ".join(instruction.split()).casefold()) / 2**64
        return next(
            (name for name, bound in self.bounds.items() if place < bound), list(self.bounds)[-1]
        )


def splits(text: str, seed: int) -> Splits:
    """`0.95/0.05` (train/test) or `0.9/0.05/0.05` (train/validation/test); empty: all is train. Raises UserError."""
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
            f"--split {text}: write two or three shares that make 1, as in 0.95/0.05 or 0.9/0.05/0.05"
        )
    names = _NAMES[len(shares)]
    return Splits({name: sum(shares[: number + 1]) for number, name in enumerate(names)}, seed)
