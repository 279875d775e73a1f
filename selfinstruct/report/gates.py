"""The page's section on verification."""

from __future__ import annotations

from collections.abc import Sequence

from selfinstruct.report.elements import table
from selfinstruct.report.sections import each
from selfinstruct.stats import Stats
from selfinstruct.stats.gates import cost_rows, gate_rows


def gates_section(runs: Sequence[Stats]) -> str:
    """The gates of each run and their cost; nothing where no run has any."""
    if not any(run.gates or run.verifying for run in runs):
        return ""

    def section(at: int, run: Stats) -> str:
        if not run.gates and not run.verifying:
            return '<p class="none">No verification.</p>'
        gates = ["gate", "passed", "stopped", "mended", "dropped", "reasons"]
        costs = ["stage", "replies", "tokens", "cost"]
        return table(gates, map(list, gate_rows(run.gates))) + table(
            costs, map(list, cost_rows(run.verifying))
        )

    about = "An output that a gate stops has a second attempt; a mended output is kept."
    tables = each(runs, section, "models")
    return f"<section><h2>What verification stopped</h2><p>{about}</p>{tables}</section>"
