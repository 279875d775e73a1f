"""completions.jsonl is opened quickly where a checkpoint knows it, and to the same end."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from command import invoke
from hypothesis import given, settings
from hypothesis import strategies as st

from selfinstruct.errors import UserError
from selfinstruct.models import Completion, Decoding, Message, Request, Usage
from selfinstruct.models.money.meter import Meter
from selfinstruct.runs.completions import Completions
from selfinstruct.runs.directory import DERIVED
from selfinstruct.runs.status import read_status
from selfinstruct.text import to_json

REPLIES = "completions.jsonl"
MODELS = ("main", "other", "third")
ANSWERS = st.tuples(
    st.integers(0, 5),  # the request
    st.sampled_from(MODELS),
    st.sampled_from(["no", 'a "text": of "error": "x"\n', '{"key": "']),
    st.booleans(),  # lost?
    st.integers(0, 9),
)


def request(number: int, model: str) -> Request:
    messages = (Message("user", "?"),)
    return Request("propose", f"t{number}", model, "chat", messages, Decoding(), number)


def put(record: Completions, meter: Meter, replies: list[Any]) -> None:
    """As a run does: what is on record and not lost is not asked for again."""
    for number, model, text, is_lost, tokens in replies:
        asked = request(number, model)
        known = record.get(asked.key)
        if known is None:
            usage = Usage() if is_lost else Usage(tokens, 2 * tokens, estimated_tokens=tokens)
            completion = Completion(text, "stop", usage, "lost" if is_lost else None)
            record.put(asked.key, asked, completion, 0.1)
            meter.take(completion, meter.other(model))


def state(record: Completions, meter: Meter) -> Any:
    keys = [request(number, model).key for number in range(6) for model in MODELS]
    found = [record.get(key) for key in keys]
    return found, len(record), record.lost, meter.to_record(), record.note()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(ANSWERS, max_size=8), min_size=1, max_size=4), st.data())
def test_a_noted_file_opens_as_one_that_is_read_as_a_whole(
    tmp_path_factory: pytest.TempPathFactory, sittings: list[list[Any]], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("record") / "completions.jsonl"
    noted: Any = None
    for replies in sittings:
        meter, whole_meter = Meter(model="main"), Meter(model="main")
        whole = Completions(path, whole_meter)
        record = Completions(path, meter, noted=noted)
        assert state(record, meter) == state(whole, whole_meter)
        whole.close()
        if data.draw(st.booleans()):
            record.forget_lost(lambda place: place == "t1")
        put(record, meter, replies[:4])
        noted = json.loads(json.dumps(record.note()))
        put(record, meter, replies[4:])  # behind the checkpoint, as before a kill
        record.close()


def test_what_is_damaged_or_forgotten_is_not_noted_as_known(tmp_path: Path) -> None:
    path = tmp_path / "completions.jsonl"
    record = Completions(path, Meter())
    put(record, Meter(), [(0, "main", "yes", False, 3), (1, "main", "", True, 0)])
    assert "replies" in record.note()
    record.forget_lost(lambda place: False)
    assert "replies" not in record.note()
    record.close()
    path.write_bytes(path.read_bytes() + b'{"key": "damaged\n')
    with pytest.raises(UserError, match=r"completions\.jsonl:3: damaged"):
        Completions(path, Meter())
    record = Completions(path, Meter(), skip_broken=True)
    assert "replies" not in record.note() and len(record) == 2
    record.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("runs") / "run"
    command = ["generate", "--model", "scripted", "--seed", "3", "--out", str(directory)]
    assert invoke(*command, "--n", "40").code == 0
    return directory


def test_a_run_that_a_checkpoint_knows_grows_as_one_that_is_read_as_a_whole(
    run: Path, tmp_path: Path
) -> None:
    copies = [tmp_path / "quick", tmp_path / "whole"]
    for copy in copies:
        shutil.copytree(run, copy)
    noted = copies[1] / "checkpoint.json"
    record = json.loads(noted.read_text())
    assert record["completions"].pop("replies")["requests"] > 20
    noted.write_text(json.dumps(record))
    for copy in copies:
        assert invoke("generate", "--out", str(copy), "--n", "60").code == 0
    quick, whole = copies
    assert [(quick / name).read_bytes() for name in DERIVED] == [
        (whole / name).read_bytes() for name in DERIVED
    ]
    for copy in copies:  # a busy machine may buy another reply than an idle one: count each file
        noted = json.loads((copy / "checkpoint.json").read_text())["completions"]
        record = Completions(copy / REPLIES, Meter(model="scripted"), read_only=True)
        assert record.note()["replies"] == noted["replies"]
        record.close()


@pytest.mark.parametrize("place", [0.0, 0.3, 0.999])
def test_a_byte_that_changed_behind_a_checkpoint_is_found(
    run: Path, tmp_path: Path, place: float
) -> None:
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / "completions.jsonl"
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(bytes(content))
    ran = invoke("generate", "--out", str(path.parent), "--n", "60")
    assert "completions.jsonl: was changed or cut" in ran.error


@pytest.mark.parametrize("missing", ["completions", "mark", "end"])
def test_a_checkpoint_without_a_part_is_none_and_everything_is_built_anew(
    run: Path, tmp_path: Path, missing: str
) -> None:
    shutil.copytree(run, tmp_path / "run")
    noted = json.loads((tmp_path / "run" / "checkpoint.json").read_bytes())
    del noted[missing]
    (tmp_path / "run" / "checkpoint.json").write_text(json.dumps(noted), "utf-8")
    (tmp_path / "run" / DERIVED[0]).write_text("changed\n", "utf-8")
    invoke("generate", "--out", tmp_path / "run", "--n", "40").done()
    for name in DERIVED:
        assert (tmp_path / "run" / name).read_bytes() == (run / name).read_bytes()


@settings(max_examples=100, deadline=None)
@given(
    *(st.text(max_size=20) for _ in range(4)),
    st.builds(Usage, *(st.integers(0, 3) for _ in range(8))),
    st.none() | st.text(min_size=1, max_size=9),
    st.floats(0, 1e6),
    st.sampled_from(MODELS),
)
def test_a_line_is_the_json_of_its_record(
    tmp_path_factory: pytest.TempPathFactory,
    place: str,
    text: str,
    reasoning: str,
    reason: str,
    usage: Usage,
    error: str | None,
    seconds: float,
    model: str,
) -> None:
    path = tmp_path_factory.mktemp("record") / "completions.jsonl"
    asked = replace(request(1, model), place=place)
    record = Completions(path, Meter(model="main"))
    record.put(asked.key, asked, Completion(text, reason, usage, error, reasoning), seconds)
    record.close()
    [line] = path.read_text("utf-8").splitlines()
    counts = {name: count for name, count in asdict(usage).items() if count}
    parts = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
    whole = {
        "key": asked.key,
        "stage": asked.stage,
        "place": place,
        **({"model": model} if model != "main" else {}),
        "text": text,
        **({"reasoning": reasoning} if reasoning else {}),
        "finish_reason": reason,
        "usage": {**parts, **counts},
        **({} if error is None else {"error": error}),
        "seconds": round(seconds, 3),
        "at": json.loads(line)["at"],
    }
    assert line == to_json(whole)


def test_status_adds_the_lines_since_the_checkpoint_and_counts_a_file_anew_that_was_cut(
    run: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    counts = [len((run / name).read_bytes().splitlines()) for name in (DERIVED[1], REPLIES)]
    assert counts[0] == 40
    for name in (DERIVED[1], REPLIES):
        with (copy / name).open("ab") as file:
            file.write(b"{}\n{}\n")
    now = read_status(copy)
    assert [now.examples, now.replies] == [counts[0] + 2, counts[1] + 2]
    for name in (DERIVED[1], REPLIES):
        lines = (copy / name).read_bytes().splitlines(keepends=True)
        (copy / name).write_bytes(b"".join(lines[:7]))
    now = read_status(copy)
    assert [now.examples, now.replies] == [7, 7]
