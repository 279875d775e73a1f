"""Servers as people have them: each row of behaviours.py, with the outcome that a user meets."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from behaviours import BEHAVIOURS, Ends, Row, poisoned, said
from command import Ran, at, invoke
from server import LoopbackServer

from selfinstruct.runs.view import load_run

N = 12
JUDGED = 12
POISONED = 3  # of those: whose prompts the table takes for poisoned
BROKEN = 1  # verdicts at most that the scripted model itself does not give
WAYS = 3
MOST_REFUSALS = 64 + 20  # of a sitting: the calls that were under way at once, and the search


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run for judge to read: among its examples are some with poisoned prompts."""
    out = tmp_path_factory.mktemp("behaviours") / "run"
    invoke("generate", "--model", "scripted", "--n", 5 * JUDGED, "--out", out).done()
    with LoopbackServer() as server:
        invoke("judge", out, *at(server)).done()
    prompts = [said(body) for body in server.requests if poisoned(body)]
    examples = out / "examples.jsonl"
    lines = examples.read_text("utf-8").splitlines(keepends=True)
    parts = ("instruction", "input", "output")
    bad = [
        line
        for line in lines
        if any(all(json.loads(line)[part] in text for part in parts) for text in prompts)
    ]
    good = [line for line in lines if line not in bad]
    chosen = bad[:POISONED] + good[: JUDGED - POISONED]
    assert (len(chosen), len(bad[:POISONED])) == (JUDGED, POISONED)
    examples.write_text("".join(line for line in lines if line in chosen), "utf-8")
    return out


def lost(record: Path) -> list[str]:
    """The reasons for which requests of a record are lost, without replies that hold nothing."""
    if not record.exists():
        return []
    replies = (json.loads(line) for line in record.read_text("utf-8").splitlines())
    return [reply["error"] for reply in replies if reply.get("error")]


def generated(row: Row, way: int, out: Path) -> None:
    """generate, held to its row."""
    with LoopbackServer(row.ways[way]) as server:
        options = ("--n", N, *row.options, *row.generates)
        ran = invoke("generate", "--out", out, *at(server), *options)
    check(ran, row.generate, lost(out / "completions.jsonl"))
    if ran.code == 0:
        examples = list(load_run(out).examples())
        assert len(examples) == N
        texts = [
            f"{example.instruction}\n{example.input}\n{example.output}" for example in examples
        ]
        assert not [text for text in texts if row.never and re.search(row.never, text)]


def judges(row: Row, way: int, run: Path, out: Path) -> None:
    """judge, held to its row."""
    out.mkdir()
    for name in ("run.json", "examples.jsonl"):
        (out / name).write_bytes((run / name).read_bytes())
    with LoopbackServer(row.ways[way]) as server:
        ran = invoke("judge", out, *at(server), *row.options)
    records = (out / "judge").glob("*/completions.jsonl")
    check(ran, row.judge, [reason for record in records for reason in lost(record)])
    if ran.code == 0:
        verdicts = [verdict for verdict in load_run(out).judgements() if verdict["score"]]
        assert row.judge.has_gaps in (None, len(verdicts) < JUDGED - BROKEN)


def check(ran: Ran, ends: Ends, reasons: list[str]) -> None:
    assert ran.code == ends.code, ran.out + ran.err
    assert re.search(ends.says, ran.out + ran.err), ran.out + ran.err
    assert ends.loses in (None, bool(reasons)), (reasons, ran.err)


def cases(rows: list[tuple[Row, int]]) -> list[object]:
    return [pytest.param(row, way, id=f"{row.name} {way + 1}") for row, way in rows]


# The default suite runs a third of the table, in turn in the first, second and third way.
QUICK = [row for row in BEHAVIOURS if not row.is_slow]
FEW = [(row, number % WAYS) for number, row in enumerate(QUICK[::3])]
ALL = [(row, way) for row in BEHAVIOURS for way in range(WAYS) if (row, way) not in FEW]


def test_the_table_holds_sixty_behaviours_in_three_ways_each() -> None:
    assert len({row.name for row in BEHAVIOURS}) == len(BEHAVIOURS) >= 60
    assert {len(row.ways) for row in BEHAVIOURS} == {WAYS}


@pytest.mark.parametrize(("row", "way"), cases(FEW))
def test_generate_and_judge_end_as_the_table_says(
    row: Row, way: int, judged: Path, tmp_path: Path
) -> None:
    generated(row, way, tmp_path / "generated")
    if row.judged:
        judges(row, way, judged, tmp_path / "judged")


@pytest.mark.slow
@pytest.mark.parametrize(("row", "way"), cases(ALL))
def test_generate_ends_as_the_table_says(row: Row, way: int, tmp_path: Path) -> None:
    generated(row, way, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize(("row", "way"), cases([(row, way) for row, way in ALL if row.judged]))
def test_judge_ends_as_the_table_says(row: Row, way: int, judged: Path, tmp_path: Path) -> None:
    judges(row, way, judged, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["temperature with top_p", "no system message", "no JSON schema"])
@pytest.mark.parametrize("way", range(WAYS))
def test_a_hundred_examples_with_default_settings(name: str, way: int, tmp_path: Path) -> None:
    [row] = (row for row in BEHAVIOURS if row.name == name)
    out = tmp_path / "run"
    with LoopbackServer(row.ways[way]) as server:
        invoke("generate", "--out", out, *at(server)).done()
        calls = len(server.calls)
        invoke("judge", out, *at(server)).done()
        assert not server.bought_twice
        for sitting in (server.calls[:calls], server.calls[calls:]):
            assert sum(call.status != 200 for call in sitting) <= MOST_REFUSALS
    assert len(list(load_run(out).examples())) == 100
    assert not lost(out / "completions.jsonl")
    assert all(verdict["score"] for verdict in load_run(out).judgements())
