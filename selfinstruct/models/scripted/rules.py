"""Answers under constraints, and reworded constraints, by the scripted model."""

from __future__ import annotations

import re
from random import Random

from selfinstruct.models import Request
from selfinstruct.models.scripted.answers import answer
from selfinstruct.models.scripted.chance import any_of
from selfinstruct.models.scripted.forms import as_json

OBEYED = 0.8  # share of the rules that the model sees and keeps to
_QUOTED = re.compile(r'"([^"]+)"')
_COUNT = re.compile(r"\b(\d+)\b")
_OPENINGS = (
    "One more thing: {rules}",
    "Please mind this. {rules}",
    "When you write, {rules}",
    "{rules} That matters to me.",
)


def constrained(rng: Random, request: Request) -> str:
    """A plain answer, bent to most of the rules of the prompt's last message."""
    text, rules = answer(rng, request), request.messages[-1].text
    for cue, bend in _BENDS:
        found = re.search(cue, rules, re.IGNORECASE)
        if found and rng.random() < OBEYED:
            text = bend(text, found[0])
    has_form = request.response_format != "text" and "output" in (request.schema or {})
    return as_json(rng, request, "output", text) if has_form else text


def reworded(rng: Random, request: Request) -> str:
    """The rules of a prompt with other words around; sometimes an argument is lost."""
    rules = request.messages[-1].text.rpartition("Rules: ")[2]
    if rng.random() < 0.03:
        rules = _COUNT.sub("some", rules)
    text = any_of(rng, _OPENINGS).replace("{rules}", rules)
    return text if request.response_format == "text" else as_json(rng, request, "rules", text)


def _listed(mark: str, text: str, rule: str) -> str:
    found = _COUNT.search(rule)
    return "\n".join(mark.format(at) for at in range(1, 1 + (int(found[1]) if found else 2)))


def _with_words(text: str, rule: str) -> str:
    found = _COUNT.search(rule)
    wanted = _QUOTED.findall(rule)
    return " ".join([text, *wanted * (int(found[1]) if found else 1)])


def _sized(text: str, rule: str) -> str:
    """As many words as a rule names, one fewer for "less than"."""
    numbers = [int(number) for number in _COUNT.findall(rule)] or [40]
    words = re.findall(r"\w+", text) or ["so"]
    size = max(1, numbers[0] - ("less than" in rule.lower()))
    return " ".join((words * size)[:size]) + "."


_BENDS = (
    (r"[^.\n]*\d+ words[^.\n]*", _sized),
    (
        r"[^.\n]*\d+ (?:markdown )?bullet points?",
        lambda text, rule: _listed("* Point {}", text, rule),
    ),
    (r"[^.\n]*\d+ (?:numbered )?items", lambda text, rule: _listed("{}. A point", text, rule)),
    (
        r"[^.\n]*\d+ paragraphs[^\n]*\*\*\*",
        lambda text, rule: _listed("Text.", text, rule).replace("\n", "\n***\n"),
    ),
    (
        r"(?:keywords|mention|make use|use the word|should appear|has to occur|order)\b[^.\n]*",
        _with_words,
    ),
    (r"placeholder|gaps to fill", lambda text, rule: f"{text} [name] [place] [date]"),
    (r"asterisks?, \*|highlight|emphasise", lambda text, rule: f"{text} *a* *b* *c* *d*"),
    (r"<<", lambda text, rule: f"<<A title>>\n{text}"),
    (r"postscript[^\n]*?(P\.P\.S|P\.S\.)", lambda text, rule: f"{text}\n{rule[-5:].strip()} More."),
    (r"six asterisks|\*{6}", lambda text, rule: f"{text}\n******\nAnother answer."),
    (r"commas?\b", lambda text, rule: text.replace(",", "")),
    (
        r"exclamation marks|question marks|semicolons|parentheses",
        lambda text, rule: re.sub(r"[!?;()]", "", text),
    ),
    (
        r"all capital letters\.|capital letters only|upper-case letters",
        lambda text, rule: text.upper(),
    ),
    (r"lowercase letters|any capital letter|lower case", lambda text, rule: text.lower()),
    (r"JSON", lambda text, rule: '{"answer": "' + re.sub(r"\W+", " ", text) + '"}'),
    (
        r"(?:begin|start)[^\n]*? with (?:the exact phrase )?\"[^\"]+\"",
        lambda text, rule: f"{_QUOTED.findall(rule)[-1]} {text}",
    ),
    (r"exact phrase \"[^\"]+\"", lambda text, rule: f"{text} {_QUOTED.findall(rule)[-1]}"),
    (r"double quotation marks|must be the mark", lambda text, rule: '"' + text.strip('"') + '"'),
)  # fmt: skip
