"""`natural`: tasks of Natural Instructions and Super-NI as runs, validated, encoded, exported."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from command import Ran, dataset, invoke, start

import selfinstruct
from selfinstruct.records.natural.files import Entry, read_entries
from selfinstruct.records.natural.layouts import Layout, parts_of
from selfinstruct.records.natural.validation import findings

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "strategies"
V1, SUPERNI = DATA / "nat_inst_v1", DATA / "superni"
with_data = pytest.mark.skipif(not SUPERNI.is_dir(), reason="the published tasks are not here")
Record = dict[str, Any]

EXAMPLE = {
    "type": "object",
    "required": ["input", "output", "explanation"],
    "properties": {name: {"type": "string"} for name in ("input", "output", "explanation")},
}
TEXTS = {"type": "array", "items": {"type": "string"}}
# The published schema (README of Super-NI), with the ids of the later files.
SCHEMA = {
    "type": "object",
    "required": [
        *("Contributors", "Source", "URL", "Categories", "Reasoning", "Definition"),
        *("Input_language", "Output_language", "Instruction_language", "Domains"),
        *("Positive Examples", "Negative Examples", "Instances"),
    ],
    "properties": {
        **dict.fromkeys(("Contributors", "Source", "URL", "Categories", "Definition"), TEXTS),
        **{name: {"items": EXAMPLE} for name in ("Positive Examples", "Negative Examples")},
        "Instances": {
            "type": "array",
            "items": {
                "required": ["id", "input", "output"],
                "properties": {"input": {"type": "string", "minLength": 1}, "output": TEXTS},
            },
        },
    },
}


def lines_of(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def shown(number: int) -> Record:
    return {
        "input": f"add {number}, {number}",
        "output": str(2 * number),
        "explanation": "A sum.",
    }


def task(number: int = 1, **fields: Any) -> Record:
    """A task of the new schema that keeps every rule."""
    return {
        "Contributors": ["we"],
        "Source": ["made"],
        "URL": ["https://example.org"],
        "Categories": ["Arithmetic"],
        "Reasoning": [],
        "Definition": [f"Add the numbers, task {number}."],
        "Input_language": ["English"],
        "Output_language": ["English"],
        "Instruction_language": ["English"],
        "Domains": ["Mathematics"],
        "Positive Examples": [shown(1000), shown(2000)],
        "Negative Examples": [{**shown(3000), "output": "7"}],
        "Instances": [
            {"id": f"task{number}-{at}", "input": f"add {at}, 1", "output": [str(at + 1), "more"]}
            for at in range(30)
        ],
        **fields,
    }


def written(folder: Path, *tasks: Record) -> Path:
    folder.mkdir(exist_ok=True)
    for number, record in enumerate(tasks, 1):
        name = f"task{number:03d}_made_arithmetic.json"
        (folder / name).write_text(json.dumps(record, indent=1), "utf-8")
    return folder


def natural(*words: object) -> Ran:
    return invoke("natural", *words)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("natural")
    bad = task(2)
    bad["Instances"][3] = {"id": "x", "input": "add", "output": [4]}
    tasks = written(folder / "tasks", task(), bad, task(3, Instances=[]))
    natural("import", tasks, "--out", folder / "run").done()
    return folder / "run"


def test_an_instance_is_an_example_with_all_its_outputs(imported: Path) -> None:
    examples = lines_of(imported / "examples.jsonl")
    assert len(examples) == 59
    first = examples[0]
    assert (first["instruction"], first["input"], first["output"]) == (
        *("Add the numbers, task 1.", "add 0, 1"),
        "1",
    )
    assert first["provenance"]["outputs"] == ["1", "more"]
    assert first["provenance"]["source_id"] == "task1-0"
    assert first["provenance"]["task"] == "task001_made_arithmetic"


def test_instances_and_tasks_that_give_nothing_have_a_line_each(imported: Path) -> None:
    bad, empty = lines_of(imported / "rejected.jsonl")
    assert bad["reason"] == "unreadable" and "Instances[3].output[0]" in bad["text"]
    assert (empty["reason"], empty["text"]) == ("no_instances", "Add the numbers, task 3.")


def test_the_commands_of_runs_work_on_it(imported: Path, tmp_path: Path) -> None:
    assert "are what the replies give" in invoke("verify", imported).done().out
    assert "recipe natural" in invoke("status", imported).done().out
    for form in ("alpaca", "messages", "prompt-completion", "unnatural"):
        invoke("export", imported, "--format", form, "--out", tmp_path / form).done()


@pytest.mark.slow
def test_figures_a_judge_and_a_mixture_of_it(imported: Path, tmp_path: Path) -> None:
    for command in ("stats", "check"):
        invoke(command, imported).done()
    invoke("judge", imported, "--model", "scripted", "--sample", 5).done()
    invoke("mix", f"tasks={imported}", "--n", 20, "--out", tmp_path / "mixed").done()
    invoke("report", imported, "--out", tmp_path / "report.html").done()


def test_export_gives_imported_tasks_back_as_they_were(tmp_path: Path) -> None:
    tasks = written(tmp_path / "tasks", task(), task(2, Note="kept"), task(3))
    natural("import", tasks, "--positive", "--out", tmp_path / "run").done()
    said = natural("export", tmp_path / "run", "--out", tmp_path / "again").done().out
    assert "3 tasks: 3 keep every rule" in said
    for path in tasks.iterdir():
        again = json.loads((tmp_path / "again" / "train" / path.name).read_text())
        assert json.dumps(again) == json.dumps(json.loads(path.read_text()))
    natural("import", tmp_path / "again", "--positive", "--out", tmp_path / "second").done()
    assert dataset(tmp_path / "second") == dataset(tmp_path / "run")


def test_the_function_is_the_command(imported: Path, tmp_path: Path) -> None:
    tasks = imported.parent / "tasks"
    view = selfinstruct.import_tasks(tasks, tmp_path / "made", progress=False)
    assert dataset(view.directory) == dataset(imported)


@with_data
@pytest.mark.slow
def test_six_published_tasks_go_through_a_run_unchanged(tmp_path: Path) -> None:
    natural("import", SUPERNI, "--out", tmp_path / "run").done()
    natural("export", tmp_path / "run", "--out", tmp_path / "again").done()
    again = tmp_path / "again" / "train"
    names = [path.name for path in SUPERNI.glob("task*.json")]
    assert len(names) == 6
    for name in names:
        before, after = (json.loads((folder / name).read_text()) for folder in (SUPERNI, again))
        assert json.dumps(before) == json.dumps(after)
    natural("import", again, "--out", tmp_path / "second").done()
    assert dataset(tmp_path / "second") == dataset(tmp_path / "run")


@with_data
def test_of_six_published_tasks_the_validator_finds_the_bad_one() -> None:
    said = natural("validate", SUPERNI)
    assert said.code == 1
    found = [line for line in said.out.splitlines() if "Instances[" in line]
    assert len(found) == 3 and all("task127" in line for line in found)
    assert "Instances[708].input: is that of Positive Examples[0] as well" in found[0]
    assert "6 tasks: 5 keep every rule; 1 break one" in said.out


def without(name: str) -> Callable[[Record], object]:
    return lambda record: record.pop(name)


def put(value: Any, *keys: Any) -> Callable[[Record], object]:
    def change(record: Any) -> None:
        for key in keys[:-1]:
            record = record[key]
        record[keys[-1]] = value

    return change


SAME = [{"id": str(at), "input": f"add {at}", "output": ["0"]} for at in range(30)]
SKEWED = [{**each, "output": ["01"[at == 0]]} for at, each in enumerate(SAME)]
BREAKS: list[tuple[str, str, Callable[[Record], object]]] = [
    *(
        ("missing_key", name, without(name))
        for name in ("Definition", "Domains", "URL", "Reasoning", "Source", "Input_language")
    ),
    ("wrong_type", "Definition", put("a text", "Definition")),
    ("wrong_type", "Definition[0]", put([1], "Definition")),
    ("wrong_type", "Source", put("made", "Source")),
    ("too_few_instances", "Instances", lambda record: record["Instances"].__delitem__(slice(5))),
    ("too_many_instances", "Instances", put(SAME * 300, "Instances")),
    ("key_in_lower_case", "input_language", put(["English"], "input_language")),
    ("language_not_named", "Definition[0]", put(["French"], "Input_language")),
    ("missing_key", "Instances[4].id", lambda record: record["Instances"][4].pop("id")),
    ("repeated_id", "Instances[4].id", put("task1-0", "Instances", 4, "id")),
    ("wrong_type", "Instances[2].input", put(3, "Instances", 2, "input")),
    ("wrong_type", "Instances[2].output", put("3", "Instances", 2, "output")),
    ("wrong_type", "Instances[2].output[1]", put(["3", 3], "Instances", 2, "output")),
    ("empty_input", "Instances[2].input", put("", "Instances", 2, "input")),
    ("no_output", "Instances[2].output", put([], "Instances", 2, "output")),
    ("too_few_positive", "Positive Examples", put([shown(1000)], "Positive Examples")),
    ("too_few_negative", "Negative Examples", put([], "Negative Examples")),
    (
        "missing_key",
        "Positive Examples[1].explanation",
        lambda record: record["Positive Examples"][1].pop("explanation"),
    ),
    (
        "wrong_type",
        "Negative Examples[0].output",
        put(["7"], "Negative Examples", 0, "output"),
    ),
    ("repeated_input", "Instances[9].input", put("add 0, 1", "Instances", 9, "input")),
    (
        "positive_among_instances",
        "Instances[9].input",
        put("add 2000, 2000", "Instances", 9, "input"),
    ),
    ("single_output", "Instances", put(SAME, "Instances")),
    ("skewed_outputs", "Instances", put(SKEWED, "Instances")),
]


@pytest.mark.parametrize(("rule", "place", "change"), BREAKS)
def test_each_rule_is_found_at_its_place(
    rule: str, place: str, change: Callable[[Record], object]
) -> None:
    record = deepcopy(task())
    assert not list(findings(Entry("a.json", "", "task001_a", record)))
    change(record)
    found = list(findings(Entry("a.json", "", "task001_a", record), "new"))
    assert (rule, place) in {(each.rule, each.place) for each in found}


def test_categories_are_held_to_the_published_list(tmp_path: Path) -> None:
    tasks = written(tmp_path / "tasks", task(), task(2, Categories=["Cooking"], Domains=["Tea"]))
    published = tmp_path / "task-hierarchy.md"
    published.write_text("- `Arithmetic`: sums\n  - Mathematics\n", "utf-8")
    said = natural("validate", tasks, "--hierarchy", published, "--json")
    found = [json.loads(line) for line in said.out.splitlines()]
    assert said.code == 1 and all("task002" in each["task"] for each in found)
    assert [(each["rule"], each["place"]) for each in found] == [
        ("unknown_category", "Categories[0]"),
        ("unknown_domain", "Domains[0]"),
    ]


def test_a_key_that_stands_twice_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "tasks", task()) / "task001_made_arithmetic.json"
    text = path.read_text("utf-8").replace('"URL": [', '"Source": ["b"],\n "URL": [')
    path.write_text(text, "utf-8")
    assert "Source: an object has this key twice" in natural("validate", path).out


def test_a_file_that_is_no_task_is_named_with_its_place(tmp_path: Path) -> None:
    broken = tmp_path / "task001_broken.json"
    broken.write_text('{"Definition": ["Add."],\n "Instances": [}', "utf-8")
    where = "task001_broken.json: not JSON (Expecting value at line 2, column 16)"
    assert where in natural("import", broken, "--out", tmp_path / "run").error
    assert where in natural("validate", broken).out
    broken.write_text('{"Definition": ["Add."], "Positive Examples": [{"input": 3}]}', "utf-8")
    said = natural("import", broken, "--out", tmp_path / "run").error
    assert "task001_broken.json: Positive Examples[0].input: must be a text, not a number" in said
    assert not (tmp_path / "run").exists()
    written(tmp_path / "more", task())
    broken.rename(tmp_path / "more" / "task009_broken.json")
    natural("import", tmp_path / "more", "--skip-bad", "--out", tmp_path / "run").done()
    assert [each["reason"] for each in lines_of(tmp_path / "run" / "rejected.jsonl")] == ["no_task"]


def test_valid_only_drops_a_task_by_the_first_rule_that_it_breaks(tmp_path: Path) -> None:
    tasks = written(tmp_path / "tasks", task(), task(2, URL="none"))
    natural("import", tasks, "--valid-only", "--out", tmp_path / "run").done()
    assert [each["reason"] for each in lines_of(tmp_path / "run" / "rejected.jsonl")] == [
        "wrong_type"
    ]


def test_a_task_of_v1_goes_out_in_the_new_schema(tmp_path: Path) -> None:
    instances = [{"input": f"{at}, 0", "output": [str(at)]} for at in range(2, 40)]
    shown = [{"input": f"{at}, {at}", "output": str(2 * at), "reason": "So."} for at in (1, 50)]
    examples = {**OLD["Examples"], "Positive Examples": shown}
    record = {**OLD, "Examples": examples, "Instances": instances, "Source": "made"}
    (tmp_path / "subtask001_sums.json").write_text(json.dumps(record), "utf-8")
    natural("import", tmp_path / "subtask001_sums.json", "--out", tmp_path / "run").done()
    natural("export", tmp_path / "run", "--new-schema", "--out", tmp_path / "new").done()
    path = tmp_path / "new" / "train" / "task001_sums.json"
    again = json.loads(path.read_text("utf-8"))
    jsonschema.validate(again, SCHEMA)
    assert again["Definition"] == ["Add.\nEmphasis & Caution: Be exact."]
    assert again["Source"] == ["made"]
    assert again["Negative Examples"][0]["explanation"] == "Wrong. Count."
    natural("validate", path, "--schema", "new").done()


@pytest.mark.parametrize("grouped", [True, False])
def test_any_run_becomes_tasks_of_the_published_schema(tmp_path: Path, grouped: bool) -> None:
    words = ("--grouped",) if grouped else ()
    rows = [
        {"instruction": f"Name river {at % 2}.", "input": f"Country {at}", "output": f"River {at}"}
        for at in range(60)
    ]
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    invoke("respond", source, "--replace", "--model", "scripted", "--out", tmp_path / "run").done()
    natural("export", tmp_path / "run", *words, "--out", tmp_path / "tasks").done()
    for path in (tmp_path / "tasks" / "train").iterdir():
        jsonschema.validate(json.loads(path.read_text()), SCHEMA)
    if grouped:
        said = natural("validate", tmp_path / "tasks", "--schema", "new").done().out
        assert "1 tasks: 1 keep every rule" in said


# ------------------------------------------------ encodings


@with_data
def test_v1_prompts_are_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    prompts = lines_of(V1 / "prompt_only.jsonl")
    rows = [
        {
            "task": prompt["task"],
            "input": prompt["input"].partition("\ninput: ")[2].removesuffix("\noutput:"),
        }
        for prompt in prompts
    ]
    inputs = tmp_path / "inputs.jsonl"
    inputs.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    words = ("--fields", "_Prompt@0", "--instances", inputs, "--out", tmp_path / "out.jsonl")
    natural("encode", V1 / "tasks.json", *words).done()
    found = lines_of(tmp_path / "out.jsonl")
    assert len(found) == 1200
    assert [each["prompt"] for each in found] == [prompt["input"] for prompt in prompts]


OLD: Record = {
    "Title": "Sums",
    "Definition": "Add.",
    "Prompt": "Add the numbers.",
    "Things to Avoid": "-",
    "Emphasis & Caution": " Be exact. ",
    "Examples": {
        "Positive Examples": [{"input": "1, 1", "output": "2", "reason": "1 + 1."}],
        "Negative Examples": [
            {"input": "1, 2", "output": "4", "reason": "Wrong.", "suggestion": "Count."}
        ],
    },
    "Instances": [{"input": f"{at}, 0", "output": [str(at)]} for at in range(4)],
}


@pytest.mark.parametrize(
    ("parts", "prompt"),
    [
        ("Prompt", "Prompt: Add the numbers.\ninput: 5, 5\noutput:"),
        ("avoid", "\ninput: 5, 5\noutput:"),
        (
            "_Emphasis & Caution_Definition@0_100.json",
            "Emphasis & Caution: Be exact.\nDefinition: Add.\ninput: 5, 5\noutput:",
        ),
        ("positive@1", "input: 1, 1\noutput: 2\ninput: 5, 5\noutput:"),
        ("positive@2", "input: 1, 1\noutput: 2\ninput: 0, 0\noutput: 0\ninput: 5, 5\noutput:"),
        (
            "Definition,negative,positive with reasons@3",
            (
                "Definition: Add.\nNegative Example1- \ninput: 1, 2\noutput: 4\n"
                "reason: Wrong.suggestion: Count.\n"
                "Positive Example1- \ninput: 1, 1\noutput: 2\nreason: 1 + 1.\n"
                "Positive Example2- \ninput: 0, 0\noutput: 0\n"
                "Positive Example3- \ninput: 1, 0\noutput: 1\ninput: 5, 5\noutput:"
            ),
        ),
    ],
)
def test_v1_shows_any_parts_in_any_order(parts: str, prompt: str, tmp_path: Path) -> None:
    (tmp_path / "subtask001_sums.json").write_text(json.dumps(OLD), "utf-8")
    entry = next(read_entries(str(tmp_path / "subtask001_sums.json")))
    assert not list(findings(entry))
    names, count = parts_of(parts)
    more = [each for each in entry.task().instances() if not isinstance(each, Exception)]
    layout = Layout(names, positive=count or 0, negative=count or 0)
    assert layout.prompt(entry.task(), "5, 5", more) == prompt


def test_examples_go_first_where_a_prompt_is_too_long(tmp_path: Path) -> None:
    words = {word: at for at, word in enumerate(["[UNK]", "a", "b"])}
    tokenizer: Record = {
        "version": "1.0",
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"},
        **dict.fromkeys(("truncation", "padding", "normalizer", "post_processor", "decoder")),
        "added_tokens": [],
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    record = task(Instances=[{"id": "1", "input": "long " * n, "output": ["a"]} for n in (2, 40)])
    written(tmp_path / "tasks", record)
    out = tmp_path / "prompts.jsonl"

    def encode(most: int) -> list[tuple[int, int]]:
        limit = ("--max-tokens", most, "--tokenizer", tmp_path / "tokenizer.json")
        natural("encode", tmp_path / "tasks", *limit, "--negative", 1, "--out", out).done()
        return [(each["positive"], each["negative"]) for each in lines_of(out)]

    whole = encode(1000)
    assert whole == [(2, 1), (2, 1)]
    by_limit = [encode(most) for most in (100, 80, 60, 40)]
    assert by_limit == sorted(by_limit, reverse=True) and by_limit[-1] != whole
    assert encode(25)[0] == (0, 0) and len(encode(25)) == 1
    (dropped,) = lines_of(tmp_path / "prompts.dropped.jsonl")
    assert (dropped["reason"], dropped["place"]) == ("too_long", "Instances[1]")


@pytest.mark.slow
def test_an_import_that_is_killed_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    many = [{"id": f"t-{at}", "input": f"add {at}", "output": [str(at)]} for at in range(1000)]
    tasks = written(tmp_path / "tasks", *(task(number, Instances=many) for number in range(1, 7)))
    natural("import", tasks, "--out", tmp_path / "whole").done()
    process = start("natural", "import", tasks, "--out", tmp_path / "killed")
    path = tmp_path / "killed" / "examples.jsonl"
    while process.poll() is None and not (path.exists() and path.stat().st_size > 300_000):
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert len(lines_of(tmp_path / "whole" / "examples.jsonl")) > path.read_bytes().count(b"\n")
    invoke("resume", tmp_path / "killed").done()
    assert dataset(tmp_path / "killed") == dataset(tmp_path / "whole")
