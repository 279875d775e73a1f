"""in_order: many calls at once, results in the items' order, nothing left behind at any end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfinstruct.recipes.ordered import in_order

T = TypeVar("T")


class Breaks(Exception):
    pass


async def numbers(count: int) -> AsyncGenerator[int, None]:
    for number in range(count):
        yield number


async def all_of(results: AsyncGenerator[T, None]) -> list[T]:
    async with aclosing(results):
        return [one async for one in results]


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs it, and makes sure that nothing is left running when it ends."""

    async def watched() -> T:
        result = await main
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    return asyncio.run(watched())


async def turns(count: int) -> None:
    """Lets everything else run for so many turns of the event loop: latency without a clock."""
    for _ in range(count):
        await asyncio.sleep(0)


class Gates:
    """Work whose calls end when the test says so."""

    def __init__(self) -> None:
        self.started: list[int] = []
        self.cancelled: list[int] = []
        self._gates: dict[int, asyncio.Event] = {}

    async def work(self, item: int) -> int:
        self.started.append(item)
        self._gates[item] = asyncio.Event()
        try:
            await self._gates[item].wait()
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        return item

    def open(self, *items: int) -> None:
        for item in items:
            self._gates[item].set()


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 12), max_size=40),
    st.integers(-1, 50),
    st.lists(st.integers(0, 5), max_size=40),
)
def test_results_come_in_the_order_of_the_items_whatever_takes_how_long(
    latencies: list[int], window: int, pauses: list[int]
) -> None:
    under_way, most = 0, 0

    async def work(item: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await turns(latencies[item])
        under_way -= 1
        return item * item

    async def items() -> AsyncIterator[int]:
        for number in range(len(latencies)):
            await turns(pauses[number] if number < len(pauses) else 0)
            yield number

    found = run(all_of(in_order(work, items(), window=lambda: window)))
    assert found == [number * number for number in range(len(latencies))]
    assert most <= max(1, window)


def test_results_come_in_order_under_two_hundred_random_latencies_in_real_time() -> None:
    chance = Random(1)
    latencies = [chance.random() * 0.02 for _ in range(200)]

    async def work(item: int) -> int:
        await asyncio.sleep(latencies[item])
        return item

    assert run(all_of(in_order(work, numbers(200), window=lambda: 64))) == list(range(200))


def test_the_window_is_filled_and_counts_results_that_wait_for_the_head() -> None:
    async def main() -> None:
        gates = Gates()
        async with aclosing(in_order(gates.work, numbers(100), window=lambda: 4)) as results:
            first = asyncio.ensure_future(anext(results))
            await turns(50)
            assert gates.started == [0, 1, 2, 3]
            gates.open(1, 2, 3)
            await turns(50)
            assert gates.started == [0, 1, 2, 3] and not first.done()
            gates.open(0)
            assert await first == 0
            assert [await anext(results) for _ in range(3)] == [1, 2, 3]

    run(main())


def test_each_result_that_is_taken_makes_room_for_one_call() -> None:
    """Where results are taken slowly, all would otherwise be used up first, and then as many calls
    would begin at once.
    """
    started: list[int] = []
    is_full = asyncio.Event()

    async def work(item: int) -> int:
        started.append(item)
        if len(started) == 10:
            is_full.set()
        await is_full.wait()
        return item

    async def main() -> None:
        async with aclosing(in_order(work, numbers(200), window=lambda: 10)) as results:
            for taken in range(1, 190):
                assert await anext(results) == taken - 1
                await turns(20)
                assert taken + 8 <= len(started) <= taken + 10

    run(main())


def test_the_window_is_asked_anew_before_each_start() -> None:
    async def main() -> None:
        gates, width = Gates(), 2
        async with aclosing(in_order(gates.work, numbers(100), window=lambda: width)) as results:
            first = asyncio.ensure_future(anext(results))
            await turns(50)
            assert len(gates.started) == 2
            width = 5
            gates.open(0)
            await first
            second = asyncio.ensure_future(anext(results))
            await turns(50)
            assert len(gates.started) == 6  # 1 is done, 5 are under way
            width = 1
            gates.open(1, 2, 3)
            await second
            assert [await anext(results) for _ in range(2)] == [2, 3]
            third = asyncio.ensure_future(anext(results))
            await turns(50)
            assert len(gates.started) == 6
            gates.open(4, 5)
            await third
            assert await anext(results) == 5

    run(main())


def test_the_head_is_handed_on_while_the_next_item_is_still_awaited() -> None:
    async def main() -> None:
        more = asyncio.Event()

        async def items() -> AsyncIterator[int]:
            yield 0
            await more.wait()
            yield 1

        async def work(item: int) -> int:
            return item

        async with aclosing(in_order(work, items(), window=lambda: 8)) as results:
            assert (
                await asyncio.wait_for(anext(results), 10) == 0
            )  # although the second item is not there yet
            more.set()
            assert await anext(results) == 1

    run(main())


def test_an_item_is_fetched_while_the_head_is_still_awaited() -> None:
    async def main() -> None:
        gates = Gates()

        async def items() -> AsyncIterator[int]:
            for number in range(3):
                await turns(20)
                yield number

        async with aclosing(in_order(gates.work, items(), window=lambda: 8)) as results:
            first = asyncio.ensure_future(anext(results))
            await turns(200)
            assert gates.started == [0, 1, 2] and not first.done()
            gates.open(0, 1, 2)
            await first

    run(main())


def test_the_search_for_an_item_is_cancelled_even_if_it_has_hardly_begun() -> None:
    ended: list[str] = []

    async def items() -> AsyncGenerator[int, None]:
        try:
            yield 0
            yield 1
            await asyncio.Event().wait()
        finally:
            await turns(2)
            ended.append("items")

    async def work(item: int) -> int:
        return item

    async def main() -> None:
        async with aclosing(in_order(work, items(), window=lambda: 2)) as results:
            assert [await anext(results), await anext(results)] == [0, 1]
        assert ended == ["items"]

    run(main())


async def until_error(results: AsyncGenerator[int, None], error: type[BaseException]) -> list[int]:
    found: list[int] = []

    async def collect() -> None:
        async with aclosing(results):
            async for one in results:
                found.append(one)  # noqa: PERF401 (what came before the error counts)

    with pytest.raises(error):
        await collect()
    return found


@pytest.mark.parametrize("breaks_at", [0, 1, 5, 9])
def test_an_error_of_the_work_comes_after_all_results_before_it_and_cancels_the_rest(
    breaks_at: int,
) -> None:
    cancelled = []

    async def work(item: int) -> int:
        if item == breaks_at:
            await turns(50)  # until all have begun
            raise Breaks
        try:
            await turns(60 if item < breaks_at else 10_000)
        except asyncio.CancelledError:
            cancelled.append(item)
            raise
        return item

    assert run(until_error(in_order(work, numbers(10), window=lambda: 10), Breaks)) == list(
        range(breaks_at)
    )
    assert cancelled == list(range(breaks_at + 1, 10))


@pytest.mark.parametrize("breaks_at", [0, 1, 5])
def test_an_error_of_the_items_comes_after_all_results_before_it(breaks_at: int) -> None:
    async def items() -> AsyncIterator[int]:
        for number in range(breaks_at):
            yield number
        raise Breaks

    async def work(item: int) -> int:
        await turns(30 - item)
        return item

    assert run(until_error(in_order(work, items(), window=lambda: 8), Breaks)) == list(
        range(breaks_at)
    )


def test_closing_cancels_what_is_under_way_waits_for_it_and_closes_the_items() -> None:
    ended: list[object] = []

    async def items() -> AsyncGenerator[int, None]:
        try:
            for number in range(100):
                yield number
        finally:
            await turns(3)
            ended.append("items")

    async def work(item: int) -> int:
        try:
            await turns(30 if item == 0 else 10_000)
        except asyncio.CancelledError:
            await turns(5)  # takes its time to end
            ended.append(item)
            raise
        return item

    async def main() -> None:
        results = in_order(work, items(), window=lambda: 5)
        assert await anext(results) == 0
        await results.aclose()
        assert ended == [1, 2, 3, 4, "items"]

    run(main())


def test_closing_while_an_item_is_awaited_ends_the_items() -> None:
    ended = []

    async def items() -> AsyncGenerator[int, None]:
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def work(item: int) -> int:
        return item

    async def main() -> None:
        results = in_order(work, items(), window=lambda: 5)
        assert await anext(results) == 0
        await results.aclose()
        assert ended == [True]

    run(main())


def cancelling(depth: int) -> Coroutine[Any, Any, None]:
    async def main() -> None:
        begun = asyncio.Event()
        left = 0

        async def work(item: int) -> int:
            nonlocal left
            left += 1
            begun.set()
            try:
                await asyncio.sleep(3600)
            finally:
                left -= 1
            return item

        stream: AsyncGenerator[int, None] = numbers(100)
        for _ in range(depth):
            stream = in_order(work, stream, window=lambda: 7)
        task = asyncio.ensure_future(all_of(stream))
        await begun.wait()
        await turns(20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert left == 0

    return main()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_cancelling_the_consumer_leaves_no_task_behind_however_the_streams_are_stacked(
    depth: int,
) -> None:
    run(cancelling(depth))


def test_two_streams_on_top_of_each_other_keep_the_order() -> None:
    chance = Random(2)

    async def work(item: int) -> int:
        await turns(chance.randrange(20))
        return item + 1

    stream = in_order(work, in_order(work, numbers(300), window=lambda: 16), window=lambda: 9)
    assert run(all_of(stream)) == [number + 2 for number in range(300)]


def test_no_items_give_no_results() -> None:
    async def work(item: int) -> int:
        return item

    assert run(all_of(in_order(work, numbers(0), window=lambda: 3))) == []
