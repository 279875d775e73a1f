"""A model that needs no network: for trying a configuration and for tests.

Every stage is answered in the format that its request asks for, with varied text and with the
imperfections of real models. Their rates stand beside the texts that they befall. A reply depends
on the request alone, and is the same text on every machine and in every version of Python. Other
names of the model ("scripted:b") draw other replies, since the name is part of the request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import Random

from selfinstruct.models import Completion, Request, Usage
from selfinstruct.models.scripted.answers import answer
from selfinstruct.models.scripted.chance import any_of, one_of
from selfinstruct.models.scripted.chats import (
    message,
    opening,
    personas,
    topics,
    transcript,
    user_turn,
)
from selfinstruct.models.scripted.classification import yes_or_no
from selfinstruct.models.scripted.datasets import dataset_tasks
from selfinstruct.models.scripted.elicited import elicited_task
from selfinstruct.models.scripted.instances import input_first, output_first
from selfinstruct.models.scripted.instructions import new_instructions
from selfinstruct.models.scripted.inversion import inverted
from selfinstruct.models.scripted.prompts import goes_on, whole_tasks
from selfinstruct.models.scripted.reviews import mended, program_tests, review
from selfinstruct.models.scripted.rewriting import (
    OPERATORS,
    evolved,
    output,
    paraphrase,
    sameness,
)
from selfinstruct.models.scripted.rules import constrained, reworded
from selfinstruct.models.scripted.tasks import new_tasks
from selfinstruct.models.scripted.verdicts import verdict

TOKENS_PER_WORD = 1.3
REPLY_FLAWS = {  # shares of the replies, of every stage
    "empty": 0.004,
    "prose": 0.012,  # no list, no labels, no JSON
    "cut": 0.010,  # finish_reason "length", somewhere in the middle
}
_PROSE = (
    "I would be glad to help, but I would need a little more context before I can go on.",
    "That depends on many things, and there is no single answer to it.",
    "As an assistant that works with words alone I cannot decide this.",
)


class Scripted:
    """The scripted model behind the Protocol of `selfinstruct.models.Model`."""

    async def complete(self, request: Request) -> Completion:
        return reply(request)

    async def close(self) -> None:
        pass


def proposals(rng: Random, request: Request) -> str:
    """Whole tasks where the prompt shows whole tasks, else instructions."""
    return (new_tasks if whole_tasks(request.text) else new_instructions)(rng, request)


# By stage, the text of a reply. A stage that is not here gets a plain answer.
STAGES: Mapping[str, Callable[[Random, Request], str]] = {
    "propose": proposals,
    "classify": yes_or_no,
    "input_first": input_first,
    "output_first": output_first,
    "judge": verdict,
    "elicit": elicited_task,
    "output": output,
    "answer": output,
    "paraphrase": paraphrase,
    **dict.fromkeys(OPERATORS, evolved),
    "same": sameness,
    "invert": inverted,
    "aware": dataset_tasks,
    "unaware": dataset_tasks,
    "follow": constrained,
    "reword": reworded,
    "topics": topics,
    "personas": personas,
    "opening": opening,
    "message": message,
    "transcript": transcript,
    "user_turn": user_turn,
    "verify": review,
    "tests": program_tests,
    "mending": mended,
}


def reply(request: Request) -> Completion:
    """The reply to a request: at once, and always the same."""
    rng = Random(int(request.key, 16))
    flaw = one_of(rng, REPLY_FLAWS)
    if flaw == "empty":
        text = ""
    elif flaw == "prose" and request.response_format != "json_schema":
        text = any_of(rng, _PROSE)
    else:
        text = text_of(rng, request)
    finish_reason = "stop"
    if flaw == "cut":
        text, finish_reason = text[: int(len(text) * (0.3 + 0.6 * rng.random()))], "length"
    return _as_a_server(request, text, finish_reason)


def text_of(rng: Random, request: Request) -> str:
    """The text of a reply, without the flaws that replies of every stage may have."""
    return STAGES.get(request.stage, answer)(rng, request)


def _as_a_server(request: Request, text: str, finish_reason: str) -> Completion:
    """The completion of a text, which ends at the first stop sequence or at the limit of tokens.

    Where the reply continues the prompt, the prompt's own last words are left out.
    """
    if text and goes_on(request):
        text = _continuation(request.messages[-1].text, text)
    stops = [at for at in map(text.find, filter(None, request.decoding.stop)) if at >= 0]
    if stops:
        text, finish_reason = text[: min(stops)], "stop"
    words = len(text.split())
    limit = request.decoding.max_tokens
    if limit is not None and int(words * TOKENS_PER_WORD) > limit:
        words = int(limit / TOKENS_PER_WORD)
        text, finish_reason = _first_words(text, words), "length"
    usage = Usage(int(len(request.text.split()) * TOKENS_PER_WORD), int(words * TOKENS_PER_WORD))
    return Completion(text, finish_reason, usage)


def _continuation(prompt: str, text: str) -> str:
    """The text after a prompt: a word goes on in the last line, a longer text begins a new line."""
    cue = prompt.rpartition("\n")[2].strip()
    if cue and text.startswith(cue):
        return " " + text[len(cue) :].lstrip()
    if prompt.endswith("\n"):
        return text
    return f" {text}" if "\n" not in text and len(text) < 100 else f"\n{text}"


def _first_words(text: str, count: int) -> str:
    ends = [found.end() for found in re.finditer(r"\S+", text)]
    return text[: ends[count - 1]] if count else ""
