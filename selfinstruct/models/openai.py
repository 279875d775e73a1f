"""Any OpenAI-compatible endpoint, through the openai client. The only module that imports it.

Every way in which a call can fail ends as one of three: Transient (make it again), RequestFailed (this request never works),
ModelError (no request of this run will). What a server does not understand of the optional fields is left out from then on.
"""

from __future__ import annotations

import asyncio
import base64
import email.utils
import json
import math
import os
import re
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import openai

from selfinstruct.config import redacted
from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models import Allowance, Completion, Request, Usage
from selfinstruct.models.headers import allowance

# Optional fields of a body, and what takes the place of one that a server rejects (None: nothing).
_OPTIONAL: dict[str, str | None] = {
    "max_tokens": "max_completion_tokens",
    "temperature": None,
    "top_p": None,
    "presence_penalty": None,
    "frequency_penalty": None,
    "stop": None,
    "seed": None,
    "response_format": None,
}
_WEAKER: dict[str, str | None] = {"json_schema": "json_object", "json_object": None}  # of response_format, step by step
_NO_SYSTEM = re.compile(
    r"system.{0,40}not.{0,10}support|not support.{0,30}system|conversation roles must alternate|"
    r"(?:invalid|unknown).{0,20}role.{0,20}system",
    re.I,
)
_MOST_TOKENS = 10**8  # of one call; a server that counts more of them miscounts
_NO_KEY = "none"  # servers of one's own ask for none; the client wants a text
_SCHEMAS: dict[str, dict[str, Any]] = {
    "propose": {"instructions": {"type": "array", "items": {"type": "string"}}},
    "classify": {"is_classification": {"type": "boolean"}},
    "input_first": {"instances": {"type": "array", "items": {"$ref": "#/$defs/instance"}}},
    "output_first": {"instances": {"type": "array", "items": {"$ref": "#/$defs/instance"}}},
    "judge": {
        "reason": {"type": "string"},
        "is_valid": {"type": "boolean"},
        "input_fits": {"type": "boolean"},
        "output_right": {"type": "boolean"},
        "score": {"type": "integer", "enum": [1, 2, 3, 4, 5]},
    },
}
_INSTANCE = {
    "type": "object",
    "properties": {"input": {"type": "string"}, "output": {"type": "string"}},
    "required": ["input", "output"],
    "additionalProperties": False,
}
_OVERFLOW = re.compile(
    r"context.{0,20}(?:length|size|window|limit)|maximum context|exceed.{0,30}context|too many tokens|prompt is too long", re.I
)
_TOO_LARGE = re.compile(r"request too large", re.I)  # for the tokens of a minute: it never fits
_FILTERED = re.compile(r"content.?filter|content management policy|content_policy|safety|moderation|flagged", re.I)
_QUOTA = re.compile(r"insufficient_quota|exceeded your current quota|billing|credit balance", re.I)
_UNSUPPORTED = re.compile(
    r"unsupported|not support|unrecognized|unknown|unexpected|not permitted|extra (?:inputs|fields)|invalid|does not", re.I
)


class OpenAI:
    """One endpoint. `api_key` None: it asks for none. `notice` is told, once each, what the server made us leave out; `told`
    hears, in the task of the call, what the headers say of the server's limits.
    """

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str | None,
        timeout: float,
        notice: Callable[[str], None] = lambda text: None,
        told: Callable[[Allowance], None] = lambda allowance: None,
    ) -> None:
        login = urlsplit(base_url or "")
        self._client = openai.AsyncOpenAI(
            base_url=redacted(base_url) if base_url else None,
            api_key=api_key or _NO_KEY,
            timeout=timeout,
            max_retries=0,
            default_headers=_basic(login.username, login.password or "") if login.username is not None else None,
            http_client=_http_client(timeout),
        )
        self.address = redacted(str(self._client.base_url).rstrip("/"))
        self._secrets = [part for part in (api_key, login.password) if part]
        self._notice, self._told = notice, told
        self._left_out: dict[str, str | None] = {}
        self._answered = False
        self._overflowed: set[str] = set()  # places in the run, while nobody was answered
        self._under_way = 0
        self._changed = asyncio.Event()  # either of the two has; a new one each time

    async def complete(self, request: Request) -> Completion:
        self._under_way += 1
        try:
            return await self._accepted(request)
        except _Doubtful as error:
            doubt = error
            if self._will_be_shorter(request, doubt.of_request):
                raise doubt.of_request from None
        finally:
            self._under_way -= 1
            self._changed.set()
            self._changed = asyncio.Event()
        while self._under_way and not self._answered:  # a refusal comes back before any reply does
            await self._changed.wait()
        raise (doubt.of_request if self._answered else doubt.of_run) from None

    def _will_be_shorter(self, request: Request, failure: Exception) -> bool:
        """Whether a prompt that does not fit is a turn's first: the turn shows less then, and asks once more."""
        is_overflow = isinstance(failure, RequestFailed) and failure.reason == "context_overflow" and request.stage == "propose"
        if self._answered or not is_overflow or request.place in self._overflowed:
            return False
        self._overflowed.add(request.place)
        return True

    async def _accepted(self, request: Request) -> Completion:
        for _ in range(len(_OPTIONAL) + len(_WEAKER) + 1):
            try:
                return await self._once(request)
            except _Rejects as rejection:
                self._leave_out(rejection.field)
        raise ModelError(f"{self.address}: rejects one field after another; is this an OpenAI-compatible endpoint?")

    async def models(self) -> list[str]:
        """The names that the endpoint serves."""
        try:
            raw = await self._client.models.with_raw_response.list()
            record = self._json(raw.text)
        except (openai.OpenAIError, aiohttp.ClientError, _Doubtful) as error:
            fate = error if isinstance(error, _Doubtful) else self._fate(error, {}, "")
            fate = fate.of_run if isinstance(fate, _Doubtful) else fate
            raise fate if isinstance(fate, ModelError) else ModelError(f"{fate}; is it running?") from None
        listed = record.get("data")
        return [str(one["id"]) for one in listed if isinstance(one, dict) and "id" in one] if isinstance(listed, list) else []

    async def close(self) -> None:
        await self._client.close()

    async def _once(self, request: Request) -> Completion:
        body = self._body(request)
        create: Any = self._client.chat.completions if request.api == "chat" else self._client.completions
        wanted: dict[str, Any] = {"model": request.model, **({"messages": []} if request.api == "chat" else {"prompt": ""})}
        try:
            # All as extra_body: through its own arguments the client walks with their types, for three fifths of a call's time.
            raw = await create.with_raw_response.create(**wanted, extra_body=body)
            self._hear(raw.headers)
        except (openai.OpenAIError, aiohttp.ClientError) as error:
            if isinstance(error, openai.APIStatusError):
                self._hear(error.response.headers)
            raise self._fate(error, body, request.model) from None
        completion = _completion(self._json(raw.text), request)
        if completion is None:
            raise self._strange(f"answers without 'choices' ({self._words(raw.text)})")
        self._answered = True
        return completion

    def _body(self, request: Request) -> dict[str, Any]:
        decoding = request.decoding
        fields: dict[str, Any] = {
            "max_tokens": decoding.max_tokens,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "presence_penalty": decoding.presence_penalty,
            "frequency_penalty": decoding.frequency_penalty,
            "stop": list(decoding.stop) or None,
            "seed": request.seed,
            "response_format": _response_format(request, self._left_out),
        }
        body: dict[str, Any] = {"model": request.model}
        if request.api == "chat":
            roles = [("user" if one.role == "prompt" else one.role, one.text) for one in request.messages]
            roles = _without_system(roles) if "system" in self._left_out else roles
            body["messages"] = [{"role": role, "content": text} for role, text in roles]
        else:
            body["prompt"] = request.text
        for name, value in fields.items():
            if value is None:
                continue
            name = self._left_out.get(name, name) or ""
            if name == "max_completion_tokens" and request.api == "completions":
                name = ""
            if name:
                body[name] = value
        if request.grammar is not None:
            body["grammar"] = request.grammar
        return {**body, **dict(request.extra)}

    def _hear(self, headers: Mapping[str, str]) -> None:
        said = allowance(headers, time.time())
        if said is not None:
            self._told(said)

    def _leave_out(self, field: str) -> None:
        if field in self._left_out:
            return  # another request under way found it out at the same time
        other = "user" if field == "system" else {**_OPTIONAL, **_WEAKER}[field]
        self._left_out[field] = other
        instead = f"; sends '{other}' instead" if other else ""
        self._notice(f"{self.address} does not take '{field}': left out from here on{instead}")

    def _json(self, text: str) -> dict[str, Any]:
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            raise self._strange(f"answers something that is no JSON object ({self._words(text)})")
        return record

    def _strange(self, what: str) -> Exception:
        """A server that has never answered properly is a wrong address; one that has, stumbles (a proxy's error page)."""
        what = f"{self.address}: {what}"
        return _Doubtful(ModelError(f"{what}; check --base-url, which usually ends in /v1"), Transient(what))

    def _words(self, text: str) -> str:
        """A foreign text on one line, shortened, without the secrets that it may repeat."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = " ".join(text.split())
        return text if len(text) <= 200 else text[:200] + "..."

    def _fate(self, error: openai.OpenAIError | aiohttp.ClientError, body: Mapping[str, Any], model: str) -> Exception:
        """What a failed call means for the request and for the run; never holds a secret."""
        if isinstance(error, (openai.APIConnectionError, aiohttp.ClientError)):  # timeouts are of this kind too
            refused = _os_error(error)  # aiohttp's cannot-connect is called a timeout
            if refused is None and isinstance(error, openai.APITimeoutError):
                return Transient(f"{self.address}: no reply in time")
            what = (
                f"cannot connect ({refused})"
                if refused
                else f"the connection broke ({str(error.__cause__ or error).partition(':')[0]})"
            )
            return Transient(f"{self.address}: {self._words(what)}", is_server_gone=True, may_be_charged=not _never_arrived(error))
        if isinstance(error, openai.APIStatusError):
            return self._fate_of_status(error, body, model)
        if isinstance(error, openai.APIResponseValidationError):
            return self._strange("answers in an unexpected form")
        return ModelError(f"{self.address}: {self._words(str(error))}")

    def _fate_of_status(self, error: openai.APIStatusError, body: Mapping[str, Any], model: str) -> Exception:
        status, words = error.status_code, self._words(_message(error))
        said = f"{self.address}: HTTP {status} ({words})"
        if status == 401:
            return ModelError(f"{said}; the key is missing or wrong: set OPENAI_API_KEY")
        if status == 403 and _FILTERED.search(words):
            return RequestFailed("content_filter", words)
        if status == 403:
            return ModelError(f"{said}; this key may not use the model {model!r}")
        if status == 404:
            return ModelError(f"{said}; check --model {model!r} and --base-url, which usually ends in /v1")
        if status == 402 or (status == 429 and _QUOTA.search(words + str(error.code or ""))):
            return ModelError(f"{said}; the account has no credit left")
        if status == 429 and _TOO_LARGE.search(words):
            return self._fate_of_refusal(error, body, words, said)
        if status in (408, 409, 429) or status >= 500:
            after = _retry_after(error.response.headers)
            may_be_charged = status >= 500 and status not in (503, 529)  # these two say that nothing was begun
            return Transient(said, retry_after=after, is_server_busy=status == 429, may_be_charged=may_be_charged)
        if status in (400, 413, 422):
            return self._fate_of_refusal(error, body, words, said)
        return ModelError(f"{said}; check --base-url")

    def _fate_of_refusal(self, error: openai.APIStatusError, body: Mapping[str, Any], words: str, said: str) -> Exception:
        if error.status_code in (413, 429) or error.code == "context_length_exceeded" or _OVERFLOW.search(words):
            unfit = f"{said}; the prompt does not fit: show less (--demos), ask for less (--max-tokens), or serve more context"
            return _Doubtful(ModelError(unfit), RequestFailed("context_overflow", words))
        if error.code == "content_filter" or _FILTERED.search(words):
            return RequestFailed("content_filter", words)
        named = str(error.param or "")
        if _NO_SYSTEM.search(words) and any(one["role"] == "system" for one in body.get("messages", ())):
            return _Rejects("system")
        for field in _OPTIONAL:
            if field == "max_tokens" and "prompt" in body:
                continue  # there it has no other name, and what a run may spend rests on it
            if field in body and (named == field or (not named and field in words)) and _UNSUPPORTED.search(words):
                return _Rejects(body[field]["type"] if field == "response_format" else field)
        refused = f"{said}; the endpoint does not accept the requests of this run"
        return _Doubtful(ModelError(refused), RequestFailed("bad_request", words))


class _Rejects(Exception):
    """The server does not know an optional field."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class _Doubtful(Exception):
    """A failure that is the run's if the endpoint answers nobody, and only this request's if it does."""

    def __init__(self, of_run: ModelError, of_request: Exception) -> None:
        super().__init__(str(of_run))
        self.of_run, self.of_request = of_run, of_request


def _basic(user: str, password: str) -> dict[str, str]:
    """The header for an address with a user and a password in it; it takes the place of the key."""
    return {"Authorization": "Basic " + base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()}


def _os_error(error: BaseException) -> str | None:
    """The operating system's words at the root of a chain of errors: "Connection refused"."""
    found, one = None, error.__cause__
    while one is not None:
        if isinstance(one, OSError) and not isinstance(one, TimeoutError):
            found = os.strerror(one.errno) if one.errno and one.errno > 0 else one.strerror or str(one)
        one = one.__cause__ or one.__context__
    return found


def _never_arrived(error: BaseException) -> bool:
    """No connection was made, so nothing was sent."""
    one: BaseException | None = error
    while one is not None:
        if isinstance(one, (aiohttp.ClientConnectorError, ConnectionRefusedError, socket.gaierror)):
            return True
        one = one.__cause__ or one.__context__
    return False


def _http_client(timeout: float) -> Any:
    """aiohttp's pool where it is installed: it stays fast with hundreds of requests under way."""
    try:
        return openai.DefaultAioHttpClient(timeout=timeout)
    except (RuntimeError, ImportError):
        return None


def _reasoning(message: Mapping[str, Any]) -> str:
    for name in ("reasoning_content", "reasoning"):
        if isinstance(message.get(name), str) and message[name]:
            return str(message[name])
    return _text(message.get("content"), "thinking") if isinstance(message.get("content"), list) else ""


def _completion(record: Mapping[str, Any], request: Request) -> Completion | None:
    choices = record.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    choice = choices[0]
    message = choice.get("message")
    text = _text(message.get("content") if isinstance(message, dict) else choice.get("text"), "text")
    reasoning = _reasoning(message) if isinstance(message, dict) else ""
    reason = choice.get("finish_reason")
    error = "content_filter" if reason == "content_filter" and not text.strip() else None
    usage = _usage(record.get("usage"), request, text + reasoning)
    return Completion(text, reason if isinstance(reason, str) else "stop", usage, error, reasoning)


def _text(content: Any, part: str) -> str:
    """A content that is a text, or the texts among a list of parts of one kind; nothing else is any."""
    if isinstance(content, list):
        parts = [one.get(part) for one in content if isinstance(one, dict) and one.get("type", part) == part]
        return "".join(_text(one, "text") for one in parts)
    return content if isinstance(content, str) else ""


def _usage(said: Any, request: Request, text: str) -> Usage:
    """The server's count, or, where it gives none that makes sense, four characters a token."""
    said = said if isinstance(said, dict) else {}
    prompt, completion = _count(said, "prompt_tokens"), _count({"completion_tokens": 0, **_not_null(said)}, "completion_tokens")
    if prompt is None or completion is None:
        return Usage(len(request.text) // 4 + 1, len(text) // 4 + 1)
    cached = _count(said.get("prompt_tokens_details"), "cached_tokens") or 0
    reasoning = _count(said.get("completion_tokens_details"), "reasoning_tokens") or 0
    if reasoning and _count(said, "total_tokens") == prompt + completion + reasoning:
        completion += reasoning  # some servers count them apart
    return Usage(prompt, completion, min(cached, prompt), min(reasoning, completion))


def _count(said: Any, name: str) -> int | None:
    """A number of tokens, if it can be one."""
    count = said.get(name) if isinstance(said, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _MOST_TOKENS else None


def _not_null(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


def _without_system(roles: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Messages in which the first user message says what the system message said."""
    system = [text for role, text in roles if role == "system"]
    others = [(role, text) for role, text in roles if role != "system"]
    if not others or others[0][0] != "user":
        return [("user", "\n\n".join(system)), *others]
    return [("user", "\n\n".join([*system, others[0][1]])), *others[1:]]


def _response_format(request: Request, left_out: Mapping[str, str | None]) -> dict[str, Any] | None:
    kind: str | None = request.response_format
    while kind is not None and kind in left_out:
        kind = left_out[kind]
    if kind is None or kind == "text":
        return None
    if kind == "json_object":
        return {"type": "json_object"}
    properties = _SCHEMAS[request.stage]
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        "$defs": {"instance": _INSTANCE},
    }
    return {"type": "json_schema", "json_schema": {"name": request.stage, "strict": True, "schema": schema}}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from `retry-after-ms`, or from `retry-after` as seconds or as a date; None for none that makes sense."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        return max(0.0, email.utils.parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _message(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        return str(inner.get("message", inner) if isinstance(inner, dict) else inner)
    return error.response.text
