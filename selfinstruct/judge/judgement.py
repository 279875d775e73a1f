"""One line of judgements.jsonl."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from selfinstruct.tasks import to_json


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge says of one example. Without a verdict, the score and the three answers are None and `error` says why."""

    id: str  # of the example
    score: int | None  # 1 to 5
    is_valid: bool | None  # the instruction is a task that makes sense
    input_fits: bool | None
    output_right: bool | None
    reason: str
    model: str
    error: str | None = None  # a slug: broken_json, bad_score, content_filter, ...

    def to_record(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "error" or value is not None}

    def to_line(self) -> str:
        return to_json(self.to_record())
