"""Whole tasks in one reply: numbered blocks of an instruction, an input or a mark that there is none, and an output."""

from __future__ import annotations

from selfinstruct.parse import Draft, Parsed, chat
from selfinstruct.tasks import Instance


def propose(reply: str, finish_reason: str) -> Parsed:
    """Blocks apart by "###", or JSON. A block that the length limit cut is dropped, and that is said.

    A block without an output comes back with an empty one, so that the filters name it.
    """
    found = chat.json_list(reply, "tasks", "instructions")
    if found is not None:
        pairs = [(chat.text_of(one, "instruction"), chat.instance_of(one)) for one in found if isinstance(one, dict)]
    else:
        sections = chat.sections_of(reply, chat.labels("Input", "Output"))
        tasks = [task for task in chat.grouped(sections, first="instruction") if task.get("instruction")]
        pairs = [(task["instruction"], Instance(chat.given_input(task.get("input", "")), task.get("output", ""))) for task in tasks]
        if finish_reason == "length":
            pairs = pairs[:-1]
    drafts = tuple(Draft(chat.tidy_instruction(instruction), instance) for instruction, instance in pairs)
    if finish_reason == "length":
        return Parsed(drafts=drafts, reason="cut_by_length")
    return Parsed(drafts=drafts) if drafts else Parsed(reason=chat.why_nothing(reply, "no_tasks"))
