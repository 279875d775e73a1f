"""The task pool: seeds and admitted instructions, with the pool's state before every turn."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from selfinstruct.data.tasks import Instruction, SeedTask
from selfinstruct.similarity import Match, RougeIndex, tokens


@dataclass(frozen=True, slots=True)
class PoolItem:
    """An instruction by the model, the same in a live pool and a resumed pool."""

    id: str
    text: str


@dataclass(slots=True)
class Pool:
    """The source of demonstrations; candidates must differ from its texts (paper, section 2.2)."""

    seeds: Sequence[SeedTask]
    threshold: float
    tokenizer: str
    machine: list[PoolItem] = field(default_factory=list)
    index: RougeIndex = field(init=False)
    # the number of machine instructions after each turn
    _after: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.index = RougeIndex(self.tokenizer)
        for seed in self.seeds:
            self.index.add(seed.instruction)

    @property
    def turns(self) -> int:
        """How many turns have ended."""
        return len(self._after)

    def resembles(self, text: str) -> Match | None:
        """The most similar text in the pool if its ROUGE-L F is above the threshold.

        A tie with the threshold is novel.
        """
        return self.index.nearest(text, above=self.threshold)

    def is_comparable(self, text: str) -> bool:
        """False for a text without tokens, which would differ from every text."""
        return bool(tokens(text, self.tokenizer))

    def restore(
        self, instructions: Iterable[Instruction], ended: int, saved: Path | None = None
    ) -> int:
        """Go back to the end of `ended` turns; the number of machine instructions then.

        saved: a file with an index of the first texts, if it is there.
        """
        for instruction in instructions:
            for turn in range(self.turns, instruction.turn):
                self.end_turn(turn)
            self.machine.append(PoolItem(instruction.id, instruction.text))
        for turn in range(self.turns, ended):
            self.end_turn(turn)
        texts = [*(seed.instruction for seed in self.seeds), *(item.text for item in self.machine)]
        self.index = RougeIndex.of(texts, self.tokenizer, saved)
        return len(self.machine)

    def save(self, path: Path, instructions: int) -> None:
        """Write a file for `restore`, about the first machine instructions. Raises OSError."""
        self.index.save(path, len(self.seeds) + instructions)

    def admit(self, id: str, text: str) -> None:
        self.index.add(text)
        self.machine.append(PoolItem(id, text))

    def end_turn(self, turn: int) -> None:
        if turn != len(self._after):
            raise ValueError(f"turn {turn} ends after {len(self._after)} turns")
        self._after.append(len(self.machine))

    def demonstrations(
        self,
        choose: random.Random,
        *,
        after_turn: int,
        demos: int,
        machine_demos: int,
        dealt: Sequence[int] | None = None,
    ) -> list[SeedTask | PoolItem]:
        """`demos` tasks in a random order.

        Up to `machine_demos` come from the model, as the pool stood after `after_turn` (none if
        negative), the rest are seeds: the first of those dealt, by number, or any.
        """
        visible = self._after[after_turn] if after_turn >= 0 else 0
        machine = choose.sample(range(visible), min(machine_demos, demos, visible))
        wanted = min(demos - len(machine), len(self.seeds))
        human = dealt[:wanted] if dealt else choose.sample(range(len(self.seeds)), wanted)
        shown: list[SeedTask | PoolItem] = [
            *(self.machine[number] for number in machine),
            *(self.seeds[number] for number in human),
        ]
        choose.shuffle(shown)
        return shown
