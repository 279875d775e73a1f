"""Replies of base models, read by the published rules with all their quirks.

Paper: section 2.2 and appendix B.
"""

from __future__ import annotations

import re

from selfinstruct.data.tasks import Instance
from selfinstruct.parsing import Draft, Parsed

_ITEM = re.compile(r"\n\d+\s?\. ")
_EXAMPLE = re.compile(r"Example\s?\d*\.?")
_OUTPUT = re.compile(r"Output\s*\d*\s*:")
_INPUT = re.compile(r"Input\s*\d*\s*:")


def propose(reply: str, finish_reason: str) -> Parsed:
    """Instructions as a numbered list that continues the prompt's last number:

         Write a poem about the sea.
        10. Explain how a bicycle stays upright.

    Returns a draft for each item, empty items included. `capitalize` also lowers the rest of the
    text ("Python" becomes "python"), a known defect of the published data. Reasons: cut_by_length
    (the whole reply is dropped), empty_reply.
    """
    if finish_reason == "length":
        return Parsed(reason="cut_by_length")
    if not reply.strip():
        return Parsed(reason="empty_reply")
    return Parsed(
        drafts=tuple(Draft(" ".join(item.split()).capitalize()) for item in _ITEM.split(reply))
    )


def classify(reply: str, finish_reason: str) -> Parsed:
    """Whether the reply is the word "Yes". Every other reply means no; there is no reason."""
    return Parsed(is_classification=reply.strip() in ("Yes", "yes", "YES"))


def input_first(reply: str, finish_reason: str) -> Parsed:
    """Instances of a task that is no classification, in blocks behind "Example N":

        Example 1
        Input: 2 and 3
        Output: 5

    A reply without "Example" is a single block. Reasons: cut_by_length (without the last instance),
    no_output_label, empty_reply.
    """
    text = reply.strip()
    if _EXAMPLE.search(text):
        blocks = [block for block in _EXAMPLE.split(text) if block.strip()]
    elif _OUTPUT.search(text):
        blocks = [text]
    else:
        return Parsed(reason="no_output_label" if text else "empty_reply")
    return _but_cut([_instance(block.strip()) for block in blocks], finish_reason)


def output_first(reply: str, finish_reason: str) -> Parsed:
    """Instances of a classification. The first line is the class label, the rest is the input:

        Class label: spam
        Win a prize now!

    Reasons: cut_by_length (without the last instance), no_class_label, empty_reply.
    """
    parts = [part.strip().partition("\n") for part in reply.split("Class label:")[1:]]
    if not parts:
        return Parsed(reason="no_class_label" if reply.strip() else "empty_reply")
    return _but_cut(
        [Instance(given.strip(), label.strip()) for label, _, given in parts], finish_reason
    )


def _instance(block: str) -> Instance:
    before, *after = _OUTPUT.split(block)
    given, output = (before.strip(), after[0]) if after else ("", block)
    label = _INPUT.match(given)
    return Instance(
        given[label.end() :].strip() if label else given, _INPUT.split(output.strip())[0].strip()
    )


def _but_cut(instances: list[Instance], finish_reason: str) -> Parsed:
    if finish_reason == "length":
        return Parsed(instances=tuple(instances[:-1]), reason="cut_by_length")
    return Parsed(instances=tuple(instances))
