"""Requests straight over aiohttp's connections: on the wire they are those of aiohttp's client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from itertools import chain, repeat
from typing import Any

import aiohttp
import httpx2
import pytest

from selfinstruct.models.openai.lines import is_straight
from selfinstruct.models.openai.transport import HttpClient, Target

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
BODY = b'{"model": "m"}'
HEADERS = {"authorization": "Bearer k", "Content-Type": "application/json", "x-title": "a b"}
Use = Callable[[HttpClient, Target], Coroutine[Any, Any, object]]


def talk(use: Use, replies: Sequence[bytes], *, host: str = "localhost") -> list[bytes]:
    """The requests that a server gets, which answers with `replies`, the last of them again."""
    heard: list[bytes] = []
    upcoming: Iterator[bytes] = chain(replies, repeat(replies[-1]))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            heard.append(head + await reader.readexactly(len(BODY)))
            writer.write(next(upcoming))
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        client = HttpClient(seconds=5)
        async with server:
            port = server.sockets[0].getsockname()[1]
            url = httpx2.URL(f"http://{host}:{port}/v1/chat?a=b%20c")
            await use(client, client.target(url, HEADERS))
            await client.aclose()

    asyncio.run(main())
    return heard


async def both(client: HttpClient, target: Target) -> None:
    pool = client._pool(target)
    assert pool is not None and is_straight(pool)
    line = client._line(pool, target)
    assert line is not None
    for _ in range(2):
        straight = await client._straight(line, target, BODY)
        usual = await client._by_client(pool, target, BODY)
        assert straight == usual and straight is not None and straight.text == "{}"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("cookie", [b"", b"Set-Cookie: route=a1; Path=/\r\n"])
def test_the_bytes_are_those_of_aiohttps_client(host: str, cookie: bytes) -> None:
    heard = talk(both, [OK + cookie + b"\r\n{}"], host=host)
    first, usual, third, again = [
        sorted(head.lower().replace(b", ", b",").split(b"\r\n")) for head in heard
    ]
    assert third == usual == again
    is_kept = bool(cookie) and host == "localhost"  # aiohttp keeps no cookie of a bare address
    assert (b"cookie: route=a1" in usual) == is_kept
    assert first == [line for line in usual if not line.startswith(b"cookie")]


def test_a_head_that_announces_another_is_passed_over() -> None:
    async def post(client: HttpClient, target: Target) -> None:
        reply = await client.post_json(target, BODY)
        assert (reply.status, reply.text) == (200, "{}")

    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    assert len(talk(post, [early + OK + b"\r\n{}"])) == 1


def test_a_head_that_is_none_is_an_error_of_the_reply() -> None:
    async def post(client: HttpClient, target: Target) -> None:
        with pytest.raises(aiohttp.ClientResponseError):
            await client.post_json(target, BODY)

    talk(post, [b"HTTP/9.9 two hundred\r\n\r\n"])


def test_a_connection_whose_reply_was_not_read_serves_no_other_call() -> None:
    async def cancelled(client: HttpClient, target: Target) -> None:
        call = asyncio.ensure_future(client.post_json(target, BODY))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await client.post_json(target, BODY)).text == "{}"
        assert (await client.post_json(target, BODY)).text == "{}"

    assert len(talk(cancelled, [OK + b"\r\n", OK + b"\r\n{}"])) == 3


def test_a_header_with_the_end_of_a_line_is_never_sent() -> None:
    async def post(client: HttpClient, target: Target) -> None:
        bad = Target(target.bare, target.address, {**HEADERS, "x-a": "b\r\nx-c: d"})
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.post_json(bad, BODY)

    assert talk(post, [OK + b"\r\n{}"]) == []
