"""Calls that ended without a reply, and the errors that they mean. Pure functions.

The libraries below (openai, httpx2, aiohttp, ssl, the operating system) raise some seventy
classes of exceptions. `failure_of` reads a kind of failure off the chain of an exception and its
causes, and `error_of_failure` turns the kind into the error of the request or of the run.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import aiohttp
import httpx2
import openai

from selfinstruct.errors import ModelError, Transient
from selfinstruct.models.openai.errors import ADDRESS_HINT, unexpected


class TooLarge(Exception):
    """A reply has more bytes than any real reply."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that ended without a reply. kind: a key of _MEANINGS."""

    kind: str
    words: str  # on one line
    may_have_arrived: bool  # a connection was made


HTTP_ERRORS = (
    aiohttp.ClientError,
    httpx2.HTTPError,
    httpx2.InvalidURL,
    ssl.SSLError,
    TooLarge,
)  # of a call over the HTTP client alone
_NO_TLS = {
    "WRONG_VERSION_NUMBER",
    "UNKNOWN_PROTOCOL",
    "HTTP_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
}
_ADDRESS = (
    httpx2.InvalidURL,
    httpx2.UnsupportedProtocol,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)
_REDIRECTS = (httpx2.TooManyRedirects, aiohttp.TooManyRedirects, aiohttp.RedirectClientError)
_UNTRUSTED = (
    ssl.SSLCertVerificationError,
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ServerFingerprintMismatch,
)
_NO_PROXY = (aiohttp.ClientProxyConnectionError, httpx2.ProxyError)
_NO_CONNECTION = (
    *_NO_PROXY,
    aiohttp.ClientConnectorError,
    httpx2.ConnectError,
    ConnectionRefusedError,
    socket.gaierror,
)
_NO_CONNECTION_IN_TIME = (aiohttp.ConnectionTimeoutError, httpx2.PoolTimeout)
_BROKEN = (
    aiohttp.ClientConnectionError,
    aiohttp.ClientPayloadError,
    aiohttp.UploadAbortedError,
    httpx2.NetworkError,
    OSError,
)
_MALFORMED = (
    aiohttp.ClientResponseError,
    httpx2.ProtocolError,
    httpx2.DecodingError,
    httpx2.SSEError,
)
_TIMEOUT = (httpx2.TimeoutException, TimeoutError, asyncio.TimeoutError)

_LONG = 60.0  # seconds; two timeouts of that length speak against a request, three shorter ones

# The first kind that fits any exception of the chain. The order matters: the adapter between the
# two libraries turns aiohttp's ServerDisconnectedError into httpx2's ConnectTimeout, for example.
_KINDS: tuple[tuple[str, Callable[[BaseException], bool]], ...] = (
    ("closed", lambda error: isinstance(error, aiohttp.ServerDisconnectedError)),
    ("too_large", lambda error: isinstance(error, TooLarge)),
    ("untrusted", lambda error: isinstance(error, _UNTRUSTED)),
    (
        "no_tls",
        lambda error: isinstance(error, ssl.SSLError) and getattr(error, "reason", None) in _NO_TLS,
    ),
    (
        "proxy",
        lambda error: isinstance(error, aiohttp.ClientHttpProxyError) and error.status < 500,
    ),
    ("proxy_fails", lambda error: isinstance(error, aiohttp.ClientHttpProxyError)),
    ("no_proxy", lambda error: isinstance(error, _NO_PROXY)),
    ("redirects", lambda error: isinstance(error, _REDIRECTS)),
    ("address", lambda error: isinstance(error, _ADDRESS)),
    ("not_in_time", lambda error: isinstance(error, _NO_CONNECTION_IN_TIME)),
    ("no_connection", lambda error: isinstance(error, _NO_CONNECTION)),
    ("late", lambda error: isinstance(error, aiohttp.ServerTimeoutError)),
    ("broken", lambda error: isinstance(error, _BROKEN) and not isinstance(error, TimeoutError)),
    ("malformed", lambda error: isinstance(error, _MALFORMED)),
    ("late", lambda error: isinstance(error, _TIMEOUT)),
)

# The error of each kind, and its text. A ModelError ends the run: the next call would fail in the
# same way. After a Transient the call is made again. None: an unexpected reply (errors.py).
_MEANINGS: dict[str, tuple[type[ModelError | Transient] | None, str]] = {
    "untrusted": (
        ModelError,
        (
            "the server's certificate is not trusted ({}); "
            "if it is yours, set SSL_CERT_FILE to a file of its authority's"
        ),
    ),
    "no_tls": (
        ModelError,
        "does not speak TLS ({}); write http:// instead of https://, or another port",
    ),
    "proxy": (
        ModelError,
        "the proxy does not let us through ({}); check HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
    ),
    "proxy_fails": (Transient, "the proxy cannot reach it ({})"),
    "no_proxy": (
        Transient,
        "cannot connect to the proxy ({}); check HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
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


def error_of_failure(
    failure: Failure, address: str, *, is_new: bool, timeout: float = _LONG
) -> Exception:
    """The error that a failure means. is_new: the endpoint has never answered. timeout: seconds."""
    meaning, template = _MEANINGS[failure.kind]
    text = template.format(failure.words)
    if failure.kind == "closed" and is_new and address.startswith("http://"):
        text += " (does it want https://?)"
    if meaning is None:
        is_malformed = failure.kind == "malformed"
        hint = "check --base-url, and whether it is https://" if is_malformed else ADDRESS_HINT
        return unexpected(address, text, hint)
    if meaning is ModelError:
        return ModelError(f"{address}: {text}")
    is_late = failure.kind == "late"
    return Transient(
        f"{address}: {text}",
        is_server_gone=not is_late,
        may_be_charged=is_late or failure.may_have_arrived,
        enough=(2 if timeout >= _LONG else 3) if is_late else 0,
    )


def failure_of(error: BaseException) -> Failure:
    """The failure behind an exception of the libraries below. The words may hold secrets."""
    chain = list(_chain(error))
    may_have_arrived = not any(
        isinstance(cause, (*_NO_CONNECTION, *_NO_CONNECTION_IN_TIME)) for cause in chain
    )
    words = _words_of_system(chain) or _words(chain)
    if isinstance(error, openai.APITimeoutError) and error.__cause__ is None:
        return Failure("late", words, may_have_arrived)
    for kind, fits in _KINDS:
        if any(fits(cause) for cause in chain):
            return Failure(kind, words, may_have_arrived)
    return Failure("broken", words, may_have_arrived)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and its causes, the outermost first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _words_of_system(chain: list[BaseException]) -> str | None:
    """The operating system's words at the root, such as "Connection refused"."""
    found = None
    for error in chain:
        if isinstance(error, ssl.SSLCertVerificationError) and hasattr(error, "verify_message"):
            return str(error.verify_message)  # aiohttp's own subclass has no such attribute
        if isinstance(error, OSError) and not isinstance(error, TimeoutError):
            found = (
                os.strerror(error.errno)
                if error.errno and error.errno > 0
                else error.strerror or str(error)
            )
    return found


def _words(chain: list[BaseException]) -> str:
    """The first words among the causes; without words, the name of the innermost exception.

    The outermost words come last: the openai client's are the same for all failures.
    """
    from_server = next(
        (error.message for error in chain if isinstance(error, aiohttp.ClientResponseError)), None
    )
    cause = next((str(error) for error in chain[1:] if str(error).strip()), "")
    words = from_server or cause or str(chain[0])
    return words.partition(":")[0] or type(chain[-1]).__name__
