"""Constraints that a program verifies: 25 types of IFEval, ours, strict and loose scores."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from command import invoke
from hypothesis import given, settings
from hypothesis import strategies as st

from selfinstruct.adherence.catalogue import CONSTRAINTS, FURTHER, imposed, types_in
from selfinstruct.adherence.constraint import Imposed
from selfinstruct.adherence.linguistics import language, sentences
from selfinstruct.adherence.recordings import scores
from selfinstruct.adherence.scoring import variants, verdict_on
from selfinstruct.errors import UserError

IFEVAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "strategies" / "ifeval"

ENGLISH = "the weather is lovely today and we are going to walk along the river"
GERMAN = "Das Wetter ist heute sehr schön, und wir gehen am Fluss spazieren."

# Each type: arguments, responses that follow, responses that do not. Edge cases stand at the end of
# each list.
TABLE: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "keywords:existence": (
        {"keywords": ["river", "Boat"]},
        ["The boat is on the river.", "RIVERS and BOATS"],
        ["The boat is here.", "a riv er and a boat"],
    ),
    "keywords:frequency": (
        {"relation": "at least", "keyword": "a.c", "frequency": 2},
        ["a.c and A.C", "a.ca.c"],
        ["a.c", "abc abc"],
    ),
    "keywords:forbidden_words": (
        {"forbidden_words": ["lion", "c++"]},
        ["lions and lionesses", "A tiger"],
        ["The Lion sleeps.", "the lion-hearted"],
    ),
    "keywords:letter_frequency": (
        {"let_relation": "less than", "letter": "Q", "let_frequency": 2},
        ["no such letter", "quiet"],
        ["Quite quiet", "qq"],
    ),
    "language:response_language": (
        {"language": "de"},
        [GERMAN, "12345"],
        [ENGLISH],
    ),
    "length_constraints:number_words": (
        {"relation": "less than", "num_words": 4},
        ["three words here", "..."],
        ["four words are here", "it's three words"],
    ),
    "length_constraints:number_sentences": (
        {"relation": "at least", "num_sentences": 2},
        ["I am here. You are there.", "Is it? Yes!"],
        ["I am here.", "Dr. Smith lives at 3.5 miles"],
    ),
    "length_constraints:number_paragraphs": (
        {"num_paragraphs": 2},
        ["one\n***\ntwo", "*** one *** two ***", "one***two"],
        ["one", "one *** two *** three", "one *** *** two", "one\n\ntwo"],
    ),
    "length_constraints:nth_paragraph_first_word": (
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Often"},
        ["One.\n\nOften, so.", 'One.\n\n\n\n"often" it is'],
        ["Often.\n\nOne.", "One.\n\nOften\n\nThree", "One.\nOften", "One.\n\noftentimes"],
    ),
    "detectable_content:number_placeholders": (
        {"num_placeholders": 2},
        ["Dear [name] of [town]", "[][]"],
        ["Dear [name]", "[name\n] [x]"],
    ),
    "detectable_content:postscript": (
        {"postscript_marker": "P.P.S"},
        ["Bye.\nP.P.S One more.", "p. p. s so"],
        ["Bye.\nP.S. One more.", "PPS"],
    ),
    "detectable_format:number_bullet_lists": (
        {"num_bullets": 2},
        ["* a\n* b", "- a\n  - b", "Text\n* a\n- b\n** bold **"],
        ["* a", "* a\n* b\n* c", "1. a\n2. b"],
    ),
    "detectable_format:constrained_response": (
        {},
        ["My answer is yes.", "  My answer is maybe.\n"],
        ["Yes.", "my answer is no."],
    ),
    "detectable_format:number_highlighted_sections": (
        {"num_highlights": 2},
        ["*a* and *b*", "**a** and *b*"],
        ["*a*", "* * and **", "*a\nb* c"],
    ),
    "detectable_format:multiple_sections": (
        {"section_spliter": "SECTION", "num_sections": 2},
        ["SECTION 1\na\nSECTION 2\nb", "SECTION1 SECTION2"],
        ["SECTION 1\na", "Section 1\nSection 2", "SECTION A SECTION B"],
    ),
    "detectable_format:json_format": (
        {},
        ['{"a": [1, 2]}', '```json\n{"a": 1}\n```', '```\n["a"]\n```', "12"],
        ["{'a': 1}", 'Here: {"a": 1}', '{"a": 1', "[" * 100_000],
    ),
    "detectable_format:title": (
        {},
        ["<<A poem>>\nlines", "so <<x>> it is"],
        ["<A poem>", "<<>>", "<< >>", "<<a\nb>>"],
    ),
    "combination:two_responses": (
        {},
        ["one\n******\ntwo", "****** one ****** two ******"],
        ["one", "one ****** one", "one ****** two ****** three", "one *** two"],
    ),
    "combination:repeat_prompt": (
        {"prompt_to_repeat": "Write a poem. "},
        ["Write a poem.\nRoses", "  WRITE A POEM. Roses"],
        ["Sure! Write a poem.", "Write the poem."],
    ),
    "change_case:english_capital": (
        {},
        [ENGLISH.upper(), f"{ENGLISH.upper()}! 123"],
        [ENGLISH, "DAS WETTER IST HEUTE SEHR SCHÖN UND WIR GEHEN SPAZIEREN", "123"],
    ),
    "change_case:english_lowercase": (
        {},
        [ENGLISH, f"{ENGLISH}? 123"],
        [ENGLISH.capitalize(), GERMAN.lower(), "123"],
    ),
    "change_case:capital_word_frequency": (
        {"capital_relation": "at least", "capital_frequency": 2},
        ["It IS so BIG", "NASA, (ESA)", "I AM"],
        ["It IS big", "It Is Big", "WELL-KNOWN"],
    ),
    "startend:end_checker": (
        {"end_phrase": "Any other questions?"},
        ["So it is. Any other questions?", '"So. any other questions? "\n'.replace("? ", "?")],
        ["Any other questions? No.", "Any other question?"],
    ),
    "startend:quotation": (
        {},
        ['"All of it."', ' "a" and "b" '],
        ["'All'", '"Half', '"', "\u201cAll\u201d"],
    ),
    "punctuation:no_comma": ({}, ["No such mark", "1;2"], ["a, b", "1,000"]),
    "keywords:in_order": (
        {"keywords": ["one", "two"]},
        ["One, then Two", "two one two"],
        ["two one", "one"],
    ),
    "length_constraints:words_between": (
        {"min_words": 2, "max_words": 3},
        ["two words", "here are three"],
        ["one", "four words are here"],
    ),
    "length_constraints:longest_sentence": (
        {"max_words": 3},
        ["I am here. You are there.", "Yes"],
        ["I am here. You are not there."],
    ),
    "detectable_format:numbered_list": (
        {"num_items": 2},
        ["1. a\n2. b", "Items:\n 1) a\n 2) b"],
        ["1. a", "1.5 a\n2. b", "1. a\n2. b\n3. c"],
    ),
    "detectable_format:table": (
        {"num_columns": 2},
        ["| a | b |\n|---|:--|\n| 1 | 2 |", "So:\n| a \\| c | b |\n| - | - |\n| 1 | 2 |"],
        ["| a | b |\n| 1 | 2 |", "| a |\n|---|\n| 1 |", "| a | b |\n|---|---|\n| 1 | 2 | 3 |"],
    ),
    "startend:begins_with": (
        {"start_phrase": "In short:"},
        ["In short: yes.", "\nin SHORT: no"],
        ["Well, in short: yes", "In short"],
    ),
    "punctuation:forbidden_mark": ({"mark": "!"}, ["No.", "\u00a1No"], ["No!", "!"]),
}


def test_the_table_has_every_type() -> None:
    assert TABLE.keys() == CONSTRAINTS.keys()
    assert len(CONSTRAINTS.keys() - FURTHER) == 25


@pytest.mark.parametrize("name", TABLE)
def test_a_type_tells_responses_that_follow_from_others(name: str) -> None:
    arguments, follow, others = TABLE[name]
    found = imposed(name, arguments, "")
    assert [text for text in follow if not found.is_followed_by(text)] == []
    assert [text for text in others if found.is_followed_by(text)] == []
    assert not found.is_followed_by(" \n ")  # a blank response follows nothing


@pytest.mark.parametrize(
    ("name", "least", "arguments"),
    [
        ("keywords:frequency", "at least", {"keyword": "x", "frequency": 1}),
        ("length_constraints:number_words", "at least", {"num_words": 1}),
        ("length_constraints:number_sentences", "at least", {"num_sentences": 1}),
    ],
)
def test_at_least_and_less_than_exclude_each_other(
    name: str, least: str, arguments: dict[str, Any]
) -> None:
    for text in ("x", "y", "x. Y x."):
        both = [
            imposed(name, {**arguments, "relation": relation}, "").is_followed_by(text)
            for relation in (least, "less than")
        ]
        assert sum(both) == 1


@pytest.mark.parametrize("name", [name for name, kind in CONSTRAINTS.items() if kind.draw])
def test_drawn_arguments_can_be_verified_and_put_into_words(name: str) -> None:
    kind = CONSTRAINTS[name]
    assert kind.draw is not None
    texts = set()
    for seed in range(30):
        generator = random.Random(seed)
        arguments = kind.draw(generator, ["river", "boat", "garden"])
        found = imposed(name, json.loads(json.dumps(arguments)), "Write a poem.")
        texts.add(found.in_words(generator))
        found.is_followed_by("Any text.")
    assert len(kind.wordings) >= 3 and len(texts) >= len(kind.wordings)


RESPONSES = st.text(
    st.sampled_from('aB *\n",.!?[]<>-1{}') | st.characters(codec="utf-8"), max_size=120
)


@settings(max_examples=60, deadline=None)
@given(RESPONSES)
def test_loose_is_never_below_strict(response: str) -> None:
    constraints = [
        imposed(name, arguments, "")
        for name, (arguments, _, _) in TABLE.items()
        if not name.startswith(("language", "change_case:english"))  # slow
    ]
    found = verdict_on(response, constraints)
    assert all(loose >= strict for strict, loose in zip(found.strict, found.loose, strict=True))


def test_a_response_has_eight_variants() -> None:
    assert variants("Sure!\n*a*\nBye") == (
        *("Sure!\n*a*\nBye", "*a*\nBye", "Sure!\n*a*", "*a*"),
        *("Sure!\na\nBye", "a\nBye", "Sure!\na", "a"),
    )


def test_loose_forgives_a_first_line_a_last_line_and_asterisks() -> None:
    quoted = [imposed("startend:quotation", {}, "")]
    for text in ('Sure:\n"So."', '"So."\nDone!', '*"So."*', 'Sure:\n**"So."**\nDone!'):
        assert verdict_on(text, quoted) == verdict_on("", []).__class__((False,), (True,))


def test_a_language_is_the_same_at_every_call() -> None:
    mixed = "Sure! Here it is:\n\nमैं ठीक हूँ और आप कैसे हैं"
    assert len({language(mixed) for _ in range(5)}) == 1
    assert language("... 12 !") is None


def test_sentences_know_abbreviations() -> None:
    assert sentences("Dr. Smith came. He left.") == ["Dr. Smith came.", "He left."]


# ---------------------------------------------------------------- recorded answers


@pytest.mark.skipif(not IFEVAL.exists(), reason="no recorded answers here")
def test_recorded_scores_are_met() -> None:
    """Recorded: 167 strict, 199 loose; a re-run of the same program: 168 and 198 (docs/adherence.md)."""
    found = scores(str(IFEVAL / "generations_rnd-391_1.json"), str(IFEVAL / "input_data.jsonl"))
    record = found.to_record()
    assert (record["prompts"], record["instructions"], record["unanswered"]) == (541, 747, 0)
    assert (record["prompt_strict"], record["prompt_loose"]) == (168, 198)
    assert len(record["by_type"]) == 25
    for count in record["by_type"].values():
        assert count["strict"] <= count["loose"] <= count["instructions"]


def row(prompt: str, *names: str, **given: Any) -> dict[str, Any]:
    return {"prompt": prompt, "instruction_id_list": names, "kwargs": [given] * len(names)}


def written(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(fields) + "\n" for fields in rows), "utf-8")
    return str(path)


def test_the_command_scores_a_file(tmp_path: Path) -> None:
    prompts = written(
        tmp_path / "prompts.jsonl",
        row("Say a.", "punctuation:no_comma", "startend:quotation", unused=None),
        row("Say b.", "punctuation:no_comma"),
        row("Say c.", "detectable_format:title"),
    )
    answers = written(
        tmp_path / "answers.jsonl",
        {"prompt": "Say a.", "response": 'So:\n"a"'},
        {"instruction": "Say b. ", "output": "a, b"},
        {"instruction": "Other", "output": ""},
    )
    done = invoke("adherence", answers, "--prompts", prompts, "--json").done()
    assert json.loads(done.out) == {
        "prompt_strict": 0,
        "prompt_loose": 1,
        "instruction_strict": 1,
        "instruction_loose": 2,
        "prompts": 3,
        "instructions": 4,
        "unanswered": 1,
        "unknown": 1,
        "by_type": {
            "detectable_format:title": {"instructions": 1, "strict": 0, "loose": 0},
            "punctuation:no_comma": {"instructions": 2, "strict": 1, "loose": 1},
            "startend:quotation": {"instructions": 1, "strict": 0, "loose": 1},
        },
    }
    shown = invoke("adherence", answers, "--prompts", prompts).done().out
    assert "1 prompts without an answer count as not followed" in shown


def test_the_request_to_repeat_is_read_from_the_prompt(tmp_path: Path) -> None:
    prompt = "Write a poem.\nMake it short.\nFirst repeat the request word for word, then answer."
    answers = {"response": "Write a poem.\nMake it short.\nRoses."}
    path = written(tmp_path / "a.jsonl", {**row(prompt, "combination:repeat_prompt"), **answers})
    assert scores(path).prompt_strict == 1


@pytest.mark.parametrize(
    ("prompts", "answers", "wanted"),
    [
        ([row("a", "no:such")], [], "prompts.jsonl:1: no:such: no such type of constraint"),
        (
            [row("a", "length_constraints:number_words", relation="at least")],
            [],
            "prompts.jsonl:1: length_constraints:number_words: argument 'num_words' is missing",
        ),
        (
            [row("a", "length_constraints:number_words", relation="at most", num_words=3)],
            [],
            "argument 'relation' must be a relation, not 'at most'",
        ),
        ([{"prompt": "a", "instruction_id_list": ["x"], "kwargs": []}], [], "of the same length"),
        ([{"instruction_id_list": [], "kwargs": []}], [], "prompts.jsonl:1: no text for a prompt"),
        ([row("a"), row("a")], [], "prompts.jsonl:2: the prompt of an earlier record"),
        ([row("a")], [{"prompt": "b", "response": "x"}], "answers.jsonl: no answer to a prompt of"),
        ([row("a")], [{"prompt": "a", "response": "x"}] * 2, "answers.jsonl:2: a second answer"),
        ([row("a")], [{"prompt": "a", "response": 7}], "answers.jsonl:1: no text for an answer"),
    ],
)
def test_bad_input_is_named_in_one_line(
    tmp_path: Path, prompts: list[dict[str, Any]], answers: list[dict[str, Any]], wanted: str
) -> None:
    paths = (
        written(tmp_path / "answers.jsonl", *answers),
        written(tmp_path / "prompts.jsonl", *prompts),
    )
    with pytest.raises(UserError) as error:
        scores(*paths)
    assert wanted in str(error.value) and "\n" not in str(error.value)


def test_a_family_stands_for_its_types() -> None:
    assert types_in(["startend", "punctuation:no_comma"]) == {
        *("startend:end_checker", "startend:quotation", "startend:begins_with"),
        "punctuation:no_comma",
    }
    with pytest.raises(UserError, match="no such type of constraint"):
        types_in(["startend:nothing"])


def test_types_that_decide_the_same_side_do_not_go_together() -> None:
    def together(one: str, other: str) -> bool:
        return CONSTRAINTS[one].goes_with(CONSTRAINTS[other])

    assert not together("change_case:english_capital", "language:response_language")
    assert not together("detectable_format:json_format", "startend:end_checker")
    assert not together("keywords:existence", "keywords:forbidden_words")
    assert together("punctuation:no_comma", "detectable_format:title")
    assert Imposed(CONSTRAINTS["punctuation:no_comma"], {}).is_followed_by("yes")
