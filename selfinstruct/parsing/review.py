"""The review of an example before it is committed: an answer to each question, and a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfinstruct.parsing import Leftover
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.values import value_of
from selfinstruct.parsing.verdict import LONGEST_REASON, flag_of


@dataclass(frozen=True, slots=True)
class Review:
    """The answers in the order of the questions; none where the reply has no review."""

    answers: tuple[bool, ...] = ()
    words: str = ""
    reason: str | None = None
    leftovers: tuple[Leftover, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True without a review."""
        return not self.answers


def unread(*, reason: str) -> Review:
    """Stands for a reply that never came."""
    return Review(reason=reason)


def review(questions: Sequence[str], reply: str, finish_reason: str) -> Review:
    """The review of a reply that is a JSON object, alone or inside another object:

        {"reason": "...", "is_valid": true, "input_fits": true, "output_right": "no"}

    Errors: empty_reply, a cut (endings.py), broken_json, no_verdict (an answer is missing).
    """
    if not reply.strip():
        return Review(reason=cut_of(finish_reason) or "empty_reply")
    value = value_of(reply)
    if isinstance(value, dict) and len(value) == 1:
        (value,) = value.values()
    if not isinstance(value, dict):
        return Review(reason=cut_of(finish_reason) or "broken_json")
    answers = [flag_of(value.get(name)) for name in questions]
    if None in answers:
        return Review(reason="no_verdict")
    said = value.get("reason")
    words = " ".join(said.split())[:LONGEST_REASON] if isinstance(said, str) else ""
    return Review(tuple(map(bool, answers)), words)
