"""The checks of version 0.1, for runs that began under them (edition 1).

A run drops examples by the rules that it began with, so that it can be verified and extended.
The modules here are copies of the checks as they were, and never change. A check that has not
changed since is imported from the room of today's checks. tests/test_findings_edition1.py pins
the findings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from selfinstruct.defects.edition1.arithmetic import wrong_arithmetic
from selfinstruct.defects.edition1.code import missing_code
from selfinstruct.defects.edition1.endings import truncated
from selfinstruct.defects.edition1.finding import CERTAIN, Checked, Finding, Row
from selfinstruct.defects.edition1.languages import wrong_language
from selfinstruct.defects.edition1.leaks import leaked_prompt
from selfinstruct.defects.edition1.letters import control_characters
from selfinstruct.defects.edition1.media import image_request
from selfinstruct.defects.edition1.nothing import empty_output, no_input_spelling, not_available
from selfinstruct.defects.edition1.personal import personal_data
from selfinstruct.defects.edition1.refusals import refusal
from selfinstruct.defects.edition1.unchanged import output_equals_input
from selfinstruct.defects.merged import merged_instructions
from selfinstruct.defects.pages import invented_url

__all__ = ["findings", "rejects"]

_READ_WHOLE = frozenset(
    (
        "empty_output",
        "not_available",
        "output_equals_input",
        "control_characters",
        "no_input_spelling",
    )
)
_CHECKS: dict[str, Callable[[Checked], Finding | None]] = {
    "empty_output": empty_output,
    "not_available": not_available,
    "refusal": refusal,
    "output_equals_input": output_equals_input,
    "control_characters": control_characters,
    "leaked_prompt": leaked_prompt,
    "wrong_arithmetic": wrong_arithmetic,
    "merged_instructions": merged_instructions,
    "invented_url": invented_url,
    "image_request": image_request,
    "missing_code": missing_code,
    "truncated": truncated,
    "wrong_language": wrong_language,
    "personal_data": personal_data,
    "no_input_spelling": no_input_spelling,
}
_BEGIN, _END = 8_000, 4_000  # letters of a longer field that the other checks read


def findings(row: Checked) -> list[Finding]:
    """The defects of a single example, as version 0.1 found them, without repairs."""
    seen = _shortened(row)
    found = (check(row if slug in _READ_WHOLE else seen) for slug, check in _CHECKS.items())
    return [replace(finding, fix=None) for finding in found if finding is not None]


def rejects(finding: Finding, setting: str) -> bool:
    """Whether a finding drops its example under a setting of `--reject` other than "none"."""
    if setting == "certain":
        return finding.slug in CERTAIN and finding.severity == "error"
    return finding.slug in {slug.strip() for slug in setting.split(",")}


def _shortened(row: Checked) -> Checked:
    if max(len(row.instruction), len(row.input), len(row.output)) <= _BEGIN + _END:
        return row
    return Row(_ends(row.instruction), _ends(row.input), _ends(row.output), row.is_classification)


def _ends(text: str) -> str:
    return text if len(text) <= _BEGIN + _END else f"{text[:_BEGIN]}\n{text[-_END:]}"
