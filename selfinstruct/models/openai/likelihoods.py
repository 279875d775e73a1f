"""The log-probabilities of a given text: bodies that ask for them, and replies that tell. Pure.

The last message of a scoring request has the role `continuation`. Servers tell its tokens'
log-probabilities in one of these forms:

| form              | body                                                 | servers               |
|-------------------|------------------------------------------------------|-----------------------|
| `echo`            | `echo`, `logprobs`, no new token                     | vLLM, SGLang          |
| `echo_and_token`  | the same, with a new token                           | those that refuse 0   |
| `prompt_logprobs` | `prompt_logprobs`, with a new token                  | vLLM                  |
| `tokens`          | a grammar that allows the continuation's tokens only | llama.cpp             |

Under such a grammar a model can write nothing else, and llama.cpp tells log-probabilities from
before the grammar has its say.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from selfinstruct.models import CONTINUATION, Completion, Request
from selfinstruct.models.openai.usage import usage_of

LIKELIHOOD = "likelihood"  # the name of the form among an endpoint's findings
ECHO, ECHO_AND_TOKEN, PROMPT_LOGPROBS, TOKENS = (
    *("echo", "echo_and_token"),
    *("prompt_logprobs", "tokens"),
)
FORMS = (ECHO, ECHO_AND_TOKEN, PROMPT_LOGPROBS, TOKENS)
_LEAST = -9999.0  # nats, for a token that cannot be; as vLLM has them
_OF_LLAMA_CPP = "cache_prompt"  # a field that this server alone knows


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely a model finds a text. logprob: the sum over `tokens` tokens, in nats."""

    tokens: int
    logprob: float

    @property
    def mean(self) -> float:
        """The log-probability of a token on average: minus the cross-entropy."""
        return self.logprob / self.tokens

    @property
    def probability(self) -> float:
        """exp(-mean token cross-entropy), from 0 to 1."""
        return math.exp(self.mean)

    def to_text(self) -> str:
        """The text of a completion on record."""
        return json.dumps({"tokens": self.tokens, "logprob": self.logprob})

    @classmethod
    def from_text(cls, text: str) -> Likelihood:
        record = json.loads(text)
        return cls(record["tokens"], record["logprob"])


def is_scoring(request: Request) -> bool:
    """Whether a request asks for the likelihood of its last message."""
    return bool(request.messages) and request.messages[-1].role == CONTINUATION


def forms_of(request: Request) -> Sequence[str]:
    """The forms in the order of trial."""
    is_llama_cpp = any(name == _OF_LLAMA_CPP for name, _ in request.extra)
    return (TOKENS, *FORMS[:-1]) if is_llama_cpp else FORMS


def scoring_body(request: Request, form: str, tokens: Sequence[int] = ()) -> dict[str, Any]:
    """The body of a scoring request in a form. tokens: of the continuation, for that form."""
    continuation = request.messages[-1].text
    body: dict[str, Any] = {"model": request.model, "prompt": request.text}
    if form == TOKENS:
        body["prompt"] = request.text.removesuffix(continuation)
        body["grammar"] = "root ::= " + " ".join(f"<[{token}]>" for token in tokens)
        body |= {"max_tokens": len(tokens), "logprobs": 1}
    elif form == PROMPT_LOGPROBS:
        body |= {"max_tokens": 1, "prompt_logprobs": 0}
    else:
        body |= {"max_tokens": int(form == ECHO_AND_TOKEN), "echo": True, "logprobs": 1}
    return {**body, "temperature": 0, **dict(request.extra)}


def scored(record: Mapping[str, Any], request: Request, form: str) -> Completion | None:
    """The completion of a reply in a form, with a `Likelihood` as its text; None without one."""
    choices = record.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        return None
    continuation = request.messages[-1].text
    if form == TOKENS:
        found = _of_tokens(choice, continuation)
    elif form == PROMPT_LOGPROBS:
        found = _of_prompt(choice.get("prompt_logprobs", record.get("prompt_logprobs")))
        found = _last(found, len(continuation))
    else:
        found = _of_echo(choice, request.text, len(continuation))
    if not found or any(not _is_logprob(logprob) for logprob in found):
        return None
    likelihood = Likelihood(len(found), math.fsum(max(each, _LEAST) for each in found))
    usage = usage_of(record.get("usage"), request, "")
    return Completion(likelihood.to_text(), "stop", usage)


def _of_echo(choice: Mapping[str, Any], text: str, length: int) -> list[Any] | None:
    """The log-probabilities of the last `length` characters of the echoed `text`."""
    said, echoed = choice.get("logprobs"), choice.get("text")
    if not isinstance(said, dict) or not isinstance(echoed, str):
        return None
    tokens, logprobs = said.get("tokens"), said.get("token_logprobs")
    if not isinstance(tokens, list) or not isinstance(logprobs, list):
        return None
    if len(tokens) != len(logprobs) or text.strip() not in echoed:
        return None  # a server that knows no echo tells of the tokens that it wrote
    offsets = said.get("text_offset")
    if not isinstance(offsets, list) or len(offsets) != len(tokens):
        offsets = list(accumulate((len(str(token)) for token in tokens), initial=0))[:-1]
    shift = echoed.find(text.strip()) - (len(text) - len(text.lstrip()))
    begin, end = shift + len(text) - length, shift + len(text)
    ends = [*offsets[1:], len(echoed)]
    return [
        logprob
        for logprob, start, stop in zip(logprobs, offsets, ends, strict=True)
        if start < end and (stop > begin or start >= begin)
    ]


def _of_prompt(said: Any) -> list[tuple[str, Any]] | None:
    """Each token of a prompt as vLLM tells: its text and its log-probability."""
    if not isinstance(said, list):
        return None
    found: list[tuple[str, Any]] = []
    for place in said:
        entries = list(place.values()) if isinstance(place, dict) else []
        first = entries[0] if entries and isinstance(entries[0], dict) else {}
        found.append((str(first.get("decoded_token") or ""), first.get("logprob")))
    return found


def _last(found: list[tuple[str, Any]] | None, length: int) -> list[Any] | None:
    """The log-probabilities of the last tokens that make up `length` characters."""
    taken: list[Any] = []
    for text, logprob in reversed(found or []):
        if length <= 0:
            break
        taken.append(logprob)
        length -= len(text)
    return taken[::-1] if length <= 0 else None


def _of_tokens(choice: Mapping[str, Any], continuation: str) -> list[Any] | None:
    """The log-probabilities of tokens that the grammar has forced."""
    said = choice.get("logprobs")
    content = said.get("content") if isinstance(said, dict) else None
    if not isinstance(content, list) or choice.get("text") != continuation:
        return None
    return [token.get("logprob") for token in _dicts(content)]


def _dicts(values: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    return (value for value in values if isinstance(value, dict))


def _is_logprob(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and value <= 1e-3  # which NaN is not
