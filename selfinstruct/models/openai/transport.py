"""The HTTP client below the openai client; chat and completions requests use this client alone.

A reply is read whole, within a limit of time and a limit of bytes, and becomes text whatever
the server declares. A reply that comes as a stream of events becomes the same text as without.
"""

from __future__ import annotations

import asyncio
import codecs
import json
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import httpx2
import openai

from selfinstruct.compat import timeout
from selfinstruct.models.openai.failures import TooLarge
from selfinstruct.models.openai.stream import Endings, gathered, is_stream, read_stream

MOST_BYTES = 16 * 2**20  # of a reply, unpacked; a reply of a million tokens has 4 to 6 MB
MOST_BYTES_OF_FILE = 2**31  # a batch's replies come in one file
_TEXT_CODECS = (
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
)  # how their names begin; Python's others (rot13, hex, base64, idna) give no text or fail
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Target:
    """Everything that the requests to one path share: all but the body."""

    url: httpx2.URL
    headers: httpx2.Headers
    extensions: dict[str, Any]

    def request(self, body: Mapping[str, Any]) -> httpx2.Request:
        content = _ENCODER.encode(body).encode("utf-8", "replace")
        # With `content=` the library would walk through all headers again.
        stream = httpx2.ByteStream(content)
        request = httpx2.Request(
            "POST", self.url, headers=self.headers, stream=stream, extensions=self.extensions
        )
        request.headers["content-length"] = str(len(content))
        request.read()
        return request


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply. A refusal is a reply too."""

    status: int
    headers: dict[str, str]  # names in lower case
    text: str

    @classmethod
    def of(cls, response: httpx2.Response) -> Reply:
        """response: read whole."""
        return cls(response.status_code, _headers(response), response.text)

    @property
    def is_refusal(self) -> bool:
        return not 200 <= self.status < 300


class HttpClient(openai.DefaultAioHttpClient):
    """aiohttp's connection pool, which stays fast with hundreds of requests under way.

    seconds: the most time for a call, from the first byte sent to the last byte read; a call may
    ask for more by its own timeout. dropped: headers of the libraries that no call has.
    """

    def __init__(self, *, seconds: float, dropped: Iterable[str] = ()) -> None:
        super().__init__(timeout=seconds)
        self._seconds, self._dropped = seconds, tuple(dropped)
        self._endings = Endings()

    def build_request(self, *arguments: Any, **named: Any) -> httpx2.Request:
        """As the library's, without the dropped headers."""
        request = super().build_request(*arguments, **named)
        for name in self._dropped:
            request.headers.pop(name, None)
        return request

    def keep_at(self, home: httpx2.URL, names: Collection[str]) -> None:
        """Send these headers to `home` alone: a redirect elsewhere must not carry a secret."""

        async def keep(request: httpx2.Request) -> None:
            url = request.url
            if url.origin != home.origin and (url.host, url.scheme) != (home.host, "https"):
                for name in names:
                    request.headers.pop(name, None)

        self.event_hooks = {"request": [keep]} if names else {}

    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **options: Any
    ) -> httpx2.Response:
        """As the library's, within the limits. The openai client's calls come this way."""

        async def sent() -> httpx2.Response:
            response = await super(HttpClient, self).send(request, stream=True, **options)
            return response if stream else await _close_if_failed(response, _read)

        return await self._in_time(request, sent())

    def target(self, url: httpx2.URL, headers: Mapping[str, str]) -> Target:
        """Prepare POST requests to `url`. Raises httpx2.InvalidURL."""
        request = self.build_request("POST", url, headers=headers)
        shared = request.headers.copy()
        shared.pop("content-length", None)
        return Target(request.url, shared, request.extensions)

    async def post_json(self, target: Target, body: Mapping[str, Any]) -> Reply:
        """Send a JSON body. Raises an exception of failures.HTTP_ERRORS."""
        request = target.request(body)

        async def sent() -> Reply:
            response = await super(HttpClient, self).send(request, stream=True)
            return await _close_if_failed(response, partial(_read_reply, endings=self._endings))

        return await self._in_time(request, sent())

    async def _in_time(self, request: httpx2.Request, call: Coroutine[Any, Any, Result]) -> Result:
        asked = request.extensions.get("timeout", {}).get("read") or 0.0
        try:
            async with timeout(max(self._seconds, asked)):
                return await call
        except (TimeoutError, asyncio.TimeoutError):
            raise httpx2.ReadTimeout("no whole reply in time", request=request) from None
        except ValueError as error:  # about the reply: the request has been encoded before
            raise httpx2.RemoteProtocolError(str(error), request=request) from error


async def _close_if_failed(
    response: httpx2.Response, read: Callable[[httpx2.Response], Awaitable[Result]]
) -> Result:
    try:
        return await read(response)
    except BaseException:
        await response.aclose()
        raise


async def _read_reply(response: httpx2.Response, endings: Endings) -> Reply:
    """The same as Reply.of(await _read(response)), with a fast path.

    Nearly every reply has a declared length and is UTF-8, and needs few of the library's layers.
    """
    headers = _headers(response)
    if response.status_code == 200 and is_stream(headers):
        text = await read_stream(response.aiter_bytes(), MOST_BYTES, endings)
        await response.aclose()
        return Reply(200, headers, text)
    if _length(headers, response) is None or _has_charset(headers):
        reply = Reply.of(await _read(response))
    else:
        # An AsyncClient's stream is asynchronous.
        content = b"".join([chunk async for chunk in response.stream])  # type: ignore[union-attr]
        await response.aclose()
        text = content.decode("utf-8-sig", "replace")
        reply = Reply(response.status_code, headers, text)
    text = gathered(reply.text, MOST_BYTES, endings) if reply.status == 200 else reply.text
    return reply if text is reply.text else replace(reply, text=text)


async def _read(response: httpx2.Response) -> httpx2.Response:
    """Read the body and settle its encoding. Raises TooLarge."""
    headers = _headers(response)
    if _length(headers, response) is None:
        response = await _read_counting(response)
    else:
        await response.aread()
    response.encoding = _encoding(response) if _has_charset(headers) else "utf-8-sig"
    return response


async def _read_counting(response: httpx2.Response) -> httpx2.Response:
    """Read a body of unknown length, unpacked, up to the most bytes. Raises TooLarge."""
    body, most = bytearray(), _most_bytes(response)
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


def _headers(response: httpx2.Response) -> dict[str, str]:
    """By name in lower case. Each lookup in the library's own mapping walks through all names."""
    return {
        name.decode("latin-1").lower(): value.decode("latin-1")
        for name, value in response.headers.raw
    }


def _has_charset(headers: Mapping[str, str]) -> bool:
    return "charset" in headers.get("content-type", "").lower()


def _length(headers: Mapping[str, str], response: httpx2.Response) -> int | None:
    """Declared length in bytes; None if the body is packed or comes in chunks. Raises TooLarge."""
    length = headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()) or "content-encoding" in headers:
        return None
    if int(length) > _most_bytes(response):
        raise TooLarge
    return int(length)


def _most_bytes(response: httpx2.Response) -> int:
    return MOST_BYTES if response.request.method == "POST" else MOST_BYTES_OF_FILE


def _encoding(response: httpx2.Response) -> str:
    """The declared encoding if it is a text's, else UTF-8."""
    try:
        name = codecs.lookup(response.charset_encoding or "utf-8").name.replace("-", "_")
    except (LookupError, ValueError):
        name = "utf_8"
    is_other_text = name.startswith(_TEXT_CODECS) and name not in ("utf_8", "utf_7")
    return name if is_other_text else "utf-8-sig"
