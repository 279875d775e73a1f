"""Whole tasks in a single reply, as Alpaca's prompt asks for them."""

from __future__ import annotations

from selfinstruct.data.tasks import Instance
from selfinstruct.parsing import Draft, Parsed, chat, embedded
from selfinstruct.parsing.labelled import given_input, grouped, labels, sections_of


def propose(reply: str, finish_reason: str) -> Parsed:
    """Tasks with their instances, in blocks with "###" between them or as a JSON list:

        1. Instruction: Name a planet with rings.
        1. Input:
        <noinput>
        1. Output:
        Saturn
        ###

    Returns a draft for each block with an instruction. A missing output becomes an empty text,
    which the filters reject with their own reason. Reasons: cut_by_length (without the last
    block), broken_json, empty_reply, refusal, no_tasks.
    """
    items = embedded.instructions(reply)
    if items is not None:
        pairs = [
            (embedded.text_of(task, "instruction"), embedded.instance_of(task))
            for task in items.values
            if isinstance(task, dict)
        ]
    else:
        sections = sections_of(reply, labels("Input", "Output"))
        tasks = [task for task in grouped(sections, first="instruction") if task.get("instruction")]
        pairs = [
            (
                task["instruction"],
                Instance(given_input(task.get("input", "")), task.get("output", "")),
            )
            for task in tasks
        ]
        if finish_reason == "length":
            pairs = pairs[:-1]
    drafts = tuple(
        Draft(chat.tidy_instruction(instruction), instance) for instruction, instance in pairs
    )
    return Parsed(
        drafts=drafts,
        reason=chat.why(reply, finish_reason, items, found=bool(drafts), otherwise="no_tasks"),
    )
