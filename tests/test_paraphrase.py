"""`paraphrase`: other wordings of instructions, which keep their outputs and the place of the input."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import Ran, at, dataset, invoke, killed_at
from server import LoopbackServer, latency

from selfinstruct.asking.reading import Reply
from selfinstruct.data.tasks import Instruction
from selfinstruct.parsing.answer import Answer
from selfinstruct.recipes.wordings import reworded, why_not_wording, with_mark

MODEL = ("--model", "scripted")


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def rows(path: Path, count: int = 60) -> Path:
    """Every second row has an input, every fifth no output; the last has the mark in its text."""
    lines = [
        {
            "id": f"q{number}",
            "instruction": f"Say how high mountain {number} is.",
            "input": "It lies in the Alps." if number % 2 else "",
            "output": "" if number % 5 == 0 else f"{number},000 m",
        }
        for number in range(count)
    ]
    lines[-1]["instruction"] = "Translate {INPUT}."
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def paraphrase(*words: object, **environment: str) -> Ran:
    return invoke("paraphrase", *words, **environment)


@pytest.fixture(scope="module")
def worded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paraphrase")
    words = ("--from", rows(folder / "rows.jsonl"), *MODEL, "--paraphrases", 2)
    paraphrase(*words, "--out", folder / "run").done()
    return folder / "run"


def test_outputs_stay_and_inputs_are_put_in(worded: Path) -> None:
    known = {line["id"]: line for line in lines_of(worded.parent / "rows.jsonl")}
    examples = lines_of(worded / "examples.jsonl")
    assert len(examples) > 80
    for example in examples:
        row = known[example["provenance"]["source_id"]]
        assert example["output"] == row["output"] or (not row["output"] and example["output"])
        assert example["input"] == "" and row["input"] in example["instruction"]
        assert example["instruction"] != row["instruction"]
    answered = {line["place"] for line in lines_of(worded / "completions.jsonl")}
    assert len([place for place in answered if "-" not in place]) == 12  # those without an output


def test_every_drop_has_its_reason_and_the_funnel_adds_up(worded: Path) -> None:
    rejected = lines_of(worded / "rejected.jsonl")
    reasons = Counter(line["reason"] for line in rejected if line["what"] == "instance")
    usual = {"unchanged", "missing_input_mark", "duplicate_paraphrase"}
    assert len(usual & set(reasons)) >= 2  # the scripted model's draws depend on the prompt
    assert [line["text"] for line in rejected if line["reason"] == "has_input_mark"] == [
        "Translate {INPUT}."
    ]
    unread = {
        (line["instruction_id"], line["reason"]) for line in rejected if line["what"] == "reply"
    }
    examples = len(lines_of(worded / "examples.jsonl"))
    assert examples + sum(reasons.values()) <= 2 * 59
    assert examples + sum(reasons.values()) + 2 * len(unread) >= 2 * 59
    invoke("verify", worded).done()


@pytest.mark.parametrize("concurrency", [1, 64])
def test_the_bytes_depend_on_no_concurrency(concurrency: int, worded: Path, tmp_path: Path) -> None:
    source, out = worded.parent / "rows.jsonl", tmp_path / "run"
    options = ("--paraphrases", 2, "--concurrency", concurrency, "--out", out)
    paraphrase("--from", source, *MODEL, *options).done()
    assert dataset(out) == dataset(worded)


def test_a_longer_run_equals_an_extended_one_after_a_cap(worded: Path, tmp_path: Path) -> None:
    source, out = worded.parent / "rows.jsonl", tmp_path / "run"
    words = ("--from", source, *MODEL, "--paraphrases", 2, "--n", 40)
    assert paraphrase(*words, "--max-requests", 25, "--out", out).code == 75
    assert len(lines_of(out / "completions.jsonl")) <= 25
    invoke("resume", out, "--max-requests", -1).done()
    assert len(lines_of(out / "examples.jsonl")) == 40
    invoke("resume", out, "--n", 9999).done()
    assert dataset(out) == dataset(worded)


@pytest.mark.slow
def test_it_is_killed_and_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    chance, source = Random(4), rows(tmp_path / "rows.jsonl", 50)
    with LoopbackServer(latency(0.002, spread=0.002, seed=3)) as server:
        words = ("paraphrase", "--from", source, *at(server), "--concurrency", 8)
        invoke(*words, "--out", tmp_path / "whole", OPENAI_API_KEY="none").done()
        out = tmp_path / "killed"
        code, said, kills = killed_at(server, words, out, lambda: chance.randint(25, 40))
    assert code == 0, said
    assert kills >= 1
    assert dataset(tmp_path / "killed") == dataset(tmp_path / "whole")


def test_replies_in_json_are_read(tmp_path: Path) -> None:
    source, out = rows(tmp_path / "rows.jsonl", 30), tmp_path / "run"
    options = ("--response-format", "json_schema", "--out", out)
    paraphrase("--from", source, *MODEL, *options).done()
    examples = lines_of(out / "examples.jsonl")
    assert len(examples) > 20 and not any("{" in each["instruction"] for each in examples)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ((), "no source"),
        (("--from", "rows.jsonl", "--paraphrases", 0), "at least 1"),
        (("--from", "none"), "no such file"),
    ],
)
def test_bad_input_is_a_line(
    words: tuple[object, ...], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows(tmp_path / "rows.jsonl", 5)
    ran = paraphrase(*words, *MODEL, "--out", "run")
    assert ran.code == 2 and fault in ran.error and not Path("run").exists()


# ---------------------------------------------------------------- wordings


def test_the_marks_of_a_wording_are_those_of_the_task() -> None:
    asked, alone = with_mark("Sum up.", "A text."), with_mark("Sum up.", "")
    assert asked == "Sum up.\n\n{INPUT}" and alone == "Sum up."
    assert why_not_wording("What does this say? {INPUT}", asked) is None
    assert why_not_wording("What does this say?", asked) == "missing_input_mark"
    assert why_not_wording("What does this say? {INPUT}", alone) == "stray_input_mark"
    assert why_not_wording("The text says that " + "and that " * 20, alone) == "too_long"
    assert why_not_wording("Sum this up.<|im_end|>\n{INPUT}", asked) == "control_token"


def test_equal_wordings_are_dropped_whatever_their_marks() -> None:
    replies = iter(["SUM up!", "Give the gist.", '"Give the gist"', "Shorten it."])

    async def ask(stage: str, place: str, values: Any, to: str | None = None) -> Reply:
        text = next(replies)
        return Reply(text, Answer(text))

    instruction = Instruction("i000001", "Sum up.", 0, ())
    wordings, dropped = asyncio.run(reworded(instruction, "Sum up.", 4, ask))
    assert [(each.text, each.number) for each in wordings] == [
        *(("Give the gist.", 2), ("Shorten it.", 4))
    ]
    assert [line.reason for line in dropped] == ["unchanged", "duplicate_paraphrase"]


@pytest.mark.slow
def test_two_thousand_examples(tmp_path: Path) -> None:
    """Concurrency 1 and 64, and a run in parts whose caps are held."""
    source = rows(tmp_path / "rows.jsonl", 1300)
    words = ("--from", source, *MODEL, "--paraphrases", 2, "--n", 2000)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    paraphrase(*words, "--concurrency", 64, "--out", whole).done()
    assert len(lines_of(whole / "examples.jsonl")) == 2000
    paraphrase(*words, "--concurrency", 1, "--out", tmp_path / "one").done()
    assert dataset(tmp_path / "one") == dataset(whole)
    chance, cap = Random(7), 100
    code = paraphrase(*words, "--max-requests", cap, "--out", parts).code
    while code == 75:
        assert len(lines_of(parts / "completions.jsonl")) <= cap
        cap += chance.randint(50, 300)
        code = invoke("resume", parts, "--max-requests", cap).code
    assert code == 0 and dataset(parts) == dataset(whole)
    invoke("verify", whole).done()
