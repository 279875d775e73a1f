"""Through the batch endpoint: the live run's bytes, nothing bought twice, whatever becomes of batches and processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from batches import BatchServer, Course
from command import ENVIRONMENT, Ran, at, dataset, finish, invoke, wait_for
from server import LoopbackServer, failing, rejecting

from selfinstruct.batches import Batches, left_open
from selfinstruct.completions import Completions
from selfinstruct.models import Usage
from selfinstruct.models.batch import Batch
from selfinstruct.models.batch_making import Making
from selfinstruct.models.collector import Collector
from selfinstruct.models.meter import Meter
from selfinstruct.models.patient import Patient

N = 40
QUICK = [(Collector, "IDLE", 0.04), (Batch, "PAUSE", 0.02), (Making, "SETTLE", 0.2), (Patient, "FIRST_PAUSE", 0.02)]
QUICKLY = "".join(
    f"from {kind.__module__} import {kind.__name__}\n{kind.__name__}.{name} = {value}\n" for kind, name, value in QUICK
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, name, value in QUICK:
        monkeypatch.setattr(kind, name, value)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return made_live(tmp_path_factory.mktemp("live") / "run")


def made_live(out: Path, *words: object) -> dict[str, bytes]:
    with LoopbackServer() as server:
        invoke("generate", *at(server), "--n", N, "--out", out, *words).done()
    return dict(dataset(out))


def through(server: BatchServer, out: Path, *words: object) -> Ran:
    return invoke("generate", *at(server), "--n", N, "--out", out, "--batch", *words)


def log_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "batches.jsonl").read_text("utf-8").splitlines()]


# ---------------------------------------------------------------- the same bytes


@pytest.mark.parametrize(
    "courses",
    [
        (Course(),),
        (Course(), Course(seconds=0.3, expires=0.4), Course(expires=1.0), Course()),
        (Course(failing={0: "500", 2: "429"}), Course(failing=dict.fromkeys(range(5, 15), "503")), Course()),
        (Course(failing=dict.fromkeys(range(100), "500")), Course()),  # an error file alone
        (Course(loses=0.3), Course(loses=0.3), Course(loses=1.0), Course()),
        (Course(refused=("token_limit_exceeded", "Enqueued token limit reached.")), Course()),
    ],
    ids=["smoothly", "expired", "partly failed", "error file only", "lines missing", "too many tokens"],
)
def test_a_batched_run_gives_the_live_runs_bytes_however_its_batches_go(
    courses: tuple[Course, ...], live: dict[str, bytes], tmp_path: Path
) -> None:
    with BatchServer(*courses) as server:
        ran = through(server, tmp_path / "run").done()
    assert dataset(tmp_path / "run") == live
    assert server.live == 0 and len(server.batches) > 2
    if courses == (Course(),):  # else one more may be open when the run is whole
        assert not any(left_open(tmp_path / "run"))
    if not any(course.loses for course in courses):  # who loses a reply has it paid for
        assert not server.bought_twice
    assert "batch batch_0: sent with 4 requests" in ran.err


def test_another_interface_and_a_field_that_is_not_taken_give_them_as_well(tmp_path: Path) -> None:
    words = ("--preset", "paper")
    with BatchServer() as server:
        server.behaviours = (rejecting("seed"),)
        through(server, tmp_path / "run", *words).done()
        assert {call.path for call in server.calls} == {"/v1/completions"}
        assert [name for name in server.calls[-1].body if name == "seed"] == []
    with LoopbackServer(rejecting("seed")) as server:
        invoke("generate", *at(server), "--n", N, "--out", tmp_path / "live", *words).done()
    assert dataset(tmp_path / "run") == dataset(tmp_path / "live")


def test_big_batches_are_split(live: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Collector, "MOST", 10)
    with BatchServer(Course(seconds=0.05)) as server:
        through(server, tmp_path / "by number").done()
        assert max(server.sizes) == 10 and dataset(tmp_path / "by number") == live
    monkeypatch.setattr(Collector, "MOST_BYTES", 10_000)
    with BatchServer() as server:
        through(server, tmp_path / "by size").done()
        assert max(map(len, server.files.values())) <= 10_000 and dataset(tmp_path / "by size") == live


def test_every_token_is_counted_once_and_at_the_batch_price(tmp_path: Path) -> None:
    with BatchServer(Course(expires=0.3), Course(failing={1: "500"}), Course()) as server:
        through(server, tmp_path / "run").done()
        used = [
            json.loads(line)["response"]["body"]["usage"]
            for batch in server.batches.values()
            if batch["output_file_id"]
            for line in server.files[batch["output_file_id"]].splitlines()
        ]
    meter = Meter()
    Completions(tmp_path / "run" / "completions.jsonl", meter, read_only=True)
    prompt, completion = (sum(one[name] for one in used) for name in ("prompt_tokens", "completion_tokens"))
    assert meter.usage == Usage(prompt, completion, batch_prompt_tokens=prompt, batch_completion_tokens=completion)
    assert meter.requests == len(used)
    assert json.loads((tmp_path / "run" / "checkpoint.json").read_text())["meter"]["requests"] == len(used)


def test_replies_from_before_there_were_batches_still_load() -> None:
    assert Usage(prompt_tokens=3, completion_tokens=4) + Usage(1, 1, 1, 1) == Usage(4, 5, 1, 1)


# ---------------------------------------------------------------- failures


def test_a_request_that_is_refused_alone_is_lost_alone_and_recorded(tmp_path: Path) -> None:
    with BatchServer(Course(), Course(failing={0: "content filter", 1: "400", 2: "context openai"}), Course()) as server:
        through(server, tmp_path / "run").done()
        assert not server.bought_twice
    rejected = [json.loads(line) for line in (tmp_path / "run" / "rejected.jsonl").read_text().splitlines()]
    reasons = Counter(one["reason"] for one in rejected if one["what"] == "reply")
    assert reasons["content_filter"] and reasons["bad_request"] and reasons["context_overflow"], reasons


def test_a_request_that_always_fails_while_others_do_not_is_given_up(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.behaviours = (failing("500", when=lambda call: call.key[0] in "37"),)
        through(server, tmp_path / "run", "--retries", 3).done()
        assert {server.received[key] for key in server.received if not server.completed[key]} == {3}
    replies = (tmp_path / "run" / "completions.jsonl").read_text("utf-8")
    assert '"error": "server_error"' in replies


@pytest.mark.parametrize(
    ("course", "words"),
    [
        (Course(refused=("invalid_json_line", "This line is not parseable.")), "refused (This line is not parseable.)"),
        (Course(cancelled=0.5), "was cancelled"),
        (Course(failing=dict.fromkeys(range(99), "401")), "HTTP 401"),
        (Course(failing=dict.fromkeys(range(99), "model")), "HTTP 404"),
    ],
    ids=["refused", "cancelled", "key", "model"],
)
def test_a_batch_that_helps_nobody_ends_the_sitting_and_the_next_one_begins_another(
    course: Course, words: str, live: dict[str, bytes], tmp_path: Path
) -> None:
    with BatchServer(Course(), course, Course()) as server:
        assert words in through(server, tmp_path / "run").error
        assert not any(left_open(tmp_path / "run"))
        through(server, tmp_path / "run").done()
        assert not server.bought_twice
    assert dataset(tmp_path / "run") == live


def test_requests_that_nobody_answers_end_the_sitting(tmp_path: Path) -> None:
    with BatchServer(Course(failing=dict.fromkeys(range(99), "500"))) as server:
        assert "no request was answered, and so 2 times" in through(server, tmp_path / "run", "--retries", 2).error


def test_an_endpoint_without_batches_is_told_from_one_that_is_gone(tmp_path: Path) -> None:
    with LoopbackServer() as server:
        said = invoke("generate", *at(server), "--n", N, "--out", tmp_path / "run", "--batch").error
    assert "no batch endpoint (leave out --batch)" in said
    said = invoke("generate", "--model", "m", "--base-url", server.base_url, "--out", tmp_path / "gone", "--batch").error
    assert "cannot connect" in said


@pytest.mark.parametrize("model", ["scripted", "local"])
def test_what_has_no_batch_endpoint_says_so(model: str, tmp_path: Path) -> None:
    assert "has no batch endpoint" in invoke("generate", "--model", model, "--out", tmp_path / "run", "--batch").error


def test_a_server_that_breaks_connections_is_waited_for(live: dict[str, bytes], tmp_path: Path) -> None:
    """Before and after it has done what it was asked: a batch is not made twice."""
    happened: Counter[str] = Counter()

    def now_and_then(what: str) -> None:
        happened[what] += 1
        if happened[what] % 3 == 2:
            raise OSError(what)  # aiohttp's server answers 500

    with BatchServer(on=now_and_then) as server:
        through(server, tmp_path / "run").done()
        assert not server.bought_twice
    assert dataset(tmp_path / "run") == live and min(happened.values()) > 2


# ---------------------------------------------------------------- processes that die


class Killed(BaseException):
    """As good as dead, as far as batches go: nothing that would come next comes."""


STATES = [
    pytest.param(name, when, number, marks=[pytest.mark.slow] if number > 1 else [])
    for number in (1, 3)
    for name in ("begin", "name", "close")
    for when in ("before", "after")
]


@pytest.mark.parametrize(("name", "when", "number"), STATES)
def test_a_sitting_that_breaks_off_between_any_two_steps_loses_and_buys_again_nothing(
    name: str, when: str, number: int, live: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = getattr(Batches, name)
    calls = 0

    def dying(self: Batches, *arguments: object) -> None:
        nonlocal calls
        calls += 1
        if calls == number and when == "before":
            raise Killed
        write(self, *arguments)
        if calls == number and when == "after":
            raise Killed

    with BatchServer() as server:
        with monkeypatch.context() as patched:
            patched.setattr(Batches, name, dying)
            with pytest.raises(Killed):
                through(server, tmp_path / "run")
        through(server, tmp_path / "run").done()
        assert not server.bought_twice
    assert dataset(tmp_path / "run") == live


def process(server: BatchServer, out: Path, *words: object) -> subprocess.Popen[bytes]:
    """The command in a process of its own, quick."""
    program = QUICKLY + "from selfinstruct.cli import main\nmain()"
    command = [sys.executable, "-c", program, "generate", *at(server), "--n", N, "--out", out, *words]
    return subprocess.Popen(
        list(map(str, command)), env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def killed_at(what: str, number: int, server: BatchServer, out: Path) -> Iterator[int]:
    """Kills a sitting when the server sees something for the nth time; yields the exit code."""
    begun: list[subprocess.Popen[bytes]] = []
    seen = 0

    def kill(happened: str) -> None:
        nonlocal seen
        seen += happened == what
        if happened == what and seen == number:
            os.kill(begun[0].pid, signal.SIGKILL)

    server.on = kill
    begun.append(process(server, out, "--batch"))
    begun[0].communicate(timeout=60)
    server.on = lambda happened: None
    yield begun[0].returncode


EVENTS = ("upload", "uploaded", "create", "created", "look", "content")


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("what", EVENTS)
def test_a_process_killed_in_any_state_loses_and_buys_again_nothing(
    what: str, number: int, live: dict[str, bytes], tmp_path: Path
) -> None:
    with BatchServer(Course(seconds=0.05)) as server:
        assert next(killed_at(what, number, server, tmp_path / "run")) == -signal.SIGKILL
        finish(process(server, tmp_path / "run", "--batch")).done()
        assert not server.bought_twice
    assert dataset(tmp_path / "run") == live


def stopped_while_waiting(server: BatchServer, out: Path, until: Callable[[], bool]) -> str:
    sitting = process(server, out, "--batch")
    wait_for(until)
    sitting.send_signal(signal.SIGTERM)
    ran = finish(sitting)
    assert ran.code == 128 + signal.SIGTERM, ran
    return ran.err + ran.out


def test_a_signal_leaves_batches_open_and_says_so_and_status_shows_them(live: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "run"
    with BatchServer(Course(seconds=1.5), Course()) as server:
        said = stopped_while_waiting(server, out, lambda: bool(server.batches) and any(one.id for one in left_open(out)))
        assert "batches that stay open: batch_0; the same command goes on with them" in said
        assert f"selfinstruct generate --out {out}" in said
        status = invoke("status", out).done().out
        assert "batch        batch_0: 4 requests, not counted below until they are back" in status
        through(server, out).done()
        assert server.sizes[0] == 4 and not server.bought_twice
    assert dataset(out) == live


def test_a_run_that_goes_on_without_batches_still_takes_what_is_open(live: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "run"
    with BatchServer(Course(seconds=1.0), Course()) as server:
        stopped_while_waiting(server, out, lambda: bool(server.batches) and any(one.id for one in left_open(out)))
        invoke("generate", *at(server), "--n", N, "--out", out, "--no-batch").done()
        assert len(server.batches) == 1 and server.live > 0 and not server.bought_twice
    assert dataset(out) == live and not any(left_open(out))


def test_a_run_that_is_whole_cancels_what_nobody_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a longer one takes what was done of it."""
    monkeypatch.setattr(Collector, "MOST", 8)
    out = tmp_path / "run"
    with BatchServer(*[Course(seconds=0.02 * (number % 7)) for number in range(50)]) as server:
        through(server, out).done()
        longer = ("generate", *at(server), "--out", out, "--batch", "--n", 60)
        invoke(*longer).done()
        assert not server.bought_twice
    with LoopbackServer() as plain:
        invoke("generate", *at(plain), "--out", tmp_path / "live", "--n", 60).done()
    assert dataset(out) == dataset(tmp_path / "live")


def test_a_damaged_log_is_named(tmp_path: Path) -> None:
    with BatchServer() as server:
        through(server, tmp_path / "run").done()
        with (tmp_path / "run" / "batches.jsonl").open("a") as file:
            file.write('{"batch": 1}\n')
        said = through(server, tmp_path / "run", "--n", N + 1).error
    assert "batches.jsonl:" in said and "damaged" in said
