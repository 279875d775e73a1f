"""Batches as endpoints really give them: each shape of the object and of the files gives the live
run's bytes, nothing is bought twice, and the server's books equal the run's; killed in between too.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from batches import BatchServer, Course, Shape
from command import ENVIRONMENT, at, dataset, finish, invoke
from server import LoopbackServer
from test_batch import HALF, PRICED, QUICK, QUICKLY, told

from selfinstruct.models.batch.lines import read_lines
from selfinstruct.models.batch.polling import Polling
from selfinstruct.models.batch.state import UNDER_WAY, BatchState
from selfinstruct.runs.batches import left_open

N = 6  # examples
LATE = 30.0  # seconds: no test waits so long, and none is ended by it


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, name, value in QUICK:
        monkeypatch.setattr(kind, name, value)
    monkeypatch.setattr(Polling, "LATE", LATE)
    monkeypatch.setattr(Polling, "GROWING", LATE)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("live") / "run"
    with LoopbackServer() as server:
        invoke("generate", *at(server), "--n", N, "--out", out).done()
    return dict(dataset(out))


# ---------------------------------------------------------------- the shapes

Record = dict[str, Any]
ENDS = ("completed", "expired", "failed", "cancelled")


def showing(**fields: Any) -> Shape:
    """Every look shows these fields instead."""
    return Shape(seen=lambda batch, look: batch | fields)


def ended(change: Callable[[Record, int], Record | None]) -> Shape:
    """Changes the batch once it has ended."""
    return Shape(seen=lambda batch, look: change(batch, look) if batch["status"] in ENDS else batch)


def without(*names: str) -> Callable[[Record], Record]:
    return lambda batch: {name: value for name, value in batch.items() if name not in names}


def empty_ids(batch: Record, look: int) -> Record:
    return batch | {name: batch[name] or "" for name in ("output_file_id", "error_file_id")}


def later(looks: int, **meanwhile: Any) -> Shape:
    """The ended batch is shown so for some looks, and as it is from then on."""
    first: dict[str, int] = {}

    def change(batch: Record, look: int) -> Record:
        begun = first.setdefault(batch["id"], look)
        return batch | (meanwhile if look < begun + looks else {})

    return ended(change)


NO_FILES = {"output_file_id": None, "error_file_id": None}
NO_COUNTS = {"total": 0, "completed": 0, "failed": 0}


def named(*names: str) -> Shape:
    """Goes through states of these names, one a look; the last is that of the ended batch."""

    def seen(batch: Record, look: int) -> Record:
        if batch["status"] not in ENDS or look < len(names):
            return batch | NO_FILES | {"status": names[min(look, len(names) - 1) - 1]}
        return batch | {"status": names[-1]}

    return Shape(seen=seen)


def lines(change: Callable[[list[Record]], list[Record]]) -> Shape:
    """Changes the lines of every file of results."""

    def file(data: bytes, download: int) -> bytes:
        records = change([json.loads(line) for line in data.splitlines()])
        return b"".join(json.dumps(record).encode() + b"\n" for record in records)

    return Shape(file=file)


def each(change: Callable[[Record], Record]) -> Shape:
    return lines(lambda records: [change(record) for record in records])


def response(change: Callable[[Record], Record]) -> Shape:
    return each(lambda record: record | {"response": change(record["response"])})


def failures(change: Callable[[Record], Record]) -> Shape:
    """Changes the lines with an error alone."""
    return each(
        lambda record: change(record) if record["response"]["status_code"] != 200 else record
    )


def foreign(records: list[Record]) -> list[Record]:
    others = [record | {"custom_id": f"request-{at}"} for at, record in enumerate(records)]
    return [*others, {"note": "end"}, *records]


def early(data: bytes, download: int) -> bytes | None:
    """Half a file, cut within a line, at the first download; nothing at the second."""
    return {1: data[: len(data) // 2], 2: None}.get(download, data)


def as_failed(batch: Record, look: int) -> Record:
    failure = {"code": "server_error", "message": "The job broke.", "line": None}
    return batch | {"status": "failed", "errors": {"object": "list", "data": [failure]}}


def aliased(batch: Record, look: int) -> Record:
    files = {"output_file": batch["output_file_id"], "error_file": batch["error_file_id"]}
    return without("output_file_id", "error_file_id")(batch) | files


FAILING = Course(failing={0: "500", 2: "429"})
HALF_DONE = Course(expires=0.5)


@dataclass(frozen=True)
class Case:
    shape: Shape
    second: Course = FAILING  # how the second batch goes; the others go smoothly
    sittings: int = 1


# The shapes that every run of the tests tries; the others are like them.
USUAL = (
    "empty ids, an error file",
    "ids late, counts too",
    "states in other words",
    "an unknown end with whole counts",
    "a file that grows",
    "an empty output file",
    "error lines with status 0",
    "bodies as texts",
    "failed after half",
    "made twice",
)
CASES = {
    "empty ids": Case(ended(empty_ids), Course()),
    "empty ids, an error file": Case(ended(empty_ids)),
    "null ids": Case(showing(), Course()),
    "no ids": Case(ended(lambda batch, look: {k: v for k, v in batch.items() if v is not None})),
    "ids late": Case(later(3, **NO_FILES)),
    "empty ids, late": Case(later(3, output_file_id="", error_file_id="")),
    "ids late, counts too": Case(later(3, **NO_FILES, request_counts=NO_COUNTS)),
    "error file first": Case(later(3, output_file_id=None)),
    "states in between": Case(named("validating", "in_progress", "finalizing", "completed")),
    "states in other words": Case(named("IN_QUEUE", "Warming up", "JOB_STATE_RUNNING", "SUCCESS")),
    "states in capitals": Case(named("QUEUED", "RUNNING", "COMPLETED")),
    "states with a prefix": Case(named("JOB_STATE_PENDING", "JOB_STATE_SUCCEEDED")),
    "cancelling, yet complete": Case(named("cancelling", "cancelling", "completed")),
    "an unknown end with a time": Case(
        ended(lambda batch, look: batch | {"status": "fertig", "completed_at": 1_700_000_000})
    ),
    "an unknown end with whole counts": Case(ended(lambda batch, look: batch | {"status": "x"})),
    "no status": Case(Shape(seen=lambda batch, look: without("status")(batch))),
    "no counts": Case(showing(request_counts=None)),
    "counts of zeros": Case(showing(request_counts=NO_COUNTS)),
    "counts of nonsense": Case(showing(request_counts={"total": "8", "completed": -1})),
    "counts of more": Case(showing(request_counts={"total": 9, "completed": 9, "failed": 0})),
    "a file that grows": Case(Shape(file=early)),
    "a file that is not there yet": Case(
        Shape(file=lambda data, download: data if download > 2 else None)
    ),
    "an empty file at first": Case(
        Shape(file=lambda data, download: data if download > 1 else b"")
    ),
    "an error file alone": Case(Shape(), Course(failing=dict.fromkeys(range(99), "503"))),
    "an empty output file": Case(
        ended(lambda batch, look: batch | {"output_file_id": batch["output_file_id"] or "nought"}),
        Course(failing=dict.fromkeys(range(99), "503")),
    ),
    "lines twice": Case(lines(lambda records: [*records, *records[::-1]])),
    "foreign lines": Case(lines(foreign)),
    "error lines with status 0": Case(failures(lambda r: r | {"response": {"status_code": 0}})),
    "error lines with status null": Case(
        failures(lambda r: r | {"response": {"status_code": None, "body": None}})
    ),
    "error lines without a response": Case(
        failures(lambda r: r | {"response": None, "error": {"code": 500, "message": "broke"}})
    ),
    "errors as texts": Case(failures(lambda r: {"custom_id": r["custom_id"], "error": "broke"})),
    "bodies as texts": Case(response(lambda r: r | {"body": json.dumps(r["body"])})),
    "responses as texts": Case(each(lambda r: r | {"response": json.dumps(r["response"])})),
    "responses without a frame": Case(
        response(lambda r: r["body"] if r["status_code"] == 200 else r)
    ),
    "status codes as texts": Case(response(lambda r: r | {"status_code": str(r["status_code"])})),
    "a mark and carriage returns": Case(
        Shape(file=lambda data, download: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n\r\n"))
    ),
    "a file that is an array": Case(
        Shape(file=lambda data, download: b"[" + b",".join(data.splitlines()) + b"]\n")
    ),
    "other names for the files": Case(ended(aliased)),
    "one file under both names": Case(
        ended(lambda b, look: b | {"error_file_id": b["output_file_id"]}), Course()
    ),
    "a batch that is not seen at first": Case(
        Shape(seen=lambda batch, look: batch if look > 2 else None)
    ),
    "expired": Case(Shape(), HALF_DONE),
    "expired, nothing said of the rest": Case(
        ended(lambda batch, look: batch | {"error_file_id": None}), HALF_DONE
    ),
    "failed after half": Case(
        Shape(
            seen=lambda batch, look: (
                as_failed(batch, look) if batch["status"] == "expired" else batch
            )
        ),
        HALF_DONE,
        sittings=2,
    ),
    "made without an id": Case(Shape(created=without("id"))),
    "made and listed late": Case(
        Shape(created=without("id"), listed=lambda found, time: found if time % 2 == 0 else [])
    ),
    "made twice": Case(Shape(created=without("id"), is_made_twice=True)),
}


def server_of(case: Case, **options: Any) -> BatchServer:
    server = BatchServer(Course(), case.second, Course(), shape=case.shape, **options)
    server.files["nought"] = b""
    return server


def words(server: BatchServer, out: Path) -> tuple[object, ...]:
    return ("generate", *at(server), "--n", N, "--out", out, "--batch", *PRICED)


def check_books(server: BatchServer, out: Path, live: dict[str, bytes]) -> None:
    """The dataset, and the books of both sides."""
    assert dataset(out) == live
    assert not server.bought_twice and server.live == 0 and not any(left_open(out))
    said = told(out)
    dollars = sum(prompt * 1000 + completion * 2000 for prompt, completion in server.charged)
    assert said["cost_usd"] == pytest.approx(HALF * dollars / 1e6)
    assert said["calls"] == sum(server.sizes) and said["unknown_calls"] == 0
    tokens = (said["prompt_tokens"], said["completion_tokens"])
    assert tokens == tuple(map(sum, zip(*server.charged, strict=True)))


@pytest.mark.parametrize(
    "name",
    [name if name in USUAL else pytest.param(name, marks=pytest.mark.slow) for name in CASES],
)
def test_every_shape_gives_the_live_runs_bytes_and_equal_books(
    name: str, live: dict[str, bytes], tmp_path: Path
) -> None:
    case, out = CASES[name], tmp_path / "run"
    with server_of(case) as server:
        for _ in range(case.sittings - 1):
            assert "The job broke." in invoke(*words(server, out)).error
        invoke(*words(server, out)).done()
        check_books(server, out, live)


# ---------------------------------------------------------------- kill -9


def process(server: BatchServer, out: Path) -> subprocess.Popen[bytes]:
    late = f"from {Polling.__module__} import Polling\nPolling.LATE = Polling.GROWING = {LATE}\n"
    program = QUICKLY + late + "from selfinstruct.cli import main\nmain()"
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, words(server, out))],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


EVENTS = (("created", 2), ("look", 2), ("content", 2))
KILLS = [(name, *EVENTS[at % 3]) for at, name in enumerate(CASES)]
KILLS += [(name, *event) for name in USUAL for event in EVENTS if (name, *event) not in KILLS]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "event", "number"), KILLS)
def test_every_shape_survives_a_kill(
    name: str, event: str, number: int, live: dict[str, bytes], tmp_path: Path
) -> None:
    case, out = CASES[name], tmp_path / "run"
    begun: list[subprocess.Popen[bytes]] = []
    seen = Counter[str]()

    def kill(happened: str) -> None:
        seen[happened] += 1
        if (happened, seen[happened]) == (event, number):
            os.kill(begun[0].pid, signal.SIGKILL)

    with server_of(case, on=kill) as server:
        begun.append(process(server, out))
        begun[0].communicate(timeout=60)
        killed, refused = -signal.SIGKILL, 2  # a batch that fails may end the sitting before
        assert begun[0].returncode in ((killed, refused) if case.sittings > 1 else (killed,))
        server.on = lambda happened: None
        if case.sittings > 1:
            finish(process(server, out))
        finish(process(server, out)).done()
        check_books(server, out, live)


# ---------------------------------------------------------------- what cannot be had


def test_replies_in_a_file_that_is_gone_count_as_paid_and_are_asked_for_at_the_next_start(
    live: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Polling, "GROWING", 0.1)
    out, seen, is_back = tmp_path / "run", set[bytes](), tmp_path / "back"

    def file(data: bytes, download: int) -> bytes | None:
        seen.add(data)
        return data if len(seen) == 1 or is_back.exists() else None

    with BatchServer(shape=Shape(file=file)) as server:
        said = invoke(*words(server, out)).error
        assert "cannot be had, and count as paid for" in said and "start again" in said
        gone = server.sizes[-1]
        assert told(out)["unknown_calls"] == gone and not any(left_open(out))
        is_back.touch()
        invoke(*words(server, out)).done()
        assert sum(server.bought_twice.values()) == 2 * gone
    assert dataset(out) == live and told(out)["unknown_calls"] == gone


def test_lines_that_never_come_count_as_paid_and_are_asked_for_again(
    live: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Polling, "GROWING", 0.1)
    with BatchServer(Course(), Course(loses=0.5), Course()) as server:
        ran = invoke(*words(server, tmp_path / "run")).done()
        assert "in its files" in ran.err
    assert dataset(tmp_path / "run") == live and told(tmp_path / "run")["unknown_calls"] > 0


@pytest.mark.parametrize(("lists", "listing"), [(False, "data"), (True, "batches")])
def test_an_endpoint_that_lists_no_batches_says_that_one_may_have_been_made(
    lists: bool, listing: str, tmp_path: Path
) -> None:
    with BatchServer(shape=Shape(created=without("id"))) as server:
        server.lists, server.listing = lists, listing
        said = invoke(*words(server, tmp_path / "run")).error
        assert "a batch of the file file-0 may have been made and is not listed" in said
        assert len(server.batches) == 1
        server.lists, server.listing = True, "data"
        invoke(*words(server, tmp_path / "run")).done()
        assert not server.bought_twice


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ({}, UNDER_WAY),
        ({"status": None}, UNDER_WAY),
        ({"status": "finalizing", "completed_at": 7}, UNDER_WAY),
        ({"status": "BATCH_STATE_RUNNING"}, UNDER_WAY),
        ({"status": "Timed Out"}, "expired"),
        ({"status": "canceled"}, "cancelled"),
        ({"status": "?", "failed_at": "2026-01-01T00:00:00Z"}, "failed"),
        ({"status": "?", "completed_at": 0, "expired_at": None}, UNDER_WAY),
        ({"status": "?", "output_file_id": "f"}, UNDER_WAY),
    ],
    ids=repr,
)
def test_a_state_is_told_by_its_name_and_else_by_its_times(record: Record, status: str) -> None:
    assert BatchState.of(record).status == status


@pytest.mark.parametrize(
    ("errors", "refusal"),
    [
        ({"data": [{"code": "a", "message": "b", "line": 3}]}, ("a", "line 3: b")),
        ([{"code": "a", "message": "b"}], ("a", "b")),
        ({"code": 7, "message": "b"}, ("7", "b")),
        ("b", ("", "b")),
        ({"data": []}, ("", "no reason given")),
        (None, ("", "no reason given")),
        (7, ("", "no reason given")),
    ],
    ids=repr,
)
def test_a_refusal_is_read_in_every_form(errors: Any, refusal: tuple[str, str]) -> None:
    assert BatchState.of({"status": "failed", "errors": errors}).refusal == refusal


def test_the_words_of_vllms_errors_are_found() -> None:
    """As `vllm run-batch` 0.32 writes them when its engine has died."""
    words = "EngineCore encountered an issue."
    error = {"error": {"message": words, "type": "InternalServerError", "param": None, "code": 500}}
    response = {"status_code": 500, "request_id": "vllm-batch-b3", "body": None}
    line = {"id": "vllm-9", "custom_id": "k", "response": response, "error": error}
    (found,) = read_lines(json.dumps(line).encode())
    assert (found.key, found.status, found.words) == ("k", 500, words)


def test_lines_that_are_none_are_passed_over() -> None:
    data = b'\xff\n7\n{"custom_id": 7}\n[]\n{"custom_id": "k", "response": [1]}\n'
    assert [(line.key, line.status, line.words) for line in read_lines(data)] == [
        ("k", None, "no reply")
    ]
    assert [*read_lines(b"[1, {")] == []
