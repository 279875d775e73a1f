"""Replies that come as streams of events, put together to the record of a whole reply.

A server sends the pieces of a reply as server-sent events (WHATWG HTML, section 9.2.6), each a
JSON object with a `delta`, then `[DONE]`. A reply is whole once a finish reason has come; usage may
follow.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from selfinstruct.compat import timeout
from selfinstruct.models.openai.failures import HTTP_ERRORS, TooLarge

_END_OF_LINE = re.compile(r"\r\n|\n|\r")
_BEGINS = re.compile(r"\s*(?:data|event|id|retry)?:")
_NO_REASON = (None, "", "null")  # in the chunks before the last
_SHOWN = 80  # characters of an event in a message
_BYTES_A_CHARACTER = 16  # at most on the wire, where each piece of a text has an event of its own
_LAST_WORDS = 0.2  # seconds after [DONE] for the end of a stream, to use the connection again


class BrokenStream(Exception):
    """A stream ended before its reply was whole, or holds an event that nobody can read."""


class Endings:
    """Whether [DONE] alone ends a reply: after a few such streams, if no reason ever came."""

    _MOST_CUT = 3

    def __init__(self) -> None:
        self._names, self._nameless = False, 0

    def take(self, gathering: Gathering) -> None:
        """Learn from a stream, and settle whether its reply is whole."""
        self._names = self._names or gathering.finish_reason is not None
        if gathering.is_done and gathering.has_choices and not gathering.is_whole:
            self._nameless += 1
            gathering.ends_at_done = self._nameless > self._MOST_CUT and not self._names


def is_stream(headers: Mapping[str, str]) -> bool:
    """headers: by name in lower case."""
    return headers.get("content-type", "").strip().lower().startswith("text/event-stream")


async def read_stream(pieces: AsyncIterator[bytes], most: int, endings: Endings) -> str:
    """The JSON text of a whole reply. most: its length, in characters.

    Raises BrokenStream, TooLarge or an exception of failures.HTTP_ERRORS. A connection that breaks
    after the end of the reply does no harm.
    """
    gathering, length = Gathering(most), 0
    try:
        async for piece in pieces:
            length += len(piece)
            if length > _BYTES_A_CHARACTER * most:
                raise TooLarge
            gathering.feed(piece)
            if gathering.is_done:
                break
        gathering.feed(b"", is_last=True)
    except HTTP_ERRORS:
        if not gathering.is_whole:
            raise
    with contextlib.suppress(*HTTP_ERRORS, TimeoutError, asyncio.TimeoutError):
        async with timeout(_LAST_WORDS):
            async for _ in pieces:
                pass
    endings.take(gathering)
    return gathering.text()


def gathered(text: str, most: int, endings: Endings) -> str:
    """The text of a body; put together if the server sent events under another name.

    Raises BrokenStream or TooLarge.
    """
    if _BEGINS.match(text) is None:
        return text
    gathering = Gathering(most)
    gathering.feed(text.encode("utf-8", "replace"), is_last=True)
    endings.take(gathering)
    return gathering.text()


class Events:
    """The data of the events in a stream of bytes, however the bytes are cut into pieces."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""  # of a line
        self._data: list[str] = []  # lines of an event

    def feed(self, piece: bytes, *, is_last: bool = False) -> Iterator[str]:
        """The data of each event that `piece` completes."""
        text = self._rest + self._decoder.decode(piece, is_last)
        held = "\r" if text.endswith("\r") and not is_last else ""  # perhaps half of a \r\n
        *lines, self._rest = _END_OF_LINE.split(text[: len(text) - len(held)])
        self._rest += held
        if is_last:
            lines += [self._rest, ""]
            self._rest = ""
        for line in lines:
            if line:
                name, _, value = line.partition(":")
                if name == "data":
                    self._data.append(value.removeprefix(" "))
            elif self._data:
                yield "\n".join(self._data)
                self._data = []

    @property
    def pending(self) -> int:
        """Characters of the event that is not complete yet."""
        return len(self._rest) + sum(map(len, self._data))


class Gathering:
    """A reply that is put together from its events.

    most: characters of a reply, and of a single event.
    """

    def __init__(self, most: int) -> None:
        self._events, self._most = Events(), most
        self._record: dict[str, Any] = {}
        self._message: dict[str, list[str]] = {}  # pieces of the message's texts, by name
        self._parts: list[Any] = []  # of a content that comes in parts
        self._tools: dict[int, dict[str, Any]] = {}
        self._role = "assistant"
        self.finish_reason: Any = None
        self._is_chat, self._length = True, 0
        self.has_choices = self.ends_at_done = False
        self.is_done = False  # [DONE] has come, or an error

    def feed(self, piece: bytes, *, is_last: bool = False) -> None:
        """Raises BrokenStream or TooLarge."""
        for data in self._events.feed(piece, is_last=is_last):
            are_several = "\n" in data and _object(data) is None  # without blank lines between
            for event in data.split("\n") if are_several else (data,):
                self._take(event)
        if self._events.pending > self._most:
            raise TooLarge

    @property
    def is_whole(self) -> bool:
        """Whether the reply has come to its end; an error is an end as well."""
        is_end = self.is_done and (self.ends_at_done or "usage" in self._record)
        return self.finish_reason is not None or "error" in self._record or is_end

    def text(self) -> str:
        """The JSON text of the whole reply, as without a stream. Raises BrokenStream."""
        if not self.is_whole:
            held = "a reply" if self.has_choices else "nothing"
            raise BrokenStream(f"the stream ended with {held} and without a finish reason")
        if "error" in self._record:
            return json.dumps(self._record)
        return json.dumps({**self._record, "choices": [self._choice()]})

    def _choice(self) -> dict[str, Any]:
        texts = {name: "".join(pieces) for name, pieces in self._message.items()}
        choice: dict[str, Any] = {"index": 0, "finish_reason": self.finish_reason}
        if not self._is_chat:
            return {**choice, "text": texts.get("text", "")}
        message: dict[str, Any] = {"role": self._role, "content": "", **texts}
        if self._parts:
            message["content"] = [*self._parts, {"type": "text", "text": message["content"]}]
        if self._tools:
            message["tool_calls"] = [self._tools[number] for number in sorted(self._tools)]
        return {**choice, "message": message}

    # ------------------------------------------------ an event

    def _take(self, data: str) -> None:
        if self.is_done or not data.strip():
            return
        if data.strip() == "[DONE]":
            self.is_done = True
            return
        chunk = _object(data)
        if chunk is None and self.is_whole:
            return  # the connection broke after the end of the reply
        if chunk is None:
            raise BrokenStream(f"the stream holds an event that is no JSON ({data[:_SHOWN]})")
        if chunk.get("error"):
            self._record = {"error": chunk["error"]}
            self.is_done = True
            return
        for name in ("id", "model", "object", "created", "usage"):
            if chunk.get(name) is not None:
                self._record[name] = chunk[name]
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and choice.get("index") in (0, None):
                self._add(choice)

    def _add(self, choice: Mapping[str, Any]) -> None:
        self.has_choices = True
        if choice.get("finish_reason") not in _NO_REASON:
            self.finish_reason = choice["finish_reason"]
        delta = choice.get("delta") or choice.get("message")
        self._is_chat = self._is_chat and "text" not in choice
        if isinstance(choice.get("text"), str):
            self._add_text("text", choice["text"])
        for name, value in delta.items() if isinstance(delta, dict) else ():
            if name == "role":
                self._role = value if isinstance(value, str) else self._role
            elif isinstance(value, str):
                self._add_text(name, value)
            elif name == "content" and isinstance(value, list):
                self._add_parts(value)
            elif name == "tool_calls" and isinstance(value, list):
                self._add_tools(value)

    def _add_text(self, name: str, piece: str) -> None:
        self._message.setdefault(name, []).append(piece)
        self._length += len(piece)
        if self._length > self._most:
            raise TooLarge

    def _add_parts(self, parts: list[Any]) -> None:
        self._parts += parts
        self._length += len(str(parts))
        if self._length > self._most:
            raise TooLarge

    def _add_tools(self, calls: list[Any]) -> None:
        for call in calls:
            if not isinstance(call, dict):
                continue
            number = call.get("index")
            known = self._tools.setdefault(
                number if isinstance(number, int) else 0,
                {"type": "function", "function": {"name": "", "arguments": ""}},
            )
            if isinstance(call.get("id"), str):
                known["id"] = call["id"]
            function = call.get("function")
            for name, value in function.items() if isinstance(function, dict) else ():
                if name in known["function"] and isinstance(value, str):
                    known["function"][name] += value
                    self._length += len(value)
        if self._length > self._most:
            raise TooLarge


def _object(text: str) -> dict[str, Any] | None:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
