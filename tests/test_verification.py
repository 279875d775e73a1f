"""Verification: each gate stops its faults, a second attempt saves what can be saved, bytes stay equal."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from batches import BatchServer
from command import at, dataset, invoke, killed_at
from server import LoopbackServer, latency
from test_batch import QUICK

from selfinstruct.asking.reading import Reply
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instance, Instruction
from selfinstruct.models import Completion, Request, Usage
from selfinstruct.parsing.review import Review, review
from selfinstruct.recipes.self_instruct.defects import Defects
from selfinstruct.runs.executions import Executions
from selfinstruct.verification.gates import Reviewer
from selfinstruct.verification.programs import checks_of, program_of
from selfinstruct.verification.questions import Criterion, questions_of
from selfinstruct.verification.questions import tests as read_tests

_EXAMPLE = Example("i1-1", "Greet somebody.", "", "Salutations.", None, {})
GATES = ("--verify-with", "code", "--verify-with", "judge", "--verify-with", "arithmetic")
FEW, MANY = 5, 20  # planted faults of a kind, and right answers
# Ends of a wrong program; every fifth is of another kind.
WRONG = ("return n - {k}", "return (n + {k}", "raise ValueError(n)", "return n + {k} / 0", "exit()")


def _rows(count: int) -> list[dict[str, str]]:
    """Sums, programs, tasks on an input, and tasks that are answered well."""
    found = []
    for k in range(count):
        found.append({"instruction": f"Add {k + 30} and {k + 14}, and show the computation."})
        found.append({"instruction": f"Write a Python function add_{k} that adds {k} to a number."})
        found.append({"instruction": "Write the word in capital letters.", "input": f"word{k}"})
        found.append({"instruction": f"Name the day after day number {k}."})
    return found


def _answer(task: str, *, wrong: bool) -> str:
    if found := re.search(r"Add (\d+) and (\d+)", task):
        first, second = int(found[1]), int(found[2])
        return f"{first} + {second} = {first + second + wrong}"
    if found := re.search(r"add_(\d+)", task):
        k = int(found[1])
        body = WRONG[k % len(WRONG)].format(k=k + 1) if wrong else f"return n + {k}"
        return f"Here it is:\n\n```python\ndef add_{k}(n):\n    {body}\n```"
    if found := re.search(r"word\d+", task):
        return "HELLO" if wrong else found[0].upper()
    return f"It is the next one. {task}"


def planted(request: Request) -> Completion:
    """A model whose first answers are wrong, whose second are right for even numbers, and a judge
    who knows the truth of tasks on an input alone.
    """
    last = request.messages[-1].text
    if request.stage == "verify":
        example = json.loads(last)
        right = not example["input"] or example["output"] == example["input"].upper()
        answers = {"is_valid": True, "input_fits": True, "output_right": right}
        text = json.dumps({"reason": "" if right else "The input is passed over.", **answers})
    elif request.stage == "tests":
        k = int(re.findall(r"add_(\d+)", last)[-1])
        text = f"assert add_{k}(1) == {1 + k}\nassert add_{k}(-{k}) == 0"
    elif request.stage == "mending":
        task = last.partition("<answer>")[0]
        assert "<reviewer>" in last
        number = int(re.findall(r"\d+", task)[0])
        text = _answer(task, wrong=number % 2 == 1)
    else:
        text = _answer(last, wrong=True)
    return Completion(text, "stop", Usage(len(request.text) // 4, len(text) // 4))


def respond(server: LoopbackServer, rows: Path, out: Path, *words: object) -> tuple[object, ...]:
    return ("respond", rows, *at(server), "--out", out, *GATES, *words)


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def source(folder: Path, count: int) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in _rows(count)), "utf-8")
    return path


def verify(folder: Path, count: int) -> Path:
    """A run over wrong sums, failing programs, outputs that ignore their input, right answers."""
    with LoopbackServer(model=planted) as server:
        invoke(*respond(server, source(folder, count), folder / "run", "--concurrency", 64)).done()
        assert not server.bought_twice
    return folder / "run"


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return verify(tmp_path_factory.mktemp("verified"), FEW)


def check_that_faults_are_stopped(run: Path, each: int) -> None:
    """Every fault by the gate that is meant for it."""
    dropped = [Rejected.from_record(line) for line in records(run / "rejected.jsonl")]
    first = [line for line in dropped if line.stage != "mending"]
    by_gate = Counter(line.stage for line in first)
    assert by_gate == dict.fromkeys(("arithmetic", "code", "verify"), each)
    for line in first:
        kind = {"A": "arithmetic", "W": "code"}.get(line.text[0]) if not line.input else "verify"
        assert line.stage == kind, line
        assert line.evidence
    reasons = Counter((line.stage, line.reason) for line in first)
    assert reasons["arithmetic", "wrong_arithmetic"] == each
    assert reasons["verify", "wrong_output"] == each
    assert reasons["code", "failed_test"] == 3 * each // 5
    assert reasons["code", "ended_early"] == each // 5
    assert reasons["code", "no_python"] == each // 5


def check_that_some_are_saved(run: Path, each: int) -> None:
    """Those whose second output is right, and the right answers untouched."""
    examples = [Example.from_record(line) for line in records(run / "examples.jsonl")]
    mended = Counter(example.provenance["mended"] for example in examples)
    numbers = {"wrong_arithmetic": 30, "wrong_output": 0}  # of the first task of a kind
    for reason, first in numbers.items():
        assert mended[reason] == sum((first + k) % 2 == 0 for k in range(each))
    programs = ("failed_test", "ended_early", "no_python")
    assert sum(mended[reason] for reason in programs) == sum(k % 2 == 0 for k in range(each))
    assert mended[""] == each
    for example in examples:
        task = f"{example.instruction} {example.input}"
        assert example.output == _answer(task, wrong=False) or task.startswith("Name")
    saved = len(examples) - each
    lost = [line for line in records(run / "rejected.jsonl") if line["stage"] == "mending"]
    assert Counter(line["reason"] for line in lost) == {"unchanged": 3 * each - saved}
    gates = Counter(example.provenance["verified"] for example in examples)
    assert set(gates) == {"verify", "arithmetic,verify", "code,verify"}


def test_faults_are_stopped_by_their_gates_and_mended(verified: Path) -> None:
    check_that_faults_are_stopped(verified, FEW)
    check_that_some_are_saved(verified, FEW)


@pytest.mark.slow
def test_twenty_faults_of_each_kind_are_stopped_and_mended(tmp_path: Path) -> None:
    run = verify(tmp_path, MANY)
    check_that_faults_are_stopped(run, MANY)
    check_that_some_are_saved(run, MANY)
    with LoopbackServer(latency(0.002, spread=0.01, seed=4), model=planted) as server:
        invoke(*respond(server, tmp_path / "rows.jsonl", tmp_path / "b", "--concurrency", 1)).done()
    assert dataset(tmp_path / "b") == dataset(run)


def test_the_reason_goes_into_the_second_prompt(verified: Path) -> None:
    said = [each for each in records(verified / "rejected.jsonl") if each["stage"] == "code"]
    assert said[0]["evidence"] == ("a test fails: assert add_0(1) == 1: the left side gives 0")
    assert "SyntaxError" in said[1]["evidence"]


@pytest.mark.slow
def test_the_funnel_the_figures_and_the_page_tell_of_the_gates(verified: Path) -> None:
    assert re.search(r"  of them mended +9 ", invoke("status", verified).out)
    said = invoke("stats", verified, "--json").done().out
    gates = {each["gate"]: each for each in json.loads(said)["gates"]}
    assert gates["code"]["failed"] == gates["arithmetic"]["failed"] == FEW
    assert gates["verify"]["failed"] == FEW > gates["verify"]["mended"] > 0
    stages = {each["stage"]: each for each in json.loads(said)["verifying"]}
    assert stages["mending"]["replies"] == 3 * FEW
    assert "stopped by code" in invoke("stats", verified).done().out
    page = verified.parent / "page.html"
    invoke("report", verified, "--out", page).done()
    assert "What verification stopped" in page.read_text("utf-8")


def test_the_bytes_are_those_of_any_concurrency_and_of_the_replies(
    verified: Path, tmp_path: Path
) -> None:
    invoke("verify", verified).done()
    with LoopbackServer(model=planted) as server:
        rows = verified.parent / "rows.jsonl"
        invoke(*respond(server, rows, tmp_path / "run", "--concurrency", 1)).done()
    assert dataset(tmp_path / "run") == dataset(verified)


def test_a_verdict_on_record_decides_not_the_machine(verified: Path, tmp_path: Path) -> None:
    """A recorded verdict is believed; without the record `verify` says that the verdict is missing."""
    copy = tmp_path / "run"
    copy.mkdir()
    for path in verified.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    (copy / "inputs" / "prompts").mkdir(parents=True)
    for path in (verified / "inputs" / "prompts").iterdir():
        (copy / "inputs" / "prompts" / path.name).write_bytes(path.read_bytes())
    lines = (copy / "executions.jsonl").read_text("utf-8")
    assert '"passed": 2' in lines
    (copy / "executions.jsonl").write_text(lines.replace('"passed": 2', '"passed": 0'), "utf-8")
    assert "is not what the replies on record give" in invoke("verify", copy).error
    (copy / "executions.jsonl").unlink()
    assert "lacks the verdict on a program" in invoke("verify", copy).error


@pytest.mark.slow
def test_kills_change_no_byte(verified: Path, tmp_path: Path) -> None:
    chance = Random(11)
    with LoopbackServer(latency(0.01, spread=0.02, seed=5), model=planted) as server:
        words = respond(server, verified.parent / "rows.jsonl", tmp_path / "run")
        words = tuple(word for word in words if word not in ("--out", tmp_path / "run"))
        code, said, kills = killed_at(
            server, (*words, "--concurrency", 4), tmp_path / "run", lambda: chance.randint(4, 16)
        )
        assert code == 0, said
        assert kills >= 2
    assert dataset(tmp_path / "run") == dataset(verified)


def test_without_a_second_attempt_all_that_fails_is_dropped(tmp_path: Path) -> None:
    with LoopbackServer(model=planted) as server:
        rows = source(tmp_path, 3)
        invoke(*respond(server, rows, tmp_path / "run", "--mend", 0)).done()
        assert "mending" not in {
            each["stage"] for each in records(tmp_path / "run/completions.jsonl")
        }
    assert len(records(tmp_path / "run/examples.jsonl")) == 3


def test_old_and_plain_runs_have_neither_notes_nor_files(tmp_path: Path) -> None:
    with LoopbackServer(model=planted) as server:
        words = ("respond", source(tmp_path, 2), *at(server), "--out", tmp_path / "run")
        invoke(*words).done()
        assert "verify_with was () and is now ('code',)" in invoke(*words, *GATES[:2]).error
    assert not (tmp_path / "run" / "executions.jsonl").exists()
    assert "mended" not in (tmp_path / "run" / "examples.jsonl").read_text("utf-8")


@pytest.mark.parametrize("recipe", ["generate", pytest.param("unnatural", marks=pytest.mark.slow)])
def test_any_recipe_and_json_replies(recipe: str, tmp_path: Path) -> None:
    words = (recipe, "--model", "scripted", "--n", 12, "--out", tmp_path / "run")
    form = ("--response-format", "json_object", "--verify-with", "scripted:b", *GATES[:2])
    invoke(*words, *form, "--max-tokens", "verify=300").done()
    invoke("verify", tmp_path / "run").done()
    kept = records(tmp_path / "run" / "examples.jsonl")
    assert len(kept) == 12
    assert all("verify" in each["provenance"]["verified"] for each in kept)
    record = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert {"verify", "tests", "mending"} <= set(record["prompts"])
    assert record["config"]["verify"]["max_tokens"] == 300


def test_the_plan_counts_and_prices_the_reviews(tmp_path: Path) -> None:
    words = ("respond", source(tmp_path, 5), "--model", "gpt-4o-mini", "--dry-run")
    plain = invoke(*words, OPENAI_API_KEY="none").done().out
    said = invoke(*words, "--verify-with", "gpt-4o", OPENAI_API_KEY="none").done().out
    assert "gpt-4o-mini, gpt-4o" in said
    assert re.search(r"  verify +21 to 28 requests", said), said
    assert re.search(r"  mending +1 to 8 requests", said), said
    costs = [re.search(r"cost +\$([\d.]+) to \$([\d.]+)", text) for text in (plain, said)]
    assert costs[0] is not None
    assert costs[1] is not None
    assert float(costs[1][2]) > float(costs[0][2])


def test_bad_settings_are_said(tmp_path: Path) -> None:
    words = ("generate", "--model", "scripted", "--out", tmp_path / "run", "--verify-with")
    assert "--verify-with" in invoke(*words, "gpt-4o").error
    assert "--mend 2: must be 1 or 0" in invoke(*words, "code", "--mend", 2).error
    assert not (tmp_path / "run").exists()


# ---------------------------------------------------------------- the parts


QUESTIONS = ("is_valid", "input_fits", "output_right")


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (
            '{"reason": "So.", "is_valid": true, "input_fits": "yes", "output_right": "No"}',
            Review((True, True, False), "So."),
        ),
        (
            'Here:\n```json\n{"is_valid": true, "input_fits": true, "output_right": true}\n```',
            Review((True, True, True)),
        ),
        ('{"is_valid": true, "input_fits": true}', Review(reason="no_verdict")),
        ("It is all right.", Review(reason="broken_json")),
        ("", Review(reason="empty_reply")),
    ],
)
def test_a_review_is_read_or_has_a_reason(reply: str, found: Review) -> None:
    assert partial(review, QUESTIONS)(reply, "stop") == found


@pytest.mark.parametrize(
    ("reply", "count", "reason"),
    [
        ("assert f(1) == 2\nassert f(0) == 1", 2, None),
        ("```python\nassert f(1) == 2\n```\nThese tests cover the task.", 1, None),
        ('{"tests": ["assert f(1) == 2", "assert f(0) == 1"]}', 2, None),
        ("def test_f():\n    assert f(1) == 2\n    assert f(0) == 1", 2, None),
        ("import math\nassert math.isclose(f(1), 2.0)", 1, None),
        ("NONE", 0, None),
        ('{"tests": []}', 0, None),
        ("print(f(1))", 0, "no_assertions"),
        ("I cannot test this.", 0, "no_assertions"),
        ("", 0, "empty_reply"),
    ],
)
def test_tests_are_read_or_have_a_reason(reply: str, count: int, reason: str | None) -> None:
    found = read_tests(reply, "stop")
    assert sum(check.counts for check in found.checks) == count
    assert found.reason == reason


def test_the_value_that_a_test_compares_is_known() -> None:
    assert [check.given for check in checks_of("assert f(2) == 4\nassert f(3)")] == ["f(2)", ""]


@pytest.mark.parametrize(
    ("output", "shown", "is_program"),
    [
        ("def f(n):\n    return n", "", True),
        ("Sure:\n```python\ndef f(n):\n    return n\n```\nIt returns n.", "", True),
        ("```\nclass A:\n    pass\n```", "", True),
        ("```python\nprint(sum(range(9)))\n```", "", True),
        ("```python\ndef f(n)\n    return n\n```", "", True),  # no Python, though marked so
        ("```python\ndef f(n):\n    return n\n```", "Explain: def f(n):\n    return n", False),
        ("```python\n>>> f(3)\n4\n```", "", False),
        ("```python\n!pip install requests\n```", "", False),
        ("```javascript\nfunction f(n) { return n }\n```", "", False),
        ("```bash\nls -l\n```", "", False),
        ("The answer is 4.", "", False),
        ("x = 4", "", False),
        ("", "", False),
    ],
)
def test_programs_are_found_in_outputs(output: str, shown: str, is_program: bool) -> None:
    assert (program_of(output, shown) is not None) is is_program


def test_a_damaged_verdict_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "executions.jsonl"
    path.write_text('{"key": "a", "verdict": {"kind": "done"}}\n{"key": "b", "verd\n[1]\n', "utf-8")
    assert len(Executions(tmp_path, read_only=True)) == 1


def test_a_mended_output_passes_the_recipes_own_checks(tmp_path: Path) -> None:
    """The second answer is a sentence that breaks the constraint of its row."""

    def model(request: Request) -> Completion:
        said = "no" if request.stage == "verify" else "yes"
        texts = {
            "verify": f'{{"is_valid": true, "input_fits": true, "output_right": "{said}"}}',
            "mending": "A hill, with a comma.",
        }
        return Completion(texts.get(request.stage, "A hill."), "stop", Usage(1, 1))

    (tmp_path / "rows.jsonl").write_text('{"instruction": "Describe a hill."}\n', "utf-8")
    with LoopbackServer(model=model) as server:
        words = ("constrain", "--from", tmp_path / "rows.jsonl", *at(server))
        rule = ("--constraint", "punctuation:no_comma", "--verify-with", "judge")
        invoke(*words, *rule, "--out", tmp_path / "run").done()
    reasons = [(line["stage"], line["reason"]) for line in records(tmp_path / "run/rejected.jsonl")]
    assert reasons == [("verify", "wrong_output"), ("mending", "punctuation:no_comma")]
    invoke("verify", tmp_path / "run").done()


def test_the_arithmetic_gate_takes_the_place_of_the_check_that_only_drops() -> None:
    defects = [
        Defects("certain", 2, gates).of(
            Instruction("i1", "Add the numbers.", 0, ()), Instance("12 and 30", "12 + 30 = 43")
        )
        for gates in ((), ("arithmetic",))
    ]
    assert [len(found) for found in defects] == [1, 0]


def test_a_recipe_may_ask_questions_of_its_own() -> None:
    criteria = (Criterion("is_spoken", "not_spoken", is_mendable=True),)
    [question] = questions_of(("m",), reviewed=True, mends=False, criteria=criteria)
    assert isinstance(question.schema, dict)
    assert list(question.schema) == ["reason", "is_spoken"]

    async def ask(
        stage: str, place: str, values: Mapping[str, object], to: str | None = None
    ) -> Reply:
        text = '{"reason": "Nobody talks so.", "is_spoken": false}'
        return Reply(text, question.parse(text, "stop"))

    found = asyncio.run(Reviewer("m", criteria).judge(_EXAMPLE, "i1-1", ask))
    assert (found.reason, found.words, found.is_mendable) == (
        "not_spoken",
        "Nobody talks so.",
        True,
    )


@pytest.mark.slow
def test_a_batched_run_has_the_bytes_of_a_live_one(
    verified: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, name, value in QUICK:
        monkeypatch.setattr(kind, name, value)
    with BatchServer(model=planted) as server:
        rows = verified.parent / "rows.jsonl"
        invoke(*respond(server, rows, tmp_path / "run", "--batch"), OPENAI_API_KEY="none").done()
    assert dataset(tmp_path / "run") == dataset(verified)
