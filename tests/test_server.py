"""The loopback server: what it says, how it fails, and what it counts."""

from __future__ import annotations

import asyncio
import email.utils
import json
import re
import time
from typing import Any

import aiohttp
import openai
import pytest
import server
from server import LoopbackServer, failing, latency, rate_limit, saying

PROMPT = "1. Name the capital.\n2. Sort the words.\n\nGo on with 8 more, numbered from 3."
CHAT: dict[str, Any] = {
    "model": "scripted",
    "messages": [{"role": "user", "content": PROMPT}],
    "seed": 5,
}


def ask(
    at: LoopbackServer, *bodies: dict[str, Any], path: str = "/chat/completions", **options: Any
) -> list[tuple[int, Any, dict[str, str]]]:
    """Sends all bodies at once. Returns status, body (parsed if JSON) and headers of each answer.

    The status is 0 without an answer.
    """

    async def one(
        session: aiohttp.ClientSession, body: dict[str, Any]
    ) -> tuple[int, Any, dict[str, str]]:
        try:
            async with session.post(at.base_url + path, json=body, **options) as response:
                text = await response.text()
                try:
                    return response.status, json.loads(text), dict(response.headers)
                except ValueError:
                    return response.status, text, dict(response.headers)
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            return 0, type(error).__name__, {}

    async def together() -> list[tuple[int, Any, dict[str, str]]]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            return await asyncio.gather(*(one(session, body) for body in bodies))

    return asyncio.run(together())


def seeded(count: int) -> list[dict[str, Any]]:
    return [{**CHAT, "seed": seed} for seed in range(count)]


def text_of(answer: tuple[int, Any, dict[str, str]]) -> Any:
    return answer[1]["choices"][0]["message"]["content"]


def test_the_ordinary_client_gets_chat_replies_completions_and_the_models() -> None:
    with (
        LoopbackServer() as at,
        openai.OpenAI(base_url=at.base_url, api_key="none", max_retries=0) as client,
    ):
        chat = client.chat.completions.create(
            model="scripted", messages=[{"role": "user", "content": PROMPT}], seed=1
        )
        assert re.search(r"^3\. \w", chat.choices[0].message.content or "", re.MULTILINE)
        assert (
            chat.usage is not None
            and chat.usage.total_tokens
            == chat.usage.prompt_tokens + chat.usage.completion_tokens
            > 0
        )
        more = client.completions.create(
            model="scripted", prompt="Tasks:\n1. Name the capital.\n2.", seed=1, stop=["\n5."]
        )
        assert re.match(r" \w.*\n3\. ", more.choices[0].text) and "\n5." not in more.choices[0].text
        assert [model.id for model in client.models.list()] == ["scripted"]
        assert [body["seed"] for body in at.requests] == [1, 1]


def test_replies_depend_on_the_body_alone() -> None:
    with LoopbackServer() as first, LoopbackServer(latency(spread=0.05)) as second:
        bodies = seeded(40)
        one, two = ask(first, *bodies), ask(second, *reversed(bodies))
    assert [answer[1] for answer in one] == [answer[1] for answer in reversed(two)]
    assert len({text_of(answer) for answer in one}) > 35


def test_every_stage_is_told_from_the_prompt_and_a_function_may_tell_instead() -> None:
    def prompt(text: str) -> dict[str, Any]:
        return {**CHAT, "messages": [{"role": "user", "content": text}]}

    with LoopbackServer() as at:
        label, given = ask(
            at,
            prompt("Task: Name a bird.\nFixed labels?"),
            prompt("Instruction: Shorten the given text.\nInput and Output:"),
        )
        assert text_of(label).startswith("No") and "Input:" in text_of(given)
    with LoopbackServer(stage_of=lambda text: "output_first") as at:
        replies = ask(at, *(prompt(f"Task: Name {number} birds.") for number in range(5)))
        assert (
            sum("Class label:" in text_of(reply) for reply in replies) >= 4
        )  # one may be among the replies without labels


@pytest.mark.parametrize("kind", sorted(server.FAILURES))
def test_every_failure_has_its_status_and_then_the_request_succeeds(kind: str) -> None:
    with LoopbackServer(failing(kind, attempts=1)) as at:
        (failed,), (good,) = ask(at, CHAT), ask(at, CHAT)
    expected = next(
        (int(word) for word in kind.split() if word.isdigit()),
        {"model": 404, "quota": 429}.get(kind, 200),
    )
    assert (
        failed[0] == (400 if kind.startswith("context") else expected)
        if kind != "error in 200"
        else failed[0] == 200
    )
    assert good[0] == 200 and text_of(good)
    assert at.calls[0].status == failed[0] and at.received[at.calls[0].key] == 2


def test_retry_after_comes_as_seconds_as_a_date_and_as_milliseconds() -> None:
    headers = {}
    for kind in ("429 seconds", "429 date", "429 ms"):
        with LoopbackServer(failing(kind)) as at:
            headers[kind] = {name.lower(): value for name, value in ask(at, CHAT)[0][2].items()}
    assert headers["429 seconds"]["retry-after"] == "1"
    assert (
        abs(
            email.utils.parsedate_to_datetime(headers["429 date"]["retry-after"]).timestamp()
            - time.time()
        )
        < 5
    )
    assert headers["429 ms"]["retry-after-ms"] == "50"


def test_a_reset_breaks_the_connection_and_is_not_counted_as_completed() -> None:
    with LoopbackServer(failing("reset", attempts=1)) as at:
        assert ask(at, CHAT)[0][0] == 0
        assert not +at.completed and at.calls[0].status is None
        assert ask(at, CHAT)[0][0] == 200
        assert at.completed[at.calls[0].key] == 1 and at.received[at.calls[0].key] == 2


def test_a_hanging_call_ends_with_its_client_and_does_not_hold_up_the_end() -> None:
    began = time.monotonic()
    with LoopbackServer(failing("hang", when=lambda call: call.body["seed"] == 5)) as at:
        answers = ask(at, CHAT, {**CHAT, "seed": 6}, timeout=aiohttp.ClientTimeout(total=0.5))
        assert [answer[0] for answer in answers] == [0, 200]
    assert time.monotonic() - began < 10


def test_failures_hit_the_same_requests_in_every_order() -> None:
    outcomes = []
    for bodies in (seeded(60), seeded(60)[::-1]):
        with LoopbackServer(
            failing("500", rate=0.3, seed=4), failing("429", rate=0.2, seed=5)
        ) as at:
            outcomes.append(
                {
                    body["seed"]: answer[0]
                    for body, answer in zip(bodies, ask(at, *bodies), strict=True)
                }
            )
    assert outcomes[0] == outcomes[1]
    assert set(outcomes[0].values()) == {200, 429, 500}


def test_a_reply_that_is_made_and_lost_is_not_completed() -> None:
    with LoopbackServer(failing("503", attempts=1, before=False)) as at:
        assert [ask(at, CHAT)[0][0], ask(at, CHAT)[0][0]] == [503, 200]
        assert not at.bought_twice


def test_what_is_answered_twice_is_seen() -> None:
    with LoopbackServer() as at:
        ask(at, CHAT, CHAT, {**CHAT, "seed": 9})
        assert list(at.bought_twice.values()) == [2]
        assert sum(at.received.values()) == sum(at.completed.values()) == len(at.calls) == 3


def test_the_most_requests_at_once_are_counted() -> None:
    with LoopbackServer(latency(0.3)) as at:
        ask(at, *seeded(30))
        assert at.in_flight_max == 30 and at.in_flight == 0


def test_a_heavy_tail_waits_longer_for_a_few() -> None:
    with LoopbackServer(latency(0.01, tail=0.1, factor=30)) as at:
        began = time.monotonic()
        assert all(answer[0] == 200 for answer in ask(at, *seeded(40)))
        assert time.monotonic() - began > 0.25


def test_a_rate_limit_refuses_what_comes_too_fast_and_says_when_to_come_again() -> None:
    with LoopbackServer(rate_limit(5, burst=3)) as at:
        answers = ask(at, *seeded(12))
        refused = [answer for answer in answers if answer[0] == 429]
        assert len(refused) >= 6 and len(refused) < 12
        assert all(0 < int(answer[2]["retry-after-ms"]) <= 201 for answer in refused)
        time.sleep(0.25)
        assert ask(at, {**CHAT, "seed": 99})[0][0] == 200


def test_the_key_the_model_and_the_parameters_can_be_refused() -> None:
    with LoopbackServer(
        server.api_key("k"), server.only_models("scripted"), server.rejecting("seed")
    ) as at:
        assert ask(at, CHAT)[0][0] == 401
        good: dict[str, Any] = {"headers": {"Authorization": "Bearer k"}}
        (wrong,) = ask(at, {**CHAT, "model": "other"}, **good)
        assert wrong[0] == 404 and wrong[1]["error"]["code"] == "model_not_found"
        (unknown,) = ask(at, CHAT, **good)
        assert (
            unknown[0] == 400
            and unknown[1]["error"]["param"] == "seed"
            and unknown[1]["error"]["code"] == "unsupported_parameter"
        )
        assert (
            ask(at, {name: value for name, value in CHAT.items() if name != "seed"}, **good)[0][0]
            == 200
        )


def test_long_prompts_overflow_in_each_servers_own_words() -> None:
    long = {**CHAT, "messages": [{"role": "user", "content": "word " * 300}]}
    for kind, words in (
        ("context openai", "maximum context length"),
        ("context llama.cpp", "available context size"),
        ("context vllm", "requested"),
    ):
        with LoopbackServer(server.context_limit(100, kind=kind)) as at:
            short, overflow = ask(at, CHAT, long)
            assert (short[0], overflow[0]) == (200, 400) and words in json.dumps(overflow[1])


def test_hostile_text_arrives_as_it_was_meant() -> None:
    with (
        LoopbackServer(saying("a\x1b[2J\x9b\x00\u2028\ud800z")) as at,
        openai.OpenAI(base_url=at.base_url, api_key="none") as client,
    ):
        assert text_of(ask(at, CHAT)[0]) == "a\x1b[2J\x9b\x00\u2028\ud800z"
        reply = client.chat.completions.create(
            model="scripted", messages=[{"role": "user", "content": PROMPT}]
        )
        assert "\x1b[2J" in (reply.choices[0].message.content or "")
    with LoopbackServer(saying(server.hostile)) as at:
        everything = "".join(text_of(answer) for answer in ask(at, *seeded(20)))
        assert (
            all(character in everything for character in "\x1b\x9b\x00\ud800\u2028\u202e")
            and "3. " in everything
        )


def test_nonsense_for_ever_and_replies_without_usage() -> None:
    with LoopbackServer(saying(server.NONSENSE)) as at:
        assert {text_of(answer) for answer in ask(at, *seeded(5))} == {server.NONSENSE}
    with LoopbackServer(server.without_usage()) as at:
        (answer,) = ask(at, CHAT)
        assert "usage" not in answer[1] and text_of(answer)


def test_a_body_that_is_no_request_is_refused() -> None:
    with LoopbackServer() as at:
        assert ask(at, {"model": "scripted"})[0][0] == 400
        assert ask(at, {"model": "scripted"}, path="/completions")[0][0] == 400
        assert ask(at, CHAT, path="/embeddings")[0][0] == 404
