"""The lead of a run's calls over its commits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(slots=True)
class Pace:
    """The windows of the two streams (bootstrap.py).

    They decide the order of the calls, never the data. Towards the end, only as many items begin as
    the yield so far shows to be needed.
    """

    wanted: int  # examples; sys.maxsize: all
    concurrency: int
    turns: int = 0
    admitted: int = 0
    known: int = 0  # of the admitted: what has become of them, committed or not
    examples: int = 0  # of the known
    waiting: int = 0  # steps that an earlier one keeps from being committed
    per_turn: float = 6.0  # admitted, as far as is known beforehand
    # times the examples needed: more than 1 where another round costs hours (models/batch.py)
    surplus: float = 1.0
    # so that calls of all stages are mixed at any moment; not where all requests go out at once
    evenly: bool = True
    _known_before: int = field(init=False)

    # calls begun for each that can be under way, so that a slow call holds up none
    EAGER: ClassVar[int] = 64

    # the same at the beginning of a sitting; grows from there with the finished work
    FIRST: ClassVar[int] = 4

    def __post_init__(self) -> None:
        self._known_before = self.known

    def instructions(self) -> int:
        """How many instructions may be between admission and their examples."""
        per_instruction = (self.examples + 1) / (self.known + 1)
        missing = max(self.wanted - self.examples, 0)
        ahead = self.EAGER * self.concurrency
        if self.evenly:
            ahead = min(ahead, self.FIRST * self.concurrency + self.known - self._known_before)
        return min(ahead, math.ceil(self.surplus * missing / per_instruction))

    def steps(self) -> int:
        """How many steps may be between admission and commitment."""
        return min(self.EAGER * self.concurrency, self.instructions() + self.waiting)

    def new_turns(self) -> int:
        """How many turns may be under way."""
        per_turn = (self.admitted + self.per_turn) / (self.turns + 1)
        missing = self.instructions() - (self.admitted - self.known)
        return min(self.EAGER * self.concurrency, math.ceil(missing / per_turn))
