"""The form of Unnatural Instructions: a row is an instruction with all its instances.

    {"instruction", "instances": [{"input", "instruction_with_input", "constraints", "output"}],
     "reformulations": [{"instruction", "instruction_with_input", "input", "output"}]}

The instruction of a reformulation has {INPUT} in the place of the input. Runs of other recipes have
no reformulations, and the constraints "None.".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.exports.style import Style

_MARK = "{INPUT}"  # the place of the input in a reformulation


def record(row: Candidate, style: Style) -> dict[str, Any]:
    """The row of an instruction with a single example."""
    return joined([row], style)


def joined(rows: Sequence[Candidate], style: Style) -> dict[str, Any]:
    """The row of an instruction with these examples, in their order; at least one."""
    instances, reformulations = [], []
    for row in rows:
        if row.provenance.get("paraphrase"):
            reformulations.append(_reformulation(row))
        else:
            instances.append(_instance(row))
    return {
        "instruction": _instruction(rows[0]),
        "instances": instances,
        "reformulations": reformulations,
    }


def _instruction(row: Candidate) -> str:
    """Without the constraints, which have a field of their own."""
    return str(row.provenance.get("task", row.instruction))


def _instance(row: Candidate) -> dict[str, str]:
    instruction = _instruction(row)
    return {
        "input": row.input,
        "instruction_with_input": f"{instruction}\n\n{row.input}" if row.input else instruction,
        "constraints": str(row.provenance.get("constraints") or "None."),
        "output": row.output,
    }


def _reformulation(row: Candidate) -> dict[str, str]:
    wording, given = str(row.provenance["paraphrase"]), str(row.provenance.get("input") or "")
    return {
        "instruction": wording,
        "instruction_with_input": wording.replace(_MARK, given),
        "input": given,
        "output": row.output,
    }
