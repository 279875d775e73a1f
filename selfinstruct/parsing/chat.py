"""Replies of instruction-tuned models: numbered lists, labelled blocks or JSON, with whatever politeness and markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selfinstruct.data.tasks import Instance
from selfinstruct.parsing import Draft, Parsed, embedded
from selfinstruct.parsing.labelled import (
    MARK,
    given_input,
    grouped,
    is_closing_remark,
    is_fence,
    labels,
    lines_of,
    sections_of,
)

_NUMBERED = re.compile(
    rf"{MARK}(?:(?:Task|Instruction)[ \t]*#?)?[(\[]?\d{{1,3}}[*_` \t]{{0,4}}[.):\]\u3001\uff0e\uff09](?!\d)\)?"
    r"(?:[*_`]+(?=[ \t]|$))?[ \t]*(?P<text>.*)$",
    re.I,
)
_BULLETED = re.compile(r"[ \t]*[-*+\u2022\u2013][ \t]+(?P<text>\S.*)$")
_RULE = re.compile(r"[ \t]*(?:#{3,}|-{3,}|\*{3,})[ \t]*$")
_FIELD = labels("Input", "Output")
_REFUSAL = re.compile(
    r"\W*(?:(?:i(?:['\u2019]m| am) )?(?:really |very |so )?sorry\b|i apologi[sz]e|as an ai\b"
    r"|i(?:['\u2019]m| am) (?:unable|not able)\b|i (?:cannot|can['\u2019]?t|won['\u2019]?t)\b)",
    re.I,
)
_YES = re.compile(
    r"[\W_]*(?:(?:the |my |final )*(?:answer|labels?|(?:is )?classification(?: task)?)(?: is)?[\W_]*)?"
    r"(yes|no|true|false)(?!_*[^\W_])",
    re.I,
)
_YES_IN_JSON = re.compile(r'"[^"\n]{0,40}classif[^"\n]{0,40}"\s*:\s*"?(yes|no|true|false)\b', re.I)
_TITLE = re.compile(
    r"(?:\*\*|__)[^*_\n]{1,60}?(?::(?:\*\*|__)|(?:\*\*|__)[ \t]*[:\u2013\u2014-])[ \t]*(?=\S+\s+\S+\s+\S)"
)
_PREFIX = re.compile(r"(?:Instruction|Task)[ \t]*\d*[ \t]*:[ \t]*", re.I)
_BOLD = re.compile(r"(?<!\w)\*\*(?=\S)([^*]+)(?<=\S)\*\*(?!\w)")
_EMPHASIS_FIRST = re.compile(r"([*_])(?=[^\s*_])([^*_]+)(?<=\S)\1(?!\w)")
_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u00ab": "\u00bb", "`": "`"}


def propose(reply: str, finish_reason: str) -> Parsed:
    """A numbered or bulleted list, or JSON; an item that the length limit cut is dropped, and that is said."""
    items = embedded.instructions(reply)
    if items is not None:
        texts = [embedded.text_of(one, "instruction", "task", "text") for one in items.found]
    else:
        texts = list(_list_items(reply))
        if finish_reason == "length":
            texts = texts[:-1]
    drafts = tuple(Draft(tidy_instruction(text)) for text in texts if text)
    return Parsed(
        drafts=drafts,
        reason=why(reply, finish_reason, items, found=bool(drafts), otherwise="no_list"),
    )


def classify(reply: str, finish_reason: str) -> Parsed:
    """Yes or no, however it is dressed: "**Yes.**", "Answer: yes, because ...", {"is_classification": true}."""
    value = embedded.value_of(reply)
    if isinstance(value, dict):
        value = next(
            (value[name] for name in sorted(value, key=lambda name: "classif" not in name.lower())),
            None,
        )
    if isinstance(value, bool):
        return Parsed(is_classification=value)
    found = _YES.match(value if isinstance(value, str) else reply) or _YES_IN_JSON.search(reply)
    if found is None:
        return Parsed(reason=why_nothing(reply, "neither_yes_nor_no"))
    return Parsed(is_classification=found[1].lower() in ("yes", "true"))


def input_first(reply: str, finish_reason: str) -> Parsed:
    """Inputs, each followed by its output; an output alone belongs to a task that needs no input."""
    items = embedded.instances(reply)
    if items is not None:
        return _parsed(
            [embedded.instance_of(one) for one in items.found],
            reply,
            finish_reason,
            items,
            "no_output_label",
        )
    sections = sections_of(reply, labels("Input", "Output"))
    if not any(field == "output" for field, _ in sections):
        sections = sections_of(reply, labels("Input", "Answer|Response|Solution"))
    tasks = [
        task for task in grouped(sections, first="input") if "output" in task or "input" in task
    ]
    instances = [
        Instance(given_input(task.get("input", "")), task.get("output", "")) for task in tasks
    ]
    return _parsed(
        _but_last(instances, finish_reason), reply, finish_reason, None, "no_output_label"
    )


def output_first(reply: str, finish_reason: str) -> Parsed:
    """Class labels, each with an input that has it: on the lines below, or under a label of its own, below or above."""
    items = embedded.instances(reply)
    if items is not None:
        return _parsed(
            [embedded.instance_of(one) for one in items.found],
            reply,
            finish_reason,
            items,
            "no_class_label",
        )
    sections = sections_of(reply, labels("Input", r"Class[ _-]?label|Label|Class|Output"))
    fields = [field for field, _ in sections if field in ("input", "output")]
    instances = []
    for task in grouped(sections, first=fields[0] if fields else "output"):
        label, _, below = task.get("output", "").partition("\n")
        given = "\n".join(part for part in (below.strip(), task.get("input", "")) if part)
        if label or given:
            instances.append(Instance(given_input(given), _plain(label.strip())))
    return _parsed(
        _but_last(instances, finish_reason), reply, finish_reason, None, "no_class_label"
    )


def tidy_instruction(text: str) -> str:
    """One line of plain text: no markdown title, no label, no emphasis, no quotes around the whole."""
    text = " ".join(text.split())
    text = _without(_PREFIX, _without(_TITLE, text))
    text = _plain(text)
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text


def why_nothing(reply: str, otherwise: str) -> str:
    if not reply.strip():
        return "empty_reply"
    return "refusal" if _REFUSAL.match(reply) else otherwise


def _without(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.match(text)
    return text[found.end() :].strip() if found else text


def _plain(text: str) -> str:
    """A line without emphasis. A mark without its other half was around the number before it; "2 ** 3" and "____" stay."""
    if text.count("**") == 1 and (text.startswith("**") or text.endswith("**")):
        text = text.replace("**", "").strip()
    if (
        text.startswith("__")
        and text.endswith("__")
        and len(text) > 4
        and text.count("__") == 2
        and " " in text
    ):
        text = text[2:-2].strip()
    text = _BOLD.sub(r"\1", text)
    found = _EMPHASIS_FIRST.match(text)
    return found[2] + text[found.end() :] if found else text


def _list_items(reply: str) -> Iterator[str]:
    """The texts of a list, empty where a number stands alone. A list inside an item, further in, is part of the item."""
    lines = lines_of(reply)
    start = _NUMBERED if any(_NUMBERED.match(line) for line in lines) else _BULLETED
    item: list[str] | None = None
    outer = -1  # how far in the list's own items are
    inside = is_fenced = False
    for line in lines:
        found = start.match(line)
        indent = len(line) - len(line.lstrip(" \t"))
        if found and (outer < 0 or indent <= outer + 1):
            if item is not None:
                yield " ".join(item)
            outer = indent if outer < 0 else outer
            item, inside = [found["text"]] if found["text"].strip() else [], True
        elif is_fence(line):
            is_fenced = is_fenced or item is None
            inside = (
                inside and not is_fenced
            )  # the list's own block of code ends, or one in an item does
        elif not line.strip() or _RULE.match(line) or is_closing_remark(line) or _is_field(line):
            inside = False  # what follows a blank line without a number is a closing remark
        elif inside and item is not None:
            item.append(line)
    if item is not None:
        yield " ".join(item)


def _is_field(line: str) -> bool:
    found = _FIELD.match(line.lstrip(" \t>"))
    return found is not None and found["rest"] is not None and found["instruction"] is None


def _but_last(instances: list[Instance], finish_reason: str) -> list[Instance]:
    return instances[:-1] if finish_reason == "length" else instances


def _parsed(
    instances: list[Instance],
    reply: str,
    finish_reason: str,
    items: embedded.Items | None,
    otherwise: str,
) -> Parsed:
    return Parsed(
        instances=tuple(instances),
        reason=why(reply, finish_reason, items, found=bool(instances), otherwise=otherwise),
    )


def why(
    reply: str, finish_reason: str, items: embedded.Items | None, *, found: bool, otherwise: str
) -> str | None:
    """Why a reply, or its end, could not be used; None if all of it was."""
    if finish_reason == "length":
        return "cut_by_length"
    if items is not None and not items.is_whole:
        return "broken_json"
    return None if found else why_nothing(reply, otherwise)
