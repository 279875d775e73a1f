"""Headers, queries and fields that the user names: on the wire, and their secrets nowhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from batches import BatchServer
from command import Ran, at, dataset, invoke, run
from server import Answer, Call, LoopbackServer, error
from test_secrets import LOUD, assert_nowhere, forms

import selfinstruct
from selfinstruct.asking import settings
from selfinstruct.asking.providers import only_model
from selfinstruct.errors import UserError
from selfinstruct.models.openai.access import access_of, check_access, fields_left_out, recorded
from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig

SECRET = "az-9f/+QxW7tZr2~VbN4m=K8'yLp0"
TOKEN = "gw-4Kd8sPq2Lx7vTn1Zb6Yc"
QUERY = "qs-Hr5Wm3Jt9Fg2Ue8Xa4Oi"


def generate(out: Path, *words: object, n: int = 5, **environment: str) -> Ran:
    return invoke("generate", "--n", n, "--out", out, *words, **environment)


def settings_of(out: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((out / "run.json").read_text("utf-8"))["config"]
    return config


# ---------------------------------------------------------------- on the wire


def test_every_call_has_the_headers_and_the_query(tmp_path: Path) -> None:
    words = ("--header", "X-Title: my run", "--header", "x-plan:free", "--query", "api-version=7")
    with LoopbackServer(models=("mentor",)) as server:
        generate(tmp_path / "run", *at(server), *words, "--api", "completions").done()
        listed = asyncio.run(
            only_model(
                settings.fresh(
                    SelfInstructConfig,
                    {"base_url": (server.base_url,), "header": ("X-Title: x",)},
                )
            )
        )
    assert listed == "mentor"
    assert server.calls
    for call in server.calls:
        assert call.headers["x-title"] == "my run" and call.headers["x-plan"] == "free"
        assert dict(call.http.query) == {"api-version": "7"}
        assert call.path == "/v1/completions"


def test_azure_gets_its_own_header_and_no_key(tmp_path: Path) -> None:
    words = ("--header-env", "api-key=AZURE_KEY", "--query", "api-version=2024-10-21")
    keys: dict[str, Any] = {"AZURE_KEY": SECRET + "\n", "OPENAI_API_KEY": "sk-of-another-house"}
    with LoopbackServer() as server:
        generate(tmp_path / "a", *at(server), *words, AZURE_KEY=SECRET).done()
        generate(tmp_path / "b", *at(server), *words, **keys).done()
    for call in server.calls:
        assert call.headers["api-key"] == SECRET and "authorization" not in call.headers
    assert settings_of(tmp_path / "a")["query"] == ["api-version=2024-10-21"]
    assert settings_of(tmp_path / "a")["header_env"] == ["api-key=AZURE_KEY"]


def test_a_users_header_takes_the_place_of_the_clients_own(tmp_path: Path) -> None:
    words = ("--header", "authorization: Token abcdefgh", "--header", "user-agent: mine/1")
    with LoopbackServer() as server:
        generate(tmp_path / "run", *at(server), *words, OPENAI_API_KEY="sk-0123456789").done()
    for call in server.calls:
        assert call.http.headers.getall("authorization") == ["Token abcdefgh"]
        assert call.http.headers.getall("user-agent") == ["mine/1"]


def test_a_batch_goes_to_its_endpoint_with_them(tmp_path: Path) -> None:
    seen: list[web.Request] = []

    class Server(BatchServer):
        def _routes(self, app: web.Application) -> None:
            super()._routes(app)

            @web.middleware
            async def note(request: web.Request, handler: Any) -> Any:
                seen.append(request)
                return await handler(request)

            app.middlewares.append(note)

    words = ("--batch", "--preset", "alpaca", "--header-env", "api-key=AZURE_KEY")
    with Server() as server:
        more = ("--query", "api-version=7")
        generate(tmp_path / "run", *at(server), *words, *more, n=1, AZURE_KEY=SECRET).done()
    assert {request.path.split("/")[2] for request in seen} >= {"files", "batches"}
    for request in seen:
        assert request.headers["api-key"] == SECRET and "authorization" not in request.headers
        assert request.query["api-version"] == "7"


def test_files_and_the_library_say_the_same(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(
        'query = ["v=1"]\nleave_out = "seed"\nsystem = false\n'
        'temperature = "none"\n[header]\nX-Title = "a: b"\n',
        "utf-8",
    )
    with LoopbackServer() as server:
        generate(tmp_path / "a", *at(server), "--config", file).done()
        selfinstruct.generate(
            tmp_path / "b",
            base_url=server.base_url,
            model="mentor",
            n=5,
            progress=False,
            query={"v": "1"},
            leave_out=["seed"],
            system=False,
            temperature=None,
            header={"X-Title": "a: b"},
        )
    assert dataset(tmp_path / "a") == dataset(tmp_path / "b")
    for call in server.calls:
        assert call.headers["x-title"] == "a: b" and dict(call.http.query) == {"v": "1"}
        assert not {"seed", "temperature"} & set(call.body)
        assert all(message["role"] != "system" for message in call.body["messages"])


# ---------------------------------------------------------------- secrets


async def echoing(call: Call, go_on: Answer) -> Any:
    """Says again all that came, in an error, in a reply, or in neither."""
    words = " ".join(
        form
        for text in (*call.headers.values(), *call.http.query.values())
        for form in (text, quote(text))
    )
    number = int(call.key, 16) % 6
    if number == 0:
        return error(400, words, words, words, words)
    if number == 1 and call.attempt == 1:
        return web.Response(status=502, text=f"<html>{words} {call.http.path_qs}</html>")
    if number == 2:
        message = {"role": "assistant", "content": f"1. Say {words}", "reasoning_content": words}
        return web.json_response({"choices": [{"message": message, "finish_reason": words}]})
    return await go_on(call)


def test_a_secret_is_nowhere_though_the_server_repeats_it(tmp_path: Path) -> None:
    words = (
        *("--header-env", "api-key=AZURE_KEY", "--header", f"X-Gateway: Bearer {TOKEN}"),
        *("--query", f"key={QUERY}", "--stall-turns", 9),
    )
    out = tmp_path / "run"
    with LoopbackServer(echoing) as server:
        again = ("generate", "--n", 20, "--out", out, *at(server), *words)
        ran = run(*again, AZURE_KEY=SECRET, **LOUD)
        judged = invoke("judge", out, *at(server), *words[:-2], AZURE_KEY=SECRET)
    assert len(server.calls) > 20
    for secret in (SECRET, TOKEN, QUERY):
        assert len(list(forms(secret))) > 5
        assert_nowhere(secret, out, ran, judged)
    shown = settings_of(out)
    assert shown["header"] == ["X-Gateway: ***"] and shown["query"] == ["key=***"]


def test_a_value_that_is_not_recorded_is_asked_for_again(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with LoopbackServer() as server:
        generate(out, *at(server), "--header", f"X-Gateway: {TOKEN}").done()
        said = invoke("resume", out, "--n", 8).error
        assert said.startswith("--header X-Gateway: the run does not record its value; give it")
        invoke("resume", out, "--n", 8, "--header", f"X-Gateway: {TOKEN}").done()
    assert {call.headers["x-gateway"] for call in server.calls} == {TOKEN}


def test_a_harmless_value_is_recorded_and_sent_by_the_next_sitting(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with LoopbackServer() as server:
        words = ("--header", "HTTP-Referer: https://here.example", "--leave-out", "top-p")
        generate(out, *at(server), *words).done()
        invoke("resume", out, "--n", 8).done()
        assert all("top_p" not in call.body for call in server.calls)
        before = len(server.calls)
        invoke("resume", out, "--n", 14, "--leave-out", "none").done()
    assert {call.headers["http-referer"] for call in server.calls} == {"https://here.example"}
    assert any("top_p" in call.body for call in server.calls[before:])
    assert settings_of(out)["leave_out"] == []


def test_a_redirect_to_another_house_carries_no_header_of_the_users(tmp_path: Path) -> None:
    async def moved(call: Call, go_on: Answer) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": f"{other.base_url}/chat/completions"})

    words = ("--header-env", "api-key=AZURE_KEY", "--header", f"X-Gateway: {TOKEN}")
    with LoopbackServer() as other, LoopbackServer(moved) as server:
        generate(tmp_path / "run", *at(server), *words, n=2, AZURE_KEY=SECRET).done()
    assert server.calls and all(call.headers["api-key"] == SECRET for call in server.calls)
    assert other.calls
    for call in other.calls:
        assert not {"api-key", "x-gateway", "authorization"} & set(call.headers)


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--header", "X-A: b\r\nX-B: c"), "--header X-A: the value holds a line break"),
        (("--header", "X A: b"), "--header 'X A': is no name that a header may have"),
        (("--header", "X-A\n: b"), r"--header 'X-A\n': is no name that a header may have"),
        (("--header", "X-A: ü"), "--header X-A: the value holds a character that no header may"),
        (("--header", SECRET), "--header: must be 'NAME: VALUE', with neither part empty"),
        (("--header", "X-A: "), "--header: must be 'NAME: VALUE', with neither part empty"),
        (("--header", "Content-Length: 5"), "--header Content-Length: cannot be set"),
        (("--header", "a: b", "--header-env", "A=HOME"), "--header-env A: is named twice"),
        (("--header-env", "api-key"), "--header-env: must be NAME=VARIABLE"),
        (("--header-env", "api-key=NOT_SET_HERE"), "the variable NOT_SET_HERE is not set"),
        (("--header-env", "api-key=TWO_LINES"), "api-key=TWO_LINES: the value holds a line break"),
        (("--query", "key"), "--query: must be NAME=VALUE"),
        (("--query", "a=1", "--query", "a=2"), "--query a: is named twice"),
        (("--leave-out", "model"), "--leave-out model: must be one of temperature, top_p, "),
        (("--base-url", f"http://x/v1?key={SECRET}"), "http://x/v1: has a query"),
    ],
)
def test_words_that_no_call_can_carry_end_in_one_line(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    where = () if "--base-url" in words else ("--base-url", "http://127.0.0.1:9/v1")
    ran = generate(tmp_path / "run", *where, "--model", "m", *words, TWO_LINES="abc\ndef")
    assert said in ran.error and SECRET not in ran.err + ran.out
    assert not (tmp_path / "run").exists() or not list((tmp_path / "run").iterdir())


def test_an_access_is_read_off_its_words() -> None:
    access = access_of(
        ("authorization: Bearer abcdef123", "X-Title: hello world"),
        ("Cf-Key=VARIABLE",),
        ("api-version=1", "key=abcdefghi"),
        {"VARIABLE": " xyz \n"},
    )
    assert access.headers == {
        "Authorization": "Bearer abcdef123",
        "X-Title": "hello world",
        "Cf-Key": "xyz",
    }
    assert access.query == {"api-version": "1", "key": "abcdefghi"}
    assert set(access.secrets) == {"Bearer abcdef123", "Bearer", "abcdef123", "abcdefghi", "xyz"}
    assert access.has_key and not access_of((), (), (), {}).has_key
    assert recorded(("A:1", "User-Agent:  x"), ": ") == ("A: ***", "User-Agent: x")
    with pytest.raises(UserError, match="X-B: the value holds a line break"):
        check_access(("X-B: a\nb",), (), ())


def test_what_is_left_out_has_what_comes_in_its_place() -> None:
    assert fields_left_out(()) == {}
    assert fields_left_out(("temperature", "system")) == {"temperature": None, "system": "user"}
    assert fields_left_out(("max_tokens",)) == {"max_tokens": "max_completion_tokens"}
    assert fields_left_out(("max_tokens", "max_completion_tokens")) == {"max_tokens": None}
    assert set(fields_left_out(("response_format",)).values()) == {None}


# ---------------------------------------------------------------- fields


def bodies(tmp_path: Path, *words: object) -> Iterator[dict[str, Any]]:
    with LoopbackServer() as server:
        generate(tmp_path / "run", *at(server), *words).done()
    return iter(server.requests)


@pytest.mark.parametrize("field", ["temperature", "top_p", "seed", "max_tokens"])
def test_a_field_is_left_out_of_every_body_and_the_data_stay(tmp_path: Path, field: str) -> None:
    generate(tmp_path / "plain", "--model", "scripted").done()
    for body in bodies(tmp_path, "--leave-out", field):
        assert field not in body
        assert ("max_completion_tokens" in body) == (field == "max_tokens")


def test_a_format_and_a_system_message_can_be_left_out(tmp_path: Path) -> None:
    words = ("--response-format", "json_schema", "--leave-out", "response_format", "--no-system")
    for body in bodies(tmp_path, *words):
        assert "response_format" not in body
        assert [message["role"] for message in body["messages"]][:1] == ["user"]


def test_none_leaves_a_decoding_field_to_the_server(tmp_path: Path) -> None:
    words = ("--temperature", "none", "--top-p", "propose=NONE", "--max-tokens", "input_first=none")
    seen = list(bodies(tmp_path, *words))
    assert seen and all("temperature" not in body for body in seen)
    assert any("top_p" in body for body in seen) and any("top_p" not in body for body in seen)
    assert any("max_tokens" in body for body in seen)
    assert any("max_tokens" not in body for body in seen)
    settings = settings_of(tmp_path / "run")["input_first"]
    assert settings["temperature"] is None and settings["max_tokens"] is None


def test_a_judge_takes_all_of_them(tmp_path: Path) -> None:
    out = tmp_path / "run"
    generate(out, "--model", "scripted", n=3).done()
    words = ("--temperature", "none", "--max-tokens", "none", "--leave-out", "response_format")
    with LoopbackServer() as server:
        more = ("--no-system", "--header", "X-Title: j", "--query", "v=2", "--stream")
        invoke("judge", out, *at(server), *words, *more).done()
    for call in server.calls:
        assert not {"temperature", "max_tokens", "response_format"} & set(call.body)
        assert call.body["stream"] is True
        assert call.headers["x-title"] == "j" and dict(call.http.query) == {"v": "2"}
