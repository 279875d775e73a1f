"""The questions of verification: a review of an example, checks for a program, a second attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from selfinstruct.asking.stage import Question
from selfinstruct.data.examples import Example
from selfinstruct.parsing import Leftover
from selfinstruct.parsing.answer import Answer, output
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.review import review, unread
from selfinstruct.parsing.values import value_of
from selfinstruct.text import to_json, well_formed
from selfinstruct.verification.programs import checks_of
from selfinstruct.verification.sandbox import Check

FOLDER = "verify"  # of the packaged templates
ASKED_OF_VERIFIERS = ("verify", "tests")  # and "tests" of the main model where there are none


@dataclass(frozen=True, slots=True)
class Criterion:
    """A question of the review. reason: of an example for which the answer is no."""

    name: str  # in the reply
    reason: str
    is_mendable: bool = False  # another output may change the answer


# The paper's review (section 3.3). A recipe may have its own, and a template that asks them.
CRITERIA = (
    Criterion("is_valid", "invalid_instruction"),
    Criterion("input_fits", "input_misfit"),
    Criterion("output_right", "wrong_output", is_mendable=True),
)


@dataclass(frozen=True, slots=True)
class Tests:
    """The checks of a reply. None, without a reason: the task leaves nothing to be checked."""

    checks: tuple[Check, ...] = ()
    reason: str | None = None
    leftovers: tuple[Leftover, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.checks


def tests(reply: str, finish_reason: str) -> Tests:
    """The assertions of a reply: bare Python or in JSON, {"tests": ["assert ..."]}.

    Errors: empty_reply, a cut (endings.py), no_assertions. The word NONE is an answer.
    """
    text = reply.strip()
    cut = cut_of(finish_reason)
    if not text or cut is not None:
        return Tests(reason=cut or "empty_reply")
    value = value_of(text) if text.startswith("{") else None
    if isinstance(value, dict) and isinstance(lines := value.get("tests"), list):
        text = "\n".join(line for line in lines if isinstance(line, str)) or "NONE"
    if text.strip("`.\n ").upper() == "NONE":
        return Tests()
    checks = checks_of(text)
    return Tests(checks) if checks else Tests(reason="no_assertions")


def questions_of(
    gates: Sequence[str], *, reviewed: bool, mends: bool, criteria: Sequence[Criterion]
) -> Sequence[Question]:
    """The questions of a run with these gates. reviewed: by a model."""
    names = tuple(each.name for each in criteria)
    schema = {"reason": {"type": "string"}, **{name: {"type": "boolean"} for name in names}}
    found = list[Question]()
    if reviewed:
        parse = partial(review, names)
        found.append(
            Question("verify", parse, ("example",), schema, unread, reply_tokens=70, warmer=0.7)
        )
    if "code" in gates:
        form = {"tests": {"type": "array", "items": {"type": "string"}}}
        named: tuple[str, ...] = ("task", "signatures")
        found.append(Question("tests", tests, named, form, Tests, reply_tokens=120, warmer=0.7))
    if mends:
        named = ("output", "reason", "task")
        found.append(
            Question(
                "mending", output, named, {"output": {"type": "string"}}, Answer, reply_tokens=200
            )
        )
    return found


def shown(example: Example) -> Mapping[str, object]:
    """The example as a template's values: a line of JSON."""
    parts: dict[str, object] = {}
    if example.system:
        parts["system"] = example.system
    if example.history:
        parts["conversation"] = [f"{turn.role}: {turn.text}" for turn in example.history]
    parts["instruction"] = example.instruction
    parts |= {"input": example.input, "output": example.output}
    return {"example": well_formed(to_json(parts))}


def task_of(example: Example) -> str:
    """The task of an example as a single text, with the turns of its chat."""
    turns = [("system", example.system)] if example.system else []
    turns += [(turn.role, turn.text) for turn in example.history]
    texts = [f"{role}: {text}" for role, text in turns]
    return "\n\n".join([*texts, example.instruction, *([example.input] if example.input else [])])


_SPECIMEN = Example(
    "i000001-1",
    "Write a function that doubles a number.",
    "",
    "def double(n):\n    return n",
    None,
    {},
)
SPECIMENS: Mapping[str, Mapping[str, Any]] = {
    "verify": shown(_SPECIMEN),
    "tests": {"task": task_of(_SPECIMEN), "signatures": "def double(n):"},
    "mending": {
        "task": task_of(_SPECIMEN),
        "output": _SPECIMEN.output,
        "reason": "`assert double(2) == 4` fails: double(2) gives 2",
    },
}
