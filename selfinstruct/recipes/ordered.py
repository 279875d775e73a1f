"""Many calls at once, results in the order of the items: what both streams of a run are made of."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
_END = object()


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
    failure, more = None, True
    try:
        while more or pending:
            if more and upcoming is None and len(pending) < max(1, window()):
                upcoming = _begun(_next(items), news)
                await asyncio.sleep(0)  # most items are there at once
            has_begun = upcoming is not None and upcoming.done()
            if upcoming is not None and has_begun:
                failure = _failure_of(upcoming)
                if failure is not None or (item := upcoming.result()) is _END:
                    more = False
                else:
                    pending.append(_begun(work(item), news))  # type: ignore[arg-type]
                upcoming = None
            if pending and pending[0].done():  # then the next call: a slow taker holds none up
                yield pending.popleft().result()
            elif not has_begun:
                await news.wait()
                news.clear()
        if failure is not None:
            raise failure
    finally:
        await _cancel([*pending, *([upcoming] if upcoming is not None else [])])
        if isinstance(items, AsyncGenerator):
            await items.aclose()


def _begun(call: Awaitable[Any], news: asyncio.Event) -> asyncio.Future[Any]:
    """The call under way; `news` is set when the call ends."""
    future = asyncio.ensure_future(call)
    future.add_done_callback(lambda _: news.set())
    return future


def _failure_of(future: asyncio.Future[Any]) -> Exception | None:
    raised = future.exception()
    return raised if isinstance(raised, Exception) else None


async def _next(items: AsyncIterator[Item]) -> Item | object:
    return await anext(items, _END)


async def _cancel(futures: Sequence[asyncio.Future[Any]]) -> None:
    for future in futures:
        future.cancel()
    await asyncio.gather(*futures, return_exceptions=True)
