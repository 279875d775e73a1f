"""Proposals of the scripted model: a numbered list of new instructions."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from selfinstruct.models import Request
from selfinstruct.models.scripted.chance import any_of, one_of
from selfinstruct.models.scripted.classification import labels_of
from selfinstruct.models.scripted.forms import as_json, dressed
from selfinstruct.models.scripted.patterns import CLASSIFY, SELF_CONTAINED, WITH_INPUT
from selfinstruct.models.scripted.phrases import PHRASES, fill
from selfinstruct.models.scripted.prompts import (
    demonstrations,
    goes_on,
    new_numbers,
    tagged,
)

# Shares of the instructions.
KINDS = {"self_contained": 0.46, "with_input": 0.34, "classify": 0.20}
INSTRUCTION_FLAWS = {
    "duplicate": 0.030,  # a demonstration again, word for word
    "near_duplicate": 0.040,  # a demonstration with a word changed
    "repeated": 0.010,  # the item before in the same reply
    "short": 0.020,  # three words or fewer
    "long": 0.003,  # more than 150 words
    "unseen": 0.015,  # asks for an image, a file, a map, ...
    "program": 0.010,  # "Write a program ..."
    "punctuation": 0.005,  # begins with punctuation
    "foreign": 0.005,  # begins with a letter beyond ASCII
}
LIST_STYLES = {  # shares of the replies in text
    "opener": 0.06,  # "Sure! Here are ..." and an empty line
    "bold": 0.04,  # **9.** and so on
    "bullets": 0.02,  # "- " instead of numbers
    "parenthesis": 0.02,  # 9) instead of 9.
    "gap": 0.02,  # a number is left out
    "fence": 0.01,  # ``` around the list
}
TAG_STYLES = {  # shares of the replies in tags
    "opener": 0.04,
    "list": 0.03,  # a numbered list, without tags
    "unclosed": 0.02,  # no closing tags
    "unmarked": 0.05,  # no labels in the tags
}
UNWEIGHED = {"forgotten": 0.04}  # shares of the instructions whose probability is asked for
LINES = {"several": 0.15}  # shares of the instructions in tags
_SITUATIONS = (
    "I look after {topic} for {audience}.",
    "We have {number} {objects} and {number} {currency}.",
    "So far {things} {situation}.",
)
_PATTERNS = {"classify": CLASSIFY, "with_input": WITH_INPUT}
_SHORT = ("Explain {subject}.", "Invent {object}.", "Rewrite this.", "Why {subject}?")
_UNSEEN = ("an image", "a picture", "a bar graph", "a map", "a text file")


def new_instructions(rng: Random, request: Request) -> str:
    """New instructions, numbered on from the demonstrations."""
    shown = tagged(request) or demonstrations(request.text)
    numbers = new_numbers(request.messages[-1].text, len(shown))
    items: list[str] = []
    for _ in numbers:
        items.append(new_instruction(rng, shown, items))
    if tagged(request) or '"labels"' in request.messages[-1].text:
        return _marked(rng, request, items)
    if request.response_format != "text":
        return as_json(rng, request, "instructions", items)
    style = None if goes_on(request) or request.grammar else one_of(rng, LIST_STYLES)
    gap = int(rng.random() * len(items)) if style == "gap" else len(items)
    mark = {"bold": "**{}.** ", "bullets": "- ", "parenthesis": "{}) "}.get(style or "", "{}. ")
    lines = [
        mark.format(number + (at >= gap)) + item
        for at, (number, item) in enumerate(zip(numbers, items, strict=False))
    ]
    return dressed("\n".join(lines), style, f"Sure! Here are {len(items)} more instructions:")


def _marked(rng: Random, request: Request, items: Sequence[str]) -> str:
    """The instructions with their labels, some on several lines."""
    tasks = [
        fill(rng, any_of(rng, _SITUATIONS)) + "\n\n" + item if one_of(rng, LINES) else item
        for item in items
    ]
    labels = [labels_of(item) for item in items]
    weights = _weights(rng, request, len(items))
    if request.response_format != "text":
        records = [
            {"instruction": task, "labels": list(names)} | weight
            for task, names, weight in zip(tasks, labels, weights, strict=True)
        ]
        return as_json(rng, request, "instructions", records)
    style = one_of(rng, TAG_STYLES)
    if style == "list":
        return "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1))
    between = "" if style == "unclosed" else "\n</task>"
    marks = [
        f' labels="{" | ".join(names)}"' if names and style != "unmarked" else ""
        for names in labels
    ]
    marks = [
        mark + "".join(f' {name}="{value}"' for name, value in weight.items())
        for mark, weight in zip(marks, weights, strict=True)
    ]
    tags = [f"<task{mark}>\n{task}{between}" for mark, task in zip(marks, tasks, strict=True)]
    return dressed("\n".join(tags), style, f"Sure! Here are {len(items)} more tasks:")


def _weights(rng: Random, request: Request, count: int) -> list[dict[str, float]]:
    """The probability of each instruction as a field of its own, if the prompt asks for it."""
    if "probability" not in request.messages[-1].text:
        return [{}] * count
    drawn = [round(0.01 + 0.2 * rng.random(), 2) for _ in range(count)]
    return [{} if one_of(rng, UNWEIGHED) else {"probability": value} for value in drawn]


def new_instruction(rng: Random, shown: Sequence[str], before: Sequence[str]) -> str:
    """An instruction, sometimes flawed; `shown`: demonstrations, `before`: items of this reply."""
    flaw = one_of(rng, INSTRUCTION_FLAWS)
    if flaw in ("duplicate", "near_duplicate") and shown:
        text = any_of(rng, shown)
        return text if flaw == "duplicate" else _reworded(rng, text)
    if flaw == "repeated" and before:
        return before[-1]
    if flaw == "short":
        return fill(rng, any_of(rng, _SHORT))
    if flaw == "long":
        return " ".join(_new(rng) for _ in range(16))
    if flaw == "unseen":
        return fill(rng, "Describe " + any_of(rng, _UNSEEN) + " that shows {topic} to {audience}.")
    if flaw == "program":
        return fill(rng, "Write a program that prints the {aspect} of {topic} for {audience}.")
    text = _new(rng)
    return {"punctuation": "- ", "foreign": "\u00c9crit: "}.get(flaw or "", "") + text


def _new(rng: Random) -> str:
    kind = one_of(rng, KINDS)
    return fill(rng, any_of(rng, _PATTERNS.get(kind or "", SELF_CONTAINED)))


def _reworded(rng: Random, text: str) -> str:
    words = text.split()
    words[int(rng.random() * len(words))] = any_of(rng, PHRASES["word"])
    return " ".join(words)
