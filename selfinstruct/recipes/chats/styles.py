"""The three styles of a chat: how a chat begins, and who writes the turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from selfinstruct.asking.stage import Ask, Question
from selfinstruct.data.examples import Rejected, Turn
from selfinstruct.errors import ModelError
from selfinstruct.parsing.conversation import ASSISTANT, PERSON, Opening
from selfinstruct.recipes import dropped_replies
from selfinstruct.recipes.chats.course import Begun, Course, Plan
from selfinstruct.recipes.chats.prefixes import Prefixes
from selfinstruct.recipes.chats.settings import (
    MAGPIE,
    MESSAGE,
    OPENING,
    REPLY,
    SELF_CHAT,
    TRANSCRIPT,
    USER_TURN,
    WHOLE,
)

_GOAL = "the request of the first message is met, and one thing that follows from it is understood."
_NEXT = "Write the person's next message, or [END]."
_NOT_YET = "Write the person's next message; it is too early for [END]."
_TOPIC = "Topic: {}"
_FIRST = (
    "The conversation begins with this message of the person, word for word:\n"
    "<message>\n{}\n</message>"
)


class Style(Protocol):
    """A way to write chats."""

    questions: ClassVar[Sequence[Question]]

    async def begin(self, at: int, plan: Plan, ask: Ask) -> list[Begun | Rejected]:
        """Ask for the beginning of chat number `at`, which has no opening yet."""
        ...

    async def go_on(self, course: Course, begun: Begun, ask: Ask) -> None:
        """Write the turns behind the opening."""
        ...


class SelfChat:
    """A simulated person and the assistant by turns (Baize v2)."""

    questions: ClassVar[Sequence[Question]] = (OPENING, REPLY, MESSAGE)

    async def begin(self, at: int, plan: Plan, ask: Ask) -> list[Begun | Rejected]:
        values = {"topic": plan.theme.topic, "persona": plan.theme.persona}
        reply = await ask("opening", f"t{at}", values)
        begun = [] if reply.parsed.is_empty else [Begun(reply.parsed, plan)]
        return [*dropped_replies("opening", at, reply), *begun]

    async def go_on(self, course: Course, begun: Begun, ask: Ask) -> None:
        goal, plan = begun.opening.goal or _GOAL, begun.plan
        while await course.answered(ask):
            if len(course.turns) >= 2 * begun.plan.most:
                course.ended = "limit"
                return
            may_end = len(course.turns) >= 2 * plan.least
            values = {"chat": _as_text(course.turns), "persona": plan.theme.persona, "goal": goal}
            values["request"] = _NEXT if may_end else _NOT_YET
            said = await course.asked(ask, "message", values)
            if said is None:
                return
            if said.is_over:
                course.ended = "goal"
                return
            if not course.take("message", Turn(PERSON, said.text)):
                return


class Whole:
    """A single call writes the whole conversation (Baize v1)."""

    questions: ClassVar[Sequence[Question]] = (WHOLE,)

    async def begin(self, at: int, plan: Plan, ask: Ask) -> list[Begun | Rejected]:
        values = plan.values | {"matter": _TOPIC.format(plan.theme.topic)}
        reply = await ask("transcript", f"t{at}", values)
        turns = reply.parsed.turns
        begun = [Begun(Opening(turns[0].text), plan, turns)] if turns else []
        return [*dropped_replies("transcript", at, reply), *begun]

    async def go_on(self, course: Course, begun: Begun, ask: Ask) -> None:
        turns = begun.turns
        if not turns:
            values = begun.plan.values | {"matter": _FIRST.format(begun.opening.text)}
            found = await course.asked(ask, "transcript", values)
            turns = found.turns if found is not None else ()
        for turn in turns[1 : 2 * begun.plan.most]:
            if not course.take("transcript", turn):
                return
        course.leave("transcript", turns[2 * begun.plan.most :])
        course.ended = course.ended or "limit"


class Magpie:
    """The model writes the user's turns too, behind its template's prefix (Xu et al., 2024)."""

    questions: ClassVar[Sequence[Question]] = (USER_TURN, REPLY)

    def __init__(self, prefixes: Prefixes) -> None:
        self._prefixes = prefixes

    async def begin(self, at: int, plan: Plan, ask: Ask) -> list[Begun | Rejected]:
        try:
            reply = await ask("user_turn", f"t{at}", {"prefix": self._prefixes.before(())})
        except ModelError as error:
            raise ModelError(
                f"{error} (--style magpie needs the raw interface /v1/completions beside "
                "/v1/chat/completions; the other styles do not)"
            ) from None
        text = reply.parsed.text
        begun = [Begun(Opening(text), plan)] if text else []
        return [*dropped_replies("user_turn", at, reply), *begun]

    async def go_on(self, course: Course, begun: Begun, ask: Ask) -> None:
        while await course.answered(ask):
            if len(course.turns) >= 2 * begun.plan.most:
                course.ended = "limit"
                return
            values = {"prefix": self._prefixes.before(course.turns)}
            said = await course.asked(ask, "user_turn", values)
            if said is None or not course.take("user_turn", Turn(PERSON, said.text)):
                return


def style_of(name: str, materials: Any) -> Style:
    """The style of a name in the settings."""
    found: dict[str, Style] = {SELF_CHAT: SelfChat(), TRANSCRIPT: Whole()}
    return Magpie(materials) if name == MAGPIE else found[name]


QUESTIONS: Mapping[str, Sequence[Question]] = {
    SELF_CHAT: SelfChat.questions,
    TRANSCRIPT: Whole.questions,
    MAGPIE: Magpie.questions,
}


def _as_text(turns: Sequence[Turn]) -> str:
    names = {PERSON: "Person", ASSISTANT: "Assistant"}
    return "\n\n".join(f"{names[turn.role]}: {turn.text}" for turn in turns)
