"""What a model is to this project: one coroutine from a request to a completion.

Providers (openai, local, scripted) and the layers around them all have this shape, so any of them can stand in for another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a stage samples (the OpenAI API's names and units). None leaves a value to the server."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One part of a prompt. The role `prompt` is raw text that the model goes on from."""

    role: str  # system | user | assistant | prompt
    text: str


@dataclass(frozen=True)  # no slots: a key is made once
class Request:
    """Everything that decides a reply, and nothing else: two equal requests may share one completion."""

    stage: str  # propose | classify | input_first | output_first
    place: str  # where in the run it stands: "t12" a turn, "i345" an instruction; readable, unique within a stage
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

    @cached_property
    def key(self) -> str:
        """32 hex digits, the same for equal requests on every machine and in every version of Python."""
        decoding = self.decoding
        canonical = _ENCODER.encode(
            [
                *(self.stage, self.place, self.model, self.api),
                [(message.role, message.text) for message in self.messages],
                *(decoding.temperature, decoding.top_p, decoding.max_tokens),
                *(decoding.presence_penalty, decoding.frequency_penalty, decoding.stop),
                *(self.seed, self.response_format, self.grammar, self.extra),
            ]
        )
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:32]

    @property
    def text(self) -> str:
        """The prompt as one text, as a completions endpoint gets it."""
        return "\n\n".join(message.text for message in self.messages)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, as the server counts them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0  # of the prompt's: the server had read them before
    reasoning_tokens: int = 0  # of the completion's: paid for like the others, no part of the reply
    batch_prompt_tokens: int = 0  # of the prompt's: bought at the batch endpoint's price
    batch_completion_tokens: int = 0
    batch_cached_tokens: int = 0  # of the cached ones

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.batch_prompt_tokens + other.batch_prompt_tokens,
            self.batch_completion_tokens + other.batch_completion_tokens,
            self.batch_cached_tokens + other.batch_cached_tokens,
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
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """A reply, or the reason why there will never be one."""

    text: str  # as it was paid for, thinking aloud included
    finish_reason: str  # stop | length | content_filter | ..., as the server says it; "error" if the request failed for good
    usage: Usage = Usage()
    error: str | None = None  # a slug; then `text` holds the server's words
    reasoning: str = ""  # what the model thought, where the server sends that beside the reply


@dataclass(frozen=True, slots=True)
class Remaining:
    """What an endpoint says is left of one of its limits."""

    left: int
    limit: int | None  # None: it does not say
    reset: float  # seconds until all of it is there again


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much more an endpoint says it will take, of requests and of tokens. None: it does not say."""

    requests: Remaining | None = None
    tokens: Remaining | None = None


class Model(Protocol):
    """Answers requests. `complete` may be awaited many times at once."""

    async def complete(self, request: Request) -> Completion:
        """Raises ModelError if the endpoint will not serve this run at all."""
        ...

    async def close(self) -> None: ...
