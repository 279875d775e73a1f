"""The most time that a call may take, for many calls by a single timer."""

from __future__ import annotations

import asyncio
import math
import sys
from types import TracebackType


class Deadlines:
    """Time limits, as asyncio.timeout sets them, for calls that nearly always end in time.

    asyncio.timeout has a timer for each call, which stays in the loop's heap long after the call.
    Here the timer goes off when the first deadline may have passed, and looks at all of them.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next = math.inf  # when the timer goes off

    def within(self, seconds: float) -> Deadline:
        """Everything in the `with` block; a block that takes longer raises asyncio.TimeoutError."""
        return Deadline(self, seconds)

    def begin(self, deadline: Deadline, loop: asyncio.AbstractEventLoop) -> None:
        """Watch a deadline. Another loop than before has none of the earlier ones."""
        if loop is not self._loop:
            self._loop, self._timer, self._next = loop, None, math.inf
            self._open.clear()
        self._open[deadline] = None
        if deadline.moment < self._next:
            self._set_timer(loop, deadline.moment)

    def end(self, deadline: Deadline) -> None:
        self._open.pop(deadline, None)

    def _set_timer(self, loop: asyncio.AbstractEventLoop, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next, self._timer = moment, loop.call_at(moment, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cut off the calls whose time is over, and set the timer for the rest."""
        now = loop.time()
        self._timer, self._next = None, math.inf
        for deadline in [each for each in self._open if each.moment <= now]:
            del self._open[deadline]
            deadline.cut()
        if self._open:
            self._set_timer(loop, min([each.moment for each in self._open]))


class Deadline:
    """A context manager; see Deadlines.within."""

    __slots__ = ("_cancelling", "_deadlines", "_is_over", "_seconds", "_task", "moment")

    def __init__(self, deadlines: Deadlines, seconds: float) -> None:
        self._deadlines, self._seconds = deadlines, seconds
        self.moment = 0.0  # by the loop's clock
        self._task: asyncio.Task[object] | None = None
        self._is_over, self._cancelling = False, 0

    def __enter__(self) -> Deadline:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        self._task, self.moment = task, loop.time() + self._seconds
        if sys.version_info >= (3, 11):
            self._cancelling = task.cancelling()
        self._deadlines.begin(self, loop)
        return self

    def cut(self) -> None:
        """Cancel the call, which raises TimeoutError at the end of the block."""
        assert self._task is not None
        self._is_over = True
        self._task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._deadlines.end(self)
        task, self._task = self._task, None
        if not self._is_over:
            return
        is_ours = True  # and nobody else has cancelled the task
        if sys.version_info >= (3, 11) and task is not None:
            is_ours = task.uncancel() <= self._cancelling
        if is_ours and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise asyncio.TimeoutError from error
