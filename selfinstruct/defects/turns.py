"""The turns of a chat before the instruction: their roles, their order, and turns without text."""

from __future__ import annotations

from selfinstruct.data.examples import Turn
from selfinstruct.defects.finding import Checked, Finding, found

_ROLES = ("user", "assistant")
_TOOLS = ("tool", "function", "ipython", "observation")  # between two turns of the assistant


def chat_turns(row: Checked) -> Finding | None:
    """A history with an unknown role, an empty turn, a wrong order, or a wrong last turn.

    The turns alternate, the user's first. The last is the assistant's, since the instruction is
    the user's next turn.
    """
    history: tuple[Turn, ...] = getattr(row, "history", ())
    before = None
    for number, turn in enumerate(history, 1):
        fault = _fault(turn, before)
        if fault is not None:
            return found("chat_turns", "instruction", f"turn {number}: {fault}")
        before = turn.role
    if history and before != "assistant":
        fault = f"turn {len(history)}: the {before} speaks twice before an answer"
        return found("chat_turns", "instruction", fault)
    return None


def _fault(turn: Turn, before: str | None) -> str | None:
    """The fault of a turn behind a turn of the role `before`, None for the first turn."""
    if turn.role not in _ROLES + _TOOLS:
        return f"the role {turn.role!r} is neither user nor assistant"
    if not turn.text.strip():
        return f"the {turn.role} says nothing"
    if turn.role in _TOOLS or before in _TOOLS:
        return None
    if before is None and turn.role == "assistant":
        return "the assistant speaks first"
    return f"the {turn.role} speaks twice" if turn.role == before else None
