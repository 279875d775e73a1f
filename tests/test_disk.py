"""A disk that fills up under a run, and a second process on its directory: real processes on a real, very small file system."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import ROOT, at, dataset, finish, invoke, run, running, start, wait_for
from server import LoopbackServer, latency

from selfinstruct.runs.journal import Lock

N = 40
CONCURRENCY = 4
OPTIONS = ("--n", N, "--concurrency", CONCURRENCY)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    directory = tmp_path_factory.mktemp("undisturbed") / "run"
    with LoopbackServer() as server:
        assert invoke("generate", *at(server), *OPTIONS, "--out", directory).code == 0
    return dict(dataset(directory))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    mount, folder = shutil.which("mount"), tmp_path / "disk"
    folder.mkdir()
    if os.getuid() != 0 or mount is None:
        pytest.skip("only root may mount a small file system")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the room there is; delete it to make room."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return filler


def listen(process: subprocess.Popen[bytes], words: str) -> None:
    """Read what a process says until it says `words`."""
    assert process.stderr is not None
    said = b""
    while words.encode() not in said:
        ready, _, _ = select.select([process.stderr], [], [], 60)
        more = os.read(process.stderr.fileno(), 1 << 16) if ready else b""
        assert more, said
        said += more


def on_record(directory: Path) -> int:
    return (directory / "completions.jsonl").read_bytes().count(b"\n")


def has_sent(server: LoopbackServer, requests: int) -> Callable[[], bool]:
    return lambda: len(server.calls) >= requests


def test_a_full_disk_pauses_a_run_which_goes_on_when_there_is_room(
    disk: Path, undisturbed: dict[str, bytes]
) -> None:
    directory = disk / "run"
    with LoopbackServer(latency(0.02)) as server:
        with running(
            "generate", *at(server), *OPTIONS, "--out", directory, until=has_sent(server, 25)
        ) as process:
            filler = fill(disk)
            listen(process, "the disk is full; make room, all that was written is whole")
            wait_for(lambda: server.in_flight == 0)
            assert "running" in run("status", directory).done().out
            assert run("verify", directory).code == 0  # takes a while; nothing is bought meanwhile
            assert all(data.endswith(b"\n") for data in dataset(directory).values() if data)
            assert len(server.calls) <= on_record(directory) + CONCURRENCY
            assert process.poll() is None
            filler.unlink()
            assert finish(process).code == 0
        assert dataset(directory) == undisturbed
        assert set(server.completed.values()) == {1}


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)]
)
def test_a_run_stopped_at_a_full_disk_has_all_that_was_written_and_goes_on_from_there(
    disk: Path, undisturbed: dict[str, bytes], how: signal.Signals
) -> None:
    directory = disk / "run"
    command = ("generate", *OPTIONS, "--out", directory)
    with LoopbackServer(latency(0.02)) as server:
        with running(*command, *at(server), until=has_sent(server, 25)) as process:
            filler = fill(disk)
            listen(process, "the disk is full")
            wait_for(lambda: server.in_flight == 0)
            process.send_signal(how)
            ended = finish(process)
        assert ended.code in ((-how,) if how == signal.SIGKILL else (2, 128 + how)), ended
        assert "Traceback" not in ended.err
        fill(disk)
        again = start(*command, *at(server))
        listen(
            again, "the disk is full"
        )  # and ends, or waits: what it takes away may be room enough to begin
        filler.unlink()
        if finish(again).code:
            assert run(*command, *at(server)).code == 0
        assert dataset(directory) == undisturbed
        # What was on its way to the disk is all that may be bought again.
        assert len(server.bought_twice) <= CONCURRENCY


@pytest.mark.slow
def test_a_disk_that_is_full_from_the_start_is_said_in_one_line(
    disk: Path, undisturbed: dict[str, bytes]
) -> None:
    directory = disk / "run"
    with LoopbackServer() as server:
        filler = fill(disk)
        assert "full" in run("generate", *at(server), *OPTIONS, "--out", directory).error
        assert not server.calls
        filler.unlink()
        assert run("generate", *at(server), *OPTIONS, "--out", directory).code == 0
    assert dataset(directory) == undisturbed


@pytest.mark.slow
def test_a_second_process_is_refused_with_the_first_ones_number_and_host(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    directory = tmp_path / "run"
    command = ("generate", *OPTIONS, "--out", directory)
    with LoopbackServer(latency(0.05)) as server:
        with running(*command, *at(server), until=has_sent(server, 5)) as first:
            server.behaviours = (latency(2.0),)  # slow, until the second has had its turn
            refused = run(*command, *at(server)).error
            server.behaviours = ()
            assert (
                f"{directory}: in use by process {first.pid} on {socket.gethostname()}" in refused
            )
            assert finish(first).code == 0
        assert set(server.completed.values()) == {1}
    assert dataset(directory) == undisturbed


def test_of_processes_that_start_at_once_one_owns_the_run(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    directory = tmp_path / "run"
    with LoopbackServer(latency(0.05)) as server:
        crowd = [start("generate", *at(server), *OPTIONS, "--out", directory) for _ in range(4)]
        ends = [finish(process) for process in crowd]
        assert sorted(end.code for end in ends) == [0, 2, 2, 2], ends
        assert all("in use by" in end.error for end in ends if end.code)
        assert set(server.completed.values()) == {1}
    assert dataset(directory) == undisturbed


@pytest.mark.slow
def test_a_dead_owner_holds_nothing(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    directory = tmp_path / "run"
    command = ("generate", *OPTIONS, "--out", directory)
    with LoopbackServer(latency(0.05)) as server:
        with running(*command, *at(server), until=has_sent(server, 20)) as first:
            first.kill()
            first.wait()
        assert f'"pid": {first.pid}' in (directory / "lock").read_text()
        assert "running" not in run("status", directory).done().out.split("\n", 1)[0].replace(
            "not running", ""
        )
        assert run(*command, *at(server)).code == 0
    assert dataset(directory) == undisturbed


def test_looking_at_a_lock_never_keeps_anybody_from_taking_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    look = "import sys, pathlib; from selfinstruct.runs.journal import holder\nprint('on', flush=True)\n"
    look += "while True: holder(pathlib.Path(sys.argv[1]))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", look, path], stdout=subprocess.PIPE, env=environment
    ) as watcher:
        try:
            assert watcher.stdout is not None and watcher.stdout.readline() == b"on\n"
            for _ in range(300):
                Lock(path).release()
                time.sleep(0.0005)
        finally:
            watcher.kill()
