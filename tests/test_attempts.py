"""Replies that hold nothing: asked for again within bounds, every one of them written down."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from command import at, dataset, invoke
from server import LoopbackServer, context_limit, error

from selfinstruct.asking.reading import Reply
from selfinstruct.models import Completion, Request, Usage
from selfinstruct.models.money.meter import Meter
from selfinstruct.models.scripted.model import reply
from selfinstruct.parsing.thinking import without_thinking
from selfinstruct.recipes.catalogue import config_of
from selfinstruct.recipes.self_instruct.settings import configure
from selfinstruct.runs.completions import Completions
from selfinstruct.runs.inputs import Inputs

VALUES = {
    "demonstrations": "1. Sing a song.",
    "n": 8,
    "next": 2,
    "instruction": "Name a river.",
    "max_instances": 3,
    "brief": "1. free",
    "labels": "late, then on time",
}
GOOD = "1. Name the longest river of the country.\n2. Sort these words by their length."


@dataclass
class Says:
    """A model that says one thing after the other, the last one for ever."""

    replies: list[Completion]
    asked: list[Request] = field(default_factory=list)

    async def complete(self, request: Request) -> Completion:
        self.asked.append(request)
        return self.replies[min(len(self.asked), len(self.replies)) - 1]

    async def close(self) -> None: ...


def asked(stage: str, *said: Completion, **settings: Any) -> tuple[Reply, list[Request]]:
    config = configure({"model": "scripted", **settings})
    model = Says(list(said))
    return asyncio.run(Inputs.read(config).stages[stage].ask(model, "t0", VALUES)), model.asked


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Completion("", "stop"), "empty_reply"),
        (Completion("I am sorry, but I cannot help with that.", "stop"), "refusal"),
        (Completion("It depends on many things.", "stop"), "no_list"),
        (Completion("1. Write a poem about the", "length"), "cut_by_length"),
        (Completion("<think>What would be a good", "length"), "nothing_but_thinking"),
        (Completion("", "length", reasoning="What would be a good"), "nothing_but_thinking"),
        (Completion("<think>Enough.</think>", "stop"), "nothing_but_thinking"),
    ],
)
def test_a_reply_that_holds_nothing_is_asked_for_again_by_another_seed_alone(
    said: Completion, reason: str
) -> None:
    found, requests = asked("propose", said, Completion(GOOD, "stop"))
    assert len(found.parsed.drafts) == 2 and found.parsed.reason is None
    assert [one.parsed.reason for one in found.before] == [reason]
    first, second = requests
    assert first.seed != second.seed and (first.place, first.messages) == (
        second.place,
        second.messages,
    )


def test_never_more_often_than_attempts() -> None:
    for attempts in (1, 2, 5):
        found, requests = asked("propose", Completion("", "stop"), attempts=attempts)
        assert len(requests) == len({one.seed for one in requests}) == attempts
        assert [one.parsed.reason for one in (*found.before, found)] == ["empty_reply"] * attempts


@pytest.mark.parametrize("greedy", [{"temperature": 0.0}, {"top_p": 0.0}])
def test_a_stage_whose_every_draw_is_the_same_has_one(greedy: dict[str, float]) -> None:
    assert len(asked("propose", Completion("", "stop"), propose=greedy)[1]) == 1


def test_a_cut_reply_that_holds_something_and_a_failed_request_are_not_asked_for_again() -> None:
    for said in (Completion(GOOD, "length"), Completion("no", "error", error="content_filter")):
        assert len(asked("propose", said)[1]) == 1


def test_a_run_from_before_there_were_attempts_has_one() -> None:
    record = configure({"model": "scripted"}).record()
    del record["attempts"]
    assert config_of({"config": record}).attempts == 1
    assert [
        configure({"preset": name}).attempts for name in ("chat", "alpaca", "paper", "small")
    ] == [2, 2, 1, 1]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("<think>Is it? Yes.</think>\n\nNo", "No"),
        ("  \n<think>\nfirst\nsecond\n</think>9. Write.", "9. Write."),
        ("the template opened it\n</think>\n\nNo", "No"),
        ("[THINK]Is it?[/THINK]No", "No"),
        ("<think>never comes to an end", ""),
        ("A reply about <think> tags.", "A reply about <think> tags."),
    ],
)
def test_what_a_model_thinks_aloud_is_no_part_of_what_is_read(said: str, left: str) -> None:
    assert without_thinking(said) == left


def test_a_reply_reads_back_as_it_was_paid_for_and_so_does_one_from_before(tmp_path: Path) -> None:
    path = tmp_path / "completions.jsonl"
    paid = Completion("<think>Hm.</think>No", "stop", Usage(9, 8, 7, 6), None, "Is it?")
    _, [request] = asked("propose", Completion(GOOD, "stop"))
    record = Completions(path, Meter())
    record.put(request.key, request, paid, 0.1)
    record.close()
    old = {"key": "0" * 32, "stage": "propose", "text": "No", "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    with path.open("a") as file:
        file.write(json.dumps({**old, "usage": usage}) + "\n")
    meter = Meter()
    record = Completions(path, meter)
    assert record.get(request.key) == paid and record.get("0" * 32) == Completion(
        "No", "stop", Usage(1, 2)
    )
    assert meter.usage == Usage(10, 10, 7, 6)
    record.close()


def every_third_empty(request: Request) -> Completion:
    return Completion("", "stop", Usage(1, 0)) if request.seed % 3 == 0 else reply(request)


def test_every_dropped_reply_is_written_down_and_the_dataset_is_a_function_all_the_same(
    tmp_path: Path,
) -> None:
    found = []
    with LoopbackServer(model=every_third_empty) as server:
        for concurrency in (1, 32):
            out = tmp_path / str(concurrency)
            invoke(
                "generate", *at(server), "--n", 25, "--concurrency", concurrency, "--out", out
            ).done()
            found.append(dataset(out))
            invoke("verify", out).done()
    assert found[0] == found[1]
    dropped = [json.loads(line) for line in found[0]["rejected.jsonl"].splitlines()]
    assert Counter(one["reason"] for one in dropped if one["what"] == "reply")["empty_reply"] > 3


def test_a_turn_whose_prompt_does_not_fit_shows_half_and_records_what_was_shown(
    tmp_path: Path,
) -> None:
    async def too_long(call: Any, go_on: Any) -> Any:
        asks_for_tasks = any(one["content"].count("<task>\n") > 4 for one in call.body["messages"])
        words = "maximum context length is 64 tokens"
        return (
            error(400, words, "invalid_request_error", "context_length_exceeded")
            if asks_for_tasks
            else await go_on(call)
        )

    with LoopbackServer(too_long) as server:
        invoke("generate", *at(server), "--n", 5, "--out", tmp_path / "run").done()
    files = dataset(tmp_path / "run")
    assert {
        len(json.loads(line)["demonstrations"]) for line in files["instructions.jsonl"].splitlines()
    } == {4}
    assert b'"reason": "context_overflow"' in files["rejected.jsonl"]
    invoke("verify", tmp_path / "run").done()


def test_a_context_in_which_nothing_fits_ends_the_run_with_one_line(tmp_path: Path) -> None:
    with LoopbackServer(context_limit(3)) as server:
        said = invoke(
            "generate", *at(server), "--n", 5, "--concurrency", 2, "--out", tmp_path / "run"
        ).error
    assert "does not fit" in said and "--demos" in said
