"""The checks, measured on the labelled set and tried on the command line and in a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import ROOT, invoke
from labelled_set import SLUGS, measured

from selfinstruct.check import CERTAIN, Row, findings

CHINESE = ROOT.parent / "shared" / "data" / "rouge" / "zh_2000.jsonl"
PAIR = '{"instruction": "Name a tree.", "input": "No input", "output": "Oak", "id": 7}\n'


def test_every_class_that_rejects_is_measured() -> None:
    assert set(SLUGS) >= CERTAIN


@pytest.mark.parametrize("slug", SLUGS)
def test_what_is_found_is_there_and_most_of_it_is_found(slug: str) -> None:
    found = measured(slug)
    assert found.positives >= 30 and found.negatives >= 100
    assert found.precision >= 0.95, found.false
    assert found.recall >= 0.8, found.missed


def test_few_real_rows_are_rejected() -> None:
    if not CHINESE.exists():
        pytest.skip("the real data is not here")
    real = [Row(**json.loads(line)) for line in CHINESE.read_text("utf-8").split("\n") if line]
    rejected = [one for one in real if findings(one, CERTAIN - {"output_equals_input"})]  # that one the paper's rule has already
    assert len(rejected) <= 0.01 * len(real)


def test_a_repaired_copy_differs_in_nothing_else(tmp_path: Path) -> None:
    data, out = tmp_path / "data.jsonl", tmp_path / "out.jsonl"
    data.write_text(PAIR)
    assert "1 examples repaired" in invoke("check", data, "--fix", "--out", out).done().out
    assert json.loads(out.read_text()) == {**json.loads(PAIR), "input": ""}
    assert "is the input" in invoke("check", data, "--fix", "--out", data).error
    assert data.read_text() == PAIR


def test_findings_are_no_failure_unless_asked(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text(PAIR * 2)
    assert "exact_duplicate" in invoke("check", data).done().out
    assert invoke("check", data, "--strict").code == 1
    found = json.loads(invoke("check", data, "--json", "--ignore", "exact_duplicate").done().out)
    assert found["findings"] == {"no_input_spelling": {"severity": "warning", "count": 2}}


def test_an_unknown_defect_is_named() -> None:
    assert "nonsense" in invoke("generate", "--model", "scripted", "--reject", "nonsense", "--dry-run").error
