"""`respond`: outputs for collected instructions, by a model or by several."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import Ran, at, dataset, invoke, kill_until_done, run, start
from server import LoopbackServer, latency

import selfinstruct
from selfinstruct.data.examples import Rejected
from selfinstruct.recipes.responses import Respond, RespondConfig
from selfinstruct.recipes.sources import Sources

TWO = ("--model", "scripted", "--model", "scripted:b")


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def questions(path: Path, count: int = 60) -> Path:
    """Every tenth has an answer already."""
    return written(
        path,
        [
            {
                "id": f"q{number}",
                "question": f"How high is mountain number {number}?",
                "answer": "8,000 m" if number % 10 == 0 else "",
                "topic": "mountains",
            }
            for number in range(count)
        ],
    )


def respond(*words: object, **environment: str) -> Ran:
    return invoke("respond", *words, **environment)


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 rows, 6 of which have an answer, answered by two models."""
    folder = tmp_path_factory.mktemp("respond")
    respond(questions(folder / "rows.jsonl"), *TWO, "--out", folder / "run").done()
    return folder / "run"


def test_every_model_answers_every_open_row(answered: Path) -> None:
    examples, rejected = (
        lines_of(answered / "examples.jsonl"),
        lines_of(answered / "rejected.jsonl"),
    )
    lost = [line for line in rejected if line["what"] == "reply" and line["stage"] == "answer"]
    passed = [line for line in rejected if line["reason"] == "has_output"]
    assert len(passed) == 6 and all(line["output"] == "8,000 m" for line in passed)
    final = {(line["instruction_id"], line["reason"]) for line in lost}
    assert 108 - len(final) <= len(examples) <= 108
    assert {example["provenance"]["model"] for example in examples} == {"scripted", "scripted:b"}
    models = {example["id"][-2:]: example["provenance"]["model"] for example in examples}
    assert models == {"-1": "scripted", "-2": "scripted:b"}
    assert examples[0]["provenance"]["source_id"] == "q1"
    assert json.loads(examples[0]["provenance"]["rest"]) == {"topic": "mountains"}


def test_it_is_verified_and_its_funnel_speaks_of_rows(answered: Path) -> None:
    invoke("verify", answered).done()
    said = invoke("status", answered).done().out
    assert "finished" in said and "rows" in said and "scripted, scripted:b" in said


@pytest.mark.parametrize("concurrency", [1, 64])
def test_the_bytes_depend_on_no_concurrency(
    concurrency: int, answered: Path, tmp_path: Path
) -> None:
    rows = answered.parent / "rows.jsonl"
    options = (*TWO, "--concurrency", concurrency, "--out", tmp_path / "run")
    respond(rows, *options).done()
    assert dataset(tmp_path / "run") == dataset(answered)


def test_replace_answers_what_has_an_output(tmp_path: Path) -> None:
    rows = questions(tmp_path / "rows.jsonl", 20)
    respond(rows, "--model", "scripted", "--replace", "--out", tmp_path / "run").done()
    asked = {line["id"] for line in lines_of(tmp_path / "run" / "instructions.jsonl")}
    assert len(asked) == 20


def test_columns_that_no_prompt_uses_are_named_once(tmp_path: Path) -> None:
    said = respond(
        questions(tmp_path / "rows.jsonl", 5), "--model", "scripted", "--out", tmp_path / "run"
    ).done()
    assert (said.out + said.err).count("topic") == 1


def test_the_model_sees_a_chat_as_messages_and_the_example_keeps_it(tmp_path: Path) -> None:
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Name a river."},
        {"role": "assistant", "content": "The Oder."},
        {"role": "user", "content": "And a longer one?"},
    ]
    rows = written(tmp_path / "rows.jsonl", [{"messages": chat}])
    with LoopbackServer(stage_of=lambda text: "classify") as server:
        respond(rows, *at(server), "--out", tmp_path / "run", OPENAI_API_KEY="none").done()
        assert server.requests[0]["messages"] == chat
    [example] = lines_of(tmp_path / "run" / "examples.jsonl")
    assert (example["system"], example["instruction"]) == ("Be brief.", "And a longer one?")
    assert [turn["content"] for turn in example["history"]] == ["Name a river.", "The Oder."]


def test_n_ends_it_and_a_larger_n_goes_on(answered: Path, tmp_path: Path) -> None:
    rows, out = answered.parent / "rows.jsonl", tmp_path / "run"
    respond(rows, *TWO, "--n", 20, "--out", out).done()
    assert len(lines_of(out / "examples.jsonl")) == 20
    invoke("resume", out, "--n", 5000).done()
    assert dataset(out) == dataset(answered)


def test_a_cap_ends_the_sitting_and_resume_goes_on(answered: Path, tmp_path: Path) -> None:
    rows, out = answered.parent / "rows.jsonl", tmp_path / "run"
    stopped = respond(rows, *TWO, "--max-requests", 30, "--out", out)
    assert stopped.code == 75 and f"selfinstruct resume {out}" in stopped.out
    assert len(lines_of(out / "completions.jsonl")) <= 30
    invoke("resume", out, "--max-requests", -1).done()
    assert dataset(out) == dataset(answered)


def test_other_bytes_of_a_source_are_refused(tmp_path: Path) -> None:
    rows, out = questions(tmp_path / "rows.jsonl", 10), tmp_path / "run"
    respond(rows, "--model", "scripted", "--n", 3, "--out", out).done()
    questions(rows, 11)
    assert "the sources hold other bytes" in respond(rows, "--out", out, "--n", 9).error


def test_a_run_is_a_source(answered: Path, tmp_path: Path) -> None:
    respond(
        "--from", answered, "--model", "scripted:c", "--replace", "--out", tmp_path / "run"
    ).done()
    prompts = {line["instruction"] for line in lines_of(answered / "examples.jsonl")}
    asked = [line["instruction"] for line in lines_of(tmp_path / "run" / "instructions.jsonl")]
    assert len(asked) == len(prompts) and set(asked) == prompts


def twice(path: Path) -> Path:
    """Prompts that stand twice, and some that differ in input, system message or history."""
    rows = [
        {"instruction": f"Sing {number % 12}.", "input": "La" * (number % 2), "n": number}
        for number in range(30)
    ]
    rows += [{"instruction": "Sing 1.", "input": "La", "system": "Be brief."}] * 2
    return written(path, [*rows, {"instruction": "Sing 1.", "history": [["Hi", "Ho"]]}])


def test_a_prompt_that_stands_twice_is_answered_once(tmp_path: Path) -> None:
    rows, out = twice(tmp_path / "rows.jsonl"), tmp_path / "run"
    respond(rows, "--model", "scripted", "--out", out).done()
    assert len(lines_of(out / "instructions.jsonl")) == 14
    passed = [line for line in lines_of(out / "rejected.jsonl") if line["stage"] == "read"]
    assert {line["reason"] for line in passed} == {"exact_duplicate"} and len(passed) == 19
    assert passed[0]["instruction_id"] == "i000001" and passed[0]["text"] == "Sing 0."
    invoke("verify", out).done()


def test_a_resumed_run_knows_the_prompts_before(tmp_path: Path) -> None:
    rows, whole, parts = twice(tmp_path / "rows.jsonl"), tmp_path / "whole", tmp_path / "parts"
    respond(rows, "--model", "scripted", "--out", whole).done()
    for count in (3, 9, 11):
        respond(rows, "--model", "scripted", "--n", count, "--out", parts).done()
    invoke("resume", parts, "--n", 5000).done()
    assert dataset(parts) == dataset(whole)


def test_a_run_of_the_first_edition_answers_every_row(tmp_path: Path) -> None:
    config = RespondConfig(model="m", sources=(str(twice(tmp_path / "rows.jsonl")),), edition=1)
    recipe = Respond(config, Respond.read(config, None, ()).value)
    assert Respond.expected(config, recipe.materials) == 33
    admitted = [recipe.admit(at, row) for at, row in enumerate(recipe.items(0))]
    assert not any(isinstance(each, Rejected) for each in admitted)
    pair = written(tmp_path / "pairs.jsonl", [{"prompt": "Sing.", "chosen": "La", "rejected": "."}])
    [row] = Sources([str(pair)], edition=1)
    assert row.output is None and row.rest == {"chosen": "La", "rejected": "."}


LATE: list[dict[str, Any]] = [
    {"instruction": "Sing."},
    {"instruction": "Hum.", "topic": "music"},
    {"instruction": "And?", "system": "Be brief.", "history": [["Hi", "Ho"]], "topic": {"a": 1}},
]


def test_every_line_has_the_same_fields(tmp_path: Path) -> None:
    """Loaders take the fields and their types from the first lines."""
    rows, out = written(tmp_path / "rows.jsonl", LATE), tmp_path / "run"
    respond(rows, "--model", "scripted:late", "--out", out).done()
    lines = lines_of(out / "examples.jsonl")
    fields = {(tuple(line), tuple(line["provenance"])) for line in lines}
    assert len(lines) == 3 and len(fields) == 1
    assert [json.loads(line["history"]) for line in lines][:2] == [[], []]
    assert [json.loads(line["provenance"]["rest"]) for line in lines] == [
        *({}, {"topic": "music"}, {"topic": {"a": 1}})
    ]
    assert [len(each.history) for each in selfinstruct.load_run(out).examples()] == [0, 0, 2]
    chats = written(tmp_path / "chats.jsonl", LATE[::-1])
    respond(chats, "--model", "scripted:late", "--out", tmp_path / "chats").done()
    history = [line["history"] for line in lines_of(tmp_path / "chats" / "examples.jsonl")]
    assert [len(turns) for turns in history] == [2, 0, 0]
    invoke("verify", out).done()


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, -1])
def test_examples_load_in_datasets_whatever_comes_late(order: int, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    filler = [{"instruction": f"Sing {number}. " + "La " * 700} for number in range(8_000)]
    rows = written(tmp_path / "rows.jsonl", [*LATE[:2], *filler, *LATE[2:]][::order])
    respond(rows, "--model", "scripted:late", "--out", tmp_path / "run").done()
    loaded = datasets.load_dataset(
        "json",
        data_files=str(tmp_path / "run" / "examples.jsonl"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert len(loaded) > 7_900


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "no source"),
        (("none.jsonl",), "no such file"),
        (("ROWS", "--field", "instruction"), "NAME=COLUMN"),
        (("ROWS", "--field", "instruction=title"), "no such column"),
        (("ROWS", "--model", "scripted", "--model", "scripted"), "different models answer"),
        (("BROKEN",), "BROKEN.jsonl:2"),
    ],
)
def test_bad_input_is_one_line(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    rows = questions(tmp_path / "rows.jsonl", 3)
    broken = tmp_path / "BROKEN.jsonl"
    broken.write_text('{"instruction": "Sing."}\n{"text": 1}\n')
    named = {"ROWS": str(rows), "BROKEN": str(broken)}
    given = [named.get(word, word) for word in words]
    out = tmp_path / "run"
    assert says in respond(*given, "--model", "scripted:z", "--out", out).error
    assert not out.exists()


def test_a_source_without_an_open_row_is_a_finished_run(tmp_path: Path) -> None:
    rows = written(tmp_path / "rows.jsonl", [{"instruction": "Sing.", "output": "La."}])
    respond(rows, "--model", "scripted", "--out", tmp_path / "run").done()
    [passed] = lines_of(tmp_path / "run" / "rejected.jsonl")
    assert passed["reason"] == "has_output"
    assert "finished" in invoke("status", tmp_path / "run").done().out
    invoke("verify", tmp_path / "run").done()


def test_a_smaller_n_than_there_are_examples_is_refused(answered: Path, tmp_path: Path) -> None:
    shutil.copytree(answered, tmp_path / "run")
    assert "--n can only be raised" in invoke("resume", tmp_path / "run", "--n", 1).error


def test_a_dry_run_sends_and_writes_nothing(tmp_path: Path) -> None:
    rows = questions(tmp_path / "rows.jsonl", 20)
    said = respond(rows, *TWO, "--dry-run", "--out", tmp_path / "run").done().out
    assert "36 examples" in said and "How high is mountain number 1?" in said
    assert not (tmp_path / "run").exists()


def test_judged_answers_give_the_best_and_pairs(answered: Path, tmp_path: Path) -> None:
    invoke("judge", answered, "--model", "scripted").done()
    best, pairs = tmp_path / "best.jsonl", tmp_path / "pairs.jsonl"
    invoke("export", answered, "--best", "--format", "alpaca", "--out", best).done()
    invoke("export", answered, "--format", "preference", "--margin", 2, "--out", pairs).done()
    assert 45 <= len(lines_of(best)) <= 54
    found = lines_of(pairs)
    assert found and all(pair["chosen_score"] - pair["rejected_score"] >= 2 for pair in found)


def test_the_library_answers_and_goes_on(tmp_path: Path) -> None:
    rows = questions(tmp_path / "rows.jsonl", 20)
    made = selfinstruct.respond(
        rows, tmp_path / "run", model=["scripted", "scripted:b"], n=10, progress=False
    )
    assert sum(1 for _ in made.examples()) == 10
    assert sum(1 for _ in selfinstruct.resume(made, progress=False).examples()) == 10


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    chance, rows = Random(7), questions(tmp_path / "rows.jsonl", 150)
    with LoopbackServer(latency(0.01, spread=0.01, seed=3)) as server:
        models = ("--model", "a", "--model", "b", "--base-url", server.base_url)
        options = (rows, *models, "--concurrency", 4, "--retries", 12)
        run("respond", *options, "--out", tmp_path / "whole", OPENAI_API_KEY="none").done()
        code, said, kills = kill_until_done(
            partial(start, OPENAI_API_KEY="none"),
            ("respond", *options, "--out", tmp_path / "killed"),
            tmp_path / "killed",
            lambda: len(server.calls),
            lambda: chance.randint(5, 80),
        )
    assert code == 0, said
    assert kills >= 2
    assert dataset(tmp_path / "killed") == dataset(tmp_path / "whole")
