"""Requests as rows of Ray Data's LLM processor, and its rows as completions. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from selfinstruct.models import Completion, Usage

# What vLLM samples with, and its values where a body has none: Arrow wants the same fields in all
# rows. `max_tokens` None: until the model ends, or its context does.
_SAMPLING: Mapping[str, Any] = {
    "max_tokens": None,
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": 0.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "repetition_penalty": 1.0,
    "seed": None,
    "stop": (),
}
KNOWN = {*_SAMPLING, "model", "messages", "prompt", "response_format"}
_OVERFLOW = ("maximum model length", "max_model_len", "maximum context length")


def row_of(number: int, body: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the dataset: a request, with all of its sampling parameters named."""
    sampling = {
        name: default if body.get(name) is None else body[name]
        for name, default in _SAMPLING.items()
    }
    stop = sampling["stop"]
    sampling["stop"] = [stop] if isinstance(stop, str) else list(stop)
    asked = body.get("response_format") or {}
    schema = (asked.get("json_schema") or {}).get("schema")
    if schema is not None:
        sampling["structured_outputs"] = {"json": schema}
    elif asked.get("type") == "json_object":
        sampling["structured_outputs"] = {"json_object": True}
    prompt = body.get("messages", body.get("prompt"))
    return {"number": number, "prompt": json.dumps(prompt), "sampling": json.dumps(sampling)}


def completion_of(
    row: Mapping[str, Any], max_tokens: int | None, options: Mapping[str, Any]
) -> Completion:
    """The completion in a row of replies.

    The processor names no reason for the end. A reply of `max_tokens` tokens, or up to the end of
    `max_model_len`, counts as cut.
    """
    if words := row.get("__inference_error__"):
        slug = "context_overflow" if any(each in words for each in _OVERFLOW) else "server_error"
        return Completion(words, "error", error=slug)
    usage = Usage(row["prompt_tokens"], row["completion_tokens"])
    context = options.get("max_model_len")
    is_cut = max_tokens is not None and usage.completion_tokens >= max_tokens
    if isinstance(context, int):
        is_cut = is_cut or usage.prompt_tokens + usage.completion_tokens >= context
    return Completion(row["text"], "length" if is_cut else "stop", usage)


def as_chat(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the processor wants of a chat."""
    return _asked(row, "messages")


def as_prompt(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the processor wants of a raw prompt."""
    return _asked(row, "prompt")


def _asked(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    prompt, sampling = json.loads(row["prompt"]), json.loads(row["sampling"])
    return {"number": row["number"], name: prompt, "sampling_params": sampling}


def shortened(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the processor's reply that `completion_of` needs."""
    counts = {"prompt_tokens": "num_input_tokens", "completion_tokens": "num_generated_tokens"}
    kept = {name: int(row[theirs]) for name, theirs in counts.items()}
    return {"number": row["number"], "text": row["generated_text"], **kept}
