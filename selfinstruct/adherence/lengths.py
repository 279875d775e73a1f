"""Constraints on the numbers of words, sentences and paragraphs (IFEval, "Length Constraints")."""

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
    Arguments,
    Constraint,
    holds,
)
from selfinstruct.adherence.linguistics import sentences

_WORD = re.compile(r"\w+")
_DIVIDER = re.compile(r"\s?\*\*\*\s?")
_FIRST_WORD = re.compile(r"[\s\"']*([^\s.,?!\"']*)")


def _has_words(response: str, given: Arguments) -> bool:
    return holds(given["relation"], len(_WORD.findall(response)), given["num_words"])


def _has_sentences(response: str, given: Arguments) -> bool:
    return holds(given["relation"], len(sentences(response)), given["num_sentences"])


def _has_paragraphs(response: str, given: Arguments) -> bool:
    """Dividers may stand at the beginning and the end; no paragraph in between is blank."""
    parts = parts_between(_DIVIDER.split(response))
    return parts is not None and len(parts) == given["num_paragraphs"]


def _has_first_word(response: str, given: Arguments) -> bool:
    """The count of paragraphs and the first word of the n-th, counted from 1."""
    paragraphs = [part.strip() for part in response.split("\n\n") if part.strip()]
    at = given["nth_paragraph"] - 1
    if len(paragraphs) != given["num_paragraphs"] or not 0 <= at < len(paragraphs):
        return False
    first = _FIRST_WORD.match(paragraphs[at])
    return first is not None and first[1].lower() == given["first_word"].lower()


def _has_words_between(response: str, given: Arguments) -> bool:
    return len(_WORD.findall(response)) in range(given["min_words"], given["max_words"] + 1)


def _has_short_sentences(response: str, given: Arguments) -> bool:
    return all(len(_WORD.findall(part)) <= given["max_words"] for part in sentences(response))


def parts_between(parts: Sequence[str]) -> list[str] | None:
    """The parts between dividers without a blank first or last; None if another part is blank."""
    kept = list(parts)
    if not kept[0].strip():
        kept = kept[1:]
    if kept and not kept[-1].strip():
        kept = kept[:-1]
    return kept if all(part.strip() for part in kept) else None


def _draw_words(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    relation = generator.choice((AT_LEAST, LESS_THAN))
    bounds = (20, 120) if relation == AT_LEAST else (40, 250)
    return {"relation": relation, "num_words": generator.randint(*bounds)}


def _draw_sentences(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    relation = generator.choice((AT_LEAST, LESS_THAN))
    bounds = (2, 6) if relation == AT_LEAST else (3, 12)
    return {"relation": relation, "num_sentences": generator.randint(*bounds)}


def _draw_paragraphs(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    return {"num_paragraphs": generator.randint(2, 4)}


def _draw_first_word(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    paragraphs = generator.randint(2, 4)
    return {
        "num_paragraphs": paragraphs,
        "nth_paragraph": generator.randint(1, paragraphs),
        "first_word": generator.choice(
            ("first", "today", "often", "people", "one", "many", "while")
        ),
    }


def _draw_range(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    least = generator.randint(3, 12) * 10
    return {"min_words": least, "max_words": least + generator.choice((30, 50, 80))}


def _draw_longest(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    return {"max_words": generator.randint(10, 25)}


_WHOLE = frozenset(("length", "brevity"))
LENGTHS = (
    Constraint(
        "length_constraints:number_words",
        _has_words,
        (
            "Answer with {relation} {num_words} words.",
            "Your response should contain {relation} {num_words} words.",
            "Use {relation} {num_words} words in all.",
        ),
        _WHOLE,
        {"relation": RELATION, "num_words": COUNT},
        _draw_words,
    ),
    Constraint(
        "length_constraints:number_sentences",
        _has_sentences,
        (
            "Answer in {relation} {num_sentences} sentences.",
            "Your response should contain {relation} {num_sentences} sentences.",
            "Write {relation} {num_sentences} sentences in total.",
        ),
        _WHOLE,
        {"relation": RELATION, "num_sentences": COUNT},
        _draw_sentences,
    ),
    Constraint(
        "length_constraints:number_paragraphs",
        _has_paragraphs,
        (
            "There should be {num_paragraphs} paragraphs, separated by the markdown divider: ***",
            "Write exactly {num_paragraphs} paragraphs. Put a line with *** between paragraphs.",
            "Divide your answer into {num_paragraphs} paragraphs with *** between each two.",
        ),
        frozenset(("layout", "asterisks", "brevity")),
        {"num_paragraphs": COUNT},
        _draw_paragraphs,
    ),
    Constraint(
        "length_constraints:nth_paragraph_first_word",
        _has_first_word,
        (
            (
                "Write {num_paragraphs} paragraphs with a blank line between each two. Paragraph "
                "{nth_paragraph} must start with the word {first_word}."
            ),
            (
                "There should be exactly {num_paragraphs} paragraphs, separated by two new lines, and "
                'the first word of paragraph {nth_paragraph} should be "{first_word}".'
            ),
            (
                "Use {num_paragraphs} paragraphs, divided by blank lines. Begin paragraph "
                '{nth_paragraph} with "{first_word}".'
            ),
        ),
        frozenset(("layout", "start", "words", "brevity")),
        {"num_paragraphs": COUNT, "nth_paragraph": COUNT, "first_word": TEXT},
        _draw_first_word,
    ),
    Constraint(
        "length_constraints:words_between",
        _has_words_between,
        (
            "Write between {min_words} and {max_words} words.",
            "Your answer should have at least {min_words} and at most {max_words} words.",
            "Keep the length between {min_words} and {max_words} words.",
        ),
        _WHOLE,
        {"min_words": COUNT, "max_words": COUNT},
        _draw_range,
    ),
    Constraint(
        "length_constraints:longest_sentence",
        _has_short_sentences,
        (
            "No sentence may have more than {max_words} words.",
            "Keep each sentence to at most {max_words} words.",
            "Write short sentences: none longer than {max_words} words.",
        ),
        frozenset(("sentences", "layout")),
        {"max_words": COUNT},
        _draw_longest,
    ),
)
