"""models/openai against a real server: requests, replies, and the meaning of each failure."""

from __future__ import annotations

import asyncio
import base64
import gc
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import openai
import pytest
from server import (
    FAILURES,
    Behaviour,
    LoopbackServer,
    error,
    failing,
    latency,
    rejecting,
    saying,
    without_usage,
)

from selfinstruct.errors import ModelError, Refused, RequestFailed, Transient
from selfinstruct.models import Completion, Decoding, Message, Request, Usage
from selfinstruct.models.openai.blame import Blame
from selfinstruct.models.openai.client import OpenAI
from selfinstruct.models.openai.headers import retry_after
from selfinstruct.models.retry import Retried
from selfinstruct.recipes.self_instruct.presets import METHODS

SCHEMAS = {
    question.name: schema({}) if callable(schema := question.schema) else schema
    for question in METHODS["chat"].questions
}
CHAT = Request(
    stage="propose",
    place="t0",
    model="mentor",
    api="chat",
    messages=(
        Message("system", "You write tasks."),
        Message("user", "1. Name the capital.\n2. Sort the words.\n\nGo on with 8 more."),
    ),
    decoding=Decoding(0.7, 0.5, 100, 1.0, 0.5, ("\n\n", "16.")),
    seed=5,
    schema=SCHEMAS["propose"],
    shrinks=True,
)
RAW = Request(
    "propose",
    "t0",
    "mentor",
    "completions",
    (Message("prompt", "1. Name the capital.\n2."),),
    Decoding(max_tokens=100),
    5,
    schema=SCHEMAS["propose"],
)
SENT_TO_CHAT = {
    "model": "mentor",
    "messages": [{"role": one.role, "content": one.text} for one in CHAT.messages],
    "temperature": 0.7,
    "top_p": 0.5,
    "max_tokens": 100,
    "presence_penalty": 1.0,
    "frequency_penalty": 0.5,
    "stop": ["\n\n", "16."],
    "seed": 5,
}
SENT_TO_COMPLETIONS = {
    "model": "mentor",
    "prompt": "1. Name the capital.\n2.",
    "max_tokens": 100,
    "seed": 5,
}


def with_changes(request: Request, **changes: Any) -> Request:
    return Request(
        **{name: changes.get(name, getattr(request, name)) for name in Request.__dataclass_fields__}
    )


def ask(
    server: LoopbackServer,
    *requests: Request,
    key: str | None = "sk-test",
    base_url: str | None = None,
    timeout: float = 20.0,
    at_once: bool = False,
) -> tuple[list[Completion | Exception], list[str]]:
    """The outcome of each request, and the endpoint's notices. at_once: not in turn."""
    said: list[str] = []

    async def one(endpoint: OpenAI, request: Request) -> Completion | Exception:
        try:
            return await endpoint.complete(request)
        except (ModelError, RequestFailed, Transient) as failed:
            return failed

    async def together() -> list[Completion | Exception]:
        endpoint = OpenAI(
            base_url=base_url or server.base_url, api_key=key, timeout=timeout, notice=said.append
        )
        try:
            if at_once:
                return await asyncio.gather(*(one(endpoint, request) for request in requests))
            return [await one(endpoint, request) for request in requests]
        finally:
            await endpoint.close()

    return asyncio.run(together()), said


def the_one(server: LoopbackServer, request: Request = CHAT, **options: Any) -> Completion:
    [found], _ = ask(server, request, **options)
    assert isinstance(found, Completion), found
    return found


def a(text: str) -> Behaviour:
    return saying(text)


# ---------------------------------------------------------------- what is sent


def test_chat_and_completions_send_exactly_what_the_request_says() -> None:
    with LoopbackServer() as server:
        for request, path, sent in (
            (CHAT, "chat/completions", SENT_TO_CHAT),
            (RAW, "completions", SENT_TO_COMPLETIONS),
        ):
            the_one(server, request)
            assert (server.calls[-1].path, server.calls[-1].body) == (f"/v1/{path}", sent)
            assert server.calls[-1].headers["authorization"] == "Bearer sk-test"


def test_a_raw_prompt_is_a_users_message_to_a_chat_and_messages_are_one_text_to_a_completion() -> (
    None
):
    with LoopbackServer() as server:
        the_one(server, with_changes(RAW, api="chat"))
        the_one(server, with_changes(CHAT, api="completions"))
        assert server.requests[0]["messages"] == [
            {"role": "user", "content": "1. Name the capital.\n2."}
        ]
        assert server.requests[1]["prompt"] == "\n\n".join(one.text for one in CHAT.messages)


@pytest.mark.parametrize("request_", [CHAT, RAW], ids=["chat", "completions"])
def test_a_response_format_grammar_and_further_fields_are_part_of_the_body(
    request_: Request,
) -> None:
    more = with_changes(
        request_, response_format="json_schema", grammar="root ::= [a-z]", extra=(("min_p", 0.1),)
    )
    with LoopbackServer() as server:
        the_one(server, more)
        the_one(server, with_changes(request_, response_format="json_object"))
        body, plain = server.requests
    assert (body["grammar"], body["min_p"]) == ("root ::= [a-z]", 0.1)
    assert plain["response_format"] == {"type": "json_object"}
    assert (
        body["response_format"]["type"] == "json_schema"
        and body["response_format"]["json_schema"]["strict"] is True
    )


@pytest.mark.parametrize("stage", SCHEMAS)
def test_every_schema_is_as_strict_as_servers_want_it(stage: str) -> None:
    """Every object names all of its properties as required and allows no others."""
    with LoopbackServer(stage_of=lambda text: stage) as server:
        own = SCHEMAS[stage]
        the_one(server, with_changes(CHAT, stage=stage, response_format="json_schema", schema=own))
        schema = server.requests[0]["response_format"]["json_schema"]["schema"]

    def objects(part: Any) -> Iterator[dict[str, Any]]:
        if isinstance(part, dict):
            if part.get("type") == "object":
                yield part
            for value in part.values():
                yield from objects(value)

    found = list(objects(schema))
    assert found and all(
        one["required"] == list(one["properties"]) and one["additionalProperties"] is False
        for one in found
    )


@pytest.mark.parametrize("stage", ["propose", "a stage that this module has never heard of"])
def test_a_requests_own_schema_is_sent_whatever_its_stage(stage: str) -> None:
    own = {
        "topics": {"type": "array", "items": {"$ref": "#/$defs/instance"}},
        "count": {"type": "integer"},
    }
    with LoopbackServer(stage_of=lambda text: "propose") as server:
        request = with_changes(CHAT, stage=stage, response_format="json_schema", schema=own)
        the_one(server, request)
        sent = server.requests[0]["response_format"]["json_schema"]
    assert sent["name"] == stage and sent["schema"]["properties"] == own
    assert sent["schema"]["required"] == ["topics", "count"]
    assert "instance" in sent["schema"]["$defs"]


def test_a_password_in_the_address_is_sent_as_basic_authorisation_and_shown_nowhere() -> None:
    with LoopbackServer(failing("401", when=lambda call: call.attempt > 1)) as server:
        address = server.base_url.replace("http://", "http://ann:s%20ecret@")
        [_, refused], _ = ask(server, CHAT, CHAT, base_url=address)
        assert (
            server.calls[0].headers["authorization"]
            == "Basic " + base64.b64encode(b"ann:s ecret").decode()
        )
    assert f"http://127.0.0.1:{server.port}/v1: HTTP 401" in str(refused) and "ecret" not in str(
        refused
    ).replace("te**cret", "")


# ---------------------------------------------------------------- what is read


def test_text_reason_and_usage_are_the_servers() -> None:
    with LoopbackServer(model=lambda request: Completion("Yes", "length", Usage(30, 4))) as server:
        assert the_one(server) == the_one(server, RAW) == Completion("Yes", "length", Usage(30, 4))


def test_without_a_servers_usage_tokens_are_estimated() -> None:
    with LoopbackServer(without_usage()) as server:
        found = the_one(server)
    assert found.usage == Usage(len(CHAT.text) // 4 + 1, len(found.text) // 4 + 1)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        "many",
        {},
        {"prompt_tokens": "12"},
        {"prompt_tokens": 12, "completion_tokens": "7"},
        {"prompt_tokens": 1.5},
    ],
)
def test_a_strange_usage_counts_as_none(usage: Any) -> None:
    async def strange(call: Any, go_on: Any) -> Any:
        from aiohttp import web

        return web.json_response(
            {"choices": [{"message": {"content": "Yes"}, "finish_reason": "stop"}], "usage": usage}
        )

    with LoopbackServer(strange) as server:
        assert the_one(server).usage == Usage(len(CHAT.text) // 4 + 1, 1)


@pytest.mark.parametrize(
    "said",
    [
        "<think>Is it? Yes.</think>\n\nNo",
        "<think>never comes to an end",
        "A reply about <think> tags.",
        "\ud800 half",
    ],
)
def test_a_reply_is_kept_as_it_was_paid_for(said: str) -> None:
    with LoopbackServer(a(said)) as server:
        assert the_one(server).text == said


def answering(message: dict[str, Any], usage: dict[str, Any]) -> Behaviour:
    async def behave(call: Any, go_on: Any) -> Any:
        from aiohttp import web

        return web.json_response(
            {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}
        )

    return behave


PARTS = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "Is it?"}]},
    {"type": "text", "text": "No"},
]


@pytest.mark.parametrize(
    "message",
    [
        {"content": "No", "reasoning_content": "Is it?"},
        {"content": "No", "reasoning": "Is it?"},
        {"content": PARTS},
    ],
    ids=["reasoning_content", "reasoning", "parts"],
)
def test_what_a_server_sends_of_the_thinking_is_kept_beside_the_text(
    message: dict[str, Any],
) -> None:
    with LoopbackServer(answering(message, {"prompt_tokens": 3, "completion_tokens": 4})) as server:
        assert the_one(server) == Completion("No", "stop", Usage(3, 4), None, "Is it?")


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        (
            {
                "prompt_tokens_details": {"cached_tokens": 6},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(10, 5, 6, 3),
        ),
        (
            {"total_tokens": 18, "completion_tokens_details": {"reasoning_tokens": 3}},
            Usage(10, 8, 0, 3),
        ),  # counted apart
        (
            {"prompt_tokens_details": {"cached_tokens": 99}, "completion_tokens_details": "none"},
            Usage(10, 5, 10, 0),
        ),
        ({"completion_tokens": None}, Usage(10, 0)),
        ({"completion_tokens": -7}, Usage(len(CHAT.text) // 4 + 1, 1)),
        ({"completion_tokens": 10**30}, Usage(len(CHAT.text) // 4 + 1, 1)),
        ({"completion_tokens": True}, Usage(len(CHAT.text) // 4 + 1, 1)),
    ],
)
def test_cached_and_thinking_tokens_are_parts_and_a_count_that_cannot_be_is_none(
    usage: dict[str, Any], read: Usage
) -> None:
    with LoopbackServer(
        answering({"content": "No"}, {"prompt_tokens": 10, "completion_tokens": 5, **usage})
    ) as server:
        assert the_one(server).usage == read


def test_a_reply_that_is_filtered_away_says_so() -> None:
    with LoopbackServer(failing("content filter")) as server:
        found = the_one(server)
    assert (found.error, found.finish_reason) == ("content_filter", "content_filter")


def test_the_models_of_an_endpoint() -> None:
    async def names(server: LoopbackServer) -> list[str]:
        endpoint = OpenAI(base_url=server.base_url, api_key="none", timeout=5)
        try:
            return await endpoint.models()
        finally:
            await endpoint.close()

    with LoopbackServer(models=("one", "two")) as server:
        assert asyncio.run(names(server)) == ["one", "two"]


# ---------------------------------------------------------------- what failures mean

WRONG, AGAIN = ModelError, Transient
OPEN = "again, or the run"  # a Transient that may turn out to be the run's
# The outcome of a request at an endpoint that has not answered before, and at one that has.
# A text is the slug of RequestFailed, also where it depends on the answers to others (Refused).
OUTCOMES: dict[str, tuple[Any, Any]] = {
    "401": (WRONG, OPEN),
    **dict.fromkeys(("403", "404", "model"), ("bad_request", "bad_request")),
    "quota": (WRONG, OPEN),
    **dict.fromkeys(
        (
            "408",
            "409",
            "429",
            "429 seconds",
            "429 date",
            "429 ms",
            "500",
            "502",
            "503",
            "504",
            "html 502",
        ),
        (AGAIN, AGAIN),
    ),
    **dict.fromkeys(("reset", "hang", "error in 200"), (AGAIN, AGAIN)),
    **dict.fromkeys(
        ("no choices", "not json", "not an object", "html", "empty body"), (OPEN, AGAIN)
    ),
    **dict.fromkeys(("400", "422"), ("bad_request", "bad_request")),
    **dict.fromkeys(
        ("context openai", "context llama.cpp", "context vllm"),
        ("context_overflow", "context_overflow"),
    ),
    **dict.fromkeys(("content filter", "null content", "wrong type"), (Completion, Completion)),
}


def test_the_table_knows_every_failure() -> None:
    assert set(OUTCOMES) == {*FAILURES, "reset", "hang"}


@pytest.mark.parametrize("kind", OUTCOMES)
def test_every_failure_is_the_runs_or_the_requests_or_passes(kind: str) -> None:
    def is_it(found: Completion | Exception, wanted: Any) -> bool:
        if wanted in (AGAIN, OPEN):
            return type(found) is Transient and (found.of_run is not None) == (wanted is OPEN)
        found = found.of_request if isinstance(found, Refused) else found
        return (
            isinstance(found, RequestFailed) and found.reason == wanted
            if isinstance(wanted, str)
            else type(found) is wanted
        )

    timeout = 0.3 if kind == "hang" else 20.0
    words = (*CHAT.messages[:1], Message("user", "poison"))
    failed = with_changes(CHAT, messages=words, shrinks=False)
    with LoopbackServer(failing(kind, when=lambda call: "poison" in str(call.body))) as server:
        [fresh], _ = ask(server, failed, timeout=timeout)
        [_, answered], _ = ask(server, CHAT, failed, timeout=timeout)
    assert is_it(fresh, OUTCOMES[kind][0]), fresh
    assert is_it(answered, OUTCOMES[kind][1]), answered


def test_an_overflow_among_the_first_requests_is_not_the_runs_fault() -> None:
    """It comes back before any reply does."""
    one_too_long = [with_changes(CHAT, seed=seed) for seed in range(4)]
    with LoopbackServer(
        failing("context openai", when=lambda call: call.body["seed"] == 2), latency(0.3)
    ) as server:
        found, _ = ask(server, *one_too_long, at_once=True)
    assert [type(one) for one in found] == [Completion, Completion, RequestFailed, Completion], (
        found
    )


def test_an_overflow_of_the_shorter_prompt_may_be_the_runs() -> None:
    first_try = with_changes(CHAT, stage="draft", shrinks=True)
    shorter = with_changes(first_try, messages=CHAT.messages[:1])
    with LoopbackServer(failing("context openai"), stage_of=lambda text: "propose") as server:
        [first, second], _ = ask(server, first_try, shorter)
    assert (
        isinstance(first, RequestFailed)
        and isinstance(second, Refused)
        and "does not fit" in str(second.of_run)
    )


def test_an_overflow_that_nobody_will_shorten_may_be_the_runs() -> None:
    whole = with_changes(CHAT, stage="classify", shrinks=False)
    with LoopbackServer(failing("context openai"), stage_of=lambda text: "classify") as server:
        [found], _ = ask(server, whole)
    assert isinstance(found, Refused) and "does not fit" in str(found.of_run)


@pytest.mark.parametrize(
    ("status", "words", "slug"),
    [
        (
            400,
            "The response was filtered due to the prompt triggering a content management policy.",
            "content_filter",
        ),
        (403, "Your input was flagged by moderation.", "content_filter"),
        (413, "Payload too large", "context_overflow"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", "context_overflow"),
    ],
)
def test_a_refusal_is_told_by_its_words(status: int, words: str, slug: str) -> None:
    async def refuse(call: Any, go_on: Any) -> Any:
        return (
            error(status, words, "invalid_request_error")
            if call.body["seed"] == 5
            else await go_on(call)
        )

    with LoopbackServer(refuse) as server:
        [_, found], _ = ask(server, with_changes(CHAT, seed=6), CHAT)
    found = found.of_request if isinstance(found, Refused) else found
    assert isinstance(found, RequestFailed) and found.reason == slug, found


@pytest.mark.parametrize(
    ("code", "words", "wanted"),
    [
        (402, "Insufficient credits", Refused),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", RequestFailed),
        (400, "Unsupported parameter: 'seed'", Completion),
        (429, "Rate limited", Transient),
        (200, "words", Transient),
        (True, "words", Transient),
        ("502", "words", Transient),
        (10**30, None, Transient),
    ],
)
def test_an_error_that_comes_with_200_is_read_like_any_other(
    code: Any, words: Any, wanted: type
) -> None:
    async def refuse(call: Any, go_on: Any) -> Any:
        from aiohttp import web

        return (
            web.json_response({"error": {"code": code, "message": words}})
            if call.body.get("seed") == 5
            else await go_on(call)
        )

    with LoopbackServer(refuse) as server:
        [_, found], _ = ask(server, with_changes(CHAT, seed=6), CHAT)
    assert type(found) is wanted, found


@pytest.mark.parametrize("kind", ["500", "429", "reset", "not json"])
def test_what_a_failed_call_made_goes_with_its_last_reference(kind: str) -> None:
    """A sitting collects garbage seldom: a cycle of an exception and a frame would keep the reply.

    aiohttp's exceptions of a broken connection are not counted, since aiohttp makes their cycles.
    """

    async def main(server: LoopbackServer) -> list[object]:
        endpoint = OpenAI(base_url=server.base_url, api_key=None, timeout=20.0)
        retried = Retried(endpoint, retries=8, patience=60)
        try:
            await retried.complete(CHAT)
            gc.collect()
            gc.disable()
            await asyncio.gather(
                *(retried.complete(with_changes(CHAT, seed=seed)) for seed in range(10, 20))
            )
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            return [
                one
                for one in gc.garbage
                if isinstance(one, (ModelError, RequestFailed, Transient, openai.OpenAIError))
            ]
        finally:
            gc.set_debug(0)
            gc.enable()
            gc.garbage.clear()
            await endpoint.close()

    with LoopbackServer(
        failing(kind, attempts=1, when=lambda call: call.body["seed"] != CHAT.seed)
    ) as server:
        left = asyncio.run(main(server))
        assert len(server.calls) == 21 and not left


@pytest.mark.parametrize("user", ["", "ann:s%20ecret@"])
def test_every_request_has_the_headers_that_the_openai_client_would_send(user: str) -> None:
    async def both(base_url: str) -> None:
        endpoint = OpenAI(base_url=base_url, api_key="sk-test", timeout=20)
        try:
            for request in (CHAT, RAW, CHAT, RAW):
                await endpoint.complete(request)
            await endpoint.session._client.post(
                "/chat/completions", cast_to=object, body=SENT_TO_CHAT
            )
        finally:
            await endpoint.close()

    with LoopbackServer() as server:
        asyncio.run(both(server.base_url.replace("//", f"//{user}")))
        calls = server.calls
    *ours, theirs = (
        {
            name: value
            for name, value in call.headers.items()
            if name != "content-length" and not name.startswith("x-stainless-")
        }
        for call in calls
    )
    assert all(headers == theirs for headers in ours)
    assert theirs["authorization"].startswith("Basic " if user else "Bearer sk-test")
    assert [call.path for call in calls[:2]] == ["/v1/chat/completions", "/v1/completions"]
    assert calls[0].body == calls[2].body == calls[4].body == SENT_TO_CHAT


def test_a_character_that_is_none_is_sent_as_a_question_mark() -> None:
    """Half of a surrogate pair has no bytes in UTF-8."""
    with LoopbackServer() as server:
        the_one(server, with_changes(CHAT, messages=(Message("user", "Grüße \udcff"),)))
        assert server.requests[0]["messages"] == [{"role": "user", "content": "Grüße ?"}]


def test_no_credit_left_is_said_in_so_many_words() -> None:
    async def refuse(call: Any, go_on: Any) -> Any:
        return error(402, "Insufficient credits", "payment_required")

    for behaviour in (failing("quota"), refuse):
        with LoopbackServer(behaviour) as server:
            [found], _ = ask(server, CHAT)
        assert isinstance(found, (ModelError, Refused)) and "no credit left" in str(found)


# ---------------------------------------------------------------- optional fields

FIELDS = (
    "max_tokens",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "stop",
    "seed",
    "response_format",
)


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_a_server_does_not_take_is_left_out_and_that_is_said_once(field: str) -> None:
    requests = [with_changes(CHAT, seed=seed, response_format="json_object") for seed in range(3)]
    with LoopbackServer(rejecting(field)) as server:
        found, said = ask(server, *requests)
        bodies = server.requests
    assert all(isinstance(one, Completion) for one in found), found
    instead = "max_completion_tokens" if field == "max_tokens" else None
    assert [field in body for body in bodies] == [True, False, False, False]
    assert instead is None or [body.get(instead) for body in bodies] == [None, 100, 100, 100]
    name = "json_object" if field == "response_format" else field
    assert len(said) == 1 and f"does not take '{name}'" in said[0]


@pytest.mark.parametrize("at_once", [False, True], ids=["in turn", "at once"])
def test_a_server_that_takes_none_of_them_still_serves(at_once: bool) -> None:
    requests = [with_changes(CHAT, seed=seed, response_format="json_schema") for seed in range(8)]
    with LoopbackServer(rejecting(*FIELDS)) as server:
        found, said = ask(server, *requests, at_once=at_once)
        assert all(isinstance(one, Completion) for one in found), found
        assert set(server.requests[-1]) == {"model", "messages", "max_completion_tokens"}
    assert sorted(re.findall(r"does not take '(\w+)'", " ".join(said))) == sorted(
        {*FIELDS, *STEPS} - {"response_format"}
    )


STEPS = ("json_schema", "json_object")


def test_a_server_without_schemas_is_asked_for_json_and_only_then_for_nothing() -> None:
    async def refuse(call: Any, go_on: Any) -> Any:
        is_schema = call.body.get("response_format", {}).get("type") == "json_schema"
        words = "response_format.type 'json_schema' is not supported"
        return (
            error(400, words, "invalid_request_error", None, "response_format")
            if is_schema
            else await go_on(call)
        )

    requests = [with_changes(CHAT, seed=seed, response_format="json_schema") for seed in range(3)]
    with LoopbackServer(refuse) as server:
        _, said = ask(server, *requests)
        assert [body["response_format"]["type"] for body in server.requests] == [
            "json_schema",
            *["json_object"] * 3,
        ]
    assert len(said) == 1


@pytest.mark.parametrize(
    "words",
    [
        "System role not supported",
        "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
    ],
)
def test_a_server_without_system_messages_gets_their_words_in_the_users(words: str) -> None:
    async def refuse(call: Any, go_on: Any) -> Any:
        is_system = call.body["messages"][0]["role"] == "system"
        return error(400, words, "invalid_request_error") if is_system else await go_on(call)

    with LoopbackServer(refuse) as server:
        found, said = ask(server, CHAT, with_changes(CHAT, seed=6))
        bodies = server.requests
    assert all(isinstance(one, Completion) for one in found) and len(bodies) == 3 and len(said) == 1
    assert bodies[-1]["messages"] == [
        {"role": "user", "content": "\n\n".join(one.text for one in CHAT.messages)}
    ]


def test_a_completions_server_is_never_asked_without_max_tokens() -> None:
    """What a run may spend rests on it."""
    with LoopbackServer(rejecting("max_tokens")) as server:
        [found], _ = ask(server, RAW)
        assert not isinstance(found, Completion) and len(server.requests) < 10
        assert all("max_tokens" in body for body in server.requests)


# ---------------------------------------------------------------- waiting, secrets


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"retry-after": "7"}, 7, 7),
        ({"retry-after": "0.25"}, 0.25, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "60"}, 1.5, 1.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0, 0),
        ({"retry-after": "Wed, 21 Oct 2065 07:28:00 GMT"}, 1e8, 1e10),
        ({"retry-after": "-5"}, 0, 0),
    ],
)
def test_how_long_a_server_asks_to_wait_is_read_in_its_three_forms(
    headers: dict[str, str], low: float, high: float
) -> None:
    found = retry_after(headers, time.time())
    assert found is not None and low <= found <= high


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "Mon, 99 Foo 99999 99:99:99 GMT"])
def test_a_wait_that_makes_no_sense_is_none(text: str) -> None:
    assert retry_after({"retry-after": text}, time.time()) is None


@pytest.mark.parametrize("padding", range(150, 200, 7))
def test_a_server_that_repeats_the_key_does_not_make_us_show_it(padding: int) -> None:
    """However its words are cut to fit a line."""
    key = "sk-QWERTYUIOPASDFGHJKLZXCVBNM0123456789"

    async def repeat(call: Any, go_on: Any) -> Any:
        return error(
            400,
            "x" * padding + call.headers["authorization"].removeprefix("Bearer ") + " is wrong",
            "invalid_request_error",
        )

    with LoopbackServer(repeat) as server:
        [found], _ = ask(server, CHAT, key=key)
    assert not any(key[at : at + 6] in str(found) for at in range(len(key) - 6)), found


def test_the_word_that_stands_for_no_key_is_no_secret() -> None:
    async def refuse(call: Any, go_on: Any) -> Any:
        return error(400, "none of the slots is free", "invalid_request_error")

    with LoopbackServer(refuse) as server:
        [found], _ = ask(server, CHAT, key=None)
    assert "none of the slots" in str(found)


def lone_refusals(
    known: dict[str, str | None] | None,
    ask: Callable[[OpenAI, int], Awaitable[object]],
    base_url: str,
) -> list[type]:
    """The errors of Blame.DOUBTS refusals and one more, with nobody else answered.

    known: the left_out of OpenAI.
    """

    async def errors() -> list[type]:
        found: list[type] = []
        endpoint = OpenAI(base_url=base_url, api_key="sk-test", timeout=20.0, left_out=known)
        for number in range(Blame.DOUBTS + 1):
            try:
                await ask(endpoint, number)
            except (ModelError, RequestFailed) as failed:
                found.append(type(failed))
        await endpoint.close()
        return found

    return asyncio.run(errors())


def test_a_few_refusals_in_a_batch_file_are_the_requests_own_if_the_endpoint_is_known() -> None:
    refusal = {"error": {"message": "cannot be done", "type": "invalid_request_error"}}

    async def read(endpoint: OpenAI, number: int) -> None:
        endpoint.read(400, refusal, CHAT, {})

    nowhere = "http://127.0.0.1:9/v1"
    assert lone_refusals({}, read, nowhere) == [RequestFailed] * Blame.DOUBTS + [ModelError]
    assert lone_refusals(None, read, nowhere)[0] is ModelError
