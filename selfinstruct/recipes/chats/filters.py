"""The filters of turns. Each names its reason, a stable slug, or returns None. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from selfinstruct.data.examples import Turn
from selfinstruct.defects import Row
from selfinstruct.defects.refusals import refusal
from selfinstruct.parsing.conversation import ASSISTANT, PERSON
from selfinstruct.parsing.tokens import why_not_control_token
from selfinstruct.recipes.filters import why_not_control
from selfinstruct.similarity import RougeIndex

LEAST = {PERSON: 1, ASSISTANT: 4}  # letters and digits of a turn
SAME = 0.9  # ROUGE-L F with an earlier message of the person, above which nothing new is said
_TIMES, _LONG = 4, 12  # so often in a row a line or sentence of so many letters is a loop
_PARTS = re.compile(r"\n|(?<=[.!?])\s+")  # between lines and sentences
# Case matters: "user:" is a key of many a configuration.
_ROLE = re.compile(
    r"^[>*_#]{0,4} ?\[?(?:User|Human|Person|Assistant|AI(?: Assistant)?|USER|HUMAN|ASSISTANT)\]?"
    r"[*_]*[:\uff1a](?=\s|$)|^\[(?:User|Human|Person|Assistant|AI|END)\]",
    re.M,
)
_AS_ASSISTANT = re.compile(
    r"\bas an (?:ai|artificial intelligence)\b|\bas a (?:large )?language model\b"
    r"|\bi(?: a|['\u2019])m (?:just )?an? (?:ai|artificial intelligence|(?:large )?language model"
    r"|virtual assistant|chatbot)\b"
    r"|\b(?:how|what) (?:else )?(?:can|may|could) i (?:help|assist|do for) you\b"
    r"|\bis there anything (?:else|specific)[\w ]{0,30} (?:i can|you(?:['\u2019]d| would) like)\b"
    r"|\bi(?:['\u2019]m| am|['\u2019]d be| would be) (?:always )?(?:happy|glad|here) to"
    r" (?:help|assist)(?: you)?\b(?! (?:him|her|them|my|our|a|an|the))"
    r"|\b(?:please )?feel free to (?:ask|reach out)\b|\bdon['\u2019]t hesitate to ask\b"
    r"|\blet me know if (?:you (?:have|need|would like|['\u2019]d like)|there is anything)"
    r"|\bi hope (?:this|that) helps\b|\byou(?:['\u2019]re| are) (?:very |most )?welcome[!.]"
    r"|\A\W*(?:sure|certainly|of course|absolutely)\W{1,3}(?:here(?: is|['\u2019]s| are)"
    r"|i(?:['\u2019]d| would| can| will|['\u2019]ll) (?:be |help|explain|do))",
    re.I,
)


def why_not_turn(turn: Turn, before: Sequence[Turn]) -> str | None:
    """The reason to end a conversation before a turn. before: the earlier turns."""
    last = before[-1].role if before else ASSISTANT
    if turn.role == last:
        return "broken_alternation"
    if sum(map(str.isalnum, turn.text)) < LEAST[turn.role]:
        return "tiny_turn"
    reason = why_not_control(turn.text) or why_not_control_token(turn.text)
    if reason is None and _ROLE.search(turn.text):
        reason = "leaked_role"
    if reason is None and turn.role == PERSON and _AS_ASSISTANT.search(turn.text):
        reason = "speaks_as_assistant"
    if reason is None and turn.role == ASSISTANT and refusal(Row(before[-1].text, "", turn.text)):
        reason = "refusal"
    return reason or _why_not_again(turn, before)


def _why_not_again(turn: Turn, before: Sequence[Turn]) -> str | None:
    """A turn that repeats an earlier turn or itself."""
    parts = [part.strip() for part in _PARTS.split(turn.text)]
    runs = (len(list(same)) for part, same in groupby(parts) if len(part) >= _LONG)
    if max(runs, default=0) >= _TIMES:
        return "loop"
    earlier = [each.text for each in before if each.role == turn.role]
    if turn.text in earlier:
        return "repeated_turn"
    if not earlier or turn.role == ASSISTANT:  # an answer may differ by the number that matters
        return None
    index = RougeIndex("unicode")
    for text in earlier:
        index.add(text)
    return "repeated_turn" if index.nearest(turn.text, above=SAME) is not None else None
