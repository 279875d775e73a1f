"""Requests that a server never answers are passed over; a server that answers nobody loses none."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from command import Ran, dataset, invoke
from server import Answer, Behaviour, Call, LoopbackServer, error, failing

from selfinstruct.models import PROBE
from selfinstruct.models.probes import TEXTS

POISON = "POISON"
QUICK = ("--retries", 2)  # the default of 8 takes half a minute
N = 12


def said(call: Call) -> str:
    return json.dumps(call.body.get("messages") or call.body.get("prompt"))


def is_poisoned(call: Call) -> bool:
    return POISON in said(call)


def is_probe(call: Call) -> bool:
    return said(call).endswith(tuple(f"{json.dumps(text)}}}]" for text in TEXTS))


def rows(folder: Path, count: int, *poisoned: int) -> Path:
    """A file of instructions, some of them poisoned."""
    path = folder / "rows.jsonl"
    words = [POISON if number in poisoned else "Write about" for number in range(count)]
    path.write_text(
        "".join(
            json.dumps({"instruction": f"{word} thing number {number}."}) + "\n"
            for number, word in enumerate(words)
        )
    )
    return path


def respond(server: LoopbackServer, out: Path, source: Path, *options: object) -> Ran:
    model = ("--model", "mentor", "--base-url", server.base_url)
    return invoke("respond", source, "--out", out, *model, *options)


def losses(out: Path) -> list[str]:
    """The slugs of the lost requests on record."""
    records = map(json.loads, (out / "completions.jsonl").read_text().splitlines())
    return [record["error"] for record in records if record.get("error")]


def examples(out: Path) -> int:
    return len((out / "examples.jsonl").read_bytes().splitlines())


# ---------------------------------------------------------------- poison

KINDS = {
    "500": "server_error",
    "no choices": "server_error",
    "reset": "server_error",
    "400": "bad_request",
    "403": "bad_request",
    "content filter words": "content_filter",
}


def kind_of_failure(kind: str) -> Behaviour:
    if kind != "content filter words":
        return failing(kind, when=is_poisoned)

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        words = "This prompt was flagged by our safety system."
        return (
            error(400, words, "invalid_request_error") if is_poisoned(call) else await go_on(call)
        )

    return behave


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_request_of_a_run_is_passed_over_if_a_probe_is_answered(
    kind: str, tmp_path: Path
) -> None:
    out, source = tmp_path / "run", rows(tmp_path, N, N - 1)
    with LoopbackServer(kind_of_failure(kind)) as server:
        respond(server, out, source, *QUICK).done()
        assert losses(out) == [KINDS[kind]] and examples(out) == N - 1
        asked = len(server.calls)
        invoke("resume", out).done()
        assert len(server.calls) == asked
    invoke("verify", out).done()


@pytest.mark.parametrize("kind", [pytest.param("500", marks=pytest.mark.slow), "no choices", "400"])
def test_a_run_of_one_request_passes_over_that_one(kind: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with LoopbackServer(kind_of_failure(kind)) as server:
        respond(server, out, rows(tmp_path, 1, 0), *QUICK).done()
    assert losses(out) == [KINDS[kind]] and examples(out) == 0


def test_a_request_that_always_times_out_is_given_up_after_few_tries(tmp_path: Path) -> None:
    out, source = tmp_path / "run", rows(tmp_path, N, 3)
    with LoopbackServer(failing("hang", when=is_poisoned)) as server:
        respond(server, out, source, "--timeout", 0.5).done()
        assert sum(map(is_poisoned, server.calls)) == 3  # two, if each takes a minute or more
    assert losses(out) == ["server_error"] and examples(out) == N - 1


def test_a_sitting_that_has_nothing_left_but_poison_passes_over_it(tmp_path: Path) -> None:
    """In the first sitting the server has refused the probe as well, once all else was done."""
    out, source = tmp_path / "run", rows(tmp_path, N, N - 1)

    def is_refused(call: Call) -> bool:
        return is_poisoned(call) or is_probe(call)

    with LoopbackServer(failing("403", when=is_refused)) as server:
        assert "refuses every request" in respond(server, out, source, "--concurrency", 1).error
        assert losses(out) == [] and examples(out) == N - 1
        server.behaviours = (failing("no choices", when=is_poisoned),)
        invoke("resume", out, *QUICK).done()
    assert losses(out) == ["server_error"] and examples(out) == N - 1


@pytest.mark.slow
@pytest.mark.parametrize("status", [400, 500])
def test_a_server_that_fails_at_the_probe_as_well_gets_another(tmp_path: Path, status: int) -> None:
    async def fail(call: Call, go_on: Answer) -> web.StreamResponse:
        is_first_probe = said(call).endswith(f"{json.dumps(TEXTS[0])}}}]")
        return (
            error(status, "no", "x") if is_poisoned(call) or is_first_probe else await go_on(call)
        )

    with LoopbackServer(fail) as server:
        respond(server, tmp_path / "run", rows(tmp_path, 3, 1, 2), *QUICK).done()
    assert len(losses(tmp_path / "run")) == 2


def test_a_probe_counts_in_the_books_and_is_no_reply(tmp_path: Path) -> None:
    out, source = tmp_path / "run", rows(tmp_path, N, N - 1)
    with LoopbackServer(failing("400", when=is_poisoned)) as server:
        respond(server, out, source).done()
        probes = [call for call in server.calls if is_probe(call)]
        calls = len(server.calls)
    assert len(probes) == 1 and probes[0].body["max_tokens"] <= 16
    now = json.loads(invoke("status", out, "--json").done().out)
    assert now["calls"] == calls
    written = (out / "completions.jsonl").read_text()
    assert len(written.splitlines()) == N and PROBE not in written


@pytest.mark.slow
@pytest.mark.parametrize("count", [40, 200, 2_000])
@pytest.mark.parametrize("kind", ["500", "no choices", "hang"])
def test_poison_costs_less_than_two_minutes_with_default_settings(
    kind: str, count: int, tmp_path: Path
) -> None:
    met: list[float] = []

    async def watch(call: Call, go_on: Answer) -> web.StreamResponse:
        if is_poisoned(call):
            met.append(time.monotonic())
        return await go_on(call)

    out, source = tmp_path / "run", rows(tmp_path, count, count // 2)
    options = ("--timeout", 10) if kind == "hang" else ()
    with LoopbackServer(watch, failing(kind, when=is_poisoned)) as server:
        respond(server, out, source, *options).done()
        assert met[-1] - met[0] < 120
        invoke("resume", out).done()
    assert losses(out) == ["server_error"]
    assert count - 1 - count // 100 <= examples(out) < count  # few replies are unreadable


# ---------------------------------------------------------------- everything fails from a moment on


def quota() -> web.Response:
    return error(
        429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota"
    )


MONEY: dict[str, Callable[[], web.Response]] = {
    "402": lambda: error(402, "Insufficient credits", "payment_required"),
    "429 with a quota": quota,
    "403 with billing words": lambda: error(403, "Billing is not active here.", "forbidden"),
    "403 without words": lambda: error(403, "Forbidden", "forbidden"),
    "400 in German": lambda: error(400, "Ihr Guthaben reicht nicht aus.", "bad"),
    "400 in words that nobody knows": lambda: error(400, "Arr, no doubloons.", "bad"),
    "200 with an error": lambda: web.json_response(
        {"error": {"message": "insufficient balance", "code": "1113"}}
    ),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    with LoopbackServer() as server:
        respond(server, folder / "run", rows(folder, N)).done()
    return folder


@pytest.mark.parametrize("shape", MONEY)
def test_money_that_is_gone_ends_the_run_with_a_line_and_loses_nothing(
    shape: str, undisturbed: Path, tmp_path: Path
) -> None:
    out, left, served = tmp_path / "run", [5], Counter[str]()

    async def count(call: Call, go_on: Answer) -> web.StreamResponse:
        left[0] -= 1
        if left[0] < 0:
            return MONEY[shape]()
        served[call.key] += 1
        return await go_on(call)

    source = undisturbed / "rows.jsonl"
    with LoopbackServer(count) as server:
        ended = respond(server, out, source, "--patience", 0, "--concurrency", 2)
        assert f"selfinstruct resume {out}" in ended.error
        assert losses(out) == []
        left[0] = 10**6
        invoke("resume", out, "--patience", 60).done()
        assert set(served.values()) == {1} and served.total() == N
    assert dataset(out) == dataset(undisturbed / "run")


def test_a_limit_that_says_when_it_ends_is_waited_for(undisturbed: Path, tmp_path: Path) -> None:
    """A quota in words, and the time in words as well."""
    out, until = tmp_path / "run", [0.0]

    async def limit(call: Call, go_on: Answer) -> web.StreamResponse:
        if len(server.calls) > 5 and not until[0]:
            until[0] = time.monotonic() + 0.6
        if time.monotonic() < until[0]:
            return error(429, "Quota exceeded. Please retry in 0.3s.", "RESOURCE_EXHAUSTED")
        return await go_on(call)

    with LoopbackServer(limit) as server:
        respond(server, out, undisturbed / "rows.jsonl", "--retries", 1).done()
        assert server.statuses[429] and not server.bought_twice
    assert dataset(out) == dataset(undisturbed / "run")


def test_a_wait_beyond_the_patience_ends_the_run_at_once(tmp_path: Path) -> None:
    with LoopbackServer() as server:
        source = rows(tmp_path, N)

        async def limit(call: Call, go_on: Answer) -> web.StreamResponse:
            if len(server.calls) <= 5:
                return await go_on(call)
            return error(429, "Daily limit reached.", "requests", retry_after="7200")

        server.behaviours = (limit,)
        ended = respond(server, tmp_path / "run", source, "--patience", 60).error
    assert "wants to be asked again in 2:00:00" in ended and "--patience 60" in ended
    assert losses(tmp_path / "run") == []


# ---------------------------------------------------------------- lost requests bought anew


def test_ask_again_buys_what_was_lost_and_nothing_else(undisturbed: Path, tmp_path: Path) -> None:
    out, source = tmp_path / "run", undisturbed / "rows.jsonl"
    number = "number 7."
    with LoopbackServer(failing("400", when=lambda call: number in said(call))) as server:
        respond(server, out, source).done()
        assert losses(out) == ["bad_request"]
        paid = (out / "completions.jsonl").read_bytes()
        server.behaviours = ()
        asked = len(server.calls)
        ran = invoke("resume", out, "--ask-again").done()
        assert "asks again for 1 of 1 lost requests" in ran.out
        assert len(server.calls) == asked + 1 and not server.bought_twice
    assert (out / "completions.jsonl").read_bytes().startswith(paid)
    assert dataset(out) == dataset(undisturbed / "run")
    invoke("verify", out).done()
    status: dict[str, Any] = json.loads(invoke("status", out, "--json").done().out)
    assert (status["state"], status["examples"]) == ("finished", N)


def test_what_is_lost_again_stays_lost(tmp_path: Path) -> None:
    out, source = tmp_path / "run", rows(tmp_path, N, 4)
    with LoopbackServer(failing("400", when=is_poisoned)) as server:
        respond(server, out, source).done()
        before = dataset(out)
        invoke("resume", out, "--ask-again").done()
        assert losses(out) == ["bad_request"] * 2 and dataset(out) == before
        asked = len(server.calls)
        invoke("resume", out).done()
        assert len(server.calls) == asked
    invoke("verify", out).done()
