"""A flat record with everything known of an example, for Parquet and datasets of the Hub."""

from __future__ import annotations

from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.exports.style import Style

# The same for every run of single tasks, so that exports can be joined.
_COLUMNS = {
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
_OWN = ("id", "instruction", "input", "output", "is_classification", "run", "score")
_FROM_PROVENANCE = ("instruction_id", "turn", "model")


def columns(style: Style) -> dict[str, str]:
    """The kind of each column."""
    found = dict(_COLUMNS)
    if style.system_column:
        found["system"] = "text"
    if style.history_column:
        found["history"] = "messages"
    return found


def record(row: Candidate, style: Style) -> dict[str, Any]:
    fields: dict[str, Any] = {name: getattr(row, name) for name in _OWN}
    fields |= {name: row.provenance.get(name) for name in _FROM_PROVENANCE}
    fields["findings"] = list(row.findings)
    if style.system_column:
        fields["system"] = row.system
    if style.history_column:
        fields["history"] = [{"role": turn.role, "content": turn.text} for turn in row.history]
    return fields
