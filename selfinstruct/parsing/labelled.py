"""Replies in labelled sections: "Input: ...", "Output: ...", "Class label: ...".

Finds the lines that begin a field, takes markdown away and groups the fields that belong together.
A reply is untrusted, and models do write ten thousand spaces. So the time of each pattern is linear
in the length of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MARK = r"[ \t>*_#`]*"  # markdown around a number or a label
Section = tuple[str, str]  # a field's name, its text

_RULE = re.compile(r"[ \t]*(?:#{3,}|-{3,}|\*{3,}|={3,})[ \t]*$")
_ANNOUNCED = rf"{MARK}(?:Example|Instance|Task|Case|Sample)"
_EXAMPLE = re.compile(rf"{_ANNOUNCED}{MARK}(?:[.:)]{MARK})?$", re.I)
_NUMBERED_EXAMPLE = re.compile(
    rf"{_ANNOUNCED}[ \t]*#?\d+{MARK}(?:[.:)(\u2013\u2014-].{{0,120}})?$", re.I
)
_CLOSING = re.compile(
    r"\W*(?:(?:please )?let me know|please feel free|feel free|i hope|these (?:examples|instances)"
    r"|would you like|if you(?:['\u2019]d| would) like)\b"
    r".*\b(?:examples?|instances?|instructions?|tasks?)\b",
    re.I,
)
_NO_INPUT = re.compile(
    r"(?:no\W?(?:(?:additional|further|specific|other|extra) )?inputs?|inputs? (?:is )?not|none|not"
    r"|this task does not)?"
    r" ?(?:(?:is |was )?(?:needed|required|necessary|given|provided|applicable)"
    r"|(?:require|need) (?:any |an )?inputs?)?(?: for this (?:task|instruction))?"
    r"|n/?a|empty|nil|null|\u65e0|\u7121|\u65e0\u8f93\u5165|-+",
    re.I,
)
_AROUND = " \t\r\n\"'*_`[]<>()."


def lines_of(reply: str) -> list[str]:
    return reply.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def is_fence(line: str) -> bool:
    """Whether a line opens or closes a block of code, unlike "```x = 1```"."""
    return line.count("```") % 2 == 1 or line.lstrip(" \t").startswith("~~~")


def is_closing_remark(line: str) -> bool:
    """Whether a line is like "Let me know if you need more examples!"."""
    return _CLOSING.match(line) is not None


def labels(given: str, output: str) -> re.Pattern[str]:
    """A pattern for lines, without leading blanks, that begin a field.

    given, output: patterns for the names of the input and of the output. The groups "instruction",
    "input" and "output" tell the field, "rest" is the text behind the colon.
    """
    return re.compile(
        rf"(?P<before>(?P<bullet>[-*+\u2022][ \t])?{MARK}"
        rf"(?:(?:Example[ \t]*#?)?\d{{1,2}}[.):]{MARK})?)"
        rf"(?:(?P<instruction>Instruction)|(?P<input>{given})|(?P<output>{output}))"
        rf"(?:[ \t]*#?\d+)?{MARK}"
        rf"(?:[:\uff1a](?P<rest>.*))?$",
        re.I,
    )


def sections_of(reply: str, label: re.Pattern[str]) -> list[Section]:
    """The labelled parts of a reply in their order.

    A section named "example" marks a line that announces the next example. Labels inside code
    count only where no label stands outside.
    """
    lines = lines_of(reply)
    begins = _begins(lines, label)
    if not begins and (fences := [number for number, line in enumerate(lines) if is_fence(line)]):
        lines = lines[fences[0] + 1 : fences[-1] if len(fences) > 1 else None]
        begins = _begins(lines, label)
    breaks = _breaks(lines, begins)
    sections: list[tuple[str, list[str]]] = []
    for number, line in enumerate(lines):
        if number in begins:
            sections.append((_field(begins[number]), [_unmarked(begins[number])]))
        elif number in breaks:
            sections.append(("example", []))
        elif sections:
            sections[-1][1].append(line)
    return [(field, "\n".join(text).strip()) for field, text in sections]


def grouped(sections: list[Section], *, first: str) -> Iterator[dict[str, str]]:
    """The fields of each example.

    A new example begins at a section named "example", at a field named `first`, and at a field that
    the present example has already.
    """
    group: dict[str, str] = {}
    for field, text in sections:
        if group and (field in ("example", first) or field in group):
            yield group
            group = {}
        if field != "example":
            group[field] = text
    if group:
        yield group


def given_input(text: str) -> str:
    """`text` without blanks around, "" for a spelling of "no input" such as "N/A"."""
    return "" if _NO_INPUT.fullmatch(text.strip(_AROUND)) else text.strip()


def _begins(lines: list[str], label: re.Pattern[str]) -> dict[int, re.Match[str]]:
    """The labels that begin a field, by line number.

    The first label shows the style of the reply. Where that has no bullet, or has a colon, later
    labels must be alike. So a list in an answer that names inputs and outputs is no label.
    """
    begins: dict[int, re.Match[str]] = {}
    for number, line in _plain(lines):
        match = label.match(line.lstrip(" \t>"))
        if match is None or (match["rest"] is None and not set("*_#") & set(match["before"])):
            continue
        style = next(iter(begins.values()), match)
        if (match["bullet"] and not style["bullet"]) or (
            match["rest"] is None and style["rest"] is not None
        ):
            continue
        begins[number] = match
    return begins


def _plain(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The numbers and texts of the lines outside code, the opening lines of code included."""
    fenced = False
    for number, line in enumerate(lines):
        if not fenced:
            yield number, line
        fenced ^= is_fence(line)


def _breaks(lines: list[str], begins: dict[int, re.Match[str]]) -> set[int]:
    """The numbers of the lines that stand between two examples.

    "Example" and rules count only directly before a field, because answers have such lines as well.
    "Example 2" also counts with text before the next field, in replies whose first field is
    announced like that.
    """
    plain = {number for number, _ in _plain(lines)}
    breaks: set[int] = set()
    is_announced = any(_NUMBERED_EXAMPLE.match(line) for line in lines[: min(begins, default=0)])
    follows = False  # whether a field begins on the next line
    ahead = False  # whether a field begins before the next numbered example
    at_end = True
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if not line.strip():
            continue
        if number in begins:
            follows, ahead, at_end = True, True, False
        elif number in plain and _NUMBERED_EXAMPLE.match(line):
            breaks |= {number} if follows or (is_announced and ahead) else set()
            follows, ahead, at_end = number in breaks, False, False
        elif number in plain and (_EXAMPLE.match(line) or _RULE.match(line)):
            breaks |= {number} if follows or at_end else set()
            follows = follows and number in breaks
        elif at_end and is_closing_remark(line):
            breaks.add(number)
        else:
            follows = at_end = False
    return breaks


def _field(label: re.Match[str]) -> str:
    return next(field for field in ("instruction", "input", "output") if label[field] is not None)


def _unmarked(label: re.Match[str]) -> str:
    """The text behind a label on the same line, without the closing half of markdown."""
    rest = (label["rest"] or "").strip()
    before = label["before"].rstrip(" \t")
    mark = before[len(before.rstrip("*_`")) :]
    if mark and rest.startswith(mark):
        return rest[len(mark) :].strip()
    return (
        rest[: -len(mark)].strip()
        if mark and rest.endswith(mark) and rest.count(mark) == 1
        else rest
    )
