"""Classification by the scripted model: whether an instruction has a few fixed labels."""

from __future__ import annotations

import re
from random import Random

from selfinstruct.models import Request
from selfinstruct.models.scripted.chance import one_of
from selfinstruct.models.scripted.forms import as_json
from selfinstruct.models.scripted.patterns import LABELS
from selfinstruct.models.scripted.phrases import PHRASES, fill
from selfinstruct.models.scripted.prompts import asked_instruction

YES_NO_STYLES = {  # shares of the replies in text
    "full_stop": 0.08,  # "Yes."
    "because": 0.05,  # "Yes, because ..."
    "lower": 0.05,
    "bold": 0.02,
    "nonsense": 0.01,
}
_GROUPS = dict(zip(PHRASES["labels"], LABELS, strict=True))
_SORTS = re.compile(
    r"\b(?:classif|categori[sz]|label|answer (?:with )?(?:yes|no|true|false)\b)", re.IGNORECASE
)


def labels_of(instruction: str) -> tuple[str, ...]:
    """The labels that a classification by this model names; none of any other instruction."""
    return next((group for phrase, group in _GROUPS.items() if phrase in instruction), ())


def yes_or_no(rng: Random, request: Request) -> str:
    """Whether the instruction of the prompt is a classification."""
    instruction = asked_instruction(request)
    yes = bool(labels_of(instruction) or _SORTS.search(instruction))
    if request.response_format != "text":
        return as_json(rng, request, "is_classification", yes)
    word = "Yes" if yes else "No"
    style = None if request.grammar else one_of(rng, YES_NO_STYLES)
    because = f"{word}, because the answer is {'one of a few labels' if yes else 'free text'}."
    words = {
        "full_stop": f"{word}.",
        "because": because,
        "lower": word.lower(),
        "bold": f"**{word}**",
    }
    return fill(rng, "{subject}") if style == "nonsense" else words.get(style or "", word)
