"""A planted key comes up nowhere: not in a file, on the screen, in a log or in a traceback."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from command import ENVIRONMENT, Ran, at, invoke, run
from hypothesis import given, settings
from hypothesis import strategies as st
from server import Answer, Behaviour, Call, LoopbackServer, error, saying
from test_endpoint import CHAT

from selfinstruct.errors import UserError
from selfinstruct.models import Completion
from selfinstruct.models.openai.client import OpenAI
from selfinstruct.models.openai.keys import Secrets, api_key

KEY = "sk-proj-9f/+QxW7tZr2~VbN4m=K8'\"\\yLp0"  # with all that some form of writing changes
PASSWORD = "pä/ss w+rd:9%41@\"q'=" + "zXcV" * 3


def forms(secret: str) -> Iterator[str]:
    """However a server, a log or a person may write it."""
    yield from (
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        repr(secret)[1:-1],
    )
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    for before in ("", ":", "Bearer ", "u:"):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield (
                encode(f"{before}{secret}".encode()).decode().rstrip("=")[4 + len(before) * 2 : -2]
            )


def assert_nowhere(secret: str, out: Path, *rans: Ran) -> None:
    texts = {"the screen": "".join(ran.out + ran.err for ran in rans)}
    texts |= {
        path.name: path.read_bytes().decode("utf-8", "replace")
        for path in out.rglob("*")
        if path.is_file()
    }
    unescaped = {
        name: json.loads(f'"{line}"')
        for name, text in texts.items()
        for line in [json.dumps(text)[1:-1]]
    }
    for form in forms(secret):
        assert len(form) > 10
        for name, text in [*texts.items(), *unescaped.items()]:
            assert form not in text, f"{name}: {form}"


def echoing(call: Call) -> str:
    """Everything that it was sent, in every form."""
    sent = call.headers.get("authorization", "") + " " + call.headers.get("proxy-authorization", "")
    plain = [sent, *(part for part in sent.split() if part not in ("Bearer", "Basic"))]
    for part in plain[1:]:
        try:
            plain.append(base64.b64decode(part, validate=True).decode())
        except ValueError:
            continue
    every = [
        form
        for text in plain
        for form in (
            text,
            quote(text),
            quote_plus(text),
            repr(text),
            base64.b64encode(text.encode()).decode(),
        )
    ]
    return " ".join(every)


def telling(share: int, *, status: int = 400) -> Behaviour:
    """Repeats the headers, wherever words can stand: in an error, in a reply, in a web page.

    Each of the three happens in one of `share` calls.
    """

    async def behave(call: Call, go_on: Answer) -> Any:
        from aiohttp import web

        words, number = echoing(call), int(call.key, 16)
        if number % share == 0:
            return error(status, words, words, words, words)
        if number % share == 1:
            message = {
                "role": words,
                "content": f"1. {words}\n2. Say {words}",
                "reasoning_content": words,
            }
            body = {
                "id": words,
                "choices": [{"message": message, "finish_reason": words}],
                "usage": {words: 1},
            }
            return web.json_response(body, headers={"X-Request-Id": quote(words)})
        if number % share == 2 and call.attempt == 1:
            page = f"<html><title>{words}</title>{words}</html>"
            return web.Response(status=502, reason="Bad", text=page, content_type="text/html")
        return await go_on(call)

    return behave


LOUD: dict[str, Any] = {"OPENAI_LOG": "debug", "PYTHONASYNCIODEBUG": "1"}


@pytest.mark.parametrize(
    "way",
    [
        "environment",
        *(
            pytest.param(way, marks=pytest.mark.slow)
            for way in ("address", "file", "address as is")
        ),
    ],
)
def test_a_planted_key_is_nowhere_though_the_server_repeats_it(tmp_path: Path, way: str) -> None:
    out, words, environment = tmp_path / "run", list[object](), LOUD | {}
    secret = KEY
    with LoopbackServer(telling(8)) as server:
        address = server.base_url
        if way == "environment":
            environment["OPENAI_API_KEY"] = KEY
        elif way == "file":
            (tmp_path / "key").write_text(f"\n  {KEY}\r\n")
            words += ["--key-file", tmp_path / "key"]
        else:
            secret = PASSWORD if way == "address" else "ain-t+no$secret~kept;here"
            address = address.replace(
                "//", f"//u:{quote(secret, safe='') if way == 'address' else secret}@"
            )
        words += ["--base-url", address, "--model", "mentor", "--stall-turns", 9]
        ran = run("generate", "--n", 12, "--out", out, *words, **environment)
        again = invoke("generate", "--n", 14, "--out", out, *words, **environment)
        sent = [call.headers["authorization"] for call in server.calls]
    basic = "Basic " + base64.b64encode(f"u:{secret}".encode()).decode()
    assert ran.code == again.code == 0 and set(sent) == {
        f"Bearer {KEY}" if secret is KEY else basic
    }
    told = [path.read_text() for path in (out / "completions.jsonl", out / "rejected.jsonl")]
    assert all("***" in text for text in told), "nothing was repeated"
    shown = [
        invoke(*command).done()
        for command in (("status", out), ("verify", out), ("status", out, "--json"))
    ]
    exported = invoke("export", out, "--format", "alpaca", "--out", out / "data.jsonl").done()
    assert_nowhere(secret, out, ran, again, *shown, exported)


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_refusal_that_repeats_the_key_ends_in_one_line_without_it(
    tmp_path: Path, status: int
) -> None:
    with LoopbackServer(telling(1, status=status)) as server:
        ran = invoke(
            "generate", "--n", 3, "--out", tmp_path / "run", *at(server), OPENAI_API_KEY=KEY
        )
    assert "***" in ran.error
    assert_nowhere(KEY, tmp_path, ran)


def test_a_proxys_password_is_a_secret_too(tmp_path: Path) -> None:
    with LoopbackServer(telling(1, status=401)) as server:
        proxy = server.base_url.replace("//", f"//u:{quote(PASSWORD, safe='')}@").removesuffix(
            "/v1"
        )
        words = ("--base-url", "http://endpoint.example/v1", "--model", "mentor")
        ran = run("generate", "--n", 3, "--out", tmp_path / "run", *words, HTTP_PROXY=proxy, **LOUD)
        assert ran.code == 2 and server.calls and "proxy-authorization" in server.calls[0].headers
    assert_nowhere(PASSWORD, tmp_path, ran)


BUGS = {  # a module, and the function in it that fails
    "in the refusal": ("selfinstruct.models.openai.refusals", "error_of_refusal"),
    "in the body": ("selfinstruct.models.openai.bodies", "body_of"),
    "in the reply": ("selfinstruct.models.openai.replies", "completion_of"),
    "in the client": ("openai", "AsyncOpenAI.__init__"),
    "in the transport": ("selfinstruct.models.openai.lines", "Line.post"),
}


@pytest.mark.parametrize(
    "bug",
    [next(iter(BUGS)), *(pytest.param(bug, marks=pytest.mark.slow) for bug in list(BUGS)[1:])],
)
def test_the_traceback_of_a_real_bug_does_not_show_it(tmp_path: Path, bug: str) -> None:
    """A module that is broken from the start of the process on, as by an edit that went wrong."""
    module, function = BUGS[bug]
    program = (
        f"import {module} as room; room.{function} = lambda *words, **options: 1 / 0\n"
        "from selfinstruct.cli import main\nmain()"
    )
    with LoopbackServer(*([telling(1, status=400)] if bug == "in the refusal" else [])) as server:
        done = subprocess.run(
            [
                sys.executable,
                "-X",
                "dev",
                "-c",
                program,
                "generate",
                "--n",
                "3",
                "--out",
                str(tmp_path / "run"),
                *at(server),
            ],
            env={**ENVIRONMENT, **LOUD, "OPENAI_API_KEY": KEY},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr, done
    assert_nowhere(KEY, tmp_path, Ran(1, done.stdout, done.stderr))


# ---------------------------------------------------------------- the file


@pytest.mark.parametrize(
    ("holds", "wanted"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("sk-1\nsk-2\n", "holds more than a key"),
        ("OPENAI_API_KEY= sk-1", "holds more than a key"),
        ("x" * 100_000, "holds more than a key"),
        ("sk-\u00e9\n", "character 4 of 4 is none that a key may hold"),
        (".", "cannot be read (Is a directory)"),
    ],
)
def test_a_file_that_holds_no_key_is_named_and_not_shown(
    tmp_path: Path, holds: str | None, wanted: str
) -> None:
    path = tmp_path / "key"
    if holds == ".":
        path.mkdir()
    elif holds is not None:
        path.write_text(holds)
    words = ("--key-file", path, "--base-url", "http://127.0.0.1:9/v1", "--model", "m")
    said = invoke(
        "generate", "--n", 3, "--out", tmp_path / "run", *words, OPENAI_API_KEY="sk-env"
    ).error
    assert wanted in said and str(path) in said and "sk-" not in said


def test_the_file_wins_is_read_once_and_is_written_nowhere(tmp_path: Path) -> None:
    """A pipe can be read once: here the run asks for the model's name before the first request."""
    with LoopbackServer(models=("mentor",)) as server:
        reading, writing = os.pipe()
        os.write(writing, f"{KEY}\n".encode())
        os.close(writing)
        words = ("--base-url", server.base_url, "--key-file", f"/dev/fd/{reading}")
        ran = invoke(
            "generate", "--n", 3, "--out", tmp_path / "run", *words, OPENAI_API_KEY="sk-env"
        ).done()
        os.close(reading)
        assert {call.headers["authorization"] for call in server.calls} == {f"Bearer {KEY}"}
    assert "key_file" not in json.loads((tmp_path / "run" / "run.json").read_text())["config"]
    assert_nowhere(KEY, tmp_path, ran)


@pytest.mark.parametrize(("mode", "times"), [(0o600, 0), (0o640, 0), (0o644, 1)])
def test_a_file_that_everybody_can_read_is_told_once(tmp_path: Path, mode: int, times: int) -> None:
    (tmp_path / "key").write_text("sk-test\n")
    (tmp_path / "key").chmod(mode)
    with LoopbackServer() as server:
        ran = invoke(
            "generate",
            "--n",
            3,
            "--out",
            tmp_path / "run",
            *at(server),
            "--key-file",
            tmp_path / "key",
        ).done()
    assert (ran.out + ran.err).count("everybody on this machine can read the key") == times


def test_a_config_file_may_name_the_file_but_not_hold_the_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-test\n")
    (tmp_path / "run.toml").write_text(f"key_file = '{tmp_path / 'key'}'\n")
    with LoopbackServer() as server:
        invoke(
            "generate",
            "--n",
            3,
            "--out",
            tmp_path / "run",
            *at(server),
            "--config",
            tmp_path / "run.toml",
        ).done()
        assert server.calls[0].headers["authorization"] == "Bearer sk-test"


# ---------------------------------------------------------------- forms


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=60),
    st.text(max_size=9),
    st.text(max_size=9),
)
def test_no_form_of_a_secret_is_left_in_a_text(secret: str, before: str, after: str) -> None:
    secrets = Secrets(secret)
    for form in (secret, quote(secret), quote_plus(secret), json.dumps(secret), repr(secret)):
        assert secret not in secrets.hide(before + form + after).replace("***", "")
        assert secrets.hide(form) != form and secrets.hide_in_reply(form) != form
    encoded = base64.b64encode((before + secret + after).encode()).decode()
    left = secrets.hide(encoded)
    assert "***" in left and len(left) <= len(encoded) - len(base64.b64encode(secret.encode())) + 16


def test_a_short_key_is_hidden_in_errors_but_is_no_reason_to_change_a_reply() -> None:
    secrets = Secrets("test")
    assert secrets.hide("a test") == "a ***" and secrets.hide_in_reply("a test") == "a test"
    assert reply_to("1. Write a test.", key="test") == "1. Write a test."


def test_a_paid_reply_loses_copies_of_the_key_in_use_and_nothing_else() -> None:
    """The reply goes into completions.jsonl, and no file may hold the key (docs/decisions.md)."""
    encoded = base64.b64encode(KEY.encode()).decode()
    other = KEY.replace("QxW7", "QxW8")
    said = f"1. Say {KEY}.\n2. {encoded} or {quote(KEY)}\n3. {other}, {KEY[:-1]} \ud800"
    wanted = f"1. Say ***.\n2. *** or ***\n3. {other}, {KEY[:-1]} \ud800"
    assert reply_to(said, key=KEY) == wanted
    assert reply_to(said, key=None) == said


def reply_to(said: str, *, key: str | None) -> str:
    """The text that goes on record when the server says `said`."""

    async def ask(base_url: str) -> Completion:
        endpoint = OpenAI(base_url=base_url, api_key=key, timeout=20.0)
        try:
            return await endpoint.complete(CHAT)
        finally:
            await endpoint.close()

    with LoopbackServer(saying(said)) as server:
        return asyncio.run(ask(server.base_url)).text


def test_an_address_without_a_password_may_have_a_token_for_its_user() -> None:
    assert "tok" not in Secrets(None, ["https://tok-12345678@there/v1"]).hide(
        "the tok-12345678 is wrong"
    )


def test_a_key_is_wanted_where_no_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(UserError, match="--key-file"):
        api_key("", is_wanted=True)
    assert api_key("", is_wanted=False) is None
