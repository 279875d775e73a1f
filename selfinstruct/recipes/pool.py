"""The task pool: the seeds, what the model added in the order of admission, and how the pool stood before a turn."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from selfinstruct.data.tasks import SeedTask
from selfinstruct.similarity import Match, RougeIndex, tokens


@dataclass(frozen=True, slots=True)
class PoolItem:
    """An instruction of the model's own, as a live pool and a resumed one hold it alike."""

    id: str
    text: str


@dataclass(slots=True)
class Pool:
    """What demonstrations are drawn from and what a candidate must be unlike (paper, section 2.2)."""

    seeds: Sequence[SeedTask]
    threshold: float
    tokenizer: str
    machine: list[PoolItem] = field(default_factory=list)
    index: RougeIndex = field(init=False)
    _after: list[int] = field(
        default_factory=list
    )  # how many machine instructions there were after each turn

    def __post_init__(self) -> None:
        self.index = RougeIndex(self.tokenizer)
        for seed in self.seeds:
            self.index.add(seed.instruction)

    @property
    def turns(self) -> int:
        """How many turns have ended."""
        return len(self._after)

    def resembles(self, text: str) -> Match | None:
        """The most similar text in the pool if its ROUGE-L F is above the threshold; a tie with the threshold is novel."""
        return self.index.nearest(text, above=self.threshold)

    def is_comparable(self, text: str) -> bool:
        """False if the tokenizer finds nothing in a text, so that it would be unlike everything."""
        return bool(tokens(text, self.tokenizer))

    def admit(self, id: str, text: str) -> None:
        self.index.add(text)
        self.machine.append(PoolItem(id, text))

    def end_turn(self, turn: int) -> None:
        if turn != len(self._after):
            raise ValueError(f"turn {turn} ends after {len(self._after)} turns")
        self._after.append(len(self.machine))

    def demonstrations(
        self, choose: random.Random, *, after_turn: int, demos: int, machine_demos: int
    ) -> list[SeedTask | PoolItem]:
        """`demos` tasks in a random order: up to `machine_demos` of the model's own, as the pool stood after `after_turn`
        (none if that is negative), the rest seeds.
        """
        visible = self._after[after_turn] if after_turn >= 0 else 0
        machine = choose.sample(range(visible), min(machine_demos, demos, visible))
        human = choose.sample(range(len(self.seeds)), min(demos - len(machine), len(self.seeds)))
        shown: list[SeedTask | PoolItem] = [
            *(self.machine[number] for number in machine),
            *(self.seeds[number] for number in human),
        ]
        choose.shuffle(shown)
        return shown
