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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models.openai.bodies import OPTIONAL

_NO_SYSTEM = re.compile(
    r"system.{0,40}not.{0,10}support|not support.{0,30}system|conversation roles must alternate|"
    r"(?:invalid|unknown).{0,20}role.{0,20}system",
    re.I,
)
_OVERFLOW = re.compile(
    r"context.{0,20}(?:length|size|window|limit)|maximum context|exceed.{0,30}context|too many tokens|prompt is too long",
    re.I,
)
_TOO_LARGE = re.compile(r"request too large", re.I)  # for the tokens of a minute: it never fits
_FILTERED = re.compile(
    r"content.?filter|content management policy|content_policy|safety|moderation|flagged", re.I
)
_QUOTA = re.compile(r"insufficient_quota|exceeded your current quota|billing|credit balance", re.I)
_UNSUPPORTED = re.compile(
    r"unsupported|not support|unrecognized|unknown|unexpected|not permitted|extra (?:inputs|fields)|invalid|does not",
    re.I,
)
_PASSING = (408, 409, 425, 429)
_OF_RUN = {
    401: "the key is missing or wrong: set OPENAI_API_KEY, or name a file that holds it with --key-file",
    402: "the account has no credit left",
    407: "the proxy wants a password: check HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
    511: "a login page stands between: log in to this network first",
}
_MODEL = re.compile(
    r"\bmodel\b.{0,80}\b(?:not found|does not exist|not exist|unknown|not loaded|not available|is not)\b",
    re.I,
)
_WANTS_TLS = re.compile(
    r"plain HTTP request was sent to HTTPS|HTTP request to an HTTPS server|requires? TLS", re.I
)
_HTML = re.compile(
    r"\s{0,100}(?:<\?xml[^>]{0,200}>\s{0,100})?(?:<!--|<!doctype html|<html|<head|<body)", re.I
)

_ADDRESS = "check --base-url, which usually ends in /v1"


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


@dataclass(frozen=True, slots=True)
class Breakage:
    """A call that came to no reply. `kind`: a name of _BREAKAGES."""

    kind: str
    words: str  # on one line
    has_arrived: bool  # perhaps: a connection was made


# What a call that came to no reply is told as. Where all calls of a run will come to the same, the run ends at once, with what to
# do about it; what may pass is tried again; "strange" is told apart by whether the endpoint has ever answered.
_BREAKAGES: dict[str, tuple[type[ModelError | Transient] | None, str]] = {
    "untrusted": (
        ModelError,
        "the server's certificate is not trusted ({}); if it is yours, set SSL_CERT_FILE to a file of its authority's",
    ),
    "no_tls": (
        ModelError,
        "does not speak TLS ({}); write http:// instead of https://, or another port",
    ),
    "proxy": (
        ModelError,
        "the proxy does not let us through ({}); check HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
    ),
    "redirects": (None, "sends us from one address to the next ({})"),
    "address": (None, "leads to an address that cannot be called ({})"),
    "no_connection": (Transient, "cannot connect ({})"),
    "not_in_time": (Transient, "cannot connect (no connection in time)"),
    "closed": (Transient, "the server hung up without a reply"),
    "broken": (Transient, "the connection broke ({})"),
    "late": (Transient, "no reply in time"),
    "too_large": (None, "answers with more bytes than any reply has"),
    "malformed": (None, "answers something that is no HTTP ({})"),
}


def fate_of_breakage(broken: Breakage, address: str, *, is_new: bool) -> Exception:
    """`is_new`: an endpoint that has never answered."""
    fate, template = _BREAKAGES[broken.kind]
    what = template.format(broken.words)
    if broken.kind == "closed" and is_new and address.startswith("http://"):
        what += " (does it want https://?)"
    if fate is None:
        return strange(
            address,
            what,
            "check --base-url, and whether it is https://"
            if broken.kind == "malformed"
            else _ADDRESS,
        )
    if fate is ModelError:
        return ModelError(f"{address}: {what}")
    is_late = broken.kind == "late"
    return Transient(
        f"{address}: {what}",
        is_server_gone=not is_late,
        may_be_charged=is_late or broken.has_arrived,
    )


def refusal_in(
    record: Any,
    address: str,
    status: int,
    words: Callable[[str], str],
    retry_after: float | None = None,
) -> Refusal:
    """A refusal whose body is `record`; `words` takes the secrets out of a text."""
    inner = record.get("error", record) if isinstance(record, dict) else record
    said = inner if isinstance(inner, dict) else {"message": inner}
    message = words(str(said.get("message", inner)))
    return Refusal(
        address,
        status,
        message,
        str(said.get("code") or ""),
        str(said.get("param") or ""),
        retry_after,
    )


def status_within(record: Mapping[str, Any]) -> int | None:
    """Of an error that comes with HTTP 200, as from a router that had begun to answer when its provider refused."""
    error = record.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code <= 599 else None


def fate_of(refusal: Refusal, body: Mapping[str, Any], model: str) -> Exception:
    """What a refusal of `body` means."""
    status, words, said = refusal.status, refusal.words, refusal.said
    if status in _OF_RUN:
        return ModelError(f"{said}; {_OF_RUN[status]}")
    if status == 403 and _FILTERED.search(words):
        return RequestFailed("content_filter", words)
    if status == 403:
        return ModelError(f"{said}; this key may not use the model {model!r}")
    if status == 404:
        is_model = refusal.code == "model_not_found" or _names(words, model) or _MODEL.search(words)
        what = (
            f"no such model: check --model {model!r}" if is_model else f"no such path: {_ADDRESS}"
        )
        return ModelError(f"{said}; {what}")
    if status == 429 and _QUOTA.search(words + refusal.code):
        return ModelError(f"{said}; {_OF_RUN[402]}")
    if status == 429 and _TOO_LARGE.search(words):
        return _of_body(refusal, body)
    if status in _PASSING or status >= 500:
        may_be_charged = status >= 500 and status not in (
            503,
            529,
        )  # these two say that nothing was begun
        return Transient(
            said,
            retry_after=refusal.retry_after,
            is_server_busy=status == 429,
            may_be_charged=may_be_charged,
        )
    if status in (400, 413, 422):
        return _of_body(refusal, body)
    if status < 400:
        return strange(
            refusal.address,
            f"answers with HTTP {status}, which is no reply ({words or 'without a word'})",
        )
    return Doubtful(ModelError(f"{said}; check --base-url"), RequestFailed("bad_request", words))


def _names(words: str, model: str) -> bool:
    return bool(model) and re.search(rf"(?<![\w/]){re.escape(model)}(?![\w/])", words) is not None


def _of_body(refusal: Refusal, body: Mapping[str, Any]) -> Exception:
    words, said = refusal.words, refusal.said
    if _WANTS_TLS.search(words):
        return ModelError(f"{said}; write https:// instead of http://")
    if (
        refusal.status in (413, 429)
        or refusal.code == "context_length_exceeded"
        or _OVERFLOW.search(words)
    ):
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
    if _NO_SYSTEM.search(words) and any(
        one["role"] == "system" for one in body.get("messages", ())
    ):
        return "system"
    for field in OPTIONAL:
        if field == "max_tokens" and "prompt" in body:
            continue  # there it has no other name, and what a run may spend rests on it
        if (
            field in body
            and (named == field or (not named and field in words))
            and _UNSUPPORTED.search(words)
        ):
            return str(body[field]["type"]) if field == "response_format" else field
    return None


def strange(address: str, what: str, hint: str = _ADDRESS) -> Doubtful:
    """A server that has never answered properly is a wrong address; one that has, stumbles (a proxy's error page)."""
    what = f"{address}: {what}"
    return Doubtful(ModelError(f"{what}; {hint}"), Transient(what))


def no_json(address: str, text: str, words: str) -> Doubtful:
    """A reply that is no JSON object. `text` in full; `words` of it for a person."""
    if _HTML.match(text):
        return strange(
            address,
            f"answers with {words}",
            f"{_ADDRESS}, and whether a login page or a proxy stands between",
        )
    return strange(
        address, f"answers something that is no JSON object ({words or 'nothing at all'})"
    )


def on_one_line(text: str) -> str:
    """A foreign text for a message: of a page only its title."""
    if _HTML.match(text):
        title = re.search(r"<(title|h1)[^>]{0,200}>(.{1,200}?)</\1", text[:100_000], re.I | re.S)
        text = f"a web page{f' ({title[2]})' if title else ''}"
    return " ".join(text.split())
