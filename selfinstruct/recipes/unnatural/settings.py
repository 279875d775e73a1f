"""The settings of `unnatural`, and its own questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from selfinstruct.asking.config import larger_model
from selfinstruct.asking.endpoint import Rule, setting, sources_setting
from selfinstruct.asking.stage import Question
from selfinstruct.models import Decoding
from selfinstruct.parsing.answer import Answer, answer, output_in_json
from selfinstruct.parsing.elicited import ConstrainedTask, constrained_task
from selfinstruct.recipes.topics.settings import ThemedConfig
from selfinstruct.recipes.wordings import DECODING

SHOWN = 3  # demonstrations in a prompt
_FIELDS = {name: {"type": "string"} for name in ("instruction", "input", "constraints")}
ELICIT = Question(
    "elicit",
    constrained_task,
    ("first", "second", "third"),
    _FIELDS,
    ConstrainedTask,
    130.0,
    goes_on=True,
    has_theme=True,
)
OUTPUT = Question(
    *("output", answer, ("task", "constraints"), {"output": {"type": "string"}}, Answer, 70.0),
    parse_json=output_in_json,
)


@dataclass(frozen=True, slots=True)
class UnnaturalConfig(ThemedConfig):
    """Draft tasks from three that are shown, then their outputs: Unnatural Instructions.

    \b
    selfinstruct unnatural --model gpt-4o-mini --n 5000 --paraphrases 2 --out runs/unnatural
    selfinstruct export runs/unnatural --format unnatural --out unnatural.jsonl

    No draft depends on another, so that all requests may be under way at once.
    """

    RECIPE: ClassVar[str] = "unnatural"
    command: ClassVar[str] = "unnatural"
    items: ClassVar[str] = "draws"
    STAGES: ClassVar[Mapping[str, Decoding]] = {
        "elicit": Decoding(temperature=1.0, top_p=0.99, max_tokens=1024),
        "output": Decoding(temperature=0.0, max_tokens=1024),
        "paraphrase": DECODING,
    }

    n: int = setting(100, "Examples in the finished dataset.", free=True, under="The run")
    sources: tuple[str, ...] = sources_setting(
        "Tasks to show: a run or a file of examples; default: 24 packaged tasks."
    )
    paraphrases: int = setting(0, "Wordings asked for of each task.", under="The method")

    def rules(self) -> Iterator[Rule]:
        yield "n", self.n >= 1, "at least 1"
        yield "paraphrases", self.paraphrases >= 0, "at least 0"
        yield larger_model(self)
        yield from ThemedConfig.rules(self)
