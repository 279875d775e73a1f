"""`chat`: conversations of several turns in three styles."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import ROOT, Ran, at, dataset, invoke, killed_at
from server import LoopbackServer, failing, latency, stage_by_templates

from selfinstruct.data.examples import Turn
from selfinstruct.errors import UserError
from selfinstruct.models import Completion, Usage
from selfinstruct.parsing.conversation import message, opening, transcript
from selfinstruct.recipes.chats.filters import why_not_turn
from selfinstruct.recipes.chats.prefixes import Prefixes, read_prefixes

SCRIPTED = ("--model", "scripted")
CHATML = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nYou help.<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
)
MAGPIE = ("--style", "magpie", "--prefix", "<|im_start|>user\n")
STYLES: dict[str, tuple[object, ...]] = {
    "self-chat": (),
    "transcript": ("--style", "transcript"),
    "magpie": MAGPIE,
}


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def chat(*words: object, **environment: str) -> Ran:
    return invoke("chat", *words, **environment)


def turns_of(example: dict[str, Any]) -> list[tuple[str, str]]:
    turns = [(turn["role"], turn["content"]) for turn in example.get("history", [])]
    return [*turns, ("user", example["instruction"]), ("assistant", example["output"])]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run of each style."""
    folder = tmp_path_factory.mktemp("chats")
    for style, words in STYLES.items():
        chat(*SCRIPTED, *words, "--n", 40, "--out", folder / style).done()
    return {style: folder / style for style in STYLES}


@pytest.mark.parametrize("style", STYLES)
def test_roles_alternate_and_the_assistant_has_the_last_word(
    style: str, runs: dict[str, Path]
) -> None:
    examples = lines_of(runs[style] / "examples.jsonl")
    assert len(examples) == 40
    keys = {(*example, *example["provenance"]) for example in examples}
    assert len(keys) == 1
    for example in examples:
        turns = turns_of(example)
        assert [role for role, _ in turns] == ["user", "assistant"] * (len(turns) // 2)
        assert len(turns) == 2 if style == "magpie" else 4 <= len(turns) <= 8
        assert all(text.strip() for _, text in turns)


@pytest.mark.parametrize("style", STYLES)
def test_the_funnel_adds_up_and_verify_agrees(style: str, runs: dict[str, Path]) -> None:
    run = runs[style]
    rejected = Counter(line["what"] for line in lines_of(run / "rejected.jsonl"))
    funnel = json.loads((run / "checkpoint.json").read_text())["end"]["funnel"]
    admitted = len(lines_of(run / "instructions.jsonl"))
    assert funnel["admitted"] == admitted
    assert sum(funnel["rejected"].values()) == sum(rejected.values())
    assert funnel["examples"] == 40 <= admitted
    unread = sum(line["what"] == "reply" for line in lines_of(run / "rejected.jsonl"))
    assert funnel["turns"] <= admitted + rejected["instruction"] + unread
    invoke("verify", run).done()


def test_a_chat_ends_at_its_goal_or_at_its_bound(runs: dict[str, Path]) -> None:
    examples = lines_of(runs["self-chat"] / "examples.jsonl")
    ended = Counter(example["provenance"]["ended"] for example in examples)
    assert ended["goal"] > 4 and ended["limit"] > 12
    assert len({len(turns_of(example)) for example in examples}) == 3
    known = {line["id"] for line in lines_of(runs["self-chat"] / "instructions.jsonl")}
    dropped = [
        line
        for line in lines_of(runs["self-chat"] / "rejected.jsonl")
        if line["what"] == "instance"
    ]
    assert {line["instruction_id"] for line in dropped} <= known
    assert {"speaks_as_assistant", "repeated_turn"} & {line["reason"] for line in dropped}


@pytest.mark.parametrize("style", STYLES)
def test_the_bytes_depend_on_no_concurrency_cap_or_extension(
    style: str, runs: dict[str, Path], tmp_path: Path
) -> None:
    words, out = (*SCRIPTED, *STYLES[style]), tmp_path / "run"
    stopped = chat(*words, "--n", 20, "--max-requests", 15, "--concurrency", 1, "--out", out)
    assert stopped.code == 75 and len(lines_of(out / "completions.jsonl")) <= 15
    invoke("resume", out, "--max-requests", -1).done()
    invoke("resume", out, "--n", 40, "--concurrency", 64).done()
    assert dataset(out) == dataset(runs[style])


@pytest.mark.parametrize("style", ["self-chat", "transcript"])
def test_replies_in_json_are_read(style: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = (*SCRIPTED, "--response-format", "json_schema", *STYLES[style])
    chat(*words, "--n", 15, "--out", out).done()
    texts = [text for line in lines_of(out / "examples.jsonl") for _, text in turns_of(line)]
    assert not any(text.startswith("{") for text in texts)


def test_rows_of_a_source_begin_chats_and_duplicates_and_chats_are_passed_over(
    tmp_path: Path, runs: dict[str, Path]
) -> None:
    source, out = tmp_path / "rows.jsonl", tmp_path / "run"
    rows: list[dict[str, Any]] = [
        {"instruction": text, "input": "one word"}
        for text in ("Name a river that crosses Peru.", "Which tree keeps its leaves?", "Say yes.")
    ]
    rows += [rows[0], json.loads((runs["self-chat"] / "examples.jsonl").read_text().split("\n")[0])]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for style in ("self-chat", "transcript"):
        out = tmp_path / style
        chat("--from", source, *SCRIPTED, *STYLES[style], "--out", out).done()
        firsts = [line["instruction"] for line in lines_of(out / "instructions.jsonl")]
        assert firsts[0] == "Name a river that crosses Peru.\n\none word" and len(firsts) == 3
        reasons = [line["reason"] for line in lines_of(out / "rejected.jsonl")]
        assert reasons.count("near_duplicate") == reasons.count("is_chat") == 1
        for line in lines_of(out / "examples.jsonl"):
            assert turns_of(line)[0][1] in firsts
            assert line["provenance"]["source_id"] == f"rows.jsonl:{line['provenance']['turn'] + 1}"
        assert "finished" in invoke("status", out).done().out
        invoke("verify", out).done()


def test_topics_and_persons_are_the_packaged_ones_or_the_model_s(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    packaged = (ROOT / "prompts/chats/topics.list").read_text("utf-8").splitlines()
    made = lines_of(runs["self-chat"] / "examples.jsonl")
    assert {line["provenance"]["topic"] for line in made} <= {*packaged[1:]}
    out = tmp_path / "run"
    chat(*SCRIPTED, "--topics", "auto", "--n", 5, "--out", out).done()
    stages = {line["stage"] for line in lines_of(out / "completions.jsonl")}
    assert stages == {"topics", "opening", "reply", "message"}
    assert not {line["provenance"]["topic"] for line in lines_of(out / "examples.jsonl")} & {
        *packaged
    }


def test_sharegpt_is_read_back_to_the_same_turns(runs: dict[str, Path], tmp_path: Path) -> None:
    run, path = runs["self-chat"], tmp_path / "chats.json"
    invoke("export", run, "--format", "sharegpt", "--out", path).done()
    examples = lines_of(run / "examples.jsonl")
    again = tmp_path / "again"
    invoke("respond", path, *SCRIPTED, "--replace", "--n", 40, "--out", again).done()
    before = {json.dumps(turns_of(example)[:-1]) for example in examples}
    answered = {json.dumps(turns_of(line)[:-1]) for line in lines_of(again / "examples.jsonl")}
    assert answered <= before and len(answered) >= 0.9 * len(before)
    said = json.loads(invoke("check", path, "--json", "--only", "chat_turns").done().out)
    assert said["examples"] == 40 and not said["findings"]


def test_every_form_that_knows_turns_has_them_all(runs: dict[str, Path], tmp_path: Path) -> None:
    examples = lines_of(runs["self-chat"] / "examples.jsonl")
    expected = [[text for _, text in turns_of(example)] for example in examples]
    forms = (("messages", "messages", "content"), ("sharegpt", "conversations", "value"))
    for form, turns, text in forms:
        out = tmp_path / f"{form}.jsonl"
        invoke("export", runs["self-chat"], "--format", form, "--out", out).done()
        assert [[turn[text] for turn in row[turns]] for row in lines_of(out)] == expected
    out = tmp_path / "alpaca.jsonl"
    invoke("export", runs["self-chat"], "--format", "alpaca", "--out", out).done()
    rows = lines_of(out)
    assert [text for pair in rows[0]["history"] for text in pair] == expected[0][:-2]


@pytest.mark.slow
def test_datasets_loads_the_lines(runs: dict[str, Path], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    path = str(runs["transcript"] / "examples.jsonl")
    loaded = datasets.load_dataset(
        "json", data_files=path, split="train", cache_dir=str(tmp_path / "cache")
    )
    assert len(loaded) == 40 and loaded[0]["history"][0]["role"] == "user"


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_it_is_killed_and_resumed_to_the_same_bytes(style: str, tmp_path: Path) -> None:
    chance, by_templates = Random(3), stage_by_templates()
    often = (5, 15) if style == "transcript" else (30, 90)  # requests between two kills

    def stage_of(text: str) -> str:
        return "user_turn" if text == MAGPIE[-1] else by_templates(text)

    with LoopbackServer(latency(0.002, spread=0.002, seed=3), stage_of=stage_of) as server:
        words = ("chat", *at(server), *STYLES[style], "--n", 25, "--concurrency", 8)
        invoke(*words, "--out", tmp_path / "whole", OPENAI_API_KEY="none").done()
        paths = Counter(call.path for call in server.calls)
        code, said, kills = killed_at(
            server, words, tmp_path / "killed", lambda: chance.randint(*often)
        )
    assert code == 0 and kills >= 1, said
    assert dataset(tmp_path / "killed") == dataset(tmp_path / "whole")
    assert bool(paths["/v1/completions"]) == (style == "magpie")


# ---------------------------------------------------------------- magpie's prefix


def test_the_prefix_is_cut_from_a_chat_template(tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    config = {"chat_template": CHATML, "eos_token": {"content": "<|im_end|>"}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    beginning = "<|im_start|>system\nYou help.<|im_end|>\n"
    for path in (folder, folder / "tokenizer_config.json"):
        prefixes = read_prefixes(str(path), "", None).value
        assert prefixes.before(()) == f"{beginning}<|im_start|>user\n"
    turns = (Turn("user", "Hi {{ x }}"), Turn("assistant", "Ho"))
    assert prefixes.before(turns) == (
        f"{beginning}<|im_start|>user\nHi {{{{ x }}}}<|im_end|>\n"
        "<|im_start|>assistant\nHo<|im_end|>\n<|im_start|>user\n"
    )


def test_a_token_that_servers_add_is_left_out_and_a_template_without_a_place_is_refused() -> None:
    llama = "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    assert Prefixes(template=llama, tokens={"bos_token": "<s>"}).before(()) == "[user]"
    for template in (
        "{{ messages[0].content }}",
        "{{ messages[0].role }}",
        "{{ 1 // 0 }}",
        "{% if",
    ):
        with pytest.raises(UserError, match="--prefix TEXT"):
            Prefixes(template=template).before(())


def test_a_template_reaches_nothing_outside() -> None:
    for code in ("messages.__class__.__mro__", "messages.append(1)", "cycler.__init__.__globals__"):
        with pytest.raises(UserError, match="cannot be rendered"):
            Prefixes(template=f"{{{{ {code} }}}}").before(())


def test_magpie_goes_on_with_its_own_copy_of_the_template(tmp_path: Path) -> None:
    path, out = tmp_path / "template.jinja", tmp_path / "run"
    path.write_text(CHATML)
    chat(*SCRIPTED, "--style", "magpie", "--chat-template", path, "--n", 8, "--out", out).done()
    path.unlink()
    invoke("resume", out, "--n", 12).done()
    invoke("verify", out).done()
    assert max(len(turns_of(line)) for line in lines_of(out / "examples.jsonl")) > 2


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--style", "magpie"), "must be given with --chat-template"),
        (("--chat-template", "x"), "must be magpie"),
        ((*MAGPIE, "--topics", "auto"), "left out with --style magpie"),
        ((*MAGPIE, "--from", "x"), "no place with --style magpie"),
        (("--style", "magpie", "--chat-template", "none"), "cannot read the chat template"),
        (("--from", "none.jsonl"), "no such file"),
        (("--topics", "none.txt"), "cannot read the topics"),
        (("--n", 0), "at least 1"),
        (("--turns", 0), "at least 1"),
        (("--api", "completions"), "must be chat"),
        (("--model", "local"), "a larger model"),
    ],
)
def test_bad_input_is_refused_in_a_line(
    words: tuple[object, ...], fault: str, tmp_path: Path
) -> None:
    ran = chat(*SCRIPTED, *words, "--out", tmp_path / "run")
    assert fault in ran.error and not (tmp_path / "run").exists()


@pytest.mark.slow  # the client asks several times before it believes
def test_a_server_without_the_raw_interface_is_told_so(tmp_path: Path) -> None:
    raw = failing("404", when=lambda call: call.path == "/v1/completions")
    with LoopbackServer(raw) as server:
        ran = chat(*at(server), *MAGPIE, "--out", tmp_path / "run", OPENAI_API_KEY="none")
    assert ran.code == 2 and "needs the raw interface /v1/completions" in ran.err


# ---------------------------------------------------------------- parsers and filters


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Goal: a lease\nMessage: may i leave\nearly?", ("a lease", "may i leave\nearly?")),
        ('Sure!\n{"goal": "a lease", "message": "may i?"}', ("a lease", "may i?")),
        ("**Goal:** a lease\n**Message:** User: may i?", ("a lease", "may i?")),
        ('Message: "may i?"\n\nAssistant: No.', ("", "may i?")),
    ],
)
def test_an_opening_is_read_in_its_usual_forms(reply: str, expected: tuple[str, str]) -> None:
    found = opening(reply, "stop")
    assert (found.goal, found.text) == expected and found.reason is None


def test_a_message_is_read_without_its_mark_and_the_end_is_known() -> None:
    assert message("Person: and then?", "stop").text == "and then?"
    both = message("and then?\n\nAssistant: nothing.", "stop")
    assert both.text == "and then?" and both.leftovers[0].reason == "next_turn"
    for reply in ("[END]", "END", "Thanks! [END]", '{"message": "", "is_over": true}'):
        assert message(reply, "stop").is_over
    assert not message("Where is the END of the list?", "stop").is_over
    assert message("", "stop").reason == "empty_reply"


@pytest.mark.parametrize("form", ["[{}]\n{}", "{}: {}", "**{}:** {}", "### {}: {}"])
def test_a_transcript_is_read_in_its_usual_forms(form: str) -> None:
    turns = [("Person", "one"), ("Assistant", "two"), ("Person", "three"), ("Assistant", "four")]
    reply = "\n\n".join(form.format(*turn) for turn in turns)
    found = transcript(f"Here it is:\n\n{reply}\n\n[Person]\nbye", "stop")
    assert [turn.text for turn in found.turns] == ["one", "two", "three", "four"]
    assert {left.text for left in found.leftovers} == {"Here it is:", "bye"}
    cut = transcript(reply, "length")
    assert [turn.text for turn in cut.turns] == ["one", "two"] and cut.reason == "cut_by_length"


def test_turns_of_a_transcript_beyond_the_bound_are_noted(tmp_path: Path) -> None:
    said = "".join(f"[Person]\nquestion number {k}?\n[Assistant]\nanswer {k}\n" for k in range(4))
    with LoopbackServer(model=lambda request: Completion(said, "stop", Usage(400, 60))) as server:
        words = (*at(server), "--style", "transcript", "--turns", 2, "--n", 1)
        chat(*words, "--out", tmp_path / "run", OPENAI_API_KEY="none").done()
    [example] = lines_of(tmp_path / "run/examples.jsonl")
    assert len(turns_of(example)) == 4
    [left] = [
        line for line in lines_of(tmp_path / "run/rejected.jsonl") if "beyond" in line["reason"]
    ]
    assert left["what"] == "leftover" and left["text"].startswith("question number 2?")


@pytest.mark.parametrize(
    "reply", ["", "No marks at all.", "{", '{"turns": []}', "[Person]", "[" * 999]
)
def test_a_parser_never_raises(reply: str) -> None:
    for parse in (opening, message, transcript):
        found = parse(reply, "stop")
        assert found.is_empty == (found.reason is not None)


@pytest.mark.parametrize(
    ("role", "text", "reason"),
    [
        ("user", "How can I help you today?", "speaks_as_assistant"),
        ("user", "As an AI language model, I cannot.", "speaks_as_assistant"),
        ("user", "You're welcome! Let me know if you need more.", "speaks_as_assistant"),
        ("user", "Fine.\nAssistant: Then go on.", "leaked_role"),
        ("user", "?!", "tiny_turn"),
        ("user", "Name a river.", "repeated_turn"),
        ("user", "and how do i help my mother with that", None),
        ("user", "What does [END] mean in this log?", None),
        ("user", "ok", None),
        ("assistant", "Once more.", "broken_alternation"),
    ],
)
def test_the_filters_name_their_reason(role: str, text: str, reason: str | None) -> None:
    before = [Turn("user", "Name a river."), Turn("assistant", "The Oder.")]
    assert why_not_turn(Turn(role, text), before) == reason


def test_an_answer_is_no_refusal_no_loop_and_not_tiny() -> None:
    before = [Turn("user", "Name a river.")]
    for text, reason in (
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("It flows on and on. " * 4, "loop"),
        ("Ok", "tiny_turn"),
        ("The Oder.", None),
    ):
        assert why_not_turn(Turn("assistant", text), before) == reason


def test_check_looks_at_every_turn(tmp_path: Path) -> None:
    turns = ["Add 2 and 2.", "2 + 2 = 5.", "And who are you?", "I'm sorry, but I can't say that."]
    turns += ["Name a river.", "The Oder."]
    roles = ("user", "assistant") * 3
    messages = [{"role": role, "content": text} for role, text in zip(roles, turns, strict=True)]
    path = tmp_path / "chats.jsonl"
    path.write_text(json.dumps({"messages": messages}) + "\n")
    said = json.loads(invoke("check", path, "--json").done().out)
    assert {slug: found["count"] for slug, found in said["findings"].items()} == {
        "wrong_arithmetic": 1,
        "refusal": 1,
    }
    every = tmp_path / "every.jsonl"
    invoke("check", path, "--every", every).done()
    assert sorted(line["evidence"][:7] for line in lines_of(every)) == ["turn 2:", "turn 4:"]
    messages[1]["content"] = "2 + 2 = 4."
    path.write_text(json.dumps({"messages": messages}) + "\n")
    said = json.loads(invoke("check", path, "--json", "--only", "wrong_arithmetic").done().out)
    assert not said["findings"]
