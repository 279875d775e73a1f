"""Records as lines of JSON, hostile text made harmless, and seed files whose every fault is named with its line."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinstruct.asking.templates import SEED_TASKS
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.seeds import read_seeds
from selfinstruct.data.tasks import Instance, Instruction, SeedTask
from selfinstruct.errors import UserError
from selfinstruct.text import printable, to_json, well_formed

ANY_TEXT = st.text(st.characters(exclude_categories=()))
TEXT = st.text()
GOOD = {
    "id": "a",
    "name": "n",
    "instruction": "Say hello.",
    "instances": [{"input": "", "output": "Hello."}],
    "is_classification": False,
}
ACTIVE = "\x00\x07\x08\x0b\x0c\x1b\x1f\x7f\x80\x85\x9b\x9f\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ud800\udfff"


def bidirectional_marks(text: str) -> list[str]:
    return re.findall("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "seeds.jsonl"


def line(**changes: Any) -> str:
    return json.dumps(
        {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    )


# ------------------------------------------------------------------------------------------------ JSON lines


@given(ANY_TEXT)
def test_a_line_of_json_holds_nothing_that_a_terminal_or_a_file_acts_on(text: str) -> None:
    written = to_json({"text": text, text: 1})
    assert not [char for char in written if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")]
    assert not bidirectional_marks(written)
    assert written.splitlines() == [written]
    written.encode("utf-8")


@given(TEXT)
def test_a_line_of_json_reads_back_as_it_was(text: str) -> None:
    assert json.loads(to_json({"text": text, "list": [text, None, 1.5, True]})) == {
        "text": text,
        "list": [text, None, 1.5, True],
    }


def test_text_of_any_script_stays_readable_in_a_line() -> None:
    assert to_json({"text": "naïve 日本 हिन्दी 😀"}) == '{"text": "naïve 日本 हिन्दी 😀"}'


def test_every_active_character_is_written_as_its_escape() -> None:
    assert to_json(ACTIVE) == json.dumps(ACTIVE, ensure_ascii=True)


@given(ANY_TEXT)
def test_well_formed_text_fits_into_a_file_and_changes_nothing_else(text: str) -> None:
    well_formed(text).encode("utf-8")
    assert well_formed(text) == re.sub("[\ud800-\udfff]", "\ufffd", text)


@given(ANY_TEXT)
def test_what_is_printed_moves_no_cursor_and_stays_on_its_lines(text: str) -> None:
    shown = printable(text)
    assert {char for char in shown if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")} <= {
        "\n",
        "\t",
    }
    assert not bidirectional_marks(shown)
    assert shown.count("\n") == text.count("\n")
    assert printable(shown) == shown


def test_what_is_printed_shows_its_escapes() -> None:
    assert (
        printable("a\x1b[2J\rb\x9b\u202ec\ud800\n\td") == "a\\x1b[2J\\x0db\\x9b\\u202ec\\ud800\n\td"
    )


@given(
    TEXT,
    st.integers(0, 9),
    st.lists(TEXT).map(tuple),
    st.none() | st.booleans(),
    st.none() | st.just({"max": 0.5, "most_similar": {}}),
)
def test_an_instruction_reads_back_from_its_line(
    text: str,
    turn: int,
    shown: tuple[str, ...],
    label: bool | None,
    similarity: dict[str, Any] | None,
) -> None:
    instruction = Instruction("i000001", text, turn, shown, label, similarity)
    assert Instruction.from_record(json.loads(instruction.to_line())) == instruction


def test_the_fields_of_every_line_are_what_others_read() -> None:
    provenance = {"instruction_id": "i1", "turn": 0, "model": "m"}
    assert Example("i1-1", "Say.", "", "Hi.", None, provenance).to_line() == (
        '{"id": "i1-1", "instruction": "Say.", "input": "", "output": "Hi.", "is_classification": null, '
        '"provenance": {"instruction_id": "i1", "turn": 0, "model": "m"}}'
    )
    assert Instruction("i1", "Say.", 3, ("a", "b"), True).to_line() == (
        '{"id": "i1", "instruction": "Say.", "turn": 3, "demonstrations": ["a", "b"], "is_classification": true}'
    )
    assert Rejected(
        "propose", "instruction", "near_duplicate", 3, "Say.", similar_to="Say it.", similarity=0.8
    ).to_line() == (
        '{"stage": "propose", "what": "instruction", "reason": "near_duplicate", "turn": 3, "text": "Say.", '
        '"similar_to": "Say it.", "similarity": 0.8}'
    )


# ------------------------------------------------------------------------------------------------ seed files


def test_the_seed_tasks_that_we_ship_are_read() -> None:
    seeds = read_seeds(SEED_TASKS)
    assert len(seeds) == 175 == len({seed.id for seed in seeds})
    assert sum(seed.is_classification for seed in seeds) == 25


def test_a_seed_task_is_read_as_it_was_written(path: Path) -> None:
    path.write_text(line() + "\n")
    assert read_seeds(path) == [
        SeedTask("a", "n", "Say hello.", (Instance("", "Hello."),), is_classification=False)
    ]


def test_a_byte_order_mark_windows_newlines_and_blank_lines_do_no_harm(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + f"\r\n{line()}\r\n\r\n  \r\n{line(id='b')}".encode())
    assert [seed.id for seed in read_seeds(path)] == ["a", "b"]


def test_separators_inside_a_text_do_not_end_its_line(path: Path) -> None:
    text = "One\u2028two\u2029three\x85four\x1cfive\x0csix"
    path.write_text(
        json.dumps({**GOOD, "instruction": text}, ensure_ascii=False)
        .replace("\x1c", "\\u001c")
        .replace("\x0c", "\\f"),
        "utf-8",
    )
    assert read_seeds(path)[0].instruction == text


def test_a_flat_line_without_id_name_or_label_is_a_seed_task_too(path: Path) -> None:
    path.write_text(
        '{"instruction": "Add.", "input": "1, 2", "output": "3"}\n{"instruction": "Greet.", "output": "Hi."}\n'
    )
    assert read_seeds(path) == [
        SeedTask("seed-001", "seed-001", "Add.", (Instance("1, 2", "3"),), is_classification=False),
        SeedTask("seed-002", "seed-002", "Greet.", (Instance("", "Hi."),), is_classification=False),
    ]


def test_several_instances_are_kept_in_order(path: Path) -> None:
    path.write_text(line(instances=[{"input": "a", "output": "1"}, {"output": "2"}]))
    assert read_seeds(path)[0].instances == (Instance("a", "1"), Instance("", "2"))


def test_a_lone_surrogate_in_a_seed_becomes_a_replacement_character(path: Path) -> None:
    path.write_text(line(instruction="Say \ud800 hello."))
    assert read_seeds(path)[0].instruction == "Say \ufffd hello."


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "not JSON"),
        ("not json", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"a": 1} {"b": 2}', "not JSON"),
        ("[]", "a seed task is a JSON object, not list"),
        ("null", "a seed task is a JSON object, not NoneType"),
        (line(instruction=...), "'instruction' is missing"),
        (line(instruction=" "), "'instruction' is empty"),
        (line(instruction=7), "'instruction' must be a text, not 7"),
        (line(is_classification="yes"), "'is_classification' must be true or false, not \"yes\""),
        (line(is_classification=0), "'is_classification' must be true or false, not 0"),
        (line(id=7.5), "'id' must be a text or an integer, not 7.5"),
        (line(id=True), "'id' must be a text or an integer, not true"),
        (line(id=["a"]), "'id' must be a text or an integer, not [\"a\"]"),
        (line(name=None), "'name' must be a text, not null"),
        (line(instances=...), "'instances' must be a list"),
        (line(instances=[]), "'instances' must be a list of at least one"),
        (line(instances=["a"]), "'instances' must be a list"),
        (line(instances={"output": "a"}), "'instances' must be a list"),
        (line(instances=[{"input": "a"}]), "'output' is missing"),
        (line(instances=[{"output": None}]), "'output' must be a text, not null"),
        (line(instances=[{"input": 1, "output": "a"}]), "'input' must be a text, not 1"),
        (line(instances=[{"output": " \n"}]), "an 'output' is empty"),
        (line(id="first"), "id 'first' is taken by line 1"),
    ],
)
def test_every_fault_is_named_with_its_file_and_line(path: Path, bad: str, words: str) -> None:
    path.write_text(f"{line(id='first')}\n\n{bad}\n{line(id='last')}\n")
    with pytest.raises(UserError) as caught:
        read_seeds(path)
    assert str(caught.value).startswith(f"{path}:3: ") and words in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n", " \r\n\n", "\ufeff"])
def test_a_file_without_seed_tasks_is_refused(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    with pytest.raises(UserError, match="holds no seed task"):
        read_seeds(path)


def test_a_file_that_is_missing_a_folder_or_no_utf8_is_named(path: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UserError,
        match=re.escape(f"{path}: cannot read the seed tasks (No such file or directory); "),
    ):
        read_seeds(path)
    with pytest.raises(UserError, match="Is a directory"):
        read_seeds(tmp_path)
    path.write_bytes(line().encode() + b"\n\xff\n")
    with pytest.raises(UserError, match=f"not UTF-8 \\(byte {len(line()) + 1}\\)"):
        read_seeds(path)
