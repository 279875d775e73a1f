"""Rewritten instructions by the scripted model, for `paraphrase` and `evolve`."""

from __future__ import annotations

import re
from random import Random

from selfinstruct.models import Request
from selfinstruct.models.scripted.answers import answer
from selfinstruct.models.scripted.chance import any_of, one_of
from selfinstruct.models.scripted.forms import as_json, dressed
from selfinstruct.models.scripted.instructions import new_instruction
from selfinstruct.models.scripted.phrases import fill

MARK = "{INPUT}"
WORDING_FLAWS = {  # shares of the paraphrases
    "unchanged": 0.020,
    "lost_mark": 0.030,  # where the task has one
    "label": 0.030,  # "Rewritten prompt: ..."
    "quotes": 0.050,
    "opener": 0.020,
}
EVOLUTION_FLAWS = {  # shares of the evolved instructions
    "unchanged": 0.060,
    "leak": 0.040,  # words of the prompt in the text
    "lost": 0.060,  # all but the first paragraph
    "label": 0.050,
    "quotes": 0.040,
    "opener": 0.020,
}
SAMENESS = {"Equal": 0.12, "Not Equal": 0.86}  # shares of the replies; else neither
_FRAMES = (
    "Could you do the following for me? {}",
    "I need help with this: {}",
    "{} Thank you in advance.",
    "Please take care of this task. {}",
    "This is the assignment: {}",
    "A friend asked me: {}",
)
_STEPS = {
    "constraints": ("Do so {constraint}.", "Mention {object} along the way."),
    "deepen": (
        "Go into the {aspect} and the {aspect} as well.",
        "Weigh the {aspect} against the {aspect} {situation}.",
    ),
    "concretize": ("Take {topic} as the case in point.", "Assume that {persona} asks {situation}."),
    "reasoning": (
        "Work it out in {small} steps and give the reason for each.",
        "First estimate the {aspect}, then derive the {aspect} from it.",
    ),
    "complicate": (
        'Use this record: {"place": "{name}", "{field}": {number}, "size": {small}}',
        "Use this table:\n\n| {field} | {field} |\n|---|---|\n| {number} | {small} |",
    ),
}
OPERATORS = (*_STEPS, "breadth")  # stages of `evolve`
_LEAKS = ("As in the #Given Prompt#, {}", "{} This rewritten prompt adds a condition.")
_ASKED = re.compile(r"<(prompt|task)>\n?(.*?)\n?</\1>", re.S)


def paraphrase(rng: Random, request: Request) -> str:
    """The task of the last message in another frame."""
    task = _asked(request)
    flaw = one_of(rng, WORDING_FLAWS)
    text = task if flaw == "unchanged" else any_of(rng, _FRAMES).replace("{}", task)
    if flaw == "lost_mark":
        text = text.replace(MARK, "").strip()
    elif MARK in task and flaw is None and rng.random() < 0.5:
        text = f"{MARK}\n\n{text.replace(MARK, '').strip()}"
    return _said(rng, request, text, flaw)


def evolved(rng: Random, request: Request) -> str:
    """The prompt with a further demand; a new prompt for the stage `breadth`."""
    prompt = _asked(request)
    flaw = one_of(rng, EVOLUTION_FLAWS)
    if request.stage == "breadth":
        text = new_instruction(rng, (), ())
    else:
        kept = prompt.split("\n\n")[0] if flaw == "lost" else prompt
        text = f"{kept} {fill(rng, any_of(rng, _STEPS[request.stage]))}"
    if flaw == "unchanged":
        text = prompt
    if flaw == "leak":
        text = any_of(rng, _LEAKS).replace("{}", text)
    return _said(rng, request, text, flaw)


def sameness(rng: Random, request: Request) -> str:
    """Whether two prompts ask for the same: a draw that looks at neither."""
    word = one_of(rng, SAMENESS)
    if request.response_format != "text":
        return as_json(rng, request, "same", word == "Equal")
    if word is None:
        return "Both prompts have their merits."
    return any_of(rng, (word, f"{word}.", f"**{word}**", word.lower()))


def output(rng: Random, request: Request) -> str:
    """A plain answer, in JSON where the request asks for that."""
    text = answer(rng, request)
    has_form = request.response_format != "text" and "output" in (request.schema or {})
    return as_json(rng, request, "output", text) if has_form else text


def _asked(request: Request) -> str:
    """The text between the tags of the last message, or the whole message."""
    last = request.messages[-1].text
    return next((text for _, text in _ASKED.findall(last)), last).strip()


def _said(rng: Random, request: Request, text: str, flaw: str | None) -> str:
    if request.response_format != "text":
        return as_json(rng, request, "prompt", text)
    if flaw == "label":
        text = (
            any_of(rng, ("Rewritten prompt: ", "**New prompt:** ", "#Rewritten Prompt#:\n")) + text
        )
    if flaw == "quotes" and '"' not in text:
        text = f'"{text}"'
    return dressed(text, flaw, "Sure! Here is the new version:")
