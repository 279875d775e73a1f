"""Recipes: ways of making data, all run by the same engine.

A recipe drafts many items at once, admits their drafts in order, and fills the admitted ones, again
many at once. The engine (recipes/engine.py) keeps the order and stops at n examples or when the
items end. recipes/catalogue.py names the recipes that there are.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from selfinstruct.asking.reading import dropped_replies as dropped_replies
from selfinstruct.asking.stage import Ask, Question
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.recipes.topics.themes import Themes
from selfinstruct.verification.questions import CRITERIA, Criterion

Outcome = Instruction | Rejected | Example


@dataclass(frozen=True, slots=True)
class Materials:
    """The data that a recipe works on besides its settings: seed tasks, sources.

    value: for the recipe alone. files: copied into the run directory, by name. fingerprints: of
    everything that decides the data, by name (run.json); a run goes on with the same ones only.
    """

    value: Any = None
    files: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, Any] = field(default_factory=dict)


class Recipe:
    """A way of making data, opened for a run.

    A recipe overrides the methods that are not trivial for the recipe. Items, drafts and admitted
    values are its own types; the engine only passes them on.
    """

    questions: ClassVar[Sequence[Question]] = ()
    is_endless: ClassVar[bool] = False  # items never end
    prices_examples: ClassVar[bool] = False  # plan and end say the price of 1,000 examples
    labels: ClassVar[Mapping[str, str]] = {}  # of fingerprints, for messages
    criteria: ClassVar[Sequence[Criterion]] = CRITERIA  # of a model that reviews examples
    themes: Themes = Themes()  # set for the recipes whose settings name topics or personas
    saved: Path | None = None  # a file by `save` in an earlier sitting, for `restore`, if it exists

    def __init__(self, config: Any, materials: Any = None) -> None:
        self.config, self.materials = config, materials

    @classmethod
    def questions_of(cls, config: Any) -> Sequence[Question]:
        """The questions of a run with these settings."""
        return cls.questions

    @classmethod
    def folder_of(cls, config: Any) -> str:
        """The folder of its packaged templates, in prompts/."""
        return str(config.recipe)

    @classmethod
    def read(cls, config: Any, kept: Path | None, named: Collection[str]) -> Materials:
        """The materials that the settings name. Raises UserError.

        `kept`: the folder of inputs of a run that goes on, whose copies serve again but for the
        settings that are `named` anew.
        """
        return Materials()

    @classmethod
    def expected(cls, config: Any, materials: Any) -> int | None:
        """How many examples there will be at most; None: nobody knows."""
        return None

    async def begin(self, ask: Ask) -> None:
        """Ask for what all items need, before the first item of a sitting."""
        self.themes = await self.themes.written(ask)

    def typical(self) -> int | None:
        """How many examples a run will have, about, where `expected` does not know."""
        return None

    def items(self, start: int) -> Iterator[Any]:
        """The items from number `start` on. Item k never depends on replies."""
        raise NotImplementedError

    def may_open(self, ended: int) -> int:
        """How many items, from the first that has not ended, may be under way."""
        return sys.maxsize

    async def draft(self, at: int, item: Any, ask: Ask) -> Sequence[Any]:
        """The drafts of item number `at`, with `Rejected` for the unreadable parts of a reply."""
        return [item]

    def admit(self, at: int, draft: Any) -> Any:
        """The draft, ready to be filled, or `Rejected`. Called in order; may keep state."""
        return draft

    async def fill(self, at: int, admitted: Any, ask: Ask) -> Sequence[Outcome]:
        """The outcomes of an admitted draft: its instruction first, then the rest."""
        raise NotImplementedError

    def why_not_mended(self, example: Example) -> str | None:
        """The reason to drop an example whose output was written anew (verification/gates.py)."""
        return None

    def end(self, at: int) -> None:
        """All drafts of item number `at` were admitted or rejected."""

    def restore(self, instructions: Iterable[Instruction], ended: int) -> int:
        """Go back to the end of `ended` items, from the committed instructions alone.

        Returns how many instructions there are.
        """
        return sum(1 for _ in instructions)

    def save(self, path: Path, instructions: int) -> None:
        """Write what makes `restore` faster, about the first committed instructions.

        The file may be deleted, torn or old; `restore` believes only what it proves. May raise
        OSError.
        """

    def per_item(self) -> float:
        """Drafts admitted of an item, as far as is known beforehand."""
        return 1.0

    def per_instruction(self) -> float:
        """Examples of an admitted draft, if all goes well."""
        return 1.0

    def forecast(self, examples: int, *, lucky: bool) -> Mapping[str, float]:
        """Requests by stage that `examples` more examples take, if all goes well or badly."""
        return {question.name: float(examples) for question in self.questions_of(self.config)}

    def reply_tokens(self, stage: str, *, lucky: bool) -> float:
        """Tokens of a reply of the stage, about."""
        questions = self.questions_of(self.config)
        return next(each.reply_tokens for each in questions if each.name == stage)

    def described(self) -> Iterator[str]:
        """Lines of the plan about the materials."""
        return iter(())

    def remarks(self) -> Iterator[str]:
        """Notices at the beginning of a sitting."""
        return iter(())

    def specimens(self) -> Mapping[str, Mapping[str, object]]:
        """Values of an ordinary request by stage, for an estimate of the prompts' length."""
        return {}
