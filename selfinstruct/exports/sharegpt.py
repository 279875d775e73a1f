"""ShareGPT's form: conversations of turns with from (human, gpt, system) and value."""

from __future__ import annotations

from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.exports.messages import answer, prompt
from selfinstruct.exports.style import Style

_SPEAKERS = {"user": "human", "assistant": "gpt"}


def record(row: Candidate, style: Style) -> dict[str, Any]:
    turns = [*prompt(row, style), answer(row)]
    return {
        "id": row.id,
        "conversations": [
            {"from": _SPEAKERS.get(turn["role"], turn["role"]), "value": turn["content"]}
            for turn in turns
        ],
    }


def trainer_entry(style: Style) -> dict[str, Any]:
    """The form's entry in dataset_info.json.

    The tags are LLaMA-Factory's defaults, `system` for a first turn among them.
    """
    return {"formatting": "sharegpt", "columns": {"messages": "conversations"}}
