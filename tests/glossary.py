"""A recipe of its own, for tests/test_recipe.py: finite, two stages. `python glossary.py COMMAND ...`"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from selfinstruct.asking.config import Config
from selfinstruct.asking.endpoint import setting
from selfinstruct.asking.stage import Ask, Question
from selfinstruct.cli import main
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.models import Decoding
from selfinstruct.parsing.answer import answer
from selfinstruct.recipes import Outcome, Recipe
from selfinstruct.recipes.catalogue import RECIPES, Kind


@dataclass(frozen=True, slots=True)
class GlossaryConfig(Config):
    """Explain words: each is described by the model, then put to use."""

    RECIPE: ClassVar[str] = "glossary"
    items: ClassVar[str] = "words"
    STAGES: ClassVar[Mapping[str, Decoding]] = dict.fromkeys(("ask", "tell"), Decoding(1.0))
    words: int = setting(10, "How many words.", under="The method")


class Glossary(Recipe):
    """In: numbers. Out: a question about each, with its answer."""

    questions = (
        Question("ask", answer, ("word",), template="--- user\nAsk a question about {{word}}."),
        Question("tell", answer, ("question",), template="--- user\nAnswer: {{question}}"),
    )

    def items(self, start: int) -> Iterator[str]:
        return (f"the word number {number}" for number in range(start, self.config.words))

    async def draft(self, at: int, item: str, ask: Ask) -> Sequence[Any]:
        reply = (await ask("ask", f"t{at}", {"word": item})).parsed
        if reply.reason:
            return [Rejected("ask", "reply", reply.reason, at, reply.text)]
        return [Instruction(f"i{at:06d}", reply.text, at, ())]

    async def fill(self, at: int, admitted: Instruction, ask: Ask) -> Sequence[Outcome]:
        reply = (await ask("tell", admitted.id, {"question": admitted.text})).parsed
        if reply.reason:
            return [admitted, Rejected("tell", "reply", reply.reason, at, reply.text)]
        made = {"instruction_id": admitted.id, "turn": at, "model": self.config.model}
        return [admitted, Example(f"{admitted.id}-1", admitted.text, "", reply.text, None, made)]


RECIPES["glossary"] = Kind(GlossaryConfig, Glossary)

if __name__ == "__main__":
    main()
