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
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import openai

from selfinstruct.config import redacted
from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models import Completion, Request, Usage

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
_FILE_TIMEOUT = 900.0  # seconds, for some 200 MB up or down
_NO_KEY = "none"  # servers of one's own ask for none; the client wants a text
_SCHEMAS: dict[str, dict[str, Any]] = {
    "propose": {"instructions": {"type": "array", "items": {"type": "string"}}},
    "classify": {"is_classification": {"type": "boolean"}},
    "input_first": {"instances": {"type": "array", "items": {"$ref": "#/$defs/instance"}}},
    "output_first": {"instances": {"type": "array", "items": {"$ref": "#/$defs/instance"}}},
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
_THINKING = re.compile(r"\A\s*<think>.*?(?:</think>|\Z)\s*", re.S)


class OpenAI:
    """One endpoint. `api_key` None: it asks for none. `notice` is told, once each, what the server made us leave out."""

    def __init__(
        self, *, base_url: str | None, api_key: str | None, timeout: float, notice: Callable[[str], None] = lambda text: None
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
        self._notice = notice
        self._left_out: dict[str, str | None] = {}
        self._answered = False
        self._under_way = 0
        self._changed = asyncio.Event()  # either of the two has; a new one each time

    async def complete(self, request: Request) -> Completion:
        self._under_way += 1
        try:
            return await self._accepted(request)
        except _Doubtful as error:
            doubt = error
        finally:
            self._under_way -= 1
            self._changed.set()
            self._changed = asyncio.Event()
        while self._under_way and not self._answered:  # a refusal comes back before any reply does
            await self._changed.wait()
        raise (doubt.of_request if self._answered else doubt.of_run) from None

    async def _accepted(self, request: Request) -> Completion:
        for _ in range(len(_OPTIONAL) + 1):
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

    # ------------------------------------------------ the batch endpoint (models/batch.py); all raise Transient or ModelError

    def line(self, request: Request) -> tuple[str, dict[str, Any]]:
        """The address and the body of a request in a batch."""
        return ("/v1/chat/completions" if request.api == "chat" else "/v1/completions"), self._body(request)

    def reply(self, line: Mapping[str, Any], request: Request) -> Completion:
        """What a line of a batch's files says; its failures are those of a call. Raises RequestFailed as well."""
        response = line.get("response")
        status = response.get("status_code") if isinstance(response, dict) else None
        body = response.get("body") if isinstance(response, dict) else None
        try:
            if not isinstance(status, int):
                failure = line.get("error")
                raise Transient(self._words(str(failure.get("message") if isinstance(failure, dict) else "no reply")))
            if status != 200:
                inner = body.get("error", body) if isinstance(body, dict) else body
                said: Any = _BatchResponse(status, json.dumps(body))
                error = openai.APIStatusError(said.text, response=said, body=inner)
                raise self._fate(error, dict.fromkeys(_OPTIONAL), request.model)  # as sent: any of them may have been in it
            completion = _completion(body, request) if isinstance(body, dict) else None
            if completion is None:
                raise self._strange(f"answers without 'choices' ({self._words(json.dumps(body))})")
        except _Rejects as rejection:
            self._leave_out(rejection.field)
            raise Transient(f"does not take '{rejection.field}'") from None
        except _Doubtful as doubt:
            raise (doubt.of_request if self._answered else doubt.of_run) from None
        self._answered = True
        return completion

    async def upload(self, lines: bytes) -> str:
        """Hand in a batch's requests as a file; its id."""
        files = self._client.files.with_raw_response
        record = await self._record(files.create(file=("batch.jsonl", lines), purpose="batch", timeout=_FILE_TIMEOUT))
        return self._text_of(record, "id")

    async def create_batch(self, file_id: str, url: str, token: str) -> str:
        """Have a file's requests answered; the batch's id. `token` is kept with it (find_batch)."""
        endpoint: Any = url
        batches, metadata = self._client.batches.with_raw_response, {"selfinstruct": token}
        record = await self._record(
            batches.create(input_file_id=file_id, endpoint=endpoint, completion_window="24h", metadata=metadata)
        )
        return self._text_of(record, "id")

    async def find_batch(self, token: str) -> str | None:
        """The id of the batch with this token, if there is one."""
        after: dict[str, Any] = {}
        while True:
            page = await self._record(self._client.batches.with_raw_response.list(limit=100, **after))
            found = [one for one in page.get("data") or () if isinstance(one, dict)]
            for one in found:
                metadata = one.get("metadata")
                if isinstance(metadata, dict) and metadata.get("selfinstruct") == token:
                    return self._text_of(one, "id")
            if not page.get("has_more") or not found:
                return None
            after = {"after": self._text_of(found[-1], "id")}

    async def batch(self, batch_id: str) -> dict[str, Any]:
        """How a batch stands, as the endpoint says it; `status` is a text."""
        record = await self._record(self._client.batches.with_raw_response.retrieve(batch_id))
        self._text_of(record, "status")
        return record

    def refusal(self, batch: Mapping[str, Any]) -> tuple[str, str]:
        """Why a batch failed as a whole: a code, and the first of the endpoint's words."""
        errors = batch.get("errors")
        data = errors.get("data") if isinstance(errors, dict) else None
        first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
        line = f"line {first['line']}: " if first.get("line") else ""
        return str(first.get("code")), self._words(f"{line}{first.get('message') or 'no reason given'}")

    async def cancel(self, batch_id: str) -> None:
        await self._record(self._client.batches.with_raw_response.cancel(batch_id))

    async def content(self, file_id: str) -> bytes:
        """A file's bytes."""
        raw = await self._batched(self._client.files.with_raw_response.content(file_id, timeout=_FILE_TIMEOUT))
        found: bytes = raw.content
        return found

    async def _record(self, call: Awaitable[Any]) -> dict[str, Any]:
        raw = await self._batched(call)
        try:
            return self._json(raw.text)
        except _Doubtful as doubt:
            raise doubt.of_run from None

    async def _batched(self, call: Awaitable[Any]) -> Any:
        try:
            return await call
        except (openai.OpenAIError, aiohttp.ClientError) as error:
            if isinstance(error, openai.NotFoundError):
                words = self._words(_message(error))
                raise ModelError(
                    f"{self.address}: HTTP 404 ({words}); it has no batch endpoint (leave out --batch), or another key's batches"
                ) from None
            fate = self._fate(error, {}, "")
            fate = fate.of_run if isinstance(fate, _Doubtful) else fate
            raise fate if isinstance(fate, (ModelError, Transient)) else ModelError(f"{self.address}: {fate}") from None

    def _text_of(self, record: Mapping[str, Any], name: str) -> str:
        if not isinstance(record.get(name), str):
            raise ModelError(f"{self.address}: speaks of a batch without {name!r}; is this an OpenAI-compatible batch endpoint?")
        return str(record[name])

    async def _once(self, request: Request) -> Completion:
        body = self._body(request)
        create: Any = self._client.chat.completions if request.api == "chat" else self._client.completions
        wanted: dict[str, Any] = {"model": request.model, **({"messages": []} if request.api == "chat" else {"prompt": ""})}
        try:
            # All as extra_body: through its own arguments the client walks with their types, for three fifths of a call's time.
            raw = await create.with_raw_response.create(**wanted, extra_body=body)
        except (openai.OpenAIError, aiohttp.ClientError) as error:
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
            "response_format": _response_format(request),
        }
        body: dict[str, Any] = {"model": request.model}
        if request.api == "chat":
            roles = [("user" if one.role == "prompt" else one.role, one.text) for one in request.messages]
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

    def _leave_out(self, field: str) -> None:
        if field in self._left_out:
            return  # another request under way found it out at the same time
        self._left_out[field] = _OPTIONAL[field]
        instead = f"; sends '{_OPTIONAL[field]}' instead" if _OPTIONAL[field] else ""
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
            return Transient(f"{self.address}: {self._words(what)}", is_server_gone=True)
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
            return Transient(said, retry_after=_retry_after(error.response.headers), is_server_busy=status == 429)
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
        for field in _OPTIONAL:
            if field in body and (named == field or (not named and field in words)) and _UNSUPPORTED.search(words):
                return _Rejects(field)
        refused = f"{said}; the endpoint does not accept the requests of this run"
        return _Doubtful(ModelError(refused), RequestFailed("bad_request", words))


@dataclass(frozen=True, slots=True)
class _BatchResponse:
    """What a line of a batch's files has of an HTTP response."""

    status_code: int
    text: str
    request: None = None

    @property
    def headers(self) -> dict[str, str]:
        return {}


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


def _http_client(timeout: float) -> Any:
    """aiohttp's pool where it is installed: it stays fast with hundreds of requests under way."""
    try:
        return openai.DefaultAioHttpClient(timeout=timeout)
    except (RuntimeError, ImportError):
        return None


def _completion(record: Mapping[str, Any], request: Request) -> Completion | None:
    choices = record.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    choice = choices[0]
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else choice.get("text")
    text = _THINKING.sub("", text) if isinstance(text, str) else ""
    reason = choice.get("finish_reason")
    error = "content_filter" if reason == "content_filter" and not text.strip() else None
    return Completion(text, reason if isinstance(reason, str) else "stop", _usage(record.get("usage"), request, text), error)


def _usage(said: Any, request: Request, text: str) -> Usage:
    """The server's count, or, where it gives none, four characters a token."""
    if isinstance(said, dict):
        prompt, completion = said.get("prompt_tokens"), said.get("completion_tokens") or 0
        if isinstance(prompt, int) and isinstance(completion, int):
            return Usage(prompt, completion)
    return Usage(len(request.text) // 4 + 1, len(text) // 4 + 1)


def _response_format(request: Request) -> dict[str, Any] | None:
    if request.response_format == "text":
        return None
    if request.response_format == "json_object":
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
