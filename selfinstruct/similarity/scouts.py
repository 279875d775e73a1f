"""Forked processes that search a copy of the pool, which costs no memory, and send answers back."""

from __future__ import annotations

import gc
import marshal
import os
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

Answer = tuple[int, int, str, float] | None
"""Of a match: its position in the pool of the scout, its place in the batch (-1: it was in the pool
before), its text and score."""

_MOST = 4  # processes; beyond, the process that adds the texts is the slowest
_ROOM = 1 << 20  # bytes of answers that may wait
HERE = -1  # the owner of what the forking process searches itself
_HEADER = 4  # bytes: the length of a message


def usable_processes(wanted: int) -> int:
    """The number of processes; `wanted` 0: as many as there are cores to use, at most 4."""
    if sys.platform != "linux":  # elsewhere a fork is no copy that one can rely on
        return 1
    return wanted or min(_MOST, len(os.sched_getaffinity(0)))


def megabytes() -> float:
    """The memory of this process."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def dealt(chunks: int, scouts: int, share: float) -> list[int]:
    """By chunk, its owner: a scout for this share of the chunks, evenly spread, and never first."""
    owners, ours, turn = list[int](), 1.0, 0
    for _ in range(chunks):
        if ours >= 1.0:
            ours -= 1.0
            owners.append(HERE)
        else:
            owners.append(turn % scouts)
            turn += 1
        ours += 1 - share
    return owners


class Scout:
    """A forked process that works and sends each result, a list of answers, through a pipe.

    The process ends with its work, or at the first result that nobody is there to read.
    """

    _pipes: ClassVar[set[int]] = set()  # of all scouts, the ends that are read here

    def __init__(self, work: Callable[[], Iterable[list[Answer]]], patience: float) -> None:
        """patience: seconds to wait for a result. Raises OSError where no process can be forked."""
        self.waited = 0.0  # seconds
        self._patience, self._begun = patience, time.monotonic()
        self._pipe, theirs = _pipe()
        self._pipes.add(self._pipe)
        self._process = 0
        # a signal must not reach the handlers of this process within the other
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self._process = _forked()
            if self._process == 0:
                _run(work, theirs, self._pipes, mask)
            os.close(theirs)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # may raise KeyboardInterrupt
        except BaseException:
            if not self._process:
                os.close(theirs)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            self.end()
            raise

    def answers(self) -> list[Answer] | None:
        """The next result; None if the process has ended before, or takes too long."""
        found: list[Answer] | None = self._message()
        return found

    def seconds(self) -> float:
        """After the last result: how long the process took."""
        found = self._message()
        return found if isinstance(found, float) else self.age()

    def age(self) -> float:
        """Seconds since the fork."""
        return time.monotonic() - self._begun

    def end(self) -> None:
        """Ends the process, whatever it does, and waits for its end."""
        os.close(self._pipe)
        self._pipes.discard(self._pipe)
        if self._process:
            with suppress(ProcessLookupError, ChildProcessError):  # the program waits for all
                os.kill(self._process, signal.SIGKILL)
                os.waitpid(self._process, 0)

    def _message(self) -> Any:
        header = self._read(_HEADER)
        body = self._read(int.from_bytes(header, "little")) if header else None
        # of our own making
        return marshal.loads(body) if body else None  # noqa: S302

    def _read(self, size: int) -> bytes | None:
        """So many bytes; None if they do not come."""
        begun, found = time.monotonic(), b""
        try:
            ready = select.poll()
            ready.register(self._pipe, select.POLLIN)
            while len(found) < size:
                left = self._patience - (time.monotonic() - begun)
                if left <= 0 or not ready.poll(left * 1000):
                    return None
                block = os.read(self._pipe, size - len(found))
                if not block:
                    return None
                found += block
            return found
        finally:
            self.waited += time.monotonic() - begun


def _pipe() -> tuple[int, int]:
    """Both ends of a pipe with room for the answers to long texts."""
    import fcntl

    ours, theirs = os.pipe()
    with suppress(OSError):  # the bound of the system is lower
        fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, _ROOM)
    return ours, theirs


def _forked() -> int:
    with warnings.catch_warnings():
        # Python 3.12 warns of forks beside threads. The process only computes: it needs nothing
        # that another thread may have held.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _run(
    work: Callable[[], Iterable[list[Answer]]],
    pipe: int,
    others: Iterable[int],
    mask: Iterable[int],
) -> None:
    """The life of the forked process. It writes to the pipe alone, and never returns.

    others: ends of pipes that it must not keep open, as their writers would wait for it.
    """
    begun = time.monotonic()
    try:
        gc.disable()  # a collection would touch, and so copy, the whole pool
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process ends this one
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for other in others:
            os.close(other)
        with suppress(BrokenPipeError):  # nobody is there to read
            for result in work():
                _send(pipe, result)
            _send(pipe, time.monotonic() - begun)
    finally:
        if sys.exc_info()[0] is not None:
            traceback.print_exc()
        os._exit(0)


def _send(pipe: int, result: list[Answer] | float) -> None:
    body = marshal.dumps(result)
    message = memoryview(len(body).to_bytes(_HEADER, "little") + body)
    while message:
        message = message[os.write(pipe, message) :]
