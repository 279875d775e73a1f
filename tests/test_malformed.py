"""Malformed replies: no HTTP, no JSON, or JSON that means nothing.

None leads to a crash or to a wait without an end.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import at, control_characters, invoke
from server import Answer, Behaviour, Call, LoopbackServer, completion_body, raw
from test_endpoint import CHAT, with_changes

from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models import Completion
from selfinstruct.models.openai.client import OpenAI
from selfinstruct.models.openai.received import MOST_BYTES

Outcome = Completion | ModelError | RequestFailed | Transient
GOOD = json.dumps(
    {"choices": [{"message": {"content": "Yes"}, "finish_reason": "stop"}], "usage": {}}
).encode()


async def one(endpoint: OpenAI, seed: int) -> Outcome:
    try:
        return await endpoint.complete(with_changes(CHAT, seed=seed))
    except (ModelError, RequestFailed, Transient) as outcome:
        return outcome


def outcomes(*behaviours: Behaviour, timeout: float = 10.0, calls: int = 1) -> list[Outcome]:
    """The outcomes of calls to an endpoint that has answered once. Their seeds begin at 5."""

    async def all_of_them(server: LoopbackServer) -> list[Outcome]:
        endpoint = OpenAI(base_url=server.base_url, api_key="sk-test", timeout=timeout)
        try:
            assert isinstance(await one(endpoint, 4), Completion)
            return [await one(endpoint, 5 + number) for number in range(calls)]
        finally:
            await endpoint.close()

    with LoopbackServer(*behaviours) as server:
        return asyncio.run(all_of_them(server))


def is_meant(call: Call) -> bool:
    return int(call.body["seed"]) >= 5


# ---------------------------------------------------------------- HTTP


def http(
    body: bytes = GOOD, *headers: str, status: bytes = b"200 OK", length: bool = True
) -> bytes:
    lines = [
        b"HTTP/1.1 " + status,
        b"Connection: close",
        b"Content-Type: application/json",
        *(one.encode("latin-1") for one in headers),
    ]
    return b"\r\n".join(
        [*lines, *([b"Content-Length: %d" % len(body)] if length else []), b"", body]
    )


def typed(body: bytes, content_type: str) -> bytes:
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join(
        [
            b"HTTP/1.1 200 OK",
            b"Connection: close",
            b"Content-Type: " + content_type.encode(),
            length,
            b"",
            body,
        ]
    )


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return http(
        b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in chunks) + end,
        "Transfer-Encoding: chunked",
        length=False,
    )


def redirect(to: str, status: bytes = b"307 Temporary Redirect") -> bytes:
    return http(b"", f"Location: {to}", status=status)


BLOB = b" " * 50_000_000 + GOOD
ANSWERED, AGAIN = Completion, Transient
FORMS: dict[str, tuple[type[Any], tuple[Any, ...]]] = {
    "good": (ANSWERED, (http(),)),
    "good in chunks": (ANSWERED, (chunked(GOOD[:9], GOOD[9:]),)),
    "good in gzip": (ANSWERED, (http(gzip.compress(GOOD), "Content-Encoding: gzip"),)),
    "good in deflate": (ANSWERED, (http(zlib.compress(GOOD), "Content-Encoding: deflate"),)),
    "good until the end": (ANSWERED, (http(length=False),)),
    "good without a reason": (ANSWERED, (http(status=b"200"),)),
    "good of a strange kind": (ANSWERED, (typed(GOOD, "text/html; charset=; q"),)),
    "good with a mark of its bytes' order": (ANSWERED, (http(b"\xef\xbb\xbf" + GOOD),)),
    "good in utf-16": (
        ANSWERED,
        (typed(GOOD.decode().encode("utf-16"), "application/json; charset=utf-16"),),
    ),
    "good in latin-1": (
        ANSWERED,
        (typed(GOOD.replace(b"Yes", b"\xe9"), "application/json; charset=latin-1"),),
    ),
    "good that says it is base64": (ANSWERED, (typed(GOOD, "application/json; charset=base64"),)),
    "good that says it is hex": (ANSWERED, (typed(GOOD, "application/json; charset=hex"),)),
    "good that says it is idna": (ANSWERED, (typed(GOOD, "application/json; charset=idna"),)),
    "good that says it is undefined": (
        ANSWERED,
        (typed(GOOD, "application/json; charset=undefined"),),
    ),
    "good that says it is what nobody knows": (
        ANSWERED,
        (typed(GOOD, "application/json; charset=" + "x" * 5000),),
    ),
    "good after 100": (ANSWERED, (b"HTTP/1.1 100 Continue\r\n\r\n" + http(),)),
    "good after 103": (ANSWERED, (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + http(),)),
    "a status beyond all": (AGAIN, (http(status=b"999 What"),)),
    "cut": (AGAIN, (http()[:-5],)),
    "cut in the headers": (AGAIN, (http()[:30],)),
    "cut in the status": (AGAIN, (b"HTT",)),
    "nothing": (AGAIN, ()),
    "less than there is": (AGAIN, (http(GOOD, f"Content-Length: {len(GOOD) - 9}", length=False),)),
    "a length below zero": (AGAIN, (http(GOOD, "Content-Length: -5", length=False),)),
    "a length in words": (AGAIN, (http(GOOD, "Content-Length: many", length=False),)),
    "two lengths": (AGAIN, (http(GOOD, "Content-Length: 5"),)),
    "a length without end": (AGAIN, (http(GOOD, "Content-Length: " + "9" * 5000, length=False),)),
    "a length of a terabyte": (AGAIN, (http(GOOD, "Content-Length: 1000000000000", length=False),)),
    "chunks without an end": (AGAIN, (chunked(GOOD, end=b""),)),
    "chunks of no size": (AGAIN, (chunked(GOOD, end=b"zz\r\n\r\n"),)),
    "chunks of a size without end": (AGAIN, (chunked(GOOD, end=b"f" * 100 + b"\r\n"),)),
    "chunks of less than none": (AGAIN, (chunked(GOOD, end=b"-1\r\n\r\n"),)),
    "gzip that is none": (AGAIN, (http(GOOD, "Content-Encoding: gzip"),)),
    "deflate that is none": (AGAIN, (http(b"\xff" * 99, "Content-Encoding: deflate"),)),
    "half a gzip": (AGAIN, (http(gzip.compress(GOOD * 99)[:60], "Content-Encoding: gzip"),)),
    "a bomb": (AGAIN, (http(gzip.compress(BLOB), "Content-Encoding: gzip"),)),
    "a bomb in a bomb": (
        AGAIN,
        (http(gzip.compress(gzip.compress(BLOB)), "Content-Encoding: gzip, gzip"),),
    ),
    "brotli that is none": (AGAIN, (http(b"\xff\x00\xff", "Content-Encoding: br"),)),
    "zstd that is none": (AGAIN, (http(b"\xff\x00\xff", "Content-Encoding: zstd"),)),
    "50 MB": (AGAIN, (http(BLOB),)),
    "50 MB in chunks": (AGAIN, (chunked(*[b" " * 1_000_000] * 50, GOOD),)),
    "bytes without end": (AGAIN, (http(b"", length=False), itertools.repeat(b" " * 65536))),
    "chunks of bytes without end": (
        AGAIN,
        (chunked(end=b""), itertools.repeat(b"8\r\n        \r\n" * 4096)),
    ),
    "headers without end": (
        AGAIN,
        (b"HTTP/1.1 200 OK\r\n", itertools.repeat(b"X-More: x\r\n" * 1000)),
    ),
    "a header without end": (
        AGAIN,
        (b"HTTP/1.1 200 OK\r\nX-More: ", itertools.repeat(b"x" * 65536)),
    ),
    "a reason without end": (AGAIN, (b"HTTP/1.1 200 ", itertools.repeat(b"x" * 65536))),
    "100 without end": (AGAIN, (itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),)),
    "a header with nothing in it": (AGAIN, (b"HTTP/1.1 200 OK\r\n: x\r\nno colon\r\n\r\n",)),
    "a header with NUL": (AGAIN, (b"HTTP/1.1 200 OK\r\nX-\x00: \x00\r\n\r\n",)),
    "a reason in no encoding": (ANSWERED, (http(status=b"200 \xff\xfe\xff"),)),
    "no HTTP": (AGAIN, (b"SSH-2.0-OpenSSH_9.6\r\n",)),
    "noise": (AGAIN, (Random(0).randbytes(5000),)),
    "a TLS alert": (AGAIN, (b"\x15\x03\x01\x00\x02\x02\x46",)),
    "HTTP of another world": (AGAIN, (b"HTTP/9.9 200 OK\r\n\r\n",)),
    "101": (
        AGAIN,
        (
            http(
                b"",
                "Upgrade: websocket",
                "Connection: upgrade",
                status=b"101 Switching Protocols",
                length=False,
            ),
        ),
    ),
    "204": (AGAIN, (http(b"", status=b"204 No Content"),)),
    "205": (AGAIN, (http(b"", status=b"205 Reset Content"),)),
    "206": (AGAIN, (http(GOOD[:9], "Content-Range: bytes 0-8/99", status=b"206 Partial Content"),)),
    "304": (AGAIN, (http(b"", status=b"304 Not Modified"),)),
    "301 to nowhere": (AGAIN, (http(b"", status=b"301 Moved Permanently"),)),
    "round in circles": (AGAIN, (redirect("/v1/chat/completions"),)),
    "off to FTP": (AGAIN, (redirect("ftp://127.0.0.1/v1"),)),
    "off to a file": (AGAIN, (redirect("file:///etc/passwd"),)),
    "off to nowhere": (AGAIN, (redirect("http://127.0.0.1:9/v1"),)),
    "off to no address": (AGAIN, (redirect("http://[::1/v1"),)),
    "off to no port": (AGAIN, (redirect("http://127.0.0.1:99999999/v1"),)),
    "off to what no name is": (AGAIN, (redirect("http://" + "x" * 300 + ".\xff/v1"),)),
    "events": (ANSWERED, (typed(b"data: " + GOOD + b"\n\ndata: [DONE]\n\n", "text/event-stream"),)),
    "bytes that are no text": (ANSWERED, (http(GOOD.replace(b"Yes", b"\xff\xfe\x80")),)),
    "a number of too many digits": (AGAIN, (http(GOOD.replace(b"{}", b"9" * 5000)),)),
    "brackets without end": (AGAIN, (http(b"[" * 200_000),)),
    "no object": (AGAIN, (http(b"[1]"),)),
    "NaN": (
        ANSWERED,
        (http(GOOD.replace(b"{}", b'{"prompt_tokens": NaN, "completion_tokens": -Infinity}')),),
    ),
    "everything twice": (ANSWERED, (http(b'{"choices": 5, ' + GOOD[1:-1] + b', "usage": null}'),)),
}


@pytest.fixture(scope="module")
def asked() -> Iterator[Callable[[str], Outcome]]:
    """The outcome of a call by the form of its reply, at an endpoint that has answered before."""
    form = "good"

    async def answer(call: Call, go_on: Answer) -> Any:
        return await raw(*FORMS[form][1], when=is_meant)(call, go_on)

    def ask(name: str) -> Outcome:
        nonlocal form
        form = name
        return loop.run_until_complete(one(endpoint, 5))

    loop = asyncio.new_event_loop()
    with LoopbackServer(answer) as server:
        endpoint = OpenAI(base_url=server.base_url, api_key="sk-test", timeout=2.0)
        assert isinstance(loop.run_until_complete(one(endpoint, 4)), Completion)
        yield ask
        loop.run_until_complete(endpoint.close())
    loop.close()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_http_reply_has_its_outcome(
    form: str, asked: Callable[[str], Outcome]
) -> None:
    wanted, _ = FORMS[form]
    outcome = asked(form)
    assert type(outcome) is wanted, outcome
    assert wanted is ANSWERED or ("no reply in time" in str(outcome)) <= ("without end" in form)
    assert wanted is ANSWERED or len(str(outcome)) < 600


@pytest.mark.parametrize("what", ["status", "body"])
def test_a_reply_that_comes_byte_by_byte_is_not_waited_for_longer_than_said(what: str) -> None:
    pieces = (
        http(GOOD[:9] + b" " * 1000 + GOOD[9:])
        if what == "body"
        else b"HTTP/1.1 200 O" + b"K" * 999
    )[:-1]
    begun = time.monotonic()
    [outcome] = outcomes(
        raw((pieces[at : at + 1] for at in range(len(pieces))), when=is_meant, pause=0.05),
        timeout=0.6,
    )
    assert isinstance(outcome, Transient) and "no reply in time" in str(outcome)
    assert time.monotonic() - begun < 3


def test_a_reply_up_to_the_limit_is_read() -> None:
    body = GOOD + b" " * (MOST_BYTES - len(GOOD))
    for form in (http(body), chunked(body), http(gzip.compress(body, 1), "Content-Encoding: gzip")):
        [outcome] = outcomes(raw(form, when=is_meant))
        assert isinstance(outcome, Completion), outcome


# ---------------------------------------------------------------- JSON

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**9, 10**30, -(10**30), float("nan"), float("inf"), 1e308),
    *("", "text", "\ud800", "\x00\x1b[2J", "x" * 100_000, "stop", "1"),
    *([], {}, [[]], [None], [{}], {"": None}, [1] * 1000, {"type": "text", "text": "part"}),
    *(
        [{"type": "text", "text": ["no"]}],
        [{"type": "thinking", "thinking": 5}],
        [{"type": [], "text": {}}],
    ),
)


def mutant(chance: Random, whole: Any) -> Any:
    """One to three things somewhere inside are others, are missing, or stand elsewhere."""
    whole = json.loads(json.dumps(whole))
    for _ in range(chance.randint(1, 3)):
        place, key = _place(chance, whole)
        if place is None or chance.random() < 0.02:
            return chance.choice(VALUES)
        turn = chance.random()
        if turn < 0.25 and isinstance(place, dict):
            del place[key]
        elif turn < 0.3 and isinstance(place, list):
            place.clear()
        elif turn < 0.4:
            place[key] = [place[key]]
        elif turn < 0.45:
            place[key] = str(place[key])
        else:
            place[key] = chance.choice(VALUES)
    return whole


def _place(chance: Random, whole: Any) -> tuple[Any, Any]:
    places: list[tuple[Any, Any]] = []

    def walk(part: Any) -> None:
        for key in (
            list(part)
            if isinstance(part, dict)
            else range(min(len(part), 5))
            if isinstance(part, list)
            else ()
        ):
            places.append((part, key))
            walk(part[key])

    walk(whole)
    return chance.choice(places) if places else (None, None)


def damaged(chance: Random, body: bytes) -> bytes:
    """Some of the bytes are others, are missing, or stand twice."""
    for _ in range(chance.randint(1, 4)):
        cut = sorted(chance.choices(range(len(body) + 1), k=2))
        noise = (b"", chance.randbytes(3), b'"', b"}", b"\\u", body[cut[0] : cut[1]], b"[" * 50)
        body = body[: cut[0]] + chance.choice(noise) + body[min(cut[1], cut[0] + 40) :]
    return body


def mutating(seed: int, *, when: Callable[[Call], bool], reached: Counter[str]) -> Behaviour:
    """A mutant of the reply, or its damaged bytes; `reached` counts them."""

    async def behave(call: Call, go_on: Answer) -> Any:
        from aiohttp import web

        if not when(call):
            return await go_on(call)
        chance = Random(f"{seed}/{call.key}/{call.attempt}")
        details = {"cached_tokens": 3, "reasoning_tokens": 2}
        usage: Any = {
            "prompt_tokens": 30,
            "completion_tokens": 4,
            "completion_tokens_details": details,
        }
        body = completion_body(
            call, "1. Name the capital of France.\n2. Sort these words: b, a.", "stop", usage
        )
        encoded = json.dumps(mutant(chance, body) if chance.random() < 0.7 else body).encode(
            "ascii"
        )
        reached["calls"] += 1
        return web.Response(
            body=damaged(chance, encoded) if chance.random() < 0.3 else encoded,
            content_type="application/json",
        )

    return behave


def assert_all_are_outcomes(seed: int, calls: int) -> Counter[type[Any]]:
    found = outcomes(mutating(seed, when=is_meant, reached=Counter()), calls=calls)
    for outcome in found:
        if isinstance(outcome, Completion):
            usage = outcome.usage
            assert all(
                isinstance(one, str)
                for one in (outcome.text, outcome.finish_reason, outcome.reasoning)
            )
            assert (
                0 <= usage.cached_tokens <= usage.prompt_tokens <= 10**9
                and 0 <= usage.reasoning_tokens <= usage.completion_tokens
            )
        else:
            assert isinstance(outcome, Transient) and outcome.may_be_charged, outcome
    return Counter(type(outcome) for outcome in found)


def test_any_json_is_a_reply_or_asked_for_again() -> None:
    found = assert_all_are_outcomes(0, 400)
    assert min(found[Completion], found[Transient]) > 40, found  # neither happens by accident


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_any_json_is_a_reply_or_asked_for_again_also_in_the_long_run(seed: int) -> None:
    assert_all_are_outcomes(seed, 1500)


# ---------------------------------------------------------------- a whole run

# Without the forms that take long, and without redirects, which are several calls or none.
LONG = ("without end", "MB", "off to", "round in")
NASTY = tuple(
    form
    for form, (wanted, _) in FORMS.items()
    if wanted is AGAIN and not any(one in form for one in LONG)
)


def assert_a_run_goes_on(out: Path, seed: int, n: int, rate: float) -> None:
    """A run at a server that fails first tries in all ways. Both count the same calls."""
    reached: Counter[str] = Counter()

    def is_struck(call: Call) -> bool:
        return call.attempt == 1 and call.chance(seed).random() < rate

    async def nasty(call: Call, go_on: Answer) -> Any:
        if not is_struck(call):
            return await go_on(call)
        form = Random(f"{seed}/{call.key}/form").choice((*NASTY, *["json"] * len(NASTY)))
        reached[form] += 1
        behave = (
            mutating(seed, when=is_struck, reached=reached)
            if form == "json"
            else raw(*FORMS[form][1])
        )
        return await behave(call, go_on)

    with LoopbackServer(nasty) as server:
        ran = invoke(
            "generate", "--n", n, "--out", out, *at(server), "--concurrency", 8, "--timeout", 20
        ).done()
        calls = len(server.calls)
    assert not control_characters(ran.out + ran.err)
    assert len((out / "examples.jsonl").read_bytes().splitlines()) == n
    assert len(reached) > 5 and reached["json"], reached
    checkpoint = json.loads((out / "checkpoint.json").read_text())
    records = [json.loads(line) for line in (out / "completions.jsonl").read_bytes().splitlines()]
    meter = checkpoint["meter"]
    assert meter["calls"] == calls
    assert len(records) + meter["unknown_calls"] == calls, (
        len(records),
        meter,
    )  # each is paid for, or counted at its worst
    assert invoke("verify", out).code == 0


def test_a_run_goes_on_whatever_comes(tmp_path: Path) -> None:
    assert_a_run_goes_on(tmp_path / "run", 1, 60, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
def test_a_run_goes_on_whatever_comes_also_in_the_long_run(seed: int, tmp_path: Path) -> None:
    assert_a_run_goes_on(tmp_path / "run", seed, 400, 0.3)
