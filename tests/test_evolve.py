"""`evolve`: instructions grow harder in rounds, and children without a gain are eliminated."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import Ran, at, dataset, invoke, killed_at
from server import LoopbackServer, latency

from selfinstruct.parsing.rewriting import rewritten, sameness
from selfinstruct.recipes.evolve.elimination import compared, why_not_answer, why_not_child
from selfinstruct.recipes.evolve.settings import OPERATORS
from selfinstruct.runs.view import load_run
from selfinstruct.stats.rounds import rounds_of

MODEL = ("--model", "scripted")


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def questions(path: Path, count: int) -> Path:
    rows: list[dict[str, Any]] = [
        {"id": f"q{number}", "instruction": f"How high is mountain {number}?", "input": ""}
        for number in range(count)
    ]
    rows[1] = {"id": "again", "instruction": "How high is mountain 0?", "input": ""}
    for row in rows[2::3]:
        row["input"] = "A mountain in the Alps, with a hut on its eastern ridge."
    return written(path, rows)


def evolve(*words: object, **environment: str) -> Ran:
    return invoke("evolve", *words, **environment)


@pytest.fixture(scope="module")
def evolved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evolve")
    evolve("--from", questions(folder / "rows.jsonl", 60), *MODEL, "--out", folder / "run").done()
    return folder / "run"


def test_a_parent_is_the_latest_survivor_of_its_line(evolved: Path) -> None:
    latest: dict[str, str] = {}
    texts = {line["id"]: line["instruction"] for line in lines_of(evolved / "instructions.jsonl")}
    operators, kept, depth = Counter[str](), 0, 0
    for example in lines_of(evolved / "examples.jsonl"):
        lineage = example["provenance"]
        row = lineage["instruction_id"]
        assert lineage["parent"] == latest.get(row, row)
        assert example["id"] == f"{row}-{lineage['round']}"
        kept += texts[lineage["parent"]] in example["instruction"]
        depth += lineage["operator"] != "breadth"
        latest[row] = example["id"]
        texts[example["id"]] = example["instruction"]
        operators[lineage["operator"]] += 1
    assert set(operators) == set(OPERATORS)
    assert kept > 0.9 * depth


def test_a_row_gives_a_child_or_a_reason_in_every_round(evolved: Path) -> None:
    outcomes = {
        (line["instruction_id"], line["round"])
        for line in lines_of(evolved / "rejected.jsonl")
        if line["what"] in ("reply", "instance")
    }
    outcomes |= {
        (line["provenance"]["instruction_id"], line["provenance"]["round"])
        for line in lines_of(evolved / "examples.jsonl")
    }
    rows = [line["id"] for line in lines_of(evolved / "instructions.jsonl")]
    assert len(rows) == 59
    assert {(row, number) for row in rows for number in range(1, 5)} == outcomes


def test_every_reason_of_the_paper_occurs_and_the_funnel_adds_up(evolved: Path) -> None:
    rejected = lines_of(evolved / "rejected.jsonl")
    reasons = Counter(line["reason"] for line in rejected if line["what"] == "instance")
    expected = {"no_gain", "near_equal", "leaked_operator", "lost_material", "apology"}
    assert expected <= set(reasons)
    funnel = json.loads((evolved / "checkpoint.json").read_text())["end"]["funnel"]
    assert sum(reasons.values()) == sum(
        count for key, count in funnel["rejected"].items() if key.startswith("instance/")
    )
    again = next(line for line in rejected if line["reason"] == "exact_duplicate")
    assert again["instruction_id"] == "i000001" and funnel["admitted"] == 59


def test_the_rounds_are_counted(evolved: Path) -> None:
    view = load_run(evolved)
    rounds = rounds_of(view.examples(), view.rejected(), {})
    assert [each.number for each in rounds] == [1, 2, 3, 4]
    assert sum(each.survived for each in rounds) == view.funnel().examples
    first, last = rounds[0].instruction_words, rounds[-1].instruction_words
    assert first is not None and last is not None and last > first


def test_it_is_verified_reported_and_exported(evolved: Path, tmp_path: Path) -> None:
    invoke("verify", evolved).done()
    out = tmp_path / "chat.jsonl"
    invoke("export", evolved, "--format", "messages", "--out", out).done()
    assert len(lines_of(out)) == len(lines_of(evolved / "examples.jsonl"))


@pytest.mark.parametrize("concurrency", [1, 64])
def test_the_bytes_depend_on_no_concurrency(
    concurrency: int, evolved: Path, tmp_path: Path
) -> None:
    rows, out = evolved.parent / "rows.jsonl", tmp_path / "run"
    evolve("--from", rows, *MODEL, "--concurrency", concurrency, "--out", out).done()
    assert dataset(out) == dataset(evolved)


def test_a_longer_run_equals_an_extended_one_after_a_cap(evolved: Path, tmp_path: Path) -> None:
    rows, out = evolved.parent / "rows.jsonl", tmp_path / "run"
    stopped = evolve("--from", rows, *MODEL, "--n", 50, "--max-requests", 70, "--out", out)
    assert stopped.code == 75 and len(lines_of(out / "completions.jsonl")) <= 70
    invoke("resume", out, "--max-requests", -1).done()
    assert len(lines_of(out / "examples.jsonl")) == 50
    invoke("resume", out, "--n", 9999).done()
    assert dataset(out) == dataset(evolved)


@pytest.mark.slow
def test_it_is_killed_and_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    chance, rows = Random(4), questions(tmp_path / "rows.jsonl", 14)
    with LoopbackServer(latency(0.002, spread=0.002, seed=3)) as server:
        words = ("evolve", "--from", rows, *at(server), "--rounds", 2, "--concurrency", 8)
        invoke(*words, "--out", tmp_path / "whole", OPENAI_API_KEY="none").done()
        out = tmp_path / "killed"
        code, said, kills = killed_at(server, words, out, lambda: chance.randint(25, 40))
    assert code == 0, said
    assert kills >= 1
    assert dataset(tmp_path / "killed") == dataset(tmp_path / "whole")


@pytest.mark.parametrize("form", ["json_object", "json_schema"])
def test_replies_in_json_are_read(form: str, tmp_path: Path) -> None:
    rows, out = questions(tmp_path / "rows.jsonl", 20), tmp_path / "run"
    evolve("--from", rows, *MODEL, "--response-format", form, "--out", out).done()
    examples = lines_of(out / "examples.jsonl")
    assert len(examples) > 30
    flawed = sum(each["output"].startswith(("{", "```", "Here")) for each in examples)
    assert flawed <= len(examples) // 8  # with another name, in a fence, behind an opening


def test_only_the_named_operators_are_drawn(tmp_path: Path) -> None:
    rows, out = questions(tmp_path / "rows.jsonl", 10), tmp_path / "run"
    evolve(
        *("--from", rows, *MODEL, "--operator", "breadth", "--operator", "deepen"),
        *("--rounds", 3, "--out", out),
    ).done()
    stages = {line["stage"] for line in lines_of(out / "completions.jsonl")}
    assert stages == {"breadth", "deepen", "same", "answer"}


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ((), "no source"),
        (("--from", "none.jsonl"), "no such file"),
        (("--from", "chats.jsonl"), "hold no single instruction"),
        (("--from", "rows.jsonl", "--operator", "harder"), "must be one of constraints, deepen"),
        (("--from", "rows.jsonl", "--rounds", 0), "at least 1"),
        (("--from", "broken.jsonl"), "broken.jsonl:1"),
        (("--from", "rows.jsonl", "--model", "local"), "a larger model than the embedded one"),
    ],
)
def test_bad_input_is_a_line(
    words: tuple[object, ...], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    questions(tmp_path / "rows.jsonl", 5)
    written(tmp_path / "broken.jsonl", [{"number": 1}])
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello."}]
    written(tmp_path / "chats.jsonl", [{"messages": turns}])
    ran = evolve(*MODEL, *words, "--out", "run")
    assert ran.code == 2 and fault in ran.error and not Path("run").exists()


# ---------------------------------------------------------------- parsers and filters


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("  Name two rivers. ", "Name two rivers."),
        ("Sure! Here it is:\n\nName two rivers.", "Name two rivers."),
        ("**Rewritten Prompt:** Name two rivers.", "Name two rivers."),
        ("#Rewritten Prompt#:\nName two rivers.", "Name two rivers."),
        ('"Name two rivers."', "Name two rivers."),
        ("<prompt>\nName two rivers.\n</prompt>", "Name two rivers."),
        ('{"prompt": "Name two rivers."}', "Name two rivers."),
        ("Name two rivers.\n\nLet me know if I can help further.", "Name two rivers."),
        ('Sum up: "To be", he said, "or not".', 'Sum up: "To be", he said, "or not".'),
        ('Use this record: {"river": "Oder"}', 'Use this record: {"river": "Oder"}'),
    ],
)
def test_a_new_instruction_is_read_in_its_usual_forms(reply: str, text: str) -> None:
    found = rewritten(reply, "stop")
    assert (found.text, found.reason) == (text, None)


@pytest.mark.parametrize(
    ("reply", "finish", "reason"),
    [
        ("", "stop", "empty_reply"),
        ("I'm sorry, but I cannot rewrite this.", "stop", "refusal"),
        ("Name two ri", "length", "cut_by_length"),
    ],
)
def test_an_unusable_reply_has_its_reason(reply: str, finish: str, reason: str) -> None:
    assert rewritten(reply, finish).reason == reason


@pytest.mark.parametrize(
    ("reply", "is_same"),
    [
        ("Equal", True),
        ("**Not Equal**", False),
        ("not equal, since the second asks for more", False),
        ("Yes.", True),
        ('{"same": false}', False),
        ("Both have their merits.", None),
    ],
)
def test_the_verdict_on_sameness_is_read(reply: str, is_same: bool | None) -> None:
    found = sameness(reply, "stop")
    assert found.is_same is is_same and (found.reason is None) == (is_same is not None)


def test_a_child_falls_by_its_own_words() -> None:
    assert why_not_child("?!", "Name a river.") == "punctuation_only"
    assert why_not_child("As in the given prompt, name two.", "Name a river.") == "leaked_operator"
    assert why_not_child("Explain the #Rewritten Prompt#.", "Name a river.") == "leaked_operator"
    assert why_not_child("Improve the given prompt, twice.", "Improve the given prompt.") is None
    assert why_not_child("Name two rivers.", "Name a river.") is None


def test_a_child_falls_without_the_material_of_its_source() -> None:
    table = "region,Q1,Q4\nAndes,1200,1350\nCaribe,860,817\nSelva,400,502"
    parent = f"Rank the regions by their change.\n\n{table}"
    lost = "Rank the four regions by their change from Q1 to Q4, and give a reason for each place."
    assert why_not_child(lost, parent, table) == "lost_material"
    assert why_not_child(lost, parent) is None  # as in breadth, or without an input
    assert why_not_child(f"{lost}\n\n{table}", parent, table) is None
    in_words = "In the Andes 1200 became 1350, in Caribe 860 became 817, in Selva 400 became 502."
    assert why_not_child(f"{lost} {in_words}", parent, table) is None


def test_words_are_new_outside_the_longest_common_subsequence() -> None:
    assert compared("Name a RIVER!", "Name a river.") == (0, 1.0)
    assert compared("Name a long river in Poland.", "Name a river.")[0] == 3
    assert compared("Name a river.", "Name a long river in Poland.")[0] == 0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("...", "stop_words_only"),
        ("It is, and that is it.", "stop_words_only"),
        ("Sorry, that is beyond me.", "apology"),
        ("I'm sorry, but as an AI language model I cannot do that.", "apology"),
        ("The Oder, sorry for the delay. " + "More words follow here. " * 30, None),
        ("42", None),
    ],
)
def test_a_child_falls_by_its_answer(answer: str, reason: str | None) -> None:
    assert why_not_answer(answer, "Name a river.") == reason


def test_a_letter_of_apology_is_an_answer() -> None:
    letter = "Dear Ms Kaya, we are sorry for the broken vase. Yours, Emil"
    assert why_not_answer(letter, "Write an apology for a broken vase.") is None


@pytest.mark.slow
def test_two_thousand_examples(tmp_path: Path) -> None:
    """Concurrency 1 and 64, and a run in parts whose caps are held."""
    rows = questions(tmp_path / "rows.jsonl", 800)
    words = ("--from", rows, *MODEL, "--n", 2000)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    evolve(*words, "--concurrency", 64, "--out", whole).done()
    evolve(*words, "--concurrency", 1, "--out", tmp_path / "one").done()
    assert dataset(tmp_path / "one") == dataset(whole)
    chance, cap = Random(7), 200
    code = evolve(*words, "--max-requests", cap, "--out", parts).code
    while code == 75:
        assert len(lines_of(parts / "completions.jsonl")) <= cap
        cap += chance.randint(100, 600)
        code = invoke("resume", parts, "--max-requests", cap).code
    assert code == 0 and dataset(parts) == dataset(whole)
    invoke("verify", whole).done()
    assert "round 4" in invoke("stats", whole).done().out
    pytest.importorskip("plotly")
    invoke("report", whole, "--out", tmp_path / "page.html").done()
    assert "<h2>Rounds</h2>" in (tmp_path / "page.html").read_text("utf-8")
