"""Cases of other people's data, chats, and examples of a strong model, finding by finding."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import ROOT

from selfinstruct.data.examples import Turn
from selfinstruct.defects import Row, findings, repaired

SHARED = ROOT.parent / "shared" / "data"
CASES = SHARED / "faults" / "checks.jsonl"
STRONG = SHARED / "strong_chat" / "examples.jsonl"
BARE_LABELS = {f"i0000{task}-{number}" for task in ("01", "21", "28") for number in (1, 2)}


def _records(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def _slugs(row: Row) -> set[str]:
    return {finding.slug for finding in findings(row)}


@pytest.mark.skipif(not CASES.exists(), reason="the recorded cases are not here")
@pytest.mark.parametrize("case", _records(CASES), ids=lambda case: case["output"][:40])
def test_a_recorded_case_is_judged_as_a_reader_did(case: dict[str, Any]) -> None:
    row = Row(case["instruction"], case["input"], case["output"])
    assert (case["slug"] in _slugs(row)) == (case["expect"] == "found"), case["why"]


@pytest.mark.skipif(not STRONG.exists(), reason="the recorded run is not here")
def test_a_bare_label_is_found_where_a_quotation_was_asked_for_as_well() -> None:
    """Six of sixty examples of a strong model, and nothing rejects any of the sixty."""
    found = {}
    for example in _records(STRONG):
        row = Row(*(example[name] for name in ("instruction", "input", "output")))
        found[example["id"]] = findings(row)
    bare = {
        name
        for name, list_ in found.items()
        if any(finding.slug == "label_without_the_rest" for finding in list_)
    }
    assert bare == BARE_LABELS
    assert not [item for list_ in found.values() for item in list_ if item.severity == "error"]


USER, ASSISTANT = Turn("user", "Hello."), Turn("assistant", "Hi.")


@pytest.mark.parametrize(
    ("history", "fault"),
    [
        ((), None),
        ((USER, ASSISTANT), None),
        ((USER, ASSISTANT, USER, ASSISTANT), None),
        ((USER, ASSISTANT, Turn("tool", "{}"), ASSISTANT), None),
        ((ASSISTANT,), "turn 1: the assistant speaks first"),
        ((USER,), "turn 1: the user speaks twice before an answer"),
        ((USER, USER, ASSISTANT), "turn 2: the user speaks twice"),
        ((USER, ASSISTANT, ASSISTANT), "turn 3: the assistant speaks twice"),
        ((USER, Turn("assistant", " \n")), "turn 2: the assistant says nothing"),
        ((Turn("critic", "No."),), "turn 1: the role 'critic' is neither user nor assistant"),
    ],
)
def test_the_turns_of_a_chat_have_roles_order_and_text(
    history: tuple[Turn, ...], fault: str | None
) -> None:
    row = Row("And you?", "", "Fine, thank you.", history=history)
    found = [finding.evidence for finding in findings(row, {"chat_turns"})]
    assert found == ([fault] if fault else [])


def test_a_long_field_hides_no_turn() -> None:
    row = Row("And you?", "x " * 20_000, "Fine.", history=(ASSISTANT,))
    assert findings(row, {"chat_turns"})


def test_entities_are_repaired_and_what_appears_is_checked_again() -> None:
    row = Row("Name a tree.", "&lt;noinput&gt;", "Oak &amp; elm")
    for _ in range(4):
        row = repaired(row, findings(row))
    assert row == Row("Name a tree.", "", "Oak & elm")


@pytest.mark.parametrize(
    "given",
    ['"<noinput>"', "<noinput>.", "`<noinput>`", "\\<noinput>", "<no input>", "<noinput>\n11"],
)
def test_a_broken_mark_for_no_input_becomes_empty_and_rejects_nothing(given: str) -> None:
    found = findings(Row("List five fruits.", given, "Apple, pear, plum, quince, medlar."))
    assert [(finding.slug, finding.fix) for finding in found] == [("no_input_spelling", "")]


def test_a_token_that_the_user_names_is_a_leak() -> None:
    row = Row("Name a river.", "", "The Po.[[stop]]")
    assert not findings(row)
    [finding] = findings(row, special_tokens=["[[stop]]"])
    assert (finding.slug, finding.evidence) == ("leaked_prompt", "[[stop]]")
