"""A model that needs no network: for trying a configuration and for tests.

It answers every stage in the format that its request asks for, with varied text and with the imperfections of real models, at
the rates below. A reply depends on the request alone, and is the same text on every machine and in every version of Python.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import TypeVar

from selfinstruct.models import Completion, Request, Usage
from selfinstruct.models.scripted.opinions import opinion
from selfinstruct.models.scripted.phrases import (
    ANSWERS,
    CLASSIFY,
    LABELS,
    PHRASES,
    SELF_CONTAINED,
    SENTENCES,
    WITH_INPUT,
    any_of,
    fill,
)

T = TypeVar("T")
Fields = tuple[str, str]  # an input and its output

KINDS = {"self_contained": 0.46, "with_input": 0.34, "classify": 0.20}  # of instruction, as shares
EXAMPLES = {1: 0.45, 2: 0.37, 3: 0.18}  # how many for an instruction that takes an input
TOKENS_PER_WORD = 1.3

# Imperfections, as shares of what they befall; at most one of a table at a time.
REPLY_FLAWS = {
    "empty": 0.004,
    "prose": 0.012,  # no list, no labels, no JSON
    "cut": 0.010,  # finish_reason "length", somewhere in the middle
}
LIST_STYLES = {  # of a propose reply in text
    "opener": 0.06,  # "Sure! Here are ..." and an empty line
    "bold": 0.04,  # **9.** and so on
    "bullets": 0.02,  # "- " instead of numbers
    "parenthesis": 0.02,  # 9) instead of 9.
    "gap": 0.02,  # a number is left out
    "fence": 0.01,  # ``` around the list
}
INSTRUCTION_FLAWS = {
    "duplicate": 0.030,  # a demonstration again, word for word
    "near_duplicate": 0.040,  # a demonstration with one word changed
    "repeated": 0.010,  # the item before it in the same reply
    "short": 0.020,  # three words or fewer
    "long": 0.003,  # more than 150 words
    "unseen": 0.015,  # asks for an image, a file, a map, ...
    "program": 0.010,  # "Write a program ..."
    "punctuation": 0.005,  # begins with punctuation
    "foreign": 0.005,  # begins with a letter beyond ASCII
}
INSTANCE_FLAWS = {  # of the reply to one instruction
    "no_output_label": 0.010,
    "same": 0.010,  # the output repeats the input
    "empty_output": 0.010,
    "conflict": 0.010,  # one input, two outputs
    "twice": 0.015,  # an exact duplicate
    "colon": 0.005,  # a field ends with ":"
    "bold": 0.030,  # **Input:**
    "opener": 0.040,
}
YES_NO_STYLES = {
    "full_stop": 0.08,  # "Yes."
    "because": 0.05,  # "Yes, because ..."
    "lower": 0.05,
    "bold": 0.02,
    "nonsense": 0.01,
}
JSON_FLAWS = {
    "fence": 0.04,
    "opener": 0.02,
    "broken": 0.01,
    "other_name": 0.005,
}  # of json_object; a schema rules them out
TASK_FLAWS = {
    "wrong_number": 0.01,
    "no_output_label": 0.01,
    "empty_output": 0.01,
    "no_separator": 0.005,
}  # of a whole task

_ITEM = re.compile(r"^[ \t]*(\d{1,3})[.)][ \t]+(\S.*)$", re.MULTILINE)
_WHOLE_TASK = re.compile(r"^[ \t]*\d{1,3}[.)][ \t]*Instruction:[ \t]*(\S.*)$", re.MULTILINE)
_NEXT = re.compile(r"number(?:ed)?(?: from| at)? (\d{1,3})\b")
_OPEN_ITEM = re.compile(
    r"[ \t]*(\d{1,3})[.)][ \t]*(?:Instruction:)?[ \t]*"
)  # the last line of a prompt that ends with "9."
_HOW_MANY = re.compile(r"(\d{1,3}) (?:more|new|further|other|additional|different)\b")
_LIMIT = re.compile(r"\b(?:at most|up to) (\d{1,2})\b", re.IGNORECASE)
_INSTRUCTION = re.compile(r"^[ *_#>]*(?:Instruction|Task)[ *_]*:\W*?(\w.*)$", re.MULTILINE)
_NEEDS_INPUT = re.compile(r"\b(?:given|following|below|supplied|provided)\b", re.IGNORECASE)
_SORTS = re.compile(
    r"\b(?:classif|categori[sz]|label|answer (?:with )?(?:yes|no|true|false)\b)", re.IGNORECASE
)
_SMALL_WORDS = (
    "a|about|after|an|and|any|as|at|below|between|by|each|every|for|from|given|following|how|in|into|is|it|its|of|on|one|or|so|than|that|the|their|them|"
    "then|these|this|those|to|use|using|was|what|when|where|which|while|who|whose|why|will|with|without|would|you|your"
)
_KEYWORD = re.compile(
    rf"\b(?:about|on|of|for|with|to|the|given|following|concerning)\s+((?:(?!(?:{_SMALL_WORDS})\b)[\w'-]+\s?){{1,4}})"
)
_GROUPS = dict(zip(PHRASES["labels"], LABELS, strict=True))
_UNSEEN = ("an image", "a picture", "a bar graph", "a map", "a text file")
_PROSE = (
    "I would be glad to help, but I would need a little more context before I can go on.",
    "That depends on many things, and there is no single answer to it.",
    "As an assistant that works with words alone I cannot decide this.",
)


class Scripted:
    """The scripted model behind the Protocol of `selfinstruct.models.Model`."""

    async def complete(self, request: Request) -> Completion:
        return reply(request)

    async def close(self) -> None:
        pass


def reply(request: Request) -> Completion:
    """What the model says to this request; at once, and always the same."""
    rng = Random(int(request.key, 16))
    flaw = _one_of(rng, REPLY_FLAWS)
    if flaw == "empty":
        text = ""
    elif flaw == "prose" and request.response_format != "json_schema":
        text = any_of(rng, _PROSE)
    else:
        text = _answer(rng, request)
    finish_reason = "stop"
    if flaw == "cut":
        text, finish_reason = text[: int(len(text) * (0.3 + 0.6 * rng.random()))], "length"
    return _as_a_server(request, text, finish_reason)


def _answer(rng: Random, request: Request) -> str:
    if request.stage == "propose":
        return (
            _tasks(rng, request)
            if _WHOLE_TASK.search(request.text)
            else _instructions(rng, request)
        )
    if request.stage == "judge":
        return opinion(rng, request)
    instruction = _asked(request)
    if request.stage == "classify":
        return _yes_or_no(rng, request, instruction)
    return _instances(rng, request, instruction)


# ---------------------------------------------------------------- chance


def _one_of(rng: Random, shares: Mapping[T, float]) -> T | None:
    """One of the names, each with its share of the cases; None in what is left of them."""
    ball = rng.random()
    for name, share in shares.items():
        ball -= share
        if ball < 0:
            return name
    return None


# ---------------------------------------------------------------- instructions


def _demonstrations(text: str) -> list[str]:
    """The last numbered list of a prompt, which counts from 1."""
    found: list[str] = []
    for number, item in reversed(_ITEM.findall(text)):
        found.append(item)
        if int(number) == 1:
            break
    return found[::-1]


def _numbers(prompt: str, shown: int) -> range:
    """The numbers of the new items: as the prompt says, or the eight after the last one shown."""
    first = _OPEN_ITEM.fullmatch(prompt.rpartition("\n")[2]) or _NEXT.search(prompt)
    how_many = _HOW_MANY.search(prompt)
    start = int(first[1]) if first else shown + 1
    return range(start, start + min(int(how_many[1]) if how_many else 8, 100))


def _new(rng: Random) -> str:
    kind = _one_of(rng, KINDS)
    return fill(
        rng,
        any_of(
            rng,
            CLASSIFY
            if kind == "classify"
            else WITH_INPUT
            if kind == "with_input"
            else SELF_CONTAINED,
        ),
    )


def _instruction(rng: Random, shown: Sequence[str], before: Sequence[str]) -> str:
    flaw = _one_of(rng, INSTRUCTION_FLAWS)
    if flaw in ("duplicate", "near_duplicate") and shown:
        text = any_of(rng, shown)
        return text if flaw == "duplicate" else _reworded(rng, text)
    if flaw == "repeated" and before:
        return before[-1]
    if flaw == "short":
        return fill(
            rng,
            any_of(
                rng, ("Explain {subject}.", "Invent {object}.", "Rewrite this.", "Why {subject}?")
            ),
        )
    if flaw == "long":
        return " ".join(_new(rng) for _ in range(16))
    if flaw == "unseen":
        return fill(rng, "Describe " + any_of(rng, _UNSEEN) + " that shows {topic} to {audience}.")
    if flaw == "program":
        return fill(rng, "Write a program that prints the {aspect} of {topic} for {audience}.")
    text = _new(rng)
    return {"punctuation": "- ", "foreign": "\u00c9crit: "}.get(flaw or "", "") + text


def _reworded(rng: Random, text: str) -> str:
    words = text.split()
    words[int(rng.random() * len(words))] = any_of(rng, PHRASES["word"])
    return " ".join(words)


def _instructions(rng: Random, request: Request) -> str:
    shown = _demonstrations(request.text)
    numbers = _numbers(request.messages[-1].text, len(shown))
    items: list[str] = []
    for _ in numbers:
        items.append(_instruction(rng, shown, items))
    if request.response_format != "text":
        return _json(rng, request, "instructions", items)
    style = None if _goes_on(request) or request.grammar else _one_of(rng, LIST_STYLES)
    gap = int(rng.random() * len(items)) if style == "gap" else len(items)
    mark = {"bold": "**{}.** ", "bullets": "- ", "parenthesis": "{}) "}.get(style or "", "{}. ")
    lines = [
        mark.format(number + (at >= gap)) + item
        for at, (number, item) in enumerate(zip(numbers, items, strict=False))
    ]
    return _dressed("\n".join(lines), style, f"Sure! Here are {len(items)} more instructions:")


# ---------------------------------------------------------------- classification


def _asked(request: Request) -> str:
    """The instruction that a later stage is about: what the last "Instruction:" or "Task:" introduces, else the last line."""
    text = request.messages[-1].text
    found = (
        _INSTRUCTION.findall(text) or _INSTRUCTION.findall(request.text) or text.strip().split("\n")
    )
    return str(found[-1]).strip()


def _labels(instruction: str) -> tuple[str, ...]:
    """The labels that one of our own classifications names, none for any other instruction."""
    return next((group for phrase, group in _GROUPS.items() if phrase in instruction), ())


def _yes_or_no(rng: Random, request: Request, instruction: str) -> str:
    yes = bool(_labels(instruction) or _SORTS.search(instruction))
    if request.response_format != "text":
        return _json(rng, request, "is_classification", yes)
    word = "Yes" if yes else "No"
    style = None if request.grammar else _one_of(rng, YES_NO_STYLES)
    because = f"{word}, because the answer is {'one of a few labels' if yes else 'free text'}."
    words = {
        "full_stop": f"{word}.",
        "because": because,
        "lower": word.lower(),
        "bold": f"**{word}**",
    }
    return fill(rng, "{subject}") if style == "nonsense" else words.get(style or "", word)


# ---------------------------------------------------------------- instances


def _prose(rng: Random, patterns: Sequence[str], keywords: Sequence[str], sentences: int) -> str:
    return " ".join(fill(rng, any_of(rng, patterns), keywords) for _ in range(sentences))


def _keywords(instruction: str) -> list[str]:
    return list(dict.fromkeys(map(str.strip, _KEYWORD.findall(instruction)))) or ["the matter"]


def _pairs(rng: Random, instruction: str, output_first: bool, limit: int) -> list[Fields]:
    """Inputs with their outputs, made of the instruction's own words."""
    keywords = _keywords(instruction)
    if output_first:
        labels = _labels(instruction) or ("yes", "no")
        turn = int(rng.random() * len(labels))
        return [
            (_prose(rng, SENTENCES, keywords, 1), label)
            for label in (labels[turn:] + labels[:turn])[:limit]
        ]
    if not _NEEDS_INPUT.search(instruction):
        return [("", _prose(rng, ANSWERS, keywords, 1 + int(rng.random() * 3)))]
    examples = min(_one_of(rng, EXAMPLES) or 1, limit)
    return [
        (
            _prose(rng, SENTENCES, keywords, 1 + (rng.random() < 0.3)),
            _prose(rng, ANSWERS, keywords, 1 + int(rng.random() * 2)),
        )
        for _ in range(examples)
    ]


def _flawed(rng: Random, flaw: str | None, pairs: list[Fields]) -> list[Fields]:
    given, output = pairs[-1]
    if flaw == "same":
        return [*pairs[:-1], (given or output, given or output)]
    if flaw == "empty_output":
        return [*pairs[:-1], (given, "")]
    if flaw == "colon":
        return [*pairs[:-1], (given, "The answer is as follows:")]
    if flaw == "twice":
        return [*pairs, pairs[-1]]
    if flaw == "conflict":
        given = given or fill(rng, "{objects}")
        return [*pairs[:-1], (given, output), (given, fill(rng, "{quality}"))]
    return pairs


def _limit(request: Request) -> int:
    said = _LIMIT.findall(request.messages[-1].text)
    if request.grammar:
        return 1  # as the grammars of the preset `small` have it
    return max(1, int(said[-1])) if said else 5


def _instances(rng: Random, request: Request, instruction: str) -> str:
    output_first = request.stage == "output_first"
    flaw = _one_of(rng, INSTANCE_FLAWS)
    pairs = _flawed(rng, flaw, _pairs(rng, instruction, output_first, _limit(request)))
    if request.response_format != "text":
        return _json(
            rng,
            request,
            "instances",
            [{"input": given, "output": output} for given, output in pairs],
        )
    if request.grammar or (_goes_on(request) and flaw in ("bold", "opener")):
        flaw = None
    blocks = [
        _block(number, pair, output_first, flaw == "no_output_label")
        for number, pair in enumerate(pairs, 1)
    ]
    if not pairs[0][0] and (
        _goes_on(request) or rng.random() < 0.5
    ):  # no word of an input that is not needed
        blocks = [re.sub(r"^(?:Example 1\n)?Input: None\n", "", block) for block in blocks]
    text = ("\n" if _goes_on(request) else "\n\n").join(blocks)
    if flaw == "bold":
        text = re.sub(r"^(Input|Output|Class label):", r"**\1:**", text, flags=re.MULTILINE)
    return _dressed(text, flaw, "Certainly! Here is what I would suggest:")


def _block(number: int, pair: Fields, output_first: bool, unlabelled: bool) -> str:
    given, output = pair
    if output_first:
        return f"{'' if unlabelled else 'Class label: '}{output}\nInput: {given}"
    return f"Example {number}\nInput: {given or 'None'}\n{'' if unlabelled else 'Output: '}{output}"


# ---------------------------------------------------------------- whole tasks (preset alpaca)


def _tasks(rng: Random, request: Request) -> str:
    shown = _WHOLE_TASK.findall(request.text)
    numbers = _numbers(request.messages[-1].text, len(shown))
    items: list[str] = []
    records: list[dict[str, str]] = []
    blocks: list[str] = []
    for number in numbers:
        items.append(_instruction(rng, shown, items))
        output_first = bool(_labels(items[-1]))
        given, output = _pairs(rng, items[-1], output_first, 1)[0]
        flaw = _one_of(rng, TASK_FLAWS)
        number += flaw == "wrong_number"
        output = "" if flaw == "empty_output" else output
        label = "" if flaw == "no_output_label" else f"{number}. Output:\n"
        records.append({"instruction": items[-1], "input": given, "output": output})
        blocks.append(
            f"{number}. Instruction: {items[-1]}\n{number}. Input:\n{given or '<noinput>'}\n{label}{output}"
        )
        blocks.append("" if flaw == "no_separator" else "###\n")
    if request.response_format != "text":
        return _json(rng, request, "tasks", records)
    return "".join(
        block if block == "###\n" else block + "\n" for block in blocks[:-1] if block
    ).rstrip("\n")


# ---------------------------------------------------------------- what every server does


def _dressed(text: str, style: str | None, opener: str) -> str:
    if style == "fence":
        return f"```\n{text}\n```"
    return f"{opener}\n\n{text}" if style == "opener" else text


def _json(rng: Random, request: Request, name: str, value: object) -> str:
    flaw = _one_of(rng, JSON_FLAWS) if request.response_format == "json_object" else None
    text = json.dumps({"result" if flaw == "other_name" else name: value}, ensure_ascii=False)
    if flaw == "broken":
        return text.replace('"', "'", 3)
    return (
        f"```json\n{text}\n```"
        if flaw == "fence"
        else _dressed(text, flaw, "Here is the JSON object:")
    )


def _goes_on(request: Request) -> bool:
    """Whether the reply continues the prompt's last line instead of answering it."""
    return request.api == "completions" or request.messages[-1].role == "assistant"


def _as_a_server(request: Request, text: str, finish_reason: str) -> Completion:
    """The text after the prompt's own last words, up to the first stop sequence and the limit of tokens."""
    if text and _goes_on(request):
        prompt = request.messages[-1].text
        cue = prompt.rpartition("\n")[2].strip()
        text = (
            " " + text[len(cue) :].lstrip()
            if cue and text.startswith(cue)
            else text
            if prompt.endswith("\n")
            else _separated(cue, text)
        )
    stops = [at for at in map(text.find, filter(None, request.decoding.stop)) if at >= 0]
    if stops:
        text, finish_reason = text[: min(stops)], "stop"
    words = len(text.split())
    limit = request.decoding.max_tokens
    if limit is not None and int(words * TOKENS_PER_WORD) > limit:
        words = int(limit / TOKENS_PER_WORD)
        text, finish_reason = _first_words(text, words), "length"
    usage = Usage(int(len(request.text.split()) * TOKENS_PER_WORD), int(words * TOKENS_PER_WORD))
    return Completion(text, finish_reason, usage)


def _separated(cue: str, text: str) -> str:
    """A word goes on in the cue's line ("Fixed labels? Yes"), anything longer begins its own."""
    return f" {text}" if "\n" not in text and len(text) < 100 else f"\n{text}"


def _first_words(text: str, count: int) -> str:
    ends = [found.end() for found in re.finditer(r"\S+", text)]
    return text[: ends[count - 1]] if count else ""
