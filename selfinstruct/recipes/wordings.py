"""Wordings: other wordings of a task, in which a mark stands for the input.

Honovich et al., 2022, section 2.3. The recipes `paraphrase` and `unnatural` ask for them.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from selfinstruct.asking.stage import Ask, Question
from selfinstruct.data.examples import Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.models import Decoding
from selfinstruct.parsing.answer import Answer
from selfinstruct.parsing.rewriting import rewritten
from selfinstruct.parsing.tokens import why_not_control_token
from selfinstruct.recipes import dropped_replies

LONGER = 20  # words that a wording may have beside twice those of the task
MARK = "{INPUT}"  # the place of the input in a wording
QUESTION = Question(
    "paraphrase", rewritten, ("task",), {"prompt": {"type": "string"}}, Answer, 45.0
)
DECODING = Decoding(temperature=1.0, top_p=0.95, max_tokens=512)


@dataclass(frozen=True, slots=True)
class Wording:
    """Another wording of an instruction; the mark stands for the input, if there is any."""

    text: str
    number: int  # from 1

    def filled(self, given: str) -> str:
        """The wording with the input in its place."""
        return self.text.replace(MARK, given)


def with_mark(instruction: str, given: str) -> str:
    """The instruction with the place of its input; alone where the task takes none."""
    return f"{instruction}\n\n{MARK}" if given else instruction


async def reworded(
    instruction: Instruction, asked: str, count: int, ask: Ask
) -> tuple[list[Wording], list[Rejected]]:
    """Up to `count` other wordings of `asked`, and the dropped replies and wordings."""
    places = [f"{instruction.id}-{number}" for number in range(1, count + 1)]
    replies = await asyncio.gather(*(ask("paraphrase", at, {"task": asked}) for at in places))
    wordings, dropped, known = list[Wording](), list[Rejected](), {_letters(asked): "unchanged"}
    for number, reply in enumerate(replies, 1):
        dropped += dropped_replies("paraphrase", instruction.turn, reply, instruction)
        if reply.parsed.reason is not None:
            continue
        text = reply.parsed.text
        reason = known.get(_letters(text)) or why_not_wording(text, asked)
        if reason is None:
            known[_letters(text)] = "duplicate_paraphrase"
            wordings.append(Wording(text, number))
        else:
            place = (instruction.turn, text, instruction.id)
            dropped.append(Rejected("paraphrase", "instance", reason, *place))
    return wordings, dropped


def why_not_wording(text: str, asked: str) -> str | None:
    """The reason to drop a wording.

    Its marks are not those of the task, it has a control token, or it is so long that the model has
    carried out the task.
    """
    if (MARK in text) != (MARK in asked):
        return "missing_input_mark" if MARK in asked else "stray_input_mark"
    if len(text.split()) > 2 * len(asked.split()) + LONGER:
        return "too_long"
    return why_not_control_token(text)


def _letters(text: str) -> str:
    """The letters and digits of a text, in lower case."""
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()
