"""Requests straight over aiohttp's connections, below its client.

aiohttp's client builds a message, a look-up of cookies, a task that writes and a response anew for
every request: twice the CPU time of all that is needed (scripts/bench_throughput). Here the head of
a request is made once. Pool, connections, TLS and the parser of replies stay aiohttp's.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import BaseConnector, Connection
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)  # the caller has its own around every call
_OF_THE_BODY = ("content-length", "transfer-encoding")
_SWITCHED = 101


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply whose head has come. The caller ends it, read or not."""

    status: int
    raw_headers: tuple[tuple[bytes, bytes], ...]
    content: aiohttp.StreamReader  # the body
    connection: Connection

    def end(self) -> None:
        """Give the connection back; it is closed unless the whole body has come."""
        self.connection.release()


class Line:
    """The way of all POST requests to an address with the same headers."""

    def __init__(
        self, pool: aiohttp.ClientSession, address: str, headers: Mapping[str, str]
    ) -> None:
        assert pool.connector is not None
        self.pool = pool
        self._connector, self._cookies = pool.connector, pool.cookie_jar
        self._url, self._headers = URL(address), headers
        self._request = self._message({})
        self._head = _head_of(self._request)

    async def post(self, content: bytes) -> Answer:
        """Send a body and wait for the head of the reply. Raises aiohttp.ClientError.

        A redirect is a reply as well.
        """
        head = self._head if not self._has_cookies() else self._head_with_cookies()
        connection = await self._connected()
        try:
            protocol: Any = connection.protocol
            protocol.set_response_params(read_until_eof=True, auto_decompress=False)
            if not protocol.is_connected():
                raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
            protocol.transport.write(b"%b%d\r\n\r\n%b" % (head, len(content), content))
            while True:
                message, body = await protocol.read()
                if not 100 <= message.code < 200 or message.code == _SWITCHED:
                    break
        except BaseException as error:
            connection.close()
            if isinstance(error, HttpProcessingError):
                raise self._malformed(error) from error
            raise
        if "set-cookie" in message.headers:
            self._keep_cookies(message.headers.getall("set-cookie"))
        return Answer(message.code, message.raw_headers, body, connection)

    async def _connected(self) -> Connection:
        """A free connection of the pool, or a new one."""
        try:
            return await self._connector.connect(self._request, [], _NO_TIMEOUT)
        except aiohttp.ClientError:
            raise
        except asyncio.TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(f"no connection to {self._url.host}") from error
        except OSError as error:
            raise aiohttp.ClientOSError(*error.args) from error

    def _malformed(self, error: HttpProcessingError) -> aiohttp.ClientResponseError:
        return aiohttp.ClientResponseError(
            self._request.request_info,
            (),
            status=error.code,
            message=error.message,
            headers=error.headers,
        )

    def _message(self, cookies: Mapping[str, Any]) -> aiohttp.ClientRequest:
        return aiohttp.ClientRequest(
            "POST",
            self._url,
            headers=self._headers,
            cookies=cookies,
            loop=asyncio.get_running_loop(),
            response_class=aiohttp.ClientResponse,
            session=self.pool,
        )

    # ------------------------------------------------ cookies: a balancer's, as a rule

    def _has_cookies(self) -> bool:
        return bool(len(self._cookies))

    def _head_with_cookies(self) -> bytes:
        return _head_of(self._message(self._cookies.filter_cookies(self._url)))

    def _keep_cookies(self, said: list[str]) -> None:
        self._cookies.update_cookies_from_headers(said, self._url)


def is_straight(pool: Any) -> bool:
    """Whether a session of aiohttp has the inner parts that a line uses."""
    return isinstance(getattr(pool, "connector", None), BaseConnector) and _has_parts()


@cache
def _has_parts() -> bool:
    """False with a version of aiohttp that is built otherwise."""
    wanted: dict[Any, tuple[str, ...]] = {
        BaseConnector.connect: ("req", "traces", "timeout"),
        ResponseHandler.set_response_params: ("read_until_eof", "auto_decompress"),
        aiohttp.ClientRequest.__init__: ("cookies", "loop", "response_class", "session"),
        ResponseHandler.read: (),
        ResponseHandler.is_connected: (),
        Connection.release: (),
        aiohttp.abc.AbstractCookieJar.update_cookies_from_headers: (),
    }
    return all(
        set(names) <= inspect.signature(part).parameters.keys() for part, names in wanted.items()
    )


def _head_of(request: aiohttp.ClientRequest) -> bytes:
    """The head of a request up to the length of its body. Raises ValueError."""
    lines = [f"POST {request.url.raw_path_qs} HTTP/1.1"]
    for name, value in request.headers.items():
        if any(sign in name + value for sign in "\r\n\0"):
            raise ValueError("a header holds the end of a line")
        if name.lower() not in _OF_THE_BODY:
            lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, "Content-Length: "]).encode("utf-8")
