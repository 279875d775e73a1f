"""The checks on the labelled set, on hostile texts, on real rows and on the command line."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from command import ROOT, invoke
from labelled_set import FIRST, SLUGS, SPLITS, measured, rows

from selfinstruct.defects import ACROSS, CERTAIN, DEFECTS, Row, findings, rejecting, rejects

CHINESE = ROOT.parent / "shared" / "data" / "rouge" / "zh_2000.jsonl"
DOCS = ROOT / "docs" / "checks.md"
REPAIRED = ("control_characters", "leaked_prompt", "no_input_spelling", "near_duplicate")
PAIR = '{"instruction": "Name a tree.", "input": "No input", "output": "Oak", "id": 7}\n'


def test_every_class_has_cases_and_a_hundred_look_alikes() -> None:
    """Thirty of each class of version 0.1, ten of each later class. test_findings_kinds has chats."""
    cases = [case for split in SPLITS for case in rows(split)]
    for slug in SLUGS:
        if slug == "chat_turns":
            continue
        fewest = 30 if slug in FIRST["test"] else 10
        assert sum(slug in case.defects for case in cases) >= fewest, slug
        alike = [
            case for case in cases if slug not in case.defects and case.home in (slug, "sound")
        ]
        assert len(alike) >= 100, slug


@pytest.mark.parametrize(
    ("slug", "split"),
    [(slug, split) for split in SPLITS for slug in SLUGS if measured(slug, split).hard],
)
def test_what_is_found_is_there_and_most_of_it_is_found(slug: str, split: str) -> None:
    found = measured(slug, split)
    assert found.precision >= 0.95, found.false
    assert found.recall >= 0.8, found.missed


def test_few_real_rows_are_rejected_and_every_one_counts() -> None:
    if not CHINESE.exists():
        pytest.skip("the real data is not here")
    real = [Row(**json.loads(line)) for line in CHINESE.read_text("utf-8").split("\n") if line]
    rejected = [
        row for row in real if any(rejects(finding, "certain") for finding in findings(row))
    ]
    assert len(rejected) <= 20  # each of them was read: all are defective


def test_a_finding_may_be_less_certain_than_its_class() -> None:
    sure, perhaps = (
        findings(Row(task, "He walks home.", "He walks home."))[0]
        for task in ("Explain it.", "Make it formal.")
    )
    assert sure.slug == perhaps.slug == "output_equals_input"
    assert rejects(sure, "certain") and not rejects(perhaps, "certain")
    assert rejects(perhaps, "output_equals_input") and not rejects(sure, "annotate")


def test_of_a_long_field_the_end_and_every_letter_are_seen() -> None:
    prose = "The sea is calm and the boats come home. " * 1500
    assert {
        finding.slug
        for finding in findings(
            Row("Write a story.", "", f"{prose}They saw a whale that was larger than the")
        )
    } == {"truncated"}
    assert (
        findings(Row("Write a story.", "", prose + "\x00" + prose))[0].slug == "control_characters"
    )
    leaked = findings(Row("Write a story.", "", f"{prose}\n\n### Instruction:"))[0]
    # a fix would lose the middle, which the check has not read
    assert leaked.slug == "leaked_prompt" and leaked.fix is None


HOSTILE = ("\n", "1. ", "01 ", "1 + ", "中")
MORE_HOSTILE = (
    *(
        " \n",
        "a ",
        "###\n",
        "Example 1\nInput: x\n",
        "input: a\n",
        "www.a.",
        "a@",
        "+1 ",
        "x = ",
        "\\n",
        "```",
        "write a ",
        '"',
    ),
    *(
        "translate it in the ",
        "the following image ",
        "<|",
        "{{ ",
        "(",
        "what is ",
        "3, ",
        "A) ",
        "AB12CD34",
        "human: a\n",
        "4111 ",
    ),
)


@pytest.mark.parametrize(
    "unit", [*HOSTILE, *(pytest.param(text, marks=pytest.mark.slow) for text in MORE_HOSTILE)]
)
def test_no_text_makes_a_check_run_away(unit: str) -> None:
    """Eight times the text costs about eight times the time.

    A quadratic pattern would take sixty-four times as long, an exponential pattern would not end.
    """

    def cost(letters: int) -> float:
        text = (unit * letters)[:letters]
        start = time.process_time()
        findings(Row(text, text, text))
        findings(Row(f"Write a function that {text}", "", text))
        findings(Row("Summarize the article in French.", text, f"It is 7. {text}"))
        return time.process_time() - start

    assert cost(8_000) < 30 * min(cost(1_000) for _ in range(3)) + 0.05


def test_texts_of_a_million_letters_cost_no_more_than_their_ends() -> None:
    start = time.process_time()
    findings(Row("Write a function. " * 60_000, "a b " * 250_000, "Input: x\n" * 110_000))
    assert time.process_time() - start < 5


def test_a_repaired_copy_differs_in_nothing_else(tmp_path: Path) -> None:
    data, out = tmp_path / "data.jsonl", tmp_path / "out.jsonl"
    data.write_text(PAIR)
    assert "1 examples repaired" in invoke("check", data, "--fix", "--out", out).done().out
    assert json.loads(out.read_text()) == {**json.loads(PAIR), "input": ""}
    assert "is the input" in invoke("check", data, "--fix", "--out", data).error
    assert data.read_text() == PAIR


def test_what_was_repaired_needs_no_repair(tmp_path: Path) -> None:
    """Order, unknown fields and letters of every script stay; a second repair changes no byte."""
    first, second, third = (tmp_path / name for name in ("data.jsonl", "once.jsonl", "twice.jsonl"))
    records = [
        {
            "n": number,
            "instruction": case.row.instruction,
            "tags": ["é", {"中": None}],
            "input": case.row.input,
            "output": case.row.output,
        }
        for number, case in enumerate(
            case for split in SPLITS for case in rows(split) if case.home in REPAIRED
        )
    ]
    first.write_text(
        "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8"
    )
    done = invoke("check", first, "--ignore", "near_duplicate", "--fix", "--out", second).done().out
    repairs = re.search(r"([\d,]+) examples repaired", done)
    assert repairs is not None and int(repairs[1].replace(",", "")) > 100
    assert (
        "0 examples repaired"
        in invoke("check", second, "--ignore", "near_duplicate", "--fix", "--out", third).done().out
    )
    assert second.read_bytes() == third.read_bytes()
    repaired = [json.loads(line) for line in second.read_text("utf-8").split("\n") if line]
    assert [list(record) for record in repaired] == [list(record) for record in records]
    assert [(record["n"], record["tags"]) for record in repaired] == [
        (record["n"], record["tags"]) for record in records
    ]
    changed = [before for before, after in zip(records, repaired, strict=True) if before != after]
    assert all(
        any(finding.fix is not None for finding in findings(_row(record))) for record in changed
    )
    assert not any(
        finding.fix is not None for record in repaired for finding in findings(_row(record))
    )


def _row(record: dict[str, object]) -> Row:
    return Row(str(record["instruction"]), str(record["input"]), str(record["output"]))


def test_findings_are_no_failure_unless_asked(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text(PAIR * 2)
    assert "exact_duplicate" in invoke("check", data).done().out
    assert invoke("check", data, "--strict").code == 1
    found = json.loads(invoke("check", data, "--json", "--ignore", "exact_duplicate").done().out)
    assert found["findings"] == {
        "no_input_spelling": {"severity": "warning", "count": 2, "rejecting": 0}
    }


def test_every_finding_is_told_with_its_place(tmp_path: Path) -> None:
    data, told = tmp_path / "data.jsonl", tmp_path / "told.jsonl"
    data.write_text(PAIR.replace("Oak", "N/A").replace("Name a", "Draw a") * 5)
    invoke("check", data, "--every", told, "--ignore", "exact_duplicate").done()
    found = [json.loads(line) for line in told.read_text("utf-8").splitlines()]
    assert [
        finding["where"]
        for finding in found
        if finding["slug"] == "not_available" and finding["rejects"]
    ] == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert [
        finding["repairable"] for finding in found if finding["slug"] == "no_input_spelling"
    ] == [True] * 5
    assert "never overwritten" in invoke("check", data, "--every", data).error


def test_what_is_no_example_stays_in_a_repaired_copy(tmp_path: Path) -> None:
    data, out = tmp_path / "data.jsonl", tmp_path / "out.jsonl"
    data.write_text(PAIR + '{"note": 1}\n' + PAIR)
    assert "1 records are no example" in invoke("check", data, "--fix", "--out", out).done().out
    assert [json.loads(line).get("note") for line in out.read_text().splitlines()] == [
        None,
        1,
        None,
    ]


def test_an_unknown_defect_is_named() -> None:
    assert (
        "nonsense"
        in invoke("generate", "--model", "scripted", "--reject", "nonsense", "--dry-run").error
    )


def test_the_documentation_and_the_code_know_the_same_defects() -> None:
    text, _, measured_too = DOCS.read_text("utf-8").partition("<!-- measured")
    classes = re.findall(r"^\| `(\w+)` \| (\w+) \| (yes|no) \|", text, re.M)
    assert classes == [
        (slug, defect.severity, "yes" if slug in CERTAIN else "no")
        for slug, defect in DEFECTS.items()
    ]
    measures = re.findall(r"^\| `(\w+)` \|", measured_too.partition("<!-- end")[0], re.M)
    assert measures == list(DEFECTS)
    assert rejecting("certain") == CERTAIN and not CERTAIN & ACROSS


def test_the_measured_table_is_the_one_that_is_measured() -> None:
    text = DOCS.read_text("utf-8").partition("<!-- measured")[2].partition("<!-- end")[0]
    for slug in SLUGS:
        line = re.search(rf"^\| `{slug}` \| (.*)$", text, re.M)
        assert line is not None, slug
        for split, cell in zip(SPLITS, line[1].split("|"), strict=False):
            found = measured(slug, split)
            told = (
                f"{found.positives}+{found.negatives}: {found.precision:.2f} {found.recall:.2f}"
                if found.hard
                else ""
            )
            assert cell.strip() == told, (slug, split)
