"""Searches ahead by forked processes: the answers of a single process, whoever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import invoke, kill_until_done, start
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfinstruct.choose.comparison import Apart, Comparison, Together
from selfinstruct.choose.deduplication import Dedupe, dedupe
from selfinstruct.errors import UserError
from selfinstruct.runs.directory import DERIVED
from selfinstruct.similarity import Above, Lookahead, Match, RougeIndex

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there are no forks elsewhere")
STREAM = Path(__file__).parents[2] / "shared" / "data" / "rouge" / "stream_25k.jsonl"
BENCH = Path(__file__).parents[1] / "scripts" / "bench_merge"
WORDS = "amber birch cedar delta ember fjord grove heron inlet jetty".split()
FORKS = count()
os.register_at_fork(before=lambda: next(FORKS) and None)


def forks() -> int:
    return int(repr(FORKS).removeprefix("count(").removesuffix(")"))


class Near(Lookahead[Any]):
    """The same with limits so low that few texts go through several batches."""

    pays, batches, least, chunk = 3, (8, 30), 2, 2


def texts(number: int, seed: int = 0) -> list[str]:
    """Many near-duplicates, exact duplicates and texts without a token among them."""
    rng = Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randrange(0, 9))) for _ in range(number)]


def searched(
    pool: Any,
    items: Sequence[Any],
    processes: int,
    kind: type[Lookahead[Any]] = Near,
    meanwhile: Callable[[int], None] = lambda at: None,
) -> list[Match | None]:
    """The match of each item, where items without a match join the pool."""
    ahead, found = kind(pool, processes), []
    for at, item in enumerate(ahead.reading(items, lambda item: [item])):
        meanwhile(at)
        found.append(ahead.nearest(item))
        if found[-1] is None:
            pool.add(item)
    return found


def children() -> list[int]:
    """The processes that this process has forked."""
    return children_of(os.getpid())


def children_of(process: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{process}/task").iterdir()
        return [int(each) for task in tasks for each in (task / "children").read_text().split()]
    except OSError:
        return []


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(st.sampled_from(WORDS[:6]), max_size=7).map(" ".join), max_size=60),
    st.sampled_from([2, 3]),
    st.sampled_from([0.1, 0.5, 0.7, 1.0]),
)
def test_the_matches_are_those_of_a_single_process(
    items: list[str], processes: int, above: float
) -> None:
    alone = searched(Above(RougeIndex(), above), items, 1)
    assert searched(Above(RougeIndex(), above), items, processes) == alone


@pytest.mark.parametrize("make", [Together, lambda *by: Apart(by[0], by[1], 2)])
def test_records_of_several_texts_match_alike(make: Callable[..., Comparison]) -> None:
    items = [*zip(texts(160), texts(160, 1), strict=True)]
    alone = searched(make("unicode", 0.6), items, 1)
    assert searched(make("unicode", 0.6), items, 2) == alone and any(alone) and None in alone


def test_a_process_that_is_killed_changes_nothing() -> None:
    items, killed = texts(160), list[int]()

    def kill(at: int) -> None:
        if at % 23 == 0:
            killed.extend(children()[:1])
            for process in children()[:1]:
                os.kill(process, signal.SIGKILL)

    alone = searched(Above(RougeIndex(), 0.7), items, 1)
    assert searched(Above(RougeIndex(), 0.7), items, 3, meanwhile=kill) == alone
    assert killed and not children()


def test_a_process_that_stands_still_is_not_waited_for() -> None:
    class Impatient(Near):
        patience = 0.1

    stopped = list[int]()

    def stop(at: int) -> None:
        if not stopped:
            stopped.extend(children())
            for process in children():
                os.kill(process, signal.SIGSTOP)

    items = texts(200)
    alone = searched(Above(RougeIndex(), 0.7), items, 1)
    assert searched(Above(RougeIndex(), 0.7), items, 2, Impatient, stop) == alone
    assert stopped and not children()


def test_items_that_come_otherwise_than_read_are_searched_as_well() -> None:
    pool, items = Above(RougeIndex(), 0.7), texts(100)
    ahead = Near(pool, 2)
    alone, found = Above(RougeIndex(), 0.7), []
    for at, item in enumerate(ahead.reading(items, lambda item: [item])):
        asked = item if at % 10 else f"{item} again"
        found.append((ahead.nearest(asked), alone.nearest(asked)))
        if found[-1][0] is None:
            pool.add(asked), alone.add(asked)
    assert all(ours == plain for ours, plain in found) and not children()


def test_an_error_of_the_reader_keeps_its_place() -> None:
    def read() -> Iterator[str]:
        yield from texts(41)
        raise UserError("line 42: damaged")

    entries = Near(Above(RougeIndex(), 0.7), 2).reading(read(), lambda item: [item])
    assert [next(entries) for _ in range(41)] == texts(41)
    with pytest.raises(UserError, match="line 42"):
        next(entries)
    assert not children()


def test_a_reader_that_is_closed_leaves_no_process() -> None:
    entries = Near(Above(RougeIndex(), 0.7), 3).reading(texts(60), lambda item: [item])
    for _ in range(10):
        next(entries)
    assert len(children()) == 2
    entries.close()
    assert not children()


def written(path: Path, number: int, seed: int = 0) -> Path:
    """A file that is long enough for several processes."""
    rng = Random(seed)
    words = [f"{word}{other}" for word in WORDS for other in range(40)]
    lines, earlier = list[str](), list[list[str]]()
    for _ in range(number):
        text = rng.choices(words, k=rng.randrange(4, 16))
        if earlier and rng.random() < 0.3:
            text = [*rng.choice(earlier[-2000:])]
            text[rng.randrange(len(text))] = rng.choice(words)
        earlier.append(text)
        lines.append(json.dumps({"instruction": " ".join(text), "output": "x"}) + "\n")
    path.write_text("".join(lines))
    return path


def test_a_small_file_takes_no_second_process(tmp_path: Path) -> None:
    source, before = str(written(tmp_path / "small.jsonl", 500)), forks()
    dedupe([source], str(tmp_path / "kept.jsonl"), Dedupe(processes=2))
    assert forks() == before
    with pytest.raises(UserError, match="processes -1: at least 1"):
        dedupe([source], str(tmp_path / "kept.jsonl"), Dedupe(processes=-1))


def deduped(source: Path, out: Path, processes: int) -> tuple[object, ...]:
    found = dedupe(
        [str(source)],
        str(out),
        Dedupe(processes=processes),
        rejected=str(out.with_suffix(".rejected.jsonl")),
    )
    return found, out.read_bytes(), out.with_suffix(".rejected.jsonl").read_bytes()


@pytest.mark.slow
def test_a_large_file_gives_the_same_bytes_with_two_processes(tmp_path: Path) -> None:
    source, before = written(tmp_path / "large.jsonl", 12_000), forks()
    alone = deduped(source, tmp_path / "alone.jsonl", 1)
    assert forks() == before
    assert deduped(source, tmp_path / "kept.jsonl", 2) == alone and forks() > before


@pytest.mark.slow
@pytest.mark.skipif(not STREAM.is_file(), reason="../shared/data is not part of a checkout")
def test_real_instructions_give_the_same_bytes_with_two_processes(tmp_path: Path) -> None:
    alone = deduped(STREAM, tmp_path / "alone.jsonl", 1)
    assert deduped(STREAM, tmp_path / "kept.jsonl", 2) == alone


def with_child(*words: object) -> tuple[subprocess.Popen[bytes], int]:
    """The command, as soon as it has forked, and the forked process."""
    process = start(*words)
    while not (found := children_of(process.pid)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    return process, found[0]


def gone(process: int) -> bool:
    """Whether a process ends by itself."""
    for _ in range(3000):
        if not is_alive(process):
            return True
        time.sleep(0.01)
    return False


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes much longer than it takes a test to see a forked process."""
    return written(tmp_path_factory.mktemp("long") / "given.jsonl", 80_000)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_an_end_of_the_command_is_an_end_of_its_processes(
    long: Path, tmp_path: Path, sent: int
) -> None:
    out = tmp_path / "kept.jsonl"
    process, child = with_child("dedupe", long, "--processes", 2, "--out", out)
    process.send_signal(sent)
    process.communicate()
    assert process.returncode != 0 and gone(child) and not out.exists()


@pytest.mark.slow
def test_killed_processes_of_the_command_change_no_byte(tmp_path: Path) -> None:
    source, kept = written(tmp_path / "given.jsonl", 16_000), tmp_path / "kept.jsonl"
    process, child = with_child("dedupe", source, "--processes", 2, "--out", kept)
    os.kill(child, signal.SIGKILL)
    kills = 1
    while process.poll() is None:
        for child in children_of(process.pid)[: kills < 2]:
            os.kill(child, signal.SIGKILL)
            kills += 1
        time.sleep(0.02)
    said = process.communicate()
    assert process.returncode == 0, said
    alone = deduped(source, tmp_path / "alone.jsonl", 1)
    assert kept.read_bytes() == alone[1]


@pytest.mark.slow
def test_a_merge_gives_the_same_bytes_with_two_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(BENCH.parent)
    loader = SourceFileLoader("bench_merge", str(BENCH))
    spec = spec_from_loader("bench_merge", loader)
    assert spec is not None
    module = sys.modules["bench_merge"] = module_from_spec(spec)
    loader.exec_module(module)
    parts = module.made(tmp_path, 2, 5000)
    before, merged = forks(), list[list[bytes]]()
    for processes in (1, 2):
        out = tmp_path / f"whole-{processes}"
        invoke("merge", *parts, "--processes", processes, "--out", out).done()
        merged.append([(out / name).read_bytes() for name in DERIVED])
    assert merged[0] == merged[1] and forks() > before
    killed = tmp_path / "killed"
    examples = killed / DERIVED[1]
    code, said, kills = kill_until_done(
        start,
        ("merge", *parts, "--processes", 2, "--out", killed),
        killed,
        lambda: examples.stat().st_size if examples.exists() else 0,
        lambda: len(merged[0][1]) // 4,
    )
    assert code == 0 and kills, said
    assert [(killed / name).read_bytes() for name in DERIVED] == merged[0]
