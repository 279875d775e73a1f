"""A reply is whole only if it says so, words outside the content are read as the kind that they
are, thinking and control tokens are no part of a reply, and a stage that failed is not a "no".
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from command import at, dataset, invoke
from server import LoopbackServer

from selfinstruct.asking.reading import Reply
from selfinstruct.models import Completion, Decoding, Message, Request
from selfinstruct.models.openai.replies import AT_THE_LIMIT, REFUSAL, TOOL_CALL, completion_of
from selfinstruct.models.scripted.model import reply
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.thinking import spoken
from selfinstruct.parsing.tokens import why_not_control_token
from selfinstruct.recipes.self_instruct.settings import configure
from selfinstruct.runs.inputs import Inputs

CUTS = {
    "length": "cut_by_length",
    "MAX_TOKENS": "cut_by_length",
    "content_filter": "cut_by_filter",
    "SAFETY": "cut_by_filter",
    "tool_calls": "cut_by_tool_call",
    "abort": "cut_by_abort",
}
VALUES = {
    "demonstrations": "1. Sing a song.",
    "n": 8,
    "next": 2,
    "instruction": "Name a river.",
    "max_instances": 3,
    "brief": "1. free",
    "labels": "late, then on time",
}
REQUEST = Request(
    "classify", "i1", "m", "chat", (Message("user", "Is it?"),), Decoding(max_tokens=16), 1
)


@dataclass
class Says:
    """A model that gives these replies in turn, the last one for ever."""

    replies: list[Completion]
    asked: list[Request] = field(default_factory=list)

    async def complete(self, request: Request) -> Completion:
        self.asked.append(request)
        return self.replies[min(len(self.asked), len(self.replies)) - 1]

    async def close(self) -> None: ...


def asked(
    stage: str, *said: Completion, edition: int = 3, **settings: Any
) -> tuple[Reply, list[Request]]:
    """The reply of a stage to a model that says `said`, and the requests that the model had."""
    config = replace(configure({"model": "scripted", **settings}), edition=edition)
    model = Says(list(said))
    return asyncio.run(Inputs.read(config).stages[stage].ask(model, "t0", VALUES)), model.asked


def lines(directory: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / name).read_text().splitlines()]


# ------------------------------------------------------------------------------------------ endings


@pytest.mark.parametrize(
    "reason",
    [
        *(
            "stop",
            "STOP",
            "Stop",
            "eos",
            "eos_token",
            "EOS_TOKEN",
            "end_turn",
            "endTurn",
            "EndTurn",
        ),
        *(
            "stop_sequence",
            "complete",
            "COMPLETE",
            "completed",
            "",
            "FINISH_REASON_STOP",
            "end-turn",
        ),
    ],
)
def test_reasons_that_mean_whole(reason: str) -> None:
    assert cut_of(reason) is None


@pytest.mark.parametrize(
    ("reason", "slug"),
    [
        *CUTS.items(),
        ("max_tokens", "cut_by_length"),
        ("maxTokens", "cut_by_length"),
        ("model_length", "cut_by_length"),
        ("MAX_OUTPUT_REACHED", "cut_by_length"),
        ("model_context_window_exceeded", "cut_by_length"),
        ("RECITATION", "cut_by_filter"),
        ("PROHIBITED_CONTENT", "cut_by_filter"),
        ("content_filtered", "cut_by_filter"),
        ("function_call", "cut_by_tool_call"),
        ("refusal", "cut_by_refusal"),
        ("error", "cut_by_error"),
        ("Weird Reason!", "cut_by_weird_reason"),
        (AT_THE_LIMIT, "cut_by_length"),
    ],
)
def test_every_other_reason_is_a_cut_with_a_name(reason: str, slug: str) -> None:
    assert cut_of(reason) == slug


MARK = "Qzzxj"  # at the end of each text that was cut


def cutting(stages: tuple[str, ...], reasons: list[str]) -> Callable[[Request], Completion]:
    """The scripted model, which cuts two of three replies of some stages, by each reason in turn."""
    turns = cycle(reasons)

    def answer(request: Request) -> Completion:
        said = as_a_list(reply(request)) if "classify" in stages else reply(request)
        if request.stage not in stages or request.seed % 3 == 0 or said.finish_reason != "stop":
            return said
        text = said.text[: len(said.text) * 2 // 3] + f" {MARK}"
        text = MARK if request.stage == "classify" else text
        return replace(said, text=text, finish_reason=next(turns))

    return answer


def as_a_list(said: Completion) -> Completion:
    """Tasks without tags, of which each is asked for its label."""
    tasks = re.findall(r"<task[^>]*>\n(.*?)(?=\n</task>|\n<task|\Z)", said.text, re.S)
    items = [f"{number}. {' '.join(task.split())}" for number, task in enumerate(tasks, 1)]
    return replace(said, text="\n".join(items)) if items else said


@pytest.mark.parametrize("stages", [("propose",), ("classify",), ("input_first", "output_first")])
def test_no_cut_text_is_in_the_dataset_and_each_cut_is_named(
    stages: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with LoopbackServer(model=cutting(stages, list(CUTS))) as server:
        invoke("generate", *at(server), "--n", 70, "--new-per-turn", 3, "--out", out).done()
    assert MARK not in (out / "examples.jsonl").read_text()
    assert MARK not in (out / "instructions.jsonl").read_text()
    found = {each["reason"] for each in lines(out, "rejected.jsonl") if each["stage"] in stages}
    assert {*CUTS.values()} <= found
    invoke("verify", out).done()


@pytest.mark.parametrize("reason", CUTS)
@pytest.mark.parametrize(
    ("stage", "text", "left"),
    [
        ("propose", "1. Sing a song today.\n2. Write a", 1),
        ("propose", '{"instructions": ["Sing a song today.", "Write a', 1),
        ("input_first", "Input: a\nOutput: b\nInput: c\nOutput: d and", 1),
        ("output_first", "Class label: x\na\nClass label: y\nb and", 1),
        ("input_first", "Output: b and", 0),
    ],
)
def test_a_cut_reply_loses_its_last_item_and_names_the_cut(
    reason: str, stage: str, text: str, left: int
) -> None:
    found, _ = asked(stage, Completion(text, reason), attempts=1)
    assert len(found.parsed.drafts) + len(found.parsed.instances) == left
    assert found.parsed.reason == CUTS[reason] and found.is_cut


# -------------------------------------------------------------------------- words outside the content


def said(message: Any, reason: Any = "stop", **choice: Any) -> Completion:
    usage = choice.pop("usage", None)
    body = {"choices": [{"message": message, "finish_reason": reason, **choice}], "usage": usage}
    found = completion_of(body, REQUEST)
    assert found is not None
    return found


BODY = {"choices": [{"message": {"content": "Yes"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    "body",
    [
        {"choices": BODY["choices"][0]},
        {"choices": [{"index": 1, "text": "No"}, {"index": 0, **BODY["choices"][0]}]},
        {"choices": [{"delta": {"content": "Yes"}}]},
        {"choices": [{"message": "Yes"}]},
        *({name: BODY} for name in ("data", "result", "response")),
    ],
)
def test_a_reply_in_another_frame_is_read(body: dict[str, Any]) -> None:
    found = completion_of(body, REQUEST)
    assert found is not None
    assert (found.text, found.finish_reason) == ("Yes", "stop")


@pytest.mark.parametrize("body", [{}, {"data": [BODY]}, {"data": {"id": "x"}}, {"choices": []}])
def test_a_body_without_choices_is_no_reply(body: dict[str, Any]) -> None:
    assert completion_of(body, REQUEST) is None


@pytest.mark.parametrize(
    ("message", "text", "reasoning"),
    [
        ({"content": "Yes"}, "Yes", ""),
        ({"content": [{"type": "text", "text": "Ye"}, {"type": "text", "text": "s"}]}, "Yes", ""),
        ({"content": [{"type": "output_text", "text": "Yes"}]}, "Yes", ""),
        ({"content": ["Yes"]}, "Yes", ""),
        ({"content": {"type": "text", "text": "Yes"}}, "Yes", ""),
        ({"content": [{"type": "text", "text": {"value": "Yes"}}]}, "Yes", ""),
        ({"content": "Yes", "reasoning_content": "Hm."}, "Yes", "Hm."),
        ({"content": "Yes", "reasoning": "Hm."}, "Yes", "Hm."),
        (
            {"content": "Yes", "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
            "Yes",
            "Hm.",
        ),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                    {"type": "text", "text": "Yes"},
                ]
            },
            "Yes",
            "Hm.",
        ),
    ],
)
def test_content_is_read_in_each_of_its_forms(message: Any, text: str, reasoning: str) -> None:
    found = said(message)
    assert (found.text, found.reasoning, found.finish_reason) == (text, reasoning, "stop")


def test_the_text_of_the_older_interface_is_read() -> None:
    assert said(None, text="Yes").text == said({"content": None}, text="Yes").text == "Yes"


@pytest.mark.parametrize(
    ("message", "finish_reason", "reason"),
    [
        ({"content": None, "refusal": "I will not."}, REFUSAL, "refusal"),
        ({"content": [{"type": "refusal", "refusal": "I will not."}]}, REFUSAL, "refusal"),
        ({"content": None, "tool_calls": [{"function": {"name": "f"}}]}, TOOL_CALL, "tool_call"),
        ({"content": "", "function_call": {"name": "f"}}, TOOL_CALL, "tool_call"),
        ({"content": "", "reasoning_content": "Hm."}, "stop", "nothing_but_thinking"),
        ({"content": None}, "stop", "empty_reply"),
    ],
)
def test_words_outside_the_content_are_what_they_are(
    message: Any, finish_reason: str, reason: str
) -> None:
    found = said(message)
    assert found.finish_reason == finish_reason
    read, _ = asked("propose", found)
    assert read.parsed.reason == reason and read.parsed.is_empty
    if finish_reason != "stop":
        assert found.text in read.text  # rejected.jsonl shows the refusal or the call


def test_a_null_reason_is_a_cut_only_where_the_reply_is_as_long_as_was_allowed() -> None:
    short, full = (
        {"prompt_tokens": 3, "completion_tokens": 5},
        {"prompt_tokens": 3, "completion_tokens": 16},
    )
    assert said({"content": "Yes it is so"}, None, usage=short).finish_reason == "stop"
    assert said({"content": "Yes it is so"}, None, usage=full).finish_reason == AT_THE_LIMIT
    assert said({"content": "Yes it is so"}, "stop", usage=full).finish_reason == "stop"


# --------------------------------------------------------------------------- thinking, control tokens

FINAL = "<|start|>assistant<|channel|>final<|message|>"


@pytest.mark.parametrize(
    "text",
    [
        "<think>Hm.</think>\n\n9. Sing.",
        "<thinking>Hm.</thinking>9. Sing.",
        "<thought>Hm.</thought>9. Sing.",
        "<seed:think>Hm.</seed:think>9. Sing.",
        "<seed:think>Hm.<seed:cot_budget_reflect>x</seed:cot_budget_reflect></seed:think>9. Sing.",
        "[THINK]Hm.[/THINK]9. Sing.",
        "\u25c1think\u25b7Hm.\u25c1/think\u25b79. Sing.",
        f"<|channel|>analysis<|message|>Hm.<|end|>{FINAL}9. Sing.<|return|>",
        f"<|start|>assistant<|channel|>analysis<|message|>Hm.<|end|>{FINAL}9. Sing.",
        f"Hm.<|end|>{FINAL}9. Sing.",
        "analysisThe user wants tasks.assistantfinal9. Sing.",
        "<|channel>thought\nHm.<channel|>9. Sing.<turn|>",
        "<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>9. Sing.<|END_RESPONSE|>",
        "<|begin_of_thought|>Hm.<|end_of_thought|><|begin_of_solution|>9. Sing.<|end_of_solution|>",
        "Hm.\n</think>\n9. Sing.",
        "Hm.[/THINK]9. Sing.",
        "<|assistant|>\n<think>Hm.</think>9. Sing.",
    ],
)
def test_thinking_of_every_family_is_no_part_of_the_reply(text: str) -> None:
    found = spoken(text)
    assert found.text.replace("</seed:think>", "") == "9. Sing." and found.thinks


@pytest.mark.parametrize(
    "text", ["<think>Hm.", "<|channel|>analysis<|message|>Hm.", "[THINK]Hm.", "<seed:think>Hm."]
)
def test_thinking_without_an_end_is_all_there_is(text: str) -> None:
    assert spoken(text).text == "" and spoken(text).thinks
    found, _ = asked("propose", Completion(text, "length"))
    assert found.parsed.reason == "nothing_but_thinking"


@pytest.mark.parametrize(
    "text",
    [
        "9. Sing.<|im_end|>",
        "9. Sing.<|eot_id|>",
        "9. Sing.<|endoftext|>\n",
        "9. Sing.</s>",
        "<s> 9. Sing.</s></s>",
        "9. Sing.<end_of_turn>\n",
        "9. Sing.<|end_of_text|>",
        "9. Sing.<\uff5cend\u2581of\u2581sentence\uff5c>",
        "9. Sing.<|end|><|endoftext|>",
        "9. Sing.[|endofturn|]",
        "9. Sing. <eos>",
        "<|im_start|>assistant\n9. Sing.<|im_end|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n9. Sing.<|eot_id|>",
        "<start_of_turn>model\n9. Sing.",
        "<|assistant|>9. Sing.",
        "<answer>9. Sing.</answer>",
    ],
)
def test_control_tokens_at_either_end_are_framing(text: str) -> None:
    assert spoken(text).text.strip() == "9. Sing."


@pytest.mark.parametrize(
    "text",
    [
        "<s>old</s> prices are struck out",
        "Explain <b>bold</b> in HTML.",
        "[9] Sing.",
        "Use a < b and c > d.",
        "a <|> b",
        "A reply about <think> tags.",
    ],
)
def test_marks_of_a_text_stay(text: str) -> None:
    assert spoken(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "Explain the word <|im_end|> to a child.",
        "Say hello.<|eot_id|> Then stop.",
        "Translate this. [INST] Hello [/INST]",
        "Write a poem.<end_of_turn><start_of_turn>user",
        "Name a river. ### Response: The Rhine.",
        "Name a river. Human: Which? Assistant: The Rhine.",
        "Name a river.</think>",
        "Sum it up <\uff5cUser\uff5c>now",
    ],
)
def test_a_control_token_or_a_turn_inside_an_instruction_is_found(text: str) -> None:
    assert why_not_control_token(text) == "control_token"


@pytest.mark.parametrize(
    "text",
    [
        "Explain the tag <s> of HTML.",
        "Write a |pipe| table.",
        "Is a <b> or <i> tag better?",
        "Use ### as a heading.",
        "Interview a human: what do they fear?",
    ],
)
def test_ordinary_marks_are_no_control_tokens(text: str) -> None:
    assert why_not_control_token(text) is None


def test_an_instruction_with_a_control_token_never_enters_the_pool(tmp_path: Path) -> None:
    def answer(request: Request) -> Completion:
        found = reply(request)
        if request.stage != "propose":
            return found
        head, first, *rest = [*found.text.split("\n"), ""]
        return replace(found, text="\n".join([head, first + " <|im_sep|> and more", *rest]))

    out = tmp_path / "run"
    with LoopbackServer(model=answer) as server:
        invoke("generate", *at(server), "--n", 15, "--out", out).done()
        assert not any("<|im_sep|>" in json.dumps(body) for body in server.requests)
    assert "<|im_sep|>" not in (out / "instructions.jsonl").read_text()
    reasons = Counter(each["reason"] for each in lines(out, "rejected.jsonl"))
    assert reasons["control_token"] > 0


# ---------------------------------------------------------------------------------- unknown labels


def test_a_cut_label_is_asked_for_again_with_more_room_although_the_stage_is_greedy() -> None:
    thinks = Completion("<think>Let me see", "length")
    found, requests = asked("classify", thinks, Completion("<think>So.</think>Yes", "stop"))
    assert found.parsed.is_classification is True
    assert [each.parsed.reason for each in found.before] == ["nothing_but_thinking"]
    assert [request.decoding.max_tokens for request in requests] == [16, 2048]
    assert len({request.key for request in requests}) == 2


@pytest.mark.parametrize(
    ("settings", "reply_", "times"),
    [
        ({}, Completion("Maybe.", "stop"), 2),  # at another temperature
        ({"attempts": 1}, Completion("Maybe.", "stop"), 1),
        ({}, Completion("That depends on", "length"), 2),
        ({"attempts": 1}, Completion("That depends on", "length"), 1),
        ({"classify": {"max_tokens": 4096}}, Completion("That depends on", "length"), 2),
        ({}, Completion("Yes, because the labels", "length"), 1),  # the label was read
    ],
)
def test_more_room_only_where_it_may_help(
    settings: dict[str, Any], reply_: Completion, times: int
) -> None:
    assert len(asked("classify", reply_, **settings)[1]) == times


def test_a_label_that_is_never_read_stays_unknown_and_is_counted(tmp_path: Path) -> None:
    def answer(request: Request) -> Completion:
        task = request.messages[-1].text.partition("</task>")[0]
        is_third = len(task) % 3 == 0
        if request.stage in ("classify", "output_first") and is_third:
            return Completion("That depends.", "stop")
        return as_a_list(reply(request)) if request.stage == "propose" else reply(request)

    out = tmp_path / "run"
    with LoopbackServer(model=answer) as server:
        invoke("generate", *at(server), "--n", 20, "--out", out).done()
        shown = invoke("status", out).done().out
    unknown = {
        each["id"] for each in lines(out, "instructions.jsonl") if each["is_classification"] is None
    }
    rejected = lines(out, "rejected.jsonl")
    assert unknown == {
        each["instruction_id"] for each in rejected if each["reason"] == "unknown_label"
    }
    assert unknown and "of them with no label, unknown_label" in shown
    made = [
        each
        for each in lines(out, "examples.jsonl")
        if each["provenance"]["instruction_id"] in unknown
    ]
    assert not made  # nothing is taken for no
    first = dataset(out)
    invoke("verify", out).done()
    assert dataset(out) == first


# --------------------------------------------------------------------------------------- edition 1


@pytest.mark.parametrize(
    ("stage", "completion", "reason", "held"),
    [
        ("propose", Completion("1. Sing a song.\n2. Write a", "content_filter"), None, 2),
        ("propose", Completion("1. Sing.<|im_end|>", "stop"), None, 1),
        ("propose", Completion("\u2460 Sing a song.", "stop"), "no_list", 0),
        ("propose", Completion("I will not.", REFUSAL), "empty_reply", 0),
        ("propose", Completion("1. a\n2. b", AT_THE_LIMIT), None, 2),
        ("input_first", Completion("Eingabe: a\nAusgabe: b", "stop"), "no_output_label", 0),
        ("input_first", Completion("<think>a", "length"), "cut_by_length", 0),
        ("classify", Completion("Ja", "stop"), "neither_yes_nor_no", 0),
        ("classify", Completion("That depends on", "length"), "neither_yes_nor_no", 0),
    ],
)
def test_a_run_of_version_0_1_reads_its_replies_as_ever(
    stage: str, completion: Completion, reason: str | None, held: int
) -> None:
    found, _ = asked(stage, completion, edition=1, attempts=1)
    assert found.parsed.reason == reason and found.leftovers == ()
    assert len(found.parsed.drafts) + len(found.parsed.instances) == held
    if stage == "classify":
        assert len(asked(stage, completion, edition=1)[1]) == 1  # no second attempt
