"""Defects that show only beside other examples: duplicates, near-duplicates, label conflicts."""

from __future__ import annotations

import re

from selfinstruct.defects.finding import Checked, Finding, Placed, found
from selfinstruct.defects.seen import Seen
from selfinstruct.similarity import Match, RougeIndex, rouge_l, tokens

_NEAR = 0.7  # ROUGE-L F of instruction and input above it (paper, section 2.2)
_LABEL_WORDS = 4  # a longer output is an answer of its own, of which there may be several
_TEXTS = 25_000  # that are held twice to be compared
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
    """Compares each example of a dataset with the examples before: with all for equal texts and
    labels, with the last 25,000 to 50,000 for near-duplicates.

    The memory does not grow with the number of examples.
    """

    def __init__(self, *, near: bool = True) -> None:
        """near: whether to look for near-duplicates, which takes most of the time."""
        self._near = [_Texts()] if near else []
        self._seen = Seen()

    def findings(self, row: Placed) -> list[Finding]:
        """The findings of `row` beside the earlier rows, among which `row` counts from now on."""
        before = _before(row)
        prompt = (_plain(row.instruction), _plain(row.input), before)
        if not self._seen.add(*prompt, _plain(row.output)):
            return [found("exact_duplicate", "instruction", row.instruction)]
        results = (self._label(row, prompt), self._duplicate(row, before))
        return [finding for finding in results if finding is not None]

    def _label(self, row: Checked, prompt: tuple[str, str, str]) -> Finding | None:
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
        first = self._seen.first_label(label, *prompt)
        return (
            found("label_conflict", "output", f"{row.output.strip()}, and before {first}")
            if first != label
            else None
        )

    def _duplicate(self, row: Placed, before: str) -> Finding | None:
        if not self._near:
            return None
        task = row.instruction[: 10 * _COMPARED]
        text = f"{task}\n{row.input[:_COMPARED]}" if row.input else task
        matches = [(texts, match) for texts in self._near if (match := texts.nearest(text))]
        if len(self._near[-1]) == _TEXTS:
            self._near = [self._near[-1], _Texts()]
        self._near[-1].add(text, row.output[:_COMPARED], before)
        if not matches:
            return None
        texts, match = max(matches, key=lambda found: found[1].score)
        their_output, their_before = texts.beside[match.position]
        if their_before != before or not (
            _same_task(match.text, text) or _same_answer(their_output, row.output)
        ):
            return None
        return found("near_duplicate", "instruction", f"{match.score:.2f} with: {match.text}")


class _Texts:
    """Instructions with their inputs, and beside each its output and the turns before."""

    def __init__(self) -> None:
        self._index = RougeIndex("unicode")
        self.beside: list[tuple[str, str]] = []

    def __len__(self) -> int:
        return len(self.beside)

    def nearest(self, text: str) -> Match | None:
        return self._index.nearest(text, above=_NEAR)

    def add(self, text: str, output: str, before: str) -> None:
        self._index.add(text)
        self.beside.append((output, before))


def _before(row: Placed) -> str:
    """The system message and the earlier turns as a text; empty where there are none."""
    if not row.system and not row.history:
        return ""
    return "\n".join([_plain(row.system), *(_plain(turn.text) for turn in row.history)])


def _same_answer(their_output: str, output: str) -> bool:
    ours, theirs = (tokens(text, "unicode") for text in (output[:_COMPARED], their_output))
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
