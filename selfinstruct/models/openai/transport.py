"""The HTTP client below the openai client.

Requests for replies go straight to aiohttp's connections (lines.py). The client's own layers follow
redirects, find proxies, and build and read messages of their own, which takes more CPU time than
all the rest of a request (scripts/bench_throughput). They make the openai client's calls, the calls
through a proxy, and those that a server sends on to another address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import aiohttp
import httpx2
import openai

from selfinstruct.models.limits.deadlines import Deadlines
from selfinstruct.models.openai.lines import Line, is_straight
from selfinstruct.models.openai.received import Reply, by_name, read_post, read_reply, read_whole
from selfinstruct.models.openai.stream import Endings

_SENT_ON = (301, 302, 303, 307, 308)
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)  # HttpClient has its own around every call
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Target:
    """Everything that the requests to one path share: all but the body."""

    bare: httpx2.Request  # without a body
    address: str
    headers: dict[str, str]

    def request(self, content: bytes) -> httpx2.Request:
        """A request for the layers of the HTTP client."""
        request = httpx2.Request(
            "POST",
            self.bare.url,
            headers={**self.headers, "content-length": str(len(content))},
            stream=httpx2.ByteStream(content),
            extensions=self.bare.extensions,
        )
        request.read()
        return request


class HttpClient(openai.DefaultAioHttpClient):
    """aiohttp's connection pool, which stays fast with hundreds of requests under way.

    seconds: the most time for a call, from the first byte sent to the last byte read; a call may
    ask for more by its own timeout. dropped: headers of the libraries that no call has.
    """

    def __init__(self, *, seconds: float, dropped: Iterable[str] = ()) -> None:
        super().__init__(timeout=seconds)
        self._seconds, self._dropped = seconds, tuple(dropped)
        self._endings, self._deadlines = Endings(), Deadlines()
        self._is_sent_on = False  # by the server, to another address
        self._lines: dict[str, Line] = {}  # by address

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
            return response if stream else await _close_if_failed(response, read_whole)

        asked = request.extensions.get("timeout", {}).get("read") or 0.0
        return await self._in_time(sent(), asked)

    def target(self, url: httpx2.URL, headers: Mapping[str, str]) -> Target:
        """Prepare POST requests to `url`. Raises httpx2.InvalidURL."""
        request = self.build_request("POST", url, headers=headers)
        request.headers.pop("content-length", None)
        return Target(request, str(request.url), dict(request.headers))

    async def post_json(self, target: Target, content: bytes) -> Reply:
        """Send a JSON body. Raises BrokenStream or an exception of failures.HTTP_ERRORS."""
        return await self._in_time(self._posted(target, content))

    async def _posted(self, target: Target, content: bytes) -> Reply:
        pool = self._pool(target)
        if pool is not None:
            line = self._line(pool, target)
            if line is not None:
                reply = await self._straight(line, target, content)
            else:
                reply = await self._by_client(pool, target, content)
            if reply is not None:
                return reply
            self._is_sent_on = True
        answer = await super().send(target.request(content), stream=True)
        return await _close_if_failed(answer, partial(read_reply, endings=self._endings))

    async def _straight(self, line: Line, target: Target, content: bytes) -> Reply | None:
        """The reply over a connection of the pool; None if the server sends the request on."""
        answer = await line.post(content)
        try:
            if answer.status in _SENT_ON and "location" in by_name(answer.raw_headers):
                return None
            return await read_post(answer, target.bare, self._endings)
        finally:
            answer.end()

    async def _by_client(
        self, pool: aiohttp.ClientSession, target: Target, content: bytes
    ) -> Reply | None:
        """As `_straight`, by aiohttp's client."""
        async with pool.request(
            "POST",
            target.address,
            data=content,
            headers=target.headers,
            allow_redirects=False,
            auto_decompress=False,
            timeout=_NO_TIMEOUT,
        ) as response:
            if response.status in _SENT_ON and "location" in response.headers:
                return None
            return await read_post(response, target.bare, self._endings)

    def _line(self, pool: aiohttp.ClientSession, target: Target) -> Line | None:
        """The way straight over the pool's connections, None if aiohttp is built otherwise."""
        line = self._lines.get(target.address)
        if line is None or line.pool is not pool:
            if not is_straight(pool):
                return None
            line = self._lines[target.address] = Line(pool, target.address, target.headers)
        return line

    def _pool(self, target: Target) -> aiohttp.ClientSession | None:
        """aiohttp's session, None where the layers above it have work to do."""
        transport: Any = self._transport_for_url(target.bare.url)
        if self._is_sent_on or getattr(transport, "proxy", self) is not None:
            return None  # or not aiohttp's transport
        if not isinstance(transport.client, aiohttp.ClientSession):
            transport.client = transport.get_client()
        pool: aiohttp.ClientSession = transport.client
        return pool

    async def _in_time(self, call: Coroutine[Any, Any, Result], asked: float = 0.0) -> Result:
        """The result of a call within the time, or within the time that the call asks for."""
        try:
            with self._deadlines.within(max(self._seconds, asked)):
                return await call
        except (TimeoutError, asyncio.TimeoutError):
            raise httpx2.ReadTimeout("no whole reply in time") from None
        except ValueError as error:  # about the reply: the request has been encoded before
            raise httpx2.RemoteProtocolError(str(error)) from error


async def _close_if_failed(
    response: httpx2.Response, read: Callable[[httpx2.Response], Awaitable[Result]]
) -> Result:
    try:
        return await read(response)
    except BaseException:
        await response.aclose()
        raise
