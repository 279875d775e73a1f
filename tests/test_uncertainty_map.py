"""The task map and the balance, in `stats` and on the page of `report`."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfinstruct.data.examples import Example
from selfinstruct.report import page
from selfinstruct.report.maps import balance as balance_section
from selfinstruct.report.maps import map_section, task_maps
from selfinstruct.report.rows import packed
from selfinstruct.runs.view import load_run
from selfinstruct.stats import SCHEMA, Stats, measure
from selfinstruct.stats.balance import Balance, balances, with_verbs
from selfinstruct.stats.labels import count_labels
from selfinstruct.stats.task_map import count_kinds, task_map
from selfinstruct.stats.verbs import Verb, Verbs

HOSTILE = "</script><img src=x onerror=alert(1)> %{x} <b>"


def example(number: int, output: str, **provenance: Any) -> Example:
    words = f"Say the word of the day, number {number}, to all of the people in the house."
    return Example(f"e{number}", words, "", output, None, provenance)


def found(rows: list[Example]) -> dict[str, Balance]:
    return {each.by: each for each in balances(rows, count_labels(rows))}


def measured(directory: Path, numbers: list[tuple[float | None, float | None]]) -> None:
    lines = [
        {
            "task": f"t{at}",
            "instruction": f"Task {at} {HOSTILE}",
            "uncertainty": u,
            "probability": p,
        }
        for at, (u, p) in enumerate(numbers)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (directory / "uncertainty.jsonl").write_text(text)


# ---------------------------------------------------------------- balance


def test_a_component_with_over_half_has_a_warning() -> None:
    rows = [example(number, "a", source="xy"[number % 4 == 0]) for number in range(100)]
    source = found(rows)["source"]
    assert source.parts == (("x", 75), ("y", 25)) and source.different == 2
    assert source.effective == pytest.approx(
        math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    )
    assert source.warning == "75% have the source x"
    even = [example(number, "a", source="xy"[number % 2]) for number in range(100)]
    assert found(even)["source"].warning == "" and found(even)["source"].effective == 2


def test_a_single_source_is_no_warning_and_a_single_language_is() -> None:
    rows = [example(number, "The end of it.", source="x") for number in range(10)]
    assert found(rows)["source"].warning == ""
    assert found(rows)["language"].warning == "100% have the language en"
    assert found(rows)["length"].parts == (("2 to 10 words", 10),)
    assert "topic" not in found(rows) and "label" not in found(rows)


def test_verbs_stand_behind_sources_and_of_no_example_there_is_no_balance() -> None:
    verbs = Verbs("m", 10, 10, 8, 5, 6, (Verb("write", 5, ()), Verb("list", 2, ())))
    rows = [example(number, "a", source="x") for number in range(10)]
    names = [each.by for each in with_verbs(balances(rows, count_labels(rows)), verbs)]
    assert names == ["source", "verb", "language", "length"]
    assert with_verbs((), verbs)[0].warning == "62% have the verb write"
    assert balances([], count_labels([])) == ()


# ---------------------------------------------------------------- the map


def test_the_third_with_the_highest_uncertainty_is_ambiguous(tmp_path: Path) -> None:
    measured(
        tmp_path,
        [(0.5, 0.5), (0.4, 0.1), (0.1, 0.9), (0.1, 0.2), (0.0, 0.8), (0.2, 0.1), (None, 0.5)],
    )
    kinds = [point.kind for point in task_map(tmp_path)]
    assert kinds == ["ambiguous", "ambiguous", "easy", "difficult", "easy", "difficult"]
    assert count_kinds(task_map(tmp_path)) == {"ambiguous": 2, "easy": 2, "difficult": 2}


def test_at_an_uncertainty_of_0_no_task_is_ambiguous(tmp_path: Path) -> None:
    assert task_map(tmp_path) == ()
    measured(tmp_path, [(0.0, 0.5), (0.0, 0.1)])
    assert count_kinds(task_map(tmp_path))["ambiguous"] == 0


@pytest.fixture(scope="module")
def directory(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("map") / "run"
    shutil.copytree(finished, out)
    measured(out, [(at % 7 / 10, at % 11 / 11) for at in range(40)])
    return out


@pytest.fixture(scope="module")
def run(directory: Path) -> Stats:
    return measure(load_run(directory))


def test_the_record_keeps_to_its_schema_and_the_lines_say_the_same(run: Stats) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    record = json.loads(json.dumps(run.to_record()))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(record)
    assert len(record["task_map"]) == 40
    by = {each["by"]: each for each in record["balance"]}
    assert by["language"]["warning"] and by["length"]["of"] == 150
    said = "\n".join(run.lines())
    assert "warning: 100% have the language en" in said
    assert "tasks measured for uncertainty" in said and "ambiguous" in said


@pytest.mark.skipif(importlib.util.find_spec("plotly") is None, reason="no plotly (extra: report)")
def test_plotly_takes_the_map_and_its_texts_are_harmless(run: Stats, directory: Path) -> None:
    from plotly.graph_objects import Figure

    drawn = task_maps([run])
    assert list(drawn) == ["task-map-0"]
    Figure(drawn["task-map-0"])  # raises for what Plotly does not know
    names = [trace["name"] for trace in drawn["task-map-0"]["data"]]
    assert names == ["ambiguous", "easy", "difficult"]
    assert sum(len(trace["x"]) for trace in drawn["task-map-0"]["data"]) == 40
    assert "<img" not in json.dumps(drawn)
    assert "Task map" in map_section([run]) and "Over half" in balance_section(0, run)
    text = page([run], packed([load_run(directory)], [{}]))
    assert 'id="task-map-0"' in text and "<h2>Balance</h2>" in text


def test_a_run_that_was_not_measured_has_no_map(run: Stats) -> None:
    unmeasured = replace(run, task_map=())
    assert task_maps([unmeasured]) == {} and map_section([unmeasured]) == ""
