"""Replies in labelled sections: "Input: ...", "Output: ...", "Class label: ...".

Finds the lines that begin a field, takes markdown away and groups the fields that belong together.
A reply is untrusted, and models do write ten thousand spaces. So the time of each pattern is linear
in the length of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from selfinstruct.parsing.wording import QUESTIONS, WIDE, Wording, lines_of

Section = tuple[str, str]  # a field's name, its text
Label = re.Pattern[str]
# Sections that are in no example: a text before the labels, and the title of an example.
FIRST, EXAMPLE = "", "example"

_RULE = re.compile(r"[ \t]*(?:#{3,}|-{3,}|\*{3,}|={3,})[ \t]*$")
_FENCE = re.compile(r"(?:```+|~~~+)[ \t]*[\w+-]{0,20}[ \t]*$")
_NAMED = re.compile(
    r"(?!(?:Sure|Ok|Okay|Note|Task|Instructions?|Explanation|Here|Yes|No)\b)[A-Z]\w{1,20}: +\S"
)
_TAG = re.compile(
    r"^[ \t]*<(?P<tag>(?:instruction|input|output|class_?label|label|answer|response)(?:_?\d{1,2})?)>"
    r"(?P<text>.{0,20000}?)</(?P=tag)>[ \t]*$",
    re.I | re.M | re.S,
)


def is_fence(line: str) -> bool:
    """Whether a line opens or closes a block of code, unlike "```x = 1```"."""
    return line.count("```") % 2 == 1 or line.lstrip(" \t").startswith("~~~")


def text_beside_fence(line: str) -> str:
    """The text of a line with a fence, without the fence and the language of the code."""
    return _FENCE.sub("", line).strip()


def sections_by(reply: str, patterns: Sequence[Label], wording: Wording) -> list[Section]:
    """The sections by the first pattern that finds an output.

    Among several such patterns, by the pattern with the shortest text before the first label.
    """
    every: list[list[Section]] = []
    for pattern in patterns:
        sections = sections_of(reply, pattern, wording)
        if wording.is_wide and _answers(sections, pattern) and not sections[0][1]:
            return sections  # no other pattern can leave less
        every.append(sections)
    answered = [
        sections
        for sections, pattern in zip(every, patterns, strict=True)
        if _answers(sections, pattern)
    ]
    if not wording.is_wide:
        return answered[0] if answered else every[-1]
    if answered:
        return min(answered, key=lambda sections: len(sections[0][1]))
    loose = sections_of(reply, wording.loose, wording)
    if "input" in fields_of(loose) and "output" not in fields_of(loose):
        loose = sections_of(wording.inline.sub("\n", reply), wording.loose, wording)
    if "output" in fields_of(loose):
        return loose
    return _tagged(reply) or every[0]


def _answers(sections: list[Section], pattern: Label) -> bool:
    """Whether there is an output. "A:" without "Q:" is none, but a choice among A, B and C."""
    fields = fields_of(sections)
    return "output" in fields and (pattern is not QUESTIONS or "input" in fields)


def with_inputs(sections: list[Section]) -> list[Section]:
    """The sections, with a text that stands between "Example 2" and an output as the input.

    At the beginning of a reply such a text is an input if it has a name of its own ("Sentence:").
    """
    found = list(sections)
    for at, (field, text) in enumerate(sections[:-1]):
        is_input = field == FIRST and text and sections[at + 1][0] == "output"
        if is_input and (at > 0 or _NAMED.match(text)):
            found[at] = ("input", text)
    return found


def sections_of(reply: str, label: Label, wording: Wording = WIDE) -> list[Section]:
    """The parts of a reply in their order.

    The first section has the text before the first label. A section EXAMPLE begins at a line that
    announces the next example. Labels inside code count only where no label stands outside.
    """
    lines, after = lines_of(reply), list[str]()
    before: list[str] = []
    begins = _begins(lines, label)
    if not begins and (fences := [number for number, line in enumerate(lines) if is_fence(line)]):
        end = fences[-1] if len(fences) > 1 else len(lines)
        before, after = lines[: fences[0]], lines[end + 1 :]
        before += map(text_beside_fence, (lines[fences[0]], *lines[end : end + 1]))
        lines = lines[fences[0] + 1 : end]
        begins = _begins(lines, label)
    breaks = _breaks(lines, begins, wording)
    sections: list[tuple[str, list[str]]] = [(FIRST, before)]
    for number, line in enumerate(lines):
        if number in begins:
            sections.append((_field(begins[number]), [_unmarked(begins[number])]))
        elif number in breaks:
            sections += [(EXAMPLE, [_title(line, wording)]), (FIRST, [])]
        else:
            sections[-1][1].append(line)
    sections.append((EXAMPLE, after))
    return [(field, "\n".join(text).strip()) for field, text in sections]


def fields_of(sections: list[Section]) -> list[str]:
    """The names of the fields in sections."""
    return [field for field, _ in sections if field not in (FIRST, EXAMPLE)]


def grouped(sections: list[Section], *, first: str) -> Iterator[dict[str, str]]:
    """The fields of each example.

    A new example begins at a section EXAMPLE, at a field named `first`, and at a field that the
    present example has already.
    """
    group: dict[str, str] = {}
    for field, text in sections:
        if group and (field in (EXAMPLE, first) or field in group):
            yield group
            group = {}
        if field not in (FIRST, EXAMPLE):
            group[field] = text
    if group:
        yield group


def texts_outside(sections: list[Section]) -> tuple[str, list[str]]:
    """The text before the first label, and the texts between and behind the examples."""
    others = [text for field, text in sections[1:] if field in (FIRST, EXAMPLE)]
    return (sections[0][1], others) if sections[0][0] == FIRST else ("", others)


def _begins(lines: list[str], label: Label) -> dict[int, re.Match[str]]:
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


def _breaks(lines: list[str], begins: dict[int, re.Match[str]], wording: Wording) -> set[int]:
    """The numbers of the lines that stand between two examples.

    "Example" and rules count only directly before a field, because answers have such lines as well.
    "Example 2" also counts with text before the next field, in replies whose first field is
    announced like that.
    """
    plain = {number for number, _ in _plain(lines)}
    breaks: set[int] = set()
    numbered = wording.numbered_example
    is_announced = any(numbered.match(line) for line in lines[: min(begins, default=0)])
    follows = False  # whether a field begins on the next line
    ahead = False  # whether a field begins before the next numbered example
    at_end = True
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if not line.strip():
            continue
        if number in begins:
            follows, ahead, at_end = True, True, False
        elif number in plain and numbered.match(line):
            breaks |= {number} if follows or (is_announced and ahead) else set()
            follows, ahead, at_end = number in breaks, False, False
        elif number in plain and (wording.example.match(line) or _RULE.match(line)):
            breaks |= {number} if follows or at_end else set()
            follows = follows and number in breaks
        elif at_end and wording.closing.match(line):
            breaks.add(number)
        else:
            follows = at_end = False
    return breaks


def _field(label: re.Match[str]) -> str:
    return next(field for field in ("instruction", "input", "output") if label[field] is not None)


def _title(line: str, wording: Wording) -> str:
    """The words of a line between two examples, "" for a rule or for the bare "Example 2"."""
    bare = wording.announced.match(line)
    return line[bare.end() :].strip(" \t*_#:.()-\u2013\u2014\uff1a") if bare else line


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


def _tagged(reply: str) -> list[Section]:
    """The sections of a reply with tags, as <input>...</input>; empty without an output."""
    sections: list[Section] = []
    done = 0
    for found in _TAG.finditer(reply):
        name = found["tag"].rstrip("0123456789_").lower()
        field = name if name in ("instruction", "input") else "output"
        sections += [
            (FIRST, _untagged(reply[done : found.start()])),
            (field, found["text"].strip()),
        ]
        done = found.end()
    sections.append((FIRST, _untagged(reply[done:])))
    return sections if "output" in fields_of(sections) else []


def _untagged(text: str) -> str:
    return re.sub(r"</?[A-Za-z][\w-]{0,30}>", "", text).strip()
