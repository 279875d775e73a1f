"""JSON in a reply: whole or broken off, alone, in a code fence or after an opening sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from selfinstruct.data.tasks import Instance
from selfinstruct.parsing.labelled import given_input, labels, lines_of

_BEGINS = re.compile(r'^[ \t]*(?=\{\s*["}]|\[\s*["{\]])', re.M)
_LABEL = labels("Input", r"Output|Class[ _-]?label|Label|Class|Answer")
_NUMBER = re.compile(r"[ \t>*_#`]*[(\[]?\d{1,3}[*_ ]{0,4}[.):\]]")
_OUTPUTS = ("output", "class_label", "label", "class", "answer")


@dataclass(frozen=True, slots=True)
class Items:
    """The values of a JSON list. is_whole: False where the list breaks off after these values."""

    values: list[Any]
    is_whole: bool


def value_of(reply: str) -> Any:
    """The JSON value of a reply, None where the reply is no JSON or broken JSON."""
    text = _text(reply)
    try:
        return None if text is None else json.JSONDecoder(strict=False).raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def instructions(reply: str) -> Items | None:
    """The instructions or whole tasks of a JSON reply, None for any other reply.

    Forms: a list of texts or objects, {"instructions": [...]}, {"9": "...", "10": "..."}, or a
    single object with the field "instruction".
    """
    value = value_of(reply)
    if isinstance(value, dict):
        several = _list_in(value, "instructions", "tasks", kinds=(str, dict))
        if (
            several is None
            and value
            and all(
                isinstance(text, str) and name.strip(" .#").isdecimal()
                for name, text in value.items()
            )
        ):
            several = list(value.values())
        value = [value] if several is None and "instruction" in value else several
    return _items(value, reply)


def instances(reply: str) -> Items | None:
    """The instances of a JSON reply, None for any other reply.

    Forms: a list of objects, {"instances": [...]}, or a single object. JSON of another kind gives
    None: such a reply is an answer without its label.
    """
    value = value_of(reply)
    if isinstance(value, dict):
        several = _list_in(value, "instances", "examples", kinds=(dict,))
        value = [value] if several is None and _is_instance(value) else several
    elif isinstance(value, list) and not all(map(_is_instance, value)):
        return None
    items = _items(value, reply)
    is_known = items is None or items.is_whole or all(map(_is_instance, items.values))
    return items if is_known else None


def instance_of(record: Any) -> Instance:
    """The instance in a JSON value. A value that is no object is an output without an input."""
    if not isinstance(record, dict):
        return Instance("", text_of(record))
    return Instance(given_input(text_of(record, "input")), text_of(record, *_OUTPUTS))


def text_of(value: Any, *names: str) -> str:
    """The text of a JSON value: a string itself, "" for null, the JSON of any other value.

    names: of an object, take the first of these fields that is there.
    """
    if isinstance(value, dict) and names:
        value = next((value[name] for name in names if name in value), "")
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(reply: str) -> str | None:
    """The reply from the beginning of its JSON, None where no JSON begins.

    JSON below a label or in a numbered list does not count: such JSON is part of an answer.
    """
    begins = _BEGINS.search(reply)
    if begins is None or any(
        _NUMBER.match(line) or _LABEL.match(line.lstrip(" \t>"))
        for line in lines_of(reply[: begins.start()])
    ):
        return None
    return reply[begins.end() :]


def _list_in(value: dict[str, Any], *names: str, kinds: tuple[type, ...]) -> list[Any] | None:
    """The list in an object: under a known name, or the first list with values of these kinds."""
    for name in names:
        if isinstance(value.get(name), list):
            return list(value[name])
        if isinstance(value.get(name), dict) and all(
            isinstance(item, kinds) for item in value[name].values()
        ):
            return list(value[name].values())
    others = [
        items
        for items in value.values()
        if isinstance(items, list) and items and all(isinstance(item, kinds) for item in items)
    ]
    if others and (str in kinds or all(map(_is_instance, others[0]))):
        return list(others[0])
    return None


def _is_instance(record: Any) -> bool:
    return isinstance(record, dict) and any(name in record for name in _OUTPUTS)


def _items(value: Any, reply: str) -> Items | None:
    if isinstance(value, list):
        return Items(value, True)
    text = _text(reply)
    if text is None or value_of(reply) is not None:
        return None
    return Items(list(_whole_items(text)), False)


def _whole_items(text: str) -> Iterator[Any]:
    """The whole items of the first list in a broken JSON text."""
    decoder, position = json.JSONDecoder(strict=False), text.find("[") + 1
    gap = re.compile(r"[\s,]*")
    while position and (found := gap.match(text, position)):
        try:
            item, position = decoder.raw_decode(text, found.end())
        except (ValueError, RecursionError):
            return
        yield item
