"""`constrain`: instructions with verifiable constraints, and answers that a program has verified."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import Ran, at, dataset, invoke, killed_at
from server import Call, LoopbackServer, failing, latency

from selfinstruct.adherence.catalogue import CONSTRAINTS, constraint, imposed
from selfinstruct.adherence.choice import (
    WORDS,
    chosen_types,
    constraints_for,
    lost_constraint,
)
from selfinstruct.adherence.combinations import REPEAT
from selfinstruct.models import Completion
from selfinstruct.parsing.answer import output_in_json

MODEL = ("--model", "scripted")
TASKS = (
    *("Explain how the tides work.", "Describe a market in the morning."),
    *("Give advice to a new gardener.", "Why do cats purr at night?"),
)


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def tasks(path: Path, count: int = 80) -> Path:
    return written(
        path,
        [
            {
                "instruction": f"{TASKS[each % 4]} Think of place {each}.",
                "input": "A note." * (each % 2),
            }
            for each in range(count)
        ],
    )


def constrain(*words: object, **environment: str) -> Ran:
    return invoke("constrain", *words, **environment)


@pytest.fixture(scope="module")
def constrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("constrain")
    constrain("--from", tasks(folder / "rows.jsonl"), *MODEL, "--out", folder / "run").done()
    return folder / "run"


def test_every_example_follows_its_constraints(constrained: Path) -> None:
    examples = lines_of(constrained / "examples.jsonl")
    assert len(examples) >= 40
    kinds = Counter[str]()
    for example in examples:
        made = example["provenance"]
        ids, arguments = made["instruction_id_list"], json.loads(made["kwargs"])
        assert 1 <= len(ids) == len(arguments) <= 3
        assert example["instruction"].startswith(made["source_instruction"])
        assert len(example["instruction"]) > len(made["source_instruction"]) + 10
        for name, given in zip(ids, arguments, strict=True):
            assert imposed(name, given, "").is_followed_by(example["output"])
        kinds.update(ids)
    assert len(kinds) >= 15
    scored = json.loads(invoke("adherence", constrained, "--json").done().out)
    assert scored["prompt_strict"] == scored["prompts"] == len(examples)


def test_an_answer_that_fails_is_named_and_asked_for_again(constrained: Path) -> None:
    rejected = lines_of(constrained / "rejected.jsonl")
    failed = [line for line in rejected if line["what"] == "instance"]
    assert failed and {line["reason"] for line in failed} <= CONSTRAINTS.keys()
    tries = Counter(line["instruction_id"] for line in failed)
    assert set(tries.values()) == {1, 2, 3}
    kept = {
        each["provenance"]["instruction_id"] for each in lines_of(constrained / "examples.jsonl")
    }
    assert not kept & {name for name, times in tries.items() if times == 3}
    assert kept & tries.keys()  # a later answer followed
    places = Counter(line["key"] for line in lines_of(constrained / "completions.jsonl"))
    assert set(places.values()) == {1}


def test_the_funnel_adds_up_and_all_is_verified_and_exported(
    constrained: Path, tmp_path: Path
) -> None:
    invoke("verify", constrained).done()
    funnel = json.loads((constrained / "checkpoint.json").read_text())["end"]["funnel"]
    assert funnel["turns"] == 80 and funnel["admitted"] == len(
        lines_of(constrained / "instructions.jsonl")
    )
    assert sum(funnel["rejected"].values()) == len(lines_of(constrained / "rejected.jsonl"))
    for command in ("check", "status"):
        invoke(command, constrained).done()
    invoke("judge", constrained, *MODEL, "--sample", 10).done()
    for form in ("alpaca", "messages"):
        invoke("export", constrained, "--format", form, "--out", tmp_path / form).done()


@pytest.mark.parametrize("concurrency", [1, 64])
def test_the_bytes_depend_on_no_concurrency(
    concurrency: int, constrained: Path, tmp_path: Path
) -> None:
    source = constrained.parent / "rows.jsonl"
    options = ("--concurrency", concurrency, "--out", tmp_path / "run")
    constrain("--from", source, *MODEL, *options).done()
    assert dataset(tmp_path / "run") == dataset(constrained)


def test_n_ends_it_and_a_larger_n_goes_on(constrained: Path, tmp_path: Path) -> None:
    source, out = constrained.parent / "rows.jsonl", tmp_path / "run"
    constrain("--from", source, *MODEL, "--n", 11, "--out", out).done()
    assert len(lines_of(out / "examples.jsonl")) == 11
    invoke("resume", out, "--n", 5000).done()
    assert dataset(out) == dataset(constrained)


def test_a_cap_ends_the_sitting_and_resume_goes_on(constrained: Path, tmp_path: Path) -> None:
    source, out = constrained.parent / "rows.jsonl", tmp_path / "run"
    stopped = constrain("--from", source, *MODEL, "--max-requests", 30, "--out", out)
    assert stopped.code == 75 and len(lines_of(out / "completions.jsonl")) <= 30
    invoke("resume", out, "--max-requests", -1).done()
    assert dataset(out) == dataset(constrained)


@pytest.mark.slow
def test_it_is_killed_and_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    chance, source = Random(5), tasks(tmp_path / "rows.jsonl", 20)
    with LoopbackServer(latency(0.01, spread=0.01, seed=3)) as server:
        words = ("--from", source, *at(server), "--concurrency", 2)
        constrain(*words, "--out", tmp_path / "whole", OPENAI_API_KEY="none").done()
        out = tmp_path / "killed"
        code, said, kills = killed_at(
            server, ("constrain", *words), out, lambda: chance.randint(10, 25)
        )
    assert code == 0, said
    assert kills >= 1
    assert dataset(tmp_path / "killed") == dataset(tmp_path / "whole")


# ---------------------------------------------------------------- words and choice


def test_the_model_may_word_the_constraints(tmp_path: Path) -> None:
    source = tasks(tmp_path / "rows.jsonl")
    constrain("--from", source, *MODEL, "--wording", "model", "--out", tmp_path / "run").done()
    invoke("verify", tmp_path / "run").done()
    instructions = lines_of(tmp_path / "run" / "instructions.jsonl")
    reworded = sum("That matters to me." in line["instruction"] for line in instructions)
    assert 5 <= reworded <= 40
    reasons = {line["reason"] for line in lines_of(tmp_path / "run" / "rejected.jsonl")}
    assert "lost_constraint" in reasons


@pytest.mark.parametrize("form", ["json_object", "json_schema"])
def test_replies_in_json_are_read(form: str, tmp_path: Path) -> None:
    source, out = tasks(tmp_path / "rows.jsonl", 40), tmp_path / "run"
    words = ("--wording", "model", "--response-format", form)
    constrain("--from", source, *words, *MODEL, "--out", out).done()
    examples = lines_of(out / "examples.jsonl")
    assert len(examples) >= 15
    assert not [line for line in examples if '"output"' in line["output"]]
    assert not [line for line in examples if '"rules"' in line["instruction"]]
    assert any("That matters to me." in line["instruction"] for line in examples)
    invoke("verify", out).done()


@pytest.mark.parametrize(
    ("reply", "text", "reason"),
    [
        ('{"output": "A moon."}', "A moon.", None),
        ('{"result": "A moon."}', "A moon.", None),
        ('```json\n{"output": "A moon.", "why": "b"}\n```', "A moon.", None),
        ('Here you are:\n{"output": "A moon."}', "A moon.", None),
        ('{"output": "{\\"answer\\": 1}"}', '{"answer": 1}', None),
        ("A moon.", "A moon.", None),
        ("{'output': 'A moon.'}", "", "broken_json"),
        ('{"output": "A mo', "", "broken_json"),
        ('{"output": 7}', "", "broken_json"),
        ('{"a": "b", "c": "d"}', "", "broken_json"),
        ('{"output": "a"}\n{"output": "b"}', "", "broken_json"),
        ('{"output": " "}', "", "empty_reply"),
        ("", "", "empty_reply"),
    ],
)
def test_an_answer_in_json_is_read(reply: str, text: str, reason: str | None) -> None:
    found = output_in_json(reply, "stop")
    assert (found.text, found.reason) == (text, reason)


def test_json_that_a_rule_asks_for_is_no_form_of_the_reply(tmp_path: Path) -> None:
    source, answer = tasks(tmp_path / "rows.jsonl", 1), '{"output": "The moon."}'
    with LoopbackServer(model=lambda request: Completion(answer, "stop")) as server:
        words = ("--constraint", "detectable_format:json_format", *at(server))
        constrain("--from", source, *words, "--out", tmp_path / "run", OPENAI_API_KEY="none").done()
    assert lines_of(tmp_path / "run" / "examples.jsonl")[0]["output"] == answer


def test_a_request_that_fails_for_good_is_a_dropped_reply(tmp_path: Path) -> None:
    source = tasks(tmp_path / "rows.jsonl", 3)

    def is_second(call: Call) -> bool:
        return "place 1." in call.body["messages"][-1]["content"]

    with LoopbackServer(failing("context openai", when=is_second)) as server:
        words = ("--from", source, *at(server), "--tries", 1, "--concurrency", 1)
        constrain(*words, "--out", tmp_path / "run", OPENAI_API_KEY="none").done()
    lines = lines_of(tmp_path / "run" / "rejected.jsonl")
    assert [line["turn"] for line in lines if line["reason"] == "context_overflow"] == [1]


def test_a_wording_that_loses_an_argument_is_told() -> None:
    [words] = [
        imposed("length_constraints:number_words", {"relation": "at least", "num_words": 80}, "")
    ]
    before = "Answer with at least 80 words."
    assert not lost_constraint([words], before, "I need a minimum of 80 words.")
    assert lost_constraint([words], before, "I need eighty words at least.")
    assert lost_constraint([words], before, "I need fewer than 80 words.")


def test_a_wording_that_answers_the_task_is_told() -> None:
    capitals = imposed("change_case:english_capital", {}, "")
    before = capitals.in_words(Random(1))
    assert lost_constraint([capitals], before, "THE CAUSE IS THE LOOP.") == capitals.constraint.id
    assert lost_constraint([capitals], before, "Capitals only, please.") is None
    for seed, name in enumerate(CONSTRAINTS):
        if (draw := CONSTRAINTS[name].draw) is not None:
            found = imposed(name, draw(Random(seed), ["river", "boat", "garden"]), "Sing.")
            for wording in range(4):
                words = found.in_words(Random(wording))
                assert lost_constraint([found], words, f"Please. {words}") is None, words


def test_held_out_types_are_never_drawn(tmp_path: Path) -> None:
    source = tasks(tmp_path / "rows.jsonl")
    out = ("--hold-out", "startend,keywords", "--hold-out", "punctuation:no_comma")
    constrain("--from", source, *MODEL, *out, "--most", 5, "--out", tmp_path / "run").done()
    drawn = {
        name
        for example in lines_of(tmp_path / "run" / "examples.jsonl")
        for name in example["provenance"]["instruction_id_list"]
    }
    assert len(drawn) > 10
    assert not {name for name in drawn if name.startswith(("startend:", "keywords:"))}
    assert "punctuation:no_comma" not in drawn


def test_chosen_types_are_in_every_instruction(tmp_path: Path) -> None:
    source = tasks(tmp_path / "rows.jsonl", 20)
    wanted = ("punctuation:no_comma", "detectable_format:title")
    options = [word for name in wanted for word in ("--constraint", name)]
    constrain("--from", source, *MODEL, *options, "--out", tmp_path / "run").done()
    for example in lines_of(tmp_path / "run" / "examples.jsonl"):
        assert sorted(example["provenance"]["instruction_id_list"]) == sorted(wanted)


def test_drawn_constraints_go_together_and_with_the_task() -> None:
    _, kinds = chosen_types((), ())
    seen = Counter[str]()
    for seed in range(400):
        found = constraints_for("Explain how tides work.", "", "", kinds, 3, Random(seed))
        assert found == constraints_for("Explain how tides work.", "", "", kinds, 3, Random(seed))
        seen.update(each.constraint.id for each in found)
        assert 1 <= len(found) <= 3
        for number, each in enumerate(found):
            assert each.constraint.why_not_arguments(each.arguments) is None
            assert all(each.constraint.goes_with(other.constraint) for other in found[:number])
    assert seen.keys() == {kind.id for kind in kinds}
    for seed in range(200):
        for each in constraints_for("Translate the list.", "Ein Hund", "", kinds, 3, Random(seed)):
            assert not each.constraint.aspects & {"layout", "language"}
            assert each.constraint.id != REPEAT  # which request, with an input behind?
        for each in constraints_for("Write a function that adds.", "", "", kinds, 3, Random(seed)):
            assert not each.constraint.aspects & {"case", "commas"}  # of a text, not of code
        for each in constraints_for("Use the word river.", "", "", kinds, 3, Random(seed)):
            assert not each.constraint.aspects & {"length"}
            assert "river" not in json.dumps(dict(each.arguments))


def test_words_are_those_of_the_matter() -> None:
    kinds = [constraint("keywords:existence"), constraint("keywords:forbidden_words")]
    answer = "Because the gravity of the moon pulls on oceans, water gathers in two bulges there."
    task = ("Explain how tides work.", "", answer)
    for seed in range(60):
        for each in constraints_for(*task, kinds, 1, Random(seed)):
            [words] = each.arguments.values()
            assert {*words} < {"gravity", "pulls", "oceans", "water", "gathers", "bulges"}
    [drawn] = constraints_for("Say it.", "", "Too short a text.", kinds, 1, Random(0))
    assert all({*words} < {*WORDS} for words in drawn.arguments.values())


def test_a_greedy_model_is_asked_once(tmp_path: Path) -> None:
    source = tasks(tmp_path / "rows.jsonl", 5)
    with LoopbackServer(model=lambda request: Completion("No, never.", "stop")) as server:
        words = ("--constraint", "punctuation:no_comma", "--temperature", "0", *at(server))
        constrain("--from", source, *words, "--out", tmp_path / "run", OPENAI_API_KEY="none").done()
        assert len(server.calls) == 5
    assert len(lines_of(tmp_path / "run" / "rejected.jsonl")) == 5


def test_labels_and_chats_are_passed_over(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]
    source = written(
        tmp_path / "rows.jsonl",
        [
            {"instruction": "Is the text happy or sad?", "input": "Oh!", "is_classification": True},
            {"instruction": "Explain the tides.", "input": ""},
            {"instruction": "Explain the tides.", "input": ""},
            {"messages": [*chat, {"role": "user", "content": "Why?"}]},
        ],
    )
    constrain("--from", source, *MODEL, "--out", tmp_path / "run").done()
    reasons = [
        line["reason"]
        for line in lines_of(tmp_path / "run" / "rejected.jsonl")
        if line["stage"] == "read"
    ]
    assert reasons == ["is_classification", "exact_duplicate", "is_chat"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--most", 0), "--most 0: must be from 1 to 5"),
        (("--tries", 0), "--tries 0: must be at least 1"),
        (("--hold-out", "nothing:such"), "nothing:such: no such type of constraint; known are"),
        (
            (
                "--constraint",
                "change_case:english_capital",
                "--constraint",
                "language:response_language",
            ),
            "change_case:english_capital and language:response_language: contradict each other",
        ),
        (
            ("--constraint", "punctuation:no_comma", "--hold-out", "punctuation"),
            "--constraint punctuation:no_comma: is held out",
        ),
        (
            ("--constraint", "detectable_format:constrained_response"),
            "suits few tasks and is never drawn",
        ),
        (
            ("--hold-out", ",".join({name.partition(":")[0] for name in CONSTRAINTS})),
            "--hold-out: leaves no type to draw",
        ),
    ],
)
def test_bad_input_is_named_in_one_line(
    words: tuple[object, ...], wanted: str, tmp_path: Path
) -> None:
    source = tasks(tmp_path / "rows.jsonl", 3)
    assert wanted in constrain("--from", source, *words, *MODEL, "--out", tmp_path / "run").error
    assert not (tmp_path / "run").exists()


def test_no_source_is_named_in_one_line(tmp_path: Path) -> None:
    assert "no source" in constrain(*MODEL, "--out", tmp_path / "run").error
