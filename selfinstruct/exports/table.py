"""One flat record with all that is known of an example: for Parquet and for a dataset folder of the Hub."""

from __future__ import annotations

from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.exports.style import Style

# The same for every run, so that exports can be joined.
COLUMNS = {
    "id": "text",
    "instruction": "text",
    "input": "text",
    "output": "text",
    "is_classification": "flag",
    "run": "text",
    "instruction_id": "text",
    "turn": "count",
    "model": "text",
    "score": "number",
    "findings": "texts",
}


def record(row: Candidate, style: Style) -> dict[str, Any]:
    known = {name: row.provenance.get(name) for name in ("instruction_id", "turn", "model")}
    own = ("id", "instruction", "input", "output", "is_classification", "run", "score")
    return {**{name: getattr(row, name) for name in own}, **known, "findings": list(row.findings)}
