"""Answers: a reply that is an output as it stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """An output, or the reason why there is none: empty_reply, cut_by_length."""

    text: str = ""
    reason: str | None = None

    @property
    def is_empty(self) -> bool:
        """True if the reply cannot be an output."""
        return self.reason is not None


def answer(reply: str, finish_reason: str) -> Answer:
    """The reply without white space around; a reply that was cut is no answer."""
    text = reply.strip()
    if finish_reason == "length":
        return Answer(reason="cut_by_length")
    return Answer(text) if text else Answer(reason="empty_reply")
