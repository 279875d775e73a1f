"""Replies of base models, read by the published rules with all their quirks.

Paper: section 2.2 and appendix B.
"""

from __future__ import annotations

import re

from selfinstruct.data.tasks import Instance
from selfinstruct.parsing import Draft, Leftover, Parsed
from selfinstruct.parsing.endings import cut_of

_ITEM = re.compile(r"\n\d+\s?\. ")
_EXAMPLE = re.compile(r"Example\s?\d*\.?")
_OUTPUT = re.compile(r"Output\s*\d*\s*:")
_INPUT = re.compile(r"Input\s*\d*\s*:")


def propose(reply: str, finish_reason: str) -> Parsed:
    """Instructions as a numbered list that continues the prompt's last number:

         Write a poem about the sea.
        10. Explain how a bicycle stays upright.

    Returns a draft for each item, empty items included. `capitalize` also lowers the rest of the
    text ("Python" becomes "python"), a known defect of the published data. Reasons: a cut (the
    whole reply is dropped), empty_reply.
    """
    cut = cut_of(finish_reason)
    if cut is not None:
        return Parsed(reason=cut)
    if not reply.strip():
        return Parsed(reason="empty_reply")
    return Parsed(
        drafts=tuple(Draft(" ".join(item.split()).capitalize()) for item in _ITEM.split(reply))
    )


def classify(reply: str, finish_reason: str, *, edition: int = 2) -> Parsed:
    """Whether the reply is the word "Yes". Every other text means no.

    A blank reply is no answer, and has the reason empty_reply; edition 1 took that for no.
    """
    if edition > 1 and not reply.strip():
        return Parsed(reason="empty_reply")
    is_yes = reply.strip() in ("Yes", "yes", "YES")
    rest = () if is_yes else tuple(Leftover(text, "explanation") for text in _beside_no(reply))
    return Parsed(is_classification=is_yes, leftovers=rest)


def input_first(reply: str, finish_reason: str) -> Parsed:
    """Instances of a task that is no classification, in blocks behind "Example N":

        Example 1
        Input: 2 and 3
        Output: 5

    A reply without "Example" is a single block. Reasons: a cut (without the last instance),
    no_output_label, empty_reply.
    """
    text = reply.strip()
    if _EXAMPLE.search(text):
        blocks = [block for block in _EXAMPLE.split(text) if block.strip()]
    elif _OUTPUT.search(text):
        blocks = [text]
    else:
        return Parsed(reason="no_output_label" if text else "empty_reply")
    read = [_instance(block.strip()) for block in blocks]
    rest = [text for _, texts in read for text in texts]
    return _but_cut([instance for instance, _ in read], rest, finish_reason)


def output_first(reply: str, finish_reason: str) -> Parsed:
    """Instances of a classification. The first line is the class label, the rest is the input:

        Class label: spam
        Win a prize now!

    Reasons: a cut (without the last instance), no_class_label, empty_reply.
    """
    before, *blocks = reply.split("Class label:")
    parts = [part.strip().partition("\n") for part in blocks]
    if not parts:
        return Parsed(reason="no_class_label" if reply.strip() else "empty_reply")
    instances = [Instance(given.strip(), label.strip()) for label, _, given in parts]
    return _but_cut(instances, [before], finish_reason)


def _instance(block: str) -> tuple[Instance, list[str]]:
    """The instance of a block, and the texts behind a second "Output:" or a later "Input:"."""
    before, *after = _OUTPUT.split(block)
    given, output = (before.strip(), after[0]) if after else ("", block)
    label = _INPUT.match(given)
    text, *rest = _INPUT.split(output.strip())
    instance = Instance(given[label.end() :].strip() if label else given, text.strip())
    return instance, [*rest, *after[1:]]


def _beside_no(reply: str) -> list[str]:
    text = re.sub(r"^\W*no\b\W*", "", reply.strip(), flags=re.I)
    return [text] if re.search(r"\w", text) else []


def _but_cut(instances: list[Instance], rest: list[str], finish_reason: str) -> Parsed:
    cut = cut_of(finish_reason)
    if cut is not None:
        return Parsed(instances=tuple(instances[:-1]), reason=cut)
    left = tuple(Leftover(text.strip()) for text in rest if text.strip())
    return Parsed(instances=tuple(instances), leftovers=left)
