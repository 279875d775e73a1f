"""Refusals, which are replies that say no, and the errors that they mean. Pure functions.

A few examples:

    HTTP 401 (invalid key)                  ModelError
    HTTP 429 (slow down)                    Transient
    HTTP 400, 402, 403, 404, 422            AmbiguousFailure

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
    unexpected,
)
from selfinstruct.models.openai.fields import OPTIONAL
from selfinstruct.models.openai.waits import is_loading, wait_in

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
_MONEY = re.compile(
    r"insufficient.{0,20}(?:quota|balance|credit|fund)|exceeded.{0,30}quota|quota.{0,20}exceeded|"
    r"billing|credit.{0,20}balance|credits?\b.{0,30}(?:low|left|exhaust|deplet|run out|insufficient)|"
    r"(?:out of|no|more) credits?|payment|prepa(?:id|y)|arrear|overdue|top.?up|spend(?:ing)?.?limit|"
    r"guthaben|kontostand|crédits?|solde|saldo|fondos|баланс|средств|оплат|"
    r"余额|餘額|欠费|欠費|充值|额度|残高|잔액|크레딧",
    re.I,
)
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
_POLICY = re.compile(r"data.?policy|no (?:endpoints|allowed providers)|privacy", re.I)
_DEPLOYMENT = re.compile(r"deployment", re.I)
_WANTS_TLS = re.compile(
    r"plain HTTP request was sent to HTTPS|HTTP request to an HTTPS server|requires? TLS", re.I
)
_PASSING = (408, 409, 425, 429)
_NOTHING_BEGUN = (503, 529)  # the server had no capacity, so the call costs nothing
_UNREADY = (502, 503)  # of proxies, while the server behind starts
_NO_CREDIT = "the account has no credit left: top up the account, then go on"
_NO_KEY = (
    "the key is missing or wrong: set OPENAI_API_KEY, or name a file that holds it with --key-file"
)
_RARELY_OF_REQUEST = {401: _NO_KEY}  # a later try may be answered
_OF_RUN = {
    426: "write https:// instead of http://, or check --base-url",
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
    is_loading: bool = False  # the model

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
    if isinstance(record, list) and len(record) == 1:  # as Gemini sends it
        record = record[0]
    inner = record.get("error", record) if isinstance(record, dict) else record
    said = inner if isinstance(inner, dict) else {"message": inner}
    return Refusal(
        address,
        status,
        words(str(said.get("message", inner))),
        str(said.get("code") or ""),
        str(said.get("param") or ""),
        wait_in(record) if retry_after is None else retry_after,
        is_loading(str(record)),
    )


def status_within(record: Mapping[str, Any]) -> int | None:
    """The status of an error that comes with HTTP 200.

    Routers send such replies when a provider refuses after the router has begun to answer.
    """
    error = record.get("error") or record
    for name in ("code", "status", "status_code"):
        code = str(error.get(name)) if isinstance(error, dict) else ""
        if re.fullmatch(r"[45]\d\d", code):
            return int(code)
    return 402 if _MONEY.search(str(error)) else None


def error_of_refusal(refusal: Refusal, model: str) -> Exception:
    """The error that a refusal means where no other form of the request helps (discovery.py)."""
    status, words, said = refusal.status, refusal.words, refusal.said
    if status in _OF_RUN:
        return ModelError(f"{said}; {_OF_RUN[status]}")
    if status in _RARELY_OF_REQUEST:
        of_run = ModelError(f"{said}; {_RARELY_OF_REQUEST[status]}")
        passing = Transient(said, may_be_charged=False, of_run=of_run)
        return AmbiguousFailure(of_run, passing, is_likely_of_run=True)
    if status == 402 or (status in (400, 403, 429) and _MONEY.search(words + refusal.code)):
        return _without_money(refusal)
    if status == 403:
        of_run = ModelError(f"{said}; this key may not use the model {model!r}")
        return _ambiguous(refusal, of_run, is_likely_of_run=_FILTERED.search(words) is None)
    if status == 404:
        return _ambiguous(refusal, _not_found(refusal, model), is_likely_of_run=True)
    if status in (400, 413, 422) or (status == 429 and _TOO_LARGE.search(words)):
        return _error_of_body(refusal)
    if status in _PASSING or status >= 500:
        return _passing(refusal)
    if status < 400:
        words = words or "without a word"
        return unexpected(
            refusal.address, f"answers with HTTP {status}, which is no reply ({words})"
        )
    hint = "write https:// instead of http://" if status == 426 else "check --base-url"
    return _ambiguous(refusal, ModelError(f"{said}; {hint}"))


def _passing(refusal: Refusal) -> Transient:
    status = refusal.status
    return Transient(
        refusal.said,
        retry_after=refusal.retry_after,
        is_server_busy=status == 429,
        is_loading=refusal.is_loading and status in _NOTHING_BEGUN,
        is_unready=status in _UNREADY,
        may_be_charged=status >= 500 and status not in _NOTHING_BEGUN,
        of_run=ModelError(f"{refusal.said}; {ADDRESS_HINT}") if status == 501 else None,
    )


def _without_money(refusal: Refusal) -> Exception:
    """An account that is empty, or a limit of a minute or a day in the same words.

    A limit passes: a server that says when, or says 429, is waited for.
    """
    of_run = ModelError(f"{refusal.said}; {_NO_CREDIT}")
    if refusal.status != 429:
        return _ambiguous(refusal, of_run, is_likely_of_run=True)
    busy = _passing(refusal)
    busy.of_run = of_run
    is_likely = refusal.retry_after is None
    return AmbiguousFailure(of_run, busy, is_likely_of_run=is_likely)


def _ambiguous(
    refusal: Refusal, of_run: ModelError, *, is_likely_of_run: bool = False
) -> AmbiguousFailure:
    slug = "content_filter" if _FILTERED.search(refusal.words) else "bad_request"
    of_request = RequestFailed(slug, refusal.words)
    return AmbiguousFailure(
        *(of_run, of_request), is_likely_of_run=is_likely_of_run, retry_after=refusal.retry_after
    )


def _not_found(refusal: Refusal, model: str) -> ModelError:
    """The advice for HTTP 404, in the order of what the words are surest of."""
    words, said = refusal.words, refusal.said
    if _POLICY.search(words):
        return ModelError(
            f"{said}; the data policy or the providers that you allow at the router leave nobody "
            f"who serves {model!r}: change them there, or choose another --model"
        )
    if _DEPLOYMENT.search(f"{words} {refusal.code}"):
        return ModelError(
            f"{said}; no such deployment: on Azure --model is the name of the deployment, and a "
            "new one takes some minutes"
        )
    if refusal.code == "model_not_found" or _names(words, model) or _MODEL.search(words):
        return ModelError(f"{said}; no such model: check --model {model!r}")
    return ModelError(f"{said}; no such path: {ADDRESS_HINT}")


def _names(words: str, model: str) -> bool:
    return bool(model) and re.search(rf"(?<![\w/]){re.escape(model)}(?![\w/])", words) is not None


def _error_of_body(refusal: Refusal) -> Exception:
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
    refused = ModelError(f"{said}; the endpoint does not accept the requests of this run")
    if refusal.code == "content_filter":
        return AmbiguousFailure(refused, RequestFailed("content_filter", words))
    return _ambiguous(refusal, refused)


def rejected_field(refusal: Refusal, body: Mapping[str, Any]) -> str | None:
    """The optional part of a body that a refusal names outright, by its name in fields.INSTEAD."""
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
            and (named == field or (not named and re.search(rf"\b{field}\b", words)))
            and _UNSUPPORTED.search(words)
        ):
            return str(body[field]["type"]) if field == "response_format" else field
    return None
