"""Instances by the scripted model: inputs and outputs of an instruction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import TypeAlias

from selfinstruct.models import Request
from selfinstruct.models.scripted.chance import one_of
from selfinstruct.models.scripted.classification import labels_of
from selfinstruct.models.scripted.forms import as_json, dressed
from selfinstruct.models.scripted.patterns import ANSWERS, SENTENCES
from selfinstruct.models.scripted.phrases import fill, prose
from selfinstruct.models.scripted.prompts import (
    asked_instruction,
    goes_on,
    keywords,
    most_instances,
    tagged,
    wanted_labels,
)

Fields: TypeAlias = tuple[str, str]  # an input and its output

EXAMPLES = {1: 0.45, 2: 0.37, 3: 0.18}  # how many for an instruction that takes an input
INSTANCE_FLAWS = {  # shares of the replies
    "no_output_label": 0.010,
    "same": 0.010,  # the output repeats the input
    "empty_output": 0.010,
    "conflict": 0.010,  # an input with two outputs
    "twice": 0.015,  # an exact duplicate
    "colon": 0.005,  # a field ends with ":"
    "bold": 0.030,  # **Input:**
    "opener": 0.040,
}
WORKING = {"working": 0.15}  # shares of the outputs in tags
_ASKS_FOR_MORE = re.compile(r"\b(?:explain|reason|quote|why)\b", re.IGNORECASE)
_NEEDS_INPUT = re.compile(r"\b(?:given|following|below|supplied|provided)\b", re.IGNORECASE)


def input_first(rng: Random, request: Request) -> str:
    """Inputs and then their outputs."""
    return _instances(rng, request, output_first=False)


def output_first(rng: Random, request: Request) -> str:
    """Class labels and then their inputs."""
    return _instances(rng, request, output_first=True)


def _instances(rng: Random, request: Request, *, output_first: bool) -> str:
    flaw = one_of(rng, INSTANCE_FLAWS)
    instruction, limit = asked_instruction(request), most_instances(request)
    labels = wanted_labels(request) if output_first else []
    fields = _flawed(rng, flaw, pairs(rng, instruction, output_first, limit, labels))
    is_tagged = bool(tagged(request))
    if output_first and is_tagged and _ASKS_FOR_MORE.search(instruction):
        is_text = request.response_format == "text"
        return "Not a bare label" if is_text else as_json(rng, request, "instances", [])
    if request.response_format != "text":
        records = [{"input": given, "output": output} for given, output in fields]
        return as_json(rng, request, "instances", records)
    if is_tagged and flaw not in ("bold", "no_output_label"):
        tags = [_example(rng, pair, output_first) for pair in fields]
        return dressed("\n".join(tags), flaw, "Certainly! Here is what I would suggest:")
    if request.grammar or (goes_on(request) and flaw in ("bold", "opener")):
        flaw = None
    blocks = [
        _block(number, pair, output_first, flaw == "no_output_label")
        for number, pair in enumerate(fields, 1)
    ]
    # No word of an input that is not needed.
    if not fields[0][0] and (goes_on(request) or rng.random() < 0.5):
        blocks = [re.sub(r"^(?:Example 1\n)?Input: None\n", "", block) for block in blocks]
    text = ("\n" if goes_on(request) else "\n\n").join(blocks)
    if flaw == "bold":
        text = re.sub(r"^(Input|Output|Class label):", r"**\1:**", text, flags=re.MULTILINE)
    return dressed(text, flaw, "Certainly! Here is what I would suggest:")


def _example(rng: Random, pair: Fields, output_first: bool) -> str:
    given, output = pair
    if output_first:
        return f"<example>\n<label>{output}</label>\n<input>\n{given}\n</input>\n</example>"
    parts = [f"<input>\n{given}\n</input>"] if given else []
    if one_of(rng, WORKING):
        parts.append(
            f"<working>\n{prose(rng, ANSWERS, [output.split()[0]], 1)}\n</working>"
            if output
            else ""
        )
    parts.append(f"<output>\n{output}\n</output>")
    return "\n".join(["<example>", *filter(None, parts), "</example>"])


def pairs(
    rng: Random, instruction: str, output_first: bool, limit: int, wanted: Sequence[str] = ()
) -> list[Fields]:
    """Inputs with their outputs, which speak of the instruction's own words."""
    words = keywords(instruction)
    if wanted:
        return [(prose(rng, SENTENCES, words, 1), label) for label in wanted]
    if output_first:
        labels = labels_of(instruction) or ("yes", "no")
        turn = int(rng.random() * len(labels))
        turned = (labels[turn:] + labels[:turn])[:limit]
        return [(prose(rng, SENTENCES, words, 1), label) for label in turned]
    if not _NEEDS_INPUT.search(instruction):
        return [("", prose(rng, ANSWERS, words, 1 + int(rng.random() * 3)))]
    examples = min(one_of(rng, EXAMPLES) or 1, limit)
    return [
        (
            prose(rng, SENTENCES, words, 1 + (rng.random() < 0.3)),
            prose(rng, ANSWERS, words, 1 + int(rng.random() * 2)),
        )
        for _ in range(examples)
    ]


def _flawed(rng: Random, flaw: str | None, fields: list[Fields]) -> list[Fields]:
    given, output = fields[-1]
    if flaw == "same":
        return [*fields[:-1], (given or output, given or output)]
    if flaw == "empty_output":
        return [*fields[:-1], (given, "")]
    if flaw == "colon":
        return [*fields[:-1], (given, "The answer is as follows:")]
    if flaw == "twice":
        return [*fields, fields[-1]]
    if flaw == "conflict":
        given = given or fill(rng, "{objects}")
        return [*fields[:-1], (given, output), (given, fill(rng, "{quality}"))]
    return fields


def _block(number: int, pair: Fields, output_first: bool, unlabelled: bool) -> str:
    given, output = pair
    if output_first:
        return f"{'' if unlabelled else 'Class label: '}{output}\nInput: {given}"
    return f"Example {number}\nInput: {given or 'None'}\n{'' if unlabelled else 'Output: '}{output}"
