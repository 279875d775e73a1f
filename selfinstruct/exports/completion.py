"""Prompts and completions for models without a chat form (paper, section 2.4).

The templates vary, so that a model learns the tasks and not a layout. The template of a task
depends on its text and the seed alone. The completion is the output, untouched.
"""

from __future__ import annotations

import re
from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.exports.style import Style, drawn

# The paper has seven with an input and six without; these are ours. Each ends where the answer
# begins.
WITH_INPUT = (
    "{instruction}\n\n{input}\n\n",
    "{instruction}\n\nInput:\n{input}\n\nOutput:\n",
    "Task: {instruction}\n\n{input}\n\nAnswer:\n",
    "# Task\n{instruction}\n\n# Given\n{input}\n\n# Result\n",
    "{input}\n\nThe above is what you have to work with. {instruction}\n\nResponse:\n",
    (
        "You get a task and something to carry it out on.\n\n"
        "Task: {instruction}\n\nMaterial: {input}\n\nSolution:\n"
    ),
    "Q: {instruction}\n{input}\nA:\n",
)
WITHOUT_INPUT = (
    "{instruction}\n\n",
    "{instruction}\n\nOutput:\n",
    "Task: {instruction}\n\nAnswer:\n",
    "# Task\n{instruction}\n\n# Result\n",
    "You get a task. Carry it out.\n\nTask: {instruction}\n\nSolution:\n",
    "Q: {instruction}\nA:\n",
)
_SPEAKERS = {"user": "User", "assistant": "Assistant"}
# Up to three words, a colon, white space: neither "https://..." nor "10:30" nor "12: ...".
_LABEL = re.compile(r"(?:[^\W\d_]+ ){0,2}[^\W\d_]+:\s+(?=\S)")
_LATER_LABEL = re.compile(rf"^[ \t]*{_LABEL.pattern}", re.MULTILINE)


def record(row: Candidate, style: Style) -> dict[str, Any]:
    """{"prompt", "completion"}."""
    chance = drawn(style.seed, "template", row.instruction, row.input)
    input = without_label(row.input) if style.drop_labels and chance >> 63 else row.input
    if row.history:
        prompt = _transcript(row, input)
    else:
        templates = WITH_INPUT if row.input else WITHOUT_INPUT
        template = templates[chance % len(templates)]
        prompt = template.format(instruction=row.instruction, input=input)
    system = f"{row.system}\n\n" if row.system else ""
    return {"prompt": system + prompt, "completion": row.output}


def _transcript(row: Candidate, input: str) -> str:
    """The turns of a chat with their speakers, up to where the assistant's last turn begins."""
    turns = [f"{_SPEAKERS.get(turn.role, turn.role)}: {turn.text}" for turn in row.history]
    question = f"{row.instruction}\n\n{input}" if input else row.instruction
    return "\n\n".join([*turns, f"User: {question}", "Assistant:\n"])


def without_label(text: str) -> str:
    """`text` without the "Field:" label at its beginning.

    A text with further labels is untouched, because they have a meaning there. The paper removes
    everything up to the first colon, which beheads addresses and times (REFERENCE 1.5).
    """
    label = _LABEL.match(text)
    return text[label.end() :] if label and not _LATER_LABEL.search(text, label.end()) else text
