"""Files that survive: torn tails, full disks, whole-file writes, and the lock, held by processes that are really killed."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfinstruct.errors import UserError
from selfinstruct.runs.hashes import hashes_of
from selfinstruct.runs.journal import Journal, Lock, holder, locked, write_whole

ROOT = Path(__file__).parents[1]
HOLD = """
import sys
from pathlib import Path
from selfinstruct.runs.journal import Lock
lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
input()
"""
WHOLE = '{"text": "naïve 日本 \\ud800"}'
LINES = st.lists(
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=30),
    max_size=8,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.jsonl"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def texts(journal: Journal) -> list[str]:
    return [line.decode() for _, line in journal.lines()]


@contextmanager
def opened(path: Path) -> Iterator[Journal]:
    journal = Journal(path)
    try:
        yield journal
    finally:
        journal.close()


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """The kernel writes what fits and fails the rest, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def held_by_another(path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


# ------------------------------------------------------------------------------------------------ lines


def test_what_was_appended_is_with_the_operating_system_at_once(path: Path) -> None:
    with opened(path) as journal:
        offsets = [journal.append(line) for line in ("one", WHOLE, "")]
        assert path.read_bytes() == f"one\n{WHOLE}\n\n".encode()
        assert [journal.read(offset) for offset in offsets] == ["one", WHOLE, ""]
        assert list(journal.lines()) == [
            (0, b"one"),
            (offsets[1], WHOLE.encode()),
            (offsets[2], b""),
        ]


@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(lines=LINES, more=LINES)
def test_a_journal_goes_on_where_it_ended(path: Path, lines: list[str], more: list[str]) -> None:
    path.unlink(missing_ok=True)
    for part in (lines, more):
        with opened(path) as journal:
            for line in part:
                journal.append(line)
            assert journal.size == path.stat().st_size
            assert journal.digest() == sha256(path.read_bytes())
    with opened(path) as journal:
        assert texts(journal) == lines + more


@pytest.mark.parametrize("cut", range(1, len(WHOLE.encode())))
def test_a_torn_last_line_never_happened_wherever_it_was_torn(path: Path, cut: int) -> None:
    """Also inside a character of several bytes."""
    path.write_bytes(b"one\n" + WHOLE.encode()[:cut])
    with opened(path) as journal:
        assert texts(journal) == ["one"]
        journal.append("two")
    assert path.read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 200_000])
@pytest.mark.parametrize("before", [b"", b"one\n"])
def test_a_torn_tail_of_any_length_is_cut_off(path: Path, size: int, before: bytes) -> None:
    path.write_bytes(before + b"x" * size)
    with opened(path):
        assert path.read_bytes() == before


def test_reading_alone_changes_nothing_and_sees_no_torn_line(path: Path) -> None:
    path.write_bytes(b"one\ntw")
    journal = Journal(path, read_only=True)
    assert texts(journal) == ["one"] and journal.size == 4
    journal.close()
    assert path.read_bytes() == b"one\ntw"


@pytest.mark.parametrize("size", [1 << 10, 1 << 16, (1 << 16) + 1, 300_000])
def test_a_line_of_any_length_is_read_back(path: Path, size: int) -> None:
    with opened(path) as journal:
        journal.append("first")
        offset = journal.append("é" * size)
        journal.append("last")
        assert journal.read(offset) == "é" * size


def test_a_file_that_was_cut_under_our_feet_is_a_users_error(path: Path) -> None:
    with opened(path) as journal:
        journal.append("one")
        offset = journal.append("two")
        os.truncate(path, offset + 2)
        with pytest.raises(UserError, match="ends inside a line"):
            journal.read(offset)


def test_after_truncate_size_digest_and_the_next_line_follow_from_what_stays(path: Path) -> None:
    with opened(path) as journal:
        journal.append("one")
        middle = journal.append("two")
        journal.append("three")
        journal.truncate(middle)
        assert (journal.size, journal.digest()) == (middle, sha256(b"one\n"))
        assert journal.append("four") == middle
        assert path.read_bytes() == b"one\nfour\n" and journal.digest() == sha256(b"one\nfour\n")


def test_of_a_line_that_does_not_fit_nothing_is_left(path: Path) -> None:
    with opened(path) as journal:
        journal.append("one")
        digest = journal.digest()
        with no_file_longer_than(100), pytest.raises(OSError, match="too large"):
            journal.append("x" * 1000)
        assert path.read_bytes() == b"one\n" and (journal.size, journal.digest()) == (4, digest)
        with no_file_longer_than(100):
            journal.append("y" * 95)  # what fits, fits
        journal.append("three")
        assert texts(journal) == ["one", "y" * 95, "three"]
        assert journal.digest() == sha256(path.read_bytes())


def test_a_hash_is_of_the_first_bytes_and_none_for_a_file_that_is_shorter_or_missing(
    path: Path,
) -> None:
    path.write_bytes(b"one\ntwo\n")
    for size in (0, 4, 8):
        hashed = hashes_of({path: size, path.with_name("missing"): 0})
        assert hashed.keys() == {path.name} and hashed[path.name].size == size
        assert hashed[path.name].hash.hexdigest() == sha256(path.read_bytes()[:size])
    assert hashes_of({path: 9}) == {}


@pytest.mark.parametrize("broken", ["{half", '{"number": 0}, {"number": 1}', ""])
def test_records_are_read_up_to_a_line_that_is_none(path: Path, broken: str) -> None:
    lines = [json.dumps({"number": number}) for number in range(2100)]
    path.write_text("".join(f"{line}\n" for line in lines) + '{"number": 21', "utf-8")
    journal = Journal(path, read_only=True)
    assert [record["number"] for record in journal.records()] == [*range(2100)]
    lines[1500] = broken
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    found = list[int]()
    with pytest.raises(json.JSONDecodeError):
        found.extend(record["number"] for record in journal.records())
    assert found == [*range(1500)]
    journal.close()


@pytest.mark.parametrize("size", [0, 4, 8])
def test_a_file_whose_first_bytes_were_hashed_is_hashed_on(path: Path, size: int) -> None:
    path.write_bytes(b"one\ntwo\ntorn")
    journal = Journal(path, hashes_of({path: size})[path.name])
    assert journal.digest() == sha256(b"one\ntwo\n")
    journal.append("three")
    assert journal.digest() == sha256(b"one\ntwo\nthree\n")
    journal.truncate(4)
    assert journal.digest() == sha256(b"one\n")
    journal.append("four")
    assert journal.digest() == sha256(b"one\nfour\n")
    journal.append("five")
    journal.truncate(9)
    assert journal.digest() == sha256(b"one\nfour\n") == sha256(path.read_bytes())
    journal.close()


# ------------------------------------------------------------------------------------------------ whole files


def test_a_whole_file_is_replaced_in_one_step(path: Path) -> None:
    write_whole(path, "old\n")
    reader = path.open()
    write_whole(path, "new\u2028 é\n")
    with reader:
        assert reader.read() == "old\n"  # whoever had it open sees the old one whole
    assert path.read_bytes() == "new\u2028 é\n".encode()
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_whole_file_that_does_not_fit_leaves_the_old_one_and_no_rest(path: Path) -> None:
    write_whole(path, "old\n")
    with no_file_longer_than(100), pytest.raises(OSError, match="too large"):
        write_whole(path, "x" * 100_000)
    assert path.read_text() == "old\n"
    assert [one.name for one in path.parent.iterdir()] == [path.name]


# ------------------------------------------------------------------------------------------------ the lock


def test_a_second_process_is_told_who_holds_the_run(path: Path) -> None:
    with held_by_another(path) as other:
        who = f"process {other.pid} on {socket.gethostname()}"
        assert holder(path) == who
        with pytest.raises(UserError, match=f"in use by {who}; "):
            Lock(path)
        assert holder(path) == who


def test_a_lock_is_free_when_its_owner_was_killed(path: Path) -> None:
    with held_by_another(path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert json.loads(path.read_text())["pid"] == other.pid  # its name is still there
        assert holder(path) is None
        with locked(path):
            assert json.loads(path.read_text())["pid"] == os.getpid()


def test_a_lock_is_free_when_its_owner_let_go(path: Path) -> None:
    with locked(path):
        assert holder(path) == f"process {os.getpid()} on {socket.gethostname()}"
        with pytest.raises(UserError):
            Lock(path)
    assert holder(path) is None
    with locked(path):
        pass


def test_a_lock_is_let_go_when_its_owner_fails(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(path):
        raise ZeroDivisionError
    assert holder(path) is None


def test_nobody_holds_a_lock_that_is_not_there(path: Path) -> None:
    assert holder(path) is None
    assert not path.exists()


def test_whoever_looks_who_holds_a_lock_keeps_nobody_from_taking_it(path: Path) -> None:
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.001):
            holder(path)

    looking = [threading.Thread(target=look) for _ in range(3)]
    for thread in looking:
        thread.start()
    for _ in range(100):
        with locked(path):
            pass
    done.set()
    for thread in looking:
        thread.join()
