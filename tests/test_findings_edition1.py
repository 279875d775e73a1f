"""Runs of edition 1 keep the checks of version 0.1; later runs write no notes of findings."""

from __future__ import annotations

import hashlib

from labelled_set import rows

from selfinstruct.data.tasks import Instance, Instruction
from selfinstruct.defects import Row, edition1
from selfinstruct.recipes.self_instruct.defects import Defects

# Of the findings of version 0.1 in these parts of the labelled set, which get no new lines.
PINNED = "13cf18379aa250838da119028785002ae19068734b4bea4b64f67f4e0ed2327b"
REFUSED = Row("Find my keys.", "", "I am unable to find your keys.")


def _task(row: Row) -> tuple[Instruction, Instance]:
    return Instruction("", row.instruction, 0, ()), Instance(row.input, row.output)


def test_the_findings_of_edition_1_never_change() -> None:
    digest = hashlib.sha256()
    for split in ("dev", "test", "held", "last", "final"):
        for case in rows(split):
            found = edition1.findings(case.row)
            verdicts = [(finding.slug, edition1.rejects(finding, "certain")) for finding in found]
            digest.update(f"{case.row.instruction}\0{verdicts}\n".encode())
    assert digest.hexdigest() == PINNED


def test_only_edition_1_writes_notes_into_the_examples() -> None:
    noted = {}
    for edition in (1, 2):
        defects = Defects("annotate", edition)
        found = defects.of(*_task(REFUSED))
        assert defects.rejecting(found) is None
        noted[edition] = defects.notes(found)
    assert noted == {1: {"findings": ["refusal"]}, 2: {}}


def test_both_editions_reject_by_the_setting() -> None:
    for edition in (1, 2):
        for setting, reason in (
            ("certain", "refusal"),
            ("refusal, truncated", "refusal"),
            ("truncated", None),
            ("none", None),
        ):
            defects = Defects(setting, edition)
            assert defects.rejecting(defects.of(*_task(REFUSED))) == reason


def test_a_sum_that_version_01_misread_is_kept_by_later_runs_alone() -> None:
    """Version 0.1 read "$2.49 x 2 = $4.98" as "49 x 2 = 4.98"."""
    row = Row("A jar costs $2.49. Two jars?", "", "Two jars cost $2.49 × 2 = $4.98.")
    verdicts = {
        edition: Defects("certain", edition).rejecting(Defects("certain", edition).of(*_task(row)))
        for edition in (1, 2)
    }
    assert verdicts == {1: "wrong_arithmetic", 2: None}
