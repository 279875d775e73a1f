"""The filters: the reason of each at its boundaries, and the verdicts on a task's instances."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinstruct.data.tasks import Instance
from selfinstruct.recipes import filters
from selfinstruct.recipes.filters import (
    ALPACA_FILTERS,
    CHAT_FILTERS,
    PAPER_FILTERS,
    why_not_instances,
    why_not_instruction,
)

FINE = [
    "Write a short poem about the sea.",
    "What is the capital of France?",
    "Explain imagery in two poems by Sappho.",
    "Compare two kinds of bread flour",
]
ANY_TEXT = st.text(st.characters(exclude_categories=()))


def words(count: int) -> str:
    return " ".join(["word"] * count)


def paper(text: str) -> str | None:
    return why_not_instruction(text, PAPER_FILTERS)


def chat(text: str) -> str | None:
    return why_not_instruction(text, CHAT_FILTERS)


@pytest.mark.parametrize("text", FINE)
@pytest.mark.parametrize("chosen", [PAPER_FILTERS, ALPACA_FILTERS, CHAT_FILTERS])
def test_a_good_instruction_passes_every_filter(
    text: str, chosen: tuple[filters.InstructionFilter, ...]
) -> None:
    assert why_not_instruction(text, chosen) is None


@pytest.mark.parametrize("chosen", [PAPER_FILTERS, ALPACA_FILTERS, CHAT_FILTERS])
@pytest.mark.parametrize(
    ("count", "reason"),
    [(0, "empty"), (1, "too_short"), (3, "too_short"), (4, None), (150, None), (151, "too_long")],
)
def test_three_words_are_too_few_and_a_hundred_and_fifty_one_too_many(
    chosen: tuple[filters.InstructionFilter, ...], count: int, reason: str | None
) -> None:
    assert why_not_instruction(words(count), chosen) == reason


@pytest.mark.parametrize("word", filters.PAPER_WORDS)
def test_each_word_of_the_paper_blocks_as_a_whole_word_in_any_case(word: str) -> None:
    assert paper(f"Please describe the {word} for me now") == "blocked_word"
    assert paper(f"Please describe the {word.upper()}, for me now") == "blocked_word"
    assert paper(f"Please describe the x{word}x for me now") is None


def test_words_are_blocked_where_the_paper_blocks_them_and_only_there() -> None:
    assert paper("Plot-driven novels: name three of them.") == "blocked_word"
    assert paper("Where should I go today, and why?") is None
    assert paper("Say what a paragraph or a mapping is") is None
    assert paper("Describe a video for new parents.") is None
    assert (
        why_not_instruction("Describe a video for new parents.", ALPACA_FILTERS) == "blocked_word"
    )
    assert chat("Describe a video for new parents.") == "blocked_word"
    assert chat("Explain how to open a file in Python and map a list.") is None


def test_the_papers_filters_judge_in_the_papers_order() -> None:
    assert paper("Write a program that draws a graph") == "blocked_word"
    assert paper("Write a program that adds two numbers") == "write_a_program"
    assert paper("write a program that adds two numbers") is None
    assert paper("- what is the capital of France?") == "starts_with_punctuation"
    assert paper("Écris un poème sur la mer") == "starts_with_non_ascii"
    assert paper("¿Cuál es la capital de Francia?") == "starts_with_non_ascii"


@pytest.mark.parametrize("mark", list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"))
def test_every_ascii_punctuation_mark_in_front_is_named_by_the_papers_filter(mark: str) -> None:
    assert paper(f"{mark}what is the capital of France?") == "starts_with_punctuation"


@pytest.mark.parametrize(
    "text",
    [
        "¿Cuál es la capital de Francia?",
        "¡Escribe un poema sobre el mar!",
        "Écris un poème sur la mer",
        "Напиши стихотворение о море",
        "اكتب قصيدة عن البحر",
        "लिखो एक कविता समुद्र पर",
        "写一首关于大海的诗",
        "「海」についての詩を書いてください",
        "바다에 대한 시를 써 주세요",
        "เขียนบทกวีเกี่ยวกับทะเล",
        "„Kunst“ oder „Handwerk“: erkläre den Unterschied",
        "«Art» ou «artisanat» : explique la différence",
        "“Affect” or “effect”: explain the difference",
        "(Formal) Rewrite the letter to the landlord",
        "3 ways to cook rice without a pot",
        "'Tis the season: write a carol",
    ],
)
def test_an_instruction_of_any_script_may_begin_as_its_script_begins_sentences(text: str) -> None:
    assert chat(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "- write a poem about it",
        "* write a poem about it",
        "? what is this about",
        "| a | b | c |",
        "…and then they left us",
    ],
)
def test_a_symbol_in_front_is_named(text: str) -> None:
    assert chat(text) == "starts_with_punctuation"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("写诗", "too_short"),
        ("写一首诗", "too_short"),
        ("写一首好诗吧", None),
        ("翻译 this", "too_short"),
    ],
)
def test_scripts_without_spaces_are_measured_by_their_letters(
    text: str, reason: str | None
) -> None:
    assert chat(text) == reason


def test_a_long_text_without_spaces_is_too_long() -> None:
    assert chat("字" * 300) is None and chat("字" * 302) == "too_long"


@pytest.mark.parametrize(
    "letter", ["\x00", "\x07", "\x1b", "\x7f", "\x9b", chr(0xD800), chr(0xDFFF), "\ufffd"]
)
def test_control_characters_are_named(letter: str) -> None:
    assert chat(f"Write a poem{letter} about the sea") == "control_characters"
    assert why_not_instances([Instance("a", f"b{letter}")], at_most=1, control=True) == [
        "control_characters"
    ]
    assert why_not_instances([Instance("a", f"b{letter}")], at_most=1, control=False) == [None]


def test_newlines_and_tabs_are_no_control_characters() -> None:
    assert filters.why_not_control("a\n\tb\r\n") is None


@given(ANY_TEXT)
def test_no_text_makes_a_filter_raise(text: str) -> None:
    for chosen in (PAPER_FILTERS, ALPACA_FILTERS, CHAT_FILTERS):
        reason = why_not_instruction(text, chosen)
        assert reason is None or reason.replace("_", "").isalpha()


# ---------------------------------------------------------------------------------------- instances


def verdicts(*pairs: tuple[str, str], at_most: int = 5) -> list[str | None]:
    return why_not_instances([Instance(*pair) for pair in pairs], at_most=at_most, control=False)


def test_each_instance_is_judged_by_the_papers_rules_in_their_order() -> None:
    assert verdicts(("", "")) == ["output_equals_input"]
    assert verdicts(("a", "a")) == ["output_equals_input"]
    assert verdicts(("a", "")) == ["empty_output"]
    assert verdicts(("a:", "b")) == ["ends_with_colon"]
    assert verdicts(("a", "b:")) == ["ends_with_colon"]
    assert verdicts(("", "b"), ("a", "b")) == [None, None]


def test_one_input_with_two_outputs_takes_all_instances_of_the_task_with_it() -> None:
    assert verdicts(("a", "1"), ("b", "1"), ("a", "2")) == ["conflicting_outputs"] * 3
    assert verdicts(("a", "1"), ("b", ""), ("a", "2")) == [
        "conflicting_outputs",
        "empty_output",
        "conflicting_outputs",
    ]
    assert verdicts(("a", "1"), ("a", "")) == [
        None,
        "empty_output",
    ]  # an invalid one conflicts with nothing
    assert verdicts(("", "1"), ("", "2")) == [
        None,
        None,
    ]  # without an input there may be several answers


def test_duplicates_go_and_then_what_is_too_many() -> None:
    assert verdicts(("a", "1"), ("a", "1"), ("b", "1"), ("c", "1"), at_most=2) == [
        None,
        "duplicate_instance",
        None,
        "too_many_instances",
    ]
    assert verdicts(("a", "1"), ("b", "2"), ("b", "2"), at_most=1) == [
        None,
        "too_many_instances",
        "too_many_instances",
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "a", "b", "a:"]), st.sampled_from(["", "a", "1", "2", "2:"])
        ),
        max_size=7,
    ),
    st.integers(1, 4),
)
def test_what_is_kept_is_sound_unique_consistent_and_not_too_many(
    pairs: list[tuple[str, str]], at_most: int
) -> None:
    found = verdicts(*pairs, at_most=at_most)
    kept = [pair for pair, verdict in zip(pairs, found, strict=True) if verdict is None]
    assert len(kept) == len(set(kept)) <= at_most
    assert all(
        output and output != given_ and not (given_ + "|" + output).endswith(":")
        for given_, output in kept
    )
    assert len({given_ for given_, _ in kept if given_}) == len(
        [given_ for given_, _ in kept if given_]
    )


def test_a_task_that_needs_no_input_has_one_instance_unless_repeated_ones_are_wanted() -> None:
    answers = [Instance("", "Paris."), Instance("", "Rome."), Instance("north", "Oslo.")]
    assert why_not_instances(answers, at_most=5, control=True, repeated=False) == [
        None,
        "too_many_instances",
        None,
    ]
    assert why_not_instances(answers, at_most=5, control=True) == [None, None, None]
