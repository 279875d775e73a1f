"""Ten kinds of servers, as public bug reports describe them: KINDS, each with the options it needs.

    PYTHONPATH=.:tests python tests/kinds.py     # what `selfinstruct try` says of each of them

A kind is a stack of small behaviours, all of them in words of our own. docs/models.md has the
table of the same names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from behaviours import (
    above,
    answer_with,
    anthropic,
    any_of,
    choice,
    google,
    has,
    has_system,
    is_format,
    message,
    openai,
    refuse,
    short,
    usage,
    vllm,
)
from click import echo
from server import Answer, Behaviour, Call, LoopbackServer
from test_stream import streaming


@dataclass(frozen=True)
class Kind:
    """A kind of server. options: of `try`, `generate` and `judge`. secrets: in the environment.

    left_out: the fields that discovery leaves out there, as `try` names them.
    """

    name: str
    behaviours: tuple[Behaviour, ...]
    options: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    model: str = "mentor"


def wanting(header: str, value: str, **query: str) -> Behaviour:
    """Lets in only calls with this header and this query."""

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        if call.headers.get(header) != value:
            return answer_with(401, openai("Access denied: no valid subscription key."))
        if dict(call.http.query) != query:
            return answer_with(404, openai("Resource not found"))
        return await go_on(call)

    return behave


def is_greedy(body: dict[str, Any]) -> bool:
    return body.get("temperature") == 0


def is_other_than(name: str, value: object) -> Any:
    return lambda body: name in body and body[name] != value


def thinking(text: str) -> dict[str, Any]:
    return {"reasoning_content": f"First I look at the task of {len(text)} letters."}


async def _thinks_beside(call: Call, go_on: Answer) -> web.StreamResponse:
    """A reply with its thoughts beside; a small limit is spent on the thoughts alone."""
    response = await go_on(call)
    assert isinstance(response, web.Response) and isinstance(response.body, bytes)
    body = json.loads(response.body)
    most = call.body.get("max_tokens") or call.body.get("max_completion_tokens") or 4096
    first, text = body["choices"][0], body["choices"][0]["message"]["content"]
    first["message"] |= thinking(text)
    body["usage"]["completion_tokens_details"] = {"reasoning_tokens": min(most, 60)}
    body["usage"]["completion_tokens"] += min(most, 60)
    if most < 60:
        first["message"]["content"], first["finish_reason"] = "", "length"
    return web.json_response(body)


OPENAI = Kind(
    "OpenAI, a reasoning model",
    (
        refuse(has("max_tokens"), 400, "'max_tokens' is not supported; use max_completion_tokens."),
        refuse(is_other_than("temperature", 1), 400, "'temperature': only the default 1 is taken."),
        refuse(has("top_p"), 400, "'top_p' is not supported with this model."),
    ),
    left_out=("max_tokens", "temperature", "top_p"),
)
AZURE = Kind(
    "Azure",
    (wanting("api-key", "az-5f0c2b7d91e34a68", **{"api-version": "2024-10-21"}),),
    ("--header-env", "api-key=AZURE_KEY", "--query", "api-version=2024-10-21"),
    secrets=(("AZURE_KEY", "az-5f0c2b7d91e34a68"),),
)
ANTHROPIC = Kind(
    "Anthropic",
    (
        refuse(
            has("temperature", "top_p"),
            400,
            "Set temperature or top_p for this model, but not both of them.",
            anthropic,
        ),
        refuse(any_of("response_format"), 400, "response_format: extra input.", anthropic),
    ),
    left_out=("top_p",),
)
GEMINI = Kind(
    "Gemini's interface, Gemma",
    (
        refuse(has_system, 400, "This model has no developer instruction.", google),
        refuse(any_of("seed"), 400, 'Unknown name "seed": no such field.', google),
    ),
    left_out=("system", "seed"),
    model="mentor-2",
)
DEEPSEEK = Kind(
    "DeepSeek",
    (
        refuse(is_format("json_schema"), 400, "This kind of response_format is not offered now."),
        _thinks_beside,
    ),
    ("--max-tokens", "classify=2048"),
)
OPENROUTER = Kind(
    "OpenRouter",
    (
        refuse(any_of("seed"), 404, "No endpoints found that take the parameters: seed", short),
        choice(message(refusal=None, reasoning=None)),
    ),
    ("--header", "HTTP-Referer: https://example.org", "--header", "X-Title: my data"),
    ("seed",),
    model="mentor-2",
)
VLLM = Kind(
    "vLLM",
    (
        refuse(is_greedy, 400, "temperature must be above 0 for this sampler, got 0.0", vllm),
        choice(message(reasoning=lambda text: "Hm.")),
    ),
    left_out=("classify.temperature",),
)
LLAMA_CPP = Kind(
    "llama.cpp",
    (usage(),),
)
OLLAMA = Kind(
    "Ollama",
    (choice(message(content=lambda text: f"<think>\nEasy.\n</think>\n\n{text}")),),
)
LM_STUDIO = Kind(
    "LM Studio",
    (
        refuse(
            is_format("json_object"), 400, "'response_format.type' must be 'json_schema' or 'text'"
        ),
        refuse(above("top_p", 0.9), 400, "top_p: at most 0.9"),
    ),
    left_out=("top_p",),
)
STREAMS = Kind("a gateway that only streams", (streaming(only=True),), ("--stream",))
KINDS = (
    *(OPENAI, AZURE, ANTHROPIC, GEMINI, DEEPSEEK, OPENROUTER),
    *(VLLM, LLAMA_CPP, OLLAMA, LM_STUDIO, STREAMS),
)


def main() -> None:
    from command import invoke

    for kind in KINDS:
        with LoopbackServer(*kind.behaviours) as server:
            where = ("--base-url", server.base_url, "--model", kind.model)
            ran = invoke("try", *where, *kind.options, "--judge", **dict(kind.secrets))
        echo(f"=== {kind.name} {' '.join(kind.options)} (exit code {ran.code})\n{ran.out}{ran.err}")


if __name__ == "__main__":
    main()
