"""Shards of a job, and their merge into a single run."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import dataset, finish, invoke, running, start
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from selfinstruct.asking.shards import Shard
from selfinstruct.runs.directory import DERIVED

N, SHARDS = 40, 4


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def funnel(out: Path) -> Counter[tuple[str, str, str]]:
    return Counter(
        (each["stage"], each["what"], each["reason"]) for each in lines(out / DERIVED[2])
    )


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The shards of a job of `generate`."""
    home = tmp_path_factory.mktemp("shards")
    found = []
    for rank in range(SHARDS):
        found.append(home / f"part-{rank}")
        words = ("--model", "scripted", "--n", N + 2, "--shard", f"{rank}/{SHARDS}")
        invoke("generate", *words, "--out", found[-1]).done()
    return found


@pytest.fixture(scope="module")
def whole(parts: Sequence[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("merged") / "whole"
    invoke("merge", *parts, "--out", out).done()
    return out


@given(st.integers(1, 50), st.integers(0, 10**6))
def test_shares_make_the_whole(count: int, amount: int) -> None:
    shares = [Shard(rank, count).share(amount) for rank in range(count)]
    assert sum(shares) == amount and max(shares) - min(shares) <= 1
    taken = [item for rank in range(count) for item in Shard(rank, count).items(range(amount % 97))]
    assert sorted(taken) == list(range(amount % 97))


def test_each_shard_has_its_share_and_a_seed_of_its_own(parts: Sequence[Path]) -> None:
    configs = [json.loads((part / "run.json").read_bytes())["config"] for part in parts]
    assert [config["n"] for config in configs] == [11, 11, 10, 10]
    assert [len(lines(part / "examples.jsonl")) for part in parts] == [11, 11, 10, 10]
    assert len({config["seed"] for config in configs}) == SHARDS


def test_the_merge_is_the_same_in_any_order_and_verifies(
    parts: Sequence[Path], whole: Path, tmp_path: Path
) -> None:
    invoke("merge", *parts[::-1], "--out", tmp_path / "again").done()
    assert dataset(tmp_path / "again") == dataset(whole)
    invoke("verify", whole).done()
    for command in ("stats", "status", "report"):
        invoke(command, whole).done()
    assert invoke("check", whole).code in (0, 1)
    invoke("export", whole, "--format", "alpaca", "--out", tmp_path / "out.json").done()


def test_funnels_are_added_and_provenance_is_kept(parts: Sequence[Path], whole: Path) -> None:
    of_merge = {key: count for key, count in funnel(whole).items() if key[0] == "merge"}
    dropped = [each for each in lines(whole / "rejected.jsonl") if each["stage"] == "merge"]
    lost = Counter(each["text"] for each in dropped)
    instructions = [each for part in parts for each in lines(part / "instructions.jsonl")]
    admitted = lines(whole / "instructions.jsonl")
    assert len(admitted) + sum(of_merge.values()) == len(instructions)
    assert [each["id"] for each in admitted] == [f"i{k:06d}" for k in range(1, len(admitted) + 1)]
    examples = lines(whole / "examples.jsonl")
    sources = {
        (f"{rank}/{SHARDS}", each["id"]): each
        for rank, part in enumerate(parts)
        for each in lines(part / "examples.jsonl")
    }
    for each in examples:
        source = sources.pop((each["provenance"]["run"], each["provenance"]["source_id"]))
        for name in ("instruction", "input", "output", "is_classification"):
            assert each[name] == source[name]
    assert all(source["instruction"] in lost for source in sources.values())
    kept = sum((funnel(part) for part in parts), Counter[tuple[str, str, str]]())
    carried = funnel(whole) - Counter(of_merge)
    assert carried <= kept and sum((kept - carried).values()) <= 5 * len(dropped)


def test_no_two_instructions_resemble_each_other(whole: Path) -> None:
    """By the reference's own program, with the tokenizer of the preset `chat`."""
    from selfinstruct.similarity import tokens

    class Words:
        def tokenize(self, text: str) -> list[str]:
            return list(tokens(text, "unicode"))

    scorer = RougeScorer(["rougeL"], tokenizer=Words())
    texts = [each["instruction"] for each in lines(whole / "instructions.jsonl")]
    for number, text in enumerate(texts):
        for other in texts[:number]:
            assert scorer.score(other, text)["rougeL"].fmeasure <= 0.7


def test_near_duplicates_of_another_shard_are_named(parts: Sequence[Path], tmp_path: Path) -> None:
    """A shard with an instruction of another, one word changed."""
    copy = tmp_path / "copy"
    shutil.copytree(parts[1], copy)
    taken = lines(parts[0] / "instructions.jsonl")[0]
    changed = lines(copy / "instructions.jsonl")
    changed[0]["instruction"] = taken["instruction"] + " Thanks."
    text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in changed)
    (copy / "instructions.jsonl").write_text(text, "utf-8")
    out = tmp_path / "out"
    invoke("merge", parts[0], copy, "--out", out).done()
    dropped = [each for each in lines(out / "rejected.jsonl") if each["stage"] == "merge"]
    assert dropped[0]["similar_to"] == taken["instruction"]
    assert dropped[0]["reason"] == "near_duplicate" and 0.7 < dropped[0]["similarity"] < 1
    ids = {each["provenance"]["source_id"] for each in lines(out / "examples.jsonl")}
    assert changed[0]["id"] + "-1" in ids  # of the other shard


def test_merges_are_merged_by_the_rules_of_their_runs(
    parts: Sequence[Path], whole: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"  # of a shard, so that all its instructions are there twice
    shutil.copytree(parts[3], copy)
    text = (copy / "instructions.jsonl").read_text("utf-8")
    (copy / "instructions.jsonl").write_text(
        text.replace('", "turn"', ' Thanks.", "turn"'), "utf-8"
    )
    first, second, out = tmp_path / "first", tmp_path / "second", tmp_path / "out"
    invoke("merge", *parts[:2], copy, "--out", first).done()
    invoke("merge", *parts[2:], "--out", second).done()
    plan = invoke("merge", second, first, "--dry-run").done()
    assert f"{second} (a merge)" in plan.out
    invoke("merge", second, first, "--out", out).done()
    dropped = [each["reason"] for each in lines(out / "rejected.jsonl") if each["stage"] == "merge"]
    assert dropped.count("near_duplicate") >= len(lines(parts[3] / "instructions.jsonl"))
    texts = [
        each["instruction"].removesuffix(" Thanks.") for each in lines(out / "instructions.jsonl")
    ]
    assert len(texts) == len({*texts})
    examples = lines(out / "examples.jsonl")
    assert len(examples) == len(lines(whole / "examples.jsonl"))
    assert {each["provenance"]["run"] for each in examples} == {f"{k}/4" for k in range(4)}
    for each in examples:
        source = each["provenance"]
        rank = int(source["run"][0])
        assert source["source_id"] in {line["id"] for line in lines(parts[rank] / "examples.jsonl")}
    again = tmp_path / "again"
    invoke("merge", first, second, "--out", again).done()
    assert dataset(again) == dataset(out)
    invoke("merge", out, parts[0], "--out", tmp_path / "with-a-run").done()
    (first / "inputs" / "merged.json").unlink()
    refused = invoke("merge", first, second, "--out", tmp_path / "refused").error
    assert "a merge of an earlier version" in refused and str(first) in refused


def test_rows_are_shared_out_and_come_together_again(tmp_path: Path) -> None:
    rows = [{"instruction": f"Describe hill {k % 25}.", "input": ""} for k in range(30)]
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    parts = [tmp_path / f"part-{rank}" for rank in range(3)]
    for rank, part in enumerate(parts):
        words = ("--model", "scripted", "--shard", f"{rank}/3", "--out", part)
        invoke("respond", source, *words).done()
    taken = [each["instruction"] for part in parts for each in lines(part / "instructions.jsonl")]
    assert len(taken) + sum(len(lines(part / "rejected.jsonl")) for part in parts) >= 30
    assert {row["instruction"] for row in rows} == set(taken)
    invoke("merge", *parts, "--out", tmp_path / "whole").done()
    texts = [each["instruction"] for each in lines(tmp_path / "whole/instructions.jsonl")]
    assert len(texts) == len(set(texts)) == 25
    invoke("verify", tmp_path / "whole").done()


def test_rejected_candidates_name_instructions_of_the_merge(tmp_path: Path) -> None:
    """`respond` rejects a row for an earlier row's sake; the merge gives that another id."""
    runs = [tmp_path / name for name in ("a", "b")]
    for run in runs:
        rows = [{"instruction": f"Describe hill {at} of {run.name}."} for at in (0, 1, 0, 2, 1)]
        source = run.with_suffix(".jsonl")
        source.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
        invoke("respond", source, "--model", "scripted", "--out", run).done()
        assert any(each.get("instruction_id") for each in lines(run / DERIVED[2]))
    invoke("merge", *runs, "--out", tmp_path / "out").done()
    texts = {each["id"]: each["instruction"] for each in lines(tmp_path / "out" / DERIVED[0])}
    dropped = lines(tmp_path / "out" / DERIVED[2])
    assert sum(each["reason"] == "exact_duplicate" for each in dropped) == 4
    for each in dropped:
        if each.get("instruction_id"):
            assert each["text"] in texts[each["instruction_id"]]


def test_the_same_command_goes_on_and_a_longer_job_is_shared_out_again(tmp_path: Path) -> None:
    out = tmp_path / "part"
    words = ("--model", "scripted", "--shard", "1/2", "--max-requests", 1000, "--out", out)
    invoke("generate", *words, "--n", 5).done()
    invoke("generate", *words, "--n", 5).done()
    assert len(lines(out / "examples.jsonl")) == 2
    invoke("resume", out, "--n", 10).done()
    assert len(lines(out / "examples.jsonl")) == 5
    config = json.loads((out / "run.json").read_bytes())["config"]
    assert config["max_requests"] == 500
    assert "began otherwise" in invoke("generate", *words[:2], "--shard", "0/2", "--out", out).error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--shard", "4/4"), "must be K/N with K from 0 to N - 1"),
        (("--shard", "one"), "must be K/N"),
        (("--shard", "1/9", "--n", 1), "leaves nothing for shard 1 of 9; name 9 at least"),
        (("--shard", "1/9", "--max-requests", 1), "--max-requests 1: leaves nothing"),
    ],
)
def test_shards_that_make_no_sense(words: Sequence[object], message: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert message in invoke("generate", "--model", "scripted", *words, "--out", out).error
    assert not out.exists()


def test_runs_that_cannot_be_merged(parts: Sequence[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "name the directories of finished runs" in invoke("merge", "--out", out).error
    assert "no run that can be merged" in invoke("merge", tmp_path, "--out", out).error
    assert (
        "is the same as"
        in invoke("merge", parts[0], copied(parts[0], tmp_path), "--out", out).error
    )
    other = tmp_path / "other"
    source = tmp_path / "rows.jsonl"
    source.write_text('{"instruction": "Describe a hill."}\n', "utf-8")
    invoke("respond", source, "--model", "scripted", "--out", other).done()
    assert "'selfinstruct mix'" in invoke("merge", parts[0], other, "--out", out).error
    torn = copied(parts[1], tmp_path)
    with (torn / "examples.jsonl").open("a") as file:
        file.write("{half\n")
    assert "examples.jsonl:12: damaged" in invoke("merge", parts[0], torn, "--out", out).error
    whole = parts[1] / "examples.jsonl"
    for line in ("{half", "[1]", '{"provenance": {"turn": 0}}'):
        (torn / "examples.jsonl").write_text(f"{line}\n{whole.read_text('utf-8')}", "utf-8")
        assert "examples.jsonl:1: damaged" in invoke("merge", parts[0], torn, "--out", out).error
    (torn / "examples.jsonl").write_bytes(whole.read_bytes())
    texts = (parts[1] / "instructions.jsonl").read_bytes().splitlines(keepends=True)
    (torn / "instructions.jsonl").write_bytes(b"".join(texts[1:]))
    refused = invoke("merge", parts[0], torn, "--out", out).error
    assert "the example i000001-1 is there without its instruction" in refused
    checkpoint = json.loads((torn / "checkpoint.json").read_bytes())
    (torn / "checkpoint.json").write_text(json.dumps({**checkpoint, "end": None}), "utf-8")
    assert "the run is not finished" in invoke("merge", parts[0], torn, "--out", out).error
    assert "merge cannot be split" in invoke("merge", *parts, "--shard", "0/2", "--out", out).error


@pytest.mark.slow
def test_a_merge_is_killed_and_goes_on_to_the_same_bytes(
    parts: Sequence[Path], whole: Path, tmp_path: Path
) -> None:
    out, rng = tmp_path / "out", Random(3)
    words: tuple[object, ...] = ("merge", *parts, "--out", out)
    for _ in range(20):
        process = start(*words)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=0.3 + rng.random())
        process.kill()
        process.communicate()
        if (out / "run.json").exists():
            words = ("resume", out)
    finish(start(*words)).done()
    assert dataset(out) == dataset(whole)


def test_absent_shards_are_named(parts: Sequence[Path], tmp_path: Path) -> None:
    merged = invoke("merge", parts[2], parts[1], "--out", tmp_path / "out")
    assert "not among the runs, and so not in the data: shard 0/4, 3/4\n" in merged.err


@pytest.mark.slow
def test_a_run_that_asks_nobody_is_kept_when_it_is_stopped_and_goes_on(tmp_path: Path) -> None:
    rows, out, whole = tmp_path / "rows.jsonl", tmp_path / "out", tmp_path / "whole"
    with rows.open("w", encoding="utf-8") as file:
        for number in range(100_000):  # longer than the seconds to the first checkpoint
            row = {"instruction": f"Describe hill {number}.", "output": f"Hill {number} is steep."}
            file.write(json.dumps(row) + "\n")
    words = ("import", rows, "--out", out)
    with running(*words, until=(out / "checkpoint.json").exists) as run:
        run.send_signal(signal.SIGINT)
        stopped = finish(run)
    assert stopped.code == 130 and "go on with: selfinstruct resume" in stopped.out
    invoke("resume", out).done()
    invoke("import", rows, "--out", whole).done()
    assert dataset(out) == dataset(whole)


def copied(part: Path, home: Path) -> Path:
    target = home / f"copy of {part.name}"
    shutil.copytree(part, target)
    return target
