"""The JSON of OpenAI's interface: requests to bodies. Pure.

left_out: the fields that a server does not take, as in fields.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from selfinstruct.models import Decoding, Request
from selfinstruct.models.openai.fields import bounds_of, for_stage, within

_INSTANCE = {
    "type": "object",
    "properties": {"input": {"type": "string"}, "output": {"type": "string"}},
    "required": ["input", "output"],
    "additionalProperties": False,
}


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def encoded(body: Mapping[str, Any]) -> bytes:
    """The bytes of a body."""
    return _ENCODER.encode(body).encode("utf-8", "replace")


def content_of(request: Request, left_out: Mapping[str, str | None]) -> bytes:
    """The same as encoded(body_of(...)), from the text that each message keeps of itself."""
    if request.api != "chat" or "system" in for_stage(left_out, request.stage):
        return encoded(body_of(request, left_out))
    rest = _ENCODER.encode(_rest_of(request, left_out))
    return _chat(request, f"{',' if len(rest) > 2 else ''}{rest[1:]}")


def _chat(request: Request, rest: str) -> bytes:
    """The body of a chat. rest: the JSON behind the messages."""
    messages = ",".join([message.as_json for message in request.messages])
    head = f'{{"model":{_ENCODER.encode(request.model)},"messages":[{messages}]'
    return f"{head}{rest}".encode("utf-8", "replace")


class Bodies:
    """The bodies of requests, as `content_of` makes them.

    Most requests of a stage differ in their messages and their seed alone. The JSON of the other
    fields is kept, for the decoding and the form that it was made of.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Decoding, object, str, str]] = {}  # by stage

    def content_of(self, request: Request, left_out: Mapping[str, str | None]) -> bytes:
        is_plain = request.api == "chat" and request.response_format == "text"
        if not is_plain or request.extra or request.grammar is not None:
            return content_of(request, left_out)
        kept = self._kept.get(request.stage)
        if kept is None or kept[0] is not request.decoding or kept[1] is not left_out:
            if "system" in for_stage(left_out, request.stage):
                return content_of(request, left_out)
            kept = (request.decoding, left_out, *_around_seed(_rest_of(request, left_out)))
            self._kept[request.stage] = kept
        _, _, before, after = kept
        return _chat(request, f"{before}{request.seed}{after}" if after else before)


def _around_seed(rest: dict[str, Any]) -> tuple[str, str]:
    """The JSON before and after the seed; all of it and nothing where no seed is sent."""
    if "seed" not in rest:
        text = _ENCODER.encode(rest)
        return f"{',' if len(rest) else ''}{text[1:]}", ""
    text = _ENCODER.encode({**rest, "seed": None})
    before, found, after = text.partition('"seed":null')
    return f",{before[1:]}{found[:-4]}", after


def body_of(request: Request, left_out: Mapping[str, str | None]) -> dict[str, Any]:
    """The body of a request."""
    body: dict[str, Any] = {"model": request.model}
    if request.api == "chat":
        is_without = "system" in for_stage(left_out, request.stage)
        roles = [(message.in_chat, message.text) for message in request.messages]
        roles = _without_system(roles) if is_without else roles
        body["messages"] = [{"role": role, "content": text} for role, text in roles]
    else:
        body["prompt"] = request.text
    return body | _rest_of(request, left_out)


def _rest_of(request: Request, left_out: Mapping[str, str | None]) -> dict[str, Any]:
    """The body of a request without the model and the prompt."""
    body: dict[str, Any] = {}
    bounds = bounds_of(left_out, request.stage)
    left_out = for_stage(left_out, request.stage)
    for field, value in _fields(request, left_out).items():
        name = left_out.get(field, field) or ""
        if name == "max_completion_tokens" and request.api == "completions":
            name = ""
        if name and value is not None:
            body[name] = within(field, value, bounds[field]) if field in bounds else value
    if request.grammar is not None:
        body["grammar"] = request.grammar
    return {**body, **dict(request.extra)}


def _fields(request: Request, left_out: Mapping[str, str | None]) -> dict[str, Any]:
    decoding = request.decoding
    return {
        "max_tokens": decoding.max_tokens,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "presence_penalty": decoding.presence_penalty,
        "frequency_penalty": decoding.frequency_penalty,
        "stop": list(decoding.stop) or None,
        "seed": request.seed,
        "response_format": _response_format(request, left_out),
    }


def _without_system(roles: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same messages, with the system message's words at the start of the user's first."""
    system = [text for role, text in roles if role == "system"]
    others = [(role, text) for role, text in roles if role != "system"]
    if not others or others[0][0] != "user":
        return [("user", "\n\n".join(system)), *others]
    return [("user", "\n\n".join([*system, others[0][1]])), *others[1:]]


def _response_format(request: Request, left_out: Mapping[str, str | None]) -> dict[str, Any] | None:
    kind: str | None = request.response_format
    while kind is not None and kind in left_out:
        kind = left_out[kind]
    if kind is None or kind == "text":
        return None
    if kind == "json_object" or request.schema is None:  # a stage without a form of its own
        return {"type": "json_object"}
    properties = request.schema
    schema = {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
        "$defs": {"instance": _INSTANCE},
    }
    return {
        "type": "json_schema",
        "json_schema": {"name": request.stage, "strict": True, "schema": schema},
    }
