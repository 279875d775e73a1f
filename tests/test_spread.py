"""Limits and several endpoints, end to end: `generate` against real servers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import at, dataset, finish, invoke, running, wait_for
from server import LoopbackServer, failing, latency, window_limit

N = 60


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("spread") / "undisturbed"
    with LoopbackServer() as server:
        invoke("generate", "--n", N, "--out", directory, *at(server)).done()
    return directory


def addresses(*servers: LoopbackServer) -> list[str]:
    return [
        "--model",
        "mentor",
        *(word for server in servers for word in ("--base-url", server.base_url)),
    ]


def test_two_servers_share_a_run_and_the_dataset_is_that_of_one(
    tmp_path: Path, undisturbed: Path
) -> None:
    with LoopbackServer(latency(0.01)) as one, LoopbackServer(latency(0.01)) as other:
        invoke("generate", "--n", N, "--out", tmp_path / "run", *addresses(one, other)).done()
        shares = sorted([len(one.calls), len(other.calls)])
    assert shares[0] > 0.3 * sum(shares), shares
    assert dataset(tmp_path / "run") == dataset(undisturbed)


@pytest.mark.parametrize("kind", ["401", "reset"])
def test_a_server_that_refuses_or_is_gone_is_left_out_and_the_other_does_all(
    kind: str, tmp_path: Path, undisturbed: Path
) -> None:
    with LoopbackServer(failing(kind)) as bad, LoopbackServer() as good:
        ran = invoke("generate", "--n", N, "--out", tmp_path / "run", *addresses(bad, good)).done()
        assert len(bad.calls) < len(good.calls) and not sum(bad.completed.values())
    assert "left out" in ran.err and bad.base_url in ran.err
    assert dataset(tmp_path / "run") == dataset(undisturbed)


@pytest.mark.parametrize("kind", ["400", "403", "quota"])
def test_a_server_whose_account_runs_dry_is_left_out_and_no_request_is_lost(
    kind: str, tmp_path: Path, undisturbed: Path
) -> None:
    def is_dry(call: Any) -> bool:
        return len(dry.calls) > 20

    with LoopbackServer(failing(kind, when=is_dry)) as dry, LoopbackServer() as good:
        invoke("generate", "--n", N, "--out", tmp_path / "run", *addresses(dry, good)).done()
    assert '"error"' not in (tmp_path / "run/completions.jsonl").read_text()
    assert dataset(tmp_path / "run") == dataset(undisturbed)


@pytest.mark.slow
def test_a_server_that_comes_back_takes_its_share_again(tmp_path: Path) -> None:
    n = 400
    with LoopbackServer(latency(0.05)) as one, LoopbackServer(latency(0.05)) as other:
        words = (*addresses(one, other), "--concurrency", 8)
        command = ("generate", "--n", n, "--out", tmp_path / "run", *words)
        with running(*command, until=lambda: sum(one.completed.values()) >= 10) as process:
            # The other is slow from now on: it must not end the run before the first is back.
            other.behaviours = (latency(1.0),)
            one.behaviours, before = (failing("reset"),), len(one.calls)
            wait_for(lambda: len(one.calls) > before + 1)
            answered = sum(one.completed.values())
            one.behaviours = (latency(0.05),)
            # of those under way before, at most eight are answered yet
            wait_for(lambda: sum(one.completed.values()) > answered + 12)
            other.behaviours = (latency(0.05),)
            ran = finish(process).done()
    assert "left out" in ran.err and "answers again: takes its share" in ran.err
    assert len((tmp_path / "run" / "examples.jsonl").read_text().splitlines()) == n


def test_servers_that_all_refuse_end_the_run_with_a_reason(tmp_path: Path) -> None:
    with LoopbackServer(failing("401")) as one, LoopbackServer(failing("401")) as other:
        ran = invoke("generate", "--n", N, "--out", tmp_path / "run", *addresses(one, other))
    assert "HTTP 401" in ran.error and ran.err.count("the other endpoints go on") == 1


def span(server: LoopbackServer) -> float:
    """Seconds from the first call to the last."""
    moments = [call.began for call in server.calls]
    return max(moments) - min(moments)


@pytest.mark.parametrize(
    "options",
    [("--rpm", 1200), pytest.param(("--tpm", 600_000), marks=pytest.mark.slow)],
    ids=["requests", "tokens"],
)
def test_a_limit_that_the_user_names_is_kept(options: tuple[Any, ...], tmp_path: Path) -> None:
    with LoopbackServer() as server:
        invoke(
            "generate",
            "--n",
            20,
            "--out",
            tmp_path / "run",
            *at(server),
            "--concurrency",
            64,
            *options,
        ).done()
        calls = len(server.calls)
        if options[0] == "--rpm":
            assert span(server) >= 0.9 * (calls - 1) / 20
        else:  # what they took in the end, at 10,000 tokens a second
            assert span(server) >= 0.5 * tokens(tmp_path / "run") / 10_000


def tokens(directory: Path) -> int:
    usages = [
        json.loads(line)["usage"]
        for line in (directory / "completions.jsonl").read_text().splitlines()
    ]
    return sum(usage["prompt_tokens"] + usage["completion_tokens"] for usage in usages)


def test_a_server_that_says_what_is_left_is_hardly_ever_asked_too_much(tmp_path: Path) -> None:
    with LoopbackServer(window_limit(40, says="headers"), latency(0.02)) as server:
        invoke(
            "generate", "--n", N, "--out", tmp_path / "run", *at(server), "--concurrency", 16
        ).done()
        assert server.statuses[429] <= 0.1 * len(server.calls), server.statuses
