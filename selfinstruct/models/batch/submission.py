"""From collected requests to a batch at the endpoint; each step is on disk before the next step."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence

from selfinstruct.errors import ModelError, Transient
from selfinstruct.models import Request, Usage
from selfinstruct.models.batch.api import NotThere
from selfinstruct.models.batch.collector import PendingRequest
from selfinstruct.models.batch.log import NEVER_MADE, Log, SentBatch, SentRequest
from selfinstruct.models.batch.patience import Patience
from selfinstruct.models.batch.place import Place
from selfinstruct.models.batch.waiters import Unanswered, Waiters
from selfinstruct.models.disk import Notice, when_there_is_room
from selfinstruct.models.money.budget import Budget


class Submission:
    """Makes batches, and finds batches that another process was making.

    held: by key, the tokens reserved for requests in open batches.
    """

    def __init__(
        self,
        api: Place,
        log: Log,
        budget: Budget,
        waiters: Waiters,
        held: dict[str, Usage],
        patiently: Patience,
        notice: Notice,
    ) -> None:
        self._api, self._log, self._budget = api, log, budget
        self._waiters, self._held = waiters, held
        self._patiently, self._notice = patiently, notice
        self._left_out: dict[str, Mapping[str, str | None]] = {}  # by token

    async def make(self, data: bytes, pending: Sequence[PendingRequest]) -> SentBatch:
        """Make a batch of requests, whose lines are `data`.

        Raises ModelError. Afterwards the requests stand in the log, or have not been sent at all.
        """
        requests = tuple(SentRequest.of(item.request, item.most) for item in pending)
        self._held.update({item.request.key: item.most for item in pending})
        left_out = self._api.left_out
        try:
            file_id = await self._patiently(lambda: self._api.upload(data))
            sent = SentBatch(uuid.uuid4().hex, requests, time.time(), file_id)
            await when_there_is_room(lambda: self._log.begin(sent), self._notice)
        except BaseException:
            self._withdraw(requests)
            raise
        self._left_out[sent.token] = left_out
        batch_id = await self._patiently(self._creating(sent, pending[0].request))
        return await self._named(sent, batch_id)

    async def found(self, sent: SentBatch) -> SentBatch | None:
        """A batch that another process was making, None if the endpoint has no such batch.

        A list may be late, so an empty list is read a second time. Raises ModelError.
        """
        batch_id = await self._patiently(lambda: self._find(sent))
        if batch_id is None:
            await asyncio.sleep(self._api.settle)
            batch_id = await self._patiently(lambda: self._find(sent))
        if batch_id is not None:
            return await self._named(sent, batch_id)
        await self._was_never_made(sent)
        return None

    async def _find(self, sent: SentBatch) -> str | None:
        """The batch's id at the endpoint. A second batch for the same token is cancelled."""
        try:
            found = await self._api.find(sent)
        except NotThere as error:
            raise ModelError(
                f"{error}; a batch of the file {sent.file} may have been made and is not listed"
            ) from None
        for batch_id in found[:-1]:
            with contextlib.suppress(Transient, ModelError):  # it ends by itself
                await self._api.cancel(batch_id)
            self._notice(f"batch {batch_id}: cancelled, the endpoint has made {found[-1]} twice")
        return found[-1] if found else None

    def left_out(self, sent: SentBatch) -> Mapping[str, str | None]:
        """The fields that the batch's bodies did without; empty if another process sent them."""
        return self._left_out.pop(sent.token, {})

    def _creating(self, sent: SentBatch, like: Request) -> Callable[[], Awaitable[str]]:
        """The call that creates a batch.

        A second try looks first whether the first try has made the batch and lost the answer, and
        looks again, since a list may be late.
        """
        trials = itertools.count()

        async def create() -> str:
            if next(trials):
                for pause in (self._api.settle, 2 * self._api.settle):
                    await asyncio.sleep(pause)
                    if (found := await self._find(sent)) is not None:
                        return found
            try:
                made = await self._api.create(sent, like)
            except ModelError:  # refused
                await self._was_never_made(sent)
                raise
            if made is None:
                raise Transient(f"{self._api.address}: has made a batch and not said its id")
            return made

        return create

    async def _named(self, sent: SentBatch, batch_id: str) -> SentBatch:
        await when_there_is_room(lambda: self._log.name(sent.token, batch_id), self._notice)
        return self._log.open[sent.token]

    async def _was_never_made(self, sent: SentBatch) -> None:
        await when_there_is_room(lambda: self._log.close(sent.token, NEVER_MADE), self._notice)
        self._withdraw(sent.requests)

    def _withdraw(self, requests: Sequence[SentRequest]) -> None:
        for request in requests:
            if request.key in self._held:
                self._budget.withdraw(self._held.pop(request.key), request.model)
                why = Unanswered("its batch was never made", is_counted=False)
                self._waiters.leave(request.key, why)
