"""Encodings of a task and an input as a prompt: Natural Instructions v1, and Tk-Instruct's.

v1 (Mishra et al., 2022) shows any fields in any order, each with its name, then positive examples
as plain pairs or with reasons, and negative examples with reasons. Tk-Instruct (Wang et al., 2022)
shows the definition, positive and negative examples, each with its explanation or without.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from selfinstruct.errors import UserError
from selfinstruct.records.natural.task import (
    AVOID,
    CAUTION,
    DEFINITION,
    FIELDS,
    NEGATIVE,
    POSITIVE,
    PROMPT,
    Instance,
    Shown,
    Task,
)

PAIRS = "Positive Examples Full Only"
REASONED = "Positive Examples Full Explanations"
WARNED = "Negative Examples Full Explanations"
PARTS = (*FIELDS, PAIRS, REASONED, WARNED)
_SHORT = {
    **{part.casefold(): part for part in PARTS},
    **dict.fromkeys(("avoid", "things_to_avoid"), AVOID),
    **dict.fromkeys(("caution", "emphasis", "emphasis&caution"), CAUTION),
    **dict.fromkeys(("positive", POSITIVE.casefold(), "pairs"), PAIRS),
    **dict.fromkeys(("positive with reasons", "positive+reasons"), REASONED),
    **dict.fromkeys(("negative", NEGATIVE.casefold(), "negative+reasons"), WARNED),
    "definition": DEFINITION,
    "prompt": PROMPT,
}
# Published prompts ask about instances from number 60 on. An example that would be instance 60 is
# instance 80, which is not asked about either.
_FIRST_ASKED, _INSTEAD = 60, 80


@dataclass(frozen=True, slots=True)
class Layout:
    """Which parts of a task a prompt shows. parts: of v1, in order; none: Tk-Instruct's layout."""

    parts: tuple[str, ...] = ()
    positive: int = 2
    negative: int = 0
    explanations: bool = False  # of Tk-Instruct's examples
    definition: bool = True

    def prompt(self, task: Task, input: str, more: Sequence[Instance] = ()) -> str:
        """The prompt that ends where the output begins.

        more: instances that v1 shows where a task has fewer positive examples than are asked for.
        """
        if self.parts:
            return _v1(self, task, input, more)
        return _tk(self, task, input)

    def fewer(self) -> Iterator[Layout]:
        """This layout, then with one example less each: first negative, then positive examples."""
        yield self
        for negative in range(self.negative - 1, -1, -1):
            yield replace(self, negative=negative)
        for positive in range(self.positive - 1, -1, -1):
            yield replace(self, negative=0, positive=positive)


def parts_of(text: str) -> tuple[tuple[str, ...], int | None]:
    """The parts of v1 in a list with commas, or in a published name, and the number after "@".

    "Definition, Prompt, positive" and "_Definition_Prompt_Positive Examples Full Only@2" are the
    same. Raises UserError.
    """
    names, at, number = text.partition("@")
    count = number.split("_")[0].strip()
    if at and not count.isdigit():
        raise UserError(f"--fields {text}: after @ stands the number of examples, as in @2")
    found = []
    for name in re.split("_|," if names.startswith("_") else ",", names):
        if name.strip():
            part = _SHORT.get(" ".join(name.split()).casefold())
            if part is None:
                raise UserError(
                    f"--fields {name.strip()}: no such part (known: {', '.join(PARTS)})"
                )
            found.append(part)
    if not found:
        raise UserError(f"--fields {text}: names no part (known: {', '.join(PARTS)})")
    return tuple(found), int(count) if at else None


def fitting(
    layout: Layout,
    task: Task,
    input: str,
    fits: Callable[[str], bool],
    more: Sequence[Instance] = (),
) -> tuple[str, Layout] | None:
    """The first prompt that fits, with fewer and fewer examples; None if none does."""
    most = replace(
        layout,
        positive=min(layout.positive, len(task.positive) + (len(more) if layout.parts else 0)),
        negative=min(layout.negative, len(task.negative)),
    )
    for tried in most.fewer():
        prompt = tried.prompt(task, input, more)
        if fits(prompt):
            return prompt, tried
    return None


# ------------------------------------------------ v1


def _v1(layout: Layout, task: Task, input: str, more: Sequence[Instance]) -> str:
    """Byte for byte as published: a part with reasons begins with a newline, even if first."""
    text = ""
    for part in layout.parts:
        if part in FIELDS:
            if part in task.texts:
                text += ("\n" if text else "") + f"{part}: {task.texts[part]}"
        elif part == PAIRS:
            for shown in _positive(layout, task, more):
                text += ("\n" if text else "") + f"input: {shown.input}\noutput: {shown.output}"
        elif part == REASONED:
            for number, shown in enumerate(_positive(layout, task, more), 1):
                text += f"\nPositive Example{number}- \n{_reasoned(shown, number, task)}"
        else:
            for number, shown in enumerate(task.negative[: layout.negative], 1):
                text += f"\nNegative Example{number}- \n{_pair(shown)}\nreason: "
                text += shown.explanation
                if shown.suggestion not in ("", " "):
                    text += f"suggestion: {shown.suggestion}"
    return f"{text}\ninput: {input}\noutput:"


def _positive(layout: Layout, task: Task, more: Sequence[Instance]) -> Iterator[Shown]:
    yield from task.positive[: layout.positive]
    for at in range(layout.positive - len(task.positive)):
        at = _INSTEAD if at == _FIRST_ASKED else at
        if at < len(more):
            yield Shown(more[at].input, more[at].outputs[0])


def _pair(shown: Shown) -> str:
    return f"input: {shown.input}\noutput: {shown.output}"


def _reasoned(shown: Shown, number: int, task: Task) -> str:
    """An instance in the place of a positive example has no reason."""
    is_given = number <= len(task.positive)
    return _pair(shown) + (f"\nreason: {shown.explanation}" if is_given else "")


# ------------------------------------------------ Tk-Instruct


def _tk(layout: Layout, task: Task, input: str) -> str:
    parts = []
    if layout.definition:
        first = task.definition or task.texts[PROMPT]
        parts.append(_ended(f"Definition: {first}") + "\n\n")
    for name, shown in (
        ("Positive", task.positive[: layout.positive]),
        ("Negative", task.negative[: layout.negative]),
    ):
        for number, example in enumerate(shown, 1):
            parts.append(f" {name} Example {number} -\n" + _block(layout, example) + "\n")
    asked = _ended(f"Input: {input.strip()}")
    return "".join(parts) + f"Now complete the following example -\n{asked}\nOutput: "


def _block(layout: Layout, example: Shown) -> str:
    lines = [f"Input: {example.input.strip()}", f" Output: {example.output.strip()}"]
    if layout.explanations and example.explanation.strip():
        lines.append(f" Explanation: {example.explanation.strip()}")
    return "".join(_ended(line) + "\n" for line in lines)


def _ended(line: str) -> str:
    """A line that ends with a sign: with a full stop if with none."""
    return line if line[-1] in string.punctuation else line + "."
