"""Writing to a disk that may be full."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from selfinstruct.errors import NoRoom, UserError

Notice = Callable[[str], None]
ROOM_PAUSE = 2.0  # seconds between two tries on a full disk


async def when_there_is_room(
    write: Callable[[], object],
    notice: Notice,
    paused: Callable[[bool], None] = lambda is_paused: None,
) -> None:
    """Call `write` again and again while NoRoom is raised, and say so every minute.

    `paused` is called with True when the wait begins, and with False after the write.
    """
    said, waits = 0.0, False
    while True:
        try:
            write()
        except NoRoom as error:
            if not waits:
                waits = True
                paused(True)
            if time.monotonic() - said > 60:
                said = time.monotonic()
                notice(f"paused: {error}")
            await asyncio.sleep(ROOM_PAUSE)
        else:
            if waits:
                paused(False)
            return


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's errors about a disk into NoRoom or UserError."""
    try:
        yield
    except OSError as error:
        raise error_of_disk(error, path) from None


def error_of_disk(error: OSError, path: Path) -> NoRoom | UserError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoRoom(f"{path}: the disk is full; make room, all that was written is whole")
    what = error.strerror or error
    return UserError(
        f"{path}: cannot be written ({what}); mend the disk and start the same command again"
    )
