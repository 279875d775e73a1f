"""Fields that a server rejects are found out once for a run; fields that --extra-body may add."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import Ran, at, dataset, invoke
from server import LoopbackServer, error, rejecting

STATUSES = ("400", "200")


def generate(out: Path, n: int, *words: object) -> Ran:
    return invoke("generate", "--n", n, "--out", out, *words).done()


def refusals(server: LoopbackServer) -> int:
    return sum(call.status == 400 for call in server.calls)


def left_out(out: Path) -> dict[str, Any]:
    found = json.loads((out / "checkpoint.json").read_text())["left_out"]
    assert isinstance(found, dict)
    return found


def test_a_resumed_run_does_not_pay_for_the_same_refusals_again(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with LoopbackServer(rejecting("seed", "max_tokens", "top_p")) as server:
        first = generate(out, 5, *at(server))
        before, calls = refusals(server), len(server.calls)
        again = generate(out, 9, *at(server))
        assert 3 <= before == refusals(server) and len(server.calls) > calls
        assert left_out(out) == {
            server.base_url: {"max_tokens": "max_completion_tokens", "seed": None, "top_p": None}
        }
        shown = invoke("status", out).done().out
    assert (first.out + first.err).count(
        "does not take 'seed'"
    ) == 1 and "does not take" not in again.out + again.err
    assert (
        "left out     max_tokens (max_completion_tokens instead), seed, top_p: "
        f"not taken by {server.base_url}" in shown
    )


def test_it_is_knowledge_of_a_server_and_no_setting_of_the_run(tmp_path: Path) -> None:
    """The dataset is the same with it, without it, and at a server that takes everything."""
    with LoopbackServer(rejecting("seed", "temperature")) as server, LoopbackServer() as other:
        generate(tmp_path / "one", 5, *at(server))
        recorded = (tmp_path / "one" / "run.json").read_bytes()
        generate(tmp_path / "one", 9, *at(other))
        generate(tmp_path / "two", 9, *at(other))
        late = [call.body for call in other.calls]
    assert b"left_out" not in recorded
    assert all("seed" in body and "temperature" in body for body in late), (
        "another server was taken for the first"
    )
    plain = json.loads((tmp_path / "two" / "run.json").read_text())["config"]
    assert json.loads((tmp_path / "one" / "run.json").read_text())["config"] == plain


def test_several_endpoints_are_known_apart(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with (
        LoopbackServer(rejecting("seed")) as one,
        LoopbackServer(rejecting("top_p")) as two,
        LoopbackServer() as three,
    ):
        words = [word for server in (one, two, three) for word in ("--base-url", server.base_url)]
        generate(out, 12, *words, "--model", "mentor", "--concurrency", 3)
        known = {
            address: fields for address, fields in left_out(out).items() if fields
        }  # the third takes all
        assert known == {one.base_url: {"seed": None}, two.base_url: {"top_p": None}}
        before = refusals(one) + refusals(two)
        generate(out, 20, *words, "--model", "mentor", "--concurrency", 3)
        assert before == refusals(one) + refusals(two)
        shown = invoke("status", out).done().out
    assert shown.count("left out ") == 2


def test_a_schema_that_was_refused_is_not_tried_again(tmp_path: Path) -> None:
    async def refuse(call: Any, go_on: Any) -> Any:
        kind = call.body.get("response_format", {}).get("type")
        words = "response_format.type 'json_schema' is not supported"
        return (
            error(400, words, "invalid_request_error")
            if kind == "json_schema"
            else await go_on(call)
        )

    with LoopbackServer(refuse) as server:
        generate(tmp_path / "run", 3, *at(server), "--response-format", "json_schema")
        before = refusals(server)
        generate(tmp_path / "run", 6, *at(server))
        assert refusals(server) == before >= 1
        assert {call.body["response_format"]["type"] for call in server.calls[-3:]} == {
            "json_object"
        }


def test_a_repair_forgets_it_and_a_damaged_record_of_it_is_no_harm(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with LoopbackServer(rejecting("seed")) as server:
        generate(out, 3, *at(server))
        before = dataset(out)
        checkpoint = json.loads((out / "checkpoint.json").read_text())
        for strange in (
            [1],
            "words",
            {server.base_url: "seed"},
            {server.base_url: {"model": None, "seed": "model"}},
            None,
        ):
            (out / "checkpoint.json").write_text(json.dumps({**checkpoint, "left_out": strange}))
            generate(out, 3, *at(server))
            assert dataset(out) == before
        known = refusals(server)
        calls = len(server.calls)
        generate(out, 30, *at(server), "--repair")
        assert len(server.calls) > calls and refusals(server) > known


# ---------------------------------------------------------------- --extra-body

VLLM = (
    '{"min_p": 0.05, "guided_json": {"type": "object", "properties": {"a": {"type": "string"}}}, '
    '"top_k": 40}'
)
LLAMA = '{"grammar": "root ::= [a-z]+", "cache_prompt": false, "samplers": ["top_k", "min_p"]}'


@pytest.mark.parametrize(
    "extra",
    [
        VLLM,
        LLAMA,
        '{"chat_template_kwargs": {"enable_thinking": false}}',
        '{"max_completion_tokens": 99}',
    ],
)
def test_further_fields_reach_the_server_as_they_are(tmp_path: Path, extra: str) -> None:
    with LoopbackServer() as server:
        generate(tmp_path / "run", 3, *at(server), "--extra-body", extra)
        for body in server.requests:
            assert {name: body[name] for name in json.loads(extra)} == json.loads(extra)


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        ('{"model": "other"}', "'model' has an option of its own: --model"),
        (
            '{"messages": []}',
            "'messages' cannot be set there: every prompt is made from the templates",
        ),
        ('{"prompt": ""}', "'prompt' cannot be set there"),
        ('{"seed": 5}', "'seed' has an option of its own: --seed"),
        (
            '{"min_p": 0.1, "temperature": 0}',
            "'temperature' has an option of its own: --temperature",
        ),
        ('{"max_tokens": 9}', "--max-tokens"),
        ('{"stop": ["x"]}', "--stop"),
        ('{"response_format": {"type": "json_object"}}', "--response-format"),
        ('{"stream": true}', "'stream' cannot be set there: ask for streams with --stream"),
        ('{"n": 4}', "paid for in vain"),
        ('{"min_p": NaN}', "not JSON (NaN is no number there)"),
        ('{"min_p": "\\ud800"}', "half of a character"),
        ('{"min_p": 0.1', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[0.1]", "must be a JSON object"),
        ("0.1", "must be a JSON object"),
    ],
)
def test_one_that_the_run_decides_itself_is_refused(
    tmp_path: Path, extra: str, wanted: str
) -> None:
    with LoopbackServer() as server:
        said = invoke(
            "generate", "--n", 3, "--out", tmp_path / "run", *at(server), "--extra-body", extra
        ).error
        assert not server.calls
    assert said.startswith("--extra-body: ") and wanted in said


def test_a_grammar_is_refused_where_every_template_has_one(tmp_path: Path) -> None:
    words = (
        "--preset",
        "small",
        "--base-url",
        "http://127.0.0.1:9/v1",
        "--model",
        "m",
        "--extra-body",
        '{"grammar": "root ::= [a]"}',
    )
    assert (
        "every template has its own"
        in invoke("generate", "--n", 3, "--out", tmp_path / "run", *words).error
    )


def test_a_run_that_was_begun_with_more_goes_on_so(tmp_path: Path) -> None:
    """Before there were rules; new words are held to them."""
    out = tmp_path / "run"
    with LoopbackServer() as server:
        generate(out, 3, *at(server), "--extra-body", '{"min_p": 0.1}')
        record = json.loads((out / "run.json").read_text())
        record["config"]["extra_body"] = '{"temperature": 0.1}'
        (out / "run.json").write_text(json.dumps(record))
        generate(out, 5, *at(server))
        assert server.requests[-1]["temperature"] == 0.1
        said = invoke(
            "generate",
            "--n",
            7,
            "--out",
            out,
            *at(server),
            "--extra-body",
            '{"top_p": 0.1}',
            "--accept-change",
        ).error
    assert "'top_p' has an option of its own" in said


def test_a_further_field_that_a_server_refuses_ends_the_run_with_its_words(tmp_path: Path) -> None:
    with LoopbackServer(rejecting("min_p")) as server:
        said = invoke(
            "generate",
            "--n",
            3,
            "--out",
            tmp_path / "run",
            *at(server),
            "--extra-body",
            '{"min_p": 0.1}',
        ).error
    assert "Unsupported parameter: 'min_p'" in said
