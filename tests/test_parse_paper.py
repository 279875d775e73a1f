"""The published parsing rules with their quirks; test_replay.py holds them to real runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinstruct.parsing import Parsed, paper

ANY_TEXT = st.text(st.characters(exclude_categories=()))


def proposed(reply: str) -> list[str]:
    return [draft.instruction for draft in paper.propose(reply, "stop").drafts]


def made(reply: str, finish_reason: str = "stop") -> list[tuple[str, str]]:
    return [
        (instance.input, instance.output)
        for instance in paper.input_first(reply, finish_reason).instances
    ]


def labelled(reply: str, finish_reason: str = "stop") -> list[tuple[str, str]]:
    return [
        (instance.input, instance.output)
        for instance in paper.output_first(reply, finish_reason).instances
    ]


def test_a_list_goes_on_after_the_prompts_number_and_is_split_at_numbers() -> None:
    assert proposed(" Write a poem.\n10. Sing a song.\n11 . Dance a waltz.\n12. ") == [
        "Write a poem.",
        "Sing a song.",
        "Dance a waltz.",
        "",
    ]


@pytest.mark.parametrize(
    "no_item", ["\n10 Sing", "\n10.Sing", "\n10) Sing", " 10. Sing", "\n10  . Sing"]
)
def test_only_newline_number_dot_and_space_begin_an_item(no_item: str) -> None:
    assert len(proposed(f"Write{no_item}")) == 1


def test_white_space_is_collapsed_and_the_rest_lowered() -> None:
    assert proposed("  write  a\tPYTHON\n program ") == ["Write a python program"]


def test_a_list_cut_by_length_is_dropped_whole() -> None:
    assert paper.propose("Write a poem.\n10. Sing", "length") == Parsed(reason="cut_by_length")
    assert paper.propose(" \n", "stop") == Parsed(reason="empty_reply")


@pytest.mark.parametrize(
    ("reply", "yes"),
    [
        (" Yes", True),
        ("yes", True),
        ("YES\n", True),
        ("Yes.", False),
        ("yEs", False),
        ("No", False),
        ("Yes, it is", False),
    ],
)
def test_only_the_bare_word_counts_as_yes(reply: str, yes: bool) -> None:
    parsed = paper.classify(reply, "stop")
    assert parsed.is_classification is yes and parsed.reason is None


def test_a_blank_reply_is_no_answer_but_was_no_in_edition_1() -> None:
    assert paper.classify(" ", "stop") == Parsed(reason="empty_reply")
    assert paper.classify(" ", "stop", edition=1) == Parsed(is_classification=False)


@pytest.mark.parametrize(
    ("reply", "instances"),
    [
        (
            "Example 1\nInput: a\nOutput: b\nExample 2\nInput: c\nOutput: d",
            [("a", "b"), ("c", "d")],
        ),
        (
            "Example 1.Input: a\nOutput: b\n\nExample2\nInput 2: c\nOutput 2: d\n",
            [("a", "b"), ("c", "d")],
        ),
        ("Output: 42", [("", "42")]),
        ("Input: a\nOutput: b", [("a", "b")]),
        ("Sentence: a\nOutput: b", [("Sentence: a", "b")]),  # the names of other fields stay
        ("Example 1\nonly text", [("", "only text")]),
        ("only text", []),
        ("", []),
        (
            "Example 1\nInput: a\nOutput: b\nInput: c",
            [("a", "b")],
        ),  # the output ends at a following input
        ("Example 1\nInput: a\nOutput: b\nOutput: c", [("a", "b")]),
        (
            "Example 1\nOutput: an Example of it",
            [("", "an"), ("", "of it")],
        ),  # a known defect: the word splits as well
    ],
)
def test_input_first_replies_are_split_as_published(
    reply: str, instances: list[tuple[str, str]]
) -> None:
    assert made(reply) == instances


@pytest.mark.parametrize(
    ("reply", "instances"),
    [
        (
            "Class label: spam\nWin a prize!\nClass label: ham\nSee you.",
            [("Win a prize!", "spam"), ("See you.", "ham")],
        ),
        ("Class label: spam\nInput: Win!\nToday!", [("Input: Win!\nToday!", "spam")]),
        ("Class label: spam", [("", "spam")]),
        ("chatter Class label:spam\n\n a ", [("a", "spam")]),
        ("spam", []),
        ("class label: spam\na", []),
    ],
)
def test_output_first_replies_are_split_as_published(
    reply: str, instances: list[tuple[str, str]]
) -> None:
    assert labelled(reply) == instances


def test_of_instances_cut_by_length_the_last_goes() -> None:
    assert made("Example 1\nInput: a\nOutput: b\nExample 2\nInput: c\nOut", "length") == [
        ("a", "b")
    ]
    assert made("Output: b", "length") == []
    assert labelled("Class label: a\nx\nClass label: b\ny", "length") == [("x", "a")]
    assert paper.input_first("Output: b", "length").reason == "cut_by_length"


def test_an_empty_result_says_why() -> None:
    assert (
        paper.input_first("", "stop").reason
        == paper.output_first(" ", "stop").reason
        == "empty_reply"
    )
    assert paper.input_first("text", "stop").reason == "no_output_label"
    assert paper.output_first("text", "stop").reason == "no_class_label"


@given(ANY_TEXT)
def test_what_is_proposed_is_one_line_each(reply: str) -> None:
    assert all(text == " ".join(text.split()) for text in proposed(reply))
