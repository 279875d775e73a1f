"""Entities of HTML in plain text: "Tom &amp; Ada" in the place of "Tom & Ada"."""

from __future__ import annotations

import html
import re

from selfinstruct.defects.finding import Checked, Finding, fields_of, found

_ENTITY = re.compile(
    r"&(?:nbsp|amp|quot|lt|gt|apos|rsquo|lsquo|ldquo|rdquo|mdash|ndash|hellip|bull|middot|copy"
    r"|deg|times|eacute|euro|pound|#\d{2,5}|#x[0-9a-f]{2,5});",
    re.I,
)
# A page's source may have entities: its tags, addresses and character tables.
_TAG = re.compile(r"</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>", re.I)
_ADDRESS = re.compile(r"[?&]\w+=[^\s&]*&amp;")
_MEANT = re.compile(
    r"html|xml|entit|escap|encod|decod|markup|web ?page|\brss\b|\bsvg\b|unicode|character code"
    r"|\u7f16\u7801|\u8f6c\u4e49|\u5b9e\u4f53",
    re.I,
)


def html_entities(row: Checked) -> Finding | None:
    """The first field with an entity in plain text. The fix is the text without entities."""
    texts = [(field, text) for field, text in fields_of(row) if "&" in text and ";" in text]
    if not texts or _MEANT.search(row.instruction) or any(_TAG.search(text) for _, text in texts):
        return None
    for field, text in texts:
        if (match := _ENTITY.search(text)) and not _ADDRESS.search(text):
            near = text[max(0, match.start() - 25) : match.end() + 25]
            return found("html_entities", field, near, _ENTITY.sub(_letter, text))
    return None


def _letter(entity: re.Match[str]) -> str:
    """The letter of an entity; the entity itself where it stands for a control character."""
    letter = html.unescape(entity.group())
    return letter if letter.isprintable() or letter == "\u00a0" else entity.group()
