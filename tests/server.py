"""A real OpenAI-compatible server on loopback, for tests that drive the program end to end.

    with LoopbackServer(failing("429", attempts=1), latency(0.01)) as server:
        ... server.base_url, server.calls, server.completed ...

The server answers with the scripted model. Troubles on the way are a stack of behaviours, outermost
first: each is a function of the call and of the behaviours further in. They depend on the call's
body, its attempt and a seed, never on the order of arrival.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from aiohttp import web

from selfinstruct.models import Completion, Decoding, Message, Request
from selfinstruct.models.scripted.model import reply

if TYPE_CHECKING:
    from typing_extensions import Self

PROMPTS = Path(__file__).parents[1] / "prompts"
FOREVER = 3600.0  # seconds; a handler that hangs ends with its client or with the server


@dataclass
class Call:
    """An HTTP request. Equal paths and bodies have the same `key`; `attempt` counts them from 1."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    key: str
    attempt: int
    http: web.Request = field(repr=False)
    # of the response sent in full; None while the call is under way and if the connection broke
    status: int | None = None
    began: float = field(default_factory=time.monotonic, repr=False)

    def chance(self, seed: int) -> Random:
        return Random(f"{seed}/{self.key}/{self.attempt}")


Answer = Callable[[Call], Awaitable[web.StreamResponse]]
Behaviour = Callable[[Call, Answer], Awaitable[web.StreamResponse]]
When = Callable[[Call], bool]


# ---------------------------------------------------------------- bodies


def error(
    status: int,
    message: str,
    type_: str,
    code: str | None = None,
    param: str | None = None,
    **headers: str,
) -> web.Response:
    """An error in OpenAI's form. Keywords are headers, with _ for -."""
    body = {"error": {"message": message, "type": type_, "param": param, "code": code}}
    return web.json_response(
        body,
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def completion_body(
    call: Call, text: str | None, finish_reason: str = "stop", usage: dict[str, int] | None = None
) -> dict[str, Any]:
    """A reply in OpenAI's form, to /chat/completions or /completions; None is a null content."""
    chat = call.path.endswith("/chat/completions")
    choice: dict[str, Any] = (
        {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    )
    return {
        "id": ("chatcmpl-" if chat else "cmpl-") + call.key[:24],
        "object": "chat.completion" if chat else "text_completion",
        "created": 1_700_000_000,
        "model": call.body.get("model"),
        "choices": [{"index": 0, "logprobs": None, "finish_reason": finish_reason, **choice}],
        "usage": usage or {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }


def _ascii_json(body: object) -> web.Response:
    # ASCII only: a lone surrogate travels as its \ud800 escape, as real servers send it.
    return web.Response(
        body=json.dumps(body, ensure_ascii=True).encode("ascii"), content_type="application/json"
    )


# ---------------------------------------------------------------- failures, by name


async def _reset(call: Call) -> web.StreamResponse:
    """Half a body, then a TCP reset."""
    response = web.StreamResponse(
        headers={"Content-Type": "application/json", "Content-Length": "4096"}
    )
    await response.prepare(call.http)
    await response.write(b'{"id": "chatcmpl-half", "choices": [{"index": 0, "mess')
    transport = call.http.transport
    if transport is not None:
        await asyncio.sleep(0.01)  # lets the half go out first
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()
    return response


async def _hang(call: Call) -> web.StreamResponse:
    await asyncio.sleep(FOREVER)
    return _json_error(500)


def _json_error(status: int) -> web.Response:
    return error(
        status,
        f"Scripted failure {status}.",
        "server_error" if status >= 500 else "invalid_request_error",
        str(status),
    )


def _plainly(status: int) -> Callable[[Call], web.Response]:
    return lambda call: _json_error(status)


def _http_date(seconds: float) -> str:
    return format_datetime(datetime.now(timezone.utc) + timedelta(seconds=seconds), usegmt=True)


def _too_many(**headers: str) -> web.Response:
    return error(
        429,
        "Rate limit reached for requests. Please try again later.",
        "requests",
        "rate_limit_exceeded",
        **headers,
    )


def _html(status: int) -> web.Response:
    return web.Response(
        status=status, text="<html><body><h1>Welcome</h1></body></html>", content_type="text/html"
    )


_TOO_LONG = "This model's maximum context length is 4096 tokens. However, "
FAILURES: dict[str, Callable[[Call], web.Response]] = {
    **{str(status): _plainly(status) for status in (400, 403, 408, 409, 422, 500, 502, 503, 504)},
    "401": lambda call: error(
        401, "Incorrect API key provided: sk-te**cret.", "invalid_request_error", "invalid_api_key"
    ),
    "404": lambda call: error(
        404, "Invalid URL (POST /v2/chat/completions)", "invalid_request_error"
    ),
    "model": lambda call: error(
        404,
        f"The model `{call.body.get('model')}` does not exist or you do not have access to it.",
        "invalid_request_error",
        "model_not_found",
    ),
    "429": lambda call: _too_many(),
    "429 seconds": lambda call: _too_many(Retry_After="1"),
    "429 date": lambda call: _too_many(Retry_After=_http_date(1)),
    "429 ms": lambda call: _too_many(retry_after_ms="50"),
    "quota": lambda call: error(
        429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota"
    ),
    "context openai": lambda call: error(
        400,
        _TOO_LONG + "your messages resulted in 5120 tokens.",
        "invalid_request_error",
        "context_length_exceeded",
        "messages",
    ),
    "context llama.cpp": lambda call: web.json_response(
        {
            "error": {
                "code": 400,
                "message": "request (5120 tokens) exceeds the available context size "
                "(4096 tokens), try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 5120,
                "n_ctx": 4096,
            }
        },
        status=400,
    ),
    "context vllm": lambda call: web.json_response(
        {
            "object": "error",
            "message": _TOO_LONG
            + "you requested 5120 tokens (4608 in the messages, 512 in the completion). "
            "Please reduce the length.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        status=400,
    ),
    "content filter": lambda call: _ascii_json(completion_body(call, "", "content_filter")),
    "no choices": lambda call: _ascii_json({**completion_body(call, ""), "choices": []}),
    "null content": lambda call: _ascii_json(completion_body(call, None)),
    "error in 200": lambda call: _ascii_json(
        {"error": {"message": "Provider returned error", "code": 502}}
    ),
    "not json": lambda call: web.Response(
        text='{"id": "chatcmpl-1", "choices": [', content_type="application/json"
    ),
    "not an object": lambda call: _ascii_json(["a", "list"]),
    "html": lambda call: _html(200),
    "html 502": lambda call: _html(502),
    "wrong type": lambda call: web.Response(
        text=json.dumps(completion_body(call, "No")), content_type="text/plain"
    ),
    "empty body": lambda call: web.Response(text="", content_type="application/json"),
}
_BROKEN: dict[str, Answer] = {"reset": _reset, "hang": _hang}


# ---------------------------------------------------------------- behaviours


def failing(
    kind: str,
    *,
    rate: float = 1.0,
    attempts: int | None = None,
    seed: int = 0,
    when: When = lambda call: True,
    before: bool = True,
) -> Behaviour:
    """Fails a share of the calls, of each request only the first `attempts` (None: all).

    `kind` is a name of FAILURES, "reset" or "hang". before=False works first and fails then: the
    reply is made and lost.
    """

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        if (
            (attempts is not None and call.attempt > attempts)
            or not when(call)
            or call.chance(seed).random() >= rate
        ):
            return await go_on(call)
        if not before:
            await go_on(call)
        return await _BROKEN[kind](call) if kind in _BROKEN else FAILURES[kind](call)

    if kind not in FAILURES and kind not in _BROKEN:
        raise KeyError(f"{kind!r} (known: {', '.join([*FAILURES, *_BROKEN])})")
    return behave


def latency(
    seconds: float = 0.0,
    *,
    spread: float = 0.0,
    tail: float = 0.0,
    factor: float = 25.0,
    seed: int = 0,
) -> Behaviour:
    """Waits `seconds` and up to `spread` more; in a share `tail` of calls `factor` times that."""

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        chance = call.chance(seed)
        wait = seconds + spread * chance.random()
        await asyncio.sleep(wait * (factor if chance.random() < tail else 1.0))
        return await go_on(call)

    return behave


class Gate:
    """A behaviour: calls wait while `is_shut` says so, until the gate is opened for good.

    The gate holds a run at a fact, where a test would otherwise have to be faster than the run. A
    fact that may come and go again (`in_flight`) would shut the gate again.
    """

    def __init__(self, is_shut: Callable[[], bool]) -> None:
        self._is_shut = is_shut
        self._is_open = False

    def open(self) -> None:
        self._is_open = True

    async def __call__(self, call: Call, go_on: Answer) -> web.StreamResponse:
        while not self._is_open and self._is_shut():  # noqa: ASYNC110 (facts of other threads)
            await asyncio.sleep(0.002)
        return await go_on(call)


def rate_limit(per_second: float, *, burst: int = 1) -> Behaviour:
    """A token bucket: 429 with the milliseconds to wait for a call that finds it empty."""
    level, last = float(burst), time.monotonic()

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        nonlocal level, last
        now = time.monotonic()
        level, last = min(float(burst), level + (now - last) * per_second), now
        if level < 1:
            return _too_many(retry_after_ms=str(int((1 - level) / per_second * 1000) + 1))
        level -= 1
        return await go_on(call)

    return behave


def window_limit(per_window: int, *, seconds: float = 1.0, says: str = "") -> Behaviour:
    """429 for the calls beyond `per_window` in a window of so many `seconds`.

    `says`: "" nothing, "retry-after" in milliseconds, or "headers" as OpenAI's on every reply.
    """
    window, count = 0, 0

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        nonlocal window, count
        now = time.monotonic()
        if int(now / seconds) != window:
            window, count = int(now / seconds), 0
        is_over = count >= per_window
        count += not is_over
        left, reset = per_window - count, (window + 1) * seconds - now
        wait = {"retry_after_ms": str(int(reset * 1000) + 1)} if says == "retry-after" else {}
        response = _too_many(**wait) if is_over else await go_on(call)
        if says == "headers" and isinstance(response, web.Response):
            response.headers["x-ratelimit-limit-requests"] = str(per_window)
            response.headers["x-ratelimit-remaining-requests"] = str(left)
            response.headers["x-ratelimit-reset-requests"] = f"{int(reset * 1000) + 1}ms"
        return response

    return behave


def api_key(key: str) -> Behaviour:
    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        return (
            await go_on(call)
            if call.headers.get("authorization") == f"Bearer {key}"
            else FAILURES["401"](call)
        )

    return behave


def only_models(*names: str) -> Behaviour:
    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        return await go_on(call) if call.body.get("model") in names else FAILURES["model"](call)

    return behave


def rejecting(*params: str) -> Behaviour:
    """Refuses a body that has one of these fields, as OpenAI does."""

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        for param in params:
            if param in call.body:
                return error(
                    400,
                    f"Unsupported parameter: '{param}'",
                    "invalid_request_error",
                    "unsupported_parameter",
                    param,
                )
        return await go_on(call)

    return behave


def context_limit(tokens: int, *, kind: str = "context openai") -> Behaviour:
    """Refuses prompts of more words than this."""

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        return (
            FAILURES[kind](call)
            if len(_request(call, str).text.split()) > tokens
            else await go_on(call)
        )

    return behave


def saying(
    words: Callable[[Call, str], str] | str, *, usage: bool = True, when: When = lambda call: True
) -> Behaviour:
    """Replaces the reply's text, by other words or by a function of the call and the text;
    usage=False leaves its usage out.
    """

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        response = await go_on(call)
        if (
            not when(call)
            or not isinstance(response, web.Response)
            or response.status != 200
            or not isinstance(response.body, bytes)
        ):
            return response
        body = json.loads(response.body)
        for choice in body.get("choices", ()):
            part = choice.get("message", choice)
            name = "content" if "message" in choice else "text"
            part[name] = words if isinstance(words, str) else words(call, part[name])
        if not usage:
            body.pop("usage", None)
        return _ascii_json(body)

    return behave


def without_usage() -> Behaviour:
    return saying(lambda call, text: text, usage=False)


NONSENSE = "the the of of and and the"
HOSTILE = (
    # clears the screen, sets the window's title, colours
    "\x1b[2J\x1b]0;owned\x07\x1b[31mred\x1b[0m",
    # clears the screen by a C1 byte; NUL, backspaces, DEL, carriage return
    "\x9b2J\x00\x08\x08\x7f\r",
    "\ud800 lone \udfff surrogates",
    "line\u2028separator\u2029and\x85next line",
    "\u202eoverridden\u202c \u2066isolated\u2069 \u200bzero width\ufeff",
)


def hostile(call: Call, text: str) -> str:
    """For saying(): strews hostile characters between the words of the reply, by the call."""
    chance = call.chance(0)
    return re.sub(
        " ", lambda space: f" {chance.choice(HOSTILE)} " if chance.random() < 0.2 else " ", text
    )


def raw(
    *parts: bytes | Iterable[bytes], when: When = lambda call: True, pause: float = 0.0
) -> Behaviour:
    """Sends these bytes and no others, HTTP or not, and hangs up; a part may be endless.

    `pause`: seconds between two pieces.
    """

    def is_full(transport: asyncio.Transport) -> bool:
        return transport.get_write_buffer_size() > 1_000_000 and not transport.is_closing()

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        if not when(call):
            return await go_on(call)
        transport = call.http.transport
        assert isinstance(transport, asyncio.Transport)
        pieces = (
            piece for part in parts for piece in ([part] if isinstance(part, bytes) else part)
        )
        for piece in pieces:
            while is_full(transport):  # noqa: ASYNC110 (no event)
                await asyncio.sleep(0.001)
            if transport.is_closing():
                break
            transport.write(piece)
            await asyncio.sleep(pause)
        transport.close()
        return web.StreamResponse()  # which finds nobody

    return behave


# ---------------------------------------------------------------- from a body to a reply


def _literals(template: Path) -> list[str]:
    sections = re.split(r"(?m)^--- \w+\n", template.read_text("utf-8"))[1:]
    texts = [text for section in sections for text in re.split(r"\{\{\w+\}\}", section.strip("\n"))]
    return [text for text in texts if text.strip()]


def stage_by_templates(folder: Path = PROMPTS) -> Callable[[str], str]:
    """Tells a prompt's stage by the template whose literal text is in the prompt; failing that, by
    cue phrases.
    """
    known = [
        (path.name.partition(".")[0], _literals(path)) for path in sorted(folder.glob("*/*.txt"))
    ]
    known = [(stage, literals) for stage, literals in known if literals]
    known.sort(key=lambda template: -sum(map(len, template[1])))

    def stage_of(text: str) -> str:
        return next(
            (stage for stage, literals in known if all(part in text for part in literals)), None
        ) or stage_by_cues(text)

    return stage_of


def stage_by_cues(text: str) -> str:
    for stage, cue in (
        ("classify", r"classification task:\s*\Z|(?:fixed )?labels[?:]\s*\Z|is_classification"),
        ("propose", r"^\s*2\. |\b\d+ (?:more|new) (?:tasks|instructions)"),
        ("output_first", r"class label"),
        ("input_first", r"\boutput:"),
    ):
        if re.search(cue, text, re.IGNORECASE | re.MULTILINE):
            return stage
    return "propose"


_DECODING = ("temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty")
_KNOWN = {
    "model",
    "messages",
    "prompt",
    "stop",
    "seed",
    "response_format",
    "grammar",
    "max_completion_tokens",
    *_DECODING,
}


def _request(call: Call, stage_of: Callable[[str], str]) -> Request:
    body = call.body
    chat = call.path.endswith("/chat/completions")
    messages = (
        [Message(part["role"], part["content"]) for part in body["messages"]]
        if chat
        else [Message("prompt", body["prompt"])]
    )
    stop = body.get("stop") or ()
    decoding = {name: body.get(name) for name in _DECODING}
    decoding["max_tokens"] = body.get("max_completion_tokens", decoding["max_tokens"])
    return Request(
        stage=stage_of("\n\n".join(message.text for message in messages)),
        place="",
        model=body["model"],
        api="chat" if chat else "completions",
        messages=tuple(messages),
        decoding=Decoding(**decoding, stop=(stop,) if isinstance(stop, str) else tuple(stop)),
        seed=body.get("seed") or 0,
        response_format=(body.get("response_format") or {}).get("type", "text"),
        grammar=body.get("grammar"),
        extra=tuple(sorted((name, value) for name, value in body.items() if name not in _KNOWN)),
    )


# ---------------------------------------------------------------- the server


class LoopbackServer:
    """A context manager: serves on a free port of 127.0.0.1, in a thread with its own event loop.

    calls          every request to a completions endpoint, in the order of arrival
    received       how often each request (by its key) arrived
    completed      how often each request was answered with 200, and the answer sent in full
    in_flight_max  the most requests that were inside at once
    """

    def __init__(
        self,
        *behaviours: Behaviour,
        model: Callable[[Request], Completion] = reply,
        stage_of: Callable[[str], str] | None = None,
        models: tuple[str, ...] = ("scripted",),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.behaviours = behaviours
        self.model = model
        self.models = models
        self.tls = tls
        self.stage_of = stage_of or stage_by_templates()
        self.calls: list[Call] = []
        self.received: Counter[str] = Counter()
        self.completed: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.in_flight = self.in_flight_max = 0
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/v1"

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies, in the order of arrival."""
        return [call.body for call in self.calls]

    @property
    def bought_twice(self) -> dict[str, int]:
        """The requests that were answered in full more than once."""
        return {key: times for key, times in self.completed.items() if times > 1}

    def __enter__(self) -> Self:
        started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._run(started))
        finally:
            started.set()
            asyncio.set_event_loop(None)
            self._loop.close()

    async def _run(self, started: threading.Event) -> None:
        self._stop = asyncio.Event()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._completions)
        app.router.add_post("/v1/completions", self._completions)
        app.router.add_get("/v1/models", self._models)
        self._routes(app)
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096, ssl_context=self.tls)
        await site.start()
        self.port = runner.addresses[0][1]
        started.set()
        await self._stop.wait()
        await runner.cleanup()

    def _routes(self, app: web.Application) -> None:
        """Further addresses (tests/batches.py)."""

    async def _models(self, http: web.Request) -> web.Response:
        data = [
            {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "loopback"}
            for name in self.models
        ]
        return _ascii_json({"object": "list", "data": data})

    async def _completions(self, http: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await http.read())
        except ValueError:
            return error(
                400, "We could not parse the JSON body of your request.", "invalid_request_error"
            )
        call = self._call(
            http.path, {name.lower(): value for name, value in http.headers.items()}, body, http
        )
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        try:
            response = await self._answer(call)
        finally:
            self.in_flight -= 1
        return await self._sent(call, response) if isinstance(response, web.Response) else response

    def _call(
        self, path: str, headers: dict[str, str], body: dict[str, Any], http: web.Request
    ) -> Call:
        canonical = json.dumps([path, body], sort_keys=True, separators=(",", ":"))
        key = hashlib.sha256(canonical.encode("ascii")).hexdigest()
        self.received[key] += 1
        call = Call(path, headers, body, key, self.received[key], http)
        self.calls.append(call)
        return call

    async def _answer(self, call: Call) -> web.StreamResponse:
        answer: Answer = self._reply
        for behaviour in reversed(self.behaviours):
            answer = _around(behaviour, answer)
        return await answer(call)

    async def _sent(self, call: Call, response: web.Response) -> web.Response:
        # Counted before the last byte leaves, or a client that has the whole reply could look at
        # the counts too early; taken back if the client has gone. Sent here and not by the
        # framework, which would not tell.
        call.status = response.status
        self.statuses[response.status] += 1
        self.completed[call.key] += response.status == 200
        try:
            await response.prepare(call.http)
            await response.write_eof()
        except (ConnectionError, asyncio.CancelledError):
            call.status = None
            self.statuses[response.status] -= 1
            self.completed[call.key] -= response.status == 200
            raise
        return response

    async def _reply(self, call: Call) -> web.StreamResponse:
        wanted = "messages" if call.path.endswith("/chat/completions") else "prompt"
        if not call.body.get(wanted) or not call.body.get("model"):
            return error(
                400,
                f"Missing required parameter: '{wanted}'.",
                "invalid_request_error",
                "missing_required_parameter",
                wanted,
            )
        completion = self.model(_request(call, self.stage_of))
        used = completion.usage
        usage = {
            "prompt_tokens": used.prompt_tokens,
            "completion_tokens": used.completion_tokens,
            "total_tokens": used.prompt_tokens + used.completion_tokens,
        }
        return _ascii_json(completion_body(call, completion.text, completion.finish_reason, usage))


def _around(behaviour: Behaviour, inner: Answer) -> Answer:
    async def answer(call: Call) -> web.StreamResponse:
        return await behaviour(call, inner)

    return answer
