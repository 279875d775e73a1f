"""What a preset is besides its settings: questions with their parsers, filters, demonstrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import Any

from selfinstruct.asking.stage import Question
from selfinstruct.data.tasks import SeedTask
from selfinstruct.parsing import Parsed, alpaca, chat, marked, paper
from selfinstruct.parsing.wording import NARROW
from selfinstruct.recipes import filters as filtering
from selfinstruct.recipes.pool import PoolItem
from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig
from selfinstruct.text import to_json

Shown = Sequence[SeedTask | PoolItem]
_INSTANCES = {"instances": {"type": "array", "items": {"$ref": "#/$defs/instance"}}}
_SCHEMAS: dict[str, Mapping[str, Any]] = {
    "propose": {"instructions": {"type": "array", "items": {"type": "string"}}},
    "classify": {"is_classification": {"type": "boolean"}},
    "input_first": _INSTANCES,
    "output_first": _INSTANCES,
}
_NAMES = {
    "propose": ("demonstrations", "n", "next", "brief"),
    "classify": ("instruction",),
    "input_first": ("instruction", "max_instances"),
    "output_first": ("instruction", "max_instances", "labels"),
}
# Tokens of a reply: an instruction, a word, an instance.
_REPLY_TOKENS = {"propose": 28.0, "classify": 2.0, "input_first": 130.0, "output_first": 70.0}
_WHOLE_TASK_TOKENS = 110.0
_MARKED_REPLY_TOKENS = {
    "propose": 75.0,
    "classify": 2.0,
    "input_first": 260.0,
    "output_first": 120.0,
}
_TASK_FIELDS = {
    "working": {"type": "string"},
    "instruction": {"type": "string"},
    "labels": {"type": "array", "items": {"type": "string"}},
}
# What a propose reply in JSON holds where each task is marked.
_TASK = {
    "type": "object",
    "properties": _TASK_FIELDS,
    "required": [*_TASK_FIELDS],
    "additionalProperties": False,
}
_WORKED_INSTANCE = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("input", "working", "output")},
    "required": ["input", "working", "output"],
    "additionalProperties": False,
}
_MARKED_SCHEMAS: dict[str, Mapping[str, Any]] = {
    **_SCHEMAS,
    "propose": {"instructions": {"type": "array", "items": _TASK}},
    "input_first": {"instances": {"type": "array", "items": _WORKED_INSTANCE}},
}
_WEIGHED_TASK = {
    **_TASK,
    "properties": {**_TASK_FIELDS, "probability": {"type": "number"}},
    "required": [*_TASK_FIELDS, "probability"],
}
# Verbalized sampling (2510.01171): the last words of a propose prompt, as text and as JSON.
_RARE = (
    "Take tasks that are rare: each such that its probability, among all tasks that could stand at "
    "its line, is at most {}."
)
_ANY = (
    "Take the tasks from the whole range of those that could stand at their lines, likely and "
    "unlikely ones."
)
_IN_TAGS = (
    "Say in each opening tag how probable the task is among all of them, as a number from 0 to 1, "
    'beside the labels of a task that has labels: <task probability="0.03">.'
)
_IN_OBJECTS = (
    'Each object has one more field, "probability": how probable the task is among all of them, as '
    'a number from 0 to 1: {"working": "", "instruction": "...", "labels": [], "probability": 0.03}.'
)
# The temperature of a second attempt after a label that could not be read.
_WARMER = 0.7
# Tokens of a second attempt after a cut reply: a model that thinks has not said its word in 16.
_ROOM = {"classify": 2048}


@dataclass(frozen=True, slots=True)
class Method:
    """A preset.

    listed, as_json: the text of the demonstrations in a propose prompt. is_marked: a propose prompt
    has a brief that is drawn (draws.py), its reply tells which tasks a bare label answers, and
    the labels of an output-first prompt are drawn. deals: a stretch of turns shows every seed once.
    """

    questions: Sequence[Question]
    filters: Sequence[filtering.InstructionFilter]
    listed: Callable[[Shown], str]
    as_json: Callable[[Shown], str] | None = None  # else `listed`
    is_marked: bool = False
    deals: bool = False
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


def _marked_questions() -> tuple[Question, ...]:
    """The questions of the preset `chat` since edition 3."""
    return tuple(
        replace(
            question,
            parse=getattr(marked, question.name),
            schema=_MARKED_SCHEMAS[question.name],
            reply_tokens=_MARKED_REPLY_TOKENS[question.name],
            goes_on=False,
            warmer=_WARMER if question.name == "classify" else None,
        )
        for question in _questions(chat, leads=False)
    )


def _texts(shown: Shown) -> list[str]:
    return [task.instruction if isinstance(task, SeedTask) else task.text for task in shown]


def as_list(shown: Shown) -> str:
    """The paper's list: white space collapsed, no colon at the end (section 2.2)."""
    return "\n".join(
        f"{number}. {' '.join(text.split()).rstrip(':')}"
        for number, text in enumerate(_texts(shown), 1)
    )


def as_tags(shown: Shown) -> str:
    """Each task in tags, with its lines."""
    return "\n".join(f"<task>\n{text.strip()}\n</task>" for text in _texts(shown))


def as_objects(shown: Shown) -> str:
    """The tasks as a reply in JSON would hold them."""
    return to_json({"instructions": [{"instruction": text.strip()} for text in _texts(shown)]})


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
_PRESET_CHAT = Method(_questions(chat, leads=True), filtering.CHAT_FILTERS, as_list)
METHODS: dict[str, Method] = {
    "chat": Method(
        _marked_questions(),
        filtering.LONG_CHAT_FILTERS,
        as_tags,
        as_json=as_objects,
        is_marked=True,
        deals=True,
    ),
    "paper": Method(
        _questions(paper, leads=False),
        filtering.PAPER_FILTERS,
        as_list,
        drops_control=False,
        repeats=True,
    ),
    "alpaca": Method((_WHOLE_TASKS,), filtering.ALPACA_FILTERS, as_blocks),
    "small": replace(_PRESET_CHAT, deals=True),
}
# The presets that were others, by the last edition of the runs that keep them.
_EARLIER = {"chat": (2, _PRESET_CHAT), "small": (2, _PRESET_CHAT)}


def method_of(config: SelfInstructConfig) -> Method:
    """The preset of a run, as it was when the run began."""
    last, earlier = _EARLIER.get(config.preset, (0, METHODS[config.preset]))
    return earlier if config.edition <= last else METHODS[config.preset]


def questions_of(config: SelfInstructConfig) -> Sequence[Question]:
    """The questions of a run; with --tail tasks are proposed with their probabilities."""
    method = method_of(config)
    if not config.tail or not method.is_marked:
        return method.questions
    drawn = _ANY if config.tail == 1 else _RARE.format(f"{config.tail:g}")
    said = _IN_TAGS if config.response_format == "text" else _IN_OBJECTS
    return [
        replace(
            question,
            parse=partial(marked.propose, weighs=True),
            schema={"instructions": {"type": "array", "items": _WEIGHED_TASK}},
            ending=f"{drawn} {said}",
        )
        if question.name == "propose"
        else question
        for question in method.questions
    ]
