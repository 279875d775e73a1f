"""What a preset is besides its settings: questions with their parsers, filters, demonstrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

from selfinstruct.asking.stage import Question
from selfinstruct.data.tasks import SeedTask
from selfinstruct.parsing import Parsed, alpaca, chat, paper
from selfinstruct.parsing.wording import NARROW
from selfinstruct.recipes import filters as filtering
from selfinstruct.recipes.pool import PoolItem

Shown = Sequence[SeedTask | PoolItem]
_INSTANCES = {"instances": {"type": "array", "items": {"$ref": "#/$defs/instance"}}}
_SCHEMAS: dict[str, Mapping[str, Any]] = {
    "propose": {"instructions": {"type": "array", "items": {"type": "string"}}},
    "classify": {"is_classification": {"type": "boolean"}},
    "input_first": _INSTANCES,
    "output_first": _INSTANCES,
}
_NAMES = {
    "propose": ("demonstrations", "n", "next"),
    "classify": ("instruction",),
    "input_first": ("instruction", "max_instances"),
    "output_first": ("instruction", "max_instances"),
}
# Tokens of a reply: an instruction, a word, an instance.
_REPLY_TOKENS = {"propose": 28.0, "classify": 2.0, "input_first": 130.0, "output_first": 70.0}
_WHOLE_TASK_TOKENS = 110.0
# Tokens of a second attempt after a cut reply: a model that thinks has not said its word in 16.
_ROOM = {"classify": 2048}


@dataclass(frozen=True, slots=True)
class Method:
    """A preset. `listed`: the text of the demonstrations in a propose prompt."""

    questions: Sequence[Question]
    filters: Sequence[filtering.InstructionFilter]
    listed: Callable[[Shown], str]
    drops_control: bool = True  # instances with control characters
    repeats: bool = False  # a task without input may have several instances


def _as_edition_1(parse: Callable[..., Parsed]) -> Callable[[str, str], Parsed]:
    """The parser for replies of runs that began under version 0.1."""
    if parse is paper.classify:
        return partial(parse, edition=1)
    return partial(parse, wording=NARROW) if parse.__module__ != paper.__name__ else parse


def _questions(parsers: ModuleType, *, leads: bool) -> tuple[Question, ...]:
    """The questions of a preset; leads: whether prompts may end in the beginning of the reply."""
    return tuple(
        Question(
            name,
            getattr(parsers, name),
            _NAMES[name],
            schema,
            reply_tokens=_REPLY_TOKENS[name],
            goes_on=leads and name != "classify",
            shrinks=name == "propose",
            has_theme=name == "propose",
            room=_ROOM.get(name),
            parse_edition_1=_as_edition_1(getattr(parsers, name)),
        )
        for name, schema in _SCHEMAS.items()
    )


def as_list(shown: Shown) -> str:
    """The paper's list: white space collapsed, no colon at the end (section 2.2)."""
    texts = [task.instruction if isinstance(task, SeedTask) else task.text for task in shown]
    return "\n".join(
        f"{number}. {' '.join(text.split()).rstrip(':')}" for number, text in enumerate(texts, 1)
    )


def as_blocks(shown: Shown) -> str:
    """Alpaca's blocks: whole tasks, each number on all of its fields."""
    blocks = []
    for number, task in enumerate(shown, 1):
        if isinstance(task, SeedTask):
            instance = task.instances[0]
            fields = (
                f"Instruction: {task.instruction}",
                f"Input:\n{instance.input or '<noinput>'}",
                f"Output:\n{instance.output}",
            )
            blocks.append("\n".join(f"{number}. {text}" for text in fields))
    return "\n###\n".join(blocks)


_WHOLE_TASKS = Question(
    "propose",
    alpaca.propose,
    _NAMES["propose"],
    _SCHEMAS["propose"],
    reply_tokens=_WHOLE_TASK_TOKENS,
    goes_on=True,
    shrinks=True,
    has_theme=True,
    parse_edition_1=_as_edition_1(alpaca.propose),
)
METHODS: dict[str, Method] = {
    "chat": Method(_questions(chat, leads=True), filtering.CHAT_FILTERS, as_list),
    "paper": Method(
        _questions(paper, leads=False),
        filtering.PAPER_FILTERS,
        as_list,
        drops_control=False,
        repeats=True,
    ),
    "alpaca": Method((_WHOLE_TASKS,), filtering.ALPACA_FILTERS, as_blocks),
    "small": Method(_questions(chat, leads=True), filtering.CHAT_FILTERS, as_list),
}
