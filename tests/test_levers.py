"""`generate` with several models, and with tasks that come with their probability."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import Ran, at, dataset, invoke, killed_at
from server import LoopbackServer, latency

from selfinstruct.parsing.marked import propose

MODELS = ("--model", "scripted", "--model", "scripted:b", "--model", "scripted:c")
LEVERS = (*MODELS, "--tail", 0.1)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def generate(out: Path, *words: object, **environment: str) -> Ran:
    return invoke("generate", "--out", out, *words, **environment)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("levers") / "run"
    generate(out, *LEVERS, "--n", 60).done()
    return out


def test_each_turn_has_its_model_and_each_instruction_its_probability(run: Path) -> None:
    turns: dict[int, set[str]] = {}
    examples = lines_of(run / "examples.jsonl")
    for example in examples:
        made = example["provenance"]
        turns.setdefault(made["turn"], set()).add(made["model"])
    assert all(len(models) == 1 for models in turns.values())
    counts = Counter(example["provenance"]["model"] for example in examples)
    assert set(counts) == {"scripted", "scripted:b", "scripted:c"}
    weights = [line.get("probability") for line in lines_of(run / "instructions.jsonl")]
    known = [weight for weight in weights if weight is not None]
    assert len(known) > 0.5 * len(weights) and all(0 < weight <= 1 for weight in known)
    texts = [line["instruction"] for line in lines_of(run / "instructions.jsonl")]
    assert not [text for text in texts if "probability=" in text or "<" in text]
    invoke("verify", run).done()


@pytest.mark.parametrize("concurrency", [1, 64])
def test_the_bytes_depend_on_no_concurrency_and_on_no_stop(
    concurrency: int, run: Path, tmp_path: Path
) -> None:
    generate(tmp_path / "run", *LEVERS, "--n", 25, "--concurrency", concurrency).done()
    generate(tmp_path / "run", "--n", 60).done()
    assert dataset(tmp_path / "run") == dataset(run)


def test_replies_in_json_have_probabilities(tmp_path: Path) -> None:
    words = ("--model", "scripted", "--tail", 1, "--response-format", "json_schema")
    generate(tmp_path / "run", *words, "--n", 20).done()
    weights = [line.get("probability") for line in lines_of(tmp_path / "run/instructions.jsonl")]
    assert sum(weight is not None for weight in weights) > 0.5 * len(weights)
    reasons = {line["reason"] for line in lines_of(tmp_path / "run" / "rejected.jsonl")}
    assert "left_over" not in reasons


def test_a_server_is_told_the_model_and_the_bound(tmp_path: Path) -> None:
    with LoopbackServer() as server:
        words = (*at(server, model="a"), "--model", "b", "--tail", 0.05, "--n", 36)
        generate(tmp_path / "run", *words, OPENAI_API_KEY="none").done()
        asked = Counter(body["model"] for body in server.requests)
        last = [body["messages"][-1]["content"] for body in server.requests]
    assert set(asked) == {"a", "b"} and min(asked.values()) > 3
    assert sum("is at most 0.05" in text for text in last) >= 2
    made = {
        line["provenance"]["instruction_id"]: line["provenance"]["model"]
        for line in lines_of(tmp_path / "run" / "examples.jsonl")
    }
    assert set(made.values()) == {"a", "b"}
    plan = invoke("generate", *MODELS, "--n", 30, "--dry-run").done().out
    assert "scripted, scripted:b, scripted:c" in plan


def test_without_the_levers_nothing_is_other_than_before(tmp_path: Path) -> None:
    generate(tmp_path / "run", "--model", "scripted", "--n", 20).done()
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["config"]["tail"], record["config"]["other_models"]) == (0.0, [])
    assert not [
        line for line in lines_of(tmp_path / "run/instructions.jsonl") if "probability" in line
    ]
    for name in ("tail", "other_models"):
        del record["config"][name]  # as an earlier version wrote the file
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    generate(tmp_path / "run", "--n", 40).done()
    generate(tmp_path / "whole", "--model", "scripted", "--n", 40).done()
    assert dataset(tmp_path / "run") == dataset(tmp_path / "whole")


@pytest.mark.slow
def test_it_is_killed_and_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    chance = Random(7)
    with LoopbackServer(latency(0.01, spread=0.01, seed=3)) as server:
        words = (*at(server, model="a"), "--model", "b", "--tail", 0.2, "--n", 40)
        whole = (*words, "--concurrency", 2)
        generate(tmp_path / "whole", *whole, OPENAI_API_KEY="none").done()
        out = tmp_path / "killed"
        code, said, kills = killed_at(
            server, ("generate", *whole), out, lambda: chance.randint(10, 25)
        )
    assert code == 0, said
    assert kills >= 2
    assert dataset(out) == dataset(tmp_path / "whole")


@pytest.mark.parametrize(
    ("reply", "weight"),
    [
        ('<task probability="0.03">\nName it.\n</task>', 0.03),
        ("<task probability='3%'>\nName it.\n</task>", 0.03),
        ('<task labels="a | b" probability="0,2">\nName it.\n</task>', 0.2),
        ('<task labels="a | b" p=0.2>\nName it.\n</task>', 0.2),
        ("<task prob=.5>\nName it.\n</task>", 0.5),
        ('<task probability="~0.04">\nName it.\n</task>', 0.04),
        ("<task>\nName it.\n<probability>0.07</probability>\n</task>", 0.07),
        ('<task probability="high">\nName it.\n</task>', None),
        ('<task probability="3">\nName it.\n</task>', None),
        ('<task probability="0">\nName it.\n</task>', None),
        ("<task>\nName it.\n</task>", None),
        ('{"instructions": [{"instruction": "Name it.", "probability": 0.5}]}', 0.5),
        ('{"instructions": [{"instruction": "Name it.", "probability": "5%"}]}', 0.05),
        ('{"instructions": [{"instruction": "Name it.", "probability": true}]}', None),
        ('{"instructions": [{"instruction": "Name it.", "probability": [1]}]}', None),
        ('{"instructions": ["Name it."]}', None),
    ],
)
def test_a_probability_is_read(reply: str, weight: float | None) -> None:
    found = propose(reply, "stop", weighs=True)
    [draft] = found.drafts
    assert (draft.instruction, draft.probability) == ("Name it.", weight)
    assert (found.reason, found.leftovers) == (None, ())


def test_without_the_lever_a_probability_is_left_over() -> None:
    reply = '{"instructions": [{"instruction": "Name it.", "probability": 0.5}]}'
    found = propose(reply, "stop")
    assert found.drafts[0].probability is None
    assert [each.text for each in found.leftovers] == ["probability: 0.5"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--tail", 2), "--tail 2.0: must be between 0 and 1"),
        (("--tail", 0.1, "--preset", "paper"), "--tail 0.1: must be 0 with --preset paper"),
        (("--model", "scripted"), "--model scripted: must be named once; several models take"),
    ],
)
def test_bad_input_is_named_in_one_line(
    words: tuple[object, ...], wanted: str, tmp_path: Path
) -> None:
    assert wanted in generate(tmp_path / "run", "--model", "scripted", *words).error
    assert not (tmp_path / "run").exists()


def test_a_trial_asks_one_model_at_a_time() -> None:
    said = invoke("try", "--model", "scripted", "--model", "scripted:b").error
    assert said == "--model scripted:b: try asks one model at a time; name a single one"
