"""Known defects of generated instruction data.

Each defect has a slug, a severity and a pure function that returns a finding with its evidence.
docs/checks.md explains the slugs and says how often the findings of each are right.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache
from itertools import pairwise

from selfinstruct.defects.across import Across
from selfinstruct.defects.arithmetic import wrong_arithmetic
from selfinstruct.defects.code import missing_code
from selfinstruct.defects.endings import truncated
from selfinstruct.defects.entities import html_entities
from selfinstruct.defects.finding import ACROSS, CERTAIN, DEFECTS, Checked, Finding, Placed, Row
from selfinstruct.defects.labels import label_without_the_rest
from selfinstruct.defects.languages import wrong_language
from selfinstruct.defects.leaks import leaked_prompt, special_token
from selfinstruct.defects.letters import control_characters
from selfinstruct.defects.media import image_request
from selfinstruct.defects.merged import merged_instructions
from selfinstruct.defects.nothing import empty_output, no_input_spelling, not_available
from selfinstruct.defects.pages import invented_url
from selfinstruct.defects.personal import personal_data
from selfinstruct.defects.placeholders import placeholder_output
from selfinstruct.defects.refusals import refusal
from selfinstruct.defects.repair import repaired
from selfinstruct.defects.repeated import repeated_input
from selfinstruct.defects.turns import chat_turns
from selfinstruct.defects.unchanged import output_equals_input
from selfinstruct.errors import UserError

__all__ = [
    "ACROSS",
    "CERTAIN",
    "DEFECTS",
    "Across",
    "Finding",
    "Row",
    "earlier_findings",
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
    "placeholder_output": placeholder_output,
    "label_without_the_rest": label_without_the_rest,
    "merged_instructions": merged_instructions,
    "invented_url": invented_url,
    "image_request": image_request,
    "missing_code": missing_code,
    "truncated": truncated,
    "wrong_language": wrong_language,
    "personal_data": personal_data,
    "no_input_spelling": no_input_spelling,
    "repeated_input": repeated_input,
    "chat_turns": chat_turns,
    "html_entities": html_entities,
}
# These checks read whole fields. The others read the beginning and the end of a longer field, so
# that no text costs more than `_BEGIN + _END` letters.
_READ_WHOLE = (
    "empty_output",
    "not_available",
    "output_equals_input",
    "control_characters",
    "no_input_spelling",
    "html_entities",
    "chat_turns",
)
# These checks need no other turn to judge an exchange in the middle of a chat.
_IN_TURNS = (
    *("refusal", "control_characters", "leaked_prompt", "wrong_arithmetic", "placeholder_output"),
    *("truncated", "personal_data", "html_entities"),
)
_BEGIN, _END = 8_000, 4_000  # letters


def findings(
    row: Checked, only: Collection[str] | None = None, *, special_tokens: Collection[str] = ()
) -> list[Finding]:
    """The defects of a single example, in the order of `CHECKS`.

    only: the slugs to look for. special_tokens: tokens that `leaked_prompt` looks for as well,
    beside those of the common model families.
    """
    seen = shortened_row(row)
    results = [
        finding
        for slug, check in CHECKS.items()
        if (only is None or slug in only)
        and (finding := check(row if slug in _READ_WHOLE else seen)) is not None
    ]
    if special_tokens and (only is None or "leaked_prompt" in only):
        named = special_token(row, special_tokens)
        results += [named] if named and all(found.slug != named.slug for found in results) else []
    return results if seen is row else [_without_fix(finding, row) for finding in results]


def earlier_findings(row: Placed, known: Collection[str] = ()) -> list[Finding]:
    """The defects of the exchanges before a chat's instruction, the first of each kind.

    known: slugs that are left out. The evidence names the turn. There is no repair.
    """
    found: dict[str, Finding] = {}
    for number, (question, answer) in enumerate(pairwise(row.history), 1):
        if (question.role, answer.role) != ("user", "assistant"):
            continue
        exchange = Row(question.text, "", answer.text)
        for finding in findings(exchange, [slug for slug in _IN_TURNS if slug not in known]):
            turn = number if finding.field == "instruction" else number + 1
            evidence = f"turn {turn}: {finding.evidence}"
            found.setdefault(finding.slug, replace(finding, evidence=evidence, fix=None))
    return list(found.values())


def shortened_row(row: Checked) -> Checked:
    """The beginnings and ends of the fields where any field is too long; else `row` itself."""
    if max(len(row.instruction), len(row.input), len(row.output)) <= _BEGIN + _END:
        return row
    return Row(_ends(row.instruction), _ends(row.input), _ends(row.output), row.is_classification)


def _ends(text: str) -> str:
    return text if len(text) <= _BEGIN + _END else f"{text[:_BEGIN]}\n{text[-_END:]}"


def _without_fix(finding: Finding, row: Checked) -> Finding:
    """Drop the repair of a field whose middle the check has not read: the middle would be lost."""
    return (
        finding
        if finding.slug in _READ_WHOLE or len(getattr(row, finding.field)) <= _BEGIN + _END
        else replace(finding, fix=None)
    )


def rejects(finding: Finding, setting: str) -> bool:
    """Whether a finding drops its example under a setting (see `rejecting`).

    `certain` drops only by findings whose own severity is "error".
    """
    return finding.slug in (rejecting(setting) or ()) and (
        setting != "certain" or finding.severity == "error"
    )


@cache  # asked for every instance
def rejecting(setting: str) -> frozenset[str] | None:
    """The slugs that drop an example under a setting of `--reject`.

    setting: "certain" (the slugs in `CERTAIN`), "annotate" (no slug), "none" (None: no check
    runs), or slugs with commas between them. Raises UserError for an unknown slug.
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
            f"--reject {setting}: {unknown[0] if unknown else 'nothing'} is no defect of one"
            f" example; say certain, annotate, none or some of {known}"
        )
    return frozenset(slugs)
