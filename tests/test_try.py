"""`selfinstruct try`: what it sends and shows, what it advises; a run that reads nothing stops early."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from command import ROOT, Ran, at, dataset, invoke
from kinds import DEEPSEEK, KINDS, Kind
from server import (
    Answer,
    Behaviour,
    Call,
    LoopbackServer,
    error,
    rejecting,
    saying,
    stage_by_templates,
)
from test_secrets import assert_nowhere

import selfinstruct
from selfinstruct.asking.advice import FIRST, Symptoms, remedy
from selfinstruct.errors import NothingRead
from selfinstruct.models import Completion, Decoding, Request
from selfinstruct.models.scripted.model import reply

SECRET = "az-9f/+QxW7tZr2~VbN4m=K8'yLp0"


def tried(server: LoopbackServer, *words: object, **environment: str) -> Ran:
    return invoke("try", *at(server), *words, **environment)


STAGE_OF = stage_by_templates()


def stage_of(call: Call) -> str:
    return STAGE_OF("\n\n".join(part["content"] for part in call.body["messages"]))


def asks_for_a_label(call: Call) -> bool:
    return stage_of(call) == "classify"


def asks_for_outputs(call: Call) -> bool:
    return stage_of(call) == "input_first"


def answering(
    message: dict[str, Any], finish: str = "stop", *, stage: str = "classify", **usage: Any
) -> Behaviour:
    """Answers with this message where a label is asked for, or at another stage."""

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        if stage_of(call) != stage:
            return await go_on(call)
        tokens = {
            "prompt_tokens": 300,
            "completion_tokens": call.body.get("max_tokens", 9),
            **usage,
        }
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
        return web.json_response({"choices": [choice], "usage": tokens})

    return behave


# ---------------------------------------------------------------- all is well


def test_every_stage_is_asked_once_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with LoopbackServer() as server:
        ran = tried(server, "--judge", "--price-in", 1, "--price-out", 2).done()
    assert len(server.calls) == 5 and not list(tmp_path.iterdir())
    assert [line for line in ran.out.splitlines() if line.isidentifier()] == [
        *("propose", "classify", "input_first", "output_first", "judge")
    ]
    for words in (
        "finish reason stop; ",
        " a second; $0.0",
        "  read      8 instructions, the first",
    ):
        assert words in ran.out
    assert "a score of " in ran.out and "together  " in ran.out
    assert ran.out.splitlines()[-1].startswith(
        f"all stages were read; go on with: selfinstruct generate --base-url {server.base_url} "
        "--model mentor"
    )


def test_a_rehearsal_asks_as_the_run_does(tmp_path: Path) -> None:
    words = ("--temperature", "0.3", "--seed", 5, "--leave-out", "top_p")
    with LoopbackServer() as server:
        tried(server, *words).done()
        first = server.calls[0].key
        invoke("generate", "--n", 3, "--out", tmp_path / "run", *at(server), *words).done()
    assert server.received[first] == 2  # the first proposal, once each


def test_models_of_this_program_are_tried_too() -> None:
    assert (
        "go on with: selfinstruct generate --model scripted"
        in invoke("try", "--model", "scripted").done().out
    )
    alpaca = invoke("try", "--model", "scripted", "--preset", "alpaca").done().out
    assert [line for line in alpaca.splitlines() if line.isidentifier()] == ["propose"]


def test_a_dry_run_shows_all_and_sends_nothing() -> None:
    with LoopbackServer() as server:
        ran = tried(server, "--dry-run", "--judge").done()
    assert not server.calls
    assert ran.out.count("--- user") >= 5
    assert "classify: mentor, chat, temperature 0.0, max_tokens 16" in ran.out
    assert "nothing was sent. 5 calls, at most " in ran.out


def test_settings_of_a_file_serve_and_those_of_a_sitting_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('out = "x"\nn = 5\nmax_tokens = 77\n[classify]\nmax_tokens = 5\n', "utf-8")
    with LoopbackServer() as server:
        tried(server, "--config", file).done()
    assert {call.body["max_tokens"] for call in server.calls} == {77, 5}


# ---------------------------------------------------------------- what is wrong


def test_a_model_that_thinks_at_sixteen_tokens_gets_its_advice() -> None:
    with LoopbackServer(answering({"content": ""}, "length", **thoughts(16))) as server:
        ran = tried(server)
    assert ran.code == 1 and "Error" not in ran.err
    assert "  read      nothing (" in ran.out and "thinking  16 tokens" in ran.out
    assert (
        "classify ended at 16 tokens while thinking: --max-tokens classify=2048, "
        "or a model that does not think"
    ) in ran.out
    assert "go on with" not in ran.out


def thoughts(count: int) -> dict[str, Any]:
    return {"completion_tokens_details": {"reasoning_tokens": count}}


def test_a_stage_that_is_read_at_a_second_attempt_gets_a_hint() -> None:
    with LoopbackServer(*DEEPSEEK.behaviours) as server:
        ran = invoke("try", *at(server, model="mentor-2")).done()
    assert (
        "classify ended at 16 tokens while thinking: --max-tokens classify=2048, or a model that "
        "does not think (read at attempt 2)"
    ) in ran.out


@pytest.mark.parametrize(
    ("message", "finish", "words"),
    [
        ({"content": "<think>Let me see"}, "length", "classify ended at 16 tokens while thinking"),
        ({"content": "", "reasoning_content": "Hm"}, "stop", "classify sends thoughts alone: --ex"),
        ({"content": ""}, "stop", "classify sends empty replies: try --stream"),
        ({"content": "Purple."}, "stop", "(neither_yes_nor_no): --response-format json_schema"),
        ({"content": None, "refusal": "I cannot."}, "stop", "classify refuses to answer"),
    ],
)
def test_each_symptom_has_its_remedy(message: dict[str, Any], finish: str, words: str) -> None:
    with LoopbackServer(answering(message, finish)) as server:
        ran = tried(server)
    assert ran.code == 1 and words in ran.out, ran


def test_fields_that_the_server_refuses_are_named() -> None:
    with LoopbackServer(rejecting("top_p", "max_tokens")) as server:
        ran = tried(server, "--leave-out", "seed").done()
    where = f"at {server.base_url}"
    assert f"refused     top_p {where}; sent instead: nothing" in ran.out
    assert f"max_tokens {where}; sent instead: max_completion_tokens" in ran.out
    assert "left out    seed (--leave-out)" in ran.out


def test_a_server_that_serves_nobody_is_an_error() -> None:
    async def locked(call: Call, go_on: Answer) -> web.StreamResponse:
        return error(401, "Incorrect API key.", "invalid_request_error", "invalid_api_key")

    with LoopbackServer(locked) as server:
        assert "Incorrect API key" in tried(server).error


def test_caps_hold() -> None:
    with LoopbackServer() as server:
        ran = tried(server, "--max-requests", 2)
    assert ran.code == 75 and len(server.calls) == 2
    assert "stopped (--max-requests 2: 2 calls were sent); nothing is kept" in ran.err


def test_a_cap_needs_the_limit_that_it_rests_on() -> None:
    words = ("--model", "m", "--max-tokens", "classify=none", "--max-tokens-total", 9000)
    said = invoke("try", "--base-url", "http://127.0.0.1:9/v1", *words).error
    assert said.startswith("--max-tokens classify=none: --max-tokens-total rests on that limit")


def test_no_secret_is_shown(tmp_path: Path) -> None:
    words = ("--header-env", "api-key=KEY", "--header", f"X-G: {SECRET}", "--query", f"k={SECRET}")
    with LoopbackServer(saying(lambda call, text: f"1. {call.headers['x-g']}")) as server:
        ran = tried(server, *words, KEY=SECRET)
    assert ran.code == 1
    assert_nowhere(SECRET, tmp_path, ran)


# ---------------------------------------------------------------- kinds of servers


def whole(request: Request) -> Completion:
    """The scripted reply, or the next that is whole: without a seed each attempt is the same."""
    drawn = (reply(replace(request, seed=seed)) for seed in count(request.seed))
    return next(said for said in drawn if said.finish_reason == "stop" and len(said.text) > 1)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_of_server_serves_with_the_options_that_the_docs_name(
    tmp_path: Path, kind: Kind
) -> None:
    page = (ROOT / "docs" / "models.md").read_text("utf-8")
    assert kind.name in page and all(part in page for part in kind.options[::2])
    with LoopbackServer(*kind.behaviours, model=whole) as server:
        words = ("--base-url", server.base_url, "--model", kind.model, *kind.options)
        ran = invoke("try", *words, "--judge", **dict(kind.secrets)).done()
        out = tmp_path / "run"
        invoke("generate", "--n", 3, "--out", out, *words, **dict(kind.secrets)).done()
    refused = re.findall(r"(?m)^refused     (\S+)(?: in (\S+))? at", ran.out)
    assert set(kind.left_out) <= {f"{stage}.{part}".strip(".") for part, stage in refused}
    for _, secret in kind.secrets:
        assert_nowhere(secret, out, ran)


# ---------------------------------------------------------------- the library


def test_the_library_says_the_same() -> None:
    with LoopbackServer(answering({"content": "<think>Hm"}, "length")) as server:
        found = selfinstruct.preflight(base_url=server.base_url, model="mentor", judge=True)
    assert not found.is_read and len(found.probed) == 5
    assert [advice.split()[0] for advice in found.advice] == ["classify"]
    assert any(line.startswith("together") for line in found.lines())
    assert selfinstruct.preflight(model="scripted").advice == []


# ---------------------------------------------------------------- advice


def test_advice_is_of_the_commonest_reason() -> None:
    seen = Symptoms("propose", Decoding(max_tokens=1024), replies=3, unread=3)
    assert "json_schema" in remedy(replace_reasons(seen, no_list=2, empty_reply=1))
    assert "empty replies" in remedy(replace_reasons(seen, no_list=1, empty_reply=2))
    assert "try another model" in remedy(replace_reasons(seen, something_new=1))


def replace_reasons(symptoms: Symptoms, **reasons: int) -> Symptoms:
    from collections import Counter
    from dataclasses import replace

    return replace(symptoms, reasons=Counter(reasons))


# ---------------------------------------------------------------- the first replies of a run


def generate(out: Path, server: LoopbackServer, *words: object, n: int = 200) -> Ran:
    return invoke("generate", "--n", n, "--out", out, *at(server), *words)


def test_a_run_whose_outputs_are_never_read_stops_early_with_the_same_advice(
    tmp_path: Path,
) -> None:
    out = tmp_path / "run"
    cut = answering({"content": "<think>Hm"}, "length", stage="input_first")
    with LoopbackServer(cut) as server:
        ran = generate(out, server, "--concurrency", 4)
        outputs = [call for call in server.calls if asks_for_outputs(call)]
    assert ran.code == 1
    last = ran.err.splitlines()[-1]
    assert last.startswith(f"Error: stopped: the first {FIRST} replies of input_first hold nothing")
    assert "input_first ended at 3072 tokens while thinking: --max-tokens input_first=6144" in last
    assert FIRST <= len(outputs) <= FIRST + 8


def test_a_run_goes_on_once_the_model_is_mended(tmp_path: Path) -> None:
    out, more = tmp_path / "run", ("--stall-turns", 30)
    with LoopbackServer(saying("Well, well.", when=asks_for_outputs)) as server:
        assert generate(out, server, *more, n=60).code == 1
        server.behaviours = ()
        invoke("resume", out).done()
    replies = [json.loads(line) for line in (out / "completions.jsonl").read_text().splitlines()]
    assert sum(reply["text"] == "Well, well." for reply in replies) >= FIRST
    assert dataset(out)["examples.jsonl"]


def test_proposals_that_hold_nothing_end_a_run_soon(tmp_path: Path) -> None:
    with LoopbackServer(saying("I would rather not.")) as server:
        ran = generate(tmp_path / "run", server)
    assert ran.code == 1 and "the first 20 replies of propose hold nothing" in ran.err
    assert len(server.calls) < 60


def test_it_is_an_error_of_its_own_in_the_library(tmp_path: Path) -> None:
    with (
        LoopbackServer(saying("I would rather not.")) as server,
        pytest.raises(NothingRead, match="selfinstruct try"),
    ):
        selfinstruct.generate(
            tmp_path / "run", base_url=server.base_url, model="mentor", progress=False
        )
