"""Shards of `render`, `invert` and `dynosaur`: together they are the job that is not split."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from command import dataset, invoke
from rouge_score.rouge_scorer import RougeScorer

from selfinstruct.asking.shards import Shard

SHARDS = 3


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def written(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five small datasets, three templates, and rows of five instructions, of which two have no
    swap.
    """
    home = tmp_path_factory.mktemp("home")
    for name, count in (("boats", 31), ("towns", 23), ("hills", 20), ("lakes", 24), ("bays", 26)):
        rows = [
            {
                "text": f"The {name[:-1]} {at} was {('leaking', 'plain', 'splendid')[at % 3]}.",
                "mood": ("bad", "fair", "good")[at * 7 % 11 % 3],
                "place": None if at in (5, 8, 11) else f"pier {at * 5 % 17}",
            }
            for at in range(count)
        ]
        written(home / name / "train.jsonl", rows)
    templates = home / "templates"
    templates.mkdir()
    (templates / "mood.txt").write_text("How is it?\n{{ text }}\n--- target\n{{ mood }}\n")
    drawn = "{{ ['Where?', 'Which pier?'] | choice }} {{ text }}\n--- target\n{{ place }}\n"
    (templates / "place.txt").write_text(drawn)
    (templates / "back.txt").write_text("Say that it is {{ mood }}.\n--- target\n{{ text }}\n")
    tasks = [
        {
            "instruction": f"Name the harbour of country {task}.",
            "input": f"country {task}, part {at}",
            "output": "yes" if task in (1, 4) else f"harbour {at // 2}",  # 1 and 4: shard 1 of 3
        }
        for task in range(6)
        for at in range(4)
    ]
    written(home / "rows.jsonl", tasks)
    listed = [
        {"task_name": name, "instruction": text, "input_fields": ["text"], "output_field": field}
        for name in ("boats", "towns")  # the same instructions for both
        for text, field in (("Tell it.", "mood"), ("Where is it?", "place"), ("How wide?", "width"))
    ]
    written(home / "list.jsonl", listed)
    return home


def words_of(case: str, home: Path) -> tuple[object, ...]:
    """The words of a job, of which every shard has a part."""
    datasets = [home / name for name in ("boats", "towns", "hills", "lakes", "bays")]
    render = ("render", *datasets[:2], "--templates", home / "templates")
    invert = ("invert", "--from", home / "rows.jsonl")
    return {
        "render all": (*render, "--choose", "all"),
        "render drawn": (*render, "--per-dataset", 20, "--templates-per-row", 2, "--seed", 3),
        "render in turn": (*render, "--choose", "round-robin"),
        "invert by template": (*invert, "--instruction", "Write the request for this text."),
        "invert": (*invert, "--model", "scripted"),
        "dynosaur": ("dynosaur", *datasets, "--model", "scripted", "--per-task", 10, "--seed", 2),
        "dynosaur list": ("dynosaur", *datasets, "--tasks", home / "list.jsonl", "--per-task", 0),
    }[case]


def split(words: Sequence[object], out: Path) -> list[Path]:
    parts = [out / f"part-{rank}" for rank in range(SHARDS)]
    for rank, part in enumerate(parts):
        invoke(*words, "--shard", f"{rank}/{SHARDS}", "--out", part).done()
    return parts


def texts(run: Path) -> Counter[tuple[str, str, str]]:
    """The examples of a run."""
    found = lines(run / "examples.jsonl")
    return Counter((each["instruction"], each["input"], each["output"]) for each in found)


def dropped(run: Path) -> Counter[tuple[str, ...]]:
    names = ("stage", "what", "reason", "text", "input", "output")
    return Counter(
        tuple(str(each.get(name)) for name in names) for each in lines(run / "rejected.jsonl")
    )


@pytest.mark.parametrize(
    "case",
    [
        "render all",
        "render drawn",
        "render in turn",
        "invert by template",
        "invert",
        "dynosaur",
        "dynosaur list",
    ],
)
def test_merged_shards_are_the_job_that_is_not_split(case: str, home: Path, tmp_path: Path) -> None:
    words, single, whole = words_of(case, home), tmp_path / "single", tmp_path / "whole"
    invoke(*words, "--out", single).done()
    parts = split(words, tmp_path)
    invoke("merge", *parts[::-1], "--out", whole).done()
    assert texts(whole) == texts(single) and dropped(whole) == dropped(single)
    examples, instructions = lines(whole / "examples.jsonl"), lines(whole / "instructions.jsonl")
    assert len(examples) >= 8 and dropped(whole)
    assert [each["id"] for each in instructions] == [
        f"i{number:06d}" for number in range(1, len(instructions) + 1)
    ]
    assert Counter(each["instruction"] for each in instructions) == Counter(
        each["instruction"] for each in lines(single / "instructions.jsonl")
    )
    known = {each["id"]: each for each in instructions}
    assert len({each["id"] for each in examples}) == len(examples)
    for example in examples:
        source = known[example["provenance"]["instruction_id"]].get("source")
        assert source is None or source["dataset"] == example["provenance"]["dataset"]
    for rejected in lines(whole / "rejected.jsonl"):
        if "instruction_id" in rejected:  # of a row, which is named
            place = f"{known[rejected['instruction_id']]['source']['dataset']}: row "
            assert place in rejected["text"] + rejected.get("input", "")
    invoke("verify", whole).done()
    invoke("verify", parts[1]).done()


def test_rows_and_datasets_are_shared_out(home: Path, tmp_path: Path) -> None:
    """A row of `render` and a dataset of `dynosaur` are in a single shard, and none is left out."""
    parts = split(words_of("render all", home), tmp_path / "render")
    rows = [
        {(each["provenance"]["dataset"], each["provenance"]["row"]) for each in lines(path)}
        for path in (part / "examples.jsonl" for part in parts)
    ]
    assert [len(each) for each in rows] == [18, 18, 18] and len(set.union(*rows)) == 31 + 23
    names = {(part / "instructions.jsonl").read_bytes() for part in parts}
    assert len(names) == 1  # every template is in every shard
    parts = split(words_of("dynosaur", home), tmp_path / "dynosaur")
    found = [
        {each["source"]["dataset"] for each in lines(part / "instructions.jsonl")} for part in parts
    ]
    assert found == [{"boats", "lakes"}, {"towns", "bays"}, {"hills"}]


def test_a_shard_without_anything_to_swap_ends_with_its_reasons(home: Path, tmp_path: Path) -> None:
    for number, words in enumerate((("--model", "scripted"), ("--instruction", "Write back."))):
        out = tmp_path / f"out-{number}"
        job = ("invert", "--from", home / "rows.jsonl", *words, "--shard", "1/3", "--out", out)
        assert "about 0 examples" in invoke(*job, "--dry-run").done().out
        invoke(*job).done()
        assert not lines(out / "examples.jsonl")
        assert [each["reason"] for each in lines(out / "rejected.jsonl")] == ["label"] * 8
        invoke("verify", out).done()
        invoke("resume", out).done()


@pytest.mark.parametrize(
    ("case", "shard", "message"),
    [
        (
            "dynosaur",
            "5/6",
            "there are 5 datasets in all, so that this shard has none; split into 5",
        ),
        ("invert", "6/7", "there are 6 instructions in all"),
        ("render all", "99/100", "there are 54 rows in all"),
    ],
)
def test_more_shards_than_items(
    case: str, shard: str, message: str, home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    refused = invoke(*words_of(case, home), "--shard", shard, "--out", out)
    assert message in refused.error and not out.exists()


def test_shards_without_a_row_are_merged_with_the_others(tmp_path: Path) -> None:
    rows = written(
        tmp_path / "rows.jsonl", [{"instruction": "Describe a hill.", "output": "Steep."}]
    )
    parts = [tmp_path / f"part-{rank}" for rank in range(SHARDS)]
    for rank, part in enumerate(parts):
        words = ("--model", "scripted", "--shard", f"{rank}/{SHARDS}", "--out", part)
        invoke("paraphrase", "--from", rows, *words).done()
    assert not lines(parts[1] / "rejected.jsonl") + lines(parts[2] / "instructions.jsonl")
    invoke("merge", *parts, "--out", tmp_path / "whole").done()
    assert texts(tmp_path / "whole") == texts(parts[0])


def test_instructions_of_dynosaur_are_compared_across_datasets(home: Path, tmp_path: Path) -> None:
    """By the reference's own program."""
    from selfinstruct.similarity import tokens

    class Words:
        def tokenize(self, text: str) -> list[str]:
            return list(tokens(text, "unicode"))

    parts = split((*words_of("dynosaur", home), "--novelty-across", 0.6), tmp_path)
    whole = tmp_path / "whole"
    invoke("merge", *parts, "--out", whole).done()
    invoke("verify", whole).done()
    lost = [each for each in lines(whole / "rejected.jsonl") if each["stage"] == "merge"]
    kept = lines(whole / "instructions.jsonl")
    assert {each["reason"] for each in lost} == {"similar_across"}
    assert len(lost) + len(kept) == sum(len(lines(part / "instructions.jsonl")) for part in parts)
    scorer = RougeScorer(["rougeL"], tokenizer=Words())
    for number, each in enumerate(kept):
        for other in kept[:number]:
            if other["source"]["dataset"] != each["source"]["dataset"]:
                pair = (other["source"]["text"], each["source"]["text"])
                assert scorer.score(*pair)["rougeL"].fmeasure <= 0.6
    invoke("merge", *parts, "--threshold", 1, "--out", tmp_path / "all").done()
    everything = sum((texts(part) for part in parts), Counter[tuple[str, str, str]]())
    assert texts(tmp_path / "all") == everything and len(texts(whole)) < len(everything)


def test_the_same_template_is_folded_under_any_number(home: Path, tmp_path: Path) -> None:
    """`--original-only` leaves a template out, so that the others have other ids."""
    text = """dataset: boats
templates:
  a: !Template
    jinja: "Write that it is {{ mood }}.\n|||\n{{ text }}"
    metadata: !TemplateMetadata
      original_task: false
    name: back
  b: !Template
    jinja: "How is it? {{ text }}\n|||\n{{ mood }}"
    metadata: !TemplateMetadata
      original_task: true
    name: forth
"""
    (tmp_path / "prompts.yaml").write_text(text, "utf-8")
    templates = f"boats={tmp_path / 'prompts.yaml'}"
    words = ("render", home / "boats", "--templates", templates, "--choose", "all")
    one, both, out = (tmp_path / name for name in ("one", "both", "out"))
    invoke(*words, "--original-only", "--out", one).done()
    invoke(*words, "--seed", 1, "--out", both).done()
    invoke("merge", one, both, "--out", out).done()
    assert texts(out) == texts(both) and dropped(out).total() == len(lines(one / "examples.jsonl"))
    sentences = {each["id"]: each["instruction"] for each in lines(out / "instructions.jsonl")}
    for each in lines(out / "examples.jsonl"):
        is_forth = sentences[each["provenance"]["instruction_id"]].startswith("How")
        assert is_forth == each["instruction"].startswith("How")


def test_the_same_template_of_two_datasets_of_the_same_name_stays_two(
    home: Path, tmp_path: Path
) -> None:
    rows = [{"text": f"The other boat {at} is fine.", "mood": "good"} for at in range(12)]
    written(tmp_path / "other" / "boats" / "train.jsonl", rows)
    datasets = (home / "boats", tmp_path / "other" / "boats")
    words = ("render", *datasets, "--templates", home / "templates" / "mood.txt")
    whole, out = tmp_path / "whole", tmp_path / "out"
    invoke(*words, "--out", whole).done()
    invoke("merge", *split(words, tmp_path / "parts"), "--out", out).done()
    assert texts(out) == texts(whole) and len(lines(out / "instructions.jsonl")) == 2
    ids = [each["id"] for each in lines(out / "examples.jsonl")]
    assert len(ids) == len({*ids}) == 31 + 12


def test_runs_of_render_with_the_same_rows_are_folded(home: Path, tmp_path: Path) -> None:
    """Seeds draw other templates for a row; a row under the same template is kept once."""
    render = words_of("render drawn", home)[:-2]
    runs = [tmp_path / f"seed-{seed}" for seed in range(2)]
    for seed, run in enumerate(runs):
        invoke(*render, "--seed", seed, "--out", run).done()
    other = tmp_path / "other"
    job = ("render", home / "hills", "--templates", home / "templates" / "mood.txt")
    invoke(*job, "--out", other).done()
    out = tmp_path / "out"
    invoke("merge", *runs, other, "--n", 70, "--out", out).done()
    invoke("merge", *runs, other, "--n", 95, "--out", out).done()  # goes on
    whole = tmp_path / "whole"
    invoke("merge", *runs, other, "--out", whole).done()
    made = [{each["id"] for each in lines(run / "examples.jsonl")} for run in runs]
    assert len(made[0] & made[1]) > 5
    assert len(lines(whole / "examples.jsonl")) == len(made[0] | made[1]) + 20
    assert len(lines(whole / "instructions.jsonl")) == 6 + 1
    repeated = [each for each in lines(whole / "rejected.jsonl") if each["reason"] == "same_row"]
    assert len(repeated) == len(made[0] & made[1])
    assert lines(out / "examples.jsonl") == lines(whole / "examples.jsonl")[:95]
    assert "templates are not compared" in invoke("merge", *runs, "--threshold", 0.5).error
    assert "of render, which cannot be merged again" in invoke("merge", whole, other).error


def test_a_shard_that_goes_on_keeps_its_share_and_the_seed_of_the_job(
    home: Path, tmp_path: Path
) -> None:
    out, words = tmp_path / "out", (*words_of("render drawn", home), "--shard", "1/3")
    invoke(*words, "--n", 10, "--out", out).done()
    assert len(lines(out / "examples.jsonl")) == Shard(1, 3).share(10) == 3
    invoke(*words, "--n", 40, "--out", out).done()
    config = json.loads((out / "run.json").read_bytes())["config"]
    assert (config["n"], config["seed"], config["shard"]) == (13, 3, "1/3")
    invoke(*words, "--n", 40, "--out", tmp_path / "anew").done()
    assert dataset(out) == dataset(tmp_path / "anew")
    assert "began otherwise" in invoke(*words[:-2], "--shard", "0/3", "--out", out).error
