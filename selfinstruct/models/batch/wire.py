"""Lines of a round's files, from the side of the worker: requests read, replies written. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfinstruct.models import Completion, Decoding, Message, Request

_SAMPLING = ("temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty")
_OF_REQUEST = {"model", "messages", "prompt", "seed", "stop", *_SAMPLING}
# Errors of single requests, as reasons of ours: the status and the code of OpenAI's interface.
_REFUSALS = {
    "context_overflow": (400, "context_length_exceeded"),
    "content_filter": (400, "content_filter"),
    "server_error": (500, "server_error"),
}


def request_of(record: Mapping[str, Any], model: str) -> Request:
    """The request in a line of a round's file, whose body the endpoint gets as it is.

    model: the name at the endpoint, in the place of the body's. Raises KeyError, TypeError,
    ValueError or AttributeError for a line that is no request.
    """
    body = record["body"]
    api = "chat" if record["url"].endswith("/chat/completions") else "completions"
    if api == "chat":
        messages = tuple(Message(str(each["role"]), each["content"]) for each in body["messages"])
    else:
        messages = (Message("prompt", body["prompt"]),)
    stop = body.get("stop") or ()
    decoding = Decoding(
        **{name: body.get(name) for name in _SAMPLING},
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
    )
    others = tuple((name, value) for name, value in body.items() if name not in _OF_REQUEST)
    return Request(
        *("round", record["custom_id"], model or body["model"], api, messages, decoding),
        seed=int(body.get("seed") or 0),
        extra=others,
    )


def reply_line(key: str, request: Request, completion: Completion) -> dict[str, Any]:
    """The line of a completion, from which the run reads the same completion."""
    status, body = 200, _body(request, completion)
    if completion.finish_reason == "error":
        status, code = _REFUSALS.get(completion.error or "", (400, "bad_request"))
        body = {"error": {"message": completion.text, "code": code, "type": code}}
    return {
        "id": f"reply-{key}",
        "custom_id": key,
        "response": {"status_code": status, "request_id": f"reply-{key}", "body": body},
        "error": None,
    }


def _body(request: Request, completion: Completion) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "finish_reason": completion.finish_reason}
    if request.api == "chat":
        choice["message"] = {"role": "assistant", "content": completion.text}
        if completion.reasoning:
            choice["message"]["reasoning_content"] = completion.reasoning
    else:
        choice["text"] = completion.text
    kind = "chat.completion" if request.api == "chat" else "text_completion"
    body: dict[str, Any] = {"object": kind, "model": request.model, "choices": [choice]}
    usage = completion.usage
    if not usage.estimated_tokens:  # or the run estimates them itself
        body["usage"] = {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        }
    return body
