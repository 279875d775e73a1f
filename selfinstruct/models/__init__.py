"""Models: a model is a coroutine from a request to a completion.

Providers (openai, local, scripted) and the layers around them all have this shape, so that any of
them can take the place of another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

PROBE = "probe"  # the stage of a tiny request that tells whether a server answers (retry.py)
CONTINUATION = "continuation"  # the role of a given text whose likelihood is asked for
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"))
_READABLE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)  # no slots: a stage's decoding is encoded once for all requests
class Decoding:
    """How a stage samples (the OpenAI API's names and units). None leaves a value to the server."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: tuple[str, ...] = ()

    @cached_property
    def canonical(self) -> str:
        """The JSON of all values in a request's key, without brackets."""
        values = (self.temperature, self.top_p, self.max_tokens)
        penalties = (self.presence_penalty, self.frequency_penalty)
        return _ENCODER.encode((*values, *penalties, self.stop))[1:-1]


@dataclass(frozen=True)  # no slots: a template's messages are encoded once for all requests
class Message:
    """A part of a prompt. The role `prompt` is raw text that the model continues."""

    role: str  # system | user | assistant | prompt | continuation
    text: str

    @property
    def in_chat(self) -> str:
        """The role of the message in a chat."""
        return "user" if self.role == "prompt" else self.role

    @cached_property
    def _ascii(self) -> str:
        """The text as a JSON string, in ASCII."""
        return _ENCODER.encode(self.text)

    @cached_property
    def canonical(self) -> str:
        """The JSON of role and text in a request's key."""
        return f"[{_ENCODER.encode(self.role)},{self._ascii}]"

    @cached_property
    def as_json(self) -> str:
        """The JSON of the message in the body of a chat."""
        is_same = self.text.isascii() and "\x7f" not in self.text  # which ASCII alone escapes
        text = self._ascii if is_same else _READABLE.encode(self.text)
        return f'{{"role":{_READABLE.encode(self.in_chat)},"content":{text}}}'

    @cached_property
    def size(self) -> int:
        """Bytes of the text."""
        return len(self.text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True)  # no slots: a key is made once
class Request:
    """Everything that decides a reply, and nothing else: equal requests may share a completion."""

    stage: str  # propose | classify | input_first | output_first
    # the place in the run: "t12" a turn, "i345" an instruction; readable, unique within a stage
    place: str
    model: str
    api: str  # chat | completions
    messages: tuple[Message, ...]
    decoding: Decoding
    seed: int  # of the server's sampling, 0 <= seed < 2**31
    response_format: str = "text"  # text | json_object | json_schema
    grammar: str | None = None  # GBNF, for llama.cpp's servers
    extra: tuple[tuple[str, Any], ...] = field(default=())  # further fields of the request's body
    # Not part of the key: both follow from the stage.
    schema: Mapping[str, Any] | None = field(default=None, compare=False)  # of a JSON reply
    shrinks: bool = field(default=False, compare=False)  # asked again, shorter, if too long
    # of a probe: the address that must answer, where several share the load
    server: str = field(default="", compare=False)

    @cached_property
    def key(self) -> str:
        """32 hex digits, equal for equal requests on every machine and every version of Python."""
        encode = _ENCODER.encode  # a text alone takes a fifth of the time of a list
        head = f"{encode(self.stage)},{encode(self.place)},{encode(self.model)},{encode(self.api)}"
        messages = ",".join([message.canonical for message in self.messages])
        grammar = "null" if self.grammar is None else encode(self.grammar)
        extra = encode(self.extra) if self.extra else "[]"
        tail = f"{self.seed},{encode(self.response_format)},{grammar},{extra}"
        canonical = f"[{head},[{messages}],{self.decoding.canonical},{tail}]"  # one JSON list
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:32]

    @property
    def text(self) -> str:
        """The prompt as a single text, as a completions endpoint gets the prompt."""
        if self.messages and self.messages[-1].role == CONTINUATION:
            prompt = "\n\n".join(message.text for message in self.messages[:-1])
            return prompt + self.messages[-1].text
        return "\n\n".join(message.text for message in self.messages)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a call, as the server counts them, or as estimated where its count cannot be."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0  # of the prompt's: the server had read them before
    reasoning_tokens: int = 0  # of the completion's: paid for like the others, no part of the reply
    batch_prompt_tokens: int = 0  # of the prompt's: bought at the batch endpoint's price
    batch_completion_tokens: int = 0
    batch_cached_tokens: int = 0  # of the cached ones
    # of all: not counted by the server, but taken from the length of the texts
    estimated_tokens: int = field(default=0, compare=False)

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.batch_prompt_tokens + other.batch_prompt_tokens,
            self.batch_completion_tokens + other.batch_completion_tokens,
            self.batch_cached_tokens + other.batch_cached_tokens,
            self.estimated_tokens + other.estimated_tokens,
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens - other.prompt_tokens,
            self.completion_tokens - other.completion_tokens,
            self.cached_tokens - other.cached_tokens,
            self.reasoning_tokens - other.reasoning_tokens,
            self.batch_prompt_tokens - other.batch_prompt_tokens,
            self.batch_completion_tokens - other.batch_completion_tokens,
            self.batch_cached_tokens - other.batch_cached_tokens,
            self.estimated_tokens - other.estimated_tokens,
        )

    def in_batch(self) -> Usage:
        """The same tokens, bought at the batch endpoint."""
        return Usage(
            *(
                self.prompt_tokens,
                self.completion_tokens,
                self.cached_tokens,
                self.reasoning_tokens,
            ),
            *(self.prompt_tokens, self.completion_tokens, self.cached_tokens),
            self.estimated_tokens,
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """A reply, or the reason for a final failure."""

    text: str  # as it was paid for, thinking aloud included
    # stop | length | content_filter | ..., as the server names it; "error": failed for good
    finish_reason: str
    usage: Usage = Usage()
    error: str | None = None  # a slug; then `text` holds the server's words
    reasoning: str = ""  # what the model thought, where the server sends that beside the reply


@dataclass(frozen=True, slots=True)
class Remaining:
    """The rest of a limit, as an endpoint's headers name it."""

    left: int
    limit: int | None  # None: it does not say
    reset: float  # seconds until all of it is there again


@dataclass(frozen=True, slots=True)
class Allowance:
    """The requests and tokens that an endpoint will still take, by its headers. None: not named."""

    requests: Remaining | None = None
    tokens: Remaining | None = None


class Model(Protocol):
    """Answers requests. `complete` may be awaited many times at once."""

    async def complete(self, request: Request) -> Completion:
        """Raises ModelError if the endpoint will not serve this run at all."""
        ...

    async def close(self) -> None: ...
