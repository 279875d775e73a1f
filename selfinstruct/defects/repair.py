"""Repairs of findings that have a single right result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from selfinstruct.defects.finding import Finding, Row


def repaired(row: Row, findings: Sequence[Finding]) -> Row:
    """`row` with the fixes of its findings.

    Of several fixes of the same field only the first is made: check the result again for the rest.
    """
    fixes: dict[str, Any] = {
        finding.field: finding.fix for finding in reversed(findings) if finding.fix is not None
    }
    return replace(row, **fixes)
