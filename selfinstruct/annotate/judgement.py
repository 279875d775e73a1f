"""The record of judgements.jsonl."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from selfinstruct.text import to_json


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judge's verdict on an example.

    Without a verdict, the score and the three answers are None and `error` names the reason.
    """

    id: str  # of the example
    score: int | None  # 1 to 5
    is_valid: bool | None  # the instruction is a task that makes sense
    input_fits: bool | None
    output_right: bool | None
    reason: str
    model: str
    error: str | None = None  # a slug: broken_json, bad_score, content_filter, ...

    def to_record(self) -> dict[str, Any]:
        """The judgement as a line of judgements.jsonl."""
        record = {name: getattr(self, name) for name in _FIELDS}
        return record if self.error is None else {**record, "error": self.error}

    def to_line(self) -> str:
        return to_json(self.to_record())


_FIELDS = tuple(field.name for field in fields(Judgement) if field.name != "error")
