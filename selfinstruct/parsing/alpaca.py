"""Whole tasks in one reply: numbered blocks of an instruction, an input or a mark that there is none, and an output."""

from __future__ import annotations

from selfinstruct.data.tasks import Instance
from selfinstruct.parsing import Draft, Parsed, chat, embedded
from selfinstruct.parsing.labelled import given_input, grouped, labels, sections_of


def propose(reply: str, finish_reason: str) -> Parsed:
    """Blocks apart by "###", or JSON. A block that the length limit cut is dropped, and that is said.

    A block without an output comes back with an empty one, so that the filters name it.
    """
    items = embedded.instructions(reply)
    if items is not None:
        pairs = [
            (embedded.text_of(one, "instruction"), embedded.instance_of(one))
            for one in items.found
            if isinstance(one, dict)
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
