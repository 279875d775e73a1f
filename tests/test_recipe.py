"""A new recipe is one file: everything around the engine works for tests/glossary.py as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from command import ENVIRONMENT, PATIENCE, dataset, kill_until_done
from server import LoopbackServer, latency

HERE = Path(__file__).parent


def start(*words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(HERE / "glossary.py"), *map(str, words)],
        env={**ENVIRONMENT, "OPENAI_API_KEY": "none"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def run(*words: object) -> str:
    process = start(*words)
    said = process.communicate(timeout=PATIENCE)[0].decode()
    assert process.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("glossary") / "run"
    said = run("glossary", "--model", "scripted", "--words", 60, "--out", out)
    assert "words" in said
    return out


def test_it_runs_to_the_end_of_its_items_and_is_finished(finished: Path) -> None:
    funnel = json.loads((finished / "checkpoint.json").read_text())["end"]["funnel"]
    assert funnel["turns"] == 60
    assert 50 <= funnel["examples"] <= 60
    assert funnel["examples"] + sum(funnel["rejected"].values()) >= 60
    assert "finished" in run("status", finished)


def test_it_is_verified_shown_judged_and_exported(finished: Path, tmp_path: Path) -> None:
    assert "are what the replies give" in run("verify", finished)
    assert "instructions" in run("stats", finished)
    assert "judged" in run("judge", finished, "--model", "scripted")
    run("report", finished, "--out", tmp_path / "report.html")
    run("check", finished)
    run("export", finished, "--format", "messages", "--out", tmp_path / "out.jsonl")
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) >= 50
    assert "recipe glossary" in run("status", finished)


def test_its_help_has_its_own_settings_and_a_dry_run_sends_nothing(tmp_path: Path) -> None:
    said = run("glossary", "--help")
    assert "--words" in said and "--preset" not in said
    said = run("glossary", "--model", "scripted", "--dry-run", "--out", tmp_path / "none")
    assert "Ask a question about the word number 0." in said
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_it_is_killed_and_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    chance = Random(5)
    with LoopbackServer(latency(0.01, spread=0.01, seed=3)) as server:
        at = ("--model", "m", "--base-url", server.base_url, "--words", 120, "--concurrency", 4)
        run("glossary", *at, "--out", tmp_path / "whole")
        calls = len(server.calls)
        code, said, kills = kill_until_done(
            start,
            ("glossary", *at, "--out", tmp_path / "killed"),
            tmp_path / "killed",
            lambda: len(server.calls),
            lambda: chance.randint(5, 60),
        )
        assert code == 0, said
        assert kills >= 2
        assert len(server.calls) - calls <= calls + 8 * kills  # only what was under way, again
    assert dataset(tmp_path / "killed") == dataset(tmp_path / "whole")
