"""Pairs of outputs in TRL's conversational preference form, for DPO and reward models.

Of each prompt the output with the highest score of the judge is chosen, that with the lowest
rejected.
"""

from __future__ import annotations

from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.exports.messages import answer, prompt
from selfinstruct.exports.style import Style

_COLUMNS = {
    "prompt": "messages",
    "chosen": "messages",
    "rejected": "messages",
    "chosen_score": "number",
    "rejected_score": "number",
    "chosen_model": "text",
    "rejected_model": "text",
    "chosen_id": "text",
    "rejected_id": "text",
}


def columns(style: Style) -> dict[str, str]:
    """The kind of each column."""
    return _COLUMNS


def record(row: Candidate, style: Style) -> dict[str, Any]:
    """row: a pair, that is a candidate with `rejected`."""
    rejected = row.rejected
    assert rejected is not None
    return {
        "prompt": prompt(row, style),
        "chosen": [answer(row)],
        "rejected": [answer(rejected)],
        "chosen_score": row.score,
        "rejected_score": rejected.score,
        "chosen_model": _model(row),
        "rejected_model": _model(rejected),
        "chosen_id": row.id,
        "rejected_id": rejected.id,
    }


def _model(row: Candidate) -> str:
    return str(row.provenance.get("model", ""))
