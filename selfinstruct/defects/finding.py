"""The types of the room: the checked example, the finding, and the table of all defects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from selfinstruct.data.examples import Turn

Severity = Literal["error", "warning", "note"]
Field = Literal["instruction", "input", "output"]


class Checked(Protocol):
    """The fields of an example that the checks read."""

    @property
    def instruction(self) -> str: ...
    @property
    def input(self) -> str: ...
    @property
    def output(self) -> str: ...
    @property
    def is_classification(self) -> bool | None: ...


class Placed(Checked, Protocol):
    """An example with the messages before its instruction."""

    @property
    def system(self) -> str: ...
    @property
    def history(self) -> tuple[Turn, ...]: ...


@dataclass(frozen=True, slots=True)
class Row:
    """An example of any origin. is_classification: None where the source does not say."""

    instruction: str
    input: str
    output: str
    is_classification: bool | None = None
    system: str = ""  # the system message of a chat
    history: tuple[Turn, ...] = ()  # the turns of a chat before the instruction


def fields_of(row: Checked) -> tuple[tuple[Field, str], ...]:
    """The texts of an example with the names of their fields."""
    return ("instruction", row.instruction), ("input", row.input), ("output", row.output)


@dataclass(frozen=True, slots=True)
class Defect:
    """A kind of defect, and the highest severity that its findings have.

    severity: "error" is certain enough to reject an example, "warning" wants a person's look,
    "note" is a matter of taste.
    """

    severity: Severity
    meaning: str


# The order is that of the findings of an example. docs/checks.md has the measured precision and
# recall of each defect.
DEFECTS: dict[str, Defect] = {
    "empty_output": Defect("error", "the output is blank, or a mark that stands for nothing"),
    "not_available": Defect(
        "error", "the output only says that there is none (N/A, none, no output)"
    ),
    "refusal": Defect("error", "the output declines the task"),
    "output_equals_input": Defect(
        "error", "the output repeats the input of a task that asks for something else"
    ),
    "control_characters": Defect(
        "error", "control characters, escapes that were never undone, or text decoded wrongly"
    ),
    "leaked_prompt": Defect("error", "words of the prompt or labels of its form stand in the text"),
    "wrong_arithmetic": Defect("error", "a plain computation has another result"),
    "placeholder_output": Defect(
        "error", "the output names a work in the place of the work: [insert chart here]"
    ),
    "label_without_the_rest": Defect(
        "warning", "a bare label where evidence or an explanation was asked for as well"
    ),
    "merged_instructions": Defect("warning", "two tasks in one"),
    "invented_url": Defect("warning", "the task depends on a web page that nobody has read"),
    "image_request": Defect("warning", "the task needs eyes, or an answer that is no text"),
    "missing_code": Defect("warning", "code is asked for or spoken of, and there is none"),
    "truncated": Defect("warning", "the output breaks off"),
    "wrong_language": Defect("warning", "the output is in another language than was asked for"),
    "personal_data": Defect(
        "warning", "an address, a number or a key that looks like somebody's own"
    ),
    "no_input_spelling": Defect("warning", "the input is a spelling of 'no input'"),
    "repeated_input": Defect("note", "the instruction contains the input"),
    "chat_turns": Defect("warning", "turns of a chat with a wrong role or order, or without text"),
    "html_entities": Defect("warning", "entities of HTML stand in plain text"),
    "exact_duplicate": Defect("error", "the same example again"),
    "label_conflict": Defect("warning", "the same question has another label elsewhere"),
    "near_duplicate": Defect("note", "nearly the same task as an earlier example"),
}
ACROSS = frozenset({"exact_duplicate", "label_conflict", "near_duplicate"})
"""The defects that show only beside other examples."""
CERTAIN = frozenset(slug for slug, kind in DEFECTS.items() if kind.severity == "error") - ACROSS
"""The defects of a single example that `generate` rejects unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A defect in a field of an example.

    evidence: a short piece of the field, without line ends. fix: the whole text of the field after
    its repair, None where several repairs are possible or none is.
    """

    slug: str
    severity: Severity
    field: Field
    evidence: str
    fix: str | None = None


def found(
    slug: str,
    field: Field,
    evidence: str,
    fix: str | None = None,
    *,
    severity: Severity | None = None,
) -> Finding:
    """A finding of the defect `slug`.

    severity: by default that of the defect; lower where this finding is less certain than most.
    """
    return Finding(slug, severity or DEFECTS[slug].severity, field, shortened(evidence), fix)


def shortened(text: str, most: int = 90) -> str:
    """`text` without line ends, cut to `most` letters."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 4] + " ..."
