"""Alpaca's form: instruction, input, output.

`system` and `history` are LLaMA-Factory's further columns, written where the export has any.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.data.examples import Turn
from selfinstruct.exports.style import Style


def record(row: Candidate, style: Style) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "instruction": row.instruction,
        "input": row.input,
        "output": row.output,
    }
    if style.system_column:
        fields["system"] = row.system or style.system
    if style.history_column:
        fields["history"] = exchanges(row.history)
    return fields


def exchanges(history: Sequence[Turn]) -> list[list[str]]:
    """The turns as [user, assistant] pairs.

    Several turns of a role in a row are joined, with a blank line between them. Where the
    assistant begins or the user ends, the other's text is empty.
    """
    turns = [
        (role, "\n\n".join(turn.text for turn in together))
        for role, together in groupby(history, key=lambda turn: turn.role)
    ]
    if turns and turns[0][0] == "assistant":
        turns.insert(0, ("user", ""))
    if len(turns) % 2:
        turns.append(("assistant", ""))
    texts = [text for _, text in turns]
    return [list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)]


def trainer_entry(style: Style) -> dict[str, Any]:
    """The form's entry in LLaMA-Factory's dataset_info.json, which takes no column unnamed."""
    columns = {"prompt": "instruction", "query": "input", "response": "output"}
    if style.system_column:
        columns["system"] = "system"
    if style.history_column:
        columns["history"] = "history"
    return {"formatting": "alpaca", "columns": columns}
