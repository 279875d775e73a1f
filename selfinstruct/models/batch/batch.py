"""The provider's batch endpoint: the same requests at about half the price, answered in minutes or hours instead of seconds.

    asked -> reserved -> collected -> uploaded -> intent on disk -> batch created -> id on disk -> polled -> on record -> closed

Whatever a process dies of, and wherever on this way, the next one finds the batch again: by its id, or by a token that was
written down before the batch was made and that the endpoint keeps with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from selfinstruct.errors import CapReached, ModelError, RequestFailed, Transient
from selfinstruct.models import Completion, Model, Request, Usage
from selfinstruct.models.batch.api import ENDED, BatchApi, completed, lines_of
from selfinstruct.models.batch.collector import Asked, Collector
from selfinstruct.models.batch.log import Log, Sent, Shelf
from selfinstruct.models.batch.patience import Patient
from selfinstruct.models.batch.replies import Back, Replies
from selfinstruct.models.batch.submission import Making
from selfinstruct.models.batch.waiters import Unanswered, Waiters
from selfinstruct.models.disk import Notice
from selfinstruct.models.money.budget import Budget


class Batch:
    """Stands where the provider and all around it stand. `start` it first; at the end `stop` or `finish` it, and `close` it.

    Every request is reserved in `budget` before it is sent, and settled when its batch has come back. `live`: answers what is
    in no open batch, instead of another batch (a run that goes on without --batch). `waiting` hears what is being waited for.
    """

    PAUSE, LONGEST_PAUSE = 5.0, 60.0  # seconds between two looks at a batch

    def __init__(
        self,
        api: BatchApi,
        log: Log,
        shelf: Shelf,
        budget: Budget,
        *,
        retries: int,
        patience: float,
        notice: Notice = lambda text: None,
        waiting: Callable[[str], None] = lambda text: None,
        live: Model | None = None,
    ) -> None:
        self._api, self._log, self._budget, self._live = api, log, budget, live
        self._retries, self._notice, self._waiting = retries, notice, waiting
        self._patiently = Patient(patience, notice)
        self._collector, self._waiters = Collector(), Waiters()
        self._held: dict[str, Usage] = {}  # by key, what is reserved for those in open batches
        self._making = Making(api, log, budget, self._waiters, self._held, self._patiently, notice)
        self._replies = Replies(api, log, shelf, budget, self._waiters, self._held, notice)
        self._in_shelf = shelf.__contains__
        self._done: dict[str, int] = {}  # by token, requests
        self._is_limited = False  # to one batch at a time
        self._last_answer = 0.0
        self._one_ended, self._hurry, self._idle = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._idle.set()  # no batch is just being made
        self._tasks: set[asyncio.Task[None]] = set()
        self._collecting: asyncio.Task[None] | None = None

    # ------------------------------------------------ as seen from outside

    def start(self) -> None:
        """Take up the batches that are open, and collect."""
        for sent in list(self._log.open.values()):
            for one in sent.wanted:
                if not self._in_shelf(one.key) and one.key not in self._held:
                    self._held[one.key] = one.most
                    self._budget.adopt(one.most)
            self._spawn(self._taken_up(sent))
        if self._live is None:
            self._collecting = self._spawn(self._collect())

    async def complete(self, request: Request) -> Completion:
        key, begun, tries = request.key, time.monotonic(), 0.0
        while True:
            if self._live is not None and key not in self._held:
                return await self._live.complete(request)
            try:
                return await self._by_batch(key, request)
            except Unanswered as why:
                tries += (
                    1.0 if why.is_counted else 0.1
                )  # what is nothing against a request must end as well
                if tries < self._retries:
                    continue
                if self._last_answer > begun:
                    raise RequestFailed("server_error", str(why)) from None
                raise ModelError(
                    f"no request was answered, and so {self._retries} times ({why}); start again later"
                ) from None

    async def _by_batch(self, key: str, request: Request) -> Completion:
        """Raises Unanswered."""
        if key in self._held:
            return await self._waiters.wait(key, request)
        most = await self._budget.reserve_in_batch(request)
        self._collector.add(key, Asked(request, most))
        try:
            return await self._waiters.wait(key, request)
        finally:
            if self._collector.drop(key):
                self._budget.withdraw(most)

    async def stop(self, grace: float) -> None:
        """Send nothing new; wait up to `grace` seconds for a batch that is just being made. What is open stays open."""
        if self._collecting is not None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._idle.wait(), grace)
            self._collecting.cancel()

    async def finish(self, grace: float) -> None:
        """As `stop`, and cancel what is open: nobody needs it any more. What was done by then is paid for, and serves a longer
        run; it is waited for as long again.
        """
        await self.stop(grace)
        self._hurry.set()
        await self._ended_within(grace / 4)  # some have ended, and nobody has looked
        for sent in list(self._log.open.values()):
            if sent.id is not None and not sent.is_cancelled:
                self._log.cancel(sent.token)
                with contextlib.suppress(Transient, ModelError):  # it ends by itself
                    await self._api.cancel(sent.id)
                self._notice(f"batch {sent.id}: cancelled, the dataset is whole without it")
        await self._ended_within(grace)

    async def settled(self) -> None:
        """Wait until all open batches have come back. Raises ModelError."""
        await self._ended_within(None)
        if self._waiters.failure is not None:
            raise self._waiters.failure

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ended_within(self, seconds: float | None) -> None:
        following = self._tasks - {self._collecting}
        if following:
            await asyncio.wait(following, timeout=seconds)

    # ------------------------------------------------ tasks

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._waiters.fail(error)
        self._budget.refuse(error)

    # ------------------------------------------------ out

    async def _collect(self) -> None:
        while True:
            await self._collector.ready()
            while self._is_limited and self._log.open:
                self._one_ended.clear()
                await self._one_ended.wait()
            if not self._log.open and (cap := self._budget.dregs()) is not None:
                return self._fail(CapReached(cap))  # each of ever smaller batches could take hours
            self._idle.clear()
            try:
                await self._send()
            finally:
                self._idle.set()

    async def _send(self) -> None:
        data, asked = self._collector.take(self._api.line)
        if asked:
            sent = await self._making.make(data, asked)
            self._notice(f"batch {sent.id}: sent with {_count(len(asked), 'request')}")
            self._spawn(self._follow(sent))

    # ------------------------------------------------ back

    async def _taken_up(self, sent: Sent) -> None:
        """Go on with a batch that another process began."""
        named = sent if sent.id is not None else await self._making.found(sent)
        if named is not None:
            await self._follow(named)

    async def _follow(self, sent: Sent) -> None:
        batch = await self._end_of(sent)
        lines = lines_of(batch, lambda file_id: self._patiently(lambda: self._api.content(file_id)))
        back = await self._replies.take(sent, batch, lines, self._making.left_out(sent))
        if back.answered:
            self._last_answer = time.monotonic()
        self._one_ended.set()
        self._say_what_is_waited_for()
        replies = _count(back.answered, "reply", "replies")
        left = f", {len(back.left):,} requests without" if back.left else ""
        self._notice(f"batch {sent.id}: {batch['status']}, {replies}{left}")
        if self._live is None and not self._hurry.is_set():
            self._judge(sent, batch, back)

    async def _end_of(self, sent: Sent) -> dict[str, Any]:
        pause = self.PAUSE
        while True:
            batch = await self._patiently(lambda: self._api.look(sent.id or ""))
            self._done[sent.token] = completed(batch) or 0
            self._say_what_is_waited_for()
            if batch["status"] in ENDED:
                return batch
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), pause)
            if self._hurry.is_set():
                await asyncio.sleep(min(pause, 0.5))
            pause = min(pause * 1.5, self.LONGEST_PAUSE)

    def _judge(self, sent: Sent, batch: Mapping[str, Any], back: Back) -> None:
        """What a batch means for those that follow. Raises ModelError if it means that none should."""
        if back.refusal is not None:
            raise back.refusal
        if batch["status"] == "failed":
            code, words = self._api.refusal(batch)
            if code != "token_limit_exceeded" or len(sent.wanted) == 1:
                raise ModelError(f"batch {sent.id}: refused ({words})")
            if not self._log.open:
                self._collector.most = max(1, len(sent.wanted) // 2)
            self._is_limited = True
            self._notice(
                f"batch {sent.id}: too many tokens are waiting at the endpoint; from here on one batch at a time"
            )
        if batch["status"] == "cancelled" and not sent.is_cancelled:
            raise ModelError(
                f"batch {sent.id}: was cancelled; what it had done is kept, start again to send the rest"
            )

    def _say_what_is_waited_for(self) -> None:
        opened = self._log.open.values()
        done, total = (
            sum(self._done.get(one.token, 0) for one in opened),
            sum(len(one.wanted) for one in opened),
        )
        batches = _count(len(opened), "batch", "batches")
        self._waiting(
            f"waits for {batches} ({done:,} of {total:,} requests done)" if opened else ""
        )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
