"""`selfinstruct uncertainty`: the numbers of the paper's formula, bought once, from any server."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from command import at, invoke, run, running
from server import Answer, Behaviour, Call, LoopbackServer, error

import selfinstruct
from selfinstruct.annotate.scorer import Instance, Scorer, ScorerSettings, Subject
from selfinstruct.annotate.tasks import Unused, tasks_of
from selfinstruct.annotate.uncertainty import (
    Perturbing,
    Scored,
    perturbed,
    rank_correlation,
    uncertainty,
)
from selfinstruct.asking.templates import load
from selfinstruct.models import CONTINUATION, Decoding, Message, Request
from selfinstruct.models.local import WHEEL
from selfinstruct.models.openai.likelihoods import Likelihood, scored

SUPER_NI = Path(__file__).parents[2] / "shared/data/strategies/superni"
WORDS = re.compile(r"\s*\S+|\s+\Z")  # the tokens of the toy language model
QUICK = ("--examples", "2", "--variants", "3")


# ---------------------------------------------------------------- a toy language model


def logprobs(text: str) -> list[tuple[str, float | None]]:
    """Each token and its log-probability, which hangs on the share of its letters seen before."""
    tokens = WORDS.findall(text)
    found: list[tuple[str, float | None]] = []
    seen: Counter[str] = Counter()
    for number, token in enumerate(tokens):
        known = sum(seen[letter] for letter in token) / (1 + seen.total()) / len(token)
        found.append((token, None if not number else math.log(0.05 + 0.9 * min(known, 1.0))))
        seen.update(token)
    return found


def tail(text: str, continuation: str) -> Likelihood:
    """The likelihood by the toy model, worked out from its end."""
    taken = [logprob for _, logprob in logprobs(text)][-len(WORDS.findall(continuation)) :]
    numbers = [logprob for logprob in taken if logprob is not None]
    return Likelihood(len(numbers), math.fsum(numbers))


def counted(call: Call, choice: dict[str, Any]) -> web.Response:
    words = len(WORDS.findall(call.body["prompt"]))
    usage = {"prompt_tokens": words, "completion_tokens": call.body["max_tokens"]}
    return web.json_response({"choices": [{"finish_reason": "length", **choice}], "usage": usage})


async def echoing(call: Call, go_on: Answer) -> web.StreamResponse:
    """As vLLM: the prompt is echoed, with the log-probabilities of its tokens."""
    if not call.body.get("echo"):
        return await go_on(call)
    new = [(" next", -1.0)] * call.body["max_tokens"]
    pairs = [*logprobs(call.body["prompt"]), *new]
    offsets, at = [], 0
    for token, _ in pairs:
        offsets.append(at)
        at += len(token)
    told = {
        "tokens": [token for token, _ in pairs],
        "token_logprobs": [logprob for _, logprob in pairs],
        "text_offset": offsets,
    }
    return counted(call, {"text": "".join(token for token, _ in pairs), "logprobs": told})


async def wanting_a_token(call: Call, go_on: Answer) -> web.StreamResponse:
    if call.body.get("max_tokens") == 0:
        return error(400, "max_tokens must be at least 1", "invalid_request_error", None)
    return await echoing(call, go_on)


async def telling_of_prompts(call: Call, go_on: Answer) -> web.StreamResponse:
    """As vLLM's `prompt_logprobs`; an echo is overlooked."""
    if "prompt_logprobs" not in call.body:
        told = {"tokens": [" x"], "token_logprobs": [-2.0], "text_offset": [0]}
        return counted(call, {"text": " x", "logprobs": told})
    places = [
        None
        if logprob is None
        else {str(number): {"logprob": logprob, "rank": 1, "decoded_token": token}}
        for number, (token, logprob) in enumerate(logprobs(call.body["prompt"]))
    ]
    return counted(call, {"text": " x", "logprobs": None, "prompt_logprobs": places})


class LlamaServer(LoopbackServer):
    """As llama.cpp: no echo, but a grammar of tokens, and `/tokenize` beside /v1."""

    def __init__(self) -> None:
        super().__init__(self.forced)
        self.tokens: list[str] = []

    def _routes(self, app: web.Application) -> None:
        app.router.add_post("/tokenize", self.tokenize)

    async def tokenize(self, http: web.Request) -> web.Response:
        found = []
        for token in WORDS.findall((await http.json())["content"]):
            self.tokens.append(token)
            found.append(len(self.tokens) - 1)
        return web.json_response({"tokens": found})

    async def forced(self, call: Call, go_on: Answer) -> web.StreamResponse:
        rules = re.findall(r"<\[(\d+)\]>", call.body.get("grammar", ""))
        text = "".join(self.tokens[int(number)] for number in rules) or " x"
        pairs = logprobs(call.body["prompt"] + text)[-len(rules) or -1 :]
        content = [{"token": token, "logprob": logprob} for token, logprob in pairs]
        return counted(call, {"text": text, "logprobs": {"content": content}})


async def refusing(call: Call, go_on: Answer) -> web.StreamResponse:
    return error(400, "Echo is not supported for this model.", "invalid_request_error", None)


# ---------------------------------------------------------------- tasks


TASKS = {
    "sum": ("Add the two numbers and write the sum alone.", [("1 2", "3"), ("4 5", "the sum 9")]),
    "colour": ("Name the colour of the thing that is given.", [("sky", "blue"), ("leaf", "green")]),
    "reverse": ("Write the letters of the word in reverse order.", [("ab", "b a"), ("cd", "d c")]),
}


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """Task files as Super-NI has them."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    for name, (definition, pairs) in TASKS.items():
        instances = [
            {"id": f"{name}-{number}", "input": given, "output": [output, "another"]}
            for number, (given, output) in enumerate(pairs)
        ]
        record = {"Definition": [definition], "Categories": ["Toy"], "Instances": instances}
        (folder / f"{name}.json").write_text(json.dumps(record))
    return folder


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def measured(tasks: Path, out: Path, server: LoopbackServer, *more: object) -> list[dict[str, Any]]:
    invoke("uncertainty", tasks, *at(server), *QUICK, "--out", out, *more).done()
    return lines(out / "uncertainty.jsonl")


def by_hand(name: str, seed: int = 0, rate: float = 0.2) -> float:
    """U of a task by the formula, with the toy model asked directly."""
    config = ScorerSettings.configured({"model": "mentor"})
    scorer = Scorer(config, load("likelihood", questions=(Subject(),))["likelihood"])
    definition, pairs = TASKS[name]

    def probability(instruction: str, given: str, output: str) -> float:
        request = scorer.request(Instance("", instruction, given, output))
        return tail(request.text, request.messages[-1].text).probability

    distances = [
        abs(probability(variant, *pair) - probability(definition, *pair))
        for pair in pairs
        for variant in perturbed(definition, 3, rate, seed)
    ]
    return sum(distances) / len(distances)


# ---------------------------------------------------------------- the numbers


def test_the_numbers_are_those_of_the_formula(tasks: Path, tmp_path: Path) -> None:
    with LoopbackServer(echoing) as server:
        found = measured(tasks, tmp_path / "out", server)
        # 3 tasks, 2 examples, the whole instruction and at most 3 variants
        assert len(server.calls) <= 24 and not server.bought_twice
    assert [line["task"] for line in found] == sorted(TASKS)
    for line in found:
        assert line["uncertainty"] == pytest.approx(by_hand(line["task"]), abs=1e-12)
        assert 0 < line["probability"] <= 1 <= line["perplexity"]
        assert line["instruction"] == TASKS[line["task"]][0] and line["examples"] == 2
    assert any(line["uncertainty"] > 0 for line in found)


def test_at_rate_0_the_uncertainty_is_0_and_nothing_is_asked_twice(
    tasks: Path, tmp_path: Path
) -> None:
    with LoopbackServer(echoing) as server:
        found = measured(tasks, tmp_path / "out", server, "--rate", 0)
        assert len(server.calls) == 6
    assert [line["uncertainty"] for line in found] == [0, 0, 0]


@pytest.mark.parametrize("behaviour", [wanting_a_token, telling_of_prompts])
def test_every_way_of_telling_gives_the_same_numbers(
    behaviour: Behaviour, tasks: Path, tmp_path: Path
) -> None:
    with LoopbackServer(echoing) as server:
        expected = measured(tasks, tmp_path / "echo", server)
    with LoopbackServer(behaviour) as server:
        found = measured(tasks, tmp_path / "other", server)
        forms = {"echo" in body for body in server.requests[3:]}
    assert len(forms) == 1 and same(found, expected)


def test_a_llama_cpp_server_is_asked_with_a_grammar_of_tokens(tasks: Path, tmp_path: Path) -> None:
    with LoopbackServer(echoing) as server:
        expected = measured(tasks, tmp_path / "echo", server)
    with LlamaServer() as server:
        found = measured(tasks, tmp_path / "llama", server)
        assert "grammar" in server.requests[-1]
        before = len(server.calls)
        invoke("uncertainty", tasks, *at(server), *QUICK, "--seed", 1, "--out", tmp_path / "llama")
        assert all("grammar" in body for body in server.requests[before:])  # the form is kept
    assert same(found, expected)


def same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    names = ("uncertainty", "probability", "perplexity")
    return all(
        one[name] == pytest.approx(other[name], rel=1e-9)
        for one, other in zip(found, expected, strict=True)
        for name in names
    )


@pytest.mark.parametrize("behaviours", [(refusing,), ()])
def test_an_endpoint_without_log_probabilities_is_refused_in_a_line(
    behaviours: tuple[Behaviour, ...], tasks: Path, tmp_path: Path
) -> None:
    with LoopbackServer(*behaviours) as server:
        out = tmp_path / "out"
        said = invoke("uncertainty", tasks, *at(server), *QUICK, "--out", out).error
        assert "tells no log-probabilities of a given text" in said and server.base_url in said
        assert len(server.calls) <= 4  # a call for each form
    if behaviours:
        assert "Echo is not supported" in said
    assert not out.exists() or not list(out.rglob("*.jsonl"))


def test_the_scripted_model_is_refused(tasks: Path, tmp_path: Path) -> None:
    ran = invoke("uncertainty", tasks, "--model", "scripted", "--out", tmp_path / "out")
    assert "knows no probabilities" in ran.error


# ---------------------------------------------------------------- recorded, resumable, capped


@pytest.mark.parametrize("concurrency", [1, 32])
def test_the_concurrency_decides_nothing(concurrency: int, tasks: Path, tmp_path: Path) -> None:
    with LoopbackServer(echoing) as server:
        measured(tasks, tmp_path / "one", server)
        measured(tasks, tmp_path / "other", server, "--concurrency", concurrency)
    one, other = (tmp_path / name / "uncertainty.jsonl" for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.slow
def test_after_a_kill_the_same_command_goes_on_and_buys_nothing_twice(
    tasks: Path, tmp_path: Path
) -> None:
    with LoopbackServer(echoing) as server:
        measured(tasks, tmp_path / "whole", server)
    with LoopbackServer(one_at_a_time(12), echoing) as server:
        words = ("uncertainty", tasks, *at(server), *QUICK, "--out", tmp_path / "killed")
        with running(*words, "--concurrency", 1, until=lambda: len(server.calls) > 12) as process:
            process.kill()
    with LoopbackServer(echoing) as server:
        again = ("uncertainty", tasks, *at(server), *QUICK, "--out", tmp_path / "killed")
        assert "of mentor on record" in run(*again).done().out
        assert len(server.calls) <= 24 - 11
    one, other = (tmp_path / name / "uncertainty.jsonl" for name in ("whole", "killed"))
    assert one.read_bytes() == other.read_bytes()


def one_at_a_time(most: int) -> Behaviour:
    """Answers so many calls, and holds the next until the client has gone."""
    number = 0

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        nonlocal number
        number += 1
        if number > most:
            await asyncio.sleep(3600)
        return await go_on(call)

    return behave


def test_a_cap_ends_the_sitting_and_more_goes_on(tasks: Path, tmp_path: Path) -> None:
    with LoopbackServer(echoing) as server:
        words = ("uncertainty", tasks, *at(server), *QUICK, "--out", tmp_path / "out")
        ran = invoke(*words, "--max-requests", 10)
        assert ran.code == 75 and "--max-requests MORE" in ran.out and len(server.calls) == 10
        invoke(*words, "--max-requests", 100).done()
        assert len(lines(tmp_path / "out" / "uncertainty.jsonl")) == 3 and not server.bought_twice


def test_calls_that_find_out_the_form_count_as_spent(tasks: Path, tmp_path: Path) -> None:
    with LoopbackServer(telling_of_prompts) as server:
        words = ("--out", tmp_path / "out", "--price-in", 1, "--price-out", 1, "--max-cost", 1)
        invoke("uncertainty", tasks, *at(server), *QUICK, *words).done()
        calls = len(server.calls)
    (spending,) = (tmp_path / "out" / "uncertainty").glob("*/spending.jsonl")
    (replies,) = (tmp_path / "out" / "uncertainty").glob("*/completions.jsonl")
    assert len(lines(replies)) == calls - 1  # the call whose echo was overlooked
    ends = [line for line in lines(spending) if "ended" in line]
    assert [line["is_charged"] for line in ends] == [True]


def test_a_dry_run_sends_and_writes_nothing(tasks: Path, tmp_path: Path) -> None:
    with LoopbackServer(echoing) as server:
        words = ("--out", tmp_path / "out", "--dry-run", "--price-in", 1, "--price-out", 1)
        ran = invoke("uncertainty", tasks, *at(server), *QUICK, *words).done()
        assert not server.calls and not (tmp_path / "out").exists()
    assert "plan: 3 tasks" in ran.out and "--- continuation" in ran.out


# ---------------------------------------------------------------- seeds, baselines, selections


def test_two_seeds_share_the_whole_instruction_and_their_agreement_is_said(
    tasks: Path, tmp_path: Path
) -> None:
    with LoopbackServer(echoing) as server:
        words = ("--seed", 0, "--seed", 5, "--out", tmp_path / "out")
        ran = invoke("uncertainty", tasks, *at(server), *QUICK, *words).done()
        assert not server.bought_twice
    assert "rank correlation between two seeds" in ran.out
    for line in lines(tmp_path / "out" / "uncertainty.jsonl"):
        expected = [by_hand(line["task"], seed) for seed in (0, 5)]
        assert line["uncertainties"] == pytest.approx(expected, abs=1e-12)


def test_the_perplexity_alone_takes_a_request_an_example(tasks: Path, tmp_path: Path) -> None:
    with LoopbackServer(echoing) as server:
        words = (*at(server), *QUICK, "--out", tmp_path / "out")
        invoke("uncertainty", tasks, *words, "--perplexity").done()
        assert len(server.calls) == 6
        found = lines(tmp_path / "out" / "perplexity.jsonl")
        assert all("uncertainty" not in line and line["perplexity"] > 1 for line in found)
        invoke("uncertainty", tasks, *words).done()
        assert not server.bought_twice  # the whole instruction's are on record
    chosen = tmp_path / "chosen.jsonl"
    source = tmp_path / "out" / "uncertainty.jsonl"
    invoke("select", source, "--by", "uncertainty", "--n", 1, "--out", chosen).done()
    assert lines(chosen) == [max(lines(source), key=lambda line: float(line["uncertainty"]))]


def test_a_run_is_measured_in_its_folder_and_selected_by_the_ids(
    finished: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    for name in ("run.json", "examples.jsonl"):
        (directory / name).write_bytes((finished / name).read_bytes())
    with LoopbackServer(echoing) as server:
        invoke("uncertainty", directory, *at(server), "--examples", 1, "--variants", 2).done()
        invoke("uncertainty", directory, "--likelihood", *at(server)).done()
    found = lines(directory / "uncertainty.jsonl")
    examples = lines(directory / "examples.jsonl")
    assert [id for line in found for id in line["ids"]] != [] and (
        {id for line in found for id in line["ids"]} == {each["id"] for each in examples}
    )
    assert len({each["instruction"] for each in examples}) == len(found)
    chosen = tmp_path / "chosen.jsonl"
    invoke("select", directory, "--by", "uncertainty", "--n", 20, "--out", chosen).done()
    worth = {id: line["uncertainty"] for line in found for id in line["ids"]}
    picked = [worth[each["id"]] for each in lines(chosen)]
    assert sorted(picked) == sorted(worth.values())[-20:]
    assert {each["id"] for each in lines(chosen)} <= set(worth)
    assert len(lines(directory / "likelihoods.jsonl")) == len(examples)


def test_of_several_answers_the_likeliest_is_kept(tmp_path: Path) -> None:
    records = [
        {"instruction": f"Tell of {thing}.", "output": output, "model": model}
        for thing in ("rain", "wind", "snow")
        for model, output in (("a", f"{thing} tells"), ("b", "QQQ ZZZ"), ("c", "xyz"))
    ]
    source, out = tmp_path / "answers.jsonl", tmp_path / "out"
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    with LoopbackServer(echoing) as server:
        invoke("uncertainty", source, "--likelihood", *at(server), "--out", out).done()
        assert len(server.calls) == 9
    fit = tmp_path / "fit.jsonl"
    invoke("select", out / "likelihoods.jsonl", "--by", "fit", "--out", fit).done()
    assert [each["model"] for each in lines(fit)] == ["a"] * 3
    invoke("select", out / "likelihoods.jsonl", "--by", "fit", "--n", 2, "--out", fit).done()
    assert [each["model"] for each in lines(fit)] == ["a"] * 2
    ran = invoke("select", source, "--by", "random", "--out", fit)
    assert "--n is missing" in ran.error
    ran = invoke("select", source, "--by", "fit", "--out", fit)
    assert "no record has a likelihood" in ran.error


def test_the_function_measures_as_the_command(tasks: Path, tmp_path: Path) -> None:
    with LoopbackServer(echoing) as server:
        measured(tasks, tmp_path / "command", server)
        found = selfinstruct.uncertainty(
            tasks,
            tmp_path / "function",
            model="mentor",
            base_url=server.base_url,
            examples=2,
            variants=3,
            progress=False,
        )
    assert found.file == tmp_path / "function" / "uncertainty.jsonl"
    assert found.file.read_bytes() == (tmp_path / "command" / "uncertainty.jsonl").read_bytes()
    assert len(found.tally.tasks) == found.wanted == len(lines(found.file))
    with pytest.raises(selfinstruct.UserError, match="give one of the two"):
        selfinstruct.uncertainty(tasks, tmp_path / "x", perplexity=True, likelihood=True)


# ---------------------------------------------------------------- pure parts


def test_variants_are_fixed_by_the_task_and_the_seed() -> None:
    text = "  Read the text,\n\nthen answer the question in a few words. "
    variants = perturbed(text, 50, 0.2, 0)
    assert variants == perturbed(text, 50, 0.2, 0) != perturbed(text, 50, 0.2, 1)
    assert variants[:10] == perturbed(text, 10, 0.2, 0)
    assert perturbed(text, 2, 0.0, 3) == [text, text]
    assert perturbed(text, 1, 1.0, 3) == ["  "]
    kept = sum(len(each.split()) for each in variants) / (50 * len(text.split()))
    assert 0.7 < kept < 0.9
    for variant in variants:  # what is left stands in its order
        left = iter(text.split())
        assert all(word in left for word in variant.split())


def test_uncertainty_is_the_mean_of_distances() -> None:
    def of(*numbers: float) -> Scored:
        found = [Likelihood(1, math.log(number)) for number in numbers]
        return Scored(found[0], tuple(found[1:]))

    numbers = uncertainty(
        [of(0.5, 0.4, 0.5, 0.1, 0.1), of(0.2, 0.4, 0.1, 0.2, 0.2)], Perturbing(2, 0.2, (0, 1))
    )
    assert numbers.by_seed == pytest.approx([(0.1 + 0 + 0.2 + 0.1) / 4, (0.4 + 0.4) / 4])
    assert numbers.probability == pytest.approx(0.35)
    assert numbers.perplexity == pytest.approx(1 / math.sqrt(0.1))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 2, 3], [10, 20, 30], 1.0),
        ([1, 2, 3], [3, 2, 1], -1.0),
        ([1, 2, 2, 4], [1, 3, 2, 4], 0.9486832980505138),
        ([1], [1], None),
        ([1, 1], [1, 2], None),
    ],
)
def test_rank_correlation_is_spearman_s(
    first: list[float], second: list[float], expected: float | None
) -> None:
    found = rank_correlation(first, second)
    assert found == (None if expected is None else pytest.approx(expected))


def scoring(prompt: str = "Say: ", continuation: str = "yes") -> Request:
    messages = (Message("prompt", prompt), Message(CONTINUATION, continuation))
    return Request("likelihood", "x", "m", "completions", messages, Decoding(max_tokens=3), 0)


def echo(tokens: list[str], numbers: list[Any], **more: Any) -> dict[str, Any]:
    told = {"tokens": tokens, "token_logprobs": numbers, **more}
    return {"choices": [{"text": "".join(tokens), "logprobs": told}]}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (echo(["Say", ":", " yes"], [None, -1, -2]), (1, -2)),  # the token begins before
        (echo(["Say", ": ", "y", "es"], [None, -1, -2, -0.5]), (2, -2.5)),
        (echo(["<s>", "Say: ", "yes"], [None, -1, -2], text_offset=[0, 3, 8]), (1, -2)),
        (echo(["Say: ", "yes", " and"], [None, -2, -9]), (1, -2)),  # a new token
        (echo(["Say: ", "yes"], [None, -9999.0]), (1, -9999.0)),
        (echo(["Say: ", "yes"], [-1, None]), None),
        (echo(["Say: ", "yes"], [-1, float("-inf")]), (1, -9999.0)),
        (echo(["Say: ", "yes"], [-1, float("nan")]), None),
        (echo(["Say: ", "yes"], [-1, 2.0]), None),
        (echo(["Say: ", "yes"], [-1]), None),
        (echo(["no"], [-1]), None),
        ({"choices": []}, None),
        ({"choices": [{"text": "Say: yes", "logprobs": None}]}, None),
        ({"choices": [{"text": "Say: yes", "logprobs": {"content": []}}]}, None),
    ],
)
def test_echoes_are_read_or_refused(
    record: dict[str, Any], expected: tuple[int, float] | None
) -> None:
    found = scored(record, scoring(), "echo")
    said = None if found is None else Likelihood.from_text(found.text)
    assert (said and (said.tokens, said.logprob)) == expected


def test_a_file_of_records_is_grouped_by_instruction(tmp_path: Path) -> None:
    records = [
        {"instruction": f"Task {number % 3}.", "input": str(number), "output": "x" * (number % 5)}
        for number in range(30)
    ]
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records) + "[1]\n")
    unused = Unused()
    found = tasks_of([str(path)], 4, unused)
    assert [task.instruction for task in found] == ["Task 1.", "Task 2.", "Task 0."]
    assert [task.of for task in found] == [8, 8, 8]
    assert all(len(task.instances) == 4 for task in found)
    assert list(unused.lines()) == [
        "1 records could not be read and are left out",
        "6 records have no output and are left out",
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in reversed(records)))
    again = {task.instruction: task for task in tasks_of([str(path)], 4, Unused())}
    for task in found:
        assert {each.input for each in task.instances} == {
            each.input for each in again[task.instruction].instances
        }


# ---------------------------------------------------------------- the embedded model


@pytest.mark.slow
@pytest.mark.skipif(
    not importlib.util.find_spec(WHEEL) or not importlib.util.find_spec("xllamacpp"),
    reason="no embedded model",
)
def test_the_embedded_model_tells_the_same_at_any_concurrency(tasks: Path, tmp_path: Path) -> None:
    for concurrency in (1, 8):
        words = ("--model", "local", "--concurrency", concurrency, "--examples", 1)
        out = tmp_path / str(concurrency)
        run("uncertainty", tasks, *words, "--variants", 2, "--out", out).done()
    one, other = (tmp_path / name / "uncertainty.jsonl" for name in ("1", "8"))
    assert one.read_bytes() == other.read_bytes()
