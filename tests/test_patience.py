"""Waiting for a server: for how long, in which words, and when a run is over."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from command import Ran, at, invoke
from server import Answer, Call, LoopbackServer, error

from selfinstruct.errors import ModelError, Refused, RequestFailed, Transient
from selfinstruct.models import Completion, Decoding, Message, Request
from selfinstruct.models.evidence import (
    FIRST_TRIES,
    LONG,
    MINUTE,
    Evidence,
    Tries,
    Verdict,
    judge,
)
from selfinstruct.models.limits.concurrency import Paced
from selfinstruct.models.openai.refusals import error_of_refusal, read_refusal
from selfinstruct.models.openai.waits import is_loading, wait_in
from selfinstruct.models.silence import Silence
from selfinstruct.runs.status import read_status

PATIENCE = 3600.0


REQUEST = Request("propose", "t0", "m", "chat", (Message("user", "Go on."),), Decoding(), 0)


class Never:
    """A model that nobody may ask."""

    async def complete(self, request: Request) -> Completion:
        raise AssertionError(request)

    async def close(self) -> None: ...


# ---------------------------------------------------------------- the verdict


def failed(times: int, failure: Transient, evidence: Evidence, now: float = 100.0) -> Verdict:
    """The verdict on the last of so many failures of a request, a second apart."""
    tries = Tries(now - times, retries=8)
    for moment in range(times):
        tries.take(now - times + 1 + moment, evidence.last_answer())
        verdict = judge(failure, tries, evidence, now - times + 1 + moment, PATIENCE)
    return verdict


def after(*answers: float) -> Evidence:
    evidence = Evidence()
    for moment in answers:
        evidence.answered("", moment - 0.5, moment)
    return evidence


def test_a_single_failure_says_nothing() -> None:
    assert failed(1, Transient("500"), after(99.5)) is Verdict.AGAIN


def test_the_second_failure_with_no_answer_to_others_is_reason_to_ask() -> None:
    assert failed(2, Transient("500"), after(50.0)) is Verdict.ASK


def test_a_failure_counts_once_others_were_answered_and_the_last_is_always_confirmed() -> None:
    evidence, tries = after(0.0), Tries(0.5, retries=3)
    for moment in (1.0, 2.0, 3.0):
        evidence.answered("", moment - 0.3, moment - 0.1)
        tries.take(moment, evidence.last_answer())
        verdict = judge(Transient("500"), tries, evidence, moment, PATIENCE)
    assert (tries.counted, verdict) == (2, Verdict.ASK)
    assert not evidence.serves_since("", 3.0) and evidence.serves_since("", 2.5)


@pytest.mark.parametrize(("enough", "counted"), [(2, 1), (3, 2), (0, 7)])
def test_slow_failures_need_fewer_tries(enough: int, counted: int) -> None:
    tries = Tries(0.0, retries=8)
    for number in range(counted):
        assert not tries.would_end(Transient("late", enough=enough))
        tries.take(float(number), -math.inf)
        tries.count(Transient("late", enough=enough))
    assert tries.would_end(Transient("late", enough=enough))


def test_slow_errors_end_a_request_after_a_minute_and_a_half_however_many_tries_are_left() -> None:
    tries = Tries(0.0, retries=100)
    for moment in (30.0, 75.0, 31.0 + LONG):
        is_over = tries.would_end(Transient("500"))
        tries.take(moment, -math.inf)
        tries.count(Transient("500"))
    assert not is_over and tries.would_end(Transient("500"))


def test_a_refusal_is_always_asked_about() -> None:
    refused = Refused(ModelError("no"), RequestFailed("bad_request", "no"))
    assert failed(1, refused, after()) is failed(1, refused, after(99.9)) is Verdict.ASK


def test_a_server_that_has_never_answered_gets_few_tries_unless_it_says_that_it_will() -> None:
    gone = Transient("cannot connect", is_server_gone=True)
    assert failed(FIRST_TRIES - 1, gone, after()) is Verdict.AGAIN
    assert failed(FIRST_TRIES, gone, after()) is Verdict.OVER
    for waits in (
        Transient("503", is_loading=True),
        Transient("503", retry_after=1.0),
        Transient("429", retry_after=1.0, is_server_busy=True),
    ):
        assert failed(50, waits, after()) is Verdict.AGAIN
        assert failed(int(PATIENCE) + 2, waits, after()) is Verdict.OVER


def test_a_proxy_that_answers_for_a_server_that_starts_is_waited_for_a_while() -> None:
    unready = Transient("502", is_unready=True)
    assert failed(50, unready, after()) is Verdict.AGAIN
    assert failed(int(MINUTE) + 2, unready, after()) is Verdict.ASK
    assert failed(50, Transient("500"), after()) is Verdict.ASK


@pytest.mark.slow
@pytest.mark.parametrize("status", [502, 503])
def test_a_server_that_starts_is_waited_for_whatever_its_words(tmp_path: Path, status: int) -> None:
    async def start(call: Call, go_on: Answer) -> web.StreamResponse:
        if len(server.calls) <= FIRST_TRIES:
            return web.Response(status=status, text="modellen indlæses")
        return await go_on(call)

    with LoopbackServer(start) as server:
        generate(server, tmp_path / "run", "--concurrency", 1).done()


def test_a_quota_is_waited_for_as_long_as_a_limit_of_a_minute_may_take() -> None:
    quota = Transient("429", is_server_busy=True, of_run=ModelError("no credit left"))
    assert failed(FIRST_TRIES + 1, quota, after(90.0)) is Verdict.AGAIN
    assert failed(int(MINUTE) + 1, quota, after(0.0)) is Verdict.OVER
    assert failed(int(MINUTE) + 1, quota, after(99.9)) is Verdict.AGAIN  # others are answered


def test_probes_become_seldom_while_nobody_answers_and_are_welcome_after_the_first_answer() -> None:
    evidence = after(0.0)
    for _ in range(10):
        evidence.was_silent("", 1.0, 1.0)
    assert not evidence.may_probe(1.0 + Evidence.LONGEST_PAUSE - 1)
    assert evidence.may_probe(1.0 + Evidence.LONGEST_PAUSE)
    evidence.answered("", 2.0, 3.0)
    assert evidence.may_probe(3.0)


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ("Please try again in 1m3.5s.", 63.5),
        ("Rate limit reached. Please retry in 20 seconds.", 20.0),
        ({"error": {"details": [{"retryDelay": "36s"}]}}, 36.0),
        ({"error": "Model is loading", "estimated_time": 20.0}, 20.0),
        ("Bitte in 2 Minuten erneut versuchen", 120.0),
        ("请在 5 秒后重试", 5.0),
        ("Attendez 1 h 30 min", 5400.0),
        ("The maximum context is 4096 tokens", None),
        ("Try again later", None),
        ("took over 20 s", None),
    ],
)
def test_a_wait_is_read_from_words(body: Any, seconds: float | None) -> None:
    assert wait_in(body) == seconds


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("Loading model", True),
        ("The model is currently loading", True),
        ("Modell wird geladen", True),
        ("モデルをロード中", True),
        ("The server is overloaded", False),
        ("upstream connect error", False),
    ],
)
def test_a_model_that_is_being_loaded_says_so(words: str, wanted: bool) -> None:
    assert is_loading(words) is wanted


@pytest.mark.parametrize(
    ("status", "record", "advice"),
    [
        (
            404,
            {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this ..."}},
            "on Azure --model is the name of the deployment",
        ),
        (
            404,
            {"error": {"message": "No endpoints found matching your data policy"}},
            "change them there",
        ),
        (404, {"error": {"message": "Not here"}}, "check --base-url"),
        (402, {"error": {"message": "Insufficient credits"}}, "top up the account"),
        (400, {"error": {"message": "Saldo insuficiente"}}, "top up the account"),
        (429, [{"error": {"message": "You exceeded your current quota"}}], "top up the account"),
    ],
)
def test_an_error_of_the_run_says_what_to_do(status: int, record: Any, advice: str) -> None:
    refusal = read_refusal(record, "http://there/v1", status, lambda text: text)
    assert advice in str(error_of_refusal(refusal, "mentor"))


# ---------------------------------------------------------------- runs that wait


def generate(server: LoopbackServer, out: Path, *options: object, n: int = 4) -> Ran:
    return invoke("generate", "--n", n, "--out", out, *at(server), *options)


def test_a_model_that_is_being_loaded_is_waited_for_before_the_first_answer(
    tmp_path: Path,
) -> None:
    async def load(call: Call, go_on: Answer) -> web.StreamResponse:
        if len(server.calls) <= FIRST_TRIES:
            return error(503, "Loading model", "unavailable_error")
        return await go_on(call)

    with LoopbackServer(load) as server:
        generate(server, tmp_path / "run", "--concurrency", 1).done()


def test_a_server_that_never_loads_ends_the_run_after_the_patience(tmp_path: Path) -> None:
    async def load(call: Call, go_on: Answer) -> web.StreamResponse:
        return error(503, "Loading model", "unavailable_error")

    with LoopbackServer(load) as server:
        ended = generate(server, tmp_path / "run", "--patience", 0.3).error
    assert "Loading model" in ended and "gave up after" in ended


def test_a_silent_run_says_what_it_waits_for_again_and_again() -> None:
    said: list[str] = []
    silence, evidence = Silence(said.append, every=30.0), after()
    begun = time.monotonic()
    reasons: list[Callable[[float], str]] = [lambda now: "", lambda now: "the server is gone"]
    for seconds in range(0, 100, 10):
        silence._said = max(silence._said, begun + 30 * len(said) if said else begun)
        silence.look(evidence, reasons, begun + seconds + 1)
    assert said == [
        "waiting: the server is gone; no reply for 0:31",
        "waiting: the server is gone; no reply for 1:01",
        "waiting: the server is gone; no reply for 1:31",
    ]
    evidence.answered("", begun + 95, begun + 95)
    silence.look(evidence, reasons, begun + 120)
    assert len(said) == 3


def test_notices_of_a_run_that_waits_are_in_its_status(tmp_path: Path) -> None:
    out = tmp_path / "run"

    async def go(call: Call, go_on: Answer) -> web.StreamResponse:
        waits = any("waiting: " in text for _, text in read_status(out).notices)
        if len(server.calls) > 6 and not waits:
            return error(503, "Not now", "unavailable")
        return await go_on(call)

    with LoopbackServer(go) as server:
        generate(server, out, "--concurrency", 2).done()


def test_a_limit_longer_than_the_patience_is_not_waited_for() -> None:
    async def main() -> None:
        paced = Paced(Never(), 1, lambda request: 7200.0, patience=60.0)
        with pytest.raises(ModelError, match=r"used up for 2:00:00, longer than --patience 75"):
            await paced.complete(REQUEST)

    asyncio.run(main())


# ---------------------------------------------------------------- addresses


def test_a_dead_proxy_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{taken.getsockname()[1]}"
        words = ("--n", 2, "--out", tmp_path / "run", "--model", "m")
        address = ("--base-url", "http://example.invalid/v1")
        ended = invoke("generate", *words, *address, HTTP_PROXY=proxy, NO_PROXY="").error
    assert "cannot connect to the proxy" in ended and "check HTTPS_PROXY" in ended


# ---------------------------------------------------------------- bought beyond the end


def test_a_run_buys_no_more_than_usual_after_an_outage(tmp_path: Path) -> None:
    def bought(out: Path, *behaviours: Any) -> int:
        with LoopbackServer(*behaviours) as server:
            generate(server, out, "--concurrency", 8, n=30).done()
        return len((out / "completions.jsonl").read_bytes().splitlines())

    answered = failed = 0

    async def outage(call: Call, go_on: Answer) -> web.StreamResponse:
        nonlocal answered, failed
        if answered >= 30 and failed < 18:
            failed += 1
            return error(500, "Down", "server_error")
        answered += 1
        return await go_on(call)

    usual = bought(tmp_path / "usual")
    assert bought(tmp_path / "run", outage) <= usual * 1.3 + 16
