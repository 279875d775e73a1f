"""`selfinstruct render` and `selfinstruct templates check`: templates over the rows of datasets."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import dataset, finish, invoke, kill_until_done, start

import selfinstruct

STRATEGIES = Path(__file__).parents[2] / "shared" / "data" / "strategies"
recorded = pytest.mark.skipif(
    not STRATEGIES.is_dir(), reason="recorded data (../shared/data) is not part of a checkout"
)
CARD = """---
license: cc-by-4.0
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': bad
          '1': good
---
# Reviews
"""
PROMPTSOURCE = """dataset: reviews
templates:
  a: !Template
    answer_choices: no ||| yes
    jinja: "{{text}} Did they like it? ||| {{ answer_choices[label] }}"
    metadata: !TemplateMetadata
      original_task: true
    name: liked
  b: !Template
    answer_choices: null
    jinja: "{% if label == 1 %}Praise a film. ||| {{ text }}{% endif %}"
    metadata: !TemplateMetadata
      original_task: false
    name: praise
"""
FLAN = '{"reviews": [["{text}\\n{options_}", "{answer}"]]}'
PLAIN = "Is this review bad or good?\n{{ text }}\n--- target\n{{ label }}\n"
ROWS, UNLABELLED, BROKEN = 250, 7, 20  # numbers of rows that give nothing, from 1
TEMPLATES = 4


def line_of(number: int) -> str:
    if number == BROKEN:
        return '{"text": "Film'
    label = -1 if number == UNLABELLED else number % 2
    return json.dumps({"id": number, "text": f"Film {number} ||| was {label}.", "label": label})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with its card, and templates of every form."""
    home = tmp_path_factory.mktemp("render")
    (home / "reviews").mkdir()
    (home / "reviews" / "README.md").write_text(CARD)
    lines = "".join(f"{line_of(number)}\n" for number in range(1, ROWS + 1))
    (home / "reviews" / "train.jsonl").write_text(lines)
    (home / "templates").mkdir()
    (home / "templates" / "1.yaml").write_text(PROMPTSOURCE)
    (home / "templates" / "2.json").write_text(FLAN)
    (home / "templates" / "3.txt").write_text(PLAIN)
    return home


@pytest.fixture(scope="module")
def whole(home: Path) -> Path:
    """A run in which every template shows every row."""
    words = ("--templates", home / "templates", "--choose", "all", "--out", home / "whole")
    invoke("render", home / "reviews", *words).done()
    return home / "whole"


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def rendered(home: Path, out: Path, *words: object) -> list[dict[str, Any]]:
    invoke(
        "render", home / "reviews", "--templates", home / "templates", *words, "--out", out
    ).done()
    return records(out / "examples.jsonl")


# ---------------------------------------------------------------- the run


def test_every_row_and_template_gives_an_example_or_a_reason(whole: Path) -> None:
    examples, rejected = records(whole / "examples.jsonl"), records(whole / "rejected.jsonl")
    reasons = Counter(each["reason"] for each in rejected)
    evens = ROWS // 2 - 1  # rows of label 0 that praise nothing, but for the broken one
    assert reasons == {"unreadable_row": 1, "no_text": evens, "no_label": TEMPLATES}
    assert len(examples) + len(rejected) - 1 == (ROWS - 1) * TEMPLATES
    (unread,) = (each["text"] for each in rejected if each["reason"] == "unreadable_row")
    assert unread.startswith("reviews: train.jsonl:20: not JSON")
    assert rejected[0]["text"] == "praise: gives nothing for this row"
    assert (rejected[0]["input"], rejected[0]["instruction_id"]) == ("reviews: row 2", "i000002")


def test_an_example_is_the_prompt_with_its_target_and_where_they_come_from(whole: Path) -> None:
    examples = {each["id"]: each for each in records(whole / "examples.jsonl")}
    assert examples["i000001-3"] == {
        "id": "i000001-3",
        "instruction": "Film 3 ||| was 1. Did they like it?",
        "input": "",
        "output": "yes",
        "is_classification": True,
        "provenance": {
            "instruction_id": "i000001",
            "turn": 1,
            "model": "none",
            "dataset": "reviews",
            "split": "train",
            "license": "cc-by-4.0",
            "row": 3,
            "template": "liked",
            "original_task": True,
        },
    }
    assert examples["i000002-3"]["output"] == "Film 3 ||| was 1."
    assert examples["i000003-3"]["instruction"] == "Film 3 ||| was 1.\nOPTIONS:\n- bad\n- good"
    assert examples["i000004-2"]["output"] == "bad"
    instructions = records(whole / "instructions.jsonl")
    assert [each["source"]["form"] for each in instructions] == [
        "promptsource", "promptsource", "flan", "plain",
    ]  # fmt: skip
    assert instructions[0]["instruction"].endswith("||| {{ answer_choices[label] }}")


def test_the_run_is_verified_shown_and_exported(whole: Path, tmp_path: Path) -> None:
    assert "are what the replies give" in invoke("verify", whole).done().out
    assert "finished" in invoke("status", whole).done().out
    invoke("export", whole, "--format", "messages", "--out", tmp_path / "out.jsonl").done()
    assert len(records(tmp_path / "out.jsonl")) == len(records(whole / "examples.jsonl"))


def test_the_draws_are_the_rows_own(home: Path, tmp_path: Path) -> None:
    whole = rendered(home, tmp_path / "one")
    assert len({each["provenance"]["row"] for each in whole}) == len(whole)
    assert len({each["provenance"]["template"] for each in whole}) == TEMPLATES
    fewer = rendered(home, tmp_path / "two", "--per-dataset", 60, "--seed", 0)
    assert 40 < len(fewer) <= 60
    by_id = {each["id"]: each["output"] for each in whole}
    assert all(by_id[each["id"]] == each["output"] for each in fewer)
    more = rendered(home, tmp_path / "three", "--per-dataset", 90)
    assert {each["id"] for each in fewer} < {each["id"] for each in more}
    other = rendered(home, tmp_path / "four", "--per-dataset", 60, "--seed", 1)
    assert {each["id"] for each in other} != {each["id"] for each in fewer}


def test_templates_take_turns(home: Path, tmp_path: Path) -> None:
    words = ("--choose", "round-robin", "--templates-per-row", 2)
    rendered(home, tmp_path / "run", *words)
    found: dict[int, set[str]] = {}
    for each in records(tmp_path / "run" / "examples.jsonl"):
        made = each["provenance"]
        found.setdefault(made["row"], set()).add(made["instruction_id"])
    for each in records(tmp_path / "run" / "rejected.jsonl"):
        if "input" in each:
            row = int(each["input"].rpartition(" ")[2])
            found.setdefault(row, set()).add(each["instruction_id"])
    odd, even = {"i000001", "i000002"}, {"i000003", "i000004"}
    assert found == {
        number: odd if number % 2 else even for number in range(1, ROWS + 1) if number != BROKEN
    }


def test_original_only_leaves_other_tasks_out(home: Path, tmp_path: Path) -> None:
    found = rendered(home, tmp_path / "run", "--original-only", "--choose", "all")
    assert {each["provenance"]["template"] for each in found} == {"liked", "reviews 1", "3"}


def test_a_longer_run_begins_as_a_shorter_one(home: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    rendered(home, out, "--choose", "all", "--n", 101)
    assert len(records(out / "examples.jsonl")) == 101
    rendered(home, out, "--choose", "all", "--n", 480)
    rendered(home, tmp_path / "long", "--choose", "all", "--n", 480)
    assert dataset(out) == dataset(tmp_path / "long")
    invoke("resume", out, "--n", 100_000, "--concurrency", 64).done()
    assert dataset(out) == dataset(whole)


def test_a_run_goes_on_with_its_own_templates_and_its_own_rows_alone(
    home: Path, tmp_path: Path
) -> None:
    source, templates = tmp_path / "reviews", tmp_path / "templates"
    source.mkdir()
    templates.mkdir()
    for name in ("README.md", "train.jsonl"):
        (source / name).write_bytes((home / "reviews" / name).read_bytes())
    (templates / "1.yaml").write_text(PROMPTSOURCE)
    words = ("render", source, "--templates", templates, "--out", tmp_path / "run")
    invoke(*words, "--n", 10).done()
    (templates / "1.yaml").write_text(PROMPTSOURCE.replace("like it", "hate it"))
    invoke("resume", tmp_path / "run", "--n", 20).done()
    assert "the templates are others" in invoke(*words, "--n", 30).error
    (source / "train.jsonl").write_text(line_of(1) + "\n")
    assert "hold other bytes" in invoke("resume", tmp_path / "run", "--n", 30).error


def test_the_function_is_the_command_byte_for_byte(home: Path, whole: Path, tmp_path: Path) -> None:
    of = (home / "reviews", [home / "templates"], tmp_path / "run")
    run = selfinstruct.render(*of, choose="all", n=50, progress=False)
    assert sum(1 for _ in run.examples()) == 50
    selfinstruct.render(*of, n=100_000, progress=False)
    assert dataset(tmp_path / "run") == dataset(whole)
    with pytest.raises(selfinstruct.UserError, match="no such file or folder of templates"):
        selfinstruct.render(home / "reviews", "nowhere", tmp_path / "none")


# ---------------------------------------------------------------- bad input


def test_what_is_wrong_is_said_in_a_line_and_nothing_is_left(home: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile.txt"
    hostile.write_text("Read\n{{ text.__class__ }}\n--- target\n{{ label }}\n")
    other = tmp_path / "other.json"
    other.write_text('{"rte": [["a", "b"]], "wsc": [["a", "b"]]}')
    reviews, out = home / "reviews", ("--out", tmp_path / "none")
    errors = {
        ("--templates", hostile): "hostile.txt:1: template 'hostile', line 2: reaches for",
        ("--templates", other): "no template is for 'reviews' (they are for rte, wsc)",
        ("--templates", "nowhere.txt"): "nowhere.txt: no such file or folder of templates",
        (): "no templates; name a file or a folder with --templates",
    }
    for words, said in errors.items():
        assert said in invoke("render", reviews, *words, *out).error
    words = ("--templates", home / "templates")
    assert "no dataset" in invoke("render", *words, *out).error
    assert "no such file" in invoke("render", tmp_path / "no.jsonl", *words, *out).error
    assert "at least 1" in invoke("render", reviews, *words, "--templates-per-row", 0, *out).error
    assert not (tmp_path / "none").exists()
    named = ("--templates", f"reviews={other}#rte")
    invoke("render", reviews, *named, "--dry-run", *out).done()


def test_other_files_in_a_folder_of_templates_are_passed_over(home: Path, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    others = {
        "notes.txt": "Nothing.",
        "sizes.json": '{"rte": {"all": 9}, "more": []}',
        "a.yml": "b: c",
    }
    for name, text in {**others, "q.txt": PLAIN}.items():
        (tmp_path / "templates" / name).write_text(text)
    words = ("--templates", tmp_path / "templates", "--out", tmp_path / "run")
    ran = invoke("render", home / "reviews", *words).done()
    said = (ran.out + ran.err).splitlines()
    assert [line.split(": ")[1] for line in said if line.startswith("passed over: ")] == [
        str(tmp_path / "templates" / name) for name in sorted(others)
    ]
    (tmp_path / "templates" / "q.txt").unlink()
    assert (
        "has no 'templates'" in invoke("render", home / "reviews", *words[:2], "--out", "x").error
    )


# ---------------------------------------------------------------- templates check


def test_check_shows_rows_fields_and_failures(home: Path) -> None:
    said = (
        invoke("templates", "check", home / "templates", "--against", home / "reviews").done().out
    )
    assert "4 templates, 0 refused" in said
    assert "fields id, text, label" in said
    assert "liked (reviews), the original task\n  fields not used: id\n  row 1\n" in said
    assert "    prompt: Film 1 ||| was 1. Did they like it?\n    target: yes\n" in said
    assert "  248 of 249 rows give an example\n  no_label: 1 (row 7; " in said
    assert "unread   train.jsonl:20: not JSON" in said


def test_check_tells_refused_templates_and_those_that_give_nothing(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("{{ lipsum() }}\n--- target\nx\n")
    (tmp_path / "b.txt").write_text("{{ absent }}\n--- target\nx\n")
    (tmp_path / "c.txt").write_text("{{ text }}\n--- target\nx\n")
    ran = invoke("templates", "check", tmp_path, "--against", home / "reviews")
    assert ran.code == 1
    assert "3 templates, 1 refused" in ran.out
    assert "a.txt:1: template 'a', line 1: calls 'lipsum'" in ran.out
    assert "fields that no row has: absent" in ran.out
    assert "0 of 249 rows give an example" in ran.out
    ran = invoke("templates", "check", tmp_path / "c.txt").done()
    assert "c: uses text" in ran.out


# ---------------------------------------------------------------- recorded data, and kills


@recorded
def test_recorded_datasets_give_what_plain_replacement_gives(tmp_path: Path) -> None:
    shown = {
        "iris": ("sepallength", "class"),
        "penguins": ("island", "sex"),
        "elements": ("uses", "name"),
    }
    for name, (field, target) in shown.items():
        folder = STRATEGIES / "annotated" / name
        (tmp_path / f"{name}.txt").write_text(f"{{{{ {field} }}}}?\n--- target\n{{{{ {target} }}}}")
        words = ("--templates", tmp_path / f"{name}.txt", "--out", tmp_path / name)
        invoke("render", folder, *words).done()
        rows = records(folder / "train.jsonl")
        pairs = [(f"{row[field]}?", str(row[target])) for row in rows if row[field] and row[target]]
        examples = records(tmp_path / name / "examples.jsonl")
        assert [(each["instruction"], each["output"]) for each in examples] == pairs
        assert len(examples) + len(records(tmp_path / name / "rejected.jsonl")) == len(rows)


@pytest.mark.slow
def test_killed_and_resumed_the_bytes_are_the_same(home: Path, tmp_path: Path) -> None:
    chance, source, out = Random(3), tmp_path / "reviews", tmp_path / "killed"
    source.mkdir()
    (source / "README.md").write_text(CARD)
    lines = "".join(f"{line_of(number)}\n" for number in range(1, 3_001))
    (source / "train.jsonl").write_text(lines)
    words = ("render", source, "--templates", home / "templates", "--choose", "all")
    finish(start(*words, "--out", tmp_path / "whole")).done()

    def written() -> int:
        path = out / "examples.jsonl"
        return path.stat().st_size if path.exists() else 0

    code, said, kills = kill_until_done(
        start, (*words, "--out", out), out, written, lambda: chance.randint(1, 1_500_000)
    )
    assert code == 0, said
    assert kills >= 2
    assert dataset(out) == dataset(tmp_path / "whole")
    assert "are what the replies give" in invoke("verify", out).done().out
