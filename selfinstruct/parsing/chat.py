"""Replies of instruction-tuned models: numbered lists, labelled blocks or JSON.

Opening sentences, closing remarks and markdown around numbers and labels are left out.
"""

from __future__ import annotations

import re
from typing import Any

from selfinstruct.data.tasks import Instance
from selfinstruct.parsing import Draft, Parsed, embedded
from selfinstruct.parsing.embedded import Items, rest_of
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.labelled import (
    Section,
    fields_of,
    grouped,
    sections_by,
    texts_outside,
    with_inputs,
)
from selfinstruct.parsing.languages import ANSWERS, NO, YES, any_of
from selfinstruct.parsing.lists import Listing, list_items
from selfinstruct.parsing.markdown import plain, tidied
from selfinstruct.parsing.reasons import finished, leftovers, why_nothing
from selfinstruct.parsing.values import found_in
from selfinstruct.parsing.wording import WIDE, Wording, given_input

_YES_IN_JSON = re.compile(r'"[^"\n]{0,40}classif[^"\n]{0,40}"\s*:\s*"?(yes|no|true|false)\b', re.I)
_SAYS_WHICH = re.compile(
    r"\W*(?:this|it|the task)(?: task)? (?:is|would be|can be)(?P<no>n['\u2019]t| not)?"
    r" (?:considered )?(?:an? )?(?P<not>non-?)?classification(?: task)?\b",
    re.I,
)
_SAYS_LAST = re.compile(
    rf"(?:{any_of(ANSWERS)})(?: is|:|\uff1a)?[\s*_:\"']*(?:(?P<yes>{any_of(YES)})|(?P<no>{any_of(NO)}))"
    r"[\s.*_\"'!\u3002]*\Z",
    re.I,
)
_INSTRUCTION_NAMES = ("instruction", "task", "text", "prompt", "question")


def propose(reply: str, finish_reason: str, wording: Wording = WIDE) -> Parsed:
    """Instructions as a numbered or bulleted list, in tags, or as JSON:

        Sure, here are more tasks:
        9. Write a poem about the sea.
        10. **Explain** how a bicycle stays upright.

    Returns a draft for each item, as a line of plain text. Reasons: a cut (without the last item),
    broken_json, empty_reply, refusal, no_list.
    """
    items = embedded.instructions(reply, wording)
    names = _INSTRUCTION_NAMES[: None if wording.is_wide else 3]
    listing = Listing()
    if items is not None:
        texts = [embedded.text_of(item, *names) for item in items.values]
        listing.leftovers += [text for item in items.values for text in rest_of(item, names)]
        listing.leftovers += items.leftovers
    else:
        listing = list_items(reply, wording)
        texts = listing.items[:-1] if cut_of(finish_reason) else listing.items
        if wording.is_wide:
            texts = [_from_object(text, names, listing) for text in texts]
    drafts = []
    for text in filter(None, texts):
        instruction, title = tidied(text, wording)
        drafts.append(Draft(instruction))
        listing.leftovers.append(title)
    left = leftovers("\n".join(listing.before), listing.leftovers, wording)
    return finished(
        Parsed(drafts=tuple(drafts), leftovers=left), reply, finish_reason, items, "no_list"
    )


def classify(reply: str, finish_reason: str, wording: Wording = WIDE) -> Parsed:
    """Whether a task is a classification, as the first word, the last word or JSON:

        **Yes.**
        Answer: yes, because ...
        {"is_classification": true}

    The label is None where the reply names neither. Reasons: a cut, empty_reply, refusal,
    neither_yes_nor_no. A reply that was cut behind its label has no reason.
    """
    value, beside = _label_in_json(reply, wording)
    if isinstance(value, bool):
        return _labelled(value, beside, wording)
    word = wording.yes_or_no.match(value if isinstance(value, str) else reply)
    if word is not None:
        explanation = beside if isinstance(value, str) else reply[word.end() :]
        return _labelled(word["yes"] is not None, explanation, wording)
    if found := _YES_IN_JSON.search(reply):
        around = f"{reply[: found.start()]} {reply[found.end() :]}"
        return _labelled(found[1].lower() in ("yes", "true"), around, wording)
    reason = why_nothing(reply, "neither_yes_nor_no")
    if not wording.is_wide:
        return Parsed(reason=reason)
    if says := _SAYS_WHICH.match(reply):
        return _labelled(not (says["no"] or says["not"]), reply[says.end() :], wording)
    cut = cut_of(finish_reason)
    if cut is None and (last := _SAYS_LAST.search(reply)):
        return _labelled(last["yes"] is not None, reply[: last.start()], wording)
    return Parsed(reason=cut or reason)


def _label_in_json(reply: str, wording: Wording) -> tuple[Any, str]:
    """The value of the field about classification, or of the first field, and the other texts."""
    found = found_in(reply, several=wording.is_wide)
    value = found.values[0] if found is not None and found.values else None
    if found is None or not isinstance(value, dict) or not value:
        return (None if isinstance(value, dict) else value), ""
    name = min(value, key=lambda name: "classif" not in name.lower())
    others = [found.outside, *rest_of(value, (name,)), *map(embedded.text_of, found.values[1:])]
    if found.broken and wording.is_wide:  # of JSON that breaks off not every text is known
        others = [reply]
    label = value[name]
    is_flag = wording.is_wide and label in (0, 1) and isinstance(label, int)
    return (bool(label) if is_flag else label), "\n".join(others)


def input_first(reply: str, finish_reason: str, wording: Wording = WIDE) -> Parsed:
    """Instances of a task that is no classification, in labelled blocks or as JSON:

        Example 1
        Input: 2 and 3
        Output: 5

    An output without an input is an instance with an empty input. An input without an output is an
    instance with an empty output. Reasons: a cut (without the last instance), broken_json,
    empty_reply, refusal, no_output_label.
    """
    items = embedded.instances(reply, wording)
    if items is not None:
        return _from_json(items, reply, finish_reason, wording, "no_output_label")
    sections = sections_by(reply, wording.instances, wording)
    sections = with_inputs(sections) if wording.is_wide else sections
    instances, unused = [], list[str]()
    for task in grouped(sections, first="input"):
        if "output" in task or "input" in task:
            given = given_input(task.get("input", ""), wording)
            instances.append(Instance(given, task.get("output", "")))
        unused.append(task.get("instruction", ""))
    return _from_sections(
        instances, sections, unused, reply, finish_reason, wording, "no_output_label"
    )


def output_first(reply: str, finish_reason: str, wording: Wording = WIDE) -> Parsed:
    """Instances of a classification, each a class label and an input that has the label:

        Class label: spam
        Input: Win a prize now!

    The input stands below the class label, with or without "Input:", or above. JSON is read as
    well. Reasons: a cut (without the last instance), broken_json, empty_reply, refusal,
    no_class_label.
    """
    items = embedded.instances(reply, wording)
    if items is not None:
        return _from_json(items, reply, finish_reason, wording, "no_class_label")
    sections = sections_by(reply, wording.classes, wording)
    sections = with_inputs(sections) if wording.is_wide else sections
    fields = [field for field in fields_of(sections) if field != "instruction"]
    instances, unused = [], list[str]()
    for task in grouped(sections, first=fields[0] if fields else "output"):
        label, _, below = task.get("output", "").partition("\n")
        given = "\n".join(part for part in (below.strip(), task.get("input", "")) if part)
        if label or given:
            instances.append(Instance(given_input(given, wording), plain(label.strip())))
        unused.append(task.get("instruction", ""))
    return _from_sections(
        instances, sections, unused, reply, finish_reason, wording, "no_class_label"
    )


def _from_object(text: str, names: tuple[str, ...], listing: Listing) -> str:
    """The instruction of an item that is a JSON object: 9. {"instruction": "..."}."""
    items = embedded.instructions(text) if text.startswith("{") else None
    if items is None or len(items.values) != 1 or not items.is_whole:
        return text
    listing.leftovers += [*items.leftovers, *rest_of(items.values[0], names)]
    return embedded.text_of(items.values[0], *names)


def _labelled(is_classification: bool, explanation: str, wording: Wording) -> Parsed:
    left = leftovers("", [], wording, explanation=explanation)
    return Parsed(is_classification=is_classification, leftovers=left)


def _from_json(
    items: Items, reply: str, finish_reason: str, wording: Wording, otherwise: str
) -> Parsed:
    instances = tuple(embedded.instance_of(record, wording) for record in items.values)
    rest = [text for record in items.values for text in embedded.instance_rest(record)]
    left = leftovers("", [*items.leftovers, *rest], wording)
    parsed = Parsed(instances=instances, leftovers=left)
    return finished(parsed, reply, finish_reason, items, otherwise)


def _from_sections(
    instances: list[Instance],
    sections: list[Section],
    unused: list[str],
    reply: str,
    finish_reason: str,
    wording: Wording,
    otherwise: str,
) -> Parsed:
    """unused: texts of the sections that are in no instance."""
    if cut_of(finish_reason) is not None:
        instances = instances[:-1]
    before, between = texts_outside(sections)
    left = leftovers(before, [*between, *unused], wording)
    parsed = Parsed(instances=tuple(instances), leftovers=left)
    return finished(parsed, reply, finish_reason, None, otherwise)
