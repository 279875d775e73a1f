"""The course of a chat: its opening, and its turns as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from selfinstruct.asking.stage import Ask
from selfinstruct.data.collected import Collected
from selfinstruct.data.examples import Rejected, Turn
from selfinstruct.data.tasks import Instruction
from selfinstruct.parsing.conversation import ASSISTANT, PERSON, Opening
from selfinstruct.recipes import dropped_replies
from selfinstruct.recipes.chats.filters import why_not_turn
from selfinstruct.recipes.topics.themes import Theme


@dataclass(frozen=True, slots=True)
class Plan:
    """The draws of a chat: its theme, and its exchanges at least and at most."""

    theme: Theme
    least: int
    most: int

    @property
    def values(self) -> dict[str, object]:
        """For the prompt of a whole conversation."""
        few, many = self.least, self.most
        exchanges = f"{many}" if few == many else f"{few} to {many}"
        return {"persona": self.theme.persona, "exchanges": exchanges}


@dataclass(frozen=True, slots=True)
class Begun:
    """A chat before its second turn. turns: all of them, where they are written already."""

    opening: Opening
    plan: Plan
    turns: tuple[Turn, ...] = ()
    source_id: str = ""  # of the row that begins the chat

    @property
    def record(self) -> Mapping[str, str]:
        """For the provenance: the row that begins the chat, or the goal."""
        return {"source_id": self.source_id} if self.source_id else {"goal": self.opening.goal}


@dataclass(slots=True)
class Course:
    """The turns of a chat, as they come. ended: "goal", "limit", or why a turn was dropped."""

    instruction: Instruction
    turns: list[Turn]
    dropped: list[Rejected] = field(default_factory=list)
    ended: str = ""

    @property
    def answered_turns(self) -> Sequence[Turn]:
        """The turns up to the last answer."""
        return self.turns[:-1] if self.turns[-1].role == PERSON else self.turns

    def take(self, stage: str, turn: Turn) -> bool:
        """Add a turn, or end the chat before a turn that is dropped."""
        reason = why_not_turn(turn, self.turns)
        if reason is not None:
            place = (self.instruction.turn, self.instruction.text, self.instruction.id)
            self.dropped.append(Rejected(stage, "instance", reason, *place, output=turn.text))
            self.ended = reason
            return False
        self.turns.append(turn)
        return True

    def leave(self, stage: str, turns: Sequence[Turn]) -> None:
        """Note the turns beyond the bound of the chat."""
        if turns:
            text = "\n\n".join(turn.text for turn in turns)
            place = (self.instruction.turn, text, self.instruction.id)
            self.dropped.append(Rejected(stage, "leftover", "beyond_the_bound", *place))

    async def asked(self, ask: Ask, stage: str, values: Mapping[str, object]) -> Any:
        """The content of a reply, None where the reply is of no use. The place tells the turn."""
        id, number = self.instruction.id, len(self.turns) // 2 + len(self.turns) % 2
        reply = await ask(stage, id if number <= 1 else f"{id}-{number}", values)
        self.dropped += dropped_replies(stage, self.instruction.turn, reply, self.instruction)
        if reply.parsed.is_empty:
            self.ended = reply.parsed.reason or "empty_reply"
            return None
        return reply.parsed

    async def answered(self, ask: Ask) -> bool:
        """Add the assistant's answer to the last turn."""
        messages = [(turn.role, turn.text) for turn in self.turns]
        found = await self.asked(ask, "reply", {"conversation": messages})
        return found is not None and self.take("reply", Turn(ASSISTANT, found.text))


def first_message(row: Collected) -> str:
    """The instruction of a row with its input; of a seed task with its first input."""
    given, instances = row.input, row.rest.get("instances")
    if isinstance(instances, list) and instances and isinstance(instances[0], dict):
        given = str(instances[0].get("input") or "")
    return f"{row.instruction}\n\n{given}" if given else row.instruction
