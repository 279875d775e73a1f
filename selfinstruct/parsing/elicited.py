"""Tasks with an input and constraints on the output (Honovich et al., 2022, section 2.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from selfinstruct.parsing import Leftover
from selfinstruct.parsing.embedded import rest_of, text_of
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.markdown import tidied
from selfinstruct.parsing.reasons import leftovers, why_nothing
from selfinstruct.parsing.values import found_in
from selfinstruct.parsing.wording import MARK, WIDE, given_input, lines_of

NONE = "None."  # the constraints of a task without any, as in the published data
_FIELDS = ("instruction", "input", "constraints")
_LABEL = re.compile(
    rf"{MARK}(?:Example[ \t]*\d{{1,3}}[ \t.:)-]{{0,3}})?{MARK}"
    r"(?P<field>Instruction|Input|Constraints?(?: (?:on|of) the output)?|Output)"
    r"(?:[ \t]*\d{1,3})?[*_ \t]{0,4}[:\uff1a][*_ \t]{0,4}(?P<rest>.*)",
    re.I,
)
_EXAMPLE = re.compile(rf"{MARK}Example[ \t]*\d{{1,3}}[*_.:) \t]*", re.I)


@dataclass(frozen=True, slots=True)
class ConstrainedTask:
    """A drafted task. missing: its fields that the reply left out, of input and constraints.

    An empty input stands for a task that takes none. reason: why there is no task at all.
    """

    instruction: str = ""
    input: str = ""
    constraints: str = ""
    missing: tuple[str, ...] = ()
    reason: str | None = None
    leftovers: tuple[Leftover, ...] = ()

    @property
    def is_free(self) -> bool:
        """True if there are no constraints on the output."""
        return self.constraints == NONE

    @property
    def is_empty(self) -> bool:
        """True if the reply held no task."""
        return not self.instruction


def constrained_task(reply: str, finish_reason: str) -> ConstrainedTask:
    """The first task of a reply, in labelled lines or as JSON:

        Instruction: Name the season in which the event takes place.
        Input: The harvest festival begins on the second Sunday of October.
        Constraints: One of spring, summer, autumn and winter.

    Fields of further tasks, an output, and words around the task are leftovers. Reasons: a cut,
    broken_json, empty_reply, refusal, no_tasks.
    """
    cut = cut_of(finish_reason)
    if cut is not None:
        return ConstrainedTask(reason=cut)
    found = found_in(reply)
    if found is not None and not found.is_whole:
        return ConstrainedTask(reason="broken_json")
    if found is not None and found.values and isinstance(found.values[0], dict):
        record, *others = found.values
        beside = [found.outside, *map(text_of, others), *rest_of(record, *zip(_FIELDS))]
        task = _task({name: text_of(record, name) for name in _FIELDS if name in record})
    else:
        fields, beside = _labelled(reply)
        task = _task(fields)
    if task.is_empty:
        return ConstrainedTask(reason=why_nothing(reply, "no_tasks"))
    before, *rest = beside
    return replace(task, leftovers=(*task.leftovers, *leftovers(before, rest, WIDE)))


def _labelled(reply: str) -> tuple[dict[str, str], list[str]]:
    """The first text of each field, and the other texts: first the text before any label."""
    parts: list[tuple[str, list[str]]] = [("", [])]
    for line in lines_of(reply):
        label = _LABEL.fullmatch(line)
        if label is not None:
            name = label["field"].lower()
            parts.append(("constraints" if name.startswith("constr") else name, [label["rest"]]))
        elif _EXAMPLE.fullmatch(line):
            parts.append(("", []))
        else:
            parts[-1][1].append(line)
    texts = [(name, "\n".join(lines).strip()) for name, lines in parts]
    fields: dict[str, str] = {}
    beside, is_over = [texts[0][1]], False
    for name, text in texts[1:]:
        is_over = is_over or name in fields
        if name in _FIELDS and not is_over:
            fields[name] = text
        else:
            is_over = is_over or bool(fields)
            beside.append(text)
    return fields, beside


def _task(fields: dict[str, Any]) -> ConstrainedTask:
    instruction, title = tidied(fields.get("instruction", ""), WIDE)
    constraints = fields.get("constraints", "")
    missing = [name for name in ("input", "constraints") if name not in fields]
    if "constraints" in fields and not constraints.strip():
        missing.append("constraints")
    left = (Leftover(title),) if title.strip() else ()
    return ConstrainedTask(
        instruction,
        given_input(fields.get("input", ""), WIDE),
        given_input(constraints, WIDE) or NONE,
        tuple(missing),
        leftovers=left,
    )
