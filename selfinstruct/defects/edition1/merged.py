"""Two tasks in the place of a single task: in the instruction, or behind an input or an output."""

from __future__ import annotations

import re

from selfinstruct.defects.edition1.finding import Checked, Finding, found

_VERBS = (
    "write|create|generate|explain|describe|list|name|translate|summari[sz]e|classify|find|identify"
    "|give|suggest|compose|rewrite|design|calculate|compare|tell|provide|convert|edit|"
    "make|come up|construct|analy[sz]e|outline|develop|discuss|what|who|how|why|when|where|which"
    "|define|predict|sort|solve|propose|draft|recommend|determine|invent|categorize|given"
)
_LABELS = (
    "instruction|task|prompt|\u6307\u4ee4|\u4efb\u52a1|instrucci\u00f3n|aufgabe|anweisung|tarea"
    "|consigne|t\u00e2che|\u6307\u793a|\u30bf\u30b9\u30af"
)
_NEW_TASK = re.compile(
    rf"\n[ \t]*(?:#{{1,4}} ?)?(?:\d{{1,3}}[.)] ?)?(?:{_LABELS})(?: ?#?\d{{1,3}})? ?[:\uff1a.]\s?\S"
    r"|(?<=[^#])#{3,6}[ \t]?\n?\d{1,3}[.)]\s?\w|[.?!] {1,3}(?:1\d|2[0-9])[.)] (?:[A-Z]\w+ ){2}",
    re.I,
)
# A new task behind an input or an output. Numbered headings are common there, so only the labels of
# a prompt's form count.
_BEHIND = re.compile(
    r"\n[ \t]*(?:#{2,4}[ \t]?\n?)?(?:\d{1,3}[.)] ?)?(?:instruction|new task|next task|\u6307\u4ee4"
    r"|instrucci\u00f3n|anweisung|consigne)(?: ?#?\d{1,3})? ?[:\uff1a]\s?\S"
    r"|\n[ \t]*#{3,6}[ \t]?\n?\n?\d{1,3}[.)]\s?\w|\n[ \t]*task(?: ?#?\d{1,3})?:\s?(?:"
    + _VERBS
    + r")\b[^\n]{8,}\n*$",
    re.I,
)
_LABEL = re.compile("instruction|task|指令|instrucci|anweisung|consigne|指示|###", re.I)
_DIGIT = re.compile(r"\d[.)]")
_NUMBERED = re.compile(
    rf"^[ \t]*(?:task )?(\d{{1,3}})[.):] ?(?:(?:{_VERBS})\b"
    rf"|[\u5199\u7ed9\u89e3\u63cf\u5217\u7ffb\u751f\u8ba1\u8bf4\u521b])(?:.{{6,}})$",
    re.I | re.M,
)
_IMPERATIVE = re.compile(
    rf"^[ \t]*(?:[-*\u2022] )?(?:please )?(?:{_VERBS})\b(?!:).{{14,}}[.?!]?$", re.I | re.M
)
_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")
_CLEAR_VERB = re.compile(
    r"(?:write|create|generate|explain|describe|list|name|translate|summari[sz]e|classify|compose"
    r"|design|calculate|suggest|define|identify|tell me|give me|solve|compute|propose|invent"
    r"|what (?:is|are|causes?)|who (?:is|was|wrote|painted)|how (?:do|does|many)|convert)\b",
    re.I,
)
# A second sentence that says how to do the task of the first.
_MANNER = re.compile(
    r"(?:write|explain|describe|list|name|give me|translate|suggest)\s+(?:in|it|them|as|at|for|from"
    r"|only|down|about|with|by|like)\b"
    r"|name the\b|identify (?:its|the|any)|number\b",
    re.I,
)
_LENGTH = re.compile(
    r" in (?:a|one|two|three|a few|\d+) (?:sentences?|words|lines|paragraphs?)", re.I
)
_QUESTION = re.compile(r"(?:what|who|how)\b", re.I)
_REFERS = re.compile(
    r"\b(?:it|its|them|they|their|this|that|these|those|then|also|each|both|above|below|following"
    r"|answer|response|output|same|include|your|make sure|be sure|use|result|one|why|he|she|his|her"
    r"|him|story|lists?|text|sentences?|paragraph|passage|reasons?|finally|next|afterwards"
    r"|examples?|step|person)\b"
    r"|\u5b83|\u8fd9|\u5176|\u8be5|\u7136\u540e|\u5e76",
    re.I,
)
_STEPS = re.compile(
    r"follow|steps?\b|these|questions?:|tasks:|instructions:|below|as follows|:\s*$", re.I
)
_CONTENT = re.compile(r"[a-z\u00e0-\u00ff]{4,}", re.I)
_COMMON = frozenset("about with from that five three short betwe".split())
_FORMS_ARE_MEANT = re.compile(
    r"prompt|instructions?\b|\btasks?\b|template|form\b|format|\bquiz|\bexam\b|worksheet|agenda"
    r"|schedule|plan\b|指令|任务|anleitung|aufgabe",
    re.I,
)


def merged_instructions(row: Checked) -> Finding | None:
    """A second task behind the first: under a label, as a numbered item, or as another sentence."""
    text = row.instruction.strip()
    if ("\n" in text or _DIGIT.search(text)) and (match := _NEW_TASK.search(text)):
        return found("merged_instructions", "instruction", text[match.start() :])
    if ("\n" in text and (_numbered(text) or _lines(text))) or (not row.input and _sentences(text)):
        return found("merged_instructions", "instruction", text)
    if match := _behind(row.input, text):
        return found("merged_instructions", "input", row.input[match.start() :])
    if match := _behind(row.output, text):
        return found("merged_instructions", "output", row.output[match.start() :])
    return None


def _behind(text: str, instruction: str) -> re.Match[str] | None:
    if "\n" not in text or not _LABEL.search(text) or _FORMS_ARE_MEANT.search(instruction):
        return None
    return _BEHIND.search(text, len(text) - len(text.lstrip()))


def _numbered(text: str) -> bool:
    numbered = _NUMBERED.findall(text)
    if not numbered or (len(numbered) == 1 and int(numbered[0]) == 1):
        return False
    first = text.strip().split("\n")[0]
    return _NUMBERED.match(first) is not None or not _STEPS.search(first)


def _lines(text: str) -> bool:
    lines = _IMPERATIVE.findall(text)
    return (
        len(lines) > 1
        and text.strip().startswith(lines[0].strip())
        and not any(_REFERS.search(line.strip().partition(" ")[2]) for line in lines[1:])
        and _unrelated(lines)
    )


def _sentences(text: str) -> bool:
    sentences = list(filter(None, _SENTENCE.split(_LENGTH.sub("", text.strip()), 7)))
    if not 2 <= len(sentences) <= 6 or not all(map(_CLEAR_VERB.match, sentences)):
        return False
    others = sentences[1:]
    if any(_REFERS.search(text.partition(" ")[2]) or _MANNER.match(text) for text in others):
        return False
    asks_on = (
        len(sentences) == 2 and _QUESTION.match(others[0]) and not _QUESTION.match(sentences[0])
    )
    return not asks_on and _unrelated(sentences)


def _unrelated(parts: list[str]) -> bool:
    """Whether no word of four letters or more stands in two parts; first words do not count."""
    seen: set[str] = set()
    for part in parts:
        words = {word[:5].lower() for word in _CONTENT.findall(part)[1:]} - _COMMON
        if words & seen:
            return False
        seen |= words
    return True
