"""Constraints on the form (IFEval, table 1, "Detectable Content" and "Detectable Format")."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from random import Random
from typing import Any

from selfinstruct.adherence.constraint import COUNT, TEXT, Arguments, Constraint

_PLACEHOLDER = re.compile(r"\[.*?\]")
_BULLET = re.compile(r"^\s*(?:\*[^*\n]|-).*$", re.MULTILINE)
_ITEM = re.compile(r"^\s*\d+[.)]\s+\S", re.MULTILINE)
_SPAN = re.compile(r"\*([^\n*]*)\*")
_BOLD = re.compile(r"\*\*([^\n*]*)\*\*")
_TITLE = re.compile(r"<<([^\n]+)>>")
_FENCE = re.compile(r"\A```(?:json)?|```\Z", re.IGNORECASE)
_ROW = re.compile(r"^\s*\|.*\|\s*$", re.MULTILINE)
_RULE = re.compile(r"^\s*\|(?:\s*:?-+:?\s*\|)+\s*$", re.MULTILINE)
_POSTSCRIPTS = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
CHOICES = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


def _has_placeholders(response: str, given: Arguments) -> bool:
    return bool(len(_PLACEHOLDER.findall(response)) >= given["num_placeholders"])


def _has_postscript(response: str, given: Arguments) -> bool:
    marker = given["postscript_marker"].strip()
    pattern = _POSTSCRIPTS.get(marker, re.escape(marker.lower()))
    return re.search(pattern, response.lower()) is not None


def _has_bullets(response: str, given: Arguments) -> bool:
    """Lines that begin with a hyphen or a single asterisk."""
    return bool(len(_BULLET.findall(response)) == given["num_bullets"])


def _has_choice(response: str, given: Arguments) -> bool:
    return any(choice in response for choice in CHOICES)


def _has_highlights(response: str, given: Arguments) -> bool:
    """Spans between asterisks and between double asterisks, blank spans aside."""
    spans = [*_SPAN.findall(response), *_BOLD.findall(response)]
    return bool(sum(bool(span.strip()) for span in spans) >= given["num_highlights"])


def _has_sections(response: str, given: Arguments) -> bool:
    marker = re.escape(given["section_spliter"].strip())
    return bool(len(re.findall(rf"{marker}\s?\d+", response)) >= given["num_sections"])


def _is_json(response: str, given: Arguments) -> bool:
    """JSON alone, possibly inside a code fence."""
    try:
        json.loads(_FENCE.sub("", response.strip()).strip())
    except (ValueError, RecursionError):
        return False
    return True


def _has_title(response: str, given: Arguments) -> bool:
    return any(title.strip("<> \t") for title in _TITLE.findall(response))


def _has_items(response: str, given: Arguments) -> bool:
    return bool(len(_ITEM.findall(response)) == given["num_items"])


def _has_table(response: str, given: Arguments) -> bool:
    """A Markdown table in which each row has so many columns."""
    rows = [row.strip() for row in _ROW.findall(response)]
    columns = {row.replace(r"\|", "").count("|") - 1 for row in rows}
    return bool(_RULE.search(response)) and columns == {given["num_columns"]}


def _number(name: str, least: int, most: int) -> Any:
    def draw(generator: Random, words: Sequence[str]) -> dict[str, Any]:
        return {name: generator.randint(least, most)}

    return draw


def _nothing(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    return {}


def _draw_marker(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    return {"postscript_marker": generator.choice(tuple(_POSTSCRIPTS))}


def _draw_sections(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    return {
        "section_spliter": generator.choice(("SECTION", "Section", "PART", "Part")),
        "num_sections": generator.randint(2, 4),
    }


_LAYOUT = frozenset(("layout", "brevity"))
CONTENTS = (
    Constraint(
        "detectable_content:number_placeholders",
        _has_placeholders,
        (
            "Include at least {num_placeholders} placeholders in square brackets, such as [address].",
            (
                "The response must contain at least {num_placeholders} placeholders represented by "
                "square brackets, like [name]."
            ),
            "Leave at least {num_placeholders} gaps to fill in, each in square brackets: [date].",
        ),
        frozenset(("brackets",)),
        {"num_placeholders": COUNT},
        _number("num_placeholders", 2, 4),
    ),
    Constraint(
        "detectable_content:postscript",
        _has_postscript,
        (
            "At the end of your response, add a postscript that starts with {postscript_marker}",
            "Close with a postscript, marked {postscript_marker}",
            "After the answer, write a postscript beginning with {postscript_marker}",
        ),
        frozenset(("end", "capitals", "brevity")),
        {"postscript_marker": TEXT},
        _draw_marker,
    ),
)
FORMATS = (
    Constraint(
        "detectable_format:number_bullet_lists",
        _has_bullets,
        (
            "Your answer must contain exactly {num_bullets} bullet points, as in Markdown: * a point",
            "Use exactly {num_bullets} Markdown bullet points. Start each with *.",
            (
                "Give the answer as {num_bullets} bullet points, no more and no less. Each is a line "
                "that begins with an asterisk and a space."
            ),
        ),
        _LAYOUT,
        {"num_bullets": COUNT},
        _number("num_bullets", 2, 5),
    ),
    Constraint(
        "detectable_format:constrained_response",
        _has_choice,
        (
            f"Answer with one of these: {' '.join(CHOICES)}",
            f"Choose one of the following answers: {' '.join(CHOICES)}",
            f"Reply with one of these options: {' '.join(CHOICES)}",
        ),
        frozenset(("whole", "length", "layout", "start", "end", "case", "brevity")),
    ),
    Constraint(
        "detectable_format:number_highlighted_sections",
        _has_highlights,
        (
            "Highlight at least {num_highlights} parts of your answer with Markdown: *highlighted*",
            "Put at least {num_highlights} passages between asterisks, *like this*.",
            "Emphasise at least {num_highlights} phrases in Markdown, i.e. *phrase*.",
        ),
        frozenset(("asterisks",)),
        {"num_highlights": COUNT},
        _number("num_highlights", 2, 5),
    ),
    Constraint(
        "detectable_format:multiple_sections",
        _has_sections,
        (
            (
                "Write {num_sections} sections. Mark the beginning of each with {section_spliter} X, "
                "where X is its number."
            ),
            (
                "Your response must have {num_sections} sections, named {section_spliter} 1, "
                "{section_spliter} 2 and so on."
            ),
            (
                "Divide the answer into {num_sections} sections; head each with {section_spliter} and "
                "its number, as in: {section_spliter} 1"
            ),
        ),
        _LAYOUT | {"capitals"},
        {"section_spliter": TEXT, "num_sections": COUNT},
        _draw_sections,
    ),
    Constraint(
        "detectable_format:json_format",
        _is_json,
        (
            "Wrap the entire output in JSON format.",
            "Answer with valid JSON and nothing else.",
            "The whole response has to be a JSON object.",
        ),
        _LAYOUT | {"start", "end", "commas", "sentences", "language", "title", "asterisks"},
        draw=_nothing,
    ),
    Constraint(
        "detectable_format:title",
        _has_title,
        (
            "Include a title wrapped in double angular brackets, such as <<poem of joy>>.",
            "Give your answer a title, in double angular brackets: <<title>>.",
            "The answer must have a title inside << and >>.",
        ),
        frozenset(("title",)),
        draw=_nothing,
    ),
    Constraint(
        "detectable_format:numbered_list",
        _has_items,
        (
            "Give exactly {num_items} numbered items, each on a line of its own (1. ... 2. ...).",
            "Answer as a numbered list of {num_items} items.",
            "Number your points from 1 to {num_items}, a point a line, as in: 1. ...",
        ),
        _LAYOUT,
        {"num_items": COUNT},
        _number("num_items", 2, 6),
    ),
    Constraint(
        "detectable_format:table",
        _has_table,
        (
            "Present the answer as a Markdown table with {num_columns} columns.",
            "Use a Markdown table of exactly {num_columns} columns.",
            "Put your answer into a table in Markdown. It has {num_columns} columns.",
        ),
        _LAYOUT | {"sentences"},
        {"num_columns": COUNT},
        _number("num_columns", 2, 4),
    ),
)
