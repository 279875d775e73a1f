"""Instructions and instances in the JSON of a reply."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from selfinstruct.data.tasks import Instance
from selfinstruct.parsing.languages import field_of
from selfinstruct.parsing.values import Found, found_in
from selfinstruct.parsing.wording import WIDE, Wording, given_input

OUTPUTS = ("output", "class_label", "label", "class", "answer")
_NUMBERED = re.compile(r"[\W_]*[^\W\d_]{0,20}[\W_]*\d{1,3}[\W_]*")  # "instruction_1", "Task 9"


@dataclass(frozen=True, slots=True)
class Items:
    """The values of a JSON list. is_whole: False where the list breaks off after these values.

    leftovers: the texts of the reply that are in no item.
    """

    values: list[Any]
    is_whole: bool
    leftovers: list[str] = field(default_factory=list)


def instructions(reply: str, wording: Wording = WIDE) -> Items | None:
    """The instructions or whole tasks of a JSON reply, None for any other reply.

    Forms: a list of texts or objects, {"instructions": [...]}, {"9": "...", "10": "..."},
    {"instruction_1": "..."}, or objects with the field "instruction", on lines of their own.
    """
    found = found_in(reply, several=wording.is_wide)
    if found is None:
        return None
    items = Items([], found.is_whole, [found.outside])
    for value in found.values:
        record = _plain_names(value) if wording.is_wide else value
        several = record if isinstance(record, list) else _instructions_in(record, wording)
        if not _take(items, record, several, wording):
            return None
    return _with_broken(items, found, wording)


def instances(reply: str, wording: Wording = WIDE) -> Items | None:
    """The instances of a JSON reply, None for any other reply.

    Forms: a list of objects, {"instances": [...]}, or single objects. JSON of another kind gives
    None: such a reply is an answer without its label.
    """
    found = found_in(reply, several=wording.is_wide)
    if found is None:
        return None
    items = Items([], found.is_whole, [found.outside])
    for value in found.values:
        record = _plain_names(value) if wording.is_wide else value
        several = record if isinstance(record, list) else None
        if isinstance(record, dict):
            several = _list_in(record, "instances", "examples", kinds=(dict,))
            several = [record] if several is None and _is_instance(record) else several
            if several is None and wording.is_wide and all(map(_is_instance, record.values())):
                several = list(record.values()) or None
        elif not all(map(_is_instance, record)):
            return None
        if not _take(items, record, several, wording):
            return None
    items = _with_broken(items, found, wording)
    is_known = items.is_whole or all(map(_is_instance, items.values))
    return items if is_known else None


def instance_of(record: Any, wording: Wording = WIDE) -> Instance:
    """The instance in a JSON value. A value that is no object is an output without an input."""
    if not isinstance(record, dict):
        return Instance("", text_of(record))
    return Instance(given_input(text_of(record, "input"), wording), text_of(record, *OUTPUTS))


def text_of(value: Any, *names: str) -> str:
    """The text of a JSON value: a string itself, "" for null, the JSON of any other value.

    names: of an object, take the first of these fields that is there.
    """
    if isinstance(value, dict) and names:
        value = next((value[name] for name in names if name in value), "")
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def rest_of(record: Any, *used: tuple[str, ...]) -> list[str]:
    """The fields of an object that no candidate holds. used: names, of which the first counts."""
    if not isinstance(record, dict):
        return []
    taken = {next((name for name in names if name in record), "") for names in used}
    return [f"{name}: {text_of(value)}" for name, value in record.items() if name not in taken]


def instance_rest(record: Any) -> list[str]:
    """The fields of an instance's object beside the input and the output."""
    return rest_of(record, ("input",), OUTPUTS)


def _take(items: Items, record: Any, several: list[Any] | None, wording: Wording) -> bool:
    """Adds the items of a value. False for a value without items, which makes a reply no JSON."""
    if several is None:
        if not (wording.is_wide and items.values):
            return False
        items.leftovers.append(text_of(record))
        return True
    items.values.extend(several)
    if isinstance(record, dict) and several != [record]:
        items.leftovers.extend(_beside(record, several))
    return True


def _beside(record: dict[str, Any], several: list[Any]) -> list[str]:
    """The fields of an object beside the list that was taken from the object."""
    lists = [value for value in record.values() if value == several]
    inner = [value for value in record.values() if isinstance(value, dict)]
    taken = lists or [value for value in inner if list(value.values()) == several]
    if not taken:
        return []
    return [f"{name}: {text_of(value)}" for name, value in record.items() if value not in taken]


def _with_broken(items: Items, found: Found, wording: Wording) -> Items:
    broken = [_plain_names(value) if wording.is_wide else value for value in found.broken]
    return Items([*items.values, *broken], items.is_whole, items.leftovers)


def _instructions_in(record: Any, wording: Wording) -> list[Any] | None:
    several = _list_in(record, "instructions", "tasks", kinds=(str, dict))
    if several is None and _is_numbered(record, wording):
        several = list(record.values())
    return [record] if several is None and "instruction" in record else several


def _is_numbered(record: dict[str, Any], wording: Wording) -> bool:
    """Whether an object has a text for each number: {"9": "...", "10": "..."}."""
    if wording.is_wide:
        return bool(record) and all(
            isinstance(value, str | dict) and _NUMBERED.fullmatch(name)
            for name, value in record.items()
        )
    return bool(record) and all(
        isinstance(text, str) and name.strip(" .#").isdecimal() for name, text in record.items()
    )


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
    return isinstance(record, dict) and any(name in record for name in OUTPUTS)


def _plain_names(value: Any) -> Any:
    """The value with the names of fields as this module knows them, in lists as well."""
    if isinstance(value, list):
        return [_plain_names(item) if isinstance(item, dict) else item for item in value]
    if not isinstance(value, dict):
        return value
    record: dict[str, Any] = {}
    for name, item in value.items():
        plain = name if name in OUTPUTS else field_of(name)
        is_container = plain == "instruction" and isinstance(item, list | dict)
        plain = name if is_container or plain in value or plain in record else plain
        record[plain] = _plain_names(item) if isinstance(item, list | dict) else item
    return record
