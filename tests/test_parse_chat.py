"""Replies of chat models in the forms that such models really write."""

from __future__ import annotations

import json
from functools import reduce
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinstruct.data.tasks import Instance
from selfinstruct.parsing import Parsed, alpaca, chat, paper
from selfinstruct.parsing.wording import given_input

TWO = ["Write a poem about the sea.", "Explain how a bicycle stays upright."]
WHOLE_TASKS = """1. Instruction: Add the numbers.
1. Input:
2 and 3
1. Output:
5
###
2. Instruction: Name a planet with rings.
2. Input:
<noinput>
2. Output:
Saturn
"""
HOSTILE = [
    "",
    " ",
    "\x00",
    "[" * 50_000,
    '{"instances": ' * 5_000,
    '["' + "[" * 50_000,
    "9. " * 10_000,
    " " * 20_000 + "x",
    "Example" + " " * 20_000 + "x",
    "Input" + " " * 20_000 + "x",
    "*" * 20_000 + "x",
    "#" * 20_000 + "x",
    '"' * 20_000 + "x",
    "Input: " + '"' * 20_000 + "x" + "\nOutput: y",
    "Output:\n" + "**" * 10_000 + "a",
    "1. " + "**" * 10_000 + "a",
    "1. " + "*a" * 10_000,
    "```" * 10_000,
    "```\n" * 10_001,
    '{"instances": [' + "1" * 5_000 + "]}",
    '{"is_classification": ' + "[" * 50_000,
    "\ud800\udfff",
    "Input: \ud800\nOutput: \udfff",
    "1. \ud800 \u2028 2. \x85",
    '{"instructions": ["\\ud800"]}',
    '{"instances": [{"input": NaN, "output": Infinity}, null, 7, [], {"output": {"a": [1]}}]}',
]


def text(block: str) -> str:
    return dedent(block).strip("\n")


def proposed(reply: str, finish_reason: str = "stop") -> list[str]:
    return [draft.instruction for draft in chat.propose(reply, finish_reason).drafts]


def made(reply: str, finish_reason: str = "stop") -> list[tuple[str, str]]:
    return pairs(chat.input_first(text(reply), finish_reason))


def labelled(reply: str, finish_reason: str = "stop") -> list[tuple[str, str]]:
    """(label, input)"""
    return [
        (instance.output, instance.input)
        for instance in chat.output_first(text(reply), finish_reason).instances
    ]


def pairs(parsed: Parsed) -> list[tuple[str, str]]:
    return [(instance.input, instance.output) for instance in parsed.instances]


# ------------------------------------------------------------------------------------------ propose


@pytest.mark.parametrize(
    "form",
    [
        "9. {}\n10. {}",
        "9) {}\n10) {}",
        "9: {}\n10: {}",
        "9 . {}\n10 . {}",
        "(9) {}\n(10) {}",
        "[9] {}\n[10] {}",
        "9.{}\n10.{}",
        "**9.** {}\n**10.** {}",
        "**9. {}**\n**10. {}**",
        "**9**. {}\n**10**. {}",
        "9. **{}**\n10. **{}**",
        "9. *{}*\n10. *{}*",
        '9. "{}"\n10. "{}"',
        "9. \u201c{}\u201d\n10. \u201c{}\u201d",
        "### 9. {}\n### 10. {}",
        "> 9. {}\n> 10. {}",
        "  9. {}\n  10. {}",
        " 9. {}\n10. {}",
        "9. {}\n\n\n10. {}",
        "9. {}\r\n10. {}\r\n",
        "9. {}\r10. {}",
        "9.\n{}\n10.\n{}",
        "Task 9: {}\nTask 10: {}",
        "**Task 9:** {}\n**Task 10:** {}",
        "Instruction 9: {}\nInstruction 10: {}",
        "9. Instruction: {}\n10. Instruction: {}",
        "9. **Instruction:** {}\n10. **Instruction:** {}",
        "9. **Verse writing**: {}\n10. **Physics made easy**: {}",
        "9. **Verse writing:** {}\n10. **Physics made easy:** {}",
        "**9.** **Verse writing:** {}\n**10.** **Physics:** {}",
        "- {}\n- {}",
        "* {}\n* {}",
        "\u2022 {}\n\u2022 {}",
        "- **Verse writing**: {}\n- **Physics**: {}",
        (
            "Sure! Here are 2 new instructions:\n\n9. {}\n10. {}\n\n"
            "Let me know if you need more instructions!"
        ),
        "Here they are:\n9. {}\n10. {}\nLet me know if you would like more tasks.",
        "```\n9. {}\n10. {}\n```",
        "```markdown\n9. {}\n10. {}\n```\nThese are varied.",
        "9. {}\n10. {}\n\n---\nAll of them can be answered in writing.",
        "9. {}\n11. {}",
        "9. {}\n9. {}",
        "\u0669. {}\n\u0661\u0660. {}",
        "\uff19\uff0e{}\n\uff11\uff10\uff0e{}",
        "9\u3001{}\n10\u3001{}",
        "9. {}\n   Input: some numbers\n   Output: a poem\n10. {}\n   Input: None",
        '["{}", "{}"]',
        '{{"instructions": ["{}", "{}"]}}',
        '{{"tasks": [{{"instruction": "{}"}}, {{"instruction": "{}"}}]}}',
        '{{"instructions": [{{"task": "{}"}}, {{"text": "{}"}}]}}',
        '{{"new_instructions": ["{}", "{}"]}}',
        '{{"instructions": {{"9": "{}", "10": "{}"}}}}',
        '{{"9": "{}", "10": "{}"}}',
        '```json\n{{"instructions": ["{}", "{}"]}}\n```',
        '```\n{{\n  "instructions": [\n    "{}",\n    "{}"\n  ]\n}}\n```\n\nI hope this helps.',
        'Here is the JSON:\n\n{{"instructions": ["{}", "{}"]}}',
        'Sure:\n```json\n["{}",\n"{}"]',
    ],
)
def test_two_instructions_are_found_in_a_list_of_whatever_form(form: str) -> None:
    assert proposed(form.format(*TWO)) == TWO
    assert chat.propose(form.format(*TWO), "stop").reason is None


def test_what_belongs_to_an_item_stays_with_it() -> None:
    reply = """
        9. Plan a day in Lima
           for two people.
        10. Do three things:
            1. list the facts
            2. sort them
        11. Convert the recipe to
        1.5 times the amount.
        12. Move the meeting from
        10:30 to noon.
        """
    assert proposed(text(reply)) == [
        "Plan a day in Lima for two people.",
        "Do three things: 1. list the facts 2. sort them",
        "Convert the recipe to 1.5 times the amount.",
        "Move the meeting from 10:30 to noon.",
    ]


@pytest.mark.parametrize(
    "instruction",
    [
        "Fill in the blank: The sky is ____ today.",
        "Fill in the __ with a verb.",
        "Compute 2**10 and explain the result.",
        "Explain what a ** b ** c means in Python.",
        "Explain what __init__ does in a class.",
        "Show how *args and **kwargs are used.",
        "`for` loops: explain how they work.",
        "Say what `x = 1` does.",
        "Describe the file pattern *.txt to a novice.",
        'Compare "affect" with "effect"',
        '"Affect" or "effect": explain the difference',
        "Rewrite 3) as a sentence.",
        "Was 1984. written in 1948. or later?",
        "#hashtag marketing: give three tips.",
        "解释为什么天空是蓝色的。",
    ],
)
def test_marks_that_belong_to_an_instruction_stay(instruction: str) -> None:
    expected = instruction.removeprefix(
        "#"
    )  # a heading's mark at the very front cannot be told from the instruction's own
    assert proposed(f"9. {instruction}\n10. Another one goes here.")[0] in (instruction, expected)
    assert proposed(json.dumps({"instructions": [instruction]})) == [instruction]


def test_emphasis_inside_an_instruction_is_taken_off() -> None:
    assert proposed("9. **Explain** the **main** idea.\n10. *Moby Dick* is long: sum it up.") == [
        "Explain the main idea.",
        "Moby Dick is long: sum it up.",
    ]


def test_a_number_without_text_adds_nothing_to_its_neighbours() -> None:
    assert proposed("9. Write a poem.\n10.\n11. Sing a song.") == ["Write a poem.", "Sing a song."]


def test_of_a_list_cut_by_length_the_last_item_goes_and_the_reply_says_so() -> None:
    parsed = chat.propose("9. Write a poem.\n10. Sing a", "length")
    assert [draft.instruction for draft in parsed.drafts] == [
        "Write a poem."
    ] and parsed.reason == "cut_by_length"
    assert proposed("9. Write a poem.\n10.", "length") == ["Write a poem."]
    assert chat.propose("9. Write a", "length") == Parsed(reason="cut_by_length")


def test_of_a_json_list_cut_by_length_the_whole_items_stay() -> None:
    parsed = chat.propose(
        '```json\n{"instructions": ["Write a poem.", "Sing, [loudly], a song.", "Dan', "length"
    )
    assert [draft.instruction for draft in parsed.drafts] == [
        "Write a poem.",
        "Sing, [loudly], a song.",
    ]
    assert parsed.reason == "cut_by_length"


def test_broken_json_gives_its_whole_items_and_says_that_it_is_broken() -> None:
    parsed = chat.propose('{"instructions": ["Write a poem.", "Say "hi" to me."]}', "stop")
    assert parsed.drafts[0].instruction == "Write a poem." and parsed.reason == "broken_json"
    assert proposed('["Write a poem.", "Sing a song.",]') == ["Write a poem.", "Sing a song."]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "empty_reply"),
        (" \n\t", "empty_reply"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("I\u2019m sorry, I cannot.", "refusal"),
        ("As an AI language model, I have no opinion.", "refusal"),
        ("I cannot assist.", "refusal"),
        ("What would you like me to write about?", "no_list"),
        ("| # | Instruction |\n|---|---|\n| a | Write a poem. |", "no_list"),
        ("{}", "no_list"),
        ('{"instructions": []}', "no_list"),
        ("null", "no_list"),
    ],
)
def test_a_reply_without_a_list_says_why(reply: str, reason: str) -> None:
    assert chat.propose(reply, "stop") == Parsed(reason=reason)


def test_code_in_a_list_of_instructions_is_not_taken_for_the_list() -> None:
    reply = '9. Explain this JSON:\n```json\n["a", "b"]\n```\n10. Sing a song.'
    assert proposed(reply) == ['Explain this JSON: ["a", "b"]', "Sing a song."]


# ----------------------------------------------------------------------------------------- classify


@pytest.mark.parametrize(
    "reply",
    [
        "Yes",
        "yes.",
        "YES!",
        " Yes\n",
        "**Yes**",
        "__Yes__",
        "_Yes_",
        "*Yes.*",
        '"Yes"',
        "`yes`",
        "- Yes",
        "Yes, because the answer is one of two labels.",
        "Yes\n\nThe labels are fixed. No other answer fits.",
        "Answer: Yes",
        "**Answer:** Yes",
        "The answer is: yes.",
        "The answer is yes",
        "Final answer: **Yes**",
        "Classification: Yes",
        "Classification task: yes",
        "Is classification: true",
        "Labels: Yes",
        "True",
        '{"is_classification": true}',
        '{"is_classification": "yes"}',
        '{"is_classification": "True"}',
        '{"reason": "No sentence is wanted, labels are.", "is_classification": true}',
        '{"is_classification": true, "is_open": false}',
        '```json\n{\n  "is_classification": true\n}\n```',
        '```json\n{\n  "is_classification": true',
        'Here it is:\n{"is_classification": true}',
    ],
)
def test_yes_is_read_however_it_is_dressed(reply: str) -> None:
    read = chat.classify(reply, "stop")
    assert read.is_classification is True and read.reason is None
    opposites = (("Yes", "No"), ("yes", "no"), ("YES", "NO"), ("true", "false"), ("True", "False"))
    read = chat.classify(reduce(lambda text_, pair: text_.replace(*pair), opposites, reply), "stop")
    assert read.is_classification is False and read.reason is None


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "empty_reply"),
        ("Maybe", "neither_yes_nor_no"),
        ("None", "neither_yes_nor_no"),
        ("Nothing is fixed here", "neither_yes_nor_no"),
        ("Yesterday", "neither_yes_nor_no"),
        ("yes_or_no", "neither_yes_nor_no"),
        ("Note that it depends", "neither_yes_nor_no"),
        ("I am unable to say", "refusal"),
        ("{}", "neither_yes_nor_no"),
        ('{"is_classification": null}', "neither_yes_nor_no"),
    ],
)
def test_what_is_neither_yes_nor_no_says_so_and_has_no_label(reply: str, reason: str) -> None:
    assert chat.classify(reply, "stop") == Parsed(reason=reason)


# -------------------------------------------------------------------------------------- input first

A_AND_B = [("2 and 3", "5"), ("4 and 5", "9")]


@pytest.mark.parametrize(
    "form",
    [
        "Example 1\nInput: 2 and 3\nOutput: 5\nExample 2\nInput: 4 and 5\nOutput: 9",
        (
            "Example 1:\n\nInput: 2 and 3\n\nOutput: 5\n\n\nExample 2:\n\nInput: 4 and 5\n\n"
            "Output: 9\n"
        ),
        (
            "Example 1\r\nInput: 2 and 3\r\nOutput: 5\r\n\r\nExample 2\r\nInput: 4 and 5\r\n"
            "Output: 9\r\n"
        ),
        (
            "**Example 1**\n**Input:** 2 and 3\n**Output:** 5\n\n**Example 2**\n"
            "**Input:** 4 and 5\n**Output:** 9"
        ),
        (
            "**Example 1:**\n**Input**: 2 and 3\n**Output**: 5\n**Example 2:**\n"
            "**Input**: 4 and 5\n**Output**: 9"
        ),
        "*Input:* 2 and 3\n*Output:* 5\n\n*Input:* 4 and 5\n*Output:* 9",
        "**Input: 2 and 3**\n**Output: 5**\n\n**Input: 4 and 5**\n**Output: 9**",
        (
            "## Example 1\n### Input:\n2 and 3\n### Output:\n5\n## Example 2\n### Input:\n4 and 5\n"
            "### Output:\n9"
        ),
        (
            "## Example 1\n\n### Input\n2 and 3\n\n### Output\n5\n\n## Example 2\n\n### Input\n"
            "4 and 5\n\n### Output\n9"
        ),
        "**Input**\n2 and 3\n**Output**\n5\n---\n**Input**\n4 and 5\n**Output**\n9",
        (
            "### Example 1: Small numbers\nInput: 2 and 3\nOutput: 5\n"
            "### Example 2: Larger numbers\nInput: 4 and 5\nOutput: 9"
        ),
        (
            "Example 1 (easy)\nInput: 2 and 3\nOutput: 5\n\nExample 2 (harder)\nInput: 4 and 5\n"
            "Output: 9"
        ),
        (
            "Example 1 - easy\nInput: 2 and 3\nOutput: 5\nExample 2 \u2013 harder\nInput: 4 and 5\n"
            "Output: 9"
        ),
        "Example 1: Input: 2 and 3\nOutput: 5\nExample 2: Input: 4 and 5\nOutput: 9",
        "1. Input: 2 and 3\n   Output: 5\n2. Input: 4 and 5\n   Output: 9",
        "- Input: 2 and 3\n- Output: 5\n\n- Input: 4 and 5\n- Output: 9",
        "* **Input:** 2 and 3\n* **Output:** 5\n* **Input:** 4 and 5\n* **Output:** 9",
        "Input 1: 2 and 3\nOutput 1: 5\nInput 2: 4 and 5\nOutput 2: 9",
        "Input: 2 and 3\nOutput: 5\nInput: 4 and 5\nOutput: 9",
        "Input\uff1a2 and 3\nOutput\uff1a5\nInput\uff1a4 and 5\nOutput\uff1a9",
        "INPUT: 2 and 3\nOUTPUT: 5\nINPUT: 4 and 5\nOUTPUT: 9",
        "Input: 2 and 3\nAnswer: 5\nInput: 4 and 5\nAnswer: 9",
        "Input: 2 and 3\nOutput: 5\n***\nInput: 4 and 5\nOutput: 9\n***",
        "Input: 2 and 3\nOutput: 5\n###\nInput: 4 and 5\nOutput: 9\n###",
        "> Input: 2 and 3\n> Output: 5\n> Input: 4 and 5\n> Output: 9",
        (
            "Sure! Here are two examples:\n\nExample 1\nInput: 2 and 3\nOutput: 5\n\nExample 2\n"
            "Input: 4 and 5\nOutput: 9"
        ),
        (
            "Input: 2 and 3\nOutput: 5\n\nInput: 4 and 5\nOutput: 9\n\n"
            "Let me know if you need more examples!"
        ),
        (
            "Input: 2 and 3\nOutput: 5\n\nInput: 4 and 5\nOutput: 9\n\n---\n\n"
            "I hope these examples help."
        ),
        "```\nExample 1\nInput: 2 and 3\nOutput: 5\nExample 2\nInput: 4 and 5\nOutput: 9\n```",
        (
            "Here you are:\n```text\nInput: 2 and 3\nOutput: 5\nInput: 4 and 5\nOutput: 9\n```\n"
            "These are simple."
        ),
        (
            "Instruction: Add the numbers.\nInput: 2 and 3\nOutput: 5\n\n"
            "Instruction: Add the numbers.\nInput: 4 and 5\nOutput: 9"
        ),
        '{"instances": [{"input": "2 and 3", "output": "5"}, {"input": "4 and 5", "output": "9"}]}',
        '{"instances": [{"input": "2 and 3", "output": 5}, {"input": "4 and 5", "output": 9}]}',
        '[{"input": "2 and 3", "output": "5"}, {"input": "4 and 5", "answer": "9"}]',
        (
            '```json\n{"examples": [{"input": "2 and 3", "output": "5"}, {"input": "4 and 5", '
            '"output": "9"}]}\n```'
        ),
        (
            'Here it is:\n\n{"data": [{"input": "2 and 3", "output": "5"}, {"input": "4 and 5", '
            '"output": "9"}]}\n\nDone.'
        ),
        (
            '{"instances": {"1": {"input": "2 and 3", "output": "5"}, "2": {"input": "4 and 5", '
            '"output": "9"}}}'
        ),
    ],
)
def test_two_instances_are_found_in_blocks_of_whatever_form(form: str) -> None:
    parsed = chat.input_first(form, "stop")
    assert pairs(parsed) == A_AND_B and parsed.reason is None


@pytest.mark.parametrize(
    "spelling",
    "None|none.|N/A|n/a|NA|No input|no input.|<noinput>|<no input>|(No input)|[none]"
    "|No input needed|No input required.|None needed"
    '|None required|Not applicable|Not needed|*None*|**None**|`None`|"None"|-|--'
    "|No additional input needed.|No input is required."
    "|No input is required for this task.|This task does not require any input.|Input not required"
    "|null"
    "|Empty|(none)|\u65e0|\u7121".split("|"),
)
def test_a_task_that_needs_no_input_has_none_however_that_is_spelled(spelling: str) -> None:
    assert made(f"Input: {spelling}\nOutput: Fine.") == [("", "Fine.")]
    assert made(f"Input:\n{spelling}\n\nOutput: Fine.") == [("", "Fine.")]
    assert made(json.dumps({"instances": [{"input": spelling, "output": "Fine."}]})) == [
        ("", "Fine.")
    ]


@pytest.mark.parametrize(
    "text_",
    [
        "No",
        "None of them came.",
        "Nonesuch",
        "Nothing",
        "No input field was shown on the page.",
        "0",
        "no\nyes",
    ],
)
def test_an_input_that_only_looks_like_none_stays(text_: str) -> None:
    assert given_input(text_) == text_


def test_an_output_alone_belongs_to_a_task_without_input() -> None:
    assert made("Output: Fine.") == [("", "Fine.")]
    assert made("Example 1\nOutput: Fine.\nExample 2\nOutput: Good.") == [
        ("", "Fine."),
        ("", "Good."),
    ]
    assert made('{"input": "", "output": "Fine."}') == [("", "Fine.")]
    assert made('{"instances": [{"output": "Fine."}]}') == [("", "Fine.")]
    assert made('{"instances": [{"input": null, "output": "Fine."}]}') == [("", "Fine.")]


CODE = '```python\ndef add(a, b):\n    """Output: the sum.\n\n    Input: two numbers.\n    """\n'
CODE += "    return a + b\n\nExample 2\n---\n```"


def test_labels_inside_code_are_part_of_the_code() -> None:
    expected = [("two numbers", f"Here:\n{CODE}\nIt adds."), ("three", "No.")]
    assert (
        made(f"Input: two numbers\nOutput: Here:\n{CODE}\nIt adds.\n\nInput: three\nOutput: No.")
        == expected
    )


@pytest.mark.parametrize(
    "place", ["Output: {}", "Output:\n{}", "Output:\n\n{}", "**Output:**\n{}", "**Output:** {}"]
)
def test_a_code_block_may_begin_on_the_line_of_its_label(place: str) -> None:
    assert made("Input: x\n" + place.format(CODE) + "\n\nInput: y\nOutput: z") == [
        ("x", CODE),
        ("y", "z"),
    ]


def test_one_line_of_code_between_backticks_opens_no_block() -> None:
    assert made("Input: x\nOutput:\n```a = 1```\nInput: y\nOutput: z") == [
        ("x", "```a = 1```"),
        ("y", "z"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        '["a", "b"]',
        '{"items": [{"name": "a"}]}',
        '{"output": [1, 2]}',
        '[{"output": "no, this is the answer itself"}]',
    ],
)
def test_json_below_a_label_is_an_answer(answer: str) -> None:
    for form in (f"```json\n{answer}\n```", answer):
        assert made(f"Input: a and b\nOutput:\n{form}\n") == [("a and b", form)]
        assert made(f"Example 1\nOutput: {form}\n") == [("", form)]


def test_json_that_is_no_list_of_instances_is_not_taken_for_one() -> None:
    for reply in (
        '{"items": [1, 2]}',
        "[1, 2]",
        '["a", "b"]',
        '{"name": "x", "tags": ["a"]}',
        "{}",
        "[]",
    ):
        assert pairs(chat.input_first(reply, "stop")) == [], reply


def test_answers_keep_their_rules_headings_tables_and_examples() -> None:
    reply = """
        Input: map()
        Output: It applies a function.

        ## Usage

        Example:
        [1, 2].map(f)

        Example 1:
        gives [f(1), f(2)]

        | a | b |
        |---|---|
        | 1 | 2 |

        ---

        Output format: a list.
        - Input: any list
        - Output: a list of the same length

        Input: filter()
        Output: It keeps some.
        """
    first, second = made(reply)
    assert second == ("filter()", "It keeps some.")
    body = text(reply)
    assert first == ("map()", body[body.index("It applies") : body.index("\n\nInput: filter")])


def test_a_rule_between_paragraphs_of_the_last_answer_stays() -> None:
    assert made("Output: Dear Ann,\n\n---\n\nYours, Bob") == [
        ("", "Dear Ann,\n\n---\n\nYours, Bob")
    ]


def test_paragraphs_and_indentation_of_an_answer_stay() -> None:
    assert made("Input: a\n\nb\nOutput:\n1. x\n   - y\n\n2. z") == [
        ("a\n\nb", "1. x\n   - y\n\n2. z")
    ]


def test_of_a_reply_cut_by_length_the_last_instance_goes() -> None:
    parsed = chat.input_first("Input: a\nOutput: b\nInput: c\nOutput: d", "length")
    assert pairs(parsed) == [("a", "b")] and parsed.reason == "cut_by_length"
    parsed = chat.input_first(
        '{"instances": [{"input": "a", "output": "b"}, {"input": "c", "out', "length"
    )
    assert pairs(parsed) == [("a", "b")] and parsed.reason == "cut_by_length"
    assert pairs(chat.input_first("Input: a\nOutput: b\nInput: c", "length")) == [("a", "b")]


def test_an_input_without_an_output_comes_back_without_one_so_that_a_filter_names_it() -> None:
    assert made("Input: a\nOutput: b\nInput: c") == [("a", "b"), ("c", "")]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "empty_reply"),
        ("The sum is 5.", "no_output_label"),
        ("I'm sorry, I can't do that.", "refusal"),
        ("Example 1\n", "no_output_label"),
    ],
)
def test_a_reply_without_instances_says_why(reply: str, reason: str) -> None:
    assert chat.input_first(reply, "stop") == Parsed(reason=reason)


# ------------------------------------------------------------------------------------- output first

SPAM = [("spam", "Win a prize now!"), ("no spam", "See you at noon.\nBring bread.")]


@pytest.mark.parametrize(
    "form",
    [
        (
            "Class label: spam\nInput: Win a prize now!\nClass label: no spam\n"
            "Input: See you at noon.\nBring bread."
        ),
        (
            "Class label: spam\nWin a prize now!\n\nClass label: no spam\nSee you at noon.\n"
            "Bring bread.\n"
        ),
        (
            "Class Label: spam\r\nInput: Win a prize now!\r\n\r\nClass Label: no spam\r\n"
            "Input: See you at noon.\r\nBring bread."
        ),
        (
            "**Class label:** spam\n**Input:** Win a prize now!\n\n**Class label:** no spam\n"
            "**Input:** See you at noon.\nBring bread."
        ),
        (
            "**Class label: spam**\nInput: Win a prize now!\n**Class label: no spam**\n"
            "Input: See you at noon.\nBring bread."
        ),
        (
            "Class label: **spam**\nInput: Win a prize now!\nClass label: **no spam**\n"
            "Input: See you at noon.\nBring bread."
        ),
        (
            "### Class label: spam\nWin a prize now!\n### Class label: no spam\nSee you at noon.\n"
            "Bring bread."
        ),
        (
            "1. Class label: spam\n   Input: Win a prize now!\n2. Class label: no spam\n"
            "   Input: See you at noon.\nBring bread."
        ),
        (
            "Label: spam\nInput: Win a prize now!\nLabel: no spam\nInput: See you at noon.\n"
            "Bring bread."
        ),
        (
            "Example 1\nClass label: spam\nInput: Win a prize now!\n"
            "Example 2\nClass label: no spam\nInput: See you at noon.\nBring bread."
        ),
        (
            "Input: Win a prize now!\nClass label: spam\n\nInput: See you at noon.\nBring bread.\n"
            "Class label: no spam"
        ),
        (
            "Example 1\nInput: Win a prize now!\nClass label: spam\n"
            "Example 2\nInput: See you at noon.\nBring bread.\nClass label: no spam"
        ),
        (
            "```\nClass label: spam\nInput: Win a prize now!\nClass label: no spam\n"
            "Input: See you at noon.\nBring bread.\n```"
        ),
        (
            '{"instances": [{"output": "spam", "input": "Win a prize now!"}, '
            '{"output": "no spam", "input": "See you at noon.\\nBring bread."}]}'
        ),
        (
            '[{"class_label": "spam", "input": "Win a prize now!"}, {"label": "no spam", '
            '"input": "See you at noon.\\nBring bread."}]'
        ),
    ],
)
def test_every_label_keeps_its_own_input_whatever_the_form(form: str) -> None:
    parsed = chat.output_first(form, "stop")
    assert [
        (instance.output, instance.input) for instance in parsed.instances
    ] == SPAM and parsed.reason is None


def test_of_labels_cut_by_length_the_last_goes() -> None:
    assert labelled("Class label: a\nInput: x\nClass label: b\nInput: y", "length") == [("a", "x")]


def test_a_reply_without_labels_says_why() -> None:
    assert chat.output_first("spam", "stop") == Parsed(reason="no_class_label")
    assert chat.output_first("", "stop") == Parsed(reason="empty_reply")


# -------------------------------------------------------------------------------------- whole tasks


@pytest.mark.parametrize(
    "reply",
    [
        WHOLE_TASKS,
        "###\n" + WHOLE_TASKS + "###",
        WHOLE_TASKS.replace("\n", "\r\n"),
        WHOLE_TASKS.replace("###\n", "\n"),
        WHOLE_TASKS.replace("###", "---"),
        WHOLE_TASKS.replace("1. ", "").replace("2. ", ""),
        WHOLE_TASKS.replace("2. ", "7. "),
        WHOLE_TASKS.replace("1. Input", "2. Input"),
        WHOLE_TASKS.replace("Instruction:", "**Instruction:**")
        .replace("Input:", "**Input:**")
        .replace("Output:", "**Output:**"),
        WHOLE_TASKS.replace("<noinput>", "No input."),
        WHOLE_TASKS.replace(":\n", ": "),
        "Sure, here are the tasks:\n\n" + WHOLE_TASKS,
        "```\n" + WHOLE_TASKS + "```",
        json.dumps(
            [
                {"instruction": "Add the numbers.", "input": "2 and 3", "output": "5"},
                {"instruction": "Name a planet with rings.", "input": "", "output": "Saturn"},
            ]
        ),
    ],
)
def test_whole_tasks_are_found_in_blocks_of_whatever_form(reply: str) -> None:
    parsed = alpaca.propose(reply, "stop")
    assert [(draft.instruction, draft.instance) for draft in parsed.drafts] == [
        ("Add the numbers.", Instance("2 and 3", "5")),
        ("Name a planet with rings.", Instance("", "Saturn")),
    ]


def test_of_whole_tasks_cut_by_length_the_last_goes() -> None:
    parsed = alpaca.propose(WHOLE_TASKS, "length")
    assert len(parsed.drafts) == 1 and parsed.reason == "cut_by_length"


def test_a_task_without_an_output_comes_back_without_one_so_that_a_filter_names_it() -> None:
    (draft,) = alpaca.propose("1. Instruction: Add the numbers.\n1. Input:\n2 and 3", "stop").drafts
    assert draft.instance == Instance("2 and 3", "")


def test_a_reply_without_tasks_says_why() -> None:
    assert alpaca.propose("", "stop") == Parsed(reason="empty_reply")
    assert alpaca.propose("Fine.", "stop") == Parsed(reason="no_tasks")


# ---------------------------------------------------------------------------------- anything at all

PARSERS = [
    chat.propose, chat.classify, chat.input_first, chat.output_first, alpaca.propose,
    paper.propose, paper.classify, paper.input_first, paper.output_first,
]  # fmt: skip
ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too
PIECES = st.sampled_from(
    "9. |10) |\n|\r\n|- |**|__|```|```json\n"
    "|Input:|Output:|Class label: |Example 2|###|---|Instruction: "
    '|{|}|[|]|"|,|:|yes|None|{{n}}'
    "|\ud800|\u2028|\x1b[2J|instances|instructions|output| ".split("|")
)
MIXED = st.lists(st.one_of(PIECES, ANY_TEXT), max_size=30).map("".join)


@given(st.one_of(ANY_TEXT, MIXED), st.sampled_from(["stop", "length", "error"]))
def test_no_reply_whatever_makes_a_parser_raise(reply: str, finish_reason: str) -> None:
    for parse in PARSERS:
        assert isinstance(parse(reply, finish_reason), Parsed)


@pytest.mark.parametrize("reply", HOSTILE, ids=range(len(HOSTILE)))
def test_no_hostile_reply_makes_a_parser_raise_or_hang(reply: str) -> None:
    for parse in PARSERS:
        assert isinstance(parse(reply, "stop"), Parsed)


WORD = st.text(st.sampled_from("abcxyzé中文,.'12"), min_size=1, max_size=6)
PLAIN = st.builds(lambda words: " ".join(["Say", *words]), st.lists(WORD, min_size=1, max_size=6))


@given(st.lists(PLAIN, min_size=1, max_size=8))
def test_what_is_written_as_a_list_is_read_back(texts: list[str]) -> None:
    expected = [" ".join(item.split()) for item in texts]
    assert (
        proposed("\n".join(f"{number}. {item}" for number, item in enumerate(texts, 9))) == expected
    )
    assert proposed(json.dumps({"instructions": texts})) == expected


@given(st.lists(st.tuples(PLAIN, PLAIN), min_size=1, max_size=5))
def test_what_is_written_as_blocks_is_read_back(instances: list[tuple[str, str]]) -> None:
    blocks = "\n".join(
        f"Example {number}\nInput: {given}\nOutput: {output}"
        for number, (given, output) in enumerate(instances, 1)
    )
    assert made(blocks) == instances
    assert (
        made(
            json.dumps(
                {"instances": [{"input": given, "output": output} for given, output in instances]}
            )
        )
        == instances
    )
