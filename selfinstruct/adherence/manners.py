"""Constraints on case, language, beginning and end (IFEval, table 1)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
from selfinstruct.adherence.linguistics import language

_BETWEEN_WORDS = re.compile(r"[\s;@#$%&,:?!()\[\]{}<>\"\u201c\u201d]+|--+|\.\.\.+")
LANGUAGES = {
    "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese",
    "nl": "Dutch", "sv": "Swedish", "fi": "Finnish", "ru": "Russian", "tr": "Turkish",
}  # fmt: skip
_ENDINGS = (
    *("Is there anything else I can help with?", "Any other questions?", "That is all."),
    *("I hope this helps.", "Let me know how it goes."),
)
_BEGINNINGS = (*("Here is my answer:", "Let us see.", "Sure thing!", "In short:", "To begin with"),)


def _is_in_english(response: str) -> bool:
    return language(response) in ("en", None)


def _is_upper(response: str, given: Arguments) -> bool:
    return response.isupper() and _is_in_english(response)


def _is_lower(response: str, given: Arguments) -> bool:
    return response.islower() and _is_in_english(response)


def _has_capital_words(response: str, given: Arguments) -> bool:
    words = sum(word.isupper() for word in _BETWEEN_WORDS.split(response))
    return holds(given["capital_relation"], words, given["capital_frequency"])


def _is_in_language(response: str, given: Arguments) -> bool:
    """A text without letters is in any language."""
    return language(response) in (given["language"], None)


def _ends_with(response: str, given: Arguments) -> bool:
    """In any case, quotation marks around the response aside."""
    ending: str = given["end_phrase"].strip().lower()
    return response.strip().strip('"').lower().endswith(ending)


def _begins_with(response: str, given: Arguments) -> bool:
    beginning: str = given["start_phrase"].strip().lower()
    return response.strip().lower().startswith(beginning)


def _is_quoted(response: str, given: Arguments) -> bool:
    text = response.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


def _nothing(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    return {}


def _draw_capitals(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    relation = generator.choice((AT_LEAST, LESS_THAN))
    return {"capital_relation": relation, "capital_frequency": generator.randint(2, 6)}


def _from(name: str, values: Sequence[str] | Mapping[str, str]) -> Any:
    def draw(generator: Random, words: Sequence[str]) -> dict[str, Any]:
        return {name: generator.choice(tuple(values))}

    return draw


def _draw_language(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    code = generator.choice(tuple(LANGUAGES))
    return {"language": code, "language_name": LANGUAGES[code]}


_CASE = frozenset(("case", "language", "capitals"))
CASES = (
    Constraint(
        "change_case:english_capital",
        _is_upper,
        (
            "Your entire response should be in English and in all capital letters.",
            "Answer in English. Write capital letters only.",
            "Use nothing but upper-case letters, in English.",
        ),
        _CASE,
        draw=_nothing,
    ),
    Constraint(
        "change_case:english_lowercase",
        _is_lower,
        (
            (
                "Your entire response should be in English and in all lowercase letters. No capital "
                "letters are allowed."
            ),
            "Answer in English without any capital letter.",
            "Write everything in lower case, in English.",
        ),
        _CASE,
        draw=_nothing,
    ),
    Constraint(
        "change_case:capital_word_frequency",
        _has_capital_words,
        (
            "Use words in all capital letters {capital_relation} {capital_frequency} times.",
            (
                "Words with all letters in upper case should appear {capital_relation} "
                "{capital_frequency} times."
            ),
            "In your response, write {capital_relation} {capital_frequency} words in capitals.",
        ),
        frozenset(("case", "capitals")),
        {"capital_relation": RELATION, "capital_frequency": COUNT},
        _draw_capitals,
    ),
)
LANGUAGE = (
    Constraint(
        "language:response_language",
        _is_in_language,
        (
            "Your entire response should be in {language_name}; no other language is allowed.",
            "Answer in {language_name} only.",
            "Write your whole answer in {language_name}.",
        ),
        frozenset(("language", "words", "case", "capitals", "start", "end", "letters")),
        {"language": TEXT},
        _draw_language,
    ),
)
ENDS = (
    Constraint(
        "startend:end_checker",
        _ends_with,
        (
            'Finish your response with the exact phrase "{end_phrase}" No other words should follow.',
            "The very last words of your answer have to be: {end_phrase}",
            "End with this phrase and add nothing after it: {end_phrase}",
        ),
        frozenset(("end", "capitals")),
        {"end_phrase": TEXT},
        _from("end_phrase", _ENDINGS),
    ),
    Constraint(
        "startend:quotation",
        _is_quoted,
        (
            "Wrap your entire response with double quotation marks.",
            "Put double quotation marks around the whole answer.",
            'The first and the last character of your response must be the mark ".',
        ),
        frozenset(("start", "end")),
        draw=_nothing,
    ),
    Constraint(
        "startend:begins_with",
        _begins_with,
        (
            'Begin your response with "{start_phrase}"',
            "The very first words of your answer have to be: {start_phrase}",
            'Your answer must start with the exact phrase "{start_phrase}"',
        ),
        frozenset(("start", "capitals")),
        {"start_phrase": TEXT},
        _from("start_phrase", _BEGINNINGS),
    ),
)
