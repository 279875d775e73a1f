"""Replies that are an instruction, and whether two instructions ask for the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from selfinstruct.parsing import Leftover
from selfinstruct.parsing.answer import Answer
from selfinstruct.parsing.embedded import rest_of, text_of
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.reasons import leftovers, why_nothing
from selfinstruct.parsing.values import Found, found_in
from selfinstruct.parsing.wording import WIDE

_NAMES = ("prompt", "instruction", "rules", "text")  # of the field in JSON
_LABEL = re.compile(
    r"[ \t>*_#]*(?:(?:the|my|your|a)[ \t]+)?"
    r"(?:(?:rewritten|reworded|new|created|evolved|alternative|improved|revised|harder"
    r"|inverse|inverted|reverse)[ \t]+)?"
    r"(?:prompt|instruction|task|formulation|version|rewording|paraphrase)s?[ \t]*\d*"
    r"[*_#]*[ \t]*[:\uff1a][*_#]*[ \t]*",
    re.I,
)
_OPENING = re.compile(
    r"(?:sure|certainly|of course|absolutely|here(?: is|['\u2019]s))\b.{0,200}[:!.][*_]*[ \t]*\n\s*",
    re.I,
)
_CLOSING = re.compile(
    r"\n\s*\n[ \t(*_]*(?:let me know\b|i hope\b|this (?:version|prompt|rewrit)|note:|explanation:"
    r"|(?:the )?changes (?:made|are)).*\Z",
    re.I | re.S,
)
_DECLINED = re.compile(
    r"\W*(?:i(?:['\u2019]m| am) (?:very |so )?sorry|i apologi[sz]e|as an ai\b)", re.I
)
# A first line that announces the instruction: "The instruction for the swapped task is:"
_INTRODUCED = re.compile(
    r"(?=[^\n]{0,120}\b(?:instructions?|task|(?:re)?wording|reworded|rephrased|inverse|inverted"
    r"|reversed?|version)\b)[^\n]{1,120}[:\uff1a][*_]*[ \t]*\n\s*(?=\S)",
    re.I,
)
# An object that is no JSON: {'prompt': '...'}
_NO_JSON = re.compile(rf"\{{\s*['\u2018\u201c]?(?:{'|'.join(_NAMES)})['\u2019\u201d]?\s*:", re.I)
_TAGGED = re.compile(r"<(?P<tag>[a-z_]{1,20})>(?P<text>.*)</(?P=tag)>", re.I | re.S)
# One of the two tags, alone on its line: a small model forgets the other.
_HALF_TAG = re.compile(
    r"\A<(?:new_)?(?:task|prompt|instruction)>[ \t]*\n"
    r"|\n[ \t]*</(?:new_)?(?:task|prompt|instruction)>\s*\Z",
    re.I,
)
_QUOTES = {'"': '"', "\u201c": "\u201d", "\u00ab": "\u00bb", "'": "'"}
_EQUAL = re.compile(
    r"[\s*_\"'#]*(?P<no>not[ \t]+(?:equal|the same)|different)|[\s*_\"'#]*(?:equal|the same)\b",
    re.I,
)
_IN_JSON = ("same", "equal")


@dataclass(frozen=True, slots=True)
class Sameness:
    """Whether two instructions ask for the same; None where the reply does not say."""

    is_same: bool | None = None
    reason: str | None = None
    leftovers: tuple[Leftover, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True if the reply did not say."""
        return self.is_same is None


def rewritten(reply: str, finish_reason: str) -> Answer:
    """The instruction that a reply consists of, without opening words, label and quotes:

        Sure! Here is the new version:

        **Rewritten prompt:** "Explain, in three steps, how a canal lock works."

    Reasons: a cut, broken_json, empty_reply, refusal.
    """
    return _read(reply, finish_reason, by_paragraph=False)


def instruction(reply: str, finish_reason: str) -> Answer:
    """As `rewritten`, of a reply that should be a single paragraph.

    A first line that announces the instruction is a remark, and so are later paragraphs.
    """
    return _read(reply, finish_reason, by_paragraph=True)


def instruction_under_any_name(reply: str, finish_reason: str) -> Answer:
    """As `instruction`; the only field of a reply in JSON holds it, whatever its name."""
    return _read(reply, finish_reason, by_paragraph=True, any_name=True)


def _read(reply: str, finish_reason: str, *, by_paragraph: bool, any_name: bool = False) -> Answer:
    cut = cut_of(finish_reason)
    if cut is not None:
        return Answer(reason=cut)
    found = found_in(reply)
    if found is not None and not found.outside.strip() and not found.is_whole:
        return Answer(reason="broken_json")
    names = _names(found) if any_name and found is not None else _NAMES
    if found is not None and len(found.values) == 1 and _is_ours(found.values[0], names):
        [record] = found.values
        beside = [found.outside, *rest_of(record, names)]
        text = _bare(text_of(record, *names))
    else:
        text, beside = _without_remarks(reply)
        if by_paragraph:
            text, beside = _first_paragraph(text, beside)
    if _NO_JSON.match(text):
        return Answer(reason="broken_json")
    if _DECLINED.match(text):
        return Answer(reason="refusal")
    if not text:
        return Answer(reason=why_nothing(reply, "empty_reply"))
    return Answer(text, leftovers=leftovers(beside[0], beside[1:], WIDE))


def sameness(reply: str, finish_reason: str) -> Sameness:
    """Whether a reply says Equal or Not Equal, or Yes or No, first of all; JSON is read as well.

    Reasons: a cut, empty_reply, refusal, neither_yes_nor_no.
    """
    found = found_in(reply)
    record = found.values[0] if found is not None and found.values else None
    if isinstance(record, dict):
        value = next((record[name] for name in _IN_JSON if name in record), None)
        if isinstance(value, bool):
            return Sameness(value)
        reply = value if isinstance(value, str) else reply
    if word := _EQUAL.match(reply):
        return _said(word["no"] is None, reply[word.end() :])
    if word := WIDE.yes_or_no.match(reply):
        return _said(word["yes"] is not None, reply[word.end() :])
    return Sameness(reason=cut_of(finish_reason) or why_nothing(reply, "neither_yes_nor_no"))


def _said(is_same: bool, explanation: str) -> Sameness:
    return Sameness(is_same, leftovers=leftovers("", [], WIDE, explanation=explanation))


def _names(found: Found) -> tuple[str, ...]:
    """The name of the only field of an only object, else the known names."""
    record = found.values[0] if len(found.values) == 1 else None
    return tuple(record) if isinstance(record, dict) and len(record) == 1 else _NAMES


def _is_ours(record: object, names: Sequence[str]) -> bool:
    """Whether an object holds an instruction, under one of these names."""
    return isinstance(record, dict) and any(isinstance(record.get(name), str) for name in names)


def _without_remarks(reply: str) -> tuple[str, list[str]]:
    """The text without opening and closing words, and these words."""
    text, beside = reply.strip(), ["", ""]
    if opening := _OPENING.match(text):
        text, beside[0] = text[opening.end() :].strip(), opening.group()
    if closing := _CLOSING.search(text):
        text, beside[1] = text[: closing.start()].strip(), closing.group()
    return _bare(text), beside


def _first_paragraph(text: str, beside: list[str]) -> tuple[str, list[str]]:
    """The first paragraph below a line that introduces the paragraph, and all other texts."""
    opening, *others = beside
    if introduced := _INTRODUCED.match(text):
        opening, text = f"{opening}{introduced.group()}", text[introduced.end() :]
    first, _, rest = text.partition("\n\n")
    bare = _bare(first)
    inner = bare.strip('*_`" ') if bare[:2] in ("**", "__") else bare
    return inner.strip(), [opening, rest, *others]


def _bare(text: str) -> str:
    """The text without a code fence, tags, a label and quotes around the whole."""
    text = text.strip()
    lines = text.split("\n")
    if len(lines) > 2 and lines[0].startswith("```") and lines[-1].strip() == "```":
        text = "\n".join(lines[1:-1]).strip()
    if tagged := _TAGGED.fullmatch(text):
        text = tagged["text"].strip()
    text = _HALF_TAG.sub("", text).strip()
    if label := _LABEL.match(text):
        text = text[label.end() :].strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text
