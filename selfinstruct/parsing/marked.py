"""Replies to the prompts of the preset `chat`, whose tasks and examples stand in tags.

Every other form is read as `chat` reads replies. A task keeps its lines, and its tag tells whether
a bare label answers the task. Tags are not translated, and hold texts with labels of their own.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from selfinstruct.parsing import Draft, Leftover, Parsed, chat, embedded
from selfinstruct.parsing.chat import classify
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.reasons import finished, leftovers
from selfinstruct.parsing.tagged import input_first, output_first
from selfinstruct.parsing.wording import WIDE

__all__ = ["classify", "input_first", "output_first", "propose"]

_OPENING = re.compile(
    r"^[ \t]*(?:(?:[-*]|\d{1,3}[.)])[ \t]*)?<(?:task|instruction)\b(?P<marks>[^<>\n]{0,600})>",
    re.M | re.I,
)
_CLOSING = re.compile(r"</(?:task|instruction)>", re.I)
_BETWEEN = re.compile(r"(</(?:task|instruction)>)[ \t]*(?=<(?:task|instruction)\b)", re.I)
_OUTER = re.compile(r"</?(?:tasks|instructions)>", re.I)
_LABELS = re.compile(r"labels?[ \t]*=[ \t]*(?P<quote>[\"'\u201c])(?P<labels>[^\"\u201d]*)", re.I)
_NO_LABELS = re.compile(r"[\W_]*(?:none|no|n/?a)?[\W_]*", re.I)
_APART = re.compile(r"[|\uff5c]")
_COMMAS = re.compile(r"[,;/\uff0c\u3001\uff1b]")
_MOST_LABELS, _FEWEST_LABELS = 12, 2
_AROUND_LABEL = " \t\"'`*_[](){}.\u201c\u201d"
_WEIGHTS = ("probability", "prob", "p")
_WORKING = re.compile(r"[ \t]*<working>(?P<text>.*?)</working>[ \t]*\n?", re.S | re.I)
_NUMBER = re.compile(r"[\s<\u2248~]*(?P<number>\d{0,3}[.,]?\d{1,12})\s*(?P<percent>%?)\s*")
_WEIGHT = re.compile(rf"\bp(?:rob(?:ability)?)?[ \t]*=[ \t]*[\"'\u201c]?{_NUMBER.pattern}", re.I)
_WEIGHT_TAG = re.compile(
    rf"\n?[ \t]*<(?P<tag>p|prob|probability)>{_NUMBER.pattern}</(?P=tag)>[ \t]*", re.I
)
_NAMES = ("instruction", "task", "text", "prompt", "question")


def propose(reply: str, finish_reason: str, *, weighs: bool = False) -> Parsed:
    """Tasks in tags, or in the other forms of `chat.propose`:

        <task labels="spam | genuine">
        Is the message spam or genuine?
        </task>

    A draft has the labels that its tag or its JSON object names: none for a task that asks for
    more than a label, None where the form has no room for labels. weighs: it has also the
    probability that its tag, its object or a tag of its own names. The working of a task, in tags
    or in a field of its object, goes to the leftovers. Reasons as `chat.propose`.
    """
    working = tuple(found["text"].strip() for found in _WORKING.finditer(reply))
    parsed = _drafts(_WORKING.sub("", reply), finish_reason, weighs=weighs)
    left = tuple(Leftover(text, "working") for text in working if text)
    return replace(parsed, leftovers=(*parsed.leftovers, *left)) if left else parsed


def _drafts(reply: str, finish_reason: str, *, weighs: bool) -> Parsed:
    reply = _BETWEEN.sub(r"\1\n", reply)
    openings = list(_OPENING.finditer(reply))
    if openings:
        return _tagged(reply, openings, finish_reason, weighs=weighs)
    items = embedded.instructions(reply)
    if items is None:
        return chat.propose(reply, finish_reason)
    drafts, rest, working = [], list(items.leftovers), list[Leftover]()
    for item in items.values:
        text, worked = embedded.text_of(item, *_NAMES), embedded.text_of(item, "working")
        used = (_NAMES, ("labels",), ("working",), *([_WEIGHTS] if weighs else []))
        rest += embedded.rest_of(item, *used)
        working += [Leftover(worked, "working")] if worked and worked != text else []
        weight = _weight_of(item) if weighs else None
        if text:
            drafts.append(Draft(text, labels=_labels_of(item), probability=weight))
    left = (*leftovers("", rest, WIDE), *working)
    parsed = Parsed(drafts=tuple(drafts), leftovers=left)
    return finished(parsed, reply, finish_reason, items, "no_list")


def _tagged(
    reply: str, openings: list[re.Match[str]], finish_reason: str, *, weighs: bool
) -> Parsed:
    drafts, outside = list[Draft](), list[str]()
    ends = [opening.start() for opening in openings[1:]] + [len(reply)]
    for opening, end in zip(openings, ends, strict=True):
        closing = _CLOSING.search(reply, opening.end(), end)
        text = reply[opening.end() : closing.start() if closing else end].strip()
        outside.append(reply[closing.end() : end] if closing else "")
        if closing is None and end == len(reply) and cut_of(finish_reason) is not None:
            break  # the last task is not whole
        marks, weight = opening["marks"], None
        if weighs:
            apart = _WEIGHT_TAG.search(text)
            text = _WEIGHT_TAG.sub("", text).strip()
            weight = _weight(_WEIGHT.search(marks) or apart)
        if text:
            drafts.append(Draft(text, labels=_labels_in(marks), probability=weight))
    before = _OUTER.sub("", reply[: openings[0].start()])
    rest = [_OUTER.sub("", text) for text in outside]
    parsed = Parsed(drafts=tuple(drafts), leftovers=leftovers(before, rest, WIDE))
    return finished(parsed, reply, finish_reason, None, "no_list")


def _labels_in(marks: str) -> tuple[str, ...] | None:
    """The labels of a tag; None where the tag names a single label."""
    found = _LABELS.search(marks)
    if found is None or _NO_LABELS.fullmatch(found["labels"]):
        return ()
    apart = _APART if _APART.search(found["labels"]) else _COMMAS
    return _several(apart.split(found["labels"]))


def _labels_of(item: Any) -> tuple[str, ...] | None:
    """The labels of a JSON object; None where it has no such field, or a single label."""
    if not isinstance(item, dict) or "labels" not in item:
        return None
    labels = item["labels"]
    if isinstance(labels, list) and labels:
        return _several([embedded.text_of(label) for label in labels])
    if isinstance(labels, str):
        return _labels_in(f'labels="{labels}"')
    return ()


def _weight_of(item: Any) -> float | None:
    """The probability in a JSON object."""
    value = (
        next((item[name] for name in _WEIGHTS if name in item), None)
        if type(item) is dict
        else None
    )
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) if 0 < value <= 1 else None
    return _weight(_NUMBER.fullmatch(value)) if isinstance(value, str) else None


def _weight(found: re.Match[str] | None) -> float | None:
    """A probability above 0 and up to 1; None for any other number."""
    if found is None:
        return None
    value = float(found["number"].replace(",", ".")) / (100 if found["percent"] else 1)
    return value if 0 < value <= 1 else None


def _several(texts: list[str]) -> tuple[str, ...] | None:
    labels = dict.fromkeys(filter(None, (text.strip(_AROUND_LABEL) for text in texts)))
    return tuple(labels) if _FEWEST_LABELS <= len(labels) <= _MOST_LABELS else None
