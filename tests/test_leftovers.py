"""Nothing of a reply is silently gone: each word is in a candidate, a rejection or a leftover.

The words of the replies here are made of letters that no label, number or mark has, so that every
one of them must be found again. Labels, numbers, JSON keys, tags and the words for yes and no are
framing (see selfinstruct/parsing/__init__.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfinstruct.asking.reading import Reply, read
from selfinstruct.data.tasks import Instruction
from selfinstruct.models import Completion
from selfinstruct.parsing import Leftover, Parsed, alpaca, chat, paper
from selfinstruct.recipes import dropped_replies

PARSERS: list[Callable[[str, str], Parsed]] = [
    chat.propose, chat.classify, chat.input_first, chat.output_first, alpaca.propose,
    paper.propose, paper.classify, paper.input_first, paper.output_first,
]  # fmt: skip
WORD = st.text("qxzwvkj", min_size=4, max_size=9)
WORDS = st.lists(WORD, min_size=1, max_size=6).map(" ".join)
SENTENCE = WORDS.map(lambda text: text.capitalize() + ".")
# A line with a hole for words, in the forms of lists, blocks, JSON, tags and plain text.
LINES = (
    "{}\n", "{}\n\n", "9. {}\n", "10. {}\n", "11) {}\n", "- {}\n", "  - {}\n", "   {}\n", "* {}\n",
    "**{}**\n", "9. **{}:** {}\n", "### Task 9: {}\n", "## {}\n", "# {}\n{}\n", "9 - {}\n",
    "\u2460 {}\n", "\u4e00\u3001{}\n", "\u7b2c1\u6761\uff1a{}\n", "9. {} 10. {}\n", "> {}\n",
    "Input: {}\n", "Output: {}\n", "Output:\n{}\n", "**Input:** {}\n", "Class label: {}\n{}\n",
    "Example 1\n", "Example 2: {}\n", "Instruction: {}\n", "1. Instruction: {}\n", "---\n", "###\n",
    "```\n{}\n```\n", "```json\n", "```\n", "Answer: {}\n", "Eingabe: {}\n", "Ausgabe: {}\n",
    "\u8f93\u5165\uff1a{}\n", "\u8f93\u51fa\uff1a{}\n", "Yes. {}\n", "No, {}\n", "| 9 | {} | {} |\n",
    '{{"input": "{}", "output": "{}", "note": "{}"}}\n', '{{"instructions": ["{}", "{}"]}}\n',
    '{{"instruction": "{}", "why": "{}"}}\n', '["{}", "{}"]\n', '{{"is_classification": true}}\n',
    '{{"is_classification": "no", "reason": "{}"}}\n', '{{"x": {{"y": ["{}"]}}}}\n', '["{}", "{}\n',
    "<task>{}</task>\n", "<input>{}</input>\n", "<output>{}</output>\n", "<answer>{}</answer>\n",
    "Let me know if you need more examples {}\n", "{} Input: {} Output: {}\n", "Q: {}\nA: {}\n",
)  # fmt: skip
LINE = st.sampled_from(LINES).flatmap(
    lambda form: st.tuples(*[SENTENCE] * form.count("{}")).map(lambda texts: form.format(*texts))
)
REPLY = st.lists(st.one_of(LINE, SENTENCE), min_size=1, max_size=12).map("".join)


def kept(reply: Reply) -> str:
    """All texts that a run writes down of a reply: candidates and lines of rejected.jsonl."""
    parsed = reply.parsed
    candidates = [draft.instruction for draft in parsed.drafts]
    instances = [draft.instance for draft in parsed.drafts if draft.instance] + list(
        parsed.instances
    )
    candidates += [text for instance in instances for text in (instance.input, instance.output)]
    dropped = dropped_replies("propose", 0, reply, Instruction("i1", "", 0, ()))
    return "\n".join([*candidates, *(rejected.text for rejected in dropped)])


def lost(text: str, reply: Reply) -> list[str]:
    """The words of a reply that are in none of the texts that were kept, repetitions counted."""
    found = re.findall("[a-z]{4,}", kept(reply).lower())
    words = re.findall("[qxzwvkj]{4,}", text.lower())
    return [word for word in set(words) if words.count(word) > found.count(word)]


def as_read(parse: Callable[[str, str], Parsed], text: str, finish_reason: str = "stop") -> Reply:
    return read(Completion(text, finish_reason), "", parse, Parsed)


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: f"{parse.__module__}.{parse.__name__}")
@settings(max_examples=40)
@given(text=REPLY, finish_reason=st.sampled_from(["stop", "stop", "length", "content_filter"]))
def test_every_word_of_a_reply_is_kept(
    parse: Callable[[str, str], Parsed], text: str, finish_reason: str
) -> None:
    reply = as_read(parse, text, finish_reason)
    assert not lost(text, reply), reply


@pytest.mark.parametrize("form", LINES)
def test_every_word_of_each_form_alone_is_kept(form: str) -> None:
    texts = [f"Q{mark}xz {mark * 4}k." for mark in "qxzwvkj"]
    text = form.format(*texts)
    for parse in PARSERS:
        reply = as_read(parse, text + text.replace("xz", "vv"))
        assert not lost(text, reply), (parse, reply)


@settings(max_examples=30)
@given(
    st.text(st.characters(categories=("L", "N", "P", "Z", "S")), max_size=80).filter(
        lambda text: not re.search("[A-Za-z]{2}", text)  # no names of fields
    )
)
def test_every_letter_of_any_text_is_kept(text: str) -> None:
    for parse in PARSERS:
        reply = as_read(parse, f"9. Qqqq\n{text}\n\n{text}\n10. Xxxx")
        if reply.parsed.reason is None and parse is not chat.classify:
            letters = [letter for letter in text.lower() if letter.isalpha()]
            assert len([x for x in kept(reply).lower() if x.isalpha()]) >= 2 * len(letters)


def test_leftovers_are_named() -> None:
    text = (
        "Sure, two tasks:\n9. **Verse:** Write a poem today.\n\nAll of them are short.\n\n10. Sing."
    )
    reply = as_read(chat.propose, text)
    assert [draft.instruction for draft in reply.parsed.drafts] == ["Write a poem today.", "Sing."]
    assert reply.leftovers == (
        Leftover("Sure, two tasks", "remark"),
        Leftover("All of them are short.", "left_over"),
        Leftover("Verse", "left_over"),
    )
    [remark, left_over] = dropped_replies("propose", 3, reply)
    assert (remark.what, remark.reason, remark.text) == ("leftover", "remark", "Sure, two tasks")
    assert left_over.text == "All of them are short.\nVerse" and left_over.reason == "left_over"


def test_fields_of_json_that_no_candidate_holds_are_left_over() -> None:
    record = {"input": "a", "output": "b", "difficulty": "easy"}
    reply = as_read(chat.input_first, json.dumps({"instances": [record], "topic": "letters"}))
    assert [left.text for left in reply.leftovers] == ["topic: letters", "difficulty: easy"]


def test_an_item_of_json_that_breaks_off_keeps_its_words() -> None:
    said = '9. {"instruction": "Sing."} {"broken": "a text that is not closed'
    (draft,) = chat.propose(said, "stop").drafts
    assert "a text that is not closed" in draft.instruction


def test_text_behind_the_end_of_a_turn_is_another_turn() -> None:
    reply = as_read(chat.propose, "9. Sing a song.<|im_end|>\n<|im_start|>user\nMore!<|im_end|>")
    assert [draft.instruction for draft in reply.parsed.drafts] == ["Sing a song."]
    assert [left.reason for left in reply.leftovers] == ["next_turn"]
