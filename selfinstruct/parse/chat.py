"""What chat models really write: numbered lists, labelled blocks or JSON, in markdown, with openers and excuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from selfinstruct.parse import Draft, Parsed
from selfinstruct.tasks import Instance

_MARK = r"[ \t>*_#`]*"  # markdown around a number or a label
_NUMBERED = re.compile(rf"^{_MARK}(?:(?:Task|Instruction)[ \t]+)?\d{{1,3}}[ \t]?[.):\]]{_MARK}(?P<text>\S.*)$", re.I)
_BULLETED = re.compile(r"^[ \t]*[-*\u2022\u2013][ \t]+(?P<text>\S.*)$")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)")
_RULE = re.compile(r"^[ \t]*(?:#{3,}|-{3,}|\*{3,})[ \t]*$")
_EXAMPLE = re.compile(rf"^{_MARK}(?:Example|Instance|Task)[ \t]*#?\d*{_MARK}[.:)]?{_MARK}$", re.I)
_NO_INPUT = re.compile(
    r"[\s\"'*_`\[<(]*(?:no\W?inputs?(?: (?:is |was )?(?:needed|required|necessary|given|provided))?|none(?: (?:needed|required))?"
    r"|n/?a|not applicable|not required|empty|nil|null|-+)?[\s\"'*_`\]>).]*",
    re.I,
)
_REFUSAL = re.compile(
    r"\W*(?:(?:i(?:['\u2019]m| am) )?(?:really |very |so )?sorry\b|i apologi[sz]e|as an ai\b|i(?:['\u2019]m| am) (?:unable|not able)\b"
    r"|i (?:cannot|can['\u2019]?t|won['\u2019]?t)\b)",
    re.I,
)
_YES = re.compile(r"\W*(?:(?:the )?(?:answer|classification(?: task)?)(?: is)?\W*)?(yes|no|true|false)\b", re.I)
_TITLE = re.compile(r"^(?:\*\*|__)[^*_\n]{1,60}?(?::(?:\*\*|__)|(?:\*\*|__)[ \t]*[:\u2013\u2014-])[ \t]*(?=\S+\s+\S+\s+\S)")
_PREFIX = re.compile(r"^(?:Instruction|Task)[ \t]*\d*[ \t]*:[ \t]*", re.I)
_JSON_OBJECT = re.compile(r'\{\s*"(?:instructions|tasks|instances|examples|is_classification)"\s*:')
_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u00ab": "\u00bb", "`": "`"}

Section = tuple[str, str]  # a field's name, its text


def propose(reply: str, finish_reason: str) -> Parsed:
    """A numbered or bulleted list, or JSON; an item that the length limit cut is dropped, and that is said."""
    found = json_list(reply, "instructions", "tasks")
    items = list(_list_items(reply)) if found is None else [text_of(one, "instruction", "task", "text") for one in found]
    if finish_reason == "length" and found is None:
        items = items[:-1]
    drafts = tuple(Draft(text) for text in map(tidy_instruction, items) if text)
    if finish_reason == "length":
        return Parsed(drafts=drafts, reason="cut_by_length")
    return Parsed(drafts=drafts) if drafts else Parsed(reason=why_nothing(reply, "no_list"))


def classify(reply: str, finish_reason: str) -> Parsed:
    """Yes or no, however it is dressed: "**Yes.**", "Answer: yes, because ...", {"is_classification": true}."""
    value = _json_value(reply)
    if isinstance(value, dict):
        value = next(iter(value.values()), None)
    if isinstance(value, bool):
        return Parsed(is_classification=value)
    found = _YES.match(value if isinstance(value, str) else reply)
    if found is None:
        return Parsed(reason=why_nothing(reply, "neither_yes_nor_no"))
    return Parsed(is_classification=found[1].lower() in ("yes", "true"))


def input_first(reply: str, finish_reason: str) -> Parsed:
    """Inputs, each followed by its output; an output alone belongs to a task that needs no input."""
    found = json_list(reply, "instances", "examples")
    if found is not None:
        return _instances([instance_of(one) for one in found], reply, finish_reason, "no_output_label")
    sections = sections_of(reply, labels("Input", "Output"))
    if not any(field == "output" for field, _ in sections):
        sections = sections_of(reply, labels("Input", "Answer|Response|Solution"))
    tasks = grouped(sections, first="input")
    instances = [Instance(given_input(task.get("input", "")), task.get("output", "")) for task in tasks]
    return _instances(_but_last(instances, finish_reason), reply, finish_reason, "no_output_label")


def output_first(reply: str, finish_reason: str) -> Parsed:
    """Class labels, each followed by an input that has it: on the lines below, or under a label of its own."""
    found = json_list(reply, "instances", "examples")
    if found is not None:
        return _instances([instance_of(one) for one in found], reply, finish_reason, "no_class_label")
    instances = []
    for task in grouped(sections_of(reply, labels("Input", r"Class[ _-]?label|Label|Class|Output")), first="output"):
        label, _, below = task.get("output", "").partition("\n")
        instances.append(Instance(given_input("\n".join(part for part in (below.strip(), task.get("input", "")) if part)), label.strip()))
    return _instances(_but_last(instances, finish_reason), reply, finish_reason, "no_class_label")


def tidy_instruction(text: str) -> str:
    """One line of plain text: no markdown title, no label, no quotes around the whole."""
    text = " ".join(text.split())
    text = _PREFIX.sub("", _TITLE.sub("", text)).strip()
    for mark in ("**", "__"):
        if text.count(mark) == 1 or (text.startswith(mark) and text.endswith(mark) and text.count(mark) == 2):
            text = text.replace(mark, "").strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text


def _list_items(reply: str) -> Iterator[str]:
    lines = [line for line in reply.splitlines() if not _FENCE.match(line)]
    start = _NUMBERED if any(_NUMBERED.match(line) for line in lines) else _BULLETED
    item: list[str] = []
    inside = False
    for line in lines:
        found = start.match(line)
        if found:
            if item:
                yield " ".join(item)
            item, inside = [found["text"]], True
        elif not line.strip() or _RULE.match(line):
            inside = False  # what follows a blank line without a number is a closing remark
        elif inside:
            item.append(line)
    if item:
        yield " ".join(item)


def labels(given: str, output: str) -> re.Pattern[str]:
    return re.compile(
        rf"^{_MARK}(?:\d{{1,2}}[.)]{_MARK})?(?:(?P<instruction>Instruction)|(?P<input>{given})|(?P<output>{output}))"
        rf"[ \t]*\d*{_MARK}:(?P<rest>.*)$",
        re.I,
    )


def sections_of(reply: str, label: re.Pattern[str]) -> list[Section]:
    """The labelled parts of a reply in order; "example" marks where a new one is announced. Labels in code do not count."""
    sections: list[tuple[str, list[str]]] = []
    fenced = False
    for line in reply.splitlines():
        fenced ^= bool(_FENCE.match(line))
        if not fenced and (found := label.match(line)):
            sections.append((_field(found), [_unmarked(found["rest"])]))
        elif not fenced and (_EXAMPLE.match(line) or _RULE.match(line)):
            sections.append(("example", []))
        elif sections:
            sections[-1][1].append(line)
    return [(field, "\n".join(lines).strip()) for field, lines in sections]


def _field(found: re.Match[str]) -> str:
    return next(field for field in ("instruction", "input", "output") if found[field] is not None)


def _unmarked(rest: str) -> str:
    rest = re.sub(r"^(?:\*\*|__)", "", rest.strip()).strip()
    return rest[:-2].strip() if rest.endswith("**") and rest.count("**") == 1 else rest


def grouped(sections: list[Section], *, first: str) -> Iterator[dict[str, str]]:
    """Fields that belong together: a new group begins where one is announced, at `first`, and at a field there already is."""
    group: dict[str, str] = {}
    for field, text in sections:
        if group and (field in ("example", first) or field in group):
            yield group
            group = {}
        if field != "example":
            group[field] = text
    if group:
        yield group


def _but_last(instances: list[Instance], finish_reason: str) -> list[Instance]:
    return instances[:-1] if finish_reason == "length" else instances


def _instances(instances: list[Instance], reply: str, finish_reason: str, otherwise: str) -> Parsed:
    if finish_reason == "length":
        return Parsed(instances=tuple(instances), reason="cut_by_length")
    return Parsed(instances=tuple(instances)) if instances else Parsed(reason=why_nothing(reply, otherwise))


def given_input(text: str) -> str:
    """`text`, or nothing if it is one of the many spellings of "no input"."""
    return "" if _NO_INPUT.fullmatch(text) else text.strip()


def why_nothing(reply: str, otherwise: str) -> str:
    if not reply.strip():
        return "empty_reply"
    return "refusal" if _REFUSAL.match(reply) else otherwise


# ---------------------------------------------------------------- JSON, whole or cut


def _json_text(reply: str) -> str | None:
    text = reply.strip()
    fenced = re.search(r"(?:```|~~~)[ \t]*(?:json)?[ \t]*\n(.*?)(?:\n[ \t]*(?:```|~~~)|\Z)", text, re.S | re.I)
    if fenced and fenced[1].lstrip()[:1] in ("{", "["):
        return fenced[1].strip()
    if text[:1] in ("{", "["):
        return text
    inside = _JSON_OBJECT.search(text)  # after an opener: "Here is the JSON object: {...}"
    return text[inside.start() :] if inside else None


def _json_value(reply: str) -> Any:
    text = _json_text(reply)
    if text is None:
        return None
    try:
        return json.JSONDecoder(strict=False).raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def json_list(reply: str, *names: str) -> list[Any] | None:
    """The list in a reply that is JSON; of one that breaks off, the items that are whole. None if it is no JSON."""
    value, text = _json_value(reply), _json_text(reply)
    if isinstance(value, dict):
        lists = [value[name] for name in names if isinstance(value.get(name), list)]
        lists += [one for one in value.values() if isinstance(one, list)]
        return lists[0] if lists else ([value] if "output" in value else None)
    if isinstance(value, list):
        return value
    if text is None or not re.match(r'\{\s*"|\[\s*["{]', text):
        return None
    return list(_whole_items(text))


def _whole_items(text: str) -> Iterator[Any]:
    decoder, position = json.JSONDecoder(strict=False), text.find("[") + 1
    while position and position < len(text):
        position += len(text[position:]) - len(text[position:].lstrip(" \t\r\n,"))
        try:
            item, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return
        yield item


def instance_of(record: Any) -> Instance:
    if not isinstance(record, dict):
        return Instance("", "" if record is None else text_of(record))
    output = text_of(record, "output", "class_label", "label", "answer")
    return Instance(given_input(text_of(record, "input")), output)


def text_of(value: Any, *names: str) -> str:
    if isinstance(value, dict):
        value = next((value[name] for name in names if name in value), "")
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
