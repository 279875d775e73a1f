"""The HTTP client under the openai client, and what broke where it did. The only module that imports httpx2 and aiohttp."""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import aiohttp
import httpx2

from selfinstruct.models.fates import Breakage
from selfinstruct.ordered import timeout

MOST_BYTES = 16 * 2**20  # of a reply, unpacked; a reply of a million tokens has 4 to 6 MB
MOST_OF_A_FILE = 2**31  # bytes; a batch's replies come in one
_TEXT = ("ascii", "utf", "iso8859", "cp125", "gb", "big5", "shift_jis", "euc_", "koi8", "iso2022")  # not rot13, hex, base64 or idna
_NO_TLS = {"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
_ADDRESS = (httpx2.InvalidURL, httpx2.UnsupportedProtocol, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)
_REDIRECTS = (httpx2.TooManyRedirects, aiohttp.TooManyRedirects, aiohttp.RedirectClientError)
_UNTRUSTED = (ssl.SSLCertVerificationError, aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch)
_NO_CONNECTION = (aiohttp.ClientConnectorError, httpx2.ConnectError, httpx2.ProxyError, ConnectionRefusedError, socket.gaierror)
_NO_CONNECTION_IN_TIME = (aiohttp.ConnectionTimeoutError, httpx2.PoolTimeout)
_BROKEN = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, aiohttp.UploadAbortedError, httpx2.NetworkError, OSError)
_MALFORMED = (aiohttp.ClientResponseError, httpx2.ProtocolError, httpx2.DecodingError, httpx2.SSEError)
_TIMEOUT = (httpx2.TimeoutException, TimeoutError, asyncio.TimeoutError)
FAILURES = (aiohttp.ClientError, httpx2.HTTPError, httpx2.InvalidURL)  # what may come through the openai client as it is
HttpRequest: TypeAlias = httpx2.Request
HttpResponse: TypeAlias = httpx2.Response


class TooLarge(Exception):
    """A reply of more bytes than any reply has."""


class Careful(httpx2.AsyncClient):
    """Reads a reply whole, but neither for longer than `seconds` (or what a call asks for) in all nor for more than MOST_BYTES, and
    never fails to make text of it.
    """

    def __init__(self, *, seconds: float, **options: Any) -> None:
        super().__init__(timeout=seconds, **options)
        self._seconds = seconds

    async def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        asked = request.extensions.get("timeout", {}).get("read") or 0.0
        most = MOST_BYTES if request.method == "POST" else MOST_OF_A_FILE
        try:
            async with timeout(max(self._seconds, asked)):
                response = await super().send(request, stream=True, **options)
                try:
                    return response if stream else await _whole(response, most)
                except BaseException:
                    await response.aclose()
                    raise
        except (TimeoutError, asyncio.TimeoutError):
            raise httpx2.ReadTimeout("no whole reply in time", request=request) from None
        except ValueError as error:  # of what came: the request has its bytes by now
            raise httpx2.RemoteProtocolError(str(error), request=request) from error


async def _whole(response: httpx2.Response, most: int) -> httpx2.Response:
    said = {name.lower(): value for name, value in response.headers.raw}  # every look into the headers themselves walks them all
    length = said.get(b"content-length", b"")
    if length.isdigit() and b"content-encoding" not in said:
        if int(length) > most:
            raise TooLarge
        await response.aread()
    else:
        response = await _counted(response, most)
    response.encoding = _encoding(response) if b"charset" in said.get(b"content-type", b"").lower() else "utf-8-sig"
    return response


async def _counted(response: httpx2.Response, most: int) -> httpx2.Response:
    """One whose length nobody knows before: it is packed, or comes in chunks."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > most:
            raise TooLarge
    await response.aclose()
    packing = {b"content-encoding", b"transfer-encoding", b"content-length"}
    return httpx2.Response(
        response.status_code,
        headers=[(name, value) for name, value in response.headers.raw if name.lower() not in packing],
        content=bytes(body),
        request=response.request,
        history=response.history,
        extensions=response.extensions,
    )


def _encoding(response: httpx2.Response) -> str:
    """The one that is declared, if it is one of texts: Python's decoders for other things fail or give no text."""
    try:
        name = codecs.lookup(response.charset_encoding or "utf-8").name.replace("-", "_")
    except (LookupError, ValueError):
        name = "utf_8"
    return name if name.startswith(_TEXT) and name not in ("utf_8", "utf_7") else "utf-8-sig"


@dataclass(frozen=True, slots=True)
class Frame:
    """What the requests to one path have in common: all but the body."""

    url: httpx2.URL
    headers: httpx2.Headers
    extensions: dict[str, Any]

    @classmethod
    def of(cls, request: httpx2.Request) -> Frame:
        headers = request.headers.copy()
        headers.pop("content-length", None)
        return cls(request.url, headers, request.extensions)

    def around(self, body: Mapping[str, Any]) -> httpx2.Request:
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return httpx2.Request("POST", self.url, headers=self.headers, content=content, extensions=self.extensions)


# ---------------------------------------------------------------- what broke


def breakage(error: BaseException) -> Breakage:
    """What broke, read off a chain of exceptions."""
    chain = list(_chain(error))
    has_arrived = not any(isinstance(one, (*_NO_CONNECTION, *_NO_CONNECTION_IN_TIME)) for one in chain)
    words = _os_error(chain) or _words(chain)
    for kind, belongs in _KINDS:
        if any(belongs(one) for one in chain):
            return Breakage(kind, words, has_arrived)
    return Breakage("broken", words, has_arrived)


# The first that is found anywhere in the chain: aiohttp's "the server hung up" comes to us as httpx2's ConnectTimeout.
_KINDS: tuple[tuple[str, Callable[[BaseException], bool]], ...] = (
    ("closed", lambda one: isinstance(one, aiohttp.ServerDisconnectedError)),
    ("too_large", lambda one: isinstance(one, TooLarge)),
    ("untrusted", lambda one: isinstance(one, _UNTRUSTED)),
    ("no_tls", lambda one: isinstance(one, ssl.SSLError) and getattr(one, "reason", None) in _NO_TLS),
    ("proxy", lambda one: isinstance(one, aiohttp.ClientHttpProxyError) and one.status < 500),
    ("redirects", lambda one: isinstance(one, _REDIRECTS)),
    ("address", lambda one: isinstance(one, _ADDRESS)),
    ("not_in_time", lambda one: isinstance(one, _NO_CONNECTION_IN_TIME)),
    ("no_connection", lambda one: isinstance(one, _NO_CONNECTION)),
    ("late", lambda one: isinstance(one, aiohttp.ServerTimeoutError)),
    ("broken", lambda one: isinstance(one, _BROKEN) and not isinstance(one, TimeoutError)),
    ("malformed", lambda one: isinstance(one, _MALFORMED)),
    ("late", lambda one: isinstance(one, _TIMEOUT)),
)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _os_error(chain: list[BaseException]) -> str | None:
    """The operating system's words at the root: "Connection refused"."""
    found = None
    for one in chain:
        if isinstance(one, ssl.SSLCertVerificationError) and hasattr(one, "verify_message"):  # not set in aiohttp's own of the kind
            return str(one.verify_message)
        if isinstance(one, OSError) and not isinstance(one, TimeoutError):
            found = os.strerror(one.errno) if one.errno and one.errno > 0 else one.strerror or str(one)
    return found


def _words(chain: list[BaseException]) -> str:
    """The first words among the causes, the openai client's own being the same for all; failing that, the innermost one's name."""
    foreign = next((one.message for one in chain if isinstance(one, aiohttp.ClientResponseError)), None)
    said = foreign or next((str(one) for one in chain[1:] if str(one).strip()), "") or str(chain[0])
    return said.partition(":")[0] or type(chain[-1]).__name__
