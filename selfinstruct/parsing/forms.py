"""The form of a reply that no parser could read, named for a person."""

from __future__ import annotations

import re

_FORMS = (
    (r"\s*\Z", "nothing"),
    (r"\s*<(?:!doctype|html|head|body)\b", "an HTML page"),
    (r"\s*(?:```\w*\s*)?\[\s*'", "a list in the notation of Python"),
    (r"\s*(?:```\w*\s*)?\{\s*'", "an object in the notation of Python"),
    (r"\s*(?:```(?:json)?\s*)?[\[{]", "JSON of another shape"),
    (r"\s*\|.*\|[ \t]*\n[ \t]*\|", "a table"),
    (r"\s*```", "a block of code"),
    (r"\s*---\s*\n\s*\w+:|\s*\w+:[ \t]*\n[ \t]+- ", "YAML"),
    (r"\s*<[A-Za-z][\w-]*>", "tags of other names"),
    (r"\s*\d{1,3}[ \t]+\S", "numbers without a point"),
    (r"\s*(?:\d+\.){2,}", "numbers of chapters"),
    (r"\s*[\"'\u201c]", "quoted lines without numbers"),
    (r"[^\n]{1,400}\?\s*\Z", "a question"),
    (r"\s*\S[^\n]*\n(?:\s*\n)?\s*\S", "lines without numbers or labels"),
)
_PATTERNS = tuple((re.compile(pattern, re.I), name) for pattern, name in _FORMS)
_LOOKED_AT = 2_000  # characters


def form_of(reply: str) -> str:
    """The name of a reply's form, such as "a table"; "a sentence" where nothing else fits."""
    text = reply[:_LOOKED_AT]
    return next((name for pattern, name in _PATTERNS if pattern.match(text)), "a sentence")
