"""Known defects of generated instruction data, each found by one function, each with a slug, a severity and its evidence. Pure.

What each slug means is in docs/checks.md, beside how often it is right.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache

from selfinstruct.defects.across import Across
from selfinstruct.defects.arithmetic import wrong_arithmetic
from selfinstruct.defects.code import missing_code
from selfinstruct.defects.endings import truncated
from selfinstruct.defects.finding import ACROSS, CERTAIN, DEFECTS, Checked, Defect, Finding, Row
from selfinstruct.defects.languages import wrong_language
from selfinstruct.defects.leaks import leaked_prompt
from selfinstruct.defects.letters import control_characters
from selfinstruct.defects.media import image_request
from selfinstruct.defects.merged import merged_instructions
from selfinstruct.defects.nothing import empty_output, no_input_spelling, not_available
from selfinstruct.defects.pages import invented_url
from selfinstruct.defects.personal import personal_data
from selfinstruct.defects.refusals import refusal
from selfinstruct.defects.repair import repaired
from selfinstruct.defects.unchanged import output_equals_input
from selfinstruct.errors import UserError

__all__ = [
    "ACROSS",
    "CERTAIN",
    "DEFECTS",
    "Across",
    "Checked",
    "Defect",
    "Finding",
    "Row",
    "findings",
    "rejecting",
    "rejects",
    "repaired",
    "shortened_row",
]

CHECKS: dict[str, Callable[[Checked], Finding | None]] = {
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
_LOOK_AT_ALL = (
    "empty_output",
    "not_available",
    "output_equals_input",
    "control_characters",
    "no_input_spelling",
)
_BEGIN, _END = (
    8_000,
    4_000,
)  # letters of a longer field that the others look at, so that no text costs more than these


def findings(row: Checked, only: Collection[str] | None = None) -> list[Finding]:
    """What is wrong with one example seen alone, in the order of `DEFECTS`; `only` these slugs."""
    seen = shortened_row(row)
    found = [
        one
        for slug, check in CHECKS.items()
        if (only is None or slug in only)
        and (one := check(row if slug in _LOOK_AT_ALL else seen)) is not None
    ]
    return found if seen is row else [_without_fix(one, row) for one in found]


def shortened_row(row: Checked) -> Checked:
    """`row` itself unless a field is too long to be looked at as a whole; then its beginnings and ends."""
    if max(len(row.instruction), len(row.input), len(row.output)) <= _BEGIN + _END:
        return row
    return Row(_ends(row.instruction), _ends(row.input), _ends(row.output), row.is_classification)


def _ends(text: str) -> str:
    return text if len(text) <= _BEGIN + _END else f"{text[:_BEGIN]}\n{text[-_END:]}"


def _without_fix(one: Finding, row: Checked) -> Finding:
    """A repair of a field that was not seen as a whole would lose what was not."""
    return (
        one
        if one.slug in _LOOK_AT_ALL or len(getattr(row, one.field)) <= _BEGIN + _END
        else replace(one, fix=None)
    )


def rejects(one: Finding, setting: str) -> bool:
    """Whether a finding drops the example under a setting of `rejecting`: of the certain ones only those that are errors."""
    return one.slug in (rejecting(setting) or ()) and (
        setting != "certain" or one.severity == "error"
    )


@cache  # it is asked for every instance
def rejecting(setting: str) -> frozenset[str] | None:
    """The slugs that reject under a setting: `certain`, `annotate` (none of them), or a comma list; None where `none` says that
    nothing is looked for. Raises UserError for a slug that there is not.
    """
    if setting == "none":
        return None
    if setting in ("certain", "annotate"):
        return CERTAIN if setting == "certain" else frozenset()
    slugs = [slug for part in setting.split(",") if (slug := part.strip())]
    unknown = [slug for slug in slugs if slug not in CHECKS]
    if unknown or not slugs:
        known = ", ".join(CHECKS)
        raise UserError(
            f"--reject {setting}: {unknown[0] if unknown else 'nothing'} is no defect of one example; say certain, annotate, none or some of {known}"
        )
    return frozenset(slugs)
