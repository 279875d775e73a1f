"""The scripted model's reading of prompts."""

from __future__ import annotations

import re

from selfinstruct.models import Request

_ITEM = re.compile(r"^[ \t]*(\d{1,3})[.)][ \t]+(\S.*)$", re.MULTILINE)
_WHOLE_TASK = re.compile(r"^[ \t]*\d{1,3}[.)][ \t]*Instruction:[ \t]*(\S.*)$", re.MULTILINE)
_TAGGED = re.compile(r"^<task>\n(.*?)\n</task>$", re.MULTILINE | re.DOTALL)
_LABELS = re.compile(r"^Labels: (.+)$", re.MULTILINE)
_NEXT = re.compile(r"number(?:ed)?(?: from| at)? (\d{1,3})\b")
# The last line of a prompt that ends with "9."
_OPEN_ITEM = re.compile(r"[ \t]*(\d{1,3})[.)][ \t]*(?:Instruction:)?[ \t]*")
_HOW_MANY = re.compile(r"(\d{1,3}) (?:more|new|further|other|additional|different)\b")
_LIMIT = re.compile(r"\b(?:at most|up to) (\d{1,2})\b", re.IGNORECASE)
_INSTRUCTION = re.compile(r"^[ *_#>]*(?:Instruction|Task)[ *_]*:\W*?(\w.*)$", re.MULTILINE)
_SMALL_WORDS = (
    "a|about|after|an|and|any|as|at|below|between|by|each|every|for|from|given|following|how|in|"
    "into|is|it|its|of|on|one|or|so|than|that|the|their|them|then|these|this|those|to|use|using|"
    "was|what|when|where|which|while|who|whose|why|will|with|without|would|you|your"
)
_KEYWORD = re.compile(
    r"\b(?:about|on|of|for|with|to|the|given|following|concerning)\s+"
    rf"((?:(?!(?:{_SMALL_WORDS})\b)[\w'-]+\s?){{1,4}})"
)
_LONG_WORD = re.compile(rf"\b(?!(?:{_SMALL_WORDS})\b)[^\W\d_][\w'-]{{3,}}")


def tagged(request: Request) -> list[str]:
    """The tasks that a prompt of the preset `chat` shows, or the task that the prompt is about."""
    return [text for message in request.messages for text in _TAGGED.findall(message.text)]


def wanted_labels(request: Request) -> list[str]:
    """The labels that an output-first prompt names: "Labels: spam, then genuine"."""
    found = _LABELS.findall(request.messages[-1].text)
    return found[-1].split(", then ") if found and not found[-1].startswith("up to ") else []


def demonstrations(text: str) -> list[str]:
    """The last numbered list of a prompt, which counts from 1."""
    found: list[str] = []
    for number, item in reversed(_ITEM.findall(text)):
        found.append(item)
        if int(number) == 1:
            break
    return found[::-1]


def whole_tasks(text: str) -> list[str]:
    """The instructions of the tasks that a prompt shows with their inputs and outputs."""
    return _WHOLE_TASK.findall(text)


def new_numbers(prompt: str, shown: int) -> range:
    """The numbers of the new items: as the prompt says, or the eight after those shown."""
    first = _OPEN_ITEM.fullmatch(prompt.rpartition("\n")[2]) or _NEXT.search(prompt)
    how_many = _HOW_MANY.search(prompt)
    start = int(first[1]) if first else shown + 1
    return range(start, start + min(int(how_many[1]) if how_many else 8, 100))


def most_instances(request: Request) -> int:
    """How many instances a prompt asks for at most; 5 if the prompt does not say."""
    said = _LIMIT.findall(request.messages[-1].text)
    if request.grammar:
        return 1  # as in the grammars of the preset `small`
    return max(1, int(said[-1])) if said else 5


def asked_instruction(request: Request) -> str:
    """The instruction that a prompt is about, behind "Task:" or the like; else the last line."""
    text = request.messages[-1].text
    if tags := _TAGGED.findall(text):
        return str(tags[-1])
    found = (
        _INSTRUCTION.findall(text) or _INSTRUCTION.findall(request.text) or text.strip().split("\n")
    )
    return str(found[-1]).strip()


def keywords(instruction: str) -> list[str]:
    """The phrases behind prepositions and articles; never empty."""
    return list(dict.fromkeys(map(str.strip, _KEYWORD.findall(instruction)))) or ["the matter"]


def subjects(text: str) -> list[str]:
    """As `keywords`, with long words where no phrase is found."""
    long_words = sorted(dict.fromkeys(_LONG_WORD.findall(text)), key=len, reverse=True)
    return keywords(text) if _KEYWORD.search(text) else long_words[:3] or keywords(text)


def goes_on(request: Request) -> bool:
    """Whether the reply continues the prompt's last line instead of answering."""
    return request.api == "completions" or request.messages[-1].role == "assistant"
