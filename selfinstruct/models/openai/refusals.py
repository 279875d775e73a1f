"""Refusals, which are replies that say no, and the errors that they mean. Pure functions.

A few examples:

    HTTP 401 (invalid key)                  ModelError
    HTTP 429 (slow down)                    Transient
    HTTP 400 (unsupported field 'seed')     FieldRejected
    HTTP 400 (blocked by a content filter)  RequestFailed
    HTTP 400 (anything else)                AmbiguousFailure

The texts that come in here hold no secrets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models.openai.errors import (
    ADDRESS_HINT,
    AmbiguousFailure,
    FieldRejected,
    unexpected,
)
from selfinstruct.models.openai.fields import OPTIONAL

_NO_SYSTEM = re.compile(
    r"system.{0,40}not.{0,10}support|not support.{0,30}system|conversation roles must alternate|"
    r"(?:invalid|unknown).{0,20}role.{0,20}system",
    re.I,
)
_OVERFLOW = re.compile(
    r"context.{0,20}(?:length|size|window|limit)|maximum context|exceed.{0,30}context|"
    r"too many tokens|prompt is too long",
    re.I,
)
_TOO_LARGE = re.compile(r"request too large", re.I)  # for the tokens of a minute: it never fits
_FILTERED = re.compile(
    r"content.?filter|content management policy|content_policy|safety|moderation|flagged", re.I
)
_QUOTA = re.compile(r"insufficient_quota|exceeded your current quota|billing|credit balance", re.I)
_UNSUPPORTED = re.compile(
    r"unsupported|not support|unrecognized|unknown|unexpected|not permitted|"
    r"extra (?:inputs|fields)|invalid|does not",
    re.I,
)
_MODEL = re.compile(
    r"\bmodel\b.{0,80}\b"
    r"(?:not found|does not exist|not exist|unknown|not loaded|not available|is not)\b",
    re.I,
)
_WANTS_TLS = re.compile(
    r"plain HTTP request was sent to HTTPS|HTTP request to an HTTPS server|requires? TLS", re.I
)
_PASSING = (408, 409, 425, 429)
_NOTHING_BEGUN = (503, 529)  # the server had no capacity, so the call costs nothing
_NO_CREDIT = "the account has no credit left"
_OF_RUN = {
    401: "the key is missing or wrong: set OPENAI_API_KEY, "
    "or name a file that holds it with --key-file",
    402: _NO_CREDIT,
    407: "the proxy wants a password: check HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
    511: "a login page stands between: log in to this network first",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reply that says no."""

    address: str
    status: int
    words: str  # on one line
    code: str = ""
    param: str = ""  # name of the field that is refused
    retry_after: float | None = None  # seconds

    @property
    def said(self) -> str:
        return f"{self.address}: HTTP {self.status} ({self.words})"


def read_refusal(
    record: Any,
    address: str,
    status: int,
    words: Callable[[str], str],
    retry_after: float | None = None,
) -> Refusal:
    """record: the body, parsed if that was possible. words: takes the secrets out of a text."""
    inner = record.get("error", record) if isinstance(record, dict) else record
    said = inner if isinstance(inner, dict) else {"message": inner}
    return Refusal(
        address,
        status,
        words(str(said.get("message", inner))),
        str(said.get("code") or ""),
        str(said.get("param") or ""),
        retry_after,
    )


def status_within(record: Mapping[str, Any]) -> int | None:
    """The status of an error that comes with HTTP 200.

    Routers send such replies when a provider refuses after the router has begun to answer.
    """
    error = record.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code <= 599 else None


def error_of_refusal(refusal: Refusal, body: Mapping[str, Any], model: str) -> Exception:
    """The error that a refusal of `body` means."""
    status, words, said = refusal.status, refusal.words, refusal.said
    if status in _OF_RUN:
        return ModelError(f"{said}; {_OF_RUN[status]}")
    if status == 403 and _FILTERED.search(words):
        return RequestFailed("content_filter", words)
    if status == 403:
        return ModelError(f"{said}; this key may not use the model {model!r}")
    if status == 404:
        return _not_found(refusal, model)
    if status == 429 and _QUOTA.search(words + refusal.code):
        return ModelError(f"{said}; {_NO_CREDIT}")
    if status in (400, 413, 422) or (status == 429 and _TOO_LARGE.search(words)):
        return _error_of_body(refusal, body)
    if status in _PASSING or status >= 500:
        return Transient(
            said,
            retry_after=refusal.retry_after,
            is_server_busy=status == 429,
            may_be_charged=status >= 500 and status not in _NOTHING_BEGUN,
        )
    if status < 400:
        words = words or "without a word"
        return unexpected(
            refusal.address, f"answers with HTTP {status}, which is no reply ({words})"
        )
    of_run = ModelError(f"{said}; check --base-url")
    return AmbiguousFailure(of_run, RequestFailed("bad_request", words))


def _not_found(refusal: Refusal, model: str) -> ModelError:
    words = refusal.words
    if refusal.code == "model_not_found" or _names(words, model) or _MODEL.search(words):
        return ModelError(f"{refusal.said}; no such model: check --model {model!r}")
    return ModelError(f"{refusal.said}; no such path: {ADDRESS_HINT}")


def _names(words: str, model: str) -> bool:
    return bool(model) and re.search(rf"(?<![\w/]){re.escape(model)}(?![\w/])", words) is not None


def _error_of_body(refusal: Refusal, body: Mapping[str, Any]) -> Exception:
    """The error of a refusal that is about the body and not about the address or the key."""
    words, said = refusal.words, refusal.said
    if _WANTS_TLS.search(words):
        return ModelError(f"{said}; write https:// instead of http://")
    if (
        refusal.status in (413, 429)
        or refusal.code == "context_length_exceeded"
        or _OVERFLOW.search(words)
    ):
        unfit = ModelError(
            f"{said}; the prompt does not fit: show less (--demos), "
            "ask for less (--max-tokens), or serve more context"
        )
        return AmbiguousFailure(unfit, RequestFailed("context_overflow", words))
    if refusal.code == "content_filter" or _FILTERED.search(words):
        return RequestFailed("content_filter", words)
    field = _rejected_field(refusal, body)
    if field is not None:
        return FieldRejected(field)
    refused = ModelError(f"{said}; the endpoint does not accept the requests of this run")
    return AmbiguousFailure(refused, RequestFailed("bad_request", words))


def _rejected_field(refusal: Refusal, body: Mapping[str, Any]) -> str | None:
    """The optional part of a body that a refusal is about, by the name in fields.INSTEAD."""
    words, named = refusal.words, refusal.param
    if _NO_SYSTEM.search(words) and any(
        message["role"] == "system" for message in body.get("messages", ())
    ):
        return "system"
    for field in OPTIONAL:
        if field == "max_tokens" and "prompt" in body:
            continue  # has no other name there, and the caps on spending rest on this field
        if (
            field in body
            and (named == field or (not named and field in words))
            and _UNSUPPORTED.search(words)
        ):
            return str(body[field]["type"]) if field == "response_format" else field
    return None
