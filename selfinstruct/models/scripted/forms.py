"""The form of the scripted model's replies: JSON, code fences, opening words."""

from __future__ import annotations

import json
from random import Random

from selfinstruct.models import Request
from selfinstruct.models.scripted.chance import one_of

# Shares of the replies with json_object; a schema rules these flaws out.
JSON_FLAWS = {"fence": 0.04, "opener": 0.02, "broken": 0.01, "other_name": 0.005}


def dressed(text: str, style: str | None, opener: str) -> str:
    """The text in a code fence (style "fence"), behind `opener` (style "opener"), or bare."""
    if style == "fence":
        return f"```\n{text}\n```"
    return f"{opener}\n\n{text}" if style == "opener" else text


def as_json(rng: Random, request: Request, name: str, value: object) -> str:
    """A JSON object with a single field, sometimes flawed."""
    flaw = one_of(rng, JSON_FLAWS) if request.response_format == "json_object" else None
    text = json.dumps({"result" if flaw == "other_name" else name: value}, ensure_ascii=False)
    if flaw == "broken":
        return text.replace('"', "'", 3)
    if flaw == "fence":
        return f"```json\n{text}\n```"
    return dressed(text, flaw, "Here is the JSON object:")
