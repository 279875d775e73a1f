"""The HTTP client under the openai client, and what broke where it did. The only module that imports httpx2 and aiohttp."""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import httpx2

from selfinstruct.compat import timeout
from selfinstruct.models.openai.errors import Breakage

MOST_BYTES = 16 * 2**20  # of a reply, unpacked; a reply of a million tokens has 4 to 6 MB
MOST_OF_A_FILE = 2**31  # bytes; a batch's replies come in one
_TEXT = (
    "ascii",
    "utf",
    "iso8859",
    "cp125",
    "gb",
    "big5",
    "shift_jis",
    "euc_",
    "koi8",
    "iso2022",
)  # not rot13, hex, base64 or idna
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
_NO_CONNECTION = (
    aiohttp.ClientConnectorError,
    httpx2.ConnectError,
    httpx2.ProxyError,
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
FAILURES = (
    aiohttp.ClientError,
    httpx2.HTTPError,
    httpx2.InvalidURL,
    ssl.SSLError,
)  # what may come as it is
Result = TypeVar("Result")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class TooLarge(Exception):
    """A reply of more bytes than any reply has."""


class Careful(httpx2.AsyncClient):
    """Reads a reply whole, but neither for longer than `seconds` (or what a call asks for) in all nor for more than MOST_BYTES, and
    never fails to make text of it.
    """

    def __init__(self, *, seconds: float, **options: Any) -> None:
        super().__init__(timeout=seconds, **options)
        self._seconds = seconds

    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **options: Any
    ) -> httpx2.Response:
        async def sent() -> httpx2.Response:
            response = await super(Careful, self).send(request, stream=True, **options)
            return response if stream else await _closing(response, _whole)

        return await self._in_time(request, sent())

    def target(self, url: httpx2.URL, headers: Mapping[str, str]) -> Target:
        """Prepare POST requests to `url`. Raises httpx2.InvalidURL."""
        request = self.build_request("POST", url, headers=headers)
        shared = request.headers.copy()
        shared.pop("content-length", None)
        return Target(request.url, shared, request.extensions)

    async def post_json(self, target: Target, body: Mapping[str, Any]) -> Reply:
        """Send a JSON body. A refusal is a reply as well. Raises FAILURES or TooLarge."""
        request = target.request(body)

        async def sent() -> Reply:
            return await _closing(await super(Careful, self).send(request, stream=True), _reply)

        return await self._in_time(request, sent())

    async def _in_time(self, request: httpx2.Request, call: Coroutine[Any, Any, Result]) -> Result:
        asked = request.extensions.get("timeout", {}).get("read") or 0.0
        try:
            async with timeout(max(self._seconds, asked)):
                return await call
        except (TimeoutError, asyncio.TimeoutError):
            raise httpx2.ReadTimeout("no whole reply in time", request=request) from None
        except ValueError as error:  # of what came: the request has its bytes by now
            raise httpx2.RemoteProtocolError(str(error), request=request) from error


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call came back with, be it a refusal."""

    status: int
    headers: dict[str, str]  # names in lower case
    text: str

    @classmethod
    def of(cls, response: httpx2.Response) -> Reply:
        return cls(response.status_code, _headers(response), response.text)

    @property
    def is_refusal(self) -> bool:
        return not 200 <= self.status < 300


async def _closing(
    response: httpx2.Response, read: Callable[[httpx2.Response], Awaitable[Result]]
) -> Result:
    try:
        return await read(response)
    except BaseException:
        await response.aclose()
        raise


async def _reply(response: httpx2.Response) -> Reply:
    """As `_whole`; what nearly every reply is, of a declared length and in UTF-8, does without most of the library's layers."""
    headers = _headers(response)
    if _length(headers, response) is None or _says_charset(headers):
        return Reply.of(await _whole(response))
    content = b"".join([chunk async for chunk in response.stream])  # type: ignore[union-attr]  # of an AsyncClient's it is async
    await response.aclose()
    return Reply(response.status_code, headers, content.decode("utf-8-sig", "replace"))


async def _whole(response: httpx2.Response) -> httpx2.Response:
    headers = _headers(response)
    if _length(headers, response) is None:
        response = await _counted(response)
    else:
        await response.aread()
    response.encoding = _encoding(response) if _says_charset(headers) else "utf-8-sig"
    return response


def _headers(response: httpx2.Response) -> dict[str, str]:
    """By name in lower case: every look into the library's own walks them all."""
    return {
        name.decode("latin-1").lower(): value.decode("latin-1")
        for name, value in response.headers.raw
    }


def _says_charset(headers: Mapping[str, str]) -> bool:
    return "charset" in headers.get("content-type", "").lower()


def _length(headers: Mapping[str, str], response: httpx2.Response) -> int | None:
    """Bytes; None: nobody knows before, it is packed or comes in chunks. Raises TooLarge."""
    length = headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()) or "content-encoding" in headers:
        return None
    if int(length) > _most(response):
        raise TooLarge
    return int(length)


def _most(response: httpx2.Response) -> int:
    return MOST_BYTES if response.request.method == "POST" else MOST_OF_A_FILE


async def _counted(response: httpx2.Response) -> httpx2.Response:
    """One whose length nobody knows before."""
    body, most = bytearray(), _most(response)
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > most:
            raise TooLarge
    await response.aclose()
    packing = {b"content-encoding", b"transfer-encoding", b"content-length"}
    return httpx2.Response(
        response.status_code,
        headers=[
            (name, value) for name, value in response.headers.raw if name.lower() not in packing
        ],
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
class Target:
    """Everything that the requests to one path share: all but the body."""

    url: httpx2.URL
    headers: httpx2.Headers
    extensions: dict[str, Any]

    def request(self, body: Mapping[str, Any]) -> httpx2.Request:
        content = _ENCODER.encode(body).encode("utf-8", "replace")
        # `content=` would have the library go through all headers again.
        stream = httpx2.ByteStream(content)
        request = httpx2.Request(
            "POST", self.url, headers=self.headers, stream=stream, extensions=self.extensions
        )
        request.headers["content-length"] = str(len(content))
        request.read()
        return request


# ---------------------------------------------------------------- what broke


def breakage(error: BaseException) -> Breakage:
    """What broke, read off a chain of exceptions."""
    chain = list(_chain(error))
    has_arrived = not any(
        isinstance(one, (*_NO_CONNECTION, *_NO_CONNECTION_IN_TIME)) for one in chain
    )
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
    (
        "no_tls",
        lambda one: isinstance(one, ssl.SSLError) and getattr(one, "reason", None) in _NO_TLS,
    ),
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
        if isinstance(one, ssl.SSLCertVerificationError) and hasattr(
            one, "verify_message"
        ):  # not set in aiohttp's own of the kind
            return str(one.verify_message)
        if isinstance(one, OSError) and not isinstance(one, TimeoutError):
            found = (
                os.strerror(one.errno) if one.errno and one.errno > 0 else one.strerror or str(one)
            )
    return found


def _words(chain: list[BaseException]) -> str:
    """The first words among the causes, the openai client's own being the same for all; failing that, the innermost one's name."""
    foreign = next(
        (one.message for one in chain if isinstance(one, aiohttp.ClientResponseError)), None
    )
    said = foreign or next((str(one) for one in chain[1:] if str(one).strip()), "") or str(chain[0])
    return said.partition(":")[0] or type(chain[-1]).__name__
