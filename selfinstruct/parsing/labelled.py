"""Replies in labelled sections ("Input: ..."): where a field begins, what is only markdown, and what belongs together.

Every pattern here is linear in the length of a line: a reply is untrusted, and models do write ten thousand spaces.
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
    r"(?:no\W?(?:(?:additional|further|specific|other|extra) )?inputs?|inputs? (?:is )?not|none|not|this task does not)?"
    r" ?(?:(?:is |was )?(?:needed|required|necessary|given|provided|applicable)"
    r"|(?:require|need) (?:any |an )?inputs?)?(?: for this (?:task|instruction))?"
    r"|n/?a|empty|nil|null|\u65e0|\u7121|\u65e0\u8f93\u5165|-+",
    re.I,
)
_AROUND = " \t\r\n\"'*_`[]<>()."


def lines_of(reply: str) -> list[str]:
    return reply.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def is_fence(line: str) -> bool:
    """Whether a line opens or closes a block of code; "```x = 1```" does both."""
    return line.count("```") % 2 == 1 or line.lstrip(" \t").startswith("~~~")


def is_closing_remark(line: str) -> bool:
    return _CLOSING.match(line) is not None


def labels(given: str, output: str) -> re.Pattern[str]:
    """Matches a line, without leading blanks, that begins a field. `given`, `output`: patterns of the fields' names."""
    return re.compile(
        rf"(?P<before>(?P<bullet>[-*+\u2022][ \t])?{MARK}(?:(?:Example[ \t]*#?)?\d{{1,2}}[.):]{MARK})?)"
        rf"(?:(?P<instruction>Instruction)|(?P<input>{given})|(?P<output>{output}))(?:[ \t]*#?\d+)?{MARK}"
        rf"(?:[:\uff1a](?P<rest>.*))?$",
        re.I,
    )


def sections_of(reply: str, label: re.Pattern[str]) -> list[Section]:
    """The labelled parts of a reply in order; "example" marks where a new one is announced. Labels in code do not count,
    unless all of them stand in one block of code.
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
    """Fields that belong together: a new group begins where one is announced, at `first`, and at a field there already is."""
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
    """`text`, or nothing if it is one of the many spellings of "no input"."""
    return "" if _NO_INPUT.fullmatch(text.strip(_AROUND)) else text.strip()


def _begins(lines: list[str], label: re.Pattern[str]) -> dict[int, re.Match[str]]:
    """By line number, the labels that begin a field. The first of them shows how this reply writes them: without a bullet or
    with a colon, then a list in an answer that happens to name inputs and outputs is not mistaken for them.
    """
    found: dict[int, re.Match[str]] = {}
    for number, line in _plain(lines):
        match = label.match(line.lstrip(" \t>"))
        if match is None or (match["rest"] is None and not set("*_#") & set(match["before"])):
            continue
        style = next(iter(found.values()), match)
        if (match["bullet"] and not style["bullet"]) or (
            match["rest"] is None and style["rest"] is not None
        ):
            continue
        found[number] = match
    return found


def _plain(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The lines that are not code, with their numbers; a line on which code begins is one of them."""
    fenced = False
    for number, line in enumerate(lines):
        if not fenced:
            yield number, line
        fenced ^= is_fence(line)


def _breaks(lines: list[str], begins: dict[int, re.Match[str]]) -> set[int]:
    """The lines that stand between two examples. "Example", a rule: only where a field follows, for they occur in answers as
    well. "Example 2": also where a field comes before the next such line, if this reply announces its first field like that.
    """
    plain = {number for number, _ in _plain(lines)}
    breaks: set[int] = set()
    is_announced = any(_NUMBERED_EXAMPLE.match(line) for line in lines[: min(begins, default=0)])
    follows = ahead = False  # a field begins next; a field begins before the next numbered example
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


def _field(found: re.Match[str]) -> str:
    return next(field for field in ("instruction", "input", "output") if found[field] is not None)


def _unmarked(found: re.Match[str]) -> str:
    """What stands behind the label on its line, without the other half of the markdown around the label."""
    rest = (found["rest"] or "").strip()
    before = found["before"].rstrip(" \t")
    mark = before[len(before.rstrip("*_`")) :]
    if mark and rest.startswith(mark):
        return rest[len(mark) :].strip()
    return (
        rest[: -len(mark)].strip()
        if mark and rest.endswith(mark) and rest.count(mark) == 1
        else rest
    )
