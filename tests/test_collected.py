"""Collected instructions: all shapes, all kinds of file, and a reason for every bad record."""

from __future__ import annotations

import csv
import gzip
import hashlib
import importlib
import io
import json
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfinstruct.data.collected import Collected
from selfinstruct.data.examples import Example, Turn
from selfinstruct.errors import UserError
from selfinstruct.records import Bad
from selfinstruct.records.collected import fingerprint, open_source
from selfinstruct.text import to_json

SHARED = Path(__file__).parents[2] / "shared" / "data"
ROWS = 1000
NASTY = ', "quoted" \u2028 naïve 漢字 😀\ttab\n\nthird line'
Record = dict[str, Any]


def prompt(instruction: str, **parts: Any) -> Collected:
    return Collected("", instruction, **parts)


def pair(question: str, answer: str) -> tuple[Turn, ...]:
    return Turn("user", question), Turn("assistant", answer)


def alpaca(n: int) -> tuple[Record, Collected]:
    given = "" if n % 2 else f"input {n}{NASTY}"
    record = {"instruction": f"Say {n}{NASTY}", "input": given, "output": f"{n}"}
    return record, prompt(record["instruction"], input=given, output=f"{n}")


def llama_factory(n: int) -> tuple[Record, Collected]:
    record, read = alpaca(n)
    more = {"system": f"Be {n}.", "history": [[f"First {n}?", f"Yes{NASTY}"], ["And?", "No."]]}
    turns = (*pair(f"First {n}?", f"Yes{NASTY}"), *pair("And?", "No."))
    return record | more, replace(read, system=f"Be {n}.", history=turns)


def dolly(n: int) -> tuple[Record, Collected]:
    record = {"instruction": f"Say {n}", "context": f"c {n}", "response": f"{n}", "category": "qa"}
    rest = {"category": "qa"}
    return record, prompt(f"Say {n}", input=f"c {n}", output=f"{n}", rest=rest)


def gpteacher(n: int) -> tuple[Record, Collected]:
    record = {"instruction": f"Say {n}", "input": "", "response": f"{n}{NASTY}"}
    return record, prompt(f"Say {n}", output=f"{n}{NASTY}")


def prompt_completion(n: int) -> tuple[Record, Collected]:
    return {"prompt": f"Say {n}", "completion": ""}, prompt(f"Say {n}")


def prompt_response(n: int) -> tuple[Record, Collected]:
    return {"prompt": f"Say {n}", "response": f"{n}"}, prompt(f"Say {n}", output=f"{n}")


def question_answer(n: int) -> tuple[Record, Collected]:
    return {"question": f"Why {n}?", "answer": f"{n}"}, prompt(f"Why {n}?", output=f"{n}")


def messages(n: int) -> tuple[Record, Collected]:
    turns = [
        {"role": "system", "content": f"Be {n}."},
        {"role": "user", "content": f"First {n}?"},
        {"role": "assistant", "content": f"Yes{NASTY}"},
        {"role": "user", "content": f"Say {n}{NASTY}"},
    ]
    read = prompt(f"Say {n}{NASTY}", system=f"Be {n}.", history=pair(f"First {n}?", f"Yes{NASTY}"))
    if n % 2:
        return {"messages": turns}, read
    turns.append({"role": "assistant", "content": f"{n}"})
    return {"messages": turns}, replace(read, output=f"{n}")


def parts(n: int) -> tuple[Record, Collected]:
    texts = [{"type": "text", "text": f"Say {n}"}, {"type": "text", "text": "please"}]
    turns = [{"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}]
    turns.append({"role": "user", "content": texts})
    return {"messages": turns}, prompt(f"Say {n}\nplease", system="Be brief.")


def sharegpt(n: int) -> tuple[Record, Collected]:
    human, gpt = [("human", "gpt"), ("Human", "ChatGPT"), ("user", "BARD")][n % 3]
    turns = [
        {"from": human, "value": f"First {n}?"},
        {"from": gpt, "value": f"Yes{NASTY}"},
        {"from": human, "value": f"Say {n}"},
    ]
    column = "conversation" if n % 2 else "conversations"
    read = prompt(f"Say {n}", history=pair(f"First {n}?", f"Yes{NASTY}"))
    if n % 5 == 0:
        turns.insert(0, {"from": "System", "value": "Be brief."})
        read = replace(read, system="Be brief.")
    return {column: turns}, read


def trl(n: int) -> tuple[Record, Collected]:
    turns = [{"role": "user", "content": f"Say {n}"}]
    said = [{"role": "assistant", "content": f"{n}"}]
    return {"prompt": turns, "completion": said}, prompt(f"Say {n}", output=f"{n}")


def preference(n: int) -> tuple[Record, Collected]:
    record = {"prompt": f"Say {n}", "chosen": f"{n}", "rejected": "-"}
    return record, prompt(f"Say {n}", output=f"{n}", rest={"rejected": "-"})


SHAPES: list[Callable[[int], tuple[Record, Collected]]] = [
    alpaca, llama_factory, dolly, gpteacher, prompt_completion, prompt_response, question_answer,
    messages, parts, sharegpt, trl, preference,
]  # fmt: skip
FILES = [
    "jsonl", "ndjson", "json", "csv", "tsv", "parquet",
    "jsonl.gz", "json.gz", "csv.gz", "jsonl.zst",
]  # fmt: skip
CASES = [
    (shape, name)
    for shape in SHAPES
    for name in FILES
    # A text that looks like JSON may be an instruction, so a table has no lists in prompts.
    if shape is not trl or "sv" not in name
]


def as_lines(records: Iterable[Record]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def as_table(records: Sequence[Record], delimiter: str) -> bytes:
    columns = list(dict.fromkeys(column for record in records for column in record))
    text = io.StringIO(newline="")
    rows = csv.DictWriter(text, columns, restval="", delimiter=delimiter, lineterminator="\r\n")
    rows.writeheader()
    for record in records:
        rows.writerow(
            {
                column: value if isinstance(value, str) else json.dumps(value)
                for column, value in record.items()
            }
        )
    return text.getvalue().encode()


def as_parquet(records: Sequence[Record]) -> bytes:
    arrow = pytest.importorskip("pyarrow")
    columns = list(dict.fromkeys(column for record in records for column in record))
    table = {column: [record.get(column) for record in records] for column in columns}
    out = io.BytesIO()
    importlib.import_module("pyarrow.parquet").write_table(arrow.table(table), out)
    return out.getvalue()


def zstd() -> Any:
    return (
        importlib.import_module("compression.zstd")
        if sys.version_info >= (3, 14)
        else pytest.importorskip("backports.zstd")
    )


def write(path: Path, records: Sequence[Record]) -> str:
    """A file in the format that its name tells."""
    kind = path.name.partition(".")[2].split(".")[0]
    content = {
        "jsonl": lambda: as_lines(records),
        "ndjson": lambda: as_lines(records),
        "json": lambda: json.dumps(records, indent=1, ensure_ascii=False).encode(),
        "csv": lambda: as_table(records, ","),
        "tsv": lambda: as_table(records, "\t"),
        "parquet": lambda: as_parquet(records),
    }[kind]()
    if path.suffix == ".gz":
        content = gzip.compress(content)
    if path.suffix == ".zst":
        content = zstd().compress(content)
    path.write_bytes(content)
    return str(path)


def read(path: str, **options: Any) -> list[Collected]:
    """The records of a source without ids and places; none of them is bad."""
    records = list(open_source(path, **options))
    assert not [record for record in records if isinstance(record, Bad)]
    return [replace(record, id="", where=0) for record in records if isinstance(record, Collected)]


def made(shape: Callable[[int], tuple[Record, Collected]]) -> tuple[list[Record], list[Collected]]:
    both = [shape(n) for n in range(ROWS)]
    return [record for record, _ in both], [collected for _, collected in both]


# ---------------------------------------------------------------------------------------- shapes


@pytest.mark.parametrize(("shape", "name"), CASES)
def test_every_shape_is_read_from_every_kind_of_file(
    shape: Callable[[int], tuple[Record, Collected]], name: str, tmp_path: Path
) -> None:
    records, wanted = made(shape)
    assert read(write(tmp_path / f"given.{name}", records)) == wanted


def test_json_lines_may_be_in_a_file_that_is_named_json(tmp_path: Path) -> None:
    records, wanted = made(messages)
    for name, before in (("a.json", b""), ("b.json", b"\xef\xbb\xbf\r\n \n")):
        (tmp_path / name).write_bytes(before + as_lines(records))
        assert read(str(tmp_path / name)) == wanted
    (tmp_path / "c.json.gz").write_bytes(gzip.compress(as_lines(records)))
    assert read(str(tmp_path / "c.json.gz")) == wanted
    (tmp_path / "d.json.zst").write_bytes(zstd().compress(as_lines(records)))
    assert read(str(tmp_path / "d.json.zst")) == wanted


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_line_of_plain_text_is_an_instruction(ending: str, tmp_path: Path) -> None:
    lines = [f"  Say {n}: naïve\u2028漢\x85字" for n in range(ROWS)]
    text = "\ufeff" + f"{ending}{ending} \t{ending}".join(lines)
    (tmp_path / "a.txt").write_text(text, "utf-8", newline="")
    (tmp_path / "b.TXT.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "c.txt.zst").write_bytes(zstd().compress(text.encode()))
    for name in ("a.txt", "b.TXT.gz", "c.txt.zst"):
        assert read(str(tmp_path / name)) == [prompt(line) for line in lines]
    places = [record.where for record in open_source(str(tmp_path / "a.txt"))]
    assert places == [3 * n + 1 for n in range(ROWS)]


def test_the_examples_of_a_run_are_a_source(tmp_path: Path) -> None:
    examples = [
        Example(
            id=f"i{n:06d}-1",
            instruction=f"Say {n}{NASTY}",
            input="x" * (n % 2),
            output=f"{n}",
            is_classification=None,
            provenance={"turn": n},
            system="Be brief." * (n % 3 == 0),
            history=pair("First?", "Yes.") * (n % 4),
        )
        for n in range(ROWS)
    ]
    (tmp_path / "examples.jsonl").write_text(
        "".join(example.to_line() + "\n" for example in examples), "utf-8"
    )
    source = open_source(str(tmp_path))
    for example, record in zip(examples, source, strict=True):
        assert isinstance(record, Collected)
        names = ("id", "instruction", "input", "output", "system", "history")
        assert [getattr(record, name) for name in names] == [
            getattr(example, name) for name in names
        ]
        assert record.rest == {"is_classification": None, "provenance": example.provenance}
    assert source.unused == ["is_classification", "provenance"]
    assert fingerprint(str(tmp_path)) == fingerprint(str(tmp_path / "examples.jsonl"))


def test_each_record_is_read_in_its_own_shape(tmp_path: Path) -> None:
    both = [SHAPES[n % len(SHAPES)](n) for n in range(ROWS)]
    mixed = [{"note": "no prompt"}, *(record for record, _ in both)]
    first, *others = open_source(write(tmp_path / "mixed.jsonl", mixed))
    assert isinstance(first, Bad) and first.where == 1
    read = [replace(each, id="", where=0) for each in others if isinstance(each, Collected)]
    assert read == [wanted for _, wanted in both]


# ------------------------------------------------------------------------------------ edge cases


def turns(*said: tuple[str, Any]) -> list[Record]:
    return [{"role": role, "content": content} for role, content in said]


HI = ("user", "Hi")
YES = ("assistant", "Yes")
READ: dict[str, tuple[Record, Collected]] = {
    "only a newline at the end is cut": (
        {"instruction": "  Say. \n\n", "input": " x\r\n", "output": "\n y \n"},
        prompt("  Say. \n", input=" x", output="\n y "),
    ),
    "a lone surrogate": ({"instruction": "a\ud800"}, prompt("a\ufffd")),
    "null counts as empty": (
        {"instruction": "Hi", "input": None, "output": None, "system": None, "history": None},
        prompt("Hi"),
    ),
    "a blank output is none": ({"instruction": "Hi", "output": " \n"}, prompt("Hi")),
    "a blank input is empty": ({"instruction": "Hi", "input": " \n"}, prompt("Hi")),
    "numbers and truth": (
        {"question": "Is it?", "context": 7, "answer": False},
        prompt("Is it?", input="7", output="false"),
    ),
    "the context where the input is blank": (
        {"instruction": "Hi", "input": "", "context": "c"},
        prompt("Hi", input="c"),
    ),
    "an input and a context": (
        {"instruction": "Hi", "input": "x", "context": "c"},
        prompt("Hi", input="x", rest={"context": "c"}),
    ),
    "an instruction and a prompt": (
        {"instruction": "Hi", "prompt": "Below is", "output": "x", "answer": "y"},
        prompt("Hi", output="x", rest={"prompt": "Below is", "answer": "y"}),
    ),
    "a blank instruction and a prompt": ({"instruction": "", "prompt": "Hi"}, prompt("Hi")),
    "blank messages beside an instruction": (
        {"messages": [], "conversation": None, "instruction": "Hi"},
        prompt("Hi"),
    ),
    "messages and the prompt that they begin with": (
        {"prompt": "Hi", "messages": turns(HI, YES)},
        prompt("Hi", output="Yes", rest={"prompt": "Hi"}),
    ),
    "a system column of a chat": (
        {"system": "Be.", "conversations": [{"from": "human", "value": "Hi"}]},
        prompt("Hi", system="Be."),
    ),
    "a system column and a system message": (
        {"system": "Be.", "messages": turns(("system", "Am."), HI)},
        prompt("Hi", system="Am.", rest={"system": "Be."}),
    ),
    "an empty system message": ({"messages": turns(("system", ""), HI)}, prompt("Hi")),
    "two system messages in front": (
        {"messages": turns(("system", "A"), ("developer", "B"), HI)},
        prompt("Hi", system="A\n\nB"),
    ),
    "a greeting of the assistant": (
        {"messages": turns(YES, HI)},
        prompt("Hi", history=(Turn("assistant", "Yes"),)),
    ),
    "an output beside a chat that ends with the user": (
        {"messages": turns(HI), "response": "Yes"},
        prompt("Hi", output="Yes"),
    ),
    "role and content inside conversations": (
        {"conversations": turns(HI, YES)},
        prompt("Hi", output="Yes"),
    ),
    "names as Parquet fills them": (
        {
            "conversations": [
                {"from": "human", "role": None, "value": "Hi", "content": None, "tool_calls": None}
            ]
        },
        prompt("Hi"),
    ),
    "parts with a value": (
        {"messages": turns(("user", [{"type": "text", "value": "Hi"}, "you"]))},
        prompt("Hi\nyou"),
    ),
    "more in a turn": (
        {"messages": [{"role": "user", "content": "Hi", "name": "Ada", "weight": 1}]},
        prompt("Hi"),
    ),
    "history as turns": (
        {"instruction": "And?", "history": turns(HI, YES)},
        prompt("And?", history=pair("Hi", "Yes")),
    ),
    "what stays": (
        {"instruction": "Hi", "n": 1, "deep": {"a": [1, None, "\ud800"]}, "nan": float("nan")},
        prompt("Hi", rest={"n": 1, "deep": {"a": [1, None, "\ufffd"]}, "nan": None}),
    ),
}


@pytest.mark.parametrize("why", READ)
def test_a_record_at_the_edge_is_read(why: str, tmp_path: Path) -> None:
    record, wanted = READ[why]
    path = tmp_path / "given.jsonl"
    path.write_text(json.dumps(record))
    assert read(str(path)) == [wanted]


BAD: dict[str, Record] = {
    "no instruction (columns: text, label); name its column with --field instruction=COLUMN": {
        "text": "Hi",
        "label": 1,
    },
    "no instruction (columns: none)": {},
    "'instruction': is empty": {"instruction": " \n"},
    "'question': is empty": {"question": None},
    "'instruction': must be a text, not a number": {"instruction": 5},
    "'instruction': must be a text, not an object": {"instruction": {"a": 1}},
    "'input': must be a text, not an object": {"instruction": "Hi", "input": {"a": 1}},
    "'output', turn 1: must be an object with a role and a text, not a text": {
        "instruction": "Hi",
        "output": ["a", "b", "c"],
    },
    "'completion': must be a text, or a list with the assistant's turn alone": {
        "prompt": "Hi",
        "completion": turns(HI),
    },
    "'system': must be a text, not a list": {"instruction": "Hi", "system": ["a"]},
    "'messages': holds no turn of the user": {"messages": []},
    "'conversations': holds no turn of the user": {"conversations": turns(("system", "Be."), YES)},
    "'conversation': holds no turn of the user": {"conversation": turns(YES)},
    "'messages': a text, and not JSON of a list of turns": {"messages": "Hi"},
    "'messages': must be a list of turns, not an object": {"messages": {"role": "user"}},
    "'messages', turn 1: must be an object with a role and a text, not a number": {"messages": [1]},
    "'messages', turn 2: two turns of the user in a row": {"messages": turns(HI, HI)},
    "'messages', turn 4: two turns of the assistant in a row": {
        "messages": turns(("system", "Be."), HI, YES, YES)
    },
    "'messages', turn 2: unknown role 'critic'": {"messages": turns(HI, ("critic", "No"))},
    "'messages', turn 1: no role": {"messages": [{"content": "Hi"}]},
    "'messages', turn 2: the text of the assistant is empty": {
        "messages": turns(HI, ("assistant", " ")),
    },
    "'messages', turn 1: the text of the user is empty": {"messages": turns(("user", None))},
    "'messages', turn 1: its content must be a text, not a number": {
        "messages": turns(("user", 1))
    },
    "'messages', turn 2: a system message behind other turns": {
        "messages": turns(HI, ("system", "Be."), YES)
    },
    "'messages', turn 2: a call of a tool or its result; chats with tools are not read": {
        "messages": [*turns(HI), {"role": "assistant", "content": None, "tool_calls": [{"id": 1}]}]
    },
    "'messages', turn 3: a call of a tool": {"messages": turns(HI, YES, ("tool", "21 degrees"))},
    "'messages', turn 1: a part is no text but image_url": {
        "messages": turns(("user", [{"type": "image_url", "image_url": {"url": "x"}}]))
    },
    "'history': its last turn is the user's": {"instruction": "Hi", "history": turns(HI)},
    "'history', turn 2: the text of the assistant is empty": {
        "instruction": "Hi",
        "history": [["Hi", ""]],
    },
    "'history', turn 1: must be an object": {"instruction": "Hi", "history": [["a", "b", "c"]]},
    "'history': must be a list of turns, not a number": {"instruction": "Hi", "history": 7},
    "'history': a system message": {
        "instruction": "Hi",
        "history": turns(("system", "Be."), HI, YES),
    },
}


@pytest.mark.parametrize("why", BAD)
def test_a_record_that_is_no_prompt_says_why_and_where(why: str, tmp_path: Path) -> None:
    path = tmp_path / "given.jsonl"
    path.write_text('{"instruction": "one"}\n\n' + json.dumps(BAD[why]) + '\n{"prompt": "two"}')
    first, bad, last = open_source(str(path))
    assert isinstance(bad, Bad) and bad.where == 3 and bad.why.startswith(why)
    assert isinstance(first, Collected) and isinstance(last, Collected)


def test_a_broken_line_stands_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(
        b'{"instruction": "one"}\n{"instruction": \n[1]\n{"instruction": "\xff"}\n{"prompt": "x"}'
    )
    records = list(open_source(str(tmp_path / "a.jsonl")))
    assert [record.where for record in records] == [1, 2, 3, 4, 5]
    assert [type(record) for record in records] == [Collected, Bad, Bad, Bad, Collected]


def test_a_record_that_is_nested_too_deeply_is_bad_and_the_next_is_read(tmp_path: Path) -> None:
    deep = "[" * 900 + "]" * 900
    (tmp_path / "a.jsonl").write_text(
        f'{{"instruction": "Hi", "deep": {deep}}}\n{{"instruction": "Hi"}}'
    )
    first, second = open_source(str(tmp_path / "a.jsonl"))
    assert isinstance(first, Bad) and "nested" in first.why and isinstance(second, Collected)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_byte_order_marks_and_line_endings_do_no_harm(
    mark: bytes, ending: bytes, tmp_path: Path
) -> None:
    lines = {
        "a.jsonl": [b'{"instruction": "a \xe2\x80\xa8 b"}', b"", b'{"instruction": "c"}', b""],
        "b.csv": [b"instruction,n", b'"a \xe2\x80\xa8 b",1', b"c,2", b""],
        "c.tsv": [b"instruction\tn", b"a \xe2\x80\xa8 b\t1", b"c\t2"],
        "d.json": [b"[", b'{"instruction": "a \xe2\x80\xa8 b"},', b'{"instruction": "c"}', b"]"],
        "e.json": [b'{"instruction": "a \xe2\x80\xa8 b"}', b'{"instruction": "c"}'],
        "f.txt": [b"a \xe2\x80\xa8 b", b"c", b""],
    }
    for name, content in lines.items():
        (tmp_path / name).write_bytes(mark + ending.join(content))
        texts = [record.instruction for record in read(str(tmp_path / name))]
        assert texts == ["a \u2028 b", "c"], name


def test_huge_lines_are_read(tmp_path: Path) -> None:
    huge = "word " * 1_000_000
    records = [{"instruction": f"{n} {huge}"} for n in range(3)]
    for name in ("a.jsonl", "b.json", "c.csv"):
        sizes = [len(record.instruction) for record in read(write(tmp_path / name, records))]
        assert sizes == [len(huge) + 2] * 3
    (tmp_path / "d.json").write_bytes(as_lines(records))
    assert len(read(str(tmp_path / "d.json"))) == 3


KEYS = st.sampled_from(
    "instruction input output prompt completion context system history id messages conversations "
    "role content from value user text type".split()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | KEYS,
    lambda value: st.lists(value, max_size=3) | st.dictionaries(KEYS, value, max_size=3),
    max_leaves=12,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=300,
)
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=5), max_size=3))
def test_any_object_is_a_prompt_or_bad(tmp_path: Path, records: list[Record]) -> None:
    path = tmp_path / "any.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    read = list(open_source(str(path)))
    assert [record.where for record in read] == list(range(1, len(records) + 1))
    for record in read:
        if isinstance(record, Collected):
            assert record.instruction.strip() and record.output != "" and record.id
            turns = [[turn.role, turn.text] for turn in record.history]
            texts = [record.instruction, record.input, record.output, record.system, turns]
            json.dumps(
                [record.id, texts, record.rest], ensure_ascii=False, allow_nan=False
            ).encode()


# ------------------------------------------------------------------------- columns, ids and bytes


def test_columns_of_other_names_are_mapped(tmp_path: Path) -> None:
    record = {"question": "q", "passage": "p", "gold": "g", "prompt": "x", "persona": "Be."}
    path = write(tmp_path / "a.jsonl", [record, {"question": "r"}])
    fields = {"instruction": "question", "input": "passage", "output": "gold", "system": "persona"}
    first = prompt("q", input="p", output="g", system="Be.", rest={"prompt": "x"})
    assert read(path, fields=fields) == [first, prompt("r")]
    (swapped, second) = open_source(path, fields={"input": "question"})
    assert isinstance(swapped, Collected) and (swapped.instruction, swapped.input) == ("x", "q")
    assert isinstance(second, Bad)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_mapped_column_may_hold_a_chat(name: str, tmp_path: Path) -> None:
    both = {"messages": turns(HI), "dialogue": turns(("user", "Ho"), YES), "note": "n"}
    path = write(tmp_path / name, [both])
    (mapped,) = read(path, fields={"instruction": "messages", "input": "note"})
    assert (mapped.instruction, mapped.input) == ("Hi", "n")
    if name == "a.jsonl":
        (mapped,) = read(path, fields={"instruction": "dialogue"})
        assert (mapped.instruction, mapped.output) == ("Ho", "Yes")


def test_a_mapping_to_no_column_is_one_error_that_lists_the_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"q": "one"}, {"q": "two", "a": "late"}])
    with pytest.raises(UserError) as caught:
        list(open_source(path, fields={"instruction": "question", "output": "a"}))
    assert str(caught.value) == (
        f"--field instruction=question: no such column in {path} (columns: q, a)"
    )
    first, second = read(path, fields={"instruction": "q", "output": "a"})
    assert (first.output, second.output) == (None, "late")
    with pytest.raises(UserError, match=r"^--field title=q: no such part; known are instruction, "):
        open_source(path, fields={"title": "q"})
    wide = write(tmp_path / "b.csv", [{f"c{n}": "" for n in range(99)}])
    with pytest.raises(UserError, match=r"c18, c19 and 79 more\)$"):
        list(open_source(wide, fields={"instruction": "question"}))


def test_a_record_without_the_mapped_column_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"q": "one"}, {"question": "two"}])
    _, bad = open_source(path, fields={"instruction": "q"})
    assert bad == Bad(
        2, "no column 'q' for the instruction (columns: question); see --field instruction"
    )


def test_columns_that_no_prompt_uses_are_named_in_the_order_of_their_appearance(
    tmp_path: Path,
) -> None:
    records: list[Record] = [
        {"b": 1, "instruction": "x", "input": "", "output": "o", "id": 1},
        {"only in a bad record": 1},
        {"prompt": "x", "a": {"deep": [1]}, "b": 2, "id": None},
        {"messages": turns(HI), "id": 2.5, "c": None},
    ]
    source = open_source(write(tmp_path / "a.jsonl", records))
    assert source.unused == []
    rests = [record.rest for record in source if isinstance(record, Collected)]
    assert rests == [{"b": 1}, {"a": {"deep": [1]}, "b": 2}, {"id": 2.5, "c": None}]
    assert source.unused == ["b", "a", "id", "c"]
    assert [record.rest for record in source if isinstance(record, Collected)] == rests


def test_ids_are_the_sources_own_or_the_place(tmp_path: Path) -> None:
    ids = ["a", 7, 0, "", None, 1.5, True, "a", ["x"], " b "]
    path = write(tmp_path / "a.jsonl", [{"instruction": "x", "id": id} for id in ids])
    found = [record.id for record in open_source(path) if isinstance(record, Collected)]
    assert found == [
        *("a", "7", "0", "a.jsonl:4", "a.jsonl:5", "a.jsonl:6", "a.jsonl:7"),
        *("a", "a.jsonl:9", "b"),
    ]


def test_the_rest_is_json_whatever_a_parquet_file_holds(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table(
        {
            "instruction": ["x"],
            "bytes": arrow.array([b"\x89PNG"], arrow.binary()),
            "day": arrow.array([date(2024, 2, 29)]),
            "map": arrow.array([[("k", 1)]], arrow.map_(arrow.string(), arrow.int64())),
            "number": arrow.array([float("nan")]),
            "decimal": arrow.array([Decimal("1.00")]),
        }
    )
    importlib.import_module("pyarrow.parquet").write_table(table, tmp_path / "a.parquet")
    (record,) = read(str(tmp_path / "a.parquet"))
    assert json.loads(to_json(record.rest)) == {
        "bytes": "iVBORw==",
        "day": "2024-02-29",
        "map": [["k", 1]],
        "number": None,
        "decimal": "1.00",
    }


def test_a_fingerprint_is_that_of_the_bytes(tmp_path: Path) -> None:
    content = b"x" * 3_000_001
    (tmp_path / "a.txt").write_bytes(content)
    assert fingerprint(str(tmp_path / "a.txt")) == hashlib.sha256(content).hexdigest()


def test_memory_does_not_grow_with_the_source(tmp_path: Path) -> None:
    peaks = []
    for rows in (2_000, 20_000):
        path = write(tmp_path / "a.jsonl", [alpaca(n)[0] | {"id": n} for n in range(rows)])
        source = open_source(path)
        tracemalloc.start()
        assert sum(1 for _ in source) == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("absent.jsonl", "absent.jsonl: no such file; name a run or a file of instructions"),
        ("folder", "folder: no run here (no examples.jsonl); name a run or a file"),
        ("a.yml", "a.yml: its name does not tell the format; name it .jsonl, .json, .csv, "),
        ("cut.jsonl.gz", "cut.jsonl.gz: damaged or cut off"),
        ("cut.json.gz", "cut.json.gz: damaged or cut off"),
        (
            "object.json",
            "object.json:1: a .json file must hold an array of objects, or an object on each",
        ),
        ("none.parquet", "none.parquet:0: not Parquet"),
    ],
)
def test_a_source_that_cannot_be_read_is_named_in_one_line(
    name: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "none.parquet":
        pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("a.yml").touch()
    for cut in ("cut.jsonl.gz", "cut.json.gz"):
        Path(cut).write_bytes(gzip.compress(as_lines([alpaca(1)[0]]))[:-9])
    Path("object.json").write_text(json.dumps({"responses": [alpaca(1)[0]]}, indent=1))
    Path("none.parquet").write_bytes(b"PAR0")
    with pytest.raises(UserError) as caught:
        list(open_source(name))
    assert str(caught.value).startswith(why) and "\n" not in str(caught.value)
    if name in {"absent.jsonl", "folder"}:
        with pytest.raises(UserError):
            fingerprint(name)


# ------------------------------------------------------------------------------------- real files

needs_data = pytest.mark.skipif(
    not SHARED.is_dir(), reason="recorded data (../shared/data) is not part of a checkout"
)


@needs_data
@pytest.mark.parametrize(
    ("name", "rows", "outputs", "chats", "unused"),
    [
        ("rouge/zh_2000.jsonl", 2000, 1996, 0, []),
        ("strong_chat", 60, 60, 0, ["is_classification", "provenance"]),
        ("strategies/annotated/trivia/train.jsonl", 260, 260, 0, []),
        ("strategies/chat/fastchat_dummy_conversation.json", 500, 500, 333, []),
        ("strategies/ifeval/input_data.jsonl", 541, 0, 0, ["key", "instruction_id_list", "kwargs"]),
        ("faults/ignored-columns/in.json", 4, 4, 2, []),
        ("faults/chat-parts-as-empty/in.jsonl", 3, 3, 0, []),
    ],
)
def test_real_files_are_read(
    name: str, rows: int, outputs: int, chats: int, unused: list[str]
) -> None:
    source = open_source(str(SHARED / name))
    records = list(source)
    read = [record for record in records if isinstance(record, Collected)]
    assert (len(read), len(records)) == (rows, rows)
    assert sum(record.output is not None for record in read) == outputs
    assert sum(bool(record.history) for record in read) == chats
    assert source.unused == unused
