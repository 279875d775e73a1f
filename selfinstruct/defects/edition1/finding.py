"""The severities of edition 1, and findings made with them."""

from __future__ import annotations

from selfinstruct.defects.finding import (
    Checked,
    Field,
    Finding,
    Row,
    Severity,
    fields_of,
    shortened,
)

__all__ = ["CERTAIN", "Checked", "Field", "Finding", "Row", "Severity", "fields_of", "found"]

CERTAIN = frozenset(
    (
        "empty_output",
        "not_available",
        "refusal",
        "output_equals_input",
        "control_characters",
        "leaked_prompt",
        "wrong_arithmetic",
    )
)
"""The defects that `--reject certain` meant in edition 1. All others were warnings."""


def found(
    slug: str,
    field: Field,
    evidence: str,
    fix: str | None = None,
    *,
    severity: Severity | None = None,
) -> Finding:
    """A finding of the defect `slug`, by default with the severity of edition 1."""
    usual: Severity = "error" if slug in CERTAIN else "warning"
    return Finding(slug, severity or usual, field, shortened(evidence), fix)
