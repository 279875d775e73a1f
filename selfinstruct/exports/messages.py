"""A chat as OpenAI's fine-tuning and TRL's conversational datasets have it: messages with role and content, and nothing else."""

from __future__ import annotations

from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.exports.style import Style


def record(row: Candidate, style: Style) -> dict[str, Any]:
    turns = [("system", style.system)] if style.system else []
    turns += [("user", row.question), ("assistant", row.output)]
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def trainer_entry(style: Style) -> dict[str, Any]:
    """For dataset_info.json. Where `tags` are given, LLaMA-Factory takes no tag from its defaults."""
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
