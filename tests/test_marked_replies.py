"""Replies to the prompts of the preset `chat`: tasks and examples in tags, labels, a decline."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinstruct.asking.reading import ASKED_AGAIN
from selfinstruct.data.tasks import Instance
from selfinstruct.parsing import Draft, Leftover, Parsed, marked

TASKS = """Sure, here they are:
<task labels="on time | late | unknown">
Does the log say that the train was on time, late or unknown?
</task>
<task>
for n in range(3):
    print(n)

What is printed?
</task><task labels="">Sing.</task>
Enjoy!"""


def test_a_task_keeps_its_lines_and_its_tag_names_the_labels() -> None:
    parsed = marked.propose(TASKS, "stop")
    assert [(draft.instruction, draft.labels) for draft in parsed.drafts] == [
        (
            "Does the log say that the train was on time, late or unknown?",
            ("on time", "late", "unknown"),
        ),
        ("for n in range(3):\n    print(n)\n\nWhat is printed?", ()),
        ("Sing.", ()),
    ]
    assert [left.text for left in parsed.leftovers] == ["Sure, here they are", "Enjoy!"]


@pytest.mark.parametrize(
    ("said", "labels"),
    [
        ("'yes, no'", ("yes", "no")),
        ('"A|B|A"', ("A", "B")),
        ('"正面 | 负面"', ("正面", "负面")),
        ('"none"', ()),
        ('"spam"', None),  # a single label tells nothing
    ],
)
def test_labels_are_read_in_any_notation(said: str, labels: tuple[str, ...] | None) -> None:
    [draft] = marked.propose(f"<task labels={said}>\nWhich?\n</task>", "stop").drafts
    assert draft.labels == labels


def test_a_reply_without_tags_is_read_as_ever_and_tells_nothing_of_labels() -> None:
    parsed = marked.propose("1. Sing a song.\n2. Dance with me.", "stop")
    assert parsed.drafts == (Draft("Sing a song."), Draft("Dance with me."))


def test_tasks_in_json_have_their_labels_and_their_lines() -> None:
    reply = (
        '{"instructions": [{"instruction": "Add:\\n2\\n3", "labels": []}, '
        '{"instruction": "Is it odd?", "labels": ["yes", "no"]}, {"instruction": "Sing."}]}'
    )
    drafts = marked.propose(reply, "stop").drafts
    assert [draft.labels for draft in drafts] == [(), ("yes", "no"), None]
    assert drafts[0].instruction == "Add:\n2\n3"


def test_a_cut_reply_loses_its_last_task_and_its_last_example_alone() -> None:
    assert len(marked.propose("<task>\nSing.\n</task>\n<task>\nDan", "length").drafts) == 1
    reply = "<example>\n<output>a</output>\n</example>\n<example>\n<input>b</input>\n<output>c"
    parsed = marked.input_first(reply, "length")
    assert parsed.instances == (Instance("", "a"),) and parsed.reason == "cut_by_length"


def test_the_working_is_left_over_and_labels_inside_a_field_are_text() -> None:
    reply = (
        "<example>\n<input>\nOutput: 5 V\n<b>Input: none</b>\n</input>\n"
        "<working>5 * 2</working>\n<output>\n10\n</output>\n</example>"
    )
    parsed = marked.input_first(reply, "stop")
    assert parsed.instances == (Instance("Output: 5 V\n<b>Input: none</b>", "10"),)
    assert parsed.leftovers == (Leftover("5 * 2", "working"),)


def test_a_field_of_json_that_holds_no_working_is_nothing() -> None:
    instances = [
        {"input": "a", "working": "", "output": "b"},
        {"input": "c", "working": "1 + 1", "output": "2"},
    ]
    parsed = marked.input_first(json.dumps({"instances": instances}), "stop")
    assert [(each.text, each.reason) for each in parsed.leftovers] == [
        ("working: 1 + 1", "working")
    ]


def test_the_working_of_a_task_is_left_over() -> None:
    reply = (
        "<working>\n3 * 4 = 12, and <task> is no tag here\n</working>\n<task>\nHow much is 3 * 4?\n</task>\n"
        '<task labels="odd | even">\nIs the sum odd or even?\n</task>\n'
        "<task>\n<working>7 - 2 = 5</working>\nTake 2 from 7.\n</task>"
    )
    parsed = marked.propose(reply, "stop")
    assert [draft.instruction for draft in parsed.drafts] == [
        *("How much is 3 * 4?", "Is the sum odd or even?", "Take 2 from 7.")
    ]
    assert [draft.labels for draft in parsed.drafts] == [(), ("odd", "even"), ()]
    assert {(each.text, each.reason) for each in parsed.leftovers} == {
        ("3 * 4 = 12, and <task> is no tag here", "working"),
        ("7 - 2 = 5", "working"),
    }
    tasks = [{"working": "3 * 4", "instruction": "How much is 3 * 4?", "labels": []}, "Sing."]
    parsed = marked.propose(json.dumps({"instructions": tasks}), "stop")
    assert [draft.instruction for draft in parsed.drafts] == ["How much is 3 * 4?", "Sing."]
    assert [(each.text, each.reason) for each in parsed.leftovers] == [("3 * 4", "working")]


@pytest.mark.parametrize("reply", ["Faulty task", "**Faulty task.**", '{"instances": []}'])
def test_a_task_that_nobody_could_do_has_no_examples_and_is_not_asked_again(reply: str) -> None:
    parsed = marked.input_first(reply, "stop")
    assert parsed.is_empty and parsed.reason == "faulty_task"
    assert parsed.reason not in ASKED_AGAIN
    assert marked.input_first(
        "<example>\n<output>\nFaulty task\n</output>\n</example>", "stop"
    ).instances


def test_fields_that_are_not_closed_end_at_the_next_field() -> None:
    reply = "<input>a\n<output>b\n<input>c</input>\n<output>d</output>"
    assert marked.input_first(reply, "stop").instances == (Instance("a", "b"), Instance("c", "d"))


def test_blocks_with_labels_are_read_too_without_their_working() -> None:
    reply = (
        "Example 1\nInput: 2 and 3\nWorking:\n2 + 3\nOutput: 5\n\nExample 2\nInput: 4\nOutput: 4"
    )
    parsed = marked.input_first(reply, "stop")
    assert parsed.instances == (Instance("2 and 3", "5"), Instance("4", "4"))
    assert [left.reason for left in parsed.leftovers] == ["working"]


@pytest.mark.parametrize("reply", ["Not a bare label", "Not a bare label.", '{"instances": []}'])
def test_output_first_may_decline(reply: str) -> None:
    assert marked.output_first(reply, "stop") == Parsed(is_classification=False)


def test_a_label_stands_in_a_tag_and_other_forms_are_read_as_ever() -> None:
    reply = "<example>\n<label>late</label>\n<input>\nSorry, 9:40.\n</input>\n</example>"
    for said in (reply, "Class label: late\nInput: Sorry, 9:40."):
        assert marked.output_first(said, "stop").instances == (Instance("Sorry, 9:40.", "late"),)


_PIECES = (
    '<task>|</task>|<task labels="a, b">|<example>|</example>|<input>|</input>|<output>|</output>'
    "|<working>|<label>|Output: b|1. Sing now.|{|\n|a"
)


@given(
    st.lists(st.sampled_from(_PIECES.split("|")), max_size=30),
    st.sampled_from(["stop", "length", "odd"]),
)
def test_no_reply_raises_and_no_letter_is_lost(pieces: list[str], ending: str) -> None:
    reply = "".join(pieces)
    for parse in (marked.propose, marked.input_first, marked.output_first):
        parsed = parse(reply, ending)
        if parsed.reason is not None or parsed.is_classification is not None:
            continue
        texts = [draft.instruction for draft in parsed.drafts]
        texts += [text for each in parsed.instances for text in (each.input, each.output)]
        texts += [left.text for left in parsed.leftovers]
        told = "\n".join(texts)
        assert told.count("Sing") >= reply.count("Sing")
