"""What a failed call means, decided from its status, code and words: one of three, or what settles which. Pure.

Transient       make it again
RequestFailed   this request never works
ModelError      no request of this run will
Rejects         leave that field out, and make it again
Doubtful        the run's, or this request's alone: it depends on whether the endpoint answers anybody

What is passed in holds no secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models.bodies import OPTIONAL

_NO_SYSTEM = re.compile(
    r"system.{0,40}not.{0,10}support|not support.{0,30}system|conversation roles must alternate|"
    r"(?:invalid|unknown).{0,20}role.{0,20}system",
    re.I,
)
_OVERFLOW = re.compile(
    r"context.{0,20}(?:length|size|window|limit)|maximum context|exceed.{0,30}context|too many tokens|prompt is too long", re.I
)
_TOO_LARGE = re.compile(r"request too large", re.I)  # for the tokens of a minute: it never fits
_FILTERED = re.compile(r"content.?filter|content management policy|content_policy|safety|moderation|flagged", re.I)
_QUOTA = re.compile(r"insufficient_quota|exceeded your current quota|billing|credit balance", re.I)
_UNSUPPORTED = re.compile(
    r"unsupported|not support|unrecognized|unknown|unexpected|not permitted|extra (?:inputs|fields)|invalid|does not", re.I
)


class Rejects(Exception):
    """The server does not know an optional field."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class Doubtful(Exception):
    """A failure that is the run's if the endpoint answers nobody, and only this request's if it does."""

    def __init__(self, of_run: ModelError, of_request: Exception) -> None:
        super().__init__(str(of_run))
        self.of_run, self.of_request = of_run, of_request


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reply that says no."""

    address: str
    status: int
    words: str  # on one line
    code: str = ""
    param: str = ""  # the field that it is about
    retry_after: float | None = None  # seconds

    @property
    def said(self) -> str:
        return f"{self.address}: HTTP {self.status} ({self.words})"


def fate_of(refusal: Refusal, body: Mapping[str, Any], model: str) -> Exception:
    """What a refusal of `body` means."""
    status, words, said = refusal.status, refusal.words, refusal.said
    if status == 401:
        return ModelError(f"{said}; the key is missing or wrong: set OPENAI_API_KEY")
    if status == 403 and _FILTERED.search(words):
        return RequestFailed("content_filter", words)
    if status == 403:
        return ModelError(f"{said}; this key may not use the model {model!r}")
    if status == 404:
        return ModelError(f"{said}; check --model {model!r} and --base-url, which usually ends in /v1")
    if status == 402 or (status == 429 and _QUOTA.search(words + refusal.code)):
        return ModelError(f"{said}; the account has no credit left")
    if status == 429 and _TOO_LARGE.search(words):
        return _of_body(refusal, body)
    if status in (408, 409, 429) or status >= 500:
        may_be_charged = status >= 500 and status not in (503, 529)  # these two say that nothing was begun
        return Transient(said, retry_after=refusal.retry_after, is_server_busy=status == 429, may_be_charged=may_be_charged)
    if status in (400, 413, 422):
        return _of_body(refusal, body)
    return ModelError(f"{said}; check --base-url")


def _of_body(refusal: Refusal, body: Mapping[str, Any]) -> Exception:
    words, said = refusal.words, refusal.said
    if refusal.status in (413, 429) or refusal.code == "context_length_exceeded" or _OVERFLOW.search(words):
        unfit = f"{said}; the prompt does not fit: show less (--demos), ask for less (--max-tokens), or serve more context"
        return Doubtful(ModelError(unfit), RequestFailed("context_overflow", words))
    if refusal.code == "content_filter" or _FILTERED.search(words):
        return RequestFailed("content_filter", words)
    field = _rejected(refusal, body)
    if field is not None:
        return Rejects(field)
    refused = f"{said}; the endpoint does not accept the requests of this run"
    return Doubtful(ModelError(refused), RequestFailed("bad_request", words))


def _rejected(refusal: Refusal, body: Mapping[str, Any]) -> str | None:
    """The optional part of a body that a refusal is about."""
    words, named = refusal.words, refusal.param
    if _NO_SYSTEM.search(words) and any(one["role"] == "system" for one in body.get("messages", ())):
        return "system"
    for field in OPTIONAL:
        if field == "max_tokens" and "prompt" in body:
            continue  # there it has no other name, and what a run may spend rests on it
        if field in body and (named == field or (not named and field in words)) and _UNSUPPORTED.search(words):
            return str(body[field]["type"]) if field == "response_format" else field
    return None


def strange(address: str, what: str) -> Doubtful:
    """A server that has never answered properly is a wrong address; one that has, stumbles (a proxy's error page)."""
    what = f"{address}: {what}"
    return Doubtful(ModelError(f"{what}; check --base-url, which usually ends in /v1"), Transient(what))
