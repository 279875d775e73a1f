"""Replies of instruction-tuned models: numbered lists, labelled blocks or JSON.

Opening sentences, closing remarks and markdown around numbers and labels are left out.
"""

from __future__ import annotations

import re

from selfinstruct.data.tasks import Instance
from selfinstruct.parsing import Draft, Parsed, embedded
from selfinstruct.parsing.labelled import given_input, grouped, labels, sections_of
from selfinstruct.parsing.lists import list_items

_REFUSAL = re.compile(
    r"\W*(?:(?:i(?:['\u2019]m| am) )?(?:really |very |so )?sorry\b|i apologi[sz]e|as an ai\b"
    r"|i(?:['\u2019]m| am) (?:unable|not able)\b|i (?:cannot|can['\u2019]?t|won['\u2019]?t)\b)",
    re.I,
)
_YES = re.compile(
    r"[\W_]*(?:(?:the |my |final )*(?:answer|labels?|(?:is )?classification(?: task)?)"
    r"(?: is)?[\W_]*)?"
    r"(yes|no|true|false)(?!_*[^\W_])",
    re.I,
)
_YES_IN_JSON = re.compile(r'"[^"\n]{0,40}classif[^"\n]{0,40}"\s*:\s*"?(yes|no|true|false)\b', re.I)
_TITLE = re.compile(
    r"(?:\*\*|__)[^*_\n]{1,60}?(?::(?:\*\*|__)|(?:\*\*|__)[ \t]*[:\u2013\u2014-])[ \t]*"
    r"(?=\S+\s+\S+\s+\S)"
)
_PREFIX = re.compile(r"(?:Instruction|Task)[ \t]*\d*[ \t]*:[ \t]*", re.I)
_BOLD = re.compile(r"(?<!\w)\*\*(?=\S)([^*]+)(?<=\S)\*\*(?!\w)")
_EMPHASIS_FIRST = re.compile(r"([*_])(?=[^\s*_])([^*_]+)(?<=\S)\1(?!\w)")
_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u00ab": "\u00bb", "`": "`"}


def propose(reply: str, finish_reason: str) -> Parsed:
    """Instructions as a numbered or bulleted list, or as a JSON list:

        Sure, here are more tasks:
        9. Write a poem about the sea.
        10. **Explain** how a bicycle stays upright.

    Returns a draft for each item, as a line of plain text. Reasons: cut_by_length (without the last
    item), broken_json, empty_reply, refusal, no_list.
    """
    items = embedded.instructions(reply)
    if items is not None:
        texts = [embedded.text_of(item, "instruction", "task", "text") for item in items.values]
    else:
        texts = list(list_items(reply))
        if finish_reason == "length":
            texts = texts[:-1]
    drafts = tuple(Draft(tidy_instruction(text)) for text in texts if text)
    return Parsed(
        drafts=drafts,
        reason=why(reply, finish_reason, items, found=bool(drafts), otherwise="no_list"),
    )


def classify(reply: str, finish_reason: str) -> Parsed:
    """Whether a task is a classification, as the first word or as JSON:

        **Yes.**
        Answer: yes, because ...
        {"is_classification": true}

    Reasons: empty_reply, refusal, neither_yes_nor_no.
    """
    value = embedded.value_of(reply)
    if isinstance(value, dict):
        value = next(
            (value[name] for name in sorted(value, key=lambda name: "classif" not in name.lower())),
            None,
        )
    if isinstance(value, bool):
        return Parsed(is_classification=value)
    word = _YES.match(value if isinstance(value, str) else reply) or _YES_IN_JSON.search(reply)
    if word is None:
        return Parsed(reason=why_nothing(reply, "neither_yes_nor_no"))
    return Parsed(is_classification=word[1].lower() in ("yes", "true"))


def input_first(reply: str, finish_reason: str) -> Parsed:
    """Instances of a task that is no classification, in labelled blocks or as a JSON list:

        Example 1
        Input: 2 and 3
        Output: 5

    An output without an input is an instance with an empty input. An input without an output is an
    instance with an empty output. Reasons: cut_by_length (without the last instance), broken_json,
    empty_reply, refusal, no_output_label.
    """
    items = embedded.instances(reply)
    if items is not None:
        return _parsed(
            [embedded.instance_of(record) for record in items.values],
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
    """Instances of a classification, each a class label and an input that has the label:

        Class label: spam
        Input: Win a prize now!

    The input stands below the class label, with or without "Input:", or above. JSON lists are read
    as well. Reasons: cut_by_length (without the last instance), broken_json, empty_reply, refusal,
    no_class_label.
    """
    items = embedded.instances(reply)
    if items is not None:
        return _parsed(
            [embedded.instance_of(record) for record in items.values],
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
    """An instruction as a line of plain text.

    Removes a title in bold, a label, emphasis, and quotes around the whole.
    """
    text = " ".join(text.split())
    text = _without(_PREFIX, _without(_TITLE, text))
    text = _plain(text)
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text


def why_nothing(reply: str, otherwise: str) -> str:
    """The reason of a reply that holds nothing: empty_reply, refusal, or the given slug."""
    if not reply.strip():
        return "empty_reply"
    return "refusal" if _REFUSAL.match(reply) else otherwise


def _without(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.match(text)
    return text[match.end() :].strip() if match else text


def _plain(text: str) -> str:
    """A line without markdown emphasis; "2 ** 3" and "____" stay.

    A single "**" at an end belongs to the number before the line, and goes as well.
    """
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
    match = _EMPHASIS_FIRST.match(text)
    return match[2] + text[match.end() :] if match else text


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
    """The reason of a reply: cut_by_length, broken_json or that of `why_nothing`; None if complete.

    found: whether the reply held anything. otherwise: the slug for a reply that held nothing.
    """
    if finish_reason == "length":
        return "cut_by_length"
    if items is not None and not items.is_whole:
        return "broken_json"
    return None if found else why_nothing(reply, otherwise)
