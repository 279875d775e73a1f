"""Elimination: why an evolved instruction, or its answer, is dropped (WizardLM, section 3.2).

Each filter names its reason, a stable slug, or returns None. Pure.
"""

from __future__ import annotations

import re
from collections import Counter

from selfinstruct.defects import Row
from selfinstruct.defects.refusals import refusal
from selfinstruct.parsing.tokens import why_not_control_token
from selfinstruct.similarity import RougeIndex, tokens

SHORT_ANSWER = 80  # words; a longer answer may apologize on the way
# The share of a material's tokens that a child has at least. Of the children that were read, those
# that kept their material had 0.86 and more of them, and those that left it out 0.26 at most.
KEPT_MATERIAL = 0.5
# Words of the templates, which no instruction of a person has.
_LEAKED = re.compile(
    r"#\w+ prompt#|</?(?:prompt|first|second)>"
    r"|\b(?:given|rewritten|created|evolved|original) prompt\b|\bnew prompt\b|\bprompt rewriter\b",
    re.I,
)
_APOLOGY = re.compile(r"\b(?:sorry|apologi[sz]e)\b", re.I)
_ASKS_FOR_APOLOGY = re.compile(r"\bsorry\b|apolog", re.I)
_STOP_WORDS = frozenset(
    "a an and are as at be but by for from has have i in is it its of on or so that the then there "
    "these they this those to was we were will with you your not no".split()
)


def why_not_child(child: str, parent: str, material: str = "") -> str | None:
    """The reason to drop an evolved instruction for its own words.

    material: the input that came with the source, such as a table, if the child has to keep it.
    """
    if not re.search(r"[^\W_]", child):
        return "punctuation_only"
    known = {found.casefold() for found in _LEAKED.findall(parent)}
    if any(found.casefold() not in known for found in _LEAKED.findall(child)):
        return "leaked_operator"
    if material and _loses(child, material):
        return "lost_material"
    return why_not_control_token(child)


def _loses(child: str, material: str) -> bool:
    known = Counter(tokens(material, "unicode"))
    kept = (known & Counter(tokens(child, "unicode"))).total()
    return kept < KEPT_MATERIAL * known.total()


def compared(child: str, parent: str) -> tuple[int, float]:
    """How many words of the child are new, and ROUGE-L F of the child with its parent.

    The new words are those outside the longest common subsequence.
    """
    index = RougeIndex("unicode")
    score = index.score(index.add(parent), child)
    ours, theirs = len(tokens(child, "unicode")), len(tokens(parent, "unicode"))
    return ours - round(score * (ours + theirs) / 2), score


def why_not_answer(answer: str, child: str) -> str | None:
    """The reason to drop an evolved instruction for its answer.

    An answer of stop words and punctuation says that the instruction makes no sense, and a short
    apology that the model cannot answer.
    """
    words = re.findall(r"[^\W_]+", answer.casefold())
    if all(word in _STOP_WORDS for word in words):
        return "stop_words_only"
    if refusal(Row(child, "", answer)) is not None:
        return "apology"
    is_apology = _APOLOGY.search(answer) is not None and _ASKS_FOR_APOLOGY.search(child) is None
    return "apology" if is_apology and len(answer.split()) < SHORT_ANSWER else None
