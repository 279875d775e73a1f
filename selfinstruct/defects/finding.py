"""What a check looks at, what it says, and the table of all defects with how much is known about each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Severity = Literal["error", "warning", "note"]
Field = Literal["instruction", "input", "output"]


class Checked(Protocol):
    """Anything in the shape of an example."""

    @property
    def instruction(self) -> str: ...
    @property
    def input(self) -> str: ...
    @property
    def output(self) -> str: ...
    @property
    def is_classification(self) -> bool | None: ...


@dataclass(frozen=True, slots=True)
class Row:
    """An example of any origin; `is_classification` is None where nobody said."""

    instruction: str
    input: str
    output: str
    is_classification: bool | None = None


@dataclass(frozen=True, slots=True)
class Defect:
    """One kind of defect, and how certain its findings are at most. An error is certain enough to reject; a warning wants a look;
    a note is a matter of taste.
    """

    severity: Severity
    meaning: str


# In the order in which findings are told. The measured precision and recall of each are in docs/checks.md.
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
    "exact_duplicate": Defect("error", "the same example again"),
    "label_conflict": Defect("warning", "the same question has another label elsewhere"),
    "near_duplicate": Defect("note", "nearly the same task as an earlier example"),
}
ACROSS = frozenset(
    {"exact_duplicate", "label_conflict", "near_duplicate"}
)  # seen only beside other examples
CERTAIN = frozenset(slug for slug, one in DEFECTS.items() if one.severity == "error") - ACROSS


@dataclass(frozen=True, slots=True)
class Finding:
    """A defect in one field. `fix` is the field's text after the one right repair, None where there is no such repair."""

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
    """severity: less than that of the class, where this one of its findings is less certain."""
    return Finding(slug, severity or DEFECTS[slug].severity, field, shortened(evidence), fix)


def shortened(text: str, most: int = 90) -> str:
    """`text` on one line, its beginning if it is long."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 4] + " ..."
