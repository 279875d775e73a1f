"""verify --ask: recorded requests asked anew, from a server that repeats itself and one that does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import invoke
from server import Answer, Behaviour, Call, LoopbackServer

from selfinstruct.models import Completion, Decoding, Message, Request
from selfinstruct.runs.rebuying import Sample

N = 40


def another_text(every: int) -> Behaviour:
    """Changes every so manyth reply."""

    async def behaviour(call: Call, answer: Answer) -> object:
        response = await answer(call)
        if int(call.key, 16) % every == 0:
            record = json.loads(response.text)  # type: ignore[attr-defined]
            record["choices"][0]["message"]["content"] += " indeed"
            response.text = json.dumps(record)  # type: ignore[attr-defined]
        return response

    return behaviour  # type: ignore[return-value]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rebuying") / "run"
    with LoopbackServer() as server:
        words = ("--model", "m", "--n", N, "--base-url", server.base_url)
        invoke("generate", *words, "--out", out).done()
    return out


def test_a_server_that_repeats_itself_gives_equal_replies(run: Path) -> None:
    before = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
    with LoopbackServer() as server:
        said = invoke("verify", run, "--ask", 7, "--base-url", server.base_url).done().out
        assert "asked 7 requests anew: 7 of the replies are equal" in said
        assert len(server.calls) == 7
    assert {path: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_more_than_there_are_is_all_of_them(run: Path) -> None:
    """Of those that the dataset is made from; a few replies came for turns beyond its end."""
    lines = (run / "completions.jsonl").read_text("utf-8").splitlines()
    replies = sum("error" not in json.loads(line) for line in lines)
    with LoopbackServer() as server:
        said = invoke("verify", run, "--ask", 1000, "--base-url", server.base_url).done().out
        asked = len(server.calls)
    assert 12 <= asked <= replies
    assert f"asked {asked} requests anew: {asked} of the replies are equal" in said


def test_replies_that_differ_are_counted_and_shown(run: Path) -> None:
    with LoopbackServer(another_text(2)) as server:
        ran = invoke("verify", run, "--ask", 12, "--base-url", server.base_url)
        differing = sum(int(call.key, 16) % 2 == 0 for call in server.calls)
    assert 0 < differing < 12 and ran.code == 1
    assert f"asked 12 requests anew: {12 - differing} of the replies are equal" in ran.out
    assert ran.out.count(": differs from character ") == differing
    assert " indeed' today" in ran.out


def test_options_of_asking_need_it_and_caps_hold(run: Path) -> None:
    assert "--retries: of use with --ask alone" in invoke("verify", run, "--retries", 3).error
    with LoopbackServer() as server:
        words = ("--ask", 9, "--base-url", server.base_url, "--max-requests", 4)
        ran = invoke("verify", run, *words)
        assert ran.code == 75 and len(server.calls) <= 4
        assert "--max-requests" in ran.err and "nothing is kept" in ran.err


def test_the_draw_depends_on_seed_and_keys_alone() -> None:
    messages = (Message("user", "hello"),)
    requests = [Request("s", f"t{k}", "m", "chat", messages, Decoding(), k) for k in range(60)]
    reply = Completion("yes", "stop")

    def drawn(seed: int, order: list[Request]) -> list[str]:
        sample = Sample(9, seed)
        for request in order:
            sample.take(request, reply)
        return [request.place for request, _ in sample]

    assert drawn(1, requests) == drawn(1, requests[::-1]) != drawn(2, requests)
    sample = Sample(9)
    sample.take(requests[0], Completion("no", "error", error="bad_request"))
    assert not list(sample)
