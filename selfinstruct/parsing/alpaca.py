"""Whole tasks in a single reply, as Alpaca's prompt asks for them."""

from __future__ import annotations

from selfinstruct.data.tasks import Instance
from selfinstruct.parsing import Draft, Parsed, chat, embedded
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.labelled import grouped, sections_by, texts_outside
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
    before, rest = "", list[str]()
    if items is not None:
        tasks = [task for task in items.values if isinstance(task, dict)]
        pairs = [
            (embedded.text_of(task, "instruction"), embedded.instance_of(task, wording))
            for task in tasks
        ]
        rest = [*items.leftovers, *(text for task in tasks for text in _rest(task))]
        rest += [embedded.text_of(task) for task in items.values if not isinstance(task, dict)]
    else:
        sections = sections_by(reply, wording.tasks, wording)
        before, rest = texts_outside(sections)
        pairs = []
        for task in grouped(sections, first="instruction"):
            given, output = given_input(task.get("input", ""), wording), task.get("output", "")
            if task.get("instruction"):
                pairs.append((task["instruction"], Instance(given, output)))
            else:
                rest += [given, output]
        pairs = pairs[:-1] if cut_of(finish_reason) else pairs
    drafts = []
    for instruction, instance in pairs:
        text, title = chat.tidied(instruction, wording)
        drafts.append(Draft(text, instance))
        rest.append(title)
    parsed = Parsed(drafts=tuple(drafts), leftovers=leftovers(before, rest, wording))
    return finished(parsed, reply, finish_reason, items, "no_tasks")


def _rest(task: object) -> list[str]:
    return embedded.rest_of(task, ("instruction",), ("input",), embedded.OUTPUTS)
