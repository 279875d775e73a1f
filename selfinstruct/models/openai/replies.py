"""Bodies of replies to completions. Pure.

Servers put a model's words in many places: the content as a text or as parts, a refusal of its own,
tool calls, reasoning beside the content, the `text` of the older interface. Each is read as the
kind that it is, so that a refusal or a call is never taken for the reply.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from selfinstruct.models import Completion, Request
from selfinstruct.models.openai.usage import usage_of

# Finish reasons of our own, which parsing/endings.py knows.
REFUSAL, TOOL_CALL = "message.refusal", "message.tool_calls"
AT_THE_LIMIT = "unnamed_at_max_tokens"
_TEXT_PARTS = ("text", "output_text")
_THINKING_PARTS = ("thinking", "reasoning", "reasoning_content", "reasoning_text")
_REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_text")
_ENVELOPES = ("data", "result", "response")  # of gateways that put the reply into a field


def parsed(text: str) -> Any:
    """None for text that is not JSON. Gemini sends a reply or an error as a list of one."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_boxed = isinstance(record, list) and len(record) == 1 and isinstance(record[0], dict)
    return record[0] if is_boxed and {"choices", "error"} & record[0].keys() else record


def completion_of(record: Mapping[str, Any], request: Request) -> Completion | None:
    """The reply in the body of a response; None without `choices`.

    A message without content, but with a refusal or tool calls, gives their text with the finish
    reason `message.refusal` or `message.tool_calls`. Content that is empty because of a filter
    gives the error `content_filter`.
    """
    record = _opened(record)
    choices = record.get("choices")
    choices = _dicts(choices if isinstance(choices, list) else [choices])
    if not choices:
        return None
    choice = next((each for each in choices if each.get("index") == 0), choices[0])
    message = choice.get("message") or choice.get("delta")
    message = {"content": message} if isinstance(message, str) else message
    message = message if isinstance(message, dict) else {}
    text = _text(message.get("content"), _TEXT_PARTS) or _text(choice.get("text"), _TEXT_PARTS)
    reasoning, reason = _reasoning(message), choice.get("finish_reason")
    error = "content_filter" if reason == "content_filter" and not text.strip() else None
    beside = None if text.strip() or error else _beside(message)
    if beside is not None:
        reason, text = beside
    usage = usage_of(record.get("usage"), request, text + reasoning)
    if not isinstance(reason, str):
        most = request.decoding.max_tokens
        said = _completion_tokens(record.get("usage"))
        reason = AT_THE_LIMIT if most and said and said >= most else "stop"
    return Completion(text, reason, usage, error, reasoning)


def _opened(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record with the choices, which may be inside another record."""
    if "choices" in record:
        return record
    inner = (record.get(name) for name in _ENVELOPES)
    return next((each for each in inner if isinstance(each, dict) and "choices" in each), record)


def _beside(message: Mapping[str, Any]) -> tuple[str, str] | None:
    """The finish reason and the words of a message without content: a refusal or tool calls."""
    content = message.get("content")
    refusal = _text(message.get("refusal"), _TEXT_PARTS) or _text(content, ("refusal",))
    if refusal.strip():
        return REFUSAL, refusal
    calls = message.get("tool_calls") or message.get("function_call")
    return (TOOL_CALL, json.dumps(calls, ensure_ascii=False)) if calls else None


def _reasoning(message: Mapping[str, Any]) -> str:
    for name in _REASONING:
        text = _text(message.get(name), _TEXT_PARTS)
        if text:
            return text
    details = message.get("reasoning_details")
    if isinstance(details, list):
        return "".join(_text([{**each, "type": "text"}], ("text",)) for each in _dicts(details))
    content = message.get("content")
    return _text(content, _THINKING_PARTS) if isinstance(content, list) else ""


def _text(content: Any, kinds: tuple[str, ...]) -> str:
    """The text of a message's content. kinds: the types of the parts that count, in a list."""
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    found = []
    for part in content:
        if isinstance(part, str) and "text" in kinds:
            found.append(part)
        elif isinstance(part, dict) and part.get("type", kinds[0]) in kinds:
            kind = part.get("type", kinds[0])
            inner = next((part[name] for name in (kind, "text", "value") if name in part), None)
            found.append(_text(inner, ("text", "value")))
    return "".join(found)


def _dicts(values: list[Any]) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)]


def _completion_tokens(said: Any) -> int | None:
    count = said.get("completion_tokens") if isinstance(said, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) else None
