"""Counts of tokens that cannot be are replaced by estimates, said once, marked, and held by caps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from command import at, invoke
from server import Answer, Behaviour, Call, LoopbackServer

from selfinstruct.models import Completion, Decoding, Message, Request, Usage
from selfinstruct.models.money.meter import Meter
from selfinstruct.models.openai.usage import estimated_tokens, usage_of
from selfinstruct.runs.completions import Completions

PROMPT = "Name three rivers of Europe, and say in a word where each of them ends. " * 10
REPLY = "The Danube ends in the Black Sea, the Rhine in the North Sea, the Po in the Adriatic. " * 4
ESTIMATE = Usage(estimated_tokens(PROMPT), estimated_tokens(REPLY))
RIGHT = {"prompt_tokens": 170, "completion_tokens": 84}


def asked(prompt: str = PROMPT) -> Request:
    message = Message("user", prompt)
    return Request("answer", "i1", "m", "chat", (message,), Decoding(max_tokens=200), 0)


# ---------------------------------------------------------------- a count


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {},
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        RIGHT | {"completion_tokens": 0},
        RIGHT | {"completion_tokens": None},
        RIGHT | {"completion_tokens": 5},
        RIGHT | {"completion_tokens": -84},
        RIGHT | {"completion_tokens": "84"},
        RIGHT | {"completion_tokens": 84.5},
        RIGHT | {"completion_tokens": True},
        RIGHT | {"completion_tokens": 10**7},
        RIGHT | {"prompt_tokens": 1},
        RIGHT | {"prompt_tokens": 12},
        RIGHT | {"prompt_tokens": -170},
        RIGHT | {"prompt_tokens": [170]},
        RIGHT | {"prompt_tokens": 10**6},
        RIGHT | {"prompt_tokens": 10**30},
        {"prompt_tokens": 170.0, "completion_tokens": float("nan")},
    ],
    ids=repr,
)
def test_a_count_that_cannot_be_is_replaced_and_marked(said: Any) -> None:
    found = usage_of(said, asked(), REPLY)
    assert found == ESTIMATE
    assert found.estimated_tokens == found.prompt_tokens + found.completion_tokens


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (RIGHT, Usage(170, 84)),
        ({"prompt_tokens": 170.0, "completion_tokens": 84.0}, Usage(170, 84)),
        ({"prompt_tokens": 5_000, "completion_tokens": 90_000}, Usage(5_000, 90_000)),
        (RIGHT | {"total_tokens": 254}, Usage(170, 84)),
        (RIGHT | {"total_tokens": 0}, Usage(170, 84)),
        (RIGHT | {"total_tokens": 1_254}, Usage(170, 1_084, 0, 1_000)),
        (RIGHT | {"total_tokens": 10**8}, Usage(170, 84)),
        (
            RIGHT | {"total_tokens": 554, "completion_tokens_details": {"reasoning_tokens": 300}},
            Usage(170, 384, 0, 300),
        ),
        (
            RIGHT | {"total_tokens": 300, "completion_tokens_details": {"reasoning_tokens": 46}},
            Usage(170, 130, 0, 46),
        ),
        (
            {"prompt_tokens": 8, "completion_tokens": 84, "total_tokens": 254}
            | {"prompt_tokens_details": {"cached_tokens": 162}},
            Usage(170, 84, 162),
        ),
    ],
    ids=repr,
)
def test_a_count_that_can_be_is_the_servers_with_the_thinking_that_only_the_total_shows(
    said: dict[str, Any], read: Usage
) -> None:
    found = usage_of(said, asked(), REPLY)
    assert (found, found.estimated_tokens) == (read, 0)


def test_a_short_reply_and_a_long_repetition_may_have_few_tokens() -> None:
    assert usage_of({"prompt_tokens": 170}, asked(), "No") == Usage(170, 0)
    assert usage_of({"prompt_tokens": 9, "completion_tokens": 7}, asked("-" * 999), "=" * 900) == (
        Usage(9, 7)
    )


def test_a_prompt_that_nobody_knows_has_any_number_of_tokens() -> None:
    unknown = Request("answer", "i1", "m", "chat", (), Decoding(), 0)
    assert usage_of({"prompt_tokens": 10**7, "completion_tokens": 84}, unknown, REPLY) == Usage(
        10**7, 84
    )


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("A plain sentence of English words.", 8, 9),
        ("Übergrößenträger — „schön“", 7, 7),
        ("日本語の文には空白がありません。" * 10, 150, 170),
        ("ภาษาไทยไม่มีช่องว่าง", 18, 24),
        ("Русское предложение из слов.", 16, 20),
        ("\ud800" * 4, 2, 6),
        ("", 1, 1),
    ],
)
def test_an_estimate_goes_by_the_script(text: str, least: int, most: int) -> None:
    assert least <= estimated_tokens(text) <= most


# ---------------------------------------------------------------- a run


def counting(usage: dict[str, Any] | None) -> Behaviour:
    """The server says this usage of every reply."""

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        response = await go_on(call)
        if isinstance(response, web.Response) and isinstance(response.body, bytes):
            return web.json_response(json.loads(response.body) | {"usage": usage})
        return response

    return behave


ZEROS = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def test_it_is_said_once_and_the_record_says_which_counts_are_estimates(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with LoopbackServer(counting(ZEROS)) as server:
        ran = invoke("generate", *at(server), "--n", 5, "--out", out).done()
        assert ran.err.count("counts no tokens, or not as they can be") == 1
        assert f"{server.base_url}: counts no tokens" in ran.err
    lines = (out / "completions.jsonl").read_text("utf-8").splitlines()
    for usage in (json.loads(line)["usage"] for line in lines):
        both = usage["prompt_tokens"] + usage["completion_tokens"]
        assert usage["estimated_tokens"] == both > 50
    meter = Meter()
    Completions(out / "completions.jsonl", meter, read_only=True)
    assert meter.usage.estimated_tokens == sum(
        (meter.usage.prompt_tokens, meter.usage.completion_tokens)
    )
    status = json.loads(invoke("status", out, "--json").done().out)
    assert status["estimated_tokens"] == meter.usage.estimated_tokens
    assert "of all tokens are estimated" in invoke("status", out).done().out


@pytest.mark.parametrize("usage", [ZEROS, None, {"prompt_tokens": -1, "completion_tokens": 1.5}])
def test_caps_hold_with_estimates(usage: dict[str, Any] | None, tmp_path: Path) -> None:
    words = ("--price-in", 1000, "--price-out", 1000)
    for cap, most in (("--max-cost", 30), ("--max-tokens-total", 30_000)):
        out = tmp_path / cap
        with LoopbackServer(counting(usage)) as server:
            ended = invoke("generate", *at(server), "--n", 500, "--out", out, *words, cap, most)
            assert ended.code == 75 and f"stopped ({cap} {most}" in ended.out
            replies = [
                *map(json.loads, (out / "completions.jsonl").read_text("utf-8").splitlines())
            ]
            read = sum(len(reply["text"]) for reply in replies)
            sent = sum(
                len(message["content"])
                for call in server.calls
                for message in call.body["messages"]
            )
            assert 0 < (sent + read) / 4 <= most * (1000 if cap == "--max-cost" else 1)


def test_a_cap_that_no_call_fits_into_is_to_be_raised(tmp_path: Path) -> None:
    with LoopbackServer() as server:
        for cap in ("--max-cost", "--max-tokens-total"):
            words = ("--price-in", 1000, "--price-out", 1000, cap, 1)
            ended = invoke("generate", *at(server), "--out", tmp_path / "run", *words)
            assert ended.code == 75
            assert ended.out.endswith(f"start the same command again {cap} MORE\n")
        assert not server.calls and not (tmp_path / "run").exists()


def test_a_count_of_thinking_that_only_the_total_shows_is_paid_for(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with LoopbackServer(
        counting({"prompt_tokens": 500, "completion_tokens": 300, "total_tokens": 1_000})
    ) as server:
        invoke("generate", *at(server), "--n", 3, "--out", out).done()
    meter = Meter()
    Completions(out / "completions.jsonl", meter, read_only=True)
    assert meter.usage.reasoning_tokens == 200 * meter.requests > 0


def test_a_reply_reads_back_as_an_estimate(tmp_path: Path) -> None:
    usage = usage_of(None, asked(), REPLY)
    record = Completions(tmp_path / "completions.jsonl", Meter())
    record.put(asked().key, asked(), Completion(REPLY, "stop", usage), 0.1)
    record.close()
    again = Completions(tmp_path / "completions.jsonl", Meter())
    found = again.get(asked().key)
    again.close()
    assert found is not None and found.usage.estimated_tokens == usage.estimated_tokens > 0
