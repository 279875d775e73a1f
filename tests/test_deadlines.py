"""Time limits by a single timer: as those of asyncio.timeout."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from selfinstruct.models.limits.deadlines import Deadlines


async def sleep_within(deadlines: Deadlines, most: float, seconds: float) -> str:
    try:
        with deadlines.within(most):
            await asyncio.sleep(seconds)
    except asyncio.TimeoutError:
        return "cut"
    return "ended"


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 20))


def test_each_call_has_its_own_time_whatever_the_order_of_the_deadlines() -> None:
    async def main() -> None:
        deadlines = Deadlines()
        calls = [(60.0, 0.1), (0.05, 60.0), (30.0, 0.0), (0.02, 60.0), (0.1, 60.0), (20.0, 0.15)]
        found = await asyncio.gather(*[sleep_within(deadlines, *call) for call in calls])
        assert found == ["ended", "cut", "ended", "cut", "cut", "ended"]
        assert await sleep_within(deadlines, 0.02, 60.0) == "cut"  # the timer is set again

    run(main())


def test_a_call_that_somebody_cancels_stays_cancelled() -> None:
    async def main() -> None:
        deadlines = Deadlines()
        call = asyncio.ensure_future(sleep_within(deadlines, 60.0, 60.0))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    run(main())


def test_an_inner_deadline_leaves_the_outer_one_in_force() -> None:
    async def main() -> None:
        outer, inner = Deadlines(), Deadlines()

        async def both() -> None:
            with outer.within(0.1):
                assert await sleep_within(inner, 0.02, 60.0) == "cut"
                await asyncio.sleep(60)

        with pytest.raises(asyncio.TimeoutError):
            await both()

    run(main())


def test_another_loop_begins_anew() -> None:
    deadlines = Deadlines()

    async def main() -> None:
        left = asyncio.ensure_future(sleep_within(deadlines, 60.0, 60.0))
        assert await sleep_within(deadlines, 0.02, 60.0) == "cut"
        left.cancel()

    run(main())
    run(main())
