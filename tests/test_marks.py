"""What identifies a record for `dedupe`: the whole prompt, fields jointly or apart, turns of chats;
marks instead of losses; the warning where one text takes many.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import invoke
from hypothesis import given, settings
from hypothesis import strategies as st

from selfinstruct.choose.comparison import Together
from selfinstruct.choose.deduplication import Dedupe, DedupeCounts, dedupe
from selfinstruct.choose.identity import Turns
from selfinstruct.errors import UserError
from selfinstruct.records import Record, Source
from selfinstruct.similarity import rouge_l, tokens

WORDS = (
    "amber birch cedar delta ember fjord grove heron inlet jetty knoll larch maple north".split()
)
NAMES = [first + second for first, second in combinations(WORDS, 2)]


def written(path: Path, records: Iterable[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return str(path)


def read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def sentences(count: int, seed: int = 1) -> list[str]:
    random = Random(seed)
    return [" ".join(random.sample(NAMES, 6)) + f" {number}" for number in range(count)]


def sentiment(count: int) -> list[dict[str, Any]]:
    task = "Classify the sentiment of the following review as positive, negative or neutral."
    return [{"instruction": task, "input": text, "output": "x"} for text in sentences(count)]


def translation(count: int) -> list[dict[str, Any]]:
    return [
        {"instruction": f"Translate the following sentence into {language}.", "input": text}
        for text in sentences(count // 3)
        for language in ("French", "Hindi", "Welsh")
    ]


def test_one_instruction_with_other_inputs_is_no_duplicate(tmp_path: Path) -> None:
    path, out = written(tmp_path / "a.jsonl", sentiment(300)), tmp_path / "kept.jsonl"
    assert dedupe([path], str(out), Dedupe()).kept > 290
    said = invoke("dedupe", path, "--field", "instruction", "--out", out).done().err
    assert "kept 1," in said
    assert "Warning: 299 records (100%) are taken for near-duplicates of one text" in said
    assert f"{path}:1" in said and "compare more columns with --field" in said


def test_the_same_input_under_tasks_that_differ_in_a_word_is_a_duplicate(tmp_path: Path) -> None:
    """ROUGE-L of the instructions is 6/7: that is the paper's measure; marks show the score."""
    path, out = written(tmp_path / "a.jsonl", translation(90)), tmp_path / "marked.jsonl"
    counts = dedupe([path], str(out), Dedupe(mark=True))
    assert counts.kept + counts.near_duplicates == len(read(out)) == 90
    verdicts = [record["dedupe_verdict"] for record in read(out)]
    assert verdicts[:3] == ["unique", "near_duplicate", "near_duplicate"]
    assert counts.taken is None


def test_a_system_message_and_earlier_turns_identify_a_record(tmp_path: Path) -> None:
    given = [
        {"instruction": "Continue.", "system": f"You are a {who}.", "history": [[ask, "Yes."]]}
        for who, ask in (("chef", "Name three cheeses."), ("guide", "Which city is old?"))
    ]
    personas = [
        {"instruction": "Hello", "system": f"You are a {who}."} for who in ("pirate", "butler")
    ]
    path = written(tmp_path / "a.jsonl", [*given, *personas, given[0], personas[1]])
    assert dedupe([path], str(tmp_path / "b.jsonl"), Dedupe()).kept == 4


CHATS = [
    [("user", "Name a river of Africa please"), ("assistant", "Nile"), ("user", "And of Asia?")],
    [("user", "Name a river of Africa please"), ("assistant", "Nile"), ("user", "Who was Bach?")],
    [("user", "Tell me about the old harbour"), ("assistant", "Yes"), ("user", "And of Asia?")],
]


@pytest.mark.parametrize("field", [(), ("messages",)])
@pytest.mark.parametrize(("turns", "kept"), [("all", 3), ("first", 2), ("last", 2)])
def test_turns_of_a_chat_are_chosen(
    turns: Turns, kept: int, field: tuple[str, ...], tmp_path: Path
) -> None:
    chats = [
        {"messages": [{"role": role, "content": text} for role, text in chat]} for chat in CHATS
    ]
    path = written(tmp_path / "a.jsonl", chats)
    counts = dedupe([path], str(tmp_path / "b.jsonl"), Dedupe(fields=field, turns=turns))
    assert counts.kept == kept


def test_parts_and_blank_turns_are_compared(tmp_path: Path) -> None:
    part = [{"type": "text", "value": "List three rivers in Africa please"}]
    chat = [{"role": "user", "content": ""}, {"role": "user", "content": part}]
    path = written(tmp_path / "a.jsonl", [{"messages": chat}] * 3)
    config = Dedupe(fields=("messages",))
    assert dedupe([path], str(tmp_path / "b.jsonl"), config).near_duplicates == 2


def test_each_field_is_compared_apart(tmp_path: Path) -> None:
    one, two, three = sentences(3)
    rows = [{"q": one, "a": two}, {"q": one, "a": three}, {"q": three, "a": two}]
    path, out = written(tmp_path / "a.jsonl", rows), str(tmp_path / "b.jsonl")
    assert dedupe([path], out, Dedupe(fields=("q", "a"))).kept == 3
    assert dedupe([path], out, Dedupe(fields=("q", "a"), each=True)).kept == 1
    with pytest.raises(UserError, match="--each needs several --field"):
        dedupe([path], out, Dedupe(fields=("q",), each=True))


def test_a_column_of_another_name_is_the_instruction(tmp_path: Path) -> None:
    one, two = sentences(2)
    rows = [{"ask": one, "n": 1}, {"ask": one, "n": 2}, {"ask": two, "n": 3}]
    path, out = written(tmp_path / "a.jsonl", rows), tmp_path / "b.jsonl"
    said = invoke("dedupe", path, "--field", "instruction=ask", "--out", out).done().err
    assert "kept 2," in said and "columns that are not compared: n" in said
    assert "columns: ask, n" in invoke("dedupe", path, "--out", out).error
    wrong = ("--field", "instruction=ask", "--field", "input=text")
    assert "no such column" in invoke("dedupe", path, *wrong, "--out", out).error


def test_marks_stand_in_the_record_and_the_rest_of_the_line_stays(tmp_path: Path) -> None:
    one, two = sentences(2)
    lines = [f'{{ "instruction":"{one}",  "n": 1.50 }}', f'{{"instruction": "{one}"}}']
    path, out = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    path.write_text("\n".join([*lines, f'{{"instruction": "{two}"}}']) + "\n")
    said = invoke("dedupe", path, "--mark", "--out", out).done().err
    assert "read 3: kept 2, near-duplicates 1, bad 0 (all but the bad are written, marked)" in said
    kept = out.read_text().splitlines()
    assert kept[0].startswith(lines[0][:-2] + ', "dedupe_verdict": "unique"')
    marks = {name: value for name, value in read(out)[1].items() if name.startswith("dedupe_")}
    assert marks == {
        "dedupe_verdict": "near_duplicate",
        "dedupe_neighbour": f"{path}:1",
        "dedupe_score": 1.0,
    }
    again = tmp_path / "c.jsonl"
    invoke("dedupe", out, "--mark", "--out", again).done()
    assert [list(record) for record in read(again)] == [list(record) for record in read(out)]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_marks_are_columns_of_a_table(name: str, tmp_path: Path) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    one, two = sentences(2)
    path = written(tmp_path / "a.jsonl", [{"instruction": text} for text in (one, two, one)])
    dedupe([path], str(tmp_path / name), Dedupe(mark=True))
    records = [each.fields for each in Source(str(tmp_path / name)) if isinstance(each, Record)]
    assert [record["dedupe_verdict"] for record in records] == [
        *("unique", "unique", "near_duplicate")
    ]


def test_a_late_mark_has_the_type_of_the_first(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    texts = sentences(10_001)
    rows = [{"instruction": f"{text} {text[::-1]}"} for text in [*texts, texts[0]]]
    path, out = written(tmp_path / "a.jsonl", rows), str(tmp_path / "a.parquet")
    assert dedupe([path], out, Dedupe(mark=True, threshold=0.99)).near_duplicates == 1
    [*_, last] = Source(out)
    assert isinstance(last, Record) and last.fields["dedupe_neighbour"] == f"{path}:1"


def test_a_warning_needs_more_than_a_twentieth(tmp_path: Path) -> None:
    same, *others = [{"instruction": text} for text in sentences(101)]
    for copies, warned in ((5, False), (7, True)):
        path = written(tmp_path / "a.jsonl", [same] * copies + others)
        taken = dedupe([path], str(tmp_path / "b.jsonl"), Dedupe()).taken
        assert (taken is not None and taken.text == same["instruction"]) is warned


def test_a_text_that_is_only_signs_beside_equal_inputs_is_equal(tmp_path: Path) -> None:
    rows = [{"instruction": "Name it.", "input": text} for text in ("+", "-", "+")]
    path = written(tmp_path / "a.jsonl", rows)
    assert dedupe([path], str(tmp_path / "b.jsonl"), Dedupe()) == DedupeCounts(3, 2, 1)


# ------------------------------------------------------------------------------- exact and fast

TEXTS = st.lists(st.sampled_from(WORDS[:5]), max_size=6).map(" ".join)
ROWS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=40)


@settings(deadline=None)
@given(ROWS, st.sampled_from([0.1, 0.5, 0.7]))
def test_the_joint_comparison_is_that_of_all_pairs(
    rows: Sequence[tuple[str, ...]], above: float
) -> None:
    compared, earlier = Together("unicode", above, exact={0}), list[tuple[str, ...]]()
    for row in rows:
        scores = [(_least(before, row), -at) for at, before in enumerate(earlier)]
        score, at = max(scores, default=(0.0, 0))
        found = compared.nearest(row)
        assert (None if found is None else (found.score, -found.position)) == (
            (score, at) if score > above else None
        )
        compared.add(row)
        earlier.append(row)


def _least(before: Sequence[str], row: Sequence[str]) -> float:
    """The least F of the texts in the same place; 1 where both are blank, unless all are.

    The texts in the first place are equal or have nothing in common.
    """
    alone = [text for text in row if text]
    if not alone or (before[0] != row[0] and len(alone) > 1):
        return 0.0
    pairs = [(old, new) for old, new in zip(before, row, strict=True) if old or new]
    return min(
        (rouge_l(tokens(old, "unicode"), tokens(new, "unicode")) if old and new else 0.0)
        for old, new in pairs
    )


def test_a_place_where_all_are_the_same_is_not_searched(tmp_path: Path) -> None:
    """10,000 inputs under one instruction: no pair of inputs resembles another."""
    random = Random(3)
    rows = [
        {"instruction": "Say whether it is so.", "input": " ".join(random.sample(NAMES, 8))}
        for _ in range(10_000)
    ]
    path = written(tmp_path / "a.jsonl", rows)
    assert dedupe([path], str(tmp_path / "b.jsonl"), Dedupe()).kept > 9_900


# ------------------------------------------------------------------------------------- Parquet


def test_parquet_keeps_its_schema(tmp_path: Path) -> None:
    """Late values, maps and images come out as they went in; JSON has images in base64."""
    arrow = pytest.importorskip("pyarrow")
    files = importlib.import_module("pyarrow.parquet")
    count = 12_000
    texts = [f"{number} {text}" for number, text in enumerate(sentences(count))]
    table = arrow.table(
        {
            "instruction": [f"{text} {text[::-1]}" for text in texts],
            "late": arrow.array([None] * (count - 1) + ["a"], arrow.string()),
            "map": arrow.array([[("k", 1)]] * count, arrow.map_(arrow.string(), arrow.int64())),
            "small": arrow.array([1] * count, arrow.int8()),
            "image": arrow.array(
                [{"bytes": b"\x89PNG", "path": None}] * count,
                arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())]),
            ),
        }
    ).replace_schema_metadata({"huggingface": "{}"})
    path, out = str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")
    files.write_table(table, path)
    counts = dedupe([path], out, Dedupe(threshold=1.0))
    given, copy = files.read_table(path), files.read_table(out)
    assert copy.schema.equals(given.schema, check_metadata=True)
    assert counts.kept == count and copy.equals(given)
    dedupe([path], str(tmp_path / "c.jsonl"), Dedupe(threshold=1.0))
    with (tmp_path / "c.jsonl").open() as lines:
        assert json.loads(next(lines))["image"] == {"bytes": "iVBORw==", "path": None}
