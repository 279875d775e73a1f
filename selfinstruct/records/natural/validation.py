"""The rules of Super-NI's published validator, each finding with its place.

The edition "old" knows a definition that is a text and no languages; "new" wants a list of
definitions, languages, URL, Reasoning, Domains and ids. Rules about the list of tasks and the
splits of the published repository are not about a task, and have no part here.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from selfinstruct.records.natural.files import Entry
from selfinstruct.records.natural.languages import LANGUAGES
from selfinstruct.records.natural.schema import (
    SPOKEN,
    Finding,
    edition_of,
    members,
    of_examples,
    of_fields,
    of_instances,
    of_v1,
)
from selfinstruct.records.natural.task import DEFINITION, INSTANCES, POSITIVE, kind

_FEW_CLASSES, _EVEN = 15, 0.8
# Tasks that the published validator excuses, by number.
_SKEWED = {"old": {50, 150, 265, 838}, "new": {150}}
_SINGLE_OUTPUT = {902, 903}
_NUMBER = re.compile(r"task(\d+)(?:_|\Z)")


@dataclass(frozen=True)
class Hierarchy:
    """The published list of categories and domains (doc/task-hierarchy.md)."""

    text: str

    @cached_property
    def categories(self) -> frozenset[str]:
        return frozenset(re.findall(r"`(.*?)`", self.text))


def findings(
    entry: Entry, edition: str | None = None, hierarchy: Hierarchy | None = None
) -> Iterator[Finding]:
    """The broken rules of a task, in the order of its fields. edition: else the task's own."""
    if entry.fault:
        yield Finding("not_json", "", entry.fault)
        return
    record = entry.record
    if not isinstance(record, Mapping):
        yield Finding("not_an_object", "", f"a task is a JSON object, not {kind(record)}")
        return
    for key in entry.twice:
        yield Finding("key_twice", key, "an object has this key twice; the later value counts")
    edition = edition or edition_of(record)
    if edition == "v1":
        yield from of_v1(record)
        return
    yield from of_fields(record, edition)
    yield from _hierarchical(record, edition, hierarchy)
    yield from _languages(record)
    instances = record.get(INSTANCES)
    instances = instances if isinstance(instances, list) else []
    yield from of_instances(instances, edition)
    yield from of_examples(record, ("input", "output", "explanation"), least=(2, 1))
    yield from _across(record, instances)
    yield from _balance(instances, edition, entry.name)
    yield from _named(entry.name)


def _hierarchical(
    record: Mapping[str, Any], edition: str, hierarchy: Hierarchy | None
) -> Iterator[Finding]:
    if hierarchy is None:
        return
    for at, category in enumerate(members(record, "Categories")):
        if category not in hierarchy.categories:
            why, is_warning = f"{category!r} is not in the hierarchy", edition == "old"
            yield Finding("unknown_category", f"Categories[{at}]", why, is_warning)
    for name, rule in (("Domains", "unknown_domain"), ("Reasoning", "unknown_reasoning")):
        for at, text in enumerate(members(record, name)):
            if text not in hierarchy.text:
                yield Finding(rule, f"{name}[{at}]", f"{text!r} is not in the hierarchy")


def _languages(record: Mapping[str, Any]) -> Iterator[Finding]:
    for name in SPOKEN:
        if name.lower() in record:
            yield Finding("key_in_lower_case", name.lower(), f"must be called {name}")
        for at, language in enumerate(members(record, name)):
            if language not in LANGUAGES:
                why = f"{language!r} is no name of a language that is known here"
                yield Finding("unknown_language", f"{name}[{at}]", why, is_warning=True)
    value = record.get(DEFINITION)
    definitions = [(DEFINITION, value)] if isinstance(value, str) else []
    if isinstance(value, list):
        definitions = [(f"{DEFINITION}[{at}]", text) for at, text in enumerate(value)]
    for language in members(record, "Input_language"):
        for place, text in definitions:
            if language not in ("English", "") and language not in str(text):
                why = f"does not name {language}, the language of the inputs"
                yield Finding("language_not_named", place, why)


def _across(record: Mapping[str, Any], instances: list[Any]) -> Iterator[Finding]:
    """Inputs that are twice among the instances, or among the positive examples as well."""
    value = record.get(POSITIVE)
    shown = {
        example["input"]: at
        for at, example in reversed(list(enumerate(value if isinstance(value, list) else [])))
        if isinstance(example, Mapping) and isinstance(example.get("input"), str)
    }
    first: dict[str, int] = {}
    for at, instance in enumerate(instances):
        text = instance.get("input") if isinstance(instance, Mapping) else None
        if not isinstance(text, str):
            continue
        place = f"{INSTANCES}[{at}].input"
        earlier = first.setdefault(text, at)
        if earlier != at:
            yield Finding("repeated_input", place, f"is that of {INSTANCES}[{earlier}] as well")
        if text in shown:
            why = f"is that of {POSITIVE}[{shown[text]}] as well"
            yield Finding("positive_among_instances", place, why)


def _balance(instances: list[Any], edition: str, name: str) -> Iterator[Finding]:
    counts = Counter(
        output
        for instance in instances
        if isinstance(instance, Mapping) and isinstance(instance.get("output"), list)
        for output in instance["output"]
        if isinstance(output, str)
    )
    number = _NUMBER.match(name)
    excused = int(number[1]) if number else -1
    if len(counts) == 1 and excused not in _SINGLE_OUTPUT:
        why = f"every output is {next(iter(counts))!r}"
        yield Finding("single_output", INSTANCES, why)
    if 1 < len(counts) < _FEW_CLASSES and excused not in _SKEWED.get(edition, set()):
        entropy = normalised_entropy(counts)
        if entropy <= _EVEN:
            most = ", ".join(f"{text!r} {count:,}x" for text, count in counts.most_common(3))
            why = f"{len(counts)} outputs, entropy {entropy:.3f} of 1, not above {_EVEN}: {most}"
            yield Finding("skewed_outputs", INSTANCES, why)


def normalised_entropy(counts: Mapping[str, int]) -> float:
    """The entropy of the shares, 1 where all counts are equal; of two counts or more."""
    total = sum(counts.values())
    shares = [count / total for count in sorted(counts.values())]
    return -sum(share * math.log(share) for share in shares) / math.log(len(shares))


def _named(name: str) -> Iterator[Finding]:
    if any(letter.isupper() for letter in name):
        yield Finding("upper_case", "", f"the name {name} has letters in upper case")
    if not _NUMBER.match(name):
        why = f"the name {name} does not begin with task and a number, as task001_"
        yield Finding("no_number", "", why)
