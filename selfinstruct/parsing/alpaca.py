"""Whole tasks in a single reply, as Alpaca's prompt asks for them."""

from __future__ import annotations

from selfinstruct.data.tasks import Instance
from selfinstruct.parsing import Draft, Parsed, embedded
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.labelled import Section, grouped, sections_by, texts_outside
from selfinstruct.parsing.markdown import tidied
from selfinstruct.parsing.reasons import finished, leftovers
from selfinstruct.parsing.wording import WIDE, Wording, given_input


def propose(reply: str, finish_reason: str, wording: Wording = WIDE) -> Parsed:
    """Tasks with their instances, in blocks with "###" between them or as JSON:

        1. Instruction: Name a planet with rings.
        1. Input:
        <noinput>
        1. Output:
        Saturn
        ###

    Returns a draft for each block with an instruction. A missing output becomes an empty text,
    which the filters reject with their own reason. Reasons: a cut (without the last block),
    broken_json, empty_reply, refusal, no_tasks.
    """
    items = embedded.instructions(reply, wording)
    if items is not None:
        (pairs, rest), before = _tasks_in_json(items, wording), ""
    else:
        sections = sections_by(reply, wording.tasks, wording)
        before, rest = texts_outside(sections)
        pairs = _tasks_in(sections, rest, wording)
        pairs = pairs[:-1] if cut_of(finish_reason) else pairs
    drafts = []
    for instruction, instance in pairs:
        text, title = tidied(instruction, wording)
        drafts.append(Draft(text, instance))
        rest.append(title)
    parsed = Parsed(drafts=tuple(drafts), leftovers=leftovers(before, rest, wording))
    return finished(parsed, reply, finish_reason, items, "no_tasks")


def _tasks_in(
    sections: list[Section], rest: list[str], wording: Wording
) -> list[tuple[str, Instance]]:
    """Instructions with their instances; the texts of blocks without instruction go to `rest`."""
    pairs = []
    for task in grouped(sections, first="instruction"):
        given, output = given_input(task.get("input", ""), wording), task.get("output", "")
        if task.get("instruction"):
            pairs.append((task["instruction"], Instance(given, output)))
        else:
            rest += [given, output]
    return pairs


def _tasks_in_json(
    items: embedded.Items, wording: Wording
) -> tuple[list[tuple[str, Instance]], list[str]]:
    """Instructions with their instances, and the texts of the items that are in neither."""
    tasks = [task for task in items.values if isinstance(task, dict)]
    others = [embedded.text_of(task) for task in items.values if not isinstance(task, dict)]
    used = (("instruction",), ("input",), embedded.OUTPUTS)
    rest = [text for task in tasks for text in embedded.rest_of(task, *used)]
    pairs = [
        (embedded.text_of(task, "instruction"), embedded.instance_of(task, wording))
        for task in tasks
    ]
    return pairs, [*items.leftovers, *others, *rest]
