"""A provider's batch endpoint as a Model: half the price, and answers after minutes or hours.

    asked -> reserved -> collected -> uploaded -> token on disk -> batch created -> id on disk
          -> polled -> replies on record -> closed

A process may die at any step. The next process finds the batch by its id, or by a token that was
written down before the batch was made and that the endpoint keeps as metadata.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

from selfinstruct.errors import CapReached, ModelError, RequestFailed, Transient
from selfinstruct.models import Completion, Model, Request, Usage
from selfinstruct.models.batch.collector import Collector, PendingRequest
from selfinstruct.models.batch.log import Log, ReplyRecord, SentBatch
from selfinstruct.models.batch.patience import Patience
from selfinstruct.models.batch.place import Place
from selfinstruct.models.batch.polling import Polling, count_of
from selfinstruct.models.batch.replies import Replies
from selfinstruct.models.batch.result import BatchResult
from selfinstruct.models.batch.state import CANCELLED, FAILED
from selfinstruct.models.batch.submission import Submission
from selfinstruct.models.batch.waiters import Unanswered, Waiters
from selfinstruct.models.disk import Notice
from selfinstruct.models.money.budget import Budget


class Batch:
    """Takes the place of the provider and the layers around. Life: start, stop or finish, close.

    A request is reserved in `budget` before being sent, and settled when the batch has come back.
    record: where replies are kept. retries: batches that a request may go through. patience:
    seconds to wait for an endpoint that has gone. live: answers the requests in no open batch, in a
    run that goes on without --batch. waiting: hears the state of open batches.
    """

    def __init__(
        self,
        api: Place,
        log: Log,
        record: ReplyRecord,
        budget: Budget,
        *,
        retries: int,
        patience: float,
        notice: Notice = lambda text: None,
        waiting: Callable[[str], None] = lambda text: None,
        live: Model | None = None,
    ) -> None:
        self._api, self._log, self._budget, self._live = api, log, budget, live
        self._retries, self._notice = retries, notice
        self._patiently = Patience(patience, notice)
        self._collector, self._waiters = Collector(), Waiters()
        self._held: dict[str, Usage] = {}  # by key, reserved for requests in open batches
        self._submission = Submission(
            api, log, budget, self._waiters, self._held, self._patiently, notice
        )
        self._polling = Polling(api, log, self._patiently, waiting, notice)
        self._replies = Replies(
            api, log, record, budget, self._waiters, self._held, self._polling, notice
        )
        self._is_on_record = record.__contains__
        self._is_limited = False  # to a single batch at a time
        self._last_answer = 0.0
        self._batch_ended = asyncio.Event()
        self._idle = asyncio.Event()  # no batch is being made at this moment
        self._idle.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._collecting: asyncio.Task[None] | None = None

    # ------------------------------------------------ as seen from outside

    def start(self) -> None:
        """Take up the open batches, and begin to collect."""
        for sent in list(self._log.open.values()):
            for request in sent.requests:
                if not self._is_on_record(request.key) and request.key not in self._held:
                    self._held[request.key] = request.most
                    self._budget.adopt(request.most, request.model)
            self._spawn(self._take_up(sent))
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
                # An end must come although nothing speaks against the request.
                tries += 1.0 if why.is_counted else 0.1
                if tries < self._retries:
                    continue
                if self._last_answer > begun:
                    raise RequestFailed("server_error", str(why)) from None
                raise ModelError(
                    f"no request was answered, and so {self._retries} times ({why}); "
                    "start again later"
                ) from None

    async def _by_batch(self, key: str, request: Request) -> Completion:
        """Raises Unanswered."""
        if key in self._held:
            return await self._waiters.wait(key, request)
        most = await self._budget.reserve_in_batch(request, is_discounted=self._api.is_discounted)
        self._collector.add(key, PendingRequest(request, most))
        try:
            return await self._waiters.wait(key, request)
        finally:
            if self._collector.drop(key):
                self._budget.withdraw(most, request.model)

    async def stop(self, grace: float) -> None:
        """Send nothing new, and leave the open batches open.

        A batch that is being made has `grace` seconds to get an id.
        """
        if self._collecting is not None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._idle.wait(), grace)
            self._collecting.cancel()

    async def finish(self, grace: float) -> None:
        """As `stop`, and cancel the open batches, which nobody needs any more.

        Requests answered by then are paid for and serve a longer run, so their replies are waited
        for, `grace` seconds more.
        """
        await self.stop(grace)
        self._polling.hurry.set()
        await self._ended_within(grace / 4)  # for batches that have ended since the last look
        for sent in list(self._log.open.values()):
            if sent.id is not None and not sent.is_cancelled:
                self._log.cancel(sent.token)
                with contextlib.suppress(Transient, ModelError):  # the batch ends by itself
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
                self._batch_ended.clear()
                await self._batch_ended.wait()
            if not self._log.open and (cap := self._budget.nearly_reached()) is not None:
                # The rest would go in ever smaller batches, and each could take hours.
                return self._fail(CapReached(cap))
            self._idle.clear()
            try:
                await self._send()
            finally:
                self._idle.set()

    async def _send(self) -> None:
        data, pending = self._collector.take(self._api.line)
        if pending:
            sent = await self._submission.make(data, pending)
            self._notice(
                f"batch {sent.id}: sent with {count_of(len(pending), 'request', 'requests')}"
            )
            self._spawn(self._follow(sent))

    # ------------------------------------------------ back

    async def _take_up(self, sent: SentBatch) -> None:
        """Go on with a batch that another process began."""
        named = sent if sent.id is not None else await self._submission.found(sent)
        if named is not None:
            await self._follow(named)

    async def _follow(self, sent: SentBatch) -> None:
        """Wait for the end of a batch, and take the replies."""
        result = await self._replies.all_of(sent, self._submission.left_out(sent))
        if result.answered:
            self._last_answer = time.monotonic()
        await self._replies.close(sent, result)
        self._batch_ended.set()
        self._polling.tell_waiting()
        replies = count_of(result.answered, "reply", "replies")
        without = count_of(len(result.left), "request", "requests")
        left = f", {without} without" if result.left else ""
        self._notice(f"batch {sent.id}: {result.state.status}, {replies}{left}")
        if self._live is None and not self._polling.hurry.is_set():
            self._draw_conclusions(sent, result)

    def _draw_conclusions(self, sent: SentBatch, result: BatchResult) -> None:
        """Learn from a batch for the next ones. Raises ModelError if there should be no more."""
        state = result.state
        if result.refusal is not None:
            raise result.refusal
        if result.gone is not None:
            raise ModelError(
                f"batch {sent.id}: {count_of(len(result.missing), 'reply', 'replies')} cannot be "
                f"had, and count as paid for ({result.gone}); start again to ask for them anew"
            )
        if state.status == FAILED:
            if not state.is_queue_full or len(sent.requests) == 1:
                raise ModelError(f"batch {sent.id}: refused ({self._api.words(state.refusal[1])})")
            if not self._log.open:
                self._collector.most = max(1, len(sent.requests) // 2)
            self._is_limited = True
            self._notice(
                f"batch {sent.id}: too many tokens are waiting at the endpoint; "
                "from here on one batch at a time"
            )
        if state.status == CANCELLED and not sent.is_cancelled:
            raise ModelError(
                f"batch {sent.id}: was cancelled; what it had done is kept, "
                "start again to send the rest"
            )
