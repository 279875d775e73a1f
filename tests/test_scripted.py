"""The scripted model: the right format for every stage, varied, imperfect at the stated rates, and the same everywhere."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from server import PROMPTS, stage_by_templates

from selfinstruct.models import Completion, Decoding, Message, Request
from selfinstruct.models.scripted import patterns
from selfinstruct.models.scripted.answers import ANSWER_FLAWS
from selfinstruct.models.scripted.instructions import INSTRUCTION_FLAWS, LIST_STYLES
from selfinstruct.models.scripted.model import (
    REPLY_FLAWS,
    STAGES,
    TOKENS_PER_WORD,
    Scripted,
    reply,
    text_of,
)
from selfinstruct.models.scripted.phrases import PHRASES
from selfinstruct.similarity import RougeIndex, tokens

NUMERALS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
SHOWN = tuple(f"Demonstration {word} tells apart what belongs to {word}." for word in NUMERALS)
LIST = "\n".join(f"{number}. {text}" for number, text in enumerate(SHOWN, 1))
TASKS = "\n###\n".join(
    f"{at}. Instruction: {text}\n{at}. Input:\n<noinput>\n{at}. Output:\nFine."
    for at, text in enumerate(SHOWN[:3], 1)
)
FREE = "Explain the cost of school lunches to pilots as a numbered list."
NEEDY = "Summarize the given recipe on green tea in plain language."
LABELLED = "Classify the given poem about green tea by a vet as spam or genuine."
ITEM = re.compile(r"^(\d+)\. (.+)$", re.MULTILINE)


def asked(
    stage: str,
    prompt: str,
    *,
    place: int = 0,
    api: str = "chat",
    role: str = "user",
    **more: object,
) -> Request:
    request = Request(
        stage, f"t{place}", "scripted", api, (Message(role, prompt),), Decoding(), place
    )
    return replace(request, **more)  # type: ignore[arg-type]


def proposing(place: int = 0, **more: object) -> Request:
    return asked(
        "propose",
        f"Tasks so far:\n{LIST}\n\nGo on with 8 more, numbered from 9.",
        place=place,
        **more,  # type: ignore[arg-type]
    )


def replies(stage: str, prompt: str, count: int = 400, **more: object) -> list[Completion]:
    return [reply(asked(stage, prompt, place=at, **more)) for at in range(count)]  # type: ignore[arg-type]


def proposed(count: int) -> list[str]:
    found: list[str] = []
    for place in range(count):
        completion = reply(proposing(place, response_format="json_schema"))
        if completion.finish_reason == "stop" and completion.text:
            found += json.loads(completion.text)["instructions"]
    return found


def test_a_reply_depends_on_the_request_alone() -> None:
    model = Scripted()

    async def ask(places: list[int]) -> dict[int, Completion]:
        completions = await asyncio.gather(*(model.complete(proposing(place)) for place in places))
        await model.close()
        return dict(zip(places, completions, strict=True))

    assert asyncio.run(ask(list(range(50)))) == asyncio.run(ask(list(reversed(range(50)))))


def test_every_part_of_the_request_counts() -> None:
    first = proposing()
    others = [
        replace(first, seed=1),
        replace(first, model="other"),
        replace(first, decoding=Decoding(temperature=0.1)),
    ]
    assert len({reply(request).text for request in [first, *others]}) == 4


def test_the_replies_are_the_same_in_every_version_of_python() -> None:
    # Of the chance alone, not of the request's key; changes with any word of the vocabulary, then put the new value here.
    requests = [
        proposing(),
        asked("input_first", f"Task: {NEEDY}"),
        asked("output_first", f"Task: {LABELLED}"),
        asked("propose", TASKS),
    ]
    texts = [text_of(Random(number), request) for request in requests for number in range(100)]
    assert hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16] == "473734d68550c68e"


def test_a_proposal_is_a_numbered_list_that_goes_on_where_the_demonstrations_end() -> None:
    text = next(
        one.text
        for one in map(reply, map(proposing, range(50)))
        if one.text.startswith("9. ") and one.finish_reason == "stop"
    )
    assert [int(number) for number, _ in ITEM.findall(text)] == list(range(9, 17))


def test_the_prompt_says_how_many_and_from_which_number() -> None:
    prompt = "1. One thing.\n2. Another thing.\n\nWrite 3 new ones, numbered from 21."
    numbers = [
        [int(number) for number, _ in ITEM.findall(one.text)]
        for one in replies("propose", prompt, 40)
    ]
    assert Counter(map(tuple, numbers)).most_common(1)[0][0] == (21, 22, 23)


def test_a_completion_goes_on_in_the_prompts_last_line() -> None:
    request = asked(
        "propose",
        f"A list:\n\n{LIST}\n9.",
        api="completions",
        role="prompt",
        decoding=Decoding(stop=("\n16", "\n\n")),
    )
    good = [
        one
        for one in (reply(replace(request, seed=seed)) for seed in range(60))
        if one.finish_reason == "stop" and "\n" in one.text
    ]
    assert len(good) > 50
    for one in good:
        assert re.match(r" (?:- |\u00c9)?\w", one.text)
        assert [int(number) for number, _ in ITEM.findall(one.text)] == list(
            range(10, 16)
        )  # stopped at item 16


def test_whole_tasks_are_answered_with_whole_tasks() -> None:
    for prompt, api in (
        (f"Rules:\n1. Short.\n\n{TASKS}\n\nWrite 4 more tasks.", "chat"),
        (f"{TASKS}\n###\n4. Instruction:", "completions"),
    ):
        texts = [
            one.text
            for one in replies("propose", prompt, 40, api=api)
            if one.finish_reason == "stop" and "###" in one.text
        ]
        assert len(texts) > 30
        whole = [
            text
            for text in texts
            if re.findall(r"^(\d+)\. Output:$", text, re.MULTILINE)[:4] == ["4", "5", "6", "7"]
        ]
        assert len(whole) > 0.8 * len(texts)
        assert any("<noinput>" in text for text in texts)


def test_a_fifth_of_the_new_instructions_are_classifications_and_the_text_decides() -> None:
    instructions = proposed(250)
    said = []
    for instruction in instructions:
        completion = reply(
            asked(
                "classify",
                f"Task: {instruction}\nFixed labels?",
                api="completions",
                response_format="json_schema",
            )
        )
        if completion.finish_reason == "stop" and completion.text:
            said.append(json.loads(completion.text)["is_classification"])
    assert 0.15 < sum(said) / len(said) < 0.25
    for instruction, word in ((LABELLED, "yes"), (FREE, "no"), (NEEDY, "no")):
        answers = replies("classify", f"Instruction: {instruction}\nClassification task:")
        assert sum(one.text.lower().strip("* ").startswith(word) for one in answers) > 0.9 * len(
            answers
        )


def test_an_instruction_that_needs_no_input_gets_none_and_one_that_does_gets_one_to_three() -> None:
    free = replies("input_first", f"Task: {FREE}")
    assert sum(bool(re.search(r"Input:\W+(?!None)\w", one.text)) for one in free) < 0.04 * len(
        free
    )  # the flaws
    counts = Counter(
        one.text.count("Input:")
        for one in replies("input_first", f"Task: {NEEDY}")
        if one.finish_reason == "stop"
    )
    assert {1, 2, 3} <= set(counts)
    assert all(
        one.text.count("Output:") <= 3
        for one in replies("input_first", f"Task: {NEEDY}\nExamples: at most 2")
    )  # 2 and a copy


def test_instances_speak_of_what_the_instruction_speaks_of() -> None:
    texts = [one.text for one in replies("input_first", f"Task: {NEEDY}") if len(one.text) > 200]
    assert sum("green tea" in text or "recipe" in text for text in texts) > 0.9 * len(texts)


def test_every_label_of_a_classification_gets_an_input() -> None:
    texts = [
        one.text
        for one in replies("output_first", f"Task: {LABELLED}")
        if one.finish_reason == "stop"
    ]
    both = [
        text
        for text in texts
        if {"spam", "genuine"}
        == set(re.findall(r"^(?:\*\*)?Class label:(?:\*\*)? (\w+)$", text, re.MULTILINE))
    ]
    assert len(both) > 0.9 * len(texts)


@pytest.mark.parametrize(
    ("stage", "prompt", "name", "kind"),
    [
        ("propose", f"{LIST}\nGo on with 8 more.", "instructions", list),
        ("classify", f"Task: {FREE}", "is_classification", bool),
        ("input_first", f"Task: {NEEDY}", "instances", list),
        ("output_first", f"Task: {LABELLED}", "instances", list),
        ("propose", TASKS, "tasks", list),
    ],
)
def test_a_schema_is_kept_to_and_a_json_object_nearly_always(
    stage: str, prompt: str, name: str, kind: type
) -> None:
    for completion in replies(stage, prompt, 200, response_format="json_schema"):
        if completion.text and completion.finish_reason == "stop":
            assert isinstance(json.loads(completion.text)[name], kind)
    loose = [one.text for one in replies(stage, prompt, 400, response_format="json_object")]
    good = sum(text.startswith(f'{{"{name}"') for text in loose)
    assert 0.85 < good / len(loose) < 1.0


def test_the_imperfections_come_at_the_stated_rates() -> None:
    completions = [reply(proposing(place)) for place in range(3000)]
    rates = {
        "empty": sum(not one.text for one in completions),
        "cut": sum(one.finish_reason == "length" for one in completions),
        "prose": sum(
            "\n" not in one.text for one in completions if one.text and one.finish_reason == "stop"
        ),
    }
    for name, times in rates.items():
        assert 0.5 < times / len(completions) / REPLY_FLAWS[name] < 1.7, name
    openers = sum(one.text.startswith("Sure!") for one in completions)
    assert 0.7 < openers / len(completions) / LIST_STYLES["opener"] < 1.3
    items = proposed(1500)
    told = {
        "duplicate": sum(item in SHOWN for item in items),
        "short": sum(len(item.split()) <= 3 for item in items),
        "long": sum(len(item.split()) > 150 for item in items),
        "program": sum(item.startswith("Write a program") for item in items),
        "unseen": sum(
            bool(re.search(r"\b(image|picture|graph|map|file)\b", item)) for item in items
        ),
        "foreign": sum(not item[:1].isascii() for item in items),
        "punctuation": sum(item.startswith("-") for item in items),
    }
    for name, times in told.items():
        assert 0.6 < times / len(items) / INSTRUCTION_FLAWS[name] < 1.5, name


def test_every_kind_of_broken_instance_occurs() -> None:
    pairs = [
        [(one["input"], one["output"]) for one in json.loads(completion.text)["instances"]]
        for completion in replies(
            "input_first", f"Task: {NEEDY}", 1500, response_format="json_schema"
        )
        if completion.text and completion.finish_reason == "stop"
    ]
    assert any(given == output for one in pairs for given, output in one)
    assert any(not output for one in pairs for _, output in one)
    assert any(output.endswith(":") for one in pairs for _, output in one)
    assert any(len(one) != len(set(one)) for one in pairs)
    assert any(len({given for given, _ in one}) < len(set(one)) for one in pairs)
    assert any(
        "Output:" not in one.text
        for one in replies("input_first", f"Task: {NEEDY}")
        if "Input:" in one.text
    )


def test_the_vocabulary_holds_no_word_that_the_filters_drop() -> None:
    dropped = r"\b(images?|graphs?|pictures?|files?|maps?|draw|plot|go to|videos?|audio|music|flowcharts?|diagrams?)\b"
    everything = [phrase for options in PHRASES.values() for phrase in options]
    everything += [*patterns.SELF_CONTAINED, *patterns.WITH_INPUT, *patterns.CLASSIFY]
    assert [phrase for phrase in everything if re.search(dropped, phrase, re.IGNORECASE)] == []


def test_every_slot_has_phrases_and_follows_a_grammatically() -> None:
    sentences = [
        *patterns.SELF_CONTAINED,
        *patterns.WITH_INPUT,
        *patterns.CLASSIFY,
        *patterns.SENTENCES,
        *patterns.ANSWERS,
    ]
    sentences += [phrase for options in PHRASES.values() for phrase in options]
    slots = {slot for pattern in sentences for slot in re.findall(r"\{(\w+)\}", pattern)}
    assert slots - {"keyword"} <= set(PHRASES)
    after_a = {slot for pattern in sentences for slot in re.findall(r"\b[Aa] \{(\w+)\}", pattern)}
    assert [phrase for slot in after_a for phrase in PHRASES[slot] if phrase[0] in "aeiou"] == []


def test_the_text_is_varied_enough_to_fill_a_pool() -> None:
    index = RougeIndex()
    verdicts = []
    for instruction in list(dict.fromkeys(proposed(500)))[:3000]:
        if len(tokens(instruction)) > 3:
            verdicts.append(index.nearest(instruction, above=0.7) is None)
            if verdicts[-1]:
                index.add(instruction)
    assert sum(verdicts[-500:]) > 0.75 * 500


def test_lengths_and_opening_words_are_spread() -> None:
    instructions = proposed(300)
    words = sorted(len(text.split()) for text in instructions)
    assert 14 < sum(words) / len(words) < 20
    assert (words[len(words) // 10] >= 8) and (words[len(words) * 9 // 10] <= 24)
    assert len({text.split()[0] for text in instructions}) > 60


def test_a_reply_ends_at_the_first_stop_and_at_the_limit_of_tokens() -> None:
    limited = [reply(proposing(place, decoding=Decoding(max_tokens=20))) for place in range(30)]
    assert all(one.usage.completion_tokens <= 20 for one in limited)
    assert sum(one.finish_reason == "length" for one in limited) > 25
    stopped = [reply(proposing(place, decoding=Decoding(stop=("\n",)))) for place in range(30)]
    assert all("\n" not in one.text for one in stopped)


def test_usage_is_counted_and_whole() -> None:
    completion = reply(proposing(3))
    assert (
        completion.usage.completion_tokens
        == int(len(completion.text.split()) * TOKENS_PER_WORD)
        > 50
    )
    assert completion.usage.prompt_tokens > 50


def test_a_prompt_without_any_list_or_label_still_gets_an_answer() -> None:
    for stage in ("propose", "classify", "input_first", "output_first"):
        for prompt in ("", "x", "\n\n", "\ud800"):
            assert isinstance(reply(asked(stage, prompt)), Completion)


QUESTION = "What should tenants know about rental contracts in Vienna before they sign?"


def test_every_other_stage_gets_a_plain_answer_to_the_prompt() -> None:
    assert "respond" not in STAGES
    for stage in ("respond", "some_new_stage"):
        whole = [
            one.text for one in replies(stage, QUESTION) if one.text and one.finish_reason == "stop"
        ]
        assert len(set(whole)) > 0.9 * len(whole)
        about = sum("rental contracts" in text.lower() for text in whole)
        assert about > 0.95 * len(whole)
        words = sorted(len(text.split()) for text in whole)
        assert words[len(words) // 10] < 15 and words[len(words) * 9 // 10] > 50
        assert not any(text.startswith(("{", "Output:", "Input:")) for text in whole)
    for completion in replies("respond", "Why?\n\n\ud800", 200):
        assert isinstance(completion.text, str)


def test_plain_answers_are_empty_cut_or_refused_at_the_stated_rates() -> None:
    answers = replies("respond", QUESTION, 4000)
    told = {
        REPLY_FLAWS["empty"]: sum(not one.text for one in answers),
        REPLY_FLAWS["cut"]: sum(one.finish_reason == "length" for one in answers),
        ANSWER_FLAWS["refusal"]: sum(
            bool(re.match(r"I'm sorry|I cannot answer|As an AI", one.text)) for one in answers
        ),
    }
    for rate, times in told.items():
        assert 0.5 < times / len(answers) / rate < 1.7


def test_models_of_other_names_draw_other_replies() -> None:
    for stage, prompt in (("respond", QUESTION), ("propose", LIST), ("input_first", NEEDY)):
        first, second = (
            [one.text for one in replies(stage, prompt, 100, model=name)]
            for name in ("scripted", "scripted:b")
        )
        assert first == [one.text for one in replies(stage, prompt, 100)]
        assert sum(one != other for one, other in zip(first, second, strict=True)) > 90


def test_the_stage_of_every_template_is_told_from_its_text() -> None:
    stage_of = stage_by_templates()
    values = {
        "demonstrations": LIST,
        "instruction": LABELLED,
        "n": "8",
        "next": "9",
        "max_instances": "3",
    }
    values["example"] = '{"instruction": "Name a river.", "input": "", "output": "The Nile."}'
    templates = sorted(PROMPTS.glob("*/*.txt"))
    for without_text_of_its_own in ("respond/answer.txt", "chats/user_turn.txt"):
        templates.remove(PROMPTS / without_text_of_its_own)
    assert templates
    for template in templates:
        sections = re.split(r"(?m)^--- \w+\n", template.read_text("utf-8"))[1:]
        prompt = "\n\n".join(
            re.sub(
                r"\{\{(\w+)\}\}", lambda name: values.get(name[1], "A text."), section.strip("\n")
            )
            for section in sections
        )
        assert stage_of(prompt) == template.name.partition(".")[0], template
