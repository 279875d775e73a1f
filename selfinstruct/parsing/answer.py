"""Answers: a reply that is an output as it stands."""

from __future__ import annotations

from dataclasses import dataclass

from selfinstruct.parsing import Leftover
from selfinstruct.parsing.embedded import rest_of
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.values import found_in, value_of


@dataclass(frozen=True, slots=True)
class Answer:
    """An output, or the reason why there is none: empty_reply, or a cut (endings.py)."""

    text: str = ""
    reason: str | None = None
    leftovers: tuple[Leftover, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True if the reply cannot be an output."""
        return self.reason is not None


def answer(reply: str, finish_reason: str) -> Answer:
    """The reply without white space around; a reply that was cut is no answer."""
    text = reply.strip()
    cut = cut_of(finish_reason)
    if cut is not None:
        return Answer(reason=cut)
    return Answer(text) if text else Answer(reason="empty_reply")


def output(reply: str, finish_reason: str) -> Answer:
    """As `answer`; of a reply that is a JSON object with the field "output" alone, its text."""
    found = answer(reply, finish_reason)
    value = value_of(found.text) if found.text.startswith("{") else None
    if isinstance(value, dict) and list(value) == ["output"] and isinstance(value["output"], str):
        text = value["output"].strip()
        return Answer(text) if text else Answer(reason="empty_reply")
    return found


def output_in_json(reply: str, finish_reason: str) -> Answer:
    """The text of a JSON object in its field "output", or in its only field, whatever its name.

    A reply without JSON is the text as it stands. Reasons: as `answer`, and broken_json.
    """
    found, json = answer(reply, finish_reason), found_in(reply)
    if found.is_empty:
        return found
    if json is None:
        return Answer(reason="broken_json") if found.text.startswith("{") else found
    records = [value for value in json.values if isinstance(value, dict)]
    if not json.is_whole or len(records) != 1 or len(json.values) != 1:
        return Answer(reason="broken_json")
    [record] = records
    name = "output" if "output" in record or len(record) != 1 else next(iter(record))
    text = record.get(name)
    if not isinstance(text, str):
        return Answer(reason="broken_json")
    rest = [json.outside, *rest_of(record, (name,))]
    left = tuple(Leftover(each.strip(), "remark") for each in rest if each.strip())
    return Answer(text.strip(), leftovers=left) if text.strip() else Answer(reason="empty_reply")
