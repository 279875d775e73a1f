"""Prompts and completions for models without a chat form, in varied templates (paper, section 2.4), so that a model learns the
tasks and not one layout. Which template a task gets hangs on its text and the seed alone. The completion is the output, untouched.
"""

from __future__ import annotations

import re
from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.exports.style import Style, drawn

# The paper has seven with an input and six without; these are ours. Each ends where the answer begins.
WITH_INPUT = (
    "{instruction}\n\n{input}\n\n",
    "{instruction}\n\nInput:\n{input}\n\nOutput:\n",
    "Task: {instruction}\n\n{input}\n\nAnswer:\n",
    "# Task\n{instruction}\n\n# Given\n{input}\n\n# Result\n",
    "{input}\n\nThe above is what you have to work with. {instruction}\n\nResponse:\n",
    "You get a task and something to carry it out on.\n\nTask: {instruction}\n\nMaterial: {input}\n\nSolution:\n",
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
# Up to three words, a colon, white space: neither "https://..." nor "10:30" nor "12: ..." looks like that.
_LABEL = re.compile(r"(?:[^\W\d_]+ ){0,2}[^\W\d_]+:\s+(?=\S)")
_LATER_LABEL = re.compile(rf"^[ \t]*{_LABEL.pattern}", re.MULTILINE)


def record(row: Candidate, style: Style) -> dict[str, Any]:
    """{"prompt", "completion"}."""
    chance = drawn(style.seed, "template", row.instruction, row.input)
    templates = WITH_INPUT if row.input else WITHOUT_INPUT
    input = without_label(row.input) if style.drop_labels and chance >> 63 else row.input
    return {
        "prompt": templates[chance % len(templates)].format(
            instruction=row.instruction, input=input
        ),
        "completion": row.output,
    }


def without_label(text: str) -> str:
    """`text` without the one "Field:" label that it begins with; untouched where it holds more of them, which then mean something.

    The paper removes up to the first colon, which beheads addresses and times (REFERENCE 1.5).
    """
    label = _LABEL.match(text)
    return text[label.end() :] if label and not _LATER_LABEL.search(text, label.end()) else text
