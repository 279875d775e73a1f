"""Many calls at once, results in the order of the items: what both streams of a run are made of."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Sequence,
)
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
_END = object()
_AT_ONCE = 8  # items that are taken before everything else has its turn


async def in_order(
    work: Callable[[Item], Awaitable[Result]],
    items: AsyncIterator[Item],
    *,
    window: Callable[[], int],
) -> AsyncGenerator[Result, None]:
    """Yield `await work(item)` for every item, in the order of `items`.

    Up to `window()` calls are under way or waiting; below 1 counts as 1. An error of `work` or of
    `items` is raised in its place, after all results before it. Closing the generator cancels the
    calls under way, waits for them, and closes `items`.
    """
    pending: deque[asyncio.Future[Result]] = deque()
    upcoming: asyncio.Future[Item | object] | None = None
    news = asyncio.Event()
    failure, more, taken = None, True, 0
    try:
        while more or pending:
            has_begun = False
            if more and upcoming is None and len(pending) < max(1, window()):
                upcoming = _begun(items, news)  # most items are there at once
            if upcoming is not None and upcoming.done():
                has_begun, taken = True, taken + 1
                failure = _failure_of(upcoming)
                if failure is not None or (item := upcoming.result()) is _END:
                    more = False
                else:
                    pending.append(_started(work(item), news))  # type: ignore[arg-type]
                upcoming = None
                if taken % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            if pending and pending[0].done():  # then the next call: a slow taker holds none up
                yield pending.popleft().result()
            elif not has_begun:
                await news.wait()
                news.clear()
        if failure is not None:
            raise failure
    finally:
        await _closed(items, [*pending, *([upcoming] if upcoming is not None else [])])


def _started(call: Awaitable[Result], news: asyncio.Event) -> asyncio.Future[Result]:
    """The call under way; `news` is set when the call ends."""
    future = asyncio.ensure_future(call)
    future.add_done_callback(lambda _: news.set())
    return future


def _begun(items: AsyncIterator[Item], news: asyncio.Event) -> asyncio.Future[Item | object]:
    """The next item, or its search under way: a task is begun only where there is a wait."""
    step, found = _next(items), asyncio.get_running_loop().create_future()
    try:
        waits_for = step.send(None)
    except StopIteration as end:
        found.set_result(end.value)
    except Exception as error:  # noqa: BLE001 (raised in its place, after all results before it)
        found.set_exception(error)
    else:
        return _started(_Rest(step, waits_for), news)
    return found


class _Rest(Coroutine[Any, Any, Any]):
    """The rest of a coroutine that has begun and waits for something, for a task.

    A task that is cancelled before its first step cancels the coroutine all the same.
    """

    def __init__(self, step: Coroutine[Any, Any, Any], waits_for: object) -> None:
        self._step, self._first = step, [waits_for]

    def send(self, value: Any) -> Any:
        return self._first.pop() if self._first else self._step.send(value)

    def throw(self, *error: Any) -> Any:
        self._first.clear()
        return self._step.throw(*error)

    def close(self) -> None:
        self._step.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        raise NotImplementedError("for a task")


def _failure_of(future: asyncio.Future[Any]) -> Exception | None:
    raised = future.exception()
    return raised if isinstance(raised, Exception) else None


async def _next(items: AsyncIterator[Item]) -> Item | object:
    return await anext(items, _END)


async def _closed(items: AsyncIterator[Any], calls: Sequence[asyncio.Future[Any]]) -> None:
    """Cancels the calls, waits for their ends, and closes the items."""
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    if isinstance(items, AsyncGenerator):
        await items.aclose()
