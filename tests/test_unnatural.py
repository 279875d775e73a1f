"""`unnatural`: tasks elicited by three demonstrations, their outputs and other wordings."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import Ran, at, dataset, invoke, kill_until_done, start
from server import LoopbackServer, latency

from selfinstruct.parsing.elicited import constrained_task
from selfinstruct.recipes.unnatural.demonstrations import read_materials

MODEL = ("--model", "scripted", "--paraphrases", 2)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def unnatural(*words: object, **environment: str) -> Ran:
    return invoke("unnatural", *words, **environment)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unnatural") / "run"
    unnatural(*MODEL, "--n", 200, "--out", out).done()
    return out


def test_a_task_has_its_constraints_and_its_wordings_have_the_input_put_in(made: Path) -> None:
    examples = lines_of(made / "examples.jsonl")
    assert len(examples) == 200
    tasks = {line["id"]: line for line in lines_of(made / "instructions.jsonl")}
    assert all(set(example["provenance"]) == set(examples[0]["provenance"]) for example in examples)
    wordings = [example for example in examples if example["provenance"]["paraphrase"]]
    assert len(wordings) > 60
    for example in examples:
        provenance = example["provenance"]
        task = tasks[provenance["instruction_id"]]
        assert task["input"] == provenance["input"] and len(set(task["demonstrations"])) == 3
        limits = provenance["constraints"]
        after = "" if limits == "None." else f"\n\n{limits}"
        if not provenance["paraphrase"]:
            asked = (task["instruction"] + after, task["input"])
            assert (example["instruction"], example["input"]) == asked
            assert provenance["task"] == task["instruction"]
        else:
            filled = provenance["paraphrase"].replace("{INPUT}", provenance["input"])
            assert (example["instruction"], example["input"]) == (filled + after, "")
            assert ("{INPUT}" in provenance["paraphrase"]) == bool(provenance["input"])


def test_every_drop_has_its_reason_and_the_funnel_adds_up(made: Path) -> None:
    rejected = lines_of(made / "rejected.jsonl")
    reasons = Counter((line["what"], line["reason"]) for line in rejected)
    assert reasons["instance", "unchanged"] and reasons["leftover", "remark"]
    funnel = json.loads((made / "checkpoint.json").read_text())["end"]["funnel"]
    dropped = Counter[str]()
    for key, count in funnel["rejected"].items():
        dropped[key.partition("/")[0]] += count
    unread = sum(line["what"] == "reply" and line["stage"] == "elicit" for line in rejected)
    assert funnel["admitted"] == len(lines_of(made / "instructions.jsonl"))
    assert funnel["turns"] <= funnel["admitted"] + dropped["instruction"] + unread
    assert funnel["examples"] == 200


def test_it_is_verified_and_judged_and_its_funnel_speaks_of_draws(made: Path) -> None:
    invoke("verify", made).done()
    said = invoke("status", made).done().out
    assert "finished" in said and "draws" in said


@pytest.mark.parametrize("concurrency", [1, 64])
def test_the_bytes_depend_on_no_concurrency(concurrency: int, made: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    unnatural(*MODEL, "--n", 200, "--concurrency", concurrency, "--out", out).done()
    assert dataset(out) == dataset(made)


def test_a_longer_run_equals_an_extended_one_after_a_cap(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    stopped = unnatural(*MODEL, "--n", 120, "--max-requests", 100, "--out", out)
    assert stopped.code == 75
    assert len(lines_of(out / "completions.jsonl")) <= 100
    invoke("resume", out, "--max-requests", -1).done()
    assert len(lines_of(out / "examples.jsonl")) == 120
    invoke("resume", out, "--n", 200).done()
    assert dataset(out) == dataset(made)


@pytest.mark.slow
def test_it_is_killed_and_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    chance = Random(3)
    with LoopbackServer(latency(0.002, spread=0.002, seed=3)) as server:
        words = ("unnatural", *at(server), "--paraphrases", 1, "--n", 80, "--concurrency", 8)

        def begin(*words: object) -> Any:
            return start(*words, OPENAI_API_KEY="none")

        invoke(*words, "--out", tmp_path / "whole", OPENAI_API_KEY="none").done()
        code, said, kills = kill_until_done(
            begin,
            (*words, "--out", tmp_path / "killed"),
            tmp_path / "killed",
            lambda: len(server.calls),
            lambda: chance.randint(30, 90),
        )
    assert code == 0, said
    assert kills >= 2
    assert dataset(tmp_path / "killed") == dataset(tmp_path / "whole")


@pytest.mark.parametrize("form", ["json_object", "json_schema"])
def test_replies_in_json_are_read(form: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    unnatural(*MODEL, "--n", 60, "--response-format", form, "--out", out).done()
    outputs = [example["output"] for example in lines_of(out / "examples.jsonl")]
    assert sum(output.startswith("{") for output in outputs) <= 3  # with another name


def test_its_own_form_has_instances_and_reformulations(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "unnatural.jsonl"
    invoke("export", made, "--format", "unnatural", "--out", out).done()
    rows = lines_of(out)
    examples = lines_of(made / "examples.jsonl")
    ids = {example["provenance"]["instruction_id"] for example in examples}
    assert len(rows) == len(ids)
    assert sum(len(row["instances"]) + len(row["reformulations"]) for row in rows) == 200
    first = rows[0]
    assert set(first["instances"][0]) == {
        *("input", "instruction_with_input", "constraints", "output")
    }
    for row in rows:
        [instance] = row["instances"]
        asked = [row["instruction"], *filter(None, [instance["input"]])]
        assert instance["instruction_with_input"] == "\n\n".join(asked)
        for other in row["reformulations"]:
            assert other["output"] == instance["output"] and other["input"] == instance["input"]
            assert (
                other["instruction"].replace("{INPUT}", instance["input"])
                == (other["instruction_with_input"])
            )
    shuffled = tmp_path / "shuffled.jsonl"
    invoke("export", made, "--format", "unnatural", "--shuffle-seed", 1, "--out", shuffled).done()
    assert rows != lines_of(shuffled)
    assert sorted(map(json.dumps, rows)) == sorted(map(json.dumps, lines_of(shuffled)))


def test_datasets_loads_its_own_form(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    out = tmp_path / "unnatural.jsonl"
    invoke("export", made, "--format", "unnatural", "--out", out).done()
    loaded = datasets.load_dataset(
        "json", data_files=str(out), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert [row["instances"][0]["output"] for row in loaded] == [
        row["instances"][0]["output"] for row in lines_of(out)
    ]


def test_a_run_shows_its_tasks_with_their_constraints(made: Path, tmp_path: Path) -> None:
    shown = read_materials((str(made),), None, at_least=3).value
    assert any(task.constraints != "None." for task in shown)
    assert not any(task.instruction.endswith(task.constraints) for task in shown)
    out = tmp_path / "run"
    unnatural("--from", made, "--model", "scripted", "--n", 20, "--out", out).done()
    ids = {line["id"] for line in lines_of(made / "examples.jsonl")}
    assert set(lines_of(out / "instructions.jsonl")[0]["demonstrations"]) <= ids


def test_a_run_goes_on_without_the_source_of_its_demonstrations(tmp_path: Path) -> None:
    source, out = tmp_path / "rows.jsonl", tmp_path / "run"
    rows = [{"instruction": f"Name river {number}.", "output": "The Oder."} for number in range(9)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    unnatural("--from", source, "--model", "scripted", "--n", 10, "--out", out).done()
    source.unlink()
    invoke("resume", out, "--n", 20).done()
    invoke("verify", out).done()


def test_too_few_tasks_and_no_source_are_refused_in_a_line(tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text('{"instruction": "Name a river.", "output": "The Oder."}\n')
    for path, fault in ((source, "1 tasks to show"), (tmp_path / "none", "no such file")):
        ran = unnatural("--from", path, "--model", "scripted", "--out", tmp_path / "run")
        assert ran.code == 2 and fault in ran.error and ran.error.count("\n") <= 1
    assert not (tmp_path / "run").exists()


# ---------------------------------------------------------------- the parser

TASK = "Instruction: Name the season.\nInput: The harvest begins in October.\nConstraints: "


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (TASK + "A season.", ("Name the season.", "The harvest begins in October.", "A season.")),
        (
            "Example 4\n" + TASK + "None",
            ("Name the season.", "The harvest begins in October.", "None."),
        ),
        (
            "**Instruction:** Sing.\n**Input:** N/A\n**Constraints:** In\ntwo lines",
            ("Sing.", "", "In\ntwo lines"),
        ),
        (
            'Sure!\n```json\n{"instruction": "Sing.", "input": "", "constraints": "None."}\n```',
            ("Sing.", "", "None."),
        ),
        (TASK + "None.\n\nExample 5\n" + TASK + "Two.", None),
    ],
)
def test_a_task_is_read_in_its_usual_forms(reply: str, expected: tuple[str, ...] | None) -> None:
    task = constrained_task(reply, "stop")
    found = (task.instruction, task.input, task.constraints)
    assert task.reason is None and not task.missing
    assert found == (expected or ("Name the season.", "The harvest begins in October.", "None."))
    assert bool(task.leftovers) == (expected is None or reply.startswith("Sure"))


@pytest.mark.parametrize(
    ("reply", "finish", "reason"),
    [
        ("", "stop", "empty_reply"),
        ("I'm sorry, I cannot do that.", "stop", "refusal"),
        ("There is no task here.", "stop", "no_tasks"),
        (TASK, "length", "cut_by_length"),
        ('{"instruction": "Sing.", "inp', "stop", "broken_json"),
    ],
)
def test_a_reply_without_a_task_has_its_reason(reply: str, finish: str, reason: str) -> None:
    task = constrained_task(reply, finish)
    assert task.is_empty and task.reason == reason


def test_missing_fields_are_named() -> None:
    assert constrained_task("Instruction: Sing.\nConstraints: None", "stop").missing == ("input",)
    assert constrained_task("Instruction: Sing.\nInput: La", "stop").missing == ("constraints",)
    assert constrained_task(TASK, "stop").missing == ("constraints",)


@pytest.mark.slow
def test_two_thousand_examples(tmp_path: Path) -> None:
    """Concurrency 1 and 64, a run in three parts, and every cap held."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    unnatural(*MODEL, "--n", 2000, "--concurrency", 64, "--out", whole).done()
    unnatural(*MODEL, "--n", 2000, "--concurrency", 1, "--out", tmp_path / "one").done()
    assert dataset(tmp_path / "one") == dataset(whole)
    chance = Random(7)
    code, cap = unnatural(*MODEL, "--n", 2000, "--max-requests", 100, "--out", parts).code, 100
    while code == 75:
        assert len(lines_of(parts / "completions.jsonl")) <= cap
        cap += chance.randint(50, 200)
        code = invoke("resume", parts, "--max-requests", cap).code
    assert code == 0 and dataset(parts) == dataset(whole)
    invoke("verify", whole).done()
