"""The schema of a task: which keys a record has, and of which kinds their values are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from selfinstruct.records.natural.task import (
    AVOID,
    CAUTION,
    DEFINITION,
    EXAMPLES,
    INSTANCES,
    NEGATIVE,
    NONE,
    POSITIVE,
    examples_of,
    kind,
)

EDITIONS = ("old", "new", "v1")
SPOKEN = ("Input_language", "Output_language", "Instruction_language")
_OLD = ("Contributors", "Source", "Categories", DEFINITION, POSITIVE, NEGATIVE, INSTANCES)
_NEW = (*_OLD, *SPOKEN[:2], "Domains", "URL", "Reasoning")
_V1 = (DEFINITION, "Prompt", AVOID, CAUTION)
_LISTS = ("Contributors", "Source", "URL", "Categories", "Reasoning", "Domains", *SPOKEN)
_FEWEST, _MOST = 26, 6500
_LINK = re.compile(r"https?://\S")


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken rule. is_warning: the published validator only prints a line."""

    rule: str
    place: str
    why: str
    is_warning: bool = False


def edition_of(record: Mapping[str, Any]) -> str:
    """The edition of the schema that a task follows."""
    if EXAMPLES in record or AVOID in record or CAUTION in record:
        return "v1"
    has_list = isinstance(record.get(DEFINITION), list)
    return "new" if has_list or any(name in record for name in SPOKEN) else "old"


def of_v1(record: Mapping[str, Any]) -> Iterator[Finding]:
    """v1 has no published validator: these are the rules of its schema."""
    for name in _V1:
        if name not in record:
            yield Finding("missing_key", name, "is missing; v1 writes - for a text that is empty")
        elif not isinstance(record[name], str):
            yield Finding("wrong_type", name, f"must be a text, not {kind(record[name])}")
    instances = record.get(INSTANCES, [])
    if not isinstance(instances, list):
        yield Finding("wrong_type", INSTANCES, f"must be a list, not {kind(instances)}")
        instances = []
    yield from of_instances(instances, "v1")
    yield from of_examples(record, ("input", "output", "reason"), least=(1, 0))


def of_fields(record: Mapping[str, Any], edition: str) -> Iterator[Finding]:
    for name in _NEW if edition == "new" else _OLD:
        if name not in record:
            yield Finding("missing_key", name, "is missing")
    if DEFINITION in record:
        yield from _definition(record[DEFINITION], edition)
    for name in _LISTS:
        if name in record:
            for found in _texts(record[name], name):  # nobody published looks at the members
                is_member = found.place != name and name not in SPOKEN
                yield replace(found, is_warning=is_member)
    if INSTANCES in record:
        value = record[INSTANCES]
        if not isinstance(value, list):
            yield Finding("wrong_type", INSTANCES, f"must be a list, not {kind(value)}")
        elif not _FEWEST <= len(value) <= _MOST:
            rule = "too_few_instances" if len(value) < _FEWEST else "too_many_instances"
            yield Finding(rule, INSTANCES, f"{len(value):,} instances; {_FEWEST} to {_MOST:,}")


def _definition(value: Any, edition: str) -> Iterator[Finding]:
    if edition == "new":
        yield from _texts(value, DEFINITION)
    elif not isinstance(value, str):
        yield Finding("wrong_type", DEFINITION, f"must be a text, not {kind(value)}")


def _texts(value: Any, name: str) -> Iterator[Finding]:
    if not isinstance(value, list):
        yield Finding("wrong_type", name, f"must be a list of texts, not {kind(value)}")
        return
    for at, member in enumerate(value):
        if not isinstance(member, str):
            yield Finding("wrong_type", f"{name}[{at}]", f"must be a text, not {kind(member)}")


def members(record: Mapping[str, Any], name: str) -> list[str]:
    value = record.get(name)
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def of_instances(instances: list[Any], edition: str) -> Iterator[Finding]:
    ids: dict[Any, int] = {}
    linked = False
    for at, instance in enumerate(instances):
        place = f"{INSTANCES}[{at}]"
        if not isinstance(instance, Mapping):
            yield Finding("wrong_type", place, f"must be an object, not {kind(instance)}")
            continue
        for name in ("id", "input", "output") if edition == "new" else ("input", "output"):
            if name not in instance:
                yield Finding("missing_key", f"{place}.{name}", "is missing")
        if isinstance(instance.get("id"), (list, dict)):
            why = f"must be a text, not {kind(instance['id'])}"
            yield Finding("wrong_type", f"{place}.id", why)
        elif "id" in instance:
            first = ids.setdefault(instance["id"], at)
            if first != at:
                why = f"is the id of {INSTANCES}[{first}] as well"
                yield Finding("repeated_id", f"{place}.id", why)
        yield from _pair(instance, place, edition)
        text = instance.get("input")
        if not linked and edition != "v1" and isinstance(text, str) and _LINK.search(text):
            linked = True
            yield Finding("link", f"{place}.input", "holds a link", is_warning=True)


def _pair(instance: Mapping[str, Any], place: str, edition: str) -> Iterator[Finding]:
    if "input" in instance:
        text = instance["input"]
        if not isinstance(text, str):
            yield Finding("wrong_type", f"{place}.input", f"must be a text, not {kind(text)}")
        elif not text:
            yield Finding("empty_input", f"{place}.input", "is empty")
    if "output" in instance:
        outputs = instance["output"]
        if edition == "v1" and isinstance(outputs, str):
            return
        yield from _texts(outputs, f"{place}.output")
        if outputs == []:
            yield Finding("no_output", f"{place}.output", "holds no output")


def of_examples(
    record: Mapping[str, Any], names: tuple[str, ...], least: tuple[int, int]
) -> Iterator[Finding]:
    for list_name, fewest in zip((POSITIVE, NEGATIVE), least, strict=True):
        place, value = examples_of(record, list_name)
        if value is None and place not in record:
            continue
        if not isinstance(value, list):
            yield Finding("wrong_type", place, f"must be a list, not {kind(value)}")
            continue
        if len(value) < fewest:
            rule = "too_few_positive" if list_name == POSITIVE else "too_few_negative"
            yield Finding(rule, place, f"{len(value)} examples; at least {fewest}")
        for at, example in enumerate(value):
            if example != NONE or "explanation" in names:  # v1 writes - for no example
                yield from _example(example, f"{place}[{at}]", names)


def _example(example: Any, place: str, names: tuple[str, ...]) -> Iterator[Finding]:
    if not isinstance(example, Mapping):
        yield Finding("wrong_type", place, f"must be an object, not {kind(example)}")
        return
    for name in names:
        if name not in example:
            yield Finding("missing_key", f"{place}.{name}", "is missing")
        elif not isinstance(example[name], str):
            why = f"must be a text, not {kind(example[name])}"
            yield Finding("wrong_type", f"{place}.{name}", why)
