"""Plain answers of the scripted model: for the command `respond`, and stages without a format."""

from __future__ import annotations

from random import Random

from selfinstruct.models import Request
from selfinstruct.models.scripted.chance import any_of, one_of
from selfinstruct.models.scripted.forms import dressed
from selfinstruct.models.scripted.patterns import ANSWERS
from selfinstruct.models.scripted.phrases import fill, prose
from selfinstruct.models.scripted.prompts import subjects

LENGTHS = {
    "short": 0.20,
    "long": 0.15,
    "list": 0.15,
}  # shares of the answers; else 2 to 4 sentences
ANSWER_FLAWS = {"refusal": 0.010, "opener": 0.020}  # shares of the answers
_REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I cannot answer this question, since I have no access to current information.",
    "As an AI language model, I am not able to give an opinion on {keyword}.",
)
_SHORT = (
    "{keyword} {place}, because {reason}.",
    "Mostly {keyword} {situation}.",
    "{number} {objects}, if you count {keyword}.",
    "Yes: {keyword}, and {things} {situation}.",
    "No, {keyword} would cost {number} {currency}.",
)
_OPENINGS = tuple(pattern for pattern in ANSWERS if "{keyword}" in pattern)
_READ = 2000  # characters at the end of a prompt


def answer(rng: Random, request: Request) -> str:
    """A plain text, short or long, that speaks of the prompt's last message."""
    words = subjects(request.messages[-1].text[-_READ:])
    flaw = one_of(rng, ANSWER_FLAWS)
    if flaw == "refusal":
        return fill(rng, any_of(rng, _REFUSALS), words)
    length = one_of(rng, LENGTHS)
    if length == "short":
        return fill(rng, any_of(rng, _SHORT), words)
    opening = fill(rng, any_of(rng, _OPENINGS), words)
    if length == "list":
        points = [prose(rng, ANSWERS, words, 1) for _ in range(3 + int(rng.random() * 3))]
        marked = [f"{number}. {point}" for number, point in enumerate(points, 1)]
        text = "\n".join([opening, "", *marked])
    elif length == "long":
        paragraphs = [prose(rng, ANSWERS, words, 3) for _ in range(2 + int(rng.random() * 3))]
        text = "\n\n".join([f"{opening} {paragraphs[0]}", *paragraphs[1:]])
    else:
        text = f"{opening} {prose(rng, ANSWERS, words, 1 + int(rng.random() * 3))}"
    return dressed(text, flaw, "Sure! Here is my answer:")
