"""`dynosaur`: annotated datasets become tasks, and their rows examples, without a call."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import Ran, at, dataset, invoke, killed_at, start
from server import LoopbackServer, latency

from selfinstruct.parsing.field_tasks import FieldTask, field_tasks
from selfinstruct.recipes.dynosaur.fields import Fields, fields_of
from selfinstruct.recipes.dynosaur.identifiers import are_identifiers
from selfinstruct.recipes.dynosaur.organising import organised
from selfinstruct.recipes.dynosaur.settings import DynosaurConfig
from selfinstruct.recipes.dynosaur.tasks import Task, TaskFilter
from selfinstruct.records.datasets import open_dataset

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "strategies"
MODEL = ("--model", "scripted")
CARD = """---
license: cc-by-4.0
dataset_info:
  features:
  - name: mood
    dtype: {class_label: {names: [bad, fair, good]}}
---
# Reviews
Reviews of boats.
"""


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def written(folder: Path, rows: list[Any], card: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    if card:
        (folder / "README.md").write_text(card)
    return folder


def reviews(count: int) -> list[dict[str, Any]]:
    towns = ("Porto", "Ghent", "Oslo")
    return [
        {
            "code": f"rev-{at}",
            "text": f"The boat {at} was {['leaking', 'plain', 'splendid'][at % 3]}.",
            "mood": at % 3,
            "town": towns[at % 7 % 3],
            "nested": [{"a": 1}],
        }
        for at in range(count)
    ]


def quizzes(count: int) -> list[dict[str, Any]]:
    return [
        {
            "question": f"Who was number {at}?",
            "answer": f"Person {at * 7} of {at % 5}",
            "year": 1900 + at % 90,
        }
        for at in range(count)
    ]


def dynosaur(*words: object, **environment: str) -> Ran:
    return invoke("dynosaur", *words, **environment)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("datasets")
    several = [written(folder / "boats", reviews(90), CARD), written(folder / "quiz", quizzes(60))]
    return [*several, *(written(folder / f"quiz{at}", quizzes(20 + at)) for at in range(6))]


@pytest.fixture(scope="module")
def made(places: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    dynosaur(*places, *MODEL, "--per-task", 25, "--out", out).done()
    return out


def test_every_example_is_a_row_under_a_task(made: Path, places: list[Path]) -> None:
    tasks = {line["id"]: line for line in lines_of(made / "instructions.jsonl")}
    examples = lines_of(made / "examples.jsonl")
    assert len(tasks) > 15 and len(examples) > 300
    rows = [row.fields for row in open_dataset(str(places[0]))]  # type: ignore[union-attr]
    for example in examples:
        made_of, source = (
            example["provenance"],
            tasks[example["provenance"]["instruction_id"]]["source"],
        )
        assert example["instruction"] == tasks[made_of["instruction_id"]]["instruction"]
        if made_of["dataset"] == "boats":
            assert made_of["license"] == "cc-by-4.0"
            row = rows[made_of["row"] - 1]
            assert example["output"] == row[source["output_field"]]
            assert all(row[name] in example["input"] for name in source["input_fields"])
    counts = Counter(example["provenance"]["instruction_id"] for example in examples)
    assert max(counts.values()) == 25
    assert not [
        line for line in tasks.values() if {"code", "nested"} & {*line["source"]["input_fields"]}
    ]


@pytest.mark.slow
def test_it_has_statistics_judgements_and_a_report(made: Path, tmp_path: Path) -> None:
    invoke("stats", made).done()
    invoke("check", made).done()
    invoke("judge", made, *MODEL, "--sample", 5).done()
    invoke("report", made, "--out", tmp_path / "report.html").done()


def test_it_is_verified_and_exported(made: Path, tmp_path: Path) -> None:
    invoke("verify", made).done()
    invoke("export", made, "--format", "messages", "--out", tmp_path / "out").done()
    assert "recipe dynosaur" in invoke("status", made).done().out


@pytest.mark.parametrize("concurrency", [1, 64])
def test_the_bytes_depend_on_no_concurrency(
    concurrency: int, made: Path, places: list[Path], tmp_path: Path
) -> None:
    options = ("--per-task", 25, "--concurrency", concurrency, "--out", tmp_path / "run")
    dynosaur(*places, *MODEL, *options).done()
    assert dataset(tmp_path / "run") == dataset(made)


@pytest.mark.parametrize("n", [20, 237])  # in the midst of tasks and of parts
def test_n_ends_it_and_a_larger_n_goes_on(
    n: int, made: Path, places: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    dynosaur(*places, *MODEL, "--per-task", 25, "--n", n, "--out", out).done()
    assert len(lines_of(out / "examples.jsonl")) == n
    invoke("verify", out).done()
    invoke("resume", out, "--n", 100_000).done()
    assert dataset(out) == dataset(made)


def test_a_cap_ends_the_sitting_and_resume_goes_on(
    made: Path, places: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    options = ("--per-task", 25, "--max-requests", 7, "--out", out)
    assert dynosaur(*places, *MODEL, *options).code == 75
    invoke("resume", out, "--max-requests", -1).done()
    assert dataset(out) == dataset(made)


def test_a_schema_has_the_names_of_the_fields(places: list[Path], tmp_path: Path) -> None:
    with LoopbackServer(stage_of=lambda _: "aware") as server:
        options = ("--response-format", "json_schema", "--out", tmp_path / "run")
        dynosaur(places[0], *at(server), *options, OPENAI_API_KEY="none").done()
        sent = [request["response_format"]["json_schema"]["schema"] for request in server.requests]
    task = sent[0]["properties"]["tasks"]["items"]["properties"]
    assert task["output_field"]["enum"] == ["text", "mood", "town"]
    assert len(sent) == 2 and lines_of(tmp_path / "run" / "examples.jsonl")


def test_the_plan_and_the_end_say_the_price_of_1000_examples(
    places: list[Path], tmp_path: Path
) -> None:
    priced = (*MODEL, "--price-in", 2, "--price-out", 6, "--out", tmp_path / "run")
    plan = dynosaur(*places[:2], *priced, "--dry-run").done().out
    assert "per 1,000 " in plan and "Description: Reviews of boats." in plan
    assert not (tmp_path / "run").exists()
    assert "1,000 examples took " in dynosaur(*places[:2], *priced).done().out


# ---------------------------------------------------------------- tasks


def proposed(*tasks: FieldTask) -> TaskFilter:
    offered = ("text", "mood", "town")
    found = TaskFilter(Fields(offered, {"code": "identifier"}, (), 9), 0.7)
    found.take(tasks, "aware")
    return found


def test_the_filters_name_their_reasons_in_the_paper_s_order() -> None:
    good = FieldTask("Tell the mood.", ("text",), ("mood",))
    found = proposed(
        FieldTask("", ("text",), ("mood",)),
        FieldTask("Tell it.", ("nothing",), ()),
        FieldTask("Tell it.", (), ("mood",)),
        FieldTask("Tell it.", ("nothing", "mood"), ("mood",)),
        FieldTask("Tell it.", ("code",), ("mood",)),
        FieldTask("Tell it.", ("text", "mood"), ("mood",)),
        FieldTask("Tell it.", ("text",), ("mood", "town")),
        good,
        FieldTask("Tell the mood!", ("town",), ("mood",)),
        FieldTask("Write a text of that mood.", ("Mood",), ("text",)),
    )
    assert [each.reason for each in found.dropped] == [
        *("no_instruction", "no_output_field", "no_input_field", "unknown_field", "identifier"),
        *("input_and_output_overlap", "several_output_fields", "repeated_instruction"),
    ]
    assert [(task.inputs, task.output) for task in found.kept] == [
        (("text",), "mood"),
        (("mood",), "text"),
    ]
    more = (
        good,
        FieldTask("Tell the mood of it.", ("text",), ("mood",)),
        FieldTask("Tell the town.", ("text",), ("town",)),
    )
    found.take(more, "unaware")
    assert [each.reason for each in found.dropped[-2:]] == ["exact_duplicate", "similar"]
    assert found.kept[-1].output == "town"


def test_instructions_are_compared_across_datasets_on_request(
    places: list[Path], tmp_path: Path
) -> None:
    tasks = [
        {
            "task_name": name,
            "instruction": "Answer the question about a person.",
            "input_fields": ["question"],
            "output_field": ["answer"],
        }
        for name in ("quiz", "quiz0")
    ]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    words = (*places[1:3], "--tasks", tmp_path / "tasks.json")
    dynosaur(*words, "--out", tmp_path / "both").done()
    assert len(lines_of(tmp_path / "both" / "instructions.jsonl")) == 2
    dynosaur(*words, "--novelty-across", 0.9, "--out", tmp_path / "first").done()
    assert len(lines_of(tmp_path / "first" / "instructions.jsonl")) == 1
    [line] = lines_of(tmp_path / "first" / "rejected.jsonl")
    assert (line["reason"], line["similarity"]) == ("similar_across", 1.0)


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        ('{"instruction": "Do.", "input_fields": ["a"], "output_field": "b"}', ("Do.", "a", "b")),
        (
            '{"tasks": [{"instruction": "Do.", "input_fields": "a", "output_field": ["b"]}]}',
            ("Do.", "a", "b"),
        ),
        (
            "Task 1: {'instruction': \"Do.\", 'input_fields': ['a'], 'output_field': 'b'}",
            ("Do.", "a", "b"),
        ),
        ("**Instruction:** Do.\nInput fields: `a`\nOutput field: b", ("Do.", "a", "b")),
        (
            '```json\n[{"Instruction": "Do.", "input fields": ["a"], "output": "b"}]\n```',
            ("Do.", "a", "b"),
        ),
        (
            '{"instruction": "Do.", "input_fields": ["a"], "output_field": "b"}\n{"instr',
            ("Do.", "a", "b"),
        ),
        ('{"instruction": "Do.", "input_fields": ["a"]}', ("Do.", "a", "")),
        ("There are no tasks here.", None),
        ("", None),
    ],
)
def test_tasks_are_read_in_any_form(reply: str, wanted: tuple[str, str, str] | None) -> None:
    found = field_tasks(reply, "length" if reply.endswith("instr") else "stop")
    read = [
        (task.instruction, ",".join(task.inputs), ",".join(task.outputs)) for task in found.tasks
    ]
    assert read == ([wanted] if wanted is not None else [])
    assert (found.reason is not None) == (wanted is None or reply.endswith("instr"))


# ---------------------------------------------------------------- fields


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (range(40), True),
        ([f"HumanEval/{at}" for at in range(40)], True),
        ([f"{at * 0x9E3779B97F4A7C15:032x}" for at in range(40)], True),
        ([10_000_000 + at * 7919 for at in range(40)], True),
        ([f"https://example.org/{at}" for at in range(40)], True),
        ([f"Clip of a video, number {at}" for at in range(40)], False),
        ([0.5 + at / 100 for at in range(40)], False),  # confidence
        ([640, 480, 800] * 14, False),  # width
        ([f"2020-{1 + at % 12:02}-{1 + at % 28:02}" for at in range(40)], False),
        ([at * at * 37 for at in range(40)], False),  # populations
        (
            [f"C{at}H{2 * at}{'OSN'[: at % 4]}" + "(C)=O" * (at % 9) for at in range(40)],
            False,
        ),
        ([f"${at}.50" for at in range(40)], False),
        (["has_close_elements_" + "abcdefghij"[at] for at in range(10)], False),
        (list(range(5)), False),  # too few to tell
    ],
)
def test_identifiers_are_known_by_their_values(values: Any, wanted: bool) -> None:
    assert are_identifiers(list(values)) is wanted


def test_objects_are_opened_and_lists_are_choices_or_nothing(tmp_path: Path) -> None:
    rows = [
        {
            "video": f"A film about {at}",
            "inner": {"kind": "ab"[at % 2], "when": {"year": at % 7}},
            "choices": ["x", "y"],
            "tags": ["p"],
            "empty": None,
        }
        for at in range(30)
    ]
    fields = fields_of(open_dataset(str(written(tmp_path, rows))), 0)
    assert fields.offered == ("video", "inner.kind", "inner.when.year", "choices")
    assert fields.dropped == {"tags": "nested_field", "empty": "empty_field"}
    assert len(fields.shown) == 2 and fields.shown[0]["inner.kind"] == "a"


# ---------------------------------------------------------------- rows


def decided(tmp_path: Path, outputs: list[Any], **settings: Any) -> Any:
    rows = [{"text": f"text {at}", "label": label} for at, label in enumerate(outputs)]
    task = Task("Tell the label.", ("text",), "label", "aware")
    config = DynosaurConfig(model="scripted", **{"per_task": 0, **settings})
    return organised(open_dataset(str(written(tmp_path, rows))), [task], config)[0]


def test_labels_are_judged_by_shares_of_all_used_rows(tmp_path: Path) -> None:
    assert decided(tmp_path, ["b"] * 25 + ["a"] * 5).reason == "unbalanced_labels"  # 83% of 30
    assert decided(tmp_path, ["a"] * 40).reason == "single_label"
    assert decided(tmp_path, [None] * 9).reason == "no_rows"
    fair = decided(tmp_path, ["b"] * 20 + ["a"] * 10)
    assert (fair.reason, fair.labels) == (None, ("a", "b"))
    assert fair.instruction == "Tell the label. Answer with one of these: a, b."
    late = decided(tmp_path, ["b"] * 60 + ["a"] * 60 + ["c"] * 60)  # sorted by label
    assert late.labels == ("a", "b", "c")
    few = decided(tmp_path, list("abcdefgh"))  # a label a row is no label
    assert not few.is_classification and few.reason is None
    long = decided(tmp_path, ["a label that is rather long", "another"] * 20)
    assert long.is_classification and long.instruction == "Tell the label."


def test_a_limit_draws_rows_from_all_over_the_dataset(tmp_path: Path) -> None:
    outputs = ["a"] * 500 + ["b"] * 500
    found = decided(tmp_path, outputs, per_task=100)
    assert found.rows == 100 and found.labels == ("a", "b")
    assert decided(tmp_path, outputs, per_task=100, seed=1).used != found.used
    assert 30 < sum(number <= 500 for number in found.used) < 70
    assert decided(tmp_path, outputs, per_dataset=30).rows == 30
    assert max(decided(tmp_path, outputs + outputs, rows=700, per_task=300).used) <= 700


def test_equal_examples_are_drawn_once(tmp_path: Path) -> None:
    rows = [{"town": f"town {at % 9}", "land": "abc"[at % 9 // 3]} for at in range(300)]
    task = Task("Tell the land.", ("town",), "land", "aware")
    place = open_dataset(str(written(tmp_path, rows)))
    [found] = organised(place, [task], DynosaurConfig(model="scripted", per_task=50))
    assert found.used == tuple(range(1, 10))


def test_a_list_of_tasks_asks_no_model(tmp_path: Path) -> None:
    rows = [
        *reviews(40),
        {"text": "Not a label.", "mood": 9, "town": "Oslo"},
        {"text": "", "mood": 1},
    ]
    place = written(tmp_path / "boats", rows, CARD)
    (place / "train.jsonl").write_text((place / "train.jsonl").read_text() + "{broken\n")
    tasks = [
        {
            "task_name": "boats",
            "instruction": "Tell the mood. Answers must be one of x, y.",
            "input_fields": ["text"],
            "output_field": ["mood"],
        },
        {
            "task_name": "boats",
            "instruction": "Name the code.",
            "input_fields": ["text"],
            "output_field": ["code"],
        },
        {
            "task_name": "elsewhere",
            "instruction": "Do.",
            "input_fields": ["a"],
            "output_field": ["b"],
        },
    ]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    out = tmp_path / "run"
    said = dynosaur(place, "--tasks", tmp_path / "tasks.json", "--per-task", 0, "--out", out).done()
    assert "1 tasks of the list are over datasets that were not named" in said.err
    [task] = lines_of(out / "instructions.jsonl")
    assert task["instruction"] == "Tell the mood. Answer with one of these: bad, fair, good."
    reasons = Counter((line["stage"], line["reason"]) for line in lines_of(out / "rejected.jsonl"))
    assert reasons == {
        ("list", "identifier"): 1,
        ("read", "unreadable_row"): 2,
        ("organise", "blank_field"): 1,
    }
    assert len(lines_of(out / "examples.jsonl")) == 40
    assert (out / "completions.jsonl").read_bytes() == b""
    invoke("verify", out).done()
    again = ("--tasks", out / "instructions.jsonl", "--per-task", 0, "--out", tmp_path / "again")
    dynosaur(place, *again).done()
    assert dataset(tmp_path / "again")["instructions.jsonl"] == dataset(out)["instructions.jsonl"]


@pytest.mark.skipif(not SHARED.exists(), reason="no published tasks here")
def test_the_published_list_is_sound() -> None:
    said = dynosaur("--tasks", SHARED / "dynosaur" / "instructions-full.json").done().out
    for fact in ("5,740 of 2,061 datasets, 14.1 words", "5,738 pairs of", "4,168 with one input"):
        assert fact in said
    assert "0 with a field that is input and output" in said
    assert "904 pairs in 400 datasets" in said


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((), "dynosaur: no dataset; name folders"),
        (("{quiz}", "{quiz}"), "quiz:train; name every dataset once"),
        (("{quiz}:test",), "no split 'test' (splits: train)"),
        (("{quiz}", "--per-task", "-1"), "--per-task -1: must be at least 0"),
        (("{quiz}", "--tasks", "{quiz}/train.jsonl"), "train.jsonl:1: a task needs task_name"),
        (("{empty}",), "holds no data files"),
    ],
)
def test_bad_input_is_named_in_one_line(
    words: tuple[str, ...], wanted: str, places: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    told = [word.format(quiz=places[1], empty=tmp_path / "empty") for word in words]
    assert wanted in dynosaur(*told, *MODEL, "--out", tmp_path / "run").error


def test_a_dataset_with_a_single_field_is_dropped_with_its_reason(
    places: list[Path], tmp_path: Path
) -> None:
    bare = written(tmp_path / "bare", [{"text": f"Words about {at}"} for at in range(20)])
    dynosaur(bare, places[1], *MODEL, "--out", tmp_path / "run").done()
    [line] = [
        line for line in lines_of(tmp_path / "run" / "rejected.jsonl") if line["stage"] == "read"
    ]
    assert (line["reason"], line["text"]) == ("too_few_fields", "bare: fields of use: text")


# ---------------------------------------------------------------- slow


@pytest.mark.slow
def test_it_is_killed_while_it_asks_and_resumed_to_the_same_bytes(
    places: list[Path], tmp_path: Path
) -> None:
    chance = Random(5)
    with LoopbackServer(latency(0.05, spread=0.01, seed=3), stage_of=lambda _: "aware") as server:
        words = ("dynosaur", *places, *at(server), "--concurrency", 2, "--per-task", 25)
        invoke(*words, "--out", tmp_path / "whole", OPENAI_API_KEY="none").done()
        code, said, kills = killed_at(
            server, words, tmp_path / "killed", lambda: chance.randint(4, 8)
        )
    assert code == 0, said
    assert kills >= 1
    assert dataset(tmp_path / "killed") == dataset(tmp_path / "whole")


@pytest.mark.slow
def test_it_is_killed_among_the_rows_and_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    place = written(tmp_path / "boats", reviews(8_000), CARD)
    tasks = [
        {
            "task_name": "boats",
            "instruction": f"Tell the {output}.",
            "input_fields": ["text"],
            "output_field": [output],
        }
        for output in ("mood", "town")
    ]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    words = ("dynosaur", place, "--tasks", tmp_path / "tasks.json", "--per-task", 0)
    invoke(*words, "--out", tmp_path / "whole").done()
    out, chance = tmp_path / "killed", Random(7)
    examples, kills = out / "examples.jsonl", 0
    process = start(*words, "--out", out)
    for _ in range(3):
        wanted = (examples.stat().st_size if examples.exists() else 0) + chance.randint(1, 10**6)
        while process.poll() is None and (
            not examples.exists() or examples.stat().st_size < wanted
        ):
            time.sleep(0.002)
        kills += process.poll() is None
        process.kill()
        process.communicate()
        process = (
            start("resume", out) if (out / "run.json").exists() else start(*words, "--out", out)
        )
    assert process.wait(300) == 0
    process.communicate()
    assert kills >= 1
    assert dataset(out) == dataset(tmp_path / "whole")
