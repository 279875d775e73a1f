"""Runs the command for tests: in a process of its own, or in the tests' process, many times faster,
where only words and exit codes matter.

Neither sees the OPENAI_* variables or the proxies of the person who runs the tests.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner
from server import LoopbackServer

from selfinstruct.cli import cli
from selfinstruct.runs.directory import DERIVED

ROOT = Path(__file__).parents[1]
_FOREIGN = re.compile(r"OPENAI_|.*_PROXY\Z", re.IGNORECASE)
ENVIRONMENT = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
ENVIRONMENT["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
)  # as this process finds it
_NOTICE = re.compile(
    r"waiting: |paused: |left out: |batch(?:es)? |examples \d+(?:/\d+)?, |"
    r"\S+ does not take '\w+': left out from here on|\S+: \d+ of the last \d+ calls failed|"
    r"\S+: counts no tokens|not among the runs, "
)
PATIENCE = 300.0  # seconds; a process that takes longer hangs, on a busy machine as well


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said, decoded strictly: what is no UTF-8 fails the test."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The message of a user's error; makes sure of its form. Notices may stand before the
        message, each on its own line.
        """
        *before, last, end = self.err.split("\n")
        assert (self.code, end) == (2, ""), self
        assert last.startswith("Error: "), self
        assert all(map(_NOTICE.match, before)), self
        assert not control_characters(self.err), self
        return last.removeprefix("Error: ")

    def done(self) -> Ran:
        """Itself; makes sure that all went well."""
        assert self.code == 0 and "Error: " not in self.err, self
        return self


def invoke(*words: object, **environment: str) -> Ran:
    """The command in this process. What is no user's error and no exit comes out as it is."""
    unset = dict.fromkeys(filter(_FOREIGN.match, os.environ))
    result = CliRunner().invoke(
        cli,
        list(map(str, words)),
        prog_name="selfinstruct",
        env={**unset, **environment},
        catch_exceptions=False,
    )
    return Ran(result.exit_code, result.stdout, result.stderr)


def start(*words: object, cwd: Path | None = None, **environment: str) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "selfinstruct", *map(str, words)],
        cwd=cwd,
        env={**ENVIRONMENT, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def kill_until_done(
    begin: Callable[..., subprocess.Popen[bytes]],
    words: tuple[object, ...],
    out: Path,
    arrived: Callable[[], int],
    more: Callable[[], int],
) -> tuple[int, str, int]:
    """Begin a process and kill it once `more()` requests have arrived, until one ends by itself.

    `resume` goes on as soon as the run in `out` has begun. Returns the last process's exit
    code and words, and how many were killed.
    """
    kills = 0
    while True:
        process, wanted = begin(*words), arrived() + more()
        while process.poll() is None and arrived() < wanted:
            time.sleep(0.002)
        if process.poll() is not None:
            said = b"".join(filter(None, process.communicate())).decode()
            return process.returncode, said, kills
        process.kill()
        process.communicate()
        kills += 1
        if (out / "run.json").exists():
            words = ("resume", out)


def killed_at(
    server: LoopbackServer, words: tuple[object, ...], out: Path, more: Callable[[], int]
) -> tuple[int, str, int]:
    """`kill_until_done` for a command that asks `server`, without a key."""

    def begin(*words: object) -> subprocess.Popen[bytes]:
        return start(*words, OPENAI_API_KEY="none")

    return kill_until_done(begin, (*words, "--out", out), out, lambda: len(server.calls), more)


def finish(process: subprocess.Popen[bytes]) -> Ran:
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Ran(process.returncode, out.decode(), err.decode())


def run(*words: object, cwd: Path | None = None, **environment: str) -> Ran:
    return finish(start(*words, cwd=cwd, **environment))


@contextmanager
def running(
    *words: object, until: Callable[[], bool], cwd: Path | None = None, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has come so far; killed at the end if it is still there."""
    process = start(*words, cwd=cwd, **environment)
    try:
        wait_for(lambda: until() or process.poll() is not None)
        assert process.poll() is None, finish(process)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for(fact: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def at(server: LoopbackServer, *, model: str | None = "mentor") -> tuple[str, ...]:
    """The options that lead to a server."""
    return ("--base-url", server.base_url, *(("--model", model) if model else ()))


def dataset(directory: Path) -> Mapping[str, bytes]:
    """What a run has made, as bytes."""
    return {name: (directory / name).read_bytes() for name in DERIVED}


def control_characters(text: str) -> list[str]:
    """The characters that a terminal might act on: every C0 and C1 control but newline and tab,
    bidirectional marks, separators.
    """
    return re.findall(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]",
        text,
    )
