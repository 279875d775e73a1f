"""The lead of a run's calls over its commits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(slots=True)
class Pace:
    """The windows of the two streams (engine.py).

    They decide the order of the calls, never the data. Towards the end, only as many items begin as
    the yield so far shows to be needed. Where all requests go out in rounds (--batch), the yield is
    unknown until a round has come back: as many items begin as are needed at a high yield, and a
    few more once the end is near, since a further round takes hours.
    """

    wanted: int  # examples; sys.maxsize: all
    concurrency: int
    turns: int = 0
    admitted: int = 0
    known: int = 0  # of the admitted: what has become of them, committed or not
    examples: int = 0  # of the known
    waiting: int = 0  # steps that an earlier one keeps from being committed
    per_turn: float = 6.0  # admitted, as far as is known beforehand
    most: float = 1.0  # examples of an instruction, if all goes well
    # so that calls of all stages are mixed at any moment; not where all requests go out at once
    evenly: bool = True
    _known_before: int = field(init=False)

    # calls begun for each that can be under way, so that a slow call holds up none
    EAGER: ClassVar[int] = 64

    # the same at the beginning of a sitting; grows from there with the finished work
    FIRST: ClassVar[int] = 4

    # examples that a round may bring beyond the end, expected and at a high yield: shares of those
    # wanted, and the least
    RESERVE: ClassVar[tuple[float, float]] = (0.03, 1.0)
    EXCESS: ClassVar[tuple[float, float]] = (0.07, 3.0)

    def __post_init__(self) -> None:
        self._known_before = self.known

    def instructions(self) -> int:
        """How many instructions may be between admission and their examples."""
        missing = max(self.wanted - self.examples, 0)
        ahead = self.EAGER * self.concurrency
        if not self.evenly:
            return min(ahead, self._round(missing))
        per_instruction = (self.examples + 1) / (self.known + 1)
        ahead = min(ahead, self.FIRST * self.concurrency + self.known - self._known_before)
        return min(ahead, math.ceil(missing / per_instruction))

    def _round(self, missing: int) -> int:
        """Instructions of a round for `missing` examples.

        Enough for all of them and a reserve, if even a high yield would not bring far too many.
        """
        usual = (self.examples + 2 * self.most) / (self.known + 2)
        high = usual + self.most / 4 / math.sqrt(self.known + 1)
        high = max(usual, min(high, self.most))
        reserve, excess = (
            max(share * self.wanted, least) for share, least in (self.RESERVE, self.EXCESS)
        )
        enough = (missing + min(reserve, math.sqrt(missing))) / usual
        is_close = enough * high - missing <= excess
        return math.ceil(enough if is_close else missing / high)

    def steps(self) -> int:
        """How many steps may be between admission and commitment."""
        return min(self.EAGER * self.concurrency, self.instructions() + self.waiting)

    def new_turns(self) -> int:
        """How many turns may be under way."""
        missing = self.instructions() - (self.admitted - self.known)
        per_turn = (self.admitted + self.per_turn) / (self.turns + 1)
        if self.evenly:
            turns = math.ceil(missing / per_turn)
        else:  # at a high yield, and none for half a turn: the round after next will do
            high = (self.admitted + self.per_turn * 4 / 3) / (self.turns + 1)
            turns = round(missing / high)
        return min(self.EAGER * self.concurrency, turns)

    def needs_turn(self) -> bool:
        """Whether a turn should begin although none is under way."""
        return self.evenly or self.admitted == self.known or self.new_turns() > 0
