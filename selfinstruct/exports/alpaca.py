"""Alpaca's form: instruction, input, output, each as it is."""

from __future__ import annotations

from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.exports.style import Style


def record(row: Candidate, style: Style) -> dict[str, Any]:
    fields = {"instruction": row.instruction, "input": row.input, "output": row.output}
    return {**fields, "system": style.system} if style.system else fields


def trainer_entry(style: Style) -> dict[str, Any]:
    """The form as an entry of LLaMA-Factory's dataset_info.json names it; a column left out there counts as absent."""
    columns = {"prompt": "instruction", "query": "input", "response": "output"}
    return {
        "formatting": "alpaca",
        "columns": {**columns, "system": "system"} if style.system else columns,
    }
