"""Text of the scripted model: patterns whose slots are filled with phrases at random."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from selfinstruct.models.scripted.chance import any_of
from selfinstruct.models.scripted.patterns import (
    ANSWERS,
    CLASSIFY,
    LABELS,
    SELF_CONTAINED,
    SENTENCES,
    WITH_INPUT,
)
from selfinstruct.models.scripted.words import WORDS

# By the name of a slot, the phrases that may fill that slot.
PHRASES: dict[str, tuple[str, ...]] = {
    name: tuple(text.split("|"))
    for name, text in (line.split(": ", 1) for line in WORDS.replace("\n ", "").strip().split("\n"))
} | {
    "labels": tuple(f"{', '.join(group[:-1])} or {group[-1]}" for group in LABELS),
    "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "year": tuple(str(year) for year in range(1890, 2024)),
}

_SLOT = re.compile(r"\{(\w+)\}")
_SPLIT = {  # a pattern as text, slot, text, slot, ..., text
    pattern: _SLOT.split(pattern)
    for patterns in (SELF_CONTAINED, WITH_INPUT, CLASSIFY, SENTENCES, ANSWERS, *PHRASES.values())
    for pattern in patterns
    if "{" in pattern
}


def fill(rng: Random, pattern: str, keywords: Sequence[str] = ()) -> str:
    """The pattern with a phrase in every slot, beginning with a capital letter.

    `keywords` are the phrases of the slot {keyword}.
    """
    text = _filled(rng, pattern, keywords)
    return text[:1].upper() + text[1:]


def prose(rng: Random, patterns: Sequence[str], keywords: Sequence[str], sentences: int) -> str:
    """A paragraph."""
    return " ".join(fill(rng, any_of(rng, patterns), keywords) for _ in range(sentences))


def _filled(rng: Random, pattern: str, keywords: Sequence[str]) -> str:
    parts = _SPLIT.get(pattern) or _SLOT.split(pattern)
    parts = parts.copy()
    for at in range(1, len(parts), 2):
        name = parts[at]
        options = keywords if name == "keyword" else PHRASES[name]
        chosen = options[int(rng.random() * len(options))]
        parts[at] = _filled(rng, chosen, keywords) if chosen in _SPLIT else chosen
    return "".join(parts)
