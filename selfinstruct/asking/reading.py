"""From a completion to its content: thinking and control tokens go, a parser reads the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from selfinstruct.data.examples import Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.models import Completion
from selfinstruct.parsing import Leftover
from selfinstruct.parsing.endings import BESIDE, as_edition_1, cut_of
from selfinstruct.parsing.thinking import spoken, without_thinking
from selfinstruct.text import well_formed

Parse = Callable[[str, str], Any]  # from a text and a finish reason
Unread = Callable[..., Any]  # called with `reason`: the content of a reply that has none
# Replies that another draw of the model's may better, beside those that were cut. A refusal by the
# server (a content filter, a prompt too long) is not among them.
ASKED_AGAIN = frozenset(
    (
        *("empty_reply", "refusal", "no_list", "no_tasks", "no_output_label", "no_class_label"),
        *("neither_yes_nor_no", "broken_json", "no_verdict", "bad_score"),
        *("nothing_but_thinking", "tool_call", "no_assertions", "no_message", "no_turns"),
    )
)


class Content(Protocol):
    """A parser's result."""

    @property
    def reason(self) -> str | None:
        """The reason why the reply, or its end, is unusable; None if all was used."""
        ...

    @property
    def leftovers(self) -> tuple[Leftover, ...]: ...

    @property
    def is_empty(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply's text without thinking aloud, and its content."""

    text: str
    parsed: Any
    before: tuple[Reply, ...] = ()  # replies to the same question that held nothing
    leftovers: tuple[Leftover, ...] = ()  # texts of the reply that are no part of its content
    is_cut: bool = False  # the model had more to say

    @property
    def is_worth_another(self) -> bool:
        reason = self.parsed.reason or ""
        return (reason in ASKED_AGAIN or reason.startswith("cut_by_")) and self.parsed.is_empty


def read(completion: Completion, lead: str, parse: Parse, unread: Unread) -> Reply:
    """The content of a completion.

    lead: the beginning of the text, which the prompt had written. Reasons beside the parser's: the
    completion's error, refusal or tool_call for text outside the content, nothing_but_thinking, and
    a cut of a blank text.
    """
    text = well_formed(completion.text)
    if completion.error is not None:
        return Reply(text, unread(reason=completion.error))
    if completion.finish_reason in BESIDE:
        return Reply(text, unread(reason=BESIDE[completion.finish_reason]))
    said, cut = spoken(text), cut_of(completion.finish_reason)
    text, is_cut = said.text, cut is not None
    if not text.strip() and (said.thinks or completion.reasoning.strip()):
        return Reply(text, unread(reason="nothing_but_thinking"), is_cut=is_cut)
    if not text.strip() and cut is not None:
        return Reply(text, unread(reason=cut), is_cut=True)
    parsed = parse(lead + text, completion.finish_reason)
    after = (Leftover(said.after.strip(), "next_turn"),) if said.after.strip() else ()
    return Reply(text, parsed, leftovers=(*parsed.leftovers, *after), is_cut=is_cut)


def read_as_edition_1(completion: Completion, lead: str, parse: Parse, unread: Unread) -> Reply:
    """The content of a completion as version 0.1 read it."""
    text = well_formed(completion.text)
    if completion.error is not None:
        return Reply(text, unread(reason=completion.error))
    if completion.finish_reason in BESIDE:
        text = ""  # version 0.1 did not see it
    text = without_thinking(text)
    ending = as_edition_1(completion.finish_reason)
    if ending == "length" and not text.strip():  # nothing but thinking
        return Reply(text, unread(reason="cut_by_length"))
    return Reply(text, parse(lead + text, ending))


def dropped_replies(
    stage: str, turn: int, reply: Reply, instruction: Instruction | None = None
) -> list[Rejected]:
    """Replies, or ends of replies, that could not be read, in the order in which they came.

    Then the texts of the last reply that are in no candidate, each reason with its texts.
    """
    of = instruction.id if instruction else None
    texts = [("reply", each.parsed.reason, each.text) for each in (*reply.before, reply)]
    for reason in dict.fromkeys(left.reason for left in reply.leftovers):
        same = [left.text for left in reply.leftovers if left.reason == reason]
        texts.append(("leftover", reason, "\n".join(same)))
    return [
        Rejected(stage, what, reason, turn, text, instruction_id=of)
        for what, reason, text in texts
        if reason is not None
    ]
