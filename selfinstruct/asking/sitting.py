"""A sitting of paid work: the layers around the endpoints, the signals and the clock, the disk.

Every command that asks a model works in a sitting: `generate` for a run, `judge` for its examples.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from selfinstruct.asking.batching import batching
from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.asking.layers import layers_around
from selfinstruct.asking.providers import endpoints
from selfinstruct.errors import Interrupted, NotYet, UserError
from selfinstruct.models import Model, Request
from selfinstruct.models.batch.batch import Batch
from selfinstruct.models.batch.log import Log, ReplyRecord
from selfinstruct.models.disk import Notice
from selfinstruct.models.limits.concurrency import GRACE, Paced, Rank
from selfinstruct.models.money.budget import Ledger
from selfinstruct.models.money.meter import Meter
from selfinstruct.models.money.prices import budget
from selfinstruct.models.openai.fields import Learned
from selfinstruct.models.record import Recorded
from selfinstruct.models.silence import Silence

_SYNC_EVERY = 1.0  # seconds: what a power cut may take
NOT_YET = 75  # exit code of a sitting that the clock or a cap ended: try again later (sysexits.h)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Books(Protocol):
    """Where paid work is written down: `run.Run`, or a judge's folder."""

    @property
    def completions(self) -> ReplyRecord: ...

    @property
    def spending(self) -> Ledger: ...

    @property
    def batches(self) -> Log: ...

    @property
    def meter(self) -> Meter: ...

    @property
    def learned(self) -> Learned:
        """The fields that each address is known to refuse; new findings are added."""
        ...

    def sync(self) -> None:
        """Bring calls and replies to the disk. Raises NoRoom or UserError."""
        ...


@dataclass(frozen=True, slots=True)
class Sitting:
    """The model of a sitting, and the ways to end the sitting.

    The model never buys a reply twice, keeps to the caps and limits, and retries failed calls.
    """

    model: Model
    batch: Batch | None  # if requests go to a batch endpoint, or earlier ones are still there
    _paced: Paced

    async def stop(self) -> None:
        """Send nothing new, and wait a moment for the replies under way."""
        await self._paced.stop(GRACE)
        if self.batch is not None:
            await self.batch.stop(GRACE)

    async def finish(self) -> None:
        """Stop a sitting that needs no more replies: open batches at the endpoint are cancelled."""
        await self._paced.stop(GRACE)
        if self.batch is not None:
            await self.batch.finish(GRACE)


@asynccontextmanager
async def sitting(
    config: Endpoint,
    books: Books,
    *,
    notice: Notice,
    waiting: Callable[[str], None] = lambda what: None,
    seconds: float | None = None,
    rank: Callable[[Request], Rank] = lambda request: (0, 0),
) -> AsyncIterator[Sitting]:
    """A sitting of at most `seconds`. Calls of the lowest `rank` are made first.

    `waiting` is called with the reason for a wait, and with the empty text when the wait is over.
    Raises UserError if no endpoint can be had or a cap cannot be held, and Interrupted inside when
    a signal, the clock or a cap ends the sitting.
    """
    silence = Silence(notice)
    notice = silence.say
    spending = budget(config, books.meter, books.spending, notice, config.models)
    is_known = bool(books.learned)  # there will be findings as soon as an endpoint answers
    async with endpoints(config, notice, books.learned) as found:
        retried, paced = layers_around(config, found, spending, notice, rank, is_known=is_known)
        record = books.completions
        async with batching(
            config, books.batches, record, found, spending, retried, notice=notice, waiting=waiting
        ) as batch:
            at = Sitting(
                Recorded(batch or retried, record, books.meter, notice, paced.hold), batch, paced
            )
            saying = silence.watch(retried.evidence, (retried.reason, paced.reason))
            async with _stopping(at.stop, seconds), _syncing(books), _beside(saying):
                try:
                    yield at
                except NotYet as why:
                    raise Interrupted(str(why), NOT_YET) from None


@asynccontextmanager
async def _stopping(
    send_no_more: Callable[[], Awaitable[None]], seconds: float | None
) -> AsyncIterator[None]:
    """End the sitting at the first signal, or after `seconds`: send nothing new, wait a moment for
    calls under way, and raise Interrupted. A second signal ends the sitting at once.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    reasons: list[Interrupted] = []
    ending: list[asyncio.Task[None]] = []

    async def end() -> None:
        await send_no_more()
        task.cancel()

    def stop(why: str, code: int) -> None:
        reasons.append(Interrupted(why, code))
        if len(reasons) == 1:
            ending.append(asyncio.ensure_future(end()))
        else:
            task.cancel()

    clock = loop.call_later(seconds, stop, "time is up", NOT_YET) if seconds is not None else None
    try:
        with _signals(loop, stop):
            yield
    except asyncio.CancelledError:
        if reasons:
            raise reasons[0] from None
        raise
    finally:
        if clock is not None:
            clock.cancel()
        for each in ending:
            each.cancel()


@contextlib.contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: Callable[[str, int], None]) -> Iterator[None]:
    """Have signals call `stop`. Outside the main thread no signal arrives."""
    installed = []
    with contextlib.suppress(ValueError, RuntimeError):
        for number in _SIGNALS:
            loop.add_signal_handler(number, stop, number.name, 128 + number)
            installed.append(number)
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have `work` done meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()


@asynccontextmanager
async def _syncing(books: Books) -> AsyncIterator[None]:
    """Bring new replies to the disk every second, off the event loop: many for the price of a call.

    A disk that fails to keep them ends the sitting.
    """
    task = asyncio.current_task()
    assert task is not None
    failed: list[UserError] = []

    async def sync() -> None:
        while True:
            await asyncio.sleep(_SYNC_EVERY)
            try:
                await asyncio.to_thread(books.sync)
            except UserError as error:
                failed.append(error)
                task.cancel()

    syncing = asyncio.ensure_future(sync())
    try:
        yield
    except asyncio.CancelledError:
        if failed:
            raise failed[0] from None
        raise
    finally:
        syncing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await syncing
