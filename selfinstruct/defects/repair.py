"""Repairs that have one right result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from selfinstruct.defects.finding import Finding, Row


def repaired(row: Row, found: Sequence[Finding]) -> Row:
    """`row` with the fix of each finding that has one. One field is repaired once at a time: look again for what is left."""
    fixes: dict[str, Any] = {one.field: one.fix for one in reversed(found) if one.fix is not None}
    return replace(row, **fixes)
