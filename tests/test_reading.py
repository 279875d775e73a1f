"""Shapes of files as people have them: `check`, `dedupe` and `respond` read each, or refuse it in a
line that says why.
"""

from __future__ import annotations

import gzip
import importlib
import io
import json
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command import invoke

from selfinstruct.data.collected import Collected
from selfinstruct.defects.survey import survey
from selfinstruct.records import Bad, Record, Source, writing
from selfinstruct.records.collected import open_source

ASKED = ("Name a tall tree of the north.", "Which river crosses the old city?")
SAID = ("The spruce.", "The Oder.")
BOTH = tuple(zip(ASKED, SAID, strict=True))


def lines(*records: Any) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def each(build: Callable[[str, str], Any]) -> list[Any]:
    return [build(question, answer) for question, answer in BOTH]


def alpaca(question: str, answer: str) -> dict[str, Any]:
    return {"instruction": question, "input": "", "output": answer}


def chat(ask: str, say: str, role: str = "role", text: str = "content") -> list[dict[str, Any]]:
    def turns(question: str, answer: str) -> list[dict[str, Any]]:
        return [{role: ask, text: question}, {role: say, text: answer}]

    return each(turns)


def parts(question: str, answer: str) -> dict[str, Any]:
    content = [{"type": "text", "text": question}]
    turns = [{"role": "user", "content": content}, {"role": "assistant", "content": answer}]
    return {"messages": turns}


def tree(question: str, answer: str) -> dict[str, Any]:
    replies = [
        {"role": "assistant", "text": "Ask again.", "rank": 1, "replies": []},
        {
            "role": "assistant",
            "text": answer,
            "rank": 0,
            "replies": [{"role": "prompter", "text": "Thanks", "replies": []}],
        },
    ]
    prompt = {"role": "prompter", "text": question, "lang": "en", "replies": replies}
    return {"message_tree_id": "x", "tree_state": "ready_for_export", "prompt": prompt}


def whole_pair(question: str, answer: str) -> dict[str, Any]:
    def turns(text: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": question}, {"role": "assistant", "content": text}]

    return {"chosen": turns(answer), "rejected": turns("No idea.")}


def table(header: str, delimiter: str = ",", ending: str = "\n") -> str:
    rows = [header, *(delimiter.join(pair) for pair in BOTH)]
    return "".join(row + ending for row in rows)


def parquet(records: list[dict[str, Any]]) -> bytes:
    arrow = pytest.importorskip("pyarrow")
    out = io.BytesIO()
    importlib.import_module("pyarrow.parquet").write_table(arrow.Table.from_pylist(records), out)
    return out.getvalue()


@dataclass(frozen=True)
class Shape:
    """A file, the options that it needs, and the words of its refusal where it is not read.

    refused: by which commands, all by default.
    """

    name: str
    content: Callable[[], bytes]
    options: tuple[str, ...] = ()
    why: str = ""
    refused: tuple[str, ...] = ("check", "dedupe", "respond")


FIRST, SECOND = ASKED
SHAPES: dict[str, Shape] = {
    "Alpaca": Shape("a.json", lambda: json.dumps(each(alpaca), indent=2).encode()),
    "Alpaca with system and history": Shape(
        "a.jsonl",
        lambda: lines(
            *(
                {**alpaca("Go on.", answer), "system": question, "history": [["Hi", "Ho"]]}
                for question, answer in BOTH
            )
        ),
    ),
    "Dolly": Shape(
        "a.jsonl",
        lambda: lines(
            *each(lambda q, a: {"instruction": q, "context": "", "response": a, "category": "qa"})
        ),
    ),
    "GPTeacher": Shape(
        "a.json",
        lambda: json.dumps(
            each(lambda q, a: {"instruction": q, "input": "", "response": a})
        ).encode(),
    ),
    "prompt and completion": Shape(
        "a.jsonl", lambda: lines(*each(lambda q, a: {"prompt": q, "completion": a}))
    ),
    "question and answer, in capitals": Shape("a.csv", lambda: table("Question,Answer").encode()),
    "query and response": Shape(
        "a.jsonl", lambda: lines(*each(lambda q, a: {"type": "x", "query": q, "response": a}))
    ),
    "messages": Shape(
        "a.jsonl", lambda: lines(*({"messages": turns} for turns in chat("user", "assistant")))
    ),
    "messages of parts": Shape("a.jsonl", lambda: lines(*each(parts))),
    "messages as JSON in a table": Shape(
        "a.csv",
        (
            "messages\n"
            + "".join(
                '"' + json.dumps(turns).replace('"', '""') + '"\n'
                for turns in chat("user", "assistant")
            )
        ).encode,
    ),
    "ShareGPT": Shape(
        "a.json",
        lambda: json.dumps(
            [{"id": "1", "conversations": turns} for turns in chat("human", "gpt", "from", "value")]
        ).encode(),
    ),
    "ShareGPT in other names and cases": Shape(
        "a.jsonl",
        lambda: lines(
            *({"conversation": turns} for turns in chat("Human", "ChatGPT", "from", "value"))
        ),
    ),
    "pairs of human and assistant": Shape(
        "a.jsonl",
        lambda: lines(*each(lambda q, a: {"conversation": [{"human": q, "assistant": a}]})),
    ),
    "OASST trees": Shape("a.jsonl.gz", lambda: gzip.compress(lines(*each(tree)))),
    "FLAN's TSV without quoting": Shape(
        "a.tsv",
        f'inputs\ttargets\n"Hello" is what?\t{SAID[0]}\n{SECOND}\t"The" Oder\n'.encode,
    ),
    "preference pairs": Shape(
        "a.jsonl",
        lambda: lines(*each(lambda q, a: {"prompt": q, "chosen": a, "rejected": "No idea."})),
    ),
    "preference pairs of whole chats": Shape("a.jsonl", lambda: lines(*each(whole_pair))),
    "JSON Lines inside .json": Shape("a.json", lambda: lines(*each(alpaca))),
    "columns of other names": Shape(
        "a.jsonl",
        lambda: lines(*each(lambda q, a: {"ask": q, "reply": a, "topic": "x"})),
        ("--field", "instruction=ask", "--field", "output=reply"),
    ),
    "UTF-16": Shape("a.csv", lambda: table("instruction,output", ending="\r\n").encode("utf-16")),
    "semicolons": Shape("a.csv", ("\ufeff" + table("instruction;output", ";", "\r\n")).encode),
    "a record that is none before the others": Shape(
        "a.jsonl",
        lambda: lines({"_meta": "version 1"}, *each(alpaca)),
        why="a.jsonl:1: no instruction (columns: _meta); name its column with --field",
        refused=("dedupe", "respond"),
    ),
    "Parquet": Shape("a.parquet", lambda: parquet(each(alpaca))),
    "columns that nobody knows": Shape(
        "a.jsonl",
        lambda: lines(*each(lambda q, a: {"ask": q, "reply": a})),
        why="(columns: ask, reply); name its column with --field instruction=COLUMN",
    ),
    "an object around the list": Shape(
        "a.json",
        lambda: json.dumps({"version": 1, "data": each(alpaca)}, indent=1).encode(),
        why="an object on each line; take the list out of this object",
    ),
    "a pointer of Git LFS": Shape(
        "a.jsonl",
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        why="is a pointer of Git LFS, not the data; fetch it: git lfs pull",
    ),
    "a spreadsheet": Shape(
        "a.csv", lambda: b"PK\x03\x04x", why="is a ZIP archive or a spreadsheet; unpack it, or save"
    ),
    "a web page": Shape("a.json", lambda: b"<!DOCTYPE html><p>Sign in", why="is a web page, not"),
    "chats with tools": Shape(
        "a.jsonl",
        lambda: lines(
            {"messages": [{"role": "user", "content": "Hi"}, {"role": "tool", "content": "21"}]}
        ),
        why="turn 2: a call of a tool or its result; chats with tools are not read",
    ),
    "texts without instructions": Shape(
        "a.jsonl", lambda: lines({"text": FIRST}), why="no instruction (columns: text); name"
    ),
}


def words(command: str, path: Path, out: Path, options: tuple[str, ...]) -> list[object]:
    given: dict[str, list[object]] = {
        "check": ["check", path],
        "dedupe": ["dedupe", path, "--out", out],
        "respond": ["respond", path, "--replace", "--dry-run", "--model", "scripted"],
    }
    return [*given[command], *options]


@pytest.mark.parametrize("command", ["check", "dedupe", "respond"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_read_or_refused_in_a_line(shape: str, command: str, tmp_path: Path) -> None:
    given = SHAPES[shape]
    path = tmp_path / given.name
    path.write_bytes(given.content())
    ran = invoke(*words(command, path, tmp_path / "out.jsonl", given.options))
    if given.why and command in given.refused:
        assert given.why in ran.error and str(path) in ran.error
        return
    read = {
        "check": "2 examples, 0 with a finding",
        "dedupe": "read 2: kept 2, near-duplicates 0, bad 0",
        "respond": "2 rows",
    }
    assert read[command] in ran.done().out + ran.err
    assert "Warning" not in ran.err


def fields_of(name: str, content: bytes, tmp_path: Path) -> list[Any]:
    path = tmp_path / name
    path.write_bytes(content)
    return [each.fields for each in Source(str(path)) if isinstance(each, Record)]


def test_quotation_marks_of_a_tsv_file_are_told_by_the_whole_file(tmp_path: Path) -> None:
    quoted = b'a\tb\n"x ""y"""\t"two\nlines"\n"z"\t1\n'
    assert fields_of("a.tsv", quoted, tmp_path) == [
        {"a": 'x "y"', "b": "two\nlines"},
        {"a": "z", "b": "1"},
    ]
    letters = b'a\tb\n"z"\t1\n"x" y\t2\n'
    assert fields_of("b.tsv", letters, tmp_path) == [
        {"a": '"z"', "b": "1"},
        {"a": '"x" y', "b": "2"},
    ]
    dialogue = b'a\tb\n"Hello\t1\nHe said "yes".\t2\nworld"\t3\n'
    assert [row["b"] for row in fields_of("c.tsv", dialogue, tmp_path)] == ["1", "2", "3"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_encodings_are_told_by_their_marks(name: str, encoding: str, tmp_path: Path) -> None:
    text = {"a.jsonl": '{"a": "é漢"}\n', "a.json": '[{"a": "é漢"}]', "a.csv": "ab,b\né漢,1\n"}[name]
    [fields] = fields_of(name, text.encode(encoding), tmp_path)
    assert "é漢" in fields.values()


def test_a_separator_may_be_said_on_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sep=;\na;b\n1;2,5\n1\n")
    first, second = Source(str(path))
    assert first == Record(3, {"a": "1", "b": "2,5"})
    assert isinstance(second, Bad) and second.where == 4


def test_a_million_rows_take_no_more_memory(tmp_path: Path) -> None:
    """Here in small: twice the rows, and the same peak. `near_duplicate` has a window of its own."""
    slugs = ("exact_duplicate", "label_conflict", "empty_output")
    peaks = []
    for rows in (500, 2_000):
        path = tmp_path / f"{rows}.jsonl"
        with writing(str(path)) as write:
            for number in range(rows):
                write(Record(number, alpaca(f"Name the tree number {number}.", f"{number}")))
        tracemalloc.start()
        assert survey(str(path), slugs).examples == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_a_run_is_read_by_its_directory(tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "out.jsonl"
    run.mkdir()
    for command in ("check", "dedupe"):
        assert (
            f"{run}: no run here (no examples.jsonl)" in invoke(*words(command, run, out, ())).error
        )
    (run / "examples.jsonl").write_bytes(lines(*each(alpaca)))
    assert "2 examples" in invoke("check", run).done().out
    assert "kept 2" in invoke("dedupe", run, "--out", out).done().err
    over = invoke("dedupe", run, "--out", run / "examples.jsonl")
    assert "is an input and would be overwritten" in over.error


CHOSEN: dict[str, tuple[dict[str, Any], str | None]] = {
    "a text": ({"prompt": "Hi", "chosen": "Ho", "rejected": "No"}, "Ho"),
    "a turn": (
        {
            "conversations": [{"from": "human", "value": "Hi"}],
            "chosen": {"from": "gpt", "value": "Ho"},
            "rejected": {"from": "gpt", "value": "No"},
        },
        "Ho",
    ),
    "a list with the turn": (
        {
            "prompt": [{"role": "user", "content": "Hi"}],
            "chosen": [{"role": "assistant", "content": "Ho"}],
            "rejected": [{"role": "assistant", "content": "No"}],
        },
        "Ho",
    ),
    "no pair": ({"prompt": "Hi", "chosen": True}, None),
}


@pytest.mark.parametrize("form", CHOSEN)
def test_the_chosen_reply_of_a_pair_is_the_output(form: str, tmp_path: Path) -> None:
    record, output = CHOSEN[form]
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(record))
    [read] = open_source(str(path))
    assert isinstance(read, Collected) and (read.instruction, read.output) == ("Hi", output)
