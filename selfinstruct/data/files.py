"""The names of the files that hold what a run has made."""

from __future__ import annotations

from collections.abc import Mapping

from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction

FILES: Mapping[type[Instruction | Example | Rejected], str] = {
    Instruction: "instructions.jsonl",
    Example: "examples.jsonl",
    Rejected: "rejected.jsonl",
}
