"""New instructions for swapped tasks by the scripted model."""

from __future__ import annotations

import re
from random import Random

from selfinstruct.models import Request
from selfinstruct.models.scripted.chance import any_of, one_of
from selfinstruct.models.scripted.forms import as_json
from selfinstruct.models.scripted.prompts import keywords

INVERSION_FLAWS = {  # shares of the replies
    "label": 0.05,
    "quoted": 0.05,
    "opener": 0.03,
    "explained": 0.03,
    "unchanged": 0.01,
}
_OLD = re.compile(r"^\(The other way round the task is: (.*)\)$", re.MULTILINE | re.DOTALL)
_NEW = (
    "Write an input about {keyword} for which the given text would be the answer.",
    "Work out which text about {keyword} led to the given result.",
    "Here is a result. Find the text about {keyword} that it was made from.",
    "The given text is an answer. Write the question about {keyword} that it answers.",
)


def inverted(rng: Random, request: Request) -> str:
    """An instruction that goes from the old output to the old input."""
    tasks = _OLD.findall(request.messages[-1].text)
    old = str(tasks[-1]) if tasks else ""
    flaw = one_of(rng, INVERSION_FLAWS)
    text = any_of(rng, _NEW).replace("{keyword}", any_of(rng, keywords(old)))
    if request.response_format != "text":
        return as_json(rng, request, "instruction", old if flaw == "unchanged" else text)
    forms = {
        "label": f"Instruction: {text}",
        "quoted": f'"{text}"',
        "opener": f"Here is the new instruction:\n\n{text}",
        "explained": f"{text}\n\nThis turns the old task around.",
        "unchanged": old,
    }
    return forms.get(flaw or "", text)
