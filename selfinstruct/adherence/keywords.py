"""Constraints on words and letters (IFEval, table 1, "Keywords")."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Any

from selfinstruct.adherence.constraint import (
    AT_LEAST,
    COUNT,
    LESS_THAN,
    RELATION,
    TEXT,
    TEXTS,
    Arguments,
    Constraint,
    holds,
)

_RARE = "qxzjkvw"
_COMMON = "etaoinshrdlu"


def _occurrences(keyword: str, response: str) -> int:
    return response.lower().count(keyword.lower())


def _has_keywords(response: str, given: Arguments) -> bool:
    """Keywords count in any case, and inside longer words."""
    return all(_occurrences(keyword, response) for keyword in given["keywords"])


def _has_keyword_often(response: str, given: Arguments) -> bool:
    return holds(given["relation"], _occurrences(given["keyword"], response), given["frequency"])


def _lacks_words(response: str, given: Arguments) -> bool:
    """Forbidden are whole words in any case."""
    return not any(
        re.search(rf"\b{re.escape(word)}\b", response, re.IGNORECASE)
        for word in given["forbidden_words"]
    )


def _has_letter(response: str, given: Arguments) -> bool:
    count = _occurrences(given["letter"], response)
    return holds(given["let_relation"], count, given["let_frequency"])


def _has_words_in_order(response: str, given: Arguments) -> bool:
    text, at = response.lower(), 0
    for keyword in given["keywords"]:
        found = text.find(keyword.lower(), at)
        if found < 0:
            return False
        at = found + len(keyword)
    return True


def _draw_keywords(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    return {"keywords": generator.sample(words, 2)}


def _draw_frequency(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    relation = generator.choice((AT_LEAST, AT_LEAST, LESS_THAN))
    bounds = (1, 3) if relation == AT_LEAST else (2, 4)
    return {
        "relation": relation,
        "keyword": generator.choice(words),
        "frequency": generator.randint(*bounds),
    }


def _draw_forbidden(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    return {"forbidden_words": generator.sample(words, generator.randint(1, 3))}


def _draw_letter(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    if generator.random() < 0.5:
        letter, relation, bounds = generator.choice(_COMMON), AT_LEAST, (3, 10)
    else:
        letter, relation, bounds = generator.choice(_RARE), LESS_THAN, (2, 5)
    return {"let_relation": relation, "letter": letter, "let_frequency": generator.randint(*bounds)}


_WORDS = frozenset(("words",))
KEYWORDS = (
    Constraint(
        "keywords:existence",
        _has_keywords,
        (
            "Include the keywords {keywords} in the response.",
            "Your answer has to mention these words: {keywords}.",
            "Make use of the following words: {keywords}.",
        ),
        _WORDS,
        {"keywords": TEXTS},
        _draw_keywords,
    ),
    Constraint(
        "keywords:frequency",
        _has_keyword_often,
        (
            'The word "{keyword}" should appear {relation} {frequency} times.',
            'Use the word "{keyword}" {relation} {frequency} times.',
            'In your response, "{keyword}" has to occur {relation} {frequency} times.',
        ),
        _WORDS,
        {"relation": RELATION, "keyword": TEXT, "frequency": COUNT},
        _draw_frequency,
    ),
    Constraint(
        "keywords:forbidden_words",
        _lacks_words,
        (
            "Do not include these words in the response: {forbidden_words}.",
            "Avoid the following words: {forbidden_words}.",
            "Write without using {forbidden_words}.",
        ),
        _WORDS,
        {"forbidden_words": TEXTS},
        _draw_forbidden,
    ),
    Constraint(
        "keywords:letter_frequency",
        _has_letter,
        (
            'The letter "{letter}" should appear {let_relation} {let_frequency} times.',
            'Use the letter "{letter}" {let_relation} {let_frequency} times in your response.',
            'In your answer the letter "{letter}" has to occur {let_relation} {let_frequency} times.',
        ),
        frozenset(("letters",)),
        {"let_relation": RELATION, "letter": TEXT, "let_frequency": COUNT},
        _draw_letter,
    ),
    Constraint(
        "keywords:in_order",
        _has_words_in_order,
        (
            "Use these words in this order: {keywords}.",
            "The words {keywords} have to appear one after the other, in this order.",
            "Mention, in the given order, {keywords}.",
        ),
        _WORDS,
        {"keywords": TEXTS},
        _draw_keywords,
    ),
)
