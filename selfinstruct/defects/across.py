"""Defects that show only beside other examples: duplicates, near-duplicates, label conflicts."""

from __future__ import annotations

import re

from selfinstruct.defects.finding import Checked, Finding, found
from selfinstruct.similarity import RougeIndex, rouge_l, tokens

_NEAR = 0.7  # ROUGE-L F of instruction and input above it (paper, section 2.2)
_LABEL_WORDS = 4  # a longer output is an answer of its own, of which there may be several
_COMPARED = 400  # letters of an input or output that are compared
_SMALL = frozenset(
    (
        "i a an the of for to in on and or with that this these those is are be some any please"
        " your you me my our it its at by as from following given below provided here one sure make"
        " do does can could would provided suitable appropriate possible short brief main an"
        " \u7684 \u4e86 \u4e00 \u4e2a \u8bf7 \u4ee5\u4e0b el la los las un una de le les des der"
        " die das ein eine einen einem einer von vom zu im am den dem del al du des au aux à une"
        " \u4e9b \u5417"
    ).split()
)


class Across:
    """Compares each example of a dataset with all examples before.

    Memory: the texts of all examples.
    """

    def __init__(self, *, near: bool = True) -> None:
        """near: whether to look for near-duplicates, which takes most of the time."""
        self._near = RougeIndex("unicode") if near else None
        self._outputs: list[str] = []
        self._seen: set[tuple[str, str, str]] = set()
        self._labels: dict[tuple[str, str], str] = {}

    def findings(self, row: Checked) -> list[Finding]:
        """The findings of `row` beside the earlier rows, among which `row` counts from now on."""
        whole = (_plain(row.instruction), _plain(row.input), _plain(row.output))
        if whole in self._seen:
            return [found("exact_duplicate", "instruction", row.instruction)]
        self._seen.add(whole)
        results = (self._label(row, whole), self._duplicate(row))
        return [finding for finding in results if finding is not None]

    def _label(self, row: Checked, whole: tuple[str, str, str]) -> Finding | None:
        if (
            row.is_classification is False
            or not 0 < len(row.output.split()) <= _LABEL_WORDS
            or len(row.output) > 40
        ):
            return None
        asked = (
            row.input
            and _ASKS_LABEL.search(row.instruction)
            and not _ASKS_FOR_ONE_OF_MANY.match(row.instruction)
        )
        if not (row.is_classification or asked):
            return None
        label = row.output.strip(" \t\r\n.!\"'\u3002").casefold()
        first = self._labels.setdefault(whole[:2], label)
        return (
            found("label_conflict", "output", f"{row.output.strip()}, and before {first}")
            if first != label
            else None
        )

    def _duplicate(self, row: Checked) -> Finding | None:
        if self._near is None:
            return None
        task = row.instruction[: 10 * _COMPARED]
        text = f"{task}\n{row.input[:_COMPARED]}" if row.input else task
        match = self._near.nearest(text, above=_NEAR)
        position = self._near.add(text)
        self._outputs.append(row.output[:_COMPARED])
        assert position == len(self._outputs) - 1
        if match is None or not (
            _same_task(match.text, text) or self._same_answer(match.position, row.output)
        ):
            return None
        return found("near_duplicate", "instruction", f"{match.score:.2f} with: {match.text}")

    def _same_answer(self, position: int, output: str) -> bool:
        ours, theirs = (
            tokens(text, "unicode") for text in (output[:_COMPARED], self._outputs[position])
        )
        return min(len(ours), len(theirs)) >= 8 and rouge_l(theirs, ours) > 0.6


_ASKS_LABEL = re.compile(
    r"classif|categor|label|sentiment|positive or|true or false|yes or no|is (?:this|the|it)\b"
    r"|whether|spam|\bor\b|determine if|decide|detect|\u5206\u7c7b|\u5224\u65ad|\u662f\u5426"
    r"|\u8fd8\u662f|clasifi|klassifi|\bclasse|oder (?:falsch|nicht)|\bwahr\b|verdadero|\bvrai\b"
    r"|分類|どちら|正误|正しい",
    re.I,
)
# A task that has many right answers: two different answers are no contradiction.
_ASKS_FOR_ONE_OF_MANY = re.compile(
    r"\W{0,9}(?:please )?(?:write|generate|give|suggest|brainstorm|describe|compose|create|make"
    r"|invent|recommend|provide|come up|propose|replace|complete|fill|guess|tell me a"
    r"|name (?:a|an|one)|写|起|给出|说出|列出|escribe|da un|donne|écris|nenne|schreib)",
    re.I,
)


def _same_task(text: str, earlier: str) -> bool:
    """Whether two texts ("instruction, line end, input") ask for the same.

    Instructions may differ in small words, in word endings and in the order of the words. Signs,
    numbers and inputs must have the same order.
    """
    task, _, given = text.partition("\n")
    their_task, _, their_given = earlier.partition("\n")
    if _SIGNS.findall(text) != _SIGNS.findall(earlier) or ("?" in given) != ("?" in their_given):
        return False
    if tokens(given, "unicode") != tokens(their_given, "unicode"):
        return False
    ours, theirs = _content(task), _content(their_task)
    return ours == theirs or (
        len(ours) > 3 and sorted(ours) == sorted(theirs) and not _ORDERED.search(task)
    )


def _content(text: str) -> list[str]:
    return [word[:6].rstrip("se") for word in tokens(text, "unicode") if word not in _SMALL]


_SIGNS = re.compile(r"(?<!\w)-(?=\d)|[+*/<>=^%#\u00b1\u00d7\u00f7]|(?<=\d )-|(?<!\d)\.(?=\d)|\d+")
_ORDERED = re.compile(r"\bfrom\b|\bto\b.*\bto\b|\bthan\b|\binto\b|从|到|比")


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
