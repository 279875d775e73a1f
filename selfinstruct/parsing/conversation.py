"""Conversations in replies: an opening, a person's next message, or a whole transcript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from selfinstruct.data.examples import Turn
from selfinstruct.parsing import Leftover
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.reasons import why_nothing
from selfinstruct.parsing.values import found_in

PERSON, ASSISTANT = "user", "assistant"
_PERSONS = r"(?:the )?(?:person|user|human|customer|speaker)"
_MODELS = r"(?:the )?(?:ai )?(?:assistant|ai|chatbot|bot|chatgpt|gpt)"
# [Person], Person:, **Human:**, ### AI: at the beginning of a line
_MARK = re.compile(
    rf"^[ \t>*_#]*(?:\[(?:(?P<p1>{_PERSONS})|(?P<a1>{_MODELS}))\][*_]*[ \t]*[:\uff1a]?"
    rf"|(?:(?P<p2>{_PERSONS})|(?P<a2>{_MODELS}))(?:[ \t]\d+)?[*_]*[ \t]*[:\uff1a])[*_]*[ \t]*",
    re.I | re.M,
)
_END = re.compile(
    r"\[[ \t]*(?:the[ \t]+)?(?:end|done|goal reached|end of (?:the )?(?:conversation|chat))[ \t]*\]"
    r"|\A\W*END\W*\Z",
    re.I,
)
_GOAL = re.compile(r"^[ \t>*_#]*goal[*_ \t]*[:\uff1a][*_ \t]*", re.I | re.M)
_MESSAGE = re.compile(
    r"^[ \t>*_#]*(?:(?:first|opening)[ \t]+)?message[*_ \t]*[:\uff1a][*_ \t]*", re.I | re.M
)
_QUOTES = {'"': '"', "\u201c": "\u201d", "\u00ab": "\u00bb"}
_ROLES = {"person": PERSON, "user": PERSON, "human": PERSON}


@dataclass(frozen=True, slots=True)
class Opening:
    """A person's first message, and the person's goal; empty where the reply names none."""

    text: str = ""
    goal: str = ""
    reason: str | None = None
    leftovers: tuple[Leftover, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.text


@dataclass(frozen=True, slots=True)
class Message:
    """A person's further message, or the word that the conversation is over."""

    text: str = ""
    is_over: bool = False
    reason: str | None = None
    leftovers: tuple[Leftover, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.text and not self.is_over


@dataclass(frozen=True, slots=True)
class Transcript:
    """The turns of a conversation, the person's first; roles may repeat."""

    turns: tuple[Turn, ...] = ()
    reason: str | None = None
    leftovers: tuple[Leftover, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.turns

    @property
    def text(self) -> str:
        """For a person."""
        return "\n".join(f"{turn.role}: {turn.text}" for turn in self.turns)


def opening(reply: str, finish_reason: str) -> Opening:
    """A goal and a message, on labelled lines or as JSON:

        Goal: a lease that ends in June
        Message: my landlord says i cannot leave early, is that so?

    Reasons: a cut, broken_json, empty_reply, refusal, no_message.
    """
    cut = cut_of(finish_reason)
    if cut is not None:
        return Opening(reason=cut)
    record, outside, is_whole = _record(reply)
    if not is_whole:
        return Opening(reason="broken_json")
    if record is not None and isinstance(record.get("message"), str):
        text, goal, beside = record["message"], record.get("goal"), [outside]
        goal = goal if isinstance(goal, str) else ""
    elif label := _MESSAGE.search(reply):
        before, text = reply[: label.start()], reply[label.end() :]
        named = _GOAL.search(before)
        goal = before[named.end() :] if named else ""
        beside = [before[: named.start()] if named else before]
    else:
        return Opening(reason=why_nothing(reply, "no_message"))
    text, after = _own(text)
    if not text:
        return Opening(reason="no_message")
    left = (*_left("remark", *beside), *_left("next_turn", after))
    return Opening(text, " ".join(goal.split()).strip(" *_"), leftovers=left)


def message(reply: str, finish_reason: str) -> Message:
    """A person's message as it stands, or [END]; or JSON with `message` and `is_over`.

    Reasons: a cut, broken_json, empty_reply, refusal.
    """
    cut = cut_of(finish_reason)
    if cut is not None:
        return Message(reason=cut)
    record, outside, is_whole = _record(reply)
    if not is_whole:
        return Message(reason="broken_json")
    text, is_over = reply, False
    if record is not None and ("message" in record or "is_over" in record):
        text, is_over = str(record.get("message") or ""), record.get("is_over") is True
    else:
        outside = ""
    if is_over or _END.search(text):
        return Message(is_over=True, leftovers=_left("remark", _END.sub("", text), outside))
    text, after = _own(text)
    if not text:
        return Message(reason=why_nothing(reply, "empty_reply"))
    return Message(text, leftovers=(*_left("remark", outside), *_left("next_turn", after)))


def user_turn(reply: str, finish_reason: str) -> Message:
    """A user's turn as it stands. Reasons: a cut, empty_reply, refusal."""
    cut = cut_of(finish_reason)
    text, after = _own(reply)
    if cut is not None or not text:
        return Message(reason=cut or why_nothing(reply, "empty_reply"))
    return Message(text, leftovers=_left("next_turn", after))


def transcript(reply: str, finish_reason: str) -> Transcript:
    """The turns of a conversation between marks of the two roles, or as JSON:

        [Person]
        Can tomatoes stand frost?
        [Assistant]
        No, bring them in below five degrees.

    A first turn of the assistant and a last turn of the person are left over. Reasons: a cut
    (without the last turn), broken_json, empty_reply, refusal, no_turns.
    """
    record, outside, is_whole = _record(reply)
    before = outside
    if record is not None and isinstance(record.get("turns"), list):
        turns = list(_listed(record["turns"]))
    else:
        marks, is_whole = list(_MARK.finditer(reply)), is_whole or record is None
        before = reply[: marks[0].start()] if marks else ""
        ends = [*(mark.start() for mark in marks[1:]), len(reply)][: len(marks)]
        turns = [
            Turn(_role(mark), reply[mark.end() : end].strip())
            for mark, end in zip(marks, ends, strict=True)
        ]
    reason, left = cut_of(finish_reason), list(_left("remark", before))
    if reason is not None:
        turns = turns[:-1]
    if turns and turns[0].role == ASSISTANT:
        left += _left("left_over", turns.pop(0).text)
    while turns and turns[-1].role == PERSON:
        left += _left("left_over", turns.pop().text)
    if reason is None and not turns:
        reason = "broken_json" if not is_whole else why_nothing(reply, "no_turns")
    return Transcript(tuple(turns), reason, () if reason else tuple(left))


def _record(reply: str) -> tuple[dict[str, Any] | None, str, bool]:
    """The JSON object that a reply consists of, the text around, and whether JSON is whole."""
    found = found_in(reply)
    if found is None:
        return None, "", True
    if not found.values:
        return None, "", found.is_whole or bool(found.outside.strip())
    value = found.values[0]
    return (value, found.outside, True) if isinstance(value, dict) else (None, "", True)


def _listed(values: list[Any]) -> Iterator[Turn]:
    for value in values:
        if isinstance(value, dict) and isinstance(text := value.get("text"), str):
            role = str(value.get("role", "")).strip().lower()
            yield Turn(_ROLES.get(role, ASSISTANT), text.strip())


def _role(mark: re.Match[str]) -> str:
    return PERSON if mark["p1"] or mark["p2"] else ASSISTANT


def _own(text: str) -> tuple[str, str]:
    """A person's text without its mark and quotes, and the turns behind it."""
    text = text.strip()
    if (mark := _MARK.match(text)) and _role(mark) == PERSON:
        text = text[mark.end() :].strip()
    after = ""
    if (mark := _MARK.search(text)) and mark.start():
        text, after = text[: mark.start()].strip(), text[mark.start() :]
    text = text.strip("*_ \t\n") if text.startswith("**") or text.endswith("**") else text
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text, after


def _left(reason: str, *texts: str) -> tuple[Leftover, ...]:
    return tuple(Leftover(text.strip(), reason) for text in texts if re.search(r"[^\W_]", text))
