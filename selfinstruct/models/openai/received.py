"""Replies as they are received: read whole, within a limit of bytes, and decoded.

A reply becomes text whatever the server declares. A reply that comes as a stream of events becomes
the same text as without.
"""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace

import aiohttp
import httpx2

from selfinstruct.models.openai.failures import TooLarge
from selfinstruct.models.openai.lines import Answer
from selfinstruct.models.openai.stream import Endings, gathered, is_stream, read_stream

MOST_BYTES = 16 * 2**20  # of a reply, unpacked; a reply of a million tokens has 4 to 6 MB
MOST_BYTES_OF_FILE = 2**31  # a batch's replies come in one file
_PIECE = 2**14  # bytes that are unpacked at a time
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


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply. A refusal is a reply too."""

    status: int
    headers: dict[str, str]  # names in lower case
    text: str

    @classmethod
    def of(cls, response: httpx2.Response) -> Reply:
        """response: read whole."""
        return cls(response.status_code, by_name(response.headers.raw), response.text)

    @property
    def is_refusal(self) -> bool:
        return not 200 <= self.status < 300


async def read_post(
    response: aiohttp.ClientResponse | Answer, request: httpx2.Request, endings: Endings
) -> Reply:
    """The reply to a POST that went straight to aiohttp.

    The HTTP client above unpacks and decodes a reply that is not plain UTF-8; `request` is for its
    eyes. Raises TooLarge, BrokenStream or an exception of failures.HTTP_ERRORS.
    """
    status, headers = response.status, by_name(response.raw_headers)
    if "content-encoding" in headers or not _is_utf_8(headers):
        library = httpx2.Response(
            status,
            headers=list(response.raw_headers),
            stream=_Body(response.content),
            request=request,
        )
        return await read_reply(library, endings)
    if status == 200 and is_stream(headers):
        text = await read_stream(response.content.iter_any(), MOST_BYTES, endings)
        return Reply(status, headers, text)
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length) > MOST_BYTES:
        raise TooLarge
    body, content = bytearray(), response.content
    while not content.at_eof():
        body += await content.readany()
        if len(body) > MOST_BYTES:
            raise TooLarge
    text = body.decode("utf-8-sig", "replace")
    return Reply(status, headers, gathered(text, MOST_BYTES, endings) if status == 200 else text)


async def read_reply(response: httpx2.Response, endings: Endings) -> Reply:
    """The reply to a POST that went through the HTTP client. Raises as `read_post`."""
    headers = by_name(response.headers.raw)
    if response.status_code == 200 and is_stream(headers):
        text = await read_stream(response.aiter_bytes(), MOST_BYTES, endings)
        await response.aclose()
        return Reply(200, headers, text)
    reply = Reply.of(await read_whole(response))
    text = gathered(reply.text, MOST_BYTES, endings) if reply.status == 200 else reply.text
    return reply if text is reply.text else replace(reply, text=text)


async def read_whole(response: httpx2.Response) -> httpx2.Response:
    """Read the body and settle its encoding. Raises TooLarge."""
    headers = by_name(response.headers.raw)
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


def by_name(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """By name in lower case. Each lookup in a library's own mapping walks through all names."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}


def _is_utf_8(headers: Mapping[str, str]) -> bool:
    """Whether a body is UTF-8 by what the server declares, or is taken for UTF-8."""
    _, found, charset = headers.get("content-type", "").lower().partition("charset")
    return not found or charset.strip(" =\"'") in ("utf-8", "utf8")


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


class _Body(httpx2.AsyncByteStream):
    """The body of aiohttp's response, for the library above to unpack."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._content.iter_chunked(_PIECE):
            yield piece
