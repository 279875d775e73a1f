"""Workers: they answer the rounds of a run, file by file (models/batch/rounds.py).

A worker claims a file of requests by a lock that ends with its process. It asks for the requests
that have no reply yet, and writes each reply as a line of its own file, so that a worker that is
killed loses none, and the next worker buys none again.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import json
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.asking.probes import Scratch
from selfinstruct.asking.sitting import sitting
from selfinstruct.errors import UserError
from selfinstruct.models import Completion, Model, Request
from selfinstruct.models.batch.folder import REPLIES, RoundFolder, rounds_in
from selfinstruct.models.batch.wire import reply_line, request_of
from selfinstruct.models.disk import Notice, disk_errors
from selfinstruct.text import to_json

LOOK_EVERY = 2.0  # seconds, between two looks for new rounds

Write = Callable[[str, Request, Completion], None]  # of a reply, by the key of its request


@dataclass(slots=True)
class Answered:
    """Counts of a worker's sitting. failed: requests that were refused for good."""

    files: int = 0
    replies: int = 0
    failed: int = 0


class _Passing(Scratch):
    """Books of a worker, whose replies lie in files of their own."""

    def put(self, key: str, request: Request, completion: Completion, seconds: float) -> None: ...


async def answer(
    folders: Sequence[Path],
    config: Endpoint,
    *,
    notice: Notice,
    follows: bool = False,
    seconds: float | None = None,
) -> Answered:
    """Answer the rounds in some folders until no request waits; `follows`: wait for more rounds.

    Raises UserError, ModelError or Interrupted. All written replies stay.
    """
    done, rounds = Answered(), dict[Path, RoundFolder]()
    async with sitting(config, _Passing(), notice=notice, seconds=seconds) as at:
        while True:
            count = done.files
            for folder, path in waiting(folders, rounds):
                with claimed(path) as is_ours:
                    if is_ours:
                        await _answer_file(folder, path, at.model, config, done, notice)
            if done.files == count:
                if not follows:
                    return done
                await asyncio.sleep(LOOK_EVERY)


def waiting(
    folders: Sequence[Path], rounds: dict[Path, RoundFolder]
) -> Iterator[tuple[RoundFolder, Path]]:
    """The files of requests of all open rounds, the oldest round first.

    rounds: by path, as far as they have been read; those without missing replies are passed over.
    """
    for home in folders:
        for found in rounds_in(home):
            folder = rounds.setdefault(found.path, found)
            if folder.closed is None:
                folder.read()
                if folder.missing:
                    yield from ((folder, path) for path in folder.requests)


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Claim a file of requests. False if another worker has the file."""
    lock = path.with_suffix(".lock")
    with disk_errors(lock):
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        except OSError as error:
            raise UserError(
                f"{lock}: cannot be locked ({error.strerror}); the file system must know flock"
            ) from None
        else:
            yield True
    finally:
        os.close(descriptor)


async def _answer_file(
    folder: RoundFolder,
    path: Path,
    model: Model,
    config: Endpoint,
    done: Answered,
    notice: Notice,
) -> None:
    """Answer the requests of a file that have no reply yet."""
    missing = missing_in(folder, path, notice)
    if not missing:
        return
    queue = iter(missing)

    async def work(write: Write) -> None:
        for record in queue:
            request = request_of(record, config.model)
            write(record["custom_id"], request, await model.complete(request))

    with replies_to(path, done) as write:
        count = min(config.concurrency, len(missing))
        tasks = [asyncio.ensure_future(work(write)) for _ in range(count)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
    done.files += 1
    notice(f"{path.parent.name}/{path.name}: {len(missing):,} requests answered")


@contextlib.contextmanager
def replies_to(path: Path, done: Answered) -> Iterator[Write]:
    """A function that writes and counts replies, into a new file beside this file of requests."""
    name = REPLIES.format(f"{path.stem.removeprefix('requests-')}-{uuid.uuid4().hex[:8]}")
    with disk_errors(path.parent):
        file = os.open(path.parent / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(key: str, request: Request, completion: Completion) -> None:
        done.replies += completion.error is None
        done.failed += completion.error is not None
        with disk_errors(path.parent):
            line = to_json(reply_line(key, request, completion))
            os.write(file, line.encode("utf-8") + b"\n")

    try:
        yield write
    finally:
        os.close(file)


def missing_in(folder: RoundFolder, path: Path, notice: Notice) -> list[dict[str, Any]]:
    """The requests of a file that have neither a reply nor an error by now."""
    folder.read()
    known = folder.answered | folder.failed
    return [record for record in _records(path, notice) if record["custom_id"] not in known]


def _records(path: Path, notice: Notice) -> Iterator[dict[str, Any]]:
    """The requests of a file. Lines that hold none are named."""
    with path.open("rb") as file:
        for number, line in zip(itertools.count(1), file, strict=False):
            try:
                record = json.loads(line)
                request_of(record, "")
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                notice(f"{path}:{number}: no request ({type(error).__name__}); passed over")
                continue
            yield record
