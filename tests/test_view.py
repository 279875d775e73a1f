"""What others read of a run is what the run wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command import run

from selfinstruct.errors import UserError
from selfinstruct.runs.view import load_run
from selfinstruct.text import to_json


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("view") / "run"
    assert run("generate", "--model", "scripted", "--n", "120", "--out", out).code == 0
    return out


def lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


def test_every_line_comes_back_as_it_was_written(directory: Path) -> None:
    view = load_run(directory)
    assert [one.to_line() for one in view.examples()] == lines(directory / "examples.jsonl")
    assert [one.to_line() for one in view.instructions()] == lines(directory / "instructions.jsonl")
    assert [one.to_line() for one in view.rejected()] == lines(directory / "rejected.jsonl")
    assert [to_json(one) for one in view.replies()] == lines(directory / "completions.jsonl")
    assert len(view.seeds()) == 175
    assert view.config.n == 120
    assert list(view.judgements()) == []


def test_the_funnel_counted_anew_is_the_run_s(directory: Path) -> None:
    recorded = json.loads((directory / "checkpoint.json").read_text("utf-8"))["end"]["funnel"]
    assert load_run(directory).funnel().to_record() == recorded


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UserError, match="no run here"):
            load_run(path)


def test_a_broken_line_is_named(directory: Path, tmp_path: Path) -> None:

    copy = tmp_path / "copy"
    shutil.copytree(directory, copy)
    with (copy / "examples.jsonl").open("a") as file:
        file.write('{"id": 3}\n{"torn')
    with pytest.raises(UserError, match=r"examples\.jsonl:121: .*--repair"):
        list(load_run(copy).examples())
