"""Tasks over the fields of a dataset (Dynosaur, Yin et al., 2023, section 2.2)."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

from selfinstruct.parsing import Leftover
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.reasons import leftovers, why_nothing
from selfinstruct.parsing.values import found_in
from selfinstruct.parsing.wording import MARK, WIDE

_INSTRUCTION = ("instruction", "task", "task_instruction", "prompt", "description")
_INPUTS = ("input_fields", "input_field", "inputs", "input")
_OUTPUT = ("output_field", "output_fields", "output", "outputs", "target")
_LISTS = ("tasks", "instructions", "task_list", "result")
_LABEL = re.compile(
    rf"{MARK}(?:task[ \t]*\d{{0,2}}[ \t.:)-]{{0,3}})?{MARK}"
    r"(?P<field>instruction|input[_ ]?fields?|inputs?|output[_ ]?fields?|outputs?)"
    r"[*_ \t]{0,4}[:\uff1a][*_ \t]{0,4}(?P<rest>.*)",
    re.I,
)
_LITERAL = re.compile(r"\{[^{}]{0,4000}\}")
_TASK_NUMBER = re.compile(r"[\W_]*(?:task|example)?[\W_]*\d{0,3}[\W_]*", re.I)
_MOST = 50  # tasks of a reply


@dataclass(frozen=True, slots=True)
class FieldTask:
    """A task as a reply has it: nothing is checked, and any part may be missing."""

    instruction: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldTasks:
    """The tasks of a reply, or the reason why there are none or not all."""

    tasks: tuple[FieldTask, ...] = ()
    reason: str | None = None
    leftovers: tuple[Leftover, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True if the reply held no task."""
        return not self.tasks


def field_tasks(reply: str, finish_reason: str) -> FieldTasks:
    """The tasks of a reply, as JSON, in the notation of Python, or in labelled lines:

        {"instruction": "Answer the question.", "input_fields": ["question"],
         "output_field": "answer"}

        Instruction: Answer the question.
        Input fields: question
        Output field: answer

    The whole tasks of a reply that was cut are read. Reasons: a cut, broken_json, empty_reply,
    refusal, no_tasks.
    """
    cut = cut_of(finish_reason)
    found = found_in(reply)
    tasks, beside, is_whole = list[FieldTask](), "", True
    if found is not None:
        records = [record for value in (*found.values, *found.broken) for record in _records(value)]
        tasks, beside, is_whole = list(map(_task, records)), found.outside, found.is_whole
    if not tasks:
        tasks, beside = _literals(reply)
    if not tasks:
        tasks, beside = _labelled(reply)
    tasks = [task for task in tasks if task != FieldTask()][:_MOST]
    reason = cut
    if reason is None and not tasks:
        reason = "broken_json" if not is_whole else why_nothing(reply, "no_tasks")
    elif reason is None and not is_whole:
        reason = "broken_json"
    left = () if reason is not None else leftovers(_without_numbers(beside), [], WIDE)
    return FieldTasks(tuple(tasks), reason, left)


def _records(value: Any) -> list[dict[str, Any]]:
    """The tasks in a JSON value: a task, a list of tasks, or an object that holds a list."""
    if isinstance(value, list):
        return [record for record in value if isinstance(record, dict)]
    if not isinstance(value, dict):
        return []
    for name in _LISTS:
        if isinstance(value.get(name), list):
            return [record for record in value[name] if isinstance(record, dict)]
    inner = [record for record in value.values() if isinstance(record, dict)]
    return inner if inner and len(inner) == len(value) else [value]


def _task(record: dict[str, Any]) -> FieldTask:
    plain = {
        re.sub(r"[\W_]+", "_", str(name).strip().lower()): each for name, each in record.items()
    }
    said = _first(plain, _INSTRUCTION)
    return FieldTask(
        said.strip() if isinstance(said, str) else "",
        _names(_first(plain, _INPUTS)),
        _names(_first(plain, _OUTPUT)),
    )


def _first(record: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((record[name] for name in names if record.get(name)), None)


def _names(value: Any) -> tuple[str, ...]:
    """The names of fields in a text, a list, or the keys of an object."""
    values = list(value) if isinstance(value, (list, tuple, dict)) else [value]
    texts = (each.strip().strip("`'\"") for each in values if isinstance(each, str))
    return tuple(dict.fromkeys(text for text in texts if text))


def _literals(reply: str) -> tuple[list[FieldTask], str]:
    """Tasks in the notation of Python, and the text around them."""
    tasks = []
    for found in _LITERAL.finditer(reply):
        try:
            value = ast.literal_eval(found.group())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        if isinstance(value, dict):
            tasks.append(_task(value))
    return tasks, _LITERAL.sub("\n", reply) if tasks else ""


def _labelled(reply: str) -> tuple[list[FieldTask], str]:
    """Tasks in labelled lines, and the lines that belong to none."""
    tasks, beside = list[dict[str, Any]](), list[str]()
    for line in reply.split("\n"):
        label = _LABEL.match(line)
        if label is None:
            beside.append(line)
            continue
        name = label["field"].lower().replace("_", " ").split()[0].rstrip("s")
        if name == "instruction" or not tasks or name in tasks[-1]:
            tasks.append({})
        rest = label["rest"].strip()
        tasks[-1][name] = rest if name == "instruction" else _listed(rest)
    made = [
        FieldTask(task.get("instruction", ""), task.get("input", ()), task.get("output", ()))
        for task in tasks
        if "instruction" in task and len(task) > 1
    ]
    return made, "\n".join(beside) if made else ""


def _listed(text: str) -> tuple[str, ...]:
    """The names in "question, context", "`question` and `context`" or "['question']"."""
    bare = text.strip("[]() .")
    parts = re.split(r"\s*[,;&]\s*|\s+and\s+", bare)
    return _names([part.strip("[]() .\"'`") for part in parts])


def _without_numbers(text: str) -> str:
    lines = (line for line in text.split("\n") if not _TASK_NUMBER.fullmatch(line))
    return "\n".join(lines)
