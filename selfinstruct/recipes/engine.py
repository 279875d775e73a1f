"""The engine of every recipe: two ordered streams, from items to drafts, from drafts to outcomes.

    items -> draft (many at once) -> admit (in order, keeps state) -> fill (many at once) -> steps

What is filled passes the gates of the run, if it has any (verification/gates.py).
The steps are a function of the settings, the inputs and the replies. Two things make them so: a
recipe draws from its state as it stood some items before, with a generator of the item's own; and
both streams hand their results on in order, however the replies come in. The stream of steps ends
with the n-th example, or after the last item.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from selfinstruct.asking.stage import Ask
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.models import Request
from selfinstruct.recipes import Outcome, Recipe
from selfinstruct.recipes.ordered import in_order
from selfinstruct.recipes.pace import Pace
from selfinstruct.verification.gates import Gates

_PLACE = re.compile(r"([a-z]*)(\d+)")


@dataclass(frozen=True, slots=True)
class Step:
    """Outcomes that are committed together: at most an instruction, and its examples."""

    turn: int  # the item's number
    outcomes: tuple[Outcome, ...]
    ends_turn: bool = False
    is_last: bool = False  # the n-th example is in it, or no item is left
    items_ended: bool = False  # no item is left
    admitted: Any = None  # to be filled

    @property
    def instruction(self) -> Instruction | None:
        """The instruction among the outcomes, if any."""
        return next((each for each in self.outcomes if isinstance(each, Instruction)), None)


class Engine:
    """A sitting's way through a recipe, from item number `start` on."""

    def __init__(
        self, recipe: Recipe, ask: Ask, pace: Pace, *, gates: Gates | None = None, start: int = 0
    ) -> None:
        self._recipe, self._ask, self._pace, self._gates = recipe, ask, pace, gates
        self._wanted, self._examples = pace.wanted, pace.examples
        self._ended = start
        self._filled = asyncio.Event()  # a draft was; replaced by a new event each time

    async def steps(self) -> AsyncGenerator[Step, None]:
        """The steps to commit, in order. Raises ModelError."""
        await self._recipe.begin(self._ask)
        many = in_order(self._fill, self._admit(), window=self._pace.steps)
        async with aclosing(many if self._waits() else self._one_by_one()) as steps:
            async for step in steps:
                self._pace.waiting -= 1
                step = self._cut(step)
                yield step
                if step.is_last:
                    return
        yield Step(self._ended - 1, (), is_last=True, items_ended=True)

    def _cut(self, step: Step) -> Step:
        """The step up to the n-th example, which is the last outcome of all."""
        for number, outcome in enumerate(step.outcomes, 1):
            if isinstance(outcome, Example):
                self._examples += 1
                if self._examples >= self._wanted:
                    return replace(
                        step, outcomes=step.outcomes[:number], ends_turn=False, is_last=True
                    )
        return step

    def _waits(self) -> bool:
        """Whether there may be an answer to wait for: of a model or of a gate."""
        recipe = self._recipe
        asks = recipe.questions_of(recipe.config) or recipe.themes.questions
        return self._gates is not None or bool(asks)

    async def _one_by_one(self) -> AsyncGenerator[Step, None]:
        """Both streams as a single one, at a fraction of the cost."""
        for numbered in enumerate(self._recipe.items(self._ended), self._ended):
            for step in self._admitted(*await self._draft(numbered)):
                yield await self._fill(step)
            await asyncio.sleep(0)  # signals and time limits are heard

    # ------------------------------------------------ the first stream: from items to drafts

    async def _admit(self) -> AsyncGenerator[Step, None]:
        async with aclosing(in_order(self._draft, self._items(), window=self._open_items)) as items:
            async for at, drafts in items:
                for step in self._admitted(at, drafts):
                    yield step

    def _admitted(self, at: int, drafts: Sequence[Any]) -> Iterator[Step]:
        """Admit the drafts of item number `at`: a step for each, and one that ends the item."""
        dropped: list[Outcome] = []
        for draft in drafts:
            found = draft if isinstance(draft, Rejected) else self._recipe.admit(at, draft)
            if isinstance(found, Rejected):
                dropped.append(found)
                continue
            self._pace.admitted += 1
            yield Step(at, tuple(dropped), admitted=found)
            dropped = []
        self._recipe.end(at)
        self._ended += 1
        self._pace.turns += 1
        yield Step(at, tuple(dropped), ends_turn=True)

    async def _items(self) -> AsyncIterator[tuple[int, Any]]:
        for numbered in enumerate(self._recipe.items(self._ended), self._ended):
            while not self._pace.needs_turn():
                await self._filled.wait()
            yield numbered

    def _open_items(self) -> int:
        return min(self._recipe.may_open(self._ended), self._pace.new_turns())

    async def _draft(self, numbered: tuple[int, Any]) -> tuple[int, Sequence[Any]]:
        at, item = numbered
        ask = self._recipe.themes.asking(self._ask, at)
        return at, await self._recipe.draft(at, item, ask)

    # ------------------------------------------------ the second stream: from drafts to outcomes

    async def _fill(self, step: Step) -> Step:
        if step.admitted is not None:
            themes = self._recipe.themes
            ask = themes.asking(self._ask, step.turn)
            filled = themes.noted(step.turn, await self._recipe.fill(step.turn, step.admitted, ask))
            if self._gates is not None:
                filled = await self._gates.passed(step.turn, filled, self._ask)
            step = Step(step.turn, (*step.outcomes, *filled), step.ends_turn)
            self._pace.known += 1
            self._pace.examples += sum(isinstance(each, Example) for each in filled)
            self._filled.set()
            self._filled = asyncio.Event()
        self._pace.waiting += 1
        return step


def rank(request: Request) -> tuple[int, int]:
    """The order in which waiting calls are made: drafts first, of which few are under way, then
    instructions by number. A second attempt does not queue behind all that came after the first.
    """
    place = _PLACE.match(request.place)
    return (1, 0) if place is None else (int(place[1] == "i"), int(place[2]))


class _Asked(Exception):
    """The first request of a recipe."""

    def __init__(self, stage: str, place: str, values: Any, to: str | None) -> None:
        super().__init__(stage)
        self.call = (stage, place, values, to)


async def first_call(
    recipe: Recipe, gates: Gates | None = None
) -> tuple[str, str, Any, str | None] | None:
    """The stage, place, values and model of a new run's first request; None if there is none."""

    async def ask(stage: str, place: str, values: Any, to: str | None = None) -> Any:
        raise _Asked(stage, place, values, to)

    try:
        async with aclosing(Engine(recipe, ask, Pace(1, 1), gates=gates).steps()) as steps:
            async for _ in steps:
                pass
    except _Asked as found:
        return found.call
    return None
