"""`invert`: the tasks of a dataset with inputs and outputs swapped."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import Ran, at, dataset, invoke, killed_at
from server import LoopbackServer, latency

from selfinstruct.asking.stage import Stage
from selfinstruct.asking.templates import Template
from selfinstruct.models import Completion
from selfinstruct.parsing.rewriting import instruction, instruction_under_any_name
from selfinstruct.recipes.inversion import Invert, InvertConfig

SUPERNI = Path(__file__).resolve().parents[2] / "shared" / "data" / "strategies" / "superni"
MODEL = ("--model", "scripted")


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def row(instruction: str, given: str, output: str) -> dict[str, Any]:
    return {"instruction": instruction, "input": given, "output": output}


def rows(tasks: int = 40) -> list[dict[str, Any]]:
    """Four rows a task, two of them with the same output."""
    return [
        row(
            f"Name the river in country {task}.", f"country {task}, part {at}", f"river {task}-{of}"
        )
        for task in range(tasks)
        for at, of in enumerate("aabc")
    ]


def invert(*words: object, **environment: str) -> Ran:
    return invoke("invert", *words, **environment)


@pytest.fixture(scope="module")
def inverted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("invert")
    source = written(folder / "rows.jsonl", rows())
    invert("--from", source, *MODEL, "--out", folder / "run").done()
    return folder / "run"


def test_equal_outputs_are_one_example_with_every_input(inverted: Path) -> None:
    examples = lines_of(inverted / "examples.jsonl")
    first = examples[0]
    assert (first["input"], first["output"]) == ("river 0-a", "country 0, part 0")
    assert first["provenance"]["outputs"] == ["country 0, part 0", "country 0, part 1"]
    assert first["provenance"]["source_ids"] == ["rows.jsonl:1", "rows.jsonl:2"]
    assert first["instruction"] != "Name the river in country 0."
    counts = Counter(example["provenance"]["instruction_id"] for example in examples)
    assert 30 <= len(counts) <= 40 and set(counts.values()) == {3}


def test_it_is_verified_judged_checked_and_exported(inverted: Path, tmp_path: Path) -> None:
    invoke("verify", inverted).done()
    said = invoke("status", inverted).done().out
    assert "recipe invert" in said and "finished" in said
    invoke("stats", inverted).done()
    invoke("check", inverted).done()
    invoke("judge", inverted, *MODEL, "--sample", 10).done()
    for form in ("alpaca", "messages", "sharegpt", "prompt-completion"):
        invoke("export", inverted, "--format", form, "--out", tmp_path / form).done()
        assert (tmp_path / form).stat().st_size > 1000


@pytest.mark.parametrize("concurrency", [1, 64])
def test_the_bytes_depend_on_no_concurrency(
    concurrency: int, inverted: Path, tmp_path: Path
) -> None:
    source = inverted.parent / "rows.jsonl"
    options = ("--concurrency", concurrency, "--out", tmp_path / "run")
    invert("--from", source, *MODEL, *options).done()
    assert dataset(tmp_path / "run") == dataset(inverted)


@pytest.mark.parametrize("form", ["json_object", "json_schema"])
def test_replies_in_json_are_read(form: str, inverted: Path, tmp_path: Path) -> None:
    options = ("--response-format", form, "--out", tmp_path / "run")
    invert("--from", inverted.parent / "rows.jsonl", *MODEL, *options).done()
    instructions = lines_of(tmp_path / "run" / "instructions.jsonl")
    assert len(instructions) >= 30
    assert not [line for line in instructions if "{" in line["instruction"]]
    replies = lines_of(tmp_path / "run" / "completions.jsonl")
    assert sum('{"instruction": ' in line["text"] for line in replies) >= 30
    invoke("verify", tmp_path / "run").done()


def test_the_only_field_in_json_holds_the_instruction_whatever_its_name() -> None:
    for reply, text in (
        ('{"task": "Name the country of a river."}', "Name the country of a river."),
        ('{"instruction": "Name it.", "why": "as asked"}', "Name it."),
    ):
        read = instruction_under_any_name(reply, "stop")
        assert (read.text, read.reason) == (text, None)


def test_runs_of_edition_2_read_the_known_names_alone() -> None:
    [question] = Invert.questions
    config = InvertConfig(model="m", response_format="json_object")
    text = "Name the country of a river."
    reply = Completion(json.dumps({"task": text}), "stop")
    texts = {
        edition: Stage(question, Template("invert", (), None, "", ()), config, edition=edition)
        .read(reply, ())
        .parsed.text
        for edition in (1, 2, 3)
    }
    assert texts == {1: reply.text, 2: reply.text, 3: text}


@pytest.mark.parametrize("n", [20, 22])  # in the midst of a task, and at its end or not
def test_n_ends_it_and_a_larger_n_goes_on(n: int, inverted: Path, tmp_path: Path) -> None:
    source, out = inverted.parent / "rows.jsonl", tmp_path / "run"
    invert("--from", source, *MODEL, "--n", n, "--out", out).done()
    assert len(lines_of(out / "examples.jsonl")) == n
    invoke("verify", out).done()
    invoke("resume", out, "--n", 5000).done()
    assert dataset(out) == dataset(inverted)


def test_a_cap_ends_the_sitting_and_resume_goes_on(inverted: Path, tmp_path: Path) -> None:
    source, out = inverted.parent / "rows.jsonl", tmp_path / "run"
    stopped = invert("--from", source, *MODEL, "--max-requests", 15, "--out", out)
    assert stopped.code == 75 and len(lines_of(out / "completions.jsonl")) <= 15
    invoke("resume", out, "--max-requests", -1).done()
    assert dataset(out) == dataset(inverted)


@pytest.mark.slow
def test_it_is_killed_and_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    chance, source = Random(5), written(tmp_path / "rows.jsonl", rows(30))
    with LoopbackServer(latency(0.01, spread=0.01, seed=3), stage_of=lambda _: "answer") as server:
        words = ("--from", source, *at(server), "--concurrency", 2)
        invert(*words, "--out", tmp_path / "whole", OPENAI_API_KEY="none").done()
        out = tmp_path / "killed"
        code, said, kills = killed_at(
            server, ("invert", *words), out, lambda: chance.randint(10, 25)
        )
    assert code == 0, said
    assert kills >= 1
    assert dataset(tmp_path / "killed") == dataset(tmp_path / "whole")


# ---------------------------------------------------------------- without a model


def test_a_template_asks_no_model(tmp_path: Path) -> None:
    source = written(tmp_path / "rows.jsonl", rows(3))
    text = "Find the input for: {instruction}"
    invert("--from", source, "--instruction", text, "--out", tmp_path / "run").done()
    examples = lines_of(tmp_path / "run" / "examples.jsonl")
    assert len(examples) == 9
    assert examples[0]["instruction"] == "Find the input for: Name the river in country 0."
    assert {example["provenance"]["model"] for example in examples} == {"none"}
    assert (tmp_path / "run" / "completions.jsonl").read_text() == ""
    invoke("verify", tmp_path / "run").done()


@pytest.mark.skipif(not SUPERNI.exists(), reason="no published tasks here")
@pytest.mark.parametrize("number", [127, 128, 307])
def test_published_tasks_are_swapped_exactly(number: int, tmp_path: Path) -> None:
    """Against a computation of its own: every instance, the merged outputs as multisets."""
    [path] = SUPERNI.glob(f"task{number}_*.json")
    task = json.loads(path.read_text("utf-8"))
    definition = (
        task["Definition"] if isinstance(task["Definition"], str) else task["Definition"][0]
    )
    pairs = [(each["input"], output) for each in task["Instances"] for output in each["output"]]
    source = written(tmp_path / "rows.jsonl", [row(definition, *pair) for pair in pairs])
    invert("--from", source, "--instruction", "Turn it.", "--out", tmp_path / "run").done()
    found = Counter(
        (example["input"], tuple(sorted(example["provenance"]["outputs"])))
        for example in lines_of(tmp_path / "run" / "examples.jsonl")
    )
    wanted: dict[str, set[str]] = {}
    for given, output in pairs:
        wanted.setdefault(output, set()).add(given)
    assert found == Counter(
        (output, tuple(sorted(inputs)))
        for output, inputs in wanted.items()
        if any(sign.isalnum() and not sign.isdigit() for sign in output)
    )


def test_twice_inverted_is_the_source(tmp_path: Path) -> None:
    source = written(
        tmp_path / "rows.jsonl", [each for each in rows() if "part 1" not in each["input"]]
    )
    invert("--from", source, "--instruction", "Once.", "--out", tmp_path / "once").done()
    options = ("--instruction", "Twice.", "--out", tmp_path / "twice")
    invert("--from", tmp_path / "once", *options).done()
    examples = lines_of(tmp_path / "twice" / "examples.jsonl")
    before = [(each["input"], each["output"]) for each in lines_of(source)]
    assert [(each["input"], each["output"]) for each in examples] == before


def test_rows_that_cannot_be_asked_are_dropped_with_their_reason(tmp_path: Path) -> None:
    source = written(
        tmp_path / "rows.jsonl",
        [
            row("Translate.", "Guten Tag", "Good day"),
            row("Translate.", "Guten Tag", "Good day"),
            row("Translate.", "", "Good day"),
            row("Translate.", "OK", "OK"),
            row("Is it so?", "The sky is blue.", "Yes."),
            row("Add.", "2 + 3", "5"),
            {**row("Sort.", "A film about the sea", "documentary"), "is_classification": True},
            *(
                row("What kind?", f"animal number {each}", "cat or dog"[each % 2 * 7 :])
                for each in range(12)
            ),
            *(row("Say more.", "ab"[each % 2], f"text number {each}") for each in range(12)),
            *(row("Loosely.", f"question {each}", f"answer {max(each, 4)}") for each in range(9)),
        ],
    )
    invert(
        *("--from", source, "--instruction", "Turn it.", "--most-outputs", 4),
        *("--out", tmp_path / "run"),
    ).done()
    reasons = Counter(
        (line["text"], line["reason"]) for line in lines_of(tmp_path / "run" / "rejected.jsonl")
    )
    assert reasons == {
        ("Translate.", "exact_duplicate"): 1,
        ("Translate.", "no_input"): 1,
        ("Translate.", "same_text"): 1,
        ("Is it so?", "label"): 1,
        ("Add.", "undetermined"): 1,
        ("Sort.", "label"): 1,
        ("What kind?", "label"): 12,
        ("Say more.", "label_as_output"): 12,
        ("Loosely.", "undetermined"): 5,
    }
    assert len(lines_of(tmp_path / "run" / "examples.jsonl")) == 1 + 4


def test_a_new_instruction_that_is_the_old_one_is_dropped(tmp_path: Path) -> None:
    old = "Write the story of the river that runs through the town."
    source = written(tmp_path / "rows.jsonl", [row(old, "the Oder", "It came slowly.")])
    with LoopbackServer(stage_of=lambda _: "echo") as server:
        server.model = lambda request: Completion(old, "stop")
        invert("--from", source, *at(server), "--out", tmp_path / "run", OPENAI_API_KEY="none")
    assert [line["reason"] for line in lines_of(tmp_path / "run" / "rejected.jsonl")] == [
        "unchanged"
    ]


@pytest.mark.parametrize("said", ["No task.", '{"instruction": "No such task exists."}'])
def test_a_task_that_nothing_leads_back_from_is_dropped(said: str, tmp_path: Path) -> None:
    old = "Name the month with the highest sales."
    source = written(tmp_path / "rows.jsonl", [row(old, "April,3\nMay,4", "It was May.")])
    with LoopbackServer(stage_of=lambda _: "echo") as server:
        server.model = lambda request: Completion(said, "stop")
        invert("--from", source, *at(server), "--out", tmp_path / "run", OPENAI_API_KEY="none")
    [line] = lines_of(tmp_path / "run" / "rejected.jsonl")
    assert (line["what"], line["reason"]) == ("instruction", "no_task")


@pytest.mark.parametrize(
    ("reply", "text", "left"),
    [
        ("Write it.", "Write it.", []),
        ("Instruction: Write it.", "Write it.", []),
        ('**New instruction:** "Write it."', "Write it.", []),
        ("Sure, here it is:\n\nWrite it.", "Write it.", ["Sure, here it is"]),
        ("The inverse task is this:\nWrite it.", "Write it.", ["The inverse task is this"]),
        ("Rewrite this sentence:\n\nHe go.", "Rewrite this sentence:", ["He go."]),
        ("Rewrite this sentence:\nHe go.", "Rewrite this sentence:\nHe go.", []),
        ('{"instruction": "Write it."}', "Write it.", []),
        ("<new_task>\nWrite it.\n</new_task>", "Write it.", []),
        ("<new_task>\nWrite it.", "Write it.", []),
        ("Write it.\n</new_task>", "Write it.", []),
        ('```json\n{"instruction": "Write it.", "why": "so"}\n```', "Write it.", ["why: so"]),
        ('{"instruction": "Wri', "", []),
        ("{'instruction': 'Write it.'}", "", []),
        ("{instruction: Write it.}", "", []),
        ("Write it.\n\nThis turns it around.", "Write it.", ["This turns it around."]),
        ("Write a poem\nabout rain.", "Write a poem\nabout rain.", []),
        ('"A" is a letter. Name "B".', '"A" is a letter. Name "B".', []),
        ("", "", []),
        ("I'm sorry, but I cannot do that.", "", []),
    ],
)
def test_a_single_instruction_is_read(reply: str, text: str, left: list[str]) -> None:
    found = instruction(reply, "stop")
    assert (found.text, [each.text for each in found.leftovers]) == (text, left)
    assert (found.reason is None) == bool(text)


@pytest.mark.parametrize(
    ("records", "words", "wanted"),
    [
        ([row("a", "b", "c")], ("--most-outputs", "-1"), "--most-outputs -1: must be at least 0"),
        ([{"prompt": "Only a question?"}], (), "can be swapped (reasons: no_output)"),
        ([row("a", "", "c d")], (), "can be swapped (reasons: no_input)"),
        ([], (), "can be swapped; give rows that have an input"),
        ([{"number": 7}], (), "rows.jsonl:1: "),
    ],
)
def test_bad_input_is_named_in_one_line(
    records: list[dict[str, Any]], words: tuple[str, ...], wanted: str, tmp_path: Path
) -> None:
    source = written(tmp_path / "rows.jsonl", records)
    assert wanted in invert("--from", source, *words, *MODEL, "--out", tmp_path / "run").error
    assert not (tmp_path / "run").exists()


def test_no_source_is_named_in_one_line(tmp_path: Path) -> None:
    assert "no source" in invert(*MODEL, "--out", tmp_path / "run").error
