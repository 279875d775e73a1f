"""The sandbox: a program that a model has written runs in a process that can only compute.

The process has no file, no network, no other process and no signal to send: the kernel refuses
every system call outside a short list (syscalls.py), whoever runs it, root included. Limits hold
memory, processor time, time by the clock and the size of the answer. Needs Linux on x86-64 or
AArch64; elsewhere nothing is run. docs/verification.md lists the limits.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import platform
import secrets
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from selfinstruct.errors import UserError
from selfinstruct.verification.syscalls import call_filter

_FLOOD = 1 << 16  # bytes that may come back
_CELL = Path(__file__).with_name("cell.py")
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
_PROOF = (
    "import os, socket\n"
    "def refused(act, *values):\n"
    "    try:\n"
    "        act(*values)\n"
    "    except PermissionError:\n"
    "        return True\n"
    "    return False\n"
)
_PROVED = (
    *("refused(socket.socket)", "refused(open, '/etc/passwd')", "refused(os.fork)"),
    *("refused(os.kill, os.getppid(), 0)", "refused(os.listdir, '/')"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a program may take."""

    memory: int = 512 << 20  # bytes of address space
    seconds: int = 5  # of a processor
    patience: float = 30.0  # seconds by the clock, for a program that sleeps


@dataclass(frozen=True, slots=True)
class Check:
    """A statement that runs after the program.

    counts: the assertions in it. given: the expression that is compared with the right value.
    """

    source: str
    counts: int = 0
    given: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """A program and the checks of its results. modules: those that the program may import."""

    source: str
    checks: tuple[Check, ...] = ()
    modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of a program in the sandbox.

    kind: done (all checks passed), assertion, error, syntax, exit, memory, time, flood, crash; or
    forbidden, library, reads, where the program needs more than the sandbox has. where: program
    or test. given: the value that a failed check has found.
    """

    kind: str
    words: str = ""
    where: str = ""
    test: str = ""
    given: str = ""
    passed: int = 0


_LIMITS = Limits()


async def run(program: Program, limits: Limits = _LIMITS) -> Verdict:
    """Run a program and its checks. Raises UserError where this machine cannot hold a program."""
    steps = call_filter(platform.machine()) if sys.platform == "linux" else None
    if steps is None:
        raise UserError(_refusal(f"{platform.system()} on {platform.machine()}"))
    mark = secrets.token_hex(16)
    job = {
        "mark": mark,
        "program": program.source,
        "tests": [asdict(check) for check in program.checks],
        "modules": list(program.modules),
        "filter": base64.b64encode(steps).decode("ascii"),
        "limits": {"memory": limits.memory, "seconds": limits.seconds},
    }
    said, code, is_late = await _exchange(json.dumps(job).encode(), limits.patience)
    verdict = _read(said, mark)
    if verdict is not None and verdict.kind == "unlocked":
        raise UserError(_refusal(f"this system refuses seccomp: {verdict.words}"))
    if verdict is not None:
        return verdict
    if len(said) > _FLOOD:
        return Verdict("flood", "wrote too much")
    if is_late or code in (-signal.SIGXCPU, -signal.SIGKILL):
        return Verdict("time", f"no end within {limits.seconds} seconds")
    return Verdict("exit" if code >= 0 else "crash", "ended before its tests")


async def check() -> None:
    """Make sure that this machine holds a program. Raises UserError."""
    checks = tuple(Check(f"assert {each}", 1) for each in _PROVED)
    verdict = await run(Program(_PROOF, checks, ("os", "socket")))
    if verdict.kind != "done":
        what = verdict.test or verdict.words
        raise UserError(_refusal(f"this system does not hold a program ({verdict.kind}: {what})"))


def _refusal(why: str) -> str:
    return (
        f"--verify-with code: {why}; programs are run only where the kernel holds them "
        "(Linux with seccomp on x86-64 or AArch64), so leave 'code' out, or run in a container"
    )


async def _exchange(job: bytes, patience: float) -> tuple[bytes, int, bool]:
    """The bytes that come back, the exit code, and whether the clock ended the process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-s", "-S", "-B", str(_CELL)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/",
        env=_ENVIRONMENT,
        start_new_session=True,
    )
    said, is_late = bytearray(), False
    try:
        await asyncio.wait_for(_converse(process, job, said), patience)
    except asyncio.TimeoutError:
        is_late = True
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        assert process.stdout is not None
        while await process.stdout.read(_FLOOD):  # else asyncio waits for a pipe that is full
            pass
        await process.wait()
    return bytes(said), process.returncode or 0, is_late


async def _converse(process: asyncio.subprocess.Process, job: bytes, said: bytearray) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(ConnectionError):
        process.stdin.write(job)
        await process.stdin.drain()
    process.stdin.close()
    while len(said) <= _FLOOD and (more := await process.stdout.read(_FLOOD)):
        said += more
    if len(said) <= _FLOOD:
        await process.wait()


def _read(said: bytes, mark: str) -> Verdict | None:
    """The verdict in the bytes that came back; None where none bears the mark."""
    lines: Sequence[bytes] = [
        line for line in said.split(b"\n") if line.startswith(mark.encode("ascii"))
    ]
    if len(lines) != 1:
        return None
    try:
        parts = lines[0][len(mark) :].decode("ascii").strip().split(",")
        kind, words, where, test, given, passed = (
            bytes.fromhex(part).decode("utf-8", "replace") for part in parts
        )
        return Verdict(kind, words, where, test, given, int(passed or 0))
    except (ValueError, TypeError):
        return None
