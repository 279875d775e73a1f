"""Seeds as people have them: a run's dataset, an array, Alpaca's and Dolly's files, tables, chats."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command import dataset, invoke

from selfinstruct.data.seeds import read_seeds
from selfinstruct.data.tasks import Instance, SeedTask
from selfinstruct.errors import UserError
from selfinstruct.recipes.self_instruct.seeds import FILE, read_materials
from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig
from selfinstruct.runs.view import load_run

ADD = SeedTask("seed-001", "seed-001", "Add the numbers.", (Instance("1, 2", "3"),), False)
GREET = SeedTask("seed-002", "seed-002", "Greet a guest.", (Instance("", "Welcome!"),), False)
ALPACA = [
    {"instruction": "Add the numbers.", "input": "1, 2", "output": "3"},
    {"instruction": "Greet a guest.", "input": "", "output": "Welcome!"},
]
DOLLY = [
    {
        "instruction": "Add the numbers.",
        "context": "1, 2",
        "response": "3",
        "category": "closed_qa",
    },
    {"instruction": "Greet a guest.", "context": "", "response": "Welcome!", "category": "open_qa"},
]
TABLE = 'instruction,input,output\nAdd the numbers.,"1, 2",3\nGreet a guest.,,Welcome!\n'
TSV = "prompt\tinput\tcompletion\nAdd the numbers.\t1, 2\t3\nGreet a guest.\t\tWelcome!\n"
CHATS = [
    {
        "messages": [
            {"role": "user", "content": "Greet a guest."},
            {"role": "assistant", "content": "Welcome!"},
        ]
    },
    {
        "conversations": [
            {"from": "human", "value": "Add one and two."},
            {"from": "gpt", "value": "3"},
        ]
    },
]


def lines(records: Sequence[object]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def read(path: Path, edition: int = 2) -> tuple[list[SeedTask], str]:
    """The seeds that a run with this file begins with, and the copy that the run keeps."""
    config = replace(SelfInstructConfig.configured({"seed_tasks": str(path)}), edition=edition)
    materials = read_materials(config, None, ("seed_tasks",))
    seeds, copy = materials.value.seeds, materials.files[FILE]
    kept = path.parent / "kept"
    kept.mkdir(exist_ok=True)
    (kept / FILE).write_text(copy, "utf-8")
    again = read_materials(config, kept, ())
    assert again.value.seeds == seeds == read_seeds(kept / FILE)
    assert (again.fingerprints, again.files) == (materials.fingerprints, materials.files)
    assert isinstance(seeds, list)
    return seeds, copy


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("alpaca.jsonl", lines(ALPACA)),
        ("alpaca.json", json.dumps(ALPACA)),
        ("pretty.json", "\ufeff\r\n" + json.dumps(ALPACA, indent=4) + "\r\n"),
        ("array.jsonl", json.dumps(ALPACA)),
        ("array.txt", json.dumps(ALPACA)),
        ("dolly.jsonl", lines(DOLLY)),
        ("dolly.json", json.dumps(DOLLY)),
        (
            "pairs.jsonl",
            lines(
                [{"question": "Add the numbers.", "context": "1, 2", "answer": 3}, ALPACA[1]],
            ),
        ),
        (
            "null.jsonl",
            lines(
                [{"id": None, **ALPACA[0]}, {**ALPACA[1], "input": None, "is_classification": None}]
            ),
        ),
        ("table.csv", TABLE),
        ("table.tsv", TSV),
    ],
)
def test_examples_in_a_usual_form_are_seed_tasks(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    assert read(tmp_path / name)[0] == [ADD, GREET]


def test_a_compressed_file_holds_seed_tasks_too(tmp_path: Path) -> None:
    path = tmp_path / "dolly.jsonl.gz"
    path.write_bytes(gzip.compress(lines(DOLLY).encode()))
    assert read(path)[0] == [ADD, GREET]


def test_chats_of_a_single_turn_are_seed_tasks(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    path.write_text(lines(CHATS))
    assert [(seed.instruction, seed.instances) for seed in read(path)[0]] == [
        ("Greet a guest.", (Instance("", "Welcome!"),)),
        ("Add one and two.", (Instance("", "3"),)),
    ]


def test_integer_ids_are_texts(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_text(lines([{"id": 7, **ALPACA[0]}, {"id": 0, **ALPACA[1]}]))
    assert [(seed.id, seed.name) for seed in read(path)[0]] == [("7", "7"), ("0", "0")]


def test_labels_of_a_table_are_texts(tmp_path: Path) -> None:
    path = tmp_path / "seeds.csv"
    path.write_text(
        "id,instruction,input,output,is_classification\n"
        "a,Sort it.,x,y,True\nb,Name it.,,z,false\nc,Say it.,,w,\n"
    )
    assert [seed.is_classification for seed in read(path)[0]] == [True, False, False]


def test_examples_of_an_instruction_are_the_instances_of_a_single_seed(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    more = {**ALPACA[0], "input": "4, 5", "output": "9"}
    path.write_text(lines([*ALPACA, more, ALPACA[0]]))
    seeds, copy = read(path)
    assert seeds == [
        SeedTask("seed-001", "seed-001", ADD.instruction,
                 (Instance("1, 2", "3"), Instance("4, 5", "9")), False),
        GREET,
    ]  # fmt: skip
    assert [json.loads(line)["id"] for line in copy.splitlines()] == ["seed-001", "seed-002"]
    # A run of version 0.1 took each line for a seed, and goes on so.
    assert len(read(path, edition=1)[0]) == 4


def test_seed_tasks_with_instances_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    task = {"instruction": "Add.", "instances": [{"input": "1, 2", "output": "3"}]}
    path.write_text(lines([{"id": "a", **task}, {"id": "b", **task}]))
    assert [seed.id for seed in read(path)[0]] == ["a", "b"]


def test_json_lines_of_our_own_are_kept_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_text("\n" + lines(ALPACA) + "\n\n")
    assert read(path)[1] == path.read_text()


@pytest.mark.parametrize("preset", ["chat", "alpaca", "paper"])
def test_a_finished_run_of_any_preset_gives_seeds(tmp_path: Path, preset: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    scripted = ("--model", "scripted", "--preset", preset)
    invoke("generate", "--out", first, "--n", 12, *scripted).done()
    invoke("generate", "--out", second, "--n", 3, *scripted, "--seed-tasks", first).done()
    examples = list(load_run(first).examples())
    assert len(examples) == 12
    seeds = load_run(second).seeds()
    assert [seed.instruction for seed in seeds] == list(
        dict.fromkeys(example.instruction for example in examples)
    )
    assert sum(len(seed.instances) for seed in seeds) == len(
        {(example.instruction, example.input, example.output) for example in examples}
    )
    invoke("resume", second, "--n", 6).done()
    third = tmp_path / "third"
    named = ("--seed-tasks", first / "examples.jsonl")
    invoke("generate", "--out", third, "--n", 6, *scripted, *named).done()
    assert dataset(third) == dataset(second)
    invoke("verify", third).done()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "[\n  {},\n  oops\n]", ":3: not JSON"),
        ("a.json", "[" * 100_000, ":1: not JSON"),
        ("a.json", "[]", "holds no seed task"),
        ("a.json", json.dumps([ALPACA[0], "Greet."]), ": item 2: a seed task is a JSON object"),
        ("a.json", json.dumps([ALPACA[0], {"instruction": 1}]), ": item 2: 'instruction' must be"),
        (
            "a.json",
            json.dumps([{"id": 1, **ALPACA[0]}, {"id": "1", **ALPACA[1]}]),
            ": item 2: id '1' is taken by item 1; ",
        ),
        ("a.jsonl", lines([ALPACA[0], {"text": "Greet."}]), ":2: no instruction (columns: text)"),
        ("a.jsonl", lines([{"instruction": "Greet."}]), ":1: 'instances' must be a list"),
        ("a.jsonl", lines([DOLLY[0], {**DOLLY[1], "response": ""}]), ":2: 'instances' must be"),
        ("a.jsonl", lines([{**ALPACA[0], "output": 3}]), ":1: 'output' must be a text, not 3"),
        (
            "a.jsonl",
            lines([{**ALPACA[0], "history": [["Hello.", "Hi."]]}]),
            ":1: has a 'history' of earlier turns",
        ),
        (
            "a.jsonl",
            lines([{"messages": CHATS[0]["messages"] * 2}]),
            ":1: has a 'history' of earlier turns",
        ),
        ("a.csv", "instruction,output\nGreet.\n", ":2: 1 values under a header of 2"),
        ("a.csv", "id,instruction,output,is_classification\n1,A.,b,maybe\n",
         ":2: 'is_classification' must be true or false, not \"maybe\""),
        ("a.csv", "text\nGreet.\n", ":2: no instruction (columns: text)"),
    ],
)  # fmt: skip
def test_a_strange_record_is_named_with_its_place(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError) as caught:
        read(tmp_path / name)
    said = str(caught.value)
    assert said.startswith(str(tmp_path / name)) and words in said and "\n" not in said


def test_a_folder_without_a_dataset_is_no_source_of_seeds(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Is a directory"):
        read(tmp_path)


def test_the_library_takes_another_run_as_seeds(tmp_path: Path) -> None:
    import selfinstruct

    quiet: dict[str, Any] = {"model": "scripted", "progress": False}
    first = selfinstruct.generate(tmp_path / "first", n=5, **quiet)
    second = selfinstruct.generate(tmp_path / "second", n=2, seed_tasks=first.directory, **quiet)
    assert second.seeds()[0].instruction == next(first.examples()).instruction
