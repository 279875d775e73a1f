"""Chats as OpenAI's fine-tuning and TRL's conversational datasets have them.

A record is a list of messages, each with role and content and no other field.
"""

from __future__ import annotations

from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.exports.style import Style

Message = dict[str, str]


def record(row: Candidate, style: Style) -> dict[str, Any]:
    return {"messages": [*prompt(row, style), answer(row)]}


def prompt(row: Candidate, style: Style) -> list[Message]:
    """Everything before the answer: the system message, the earlier turns, the question."""
    system = row.system or style.system
    turns = [("system", system)] if system else []
    turns += [(turn.role, turn.text) for turn in row.history]
    turns.append(("user", row.question))
    return [{"role": role, "content": content} for role, content in turns]


def answer(row: Candidate) -> Message:
    return {"role": "assistant", "content": row.output}


def trainer_entry(style: Style) -> dict[str, Any]:
    """The form's entry in dataset_info.json.

    LLaMA-Factory takes no default for a tag as soon as `tags` are given, so all are named.
    """
    return {
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "observation_tag": "tool",
            "function_tag": "function_call",
            "system_tag": "system",
        },
    }
