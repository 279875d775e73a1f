"""A task of Natural Instructions: a definition, examples to show, and instances.

    v1         Title, Definition, Prompt, Things to Avoid, Emphasis & Caution,
               Examples {Positive Examples, Negative Examples: {input, output, reason, suggestion}}
    Super-NI   Definition, Categories, ..., Positive Examples, Negative Examples
               {input, output, explanation}, Instances {id, input, output: list}

In older files of Super-NI the definition is a text and no language is named. "-" in v1 is no text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from selfinstruct.text import well_formed

DEFINITION, PROMPT = "Definition", "Prompt"
AVOID, CAUTION = "Things to Avoid", "Emphasis & Caution"
FIELDS = (DEFINITION, PROMPT, AVOID, CAUTION)  # texts of v1
POSITIVE, NEGATIVE, INSTANCES = "Positive Examples", "Negative Examples", "Instances"
EXAMPLES = "Examples"  # of v1, around both lists
NONE = "-"
_NAMES = ("task", "Task", "name")  # of a task, in files that hold several
_OWN = {"id", "input", "output"}  # of an instance


class Broken(Exception):
    """A record that is no task. place: the keys that lead to the fault, "" for the whole record."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}" if place else why)
        self.place, self.why = place, why


@dataclass(frozen=True, slots=True)
class Shown:
    """An example that a prompt shows. In v1 the explanation is called reason."""

    input: str
    output: str
    explanation: str = ""
    suggestion: str = ""  # of a negative example of v1: how to do better


@dataclass(frozen=True, slots=True)
class Instance:
    """An input with the outputs that are right. rest: further fields."""

    id: str  # "" if it has none
    input: str
    outputs: tuple[str, ...]
    rest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """A task. header: its record, with an empty list for the instances."""

    name: str
    texts: Mapping[str, str]  # of FIELDS, those that are not empty
    positive: tuple[Shown, ...]
    negative: tuple[Shown, ...]
    header: Mapping[str, Any]
    record: Mapping[str, Any]  # as the file has it

    @property
    def definition(self) -> str:
        return self.texts.get(DEFINITION, "")

    @property
    def instruction(self) -> str:
        """The whole instruction: the definition, and the further texts of v1 with their names."""
        first = self.definition or self.texts.get(PROMPT, "")
        rest = [f"{name}: {self.texts[name]}" for name in (CAUTION, AVOID) if name in self.texts]
        return "\n".join([first, *rest])

    def instances(self) -> Iterator[Instance | Broken]:
        """Every instance in order, `Broken` in the place of an instance that cannot be read."""
        for at, value in enumerate(self.record.get(INSTANCES) or ()):
            try:
                yield read_instance(value, f"{INSTANCES}[{at}]")
            except Broken as broken:
                yield broken


def is_task(value: Any) -> bool:
    """Whether a record has the keys by which a task is known."""
    return isinstance(value, Mapping) and (DEFINITION in value or PROMPT in value)


def read_task(value: Any, default_name: str) -> Task:
    """The task of a record. Raises Broken.

    Instances are read later: a bad instance is no reason to lose the others.
    """
    if not isinstance(value, Mapping):
        raise Broken("", f"a task is a JSON object, not {kind(value)}")
    texts = {name: text for name in FIELDS if (text := _text(value, name))}
    if DEFINITION not in texts and PROMPT not in texts:
        raise Broken(DEFINITION, "is missing or empty; a task needs a definition")
    if not isinstance(value.get(INSTANCES, []), list):
        raise Broken(INSTANCES, f"must be a list, not {kind(value[INSTANCES])}")
    header = {name: [] if name == INSTANCES else member for name, member in value.items()}
    positive, negative = (tuple(_shown(value, name)) for name in (POSITIVE, NEGATIVE))
    return Task(name_of(value) or default_name, texts, positive, negative, header, value)


def name_of(value: Any) -> str:
    """The name that a task's record has; "" if none."""
    if not isinstance(value, Mapping):
        return ""
    names = (value.get(name) for name in _NAMES)
    return next((name.strip() for name in names if isinstance(name, str) and name.strip()), "")


def _text(value: Mapping[str, Any], name: str) -> str:
    """A text, or the first of a list of texts; "" for "-" and for a field that is not there."""
    found, place = value.get(name), name
    if isinstance(found, list) and found:
        found, place = found[0], f"{name}[0]"
    if found is None or found == []:
        return ""
    if not isinstance(found, str):
        raise Broken(place, f"must be a text, not {kind(found)}")
    text = well_formed(found).strip()
    return "" if text == NONE else text


def examples_of(value: Mapping[str, Any], name: str) -> tuple[str, Any]:
    """The list of examples of a record, as it stands, and its place."""
    if name not in value and isinstance(value.get(EXAMPLES), Mapping):
        return f"{EXAMPLES}.{name}", value[EXAMPLES].get(name)
    return name, value.get(name)


def _shown(value: Mapping[str, Any], name: str) -> Iterator[Shown]:
    place, found = examples_of(value, name)
    if found is None:
        return
    if not isinstance(found, list):
        raise Broken(place, f"must be a list, not {kind(found)}")
    for at, member in enumerate(found):
        if member == NONE:
            continue
        if not isinstance(member, Mapping):
            raise Broken(f"{place}[{at}]", f"must be an object, not {kind(member)}")
        texts = {}
        for key in ("input", "output", "explanation", "reason", "suggestion"):
            text = member.get(key, "")
            if key == "output" and isinstance(text, list) and len(text) == 1:
                text = text[0]
            if not isinstance(text, str):
                raise Broken(f"{place}[{at}].{key}", f"must be a text, not {kind(text)}")
            texts[key] = well_formed(text)
        why = texts["explanation"] or texts["reason"]
        yield Shown(texts["input"], texts["output"], why, texts["suggestion"])


def read_instance(value: Any, place: str) -> Instance:
    """The instance of a record. Raises Broken."""
    if not isinstance(value, Mapping):
        raise Broken(place, f"must be an object, not {kind(value)}")
    text, outputs = value.get("input"), value.get("output")
    if not isinstance(text, str):
        raise Broken(f"{place}.input", f"must be a text, not {kind(text)}")
    outputs = [outputs] if isinstance(outputs, str) else outputs
    if not isinstance(outputs, list):
        raise Broken(f"{place}.output", f"must be a list of texts, not {kind(outputs)}")
    for at, output in enumerate(outputs):
        if not isinstance(output, str):
            raise Broken(f"{place}.output[{at}]", f"must be a text, not {kind(output)}")
    if not any(output.strip() for output in outputs):
        raise Broken(f"{place}.output", "is empty")
    rest = {name: member for name, member in value.items() if name not in _OWN}
    id = value.get("id")
    return Instance(
        "" if id is None else str(id), well_formed(text), tuple(map(well_formed, outputs)), rest
    )


def kind(value: Any) -> str:
    """A value's kind for a message."""
    if value is None:
        return "missing or null"
    names = {str: "a text", bool: "true or false", dict: "an object", list: "a list"}
    return names.get(type(value), "a number")
