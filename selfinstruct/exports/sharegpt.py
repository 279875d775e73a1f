"""ShareGPT's form: conversations of turns with from (human, gpt, system) and value."""

from __future__ import annotations

from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.exports.style import Style


def record(row: Candidate, style: Style) -> dict[str, Any]:
    turns = [("system", style.system)] if style.system else []
    turns += [("human", row.question), ("gpt", row.output)]
    return {"id": row.id, "conversations": [{"from": who, "value": value} for who, value in turns]}


def trainer_entry(style: Style) -> dict[str, Any]:
    """For dataset_info.json; the tags are LLaMA-Factory's defaults, among them `system` for a first turn."""
    return {"formatting": "sharegpt", "columns": {"messages": "conversations"}}
