"""The settings of `evolve`, and its questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from selfinstruct.asking.config import larger_model
from selfinstruct.asking.endpoint import Rule, setting, sources_setting
from selfinstruct.asking.stage import Question
from selfinstruct.models import Decoding
from selfinstruct.parsing.answer import Answer, answer, output_in_json
from selfinstruct.parsing.rewriting import Sameness, rewritten, sameness
from selfinstruct.recipes.topics.settings import ThemedConfig

# Section 3.1: five operators in depth, one in breadth; each a stage with its template.
BREADTH = "breadth"
OPERATORS = ("constraints", "deepen", "concretize", "reasoning", "complicate", BREADTH)
_THEMED = (BREADTH,)  # the others stay with the matter of their prompt
_PROMPT, _OUTPUT = {"prompt": {"type": "string"}}, {"output": {"type": "string"}}
QUESTIONS = (
    *(
        Question(*(name, rewritten, ("prompt",), _PROMPT, Answer, 90.0), has_theme=name in _THEMED)
        for name in OPERATORS
    ),
    Question(
        *("same", sameness, ("child", "parent"), {"same": {"type": "boolean"}}, Sameness, 3.0),
        room=2048,
    ),
    Question(*("answer", answer, ("prompt",), _OUTPUT, Answer, 300.0), parse_json=output_in_json),
)


@dataclass(frozen=True, slots=True)
class EvolveConfig(ThemedConfig):
    """Make the instructions of a dataset harder in rounds, and answer them: Evol-Instruct.

    \b
    selfinstruct evolve --from runs/first --rounds 4 --model gpt-4o-mini --out runs/evolved

    Each round applies an operator at random. A child without a gain is dropped with its reason, and
    its parent goes to the next round.
    """

    RECIPE: ClassVar[str] = "evolve"
    command: ClassVar[str] = "evolve"
    items: ClassVar[str] = "rows"
    STAGES: ClassVar[Mapping[str, Decoding]] = {
        **dict.fromkeys(OPERATORS, Decoding(temperature=1.0, top_p=0.95, max_tokens=1024)),
        "same": Decoding(temperature=0.0, max_tokens=16),
        "answer": Decoding(temperature=1.0, top_p=0.95, max_tokens=2048),
    }

    sources: tuple[str, ...] = sources_setting("A run or a file of instructions.")
    rounds: int = setting(4, "Rounds of each instruction.", under="The method")
    operator: tuple[str, ...] = setting(
        OPERATORS,
        f"An operator to draw from: {', '.join(OPERATORS)}; default: all.",
        choices=OPERATORS,
        under="The method",
    )
    new_words: int = setting(
        3, "Drop a child with fewer words than that beside its parent's.", under="The method"
    )

    def rules(self) -> Iterator[Rule]:
        yield "rounds", self.rounds >= 1, "at least 1"
        yield "new_words", self.new_words >= 0, "at least 0"
        distinct = len(set(self.operator)) == len(self.operator) > 0
        yield "operator", distinct, "each named once"
        for name in ("topics", "personas"):
            is_shown = not getattr(self, name) or not set(_THEMED).isdisjoint(self.operator)
            yield name, is_shown, "left out without --operator breadth, which alone shows them"
        yield larger_model(self)
        yield from ThemedConfig.rules(self)
