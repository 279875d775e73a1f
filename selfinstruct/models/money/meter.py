"""What a run has sent and paid for, as plain counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from selfinstruct.models import Completion, Usage


@dataclass(slots=True)
class Meter:
    """What has been sent and paid for in this sitting and before."""

    requests: int = 0  # replies on record, those that failed for good among them
    usage: Usage = Usage()
    failed: int = 0
    by_stage: dict[str, Usage] = field(default_factory=dict)
    calls: int = 0  # sent, however they ended; at least one for each reply
    unknown: Usage = (
        Usage()
    )  # at most so much may have been charged for calls of which nobody knows how they ended
    unknown_calls: int = 0

    def to_record(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "by_stage"}

    def take(self, stage: str, completion: Completion) -> None:
        self.requests += 1
        self.usage += completion.usage
        self.failed += completion.error is not None
        self.by_stage[stage] = self.by_stage.get(stage, Usage()) + completion.usage
