"""From collected requests to a batch that the endpoint has, with each step on disk before the next one is taken."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence

from selfinstruct.errors import ModelError
from selfinstruct.models import Request, Usage
from selfinstruct.models.batch.api import BatchApi
from selfinstruct.models.batch.collector import Asked
from selfinstruct.models.batch.log import NEVER, Log, Sent, Wanted
from selfinstruct.models.batch.patience import Patient
from selfinstruct.models.batch.waiters import Unanswered, Waiters
from selfinstruct.models.disk import Notice, when_there_is_room
from selfinstruct.models.money.budget import Budget


class Making:
    """Makes batches, and finds those that others made. `held`: by key, what is reserved for requests in open batches."""

    SETTLE = 10.0  # seconds until a batch that was being made when a process died is listed, if it was made at all

    def __init__(
        self,
        api: BatchApi,
        log: Log,
        budget: Budget,
        waiters: Waiters,
        held: dict[str, Usage],
        patiently: Patient,
        notice: Notice,
    ) -> None:
        self._api, self._log, self._budget, self._waiters, self._held = (
            api,
            log,
            budget,
            waiters,
            held,
        )
        self._patiently, self._notice = patiently, notice
        self._left_out: dict[str, Mapping[str, str | None]] = {}  # by token

    async def make(self, data: bytes, asked: Sequence[Asked]) -> Sent:
        """Raises ModelError; then the requests are not sent, or stand in the log."""
        wanted = tuple(Wanted.of(one.request, one.most) for one in asked)
        self._held.update({one.request.key: one.most for one in asked})
        left_out = self._api.left_out
        try:
            file_id = await self._patiently(lambda: self._api.upload(data))
            sent = Sent(uuid.uuid4().hex, wanted, time.time(), file_id)
            await when_there_is_room(lambda: self._log.begin(sent), self._notice)
        except BaseException:
            self._withdraw(wanted)
            raise
        self._left_out[sent.token] = left_out
        batch_id = await self._patiently(self._creating(sent, asked[0].request))
        return await self._named(sent, batch_id)

    async def found(self, sent: Sent) -> Sent | None:
        """A batch that another process was making, if the endpoint has it. Raises ModelError."""
        batch_id = await self._patiently(lambda: self._api.find(sent))
        if batch_id is None and (rest := sent.at + self.SETTLE - time.time()) > 0:
            await asyncio.sleep(min(rest, self.SETTLE))
            batch_id = await self._patiently(lambda: self._api.find(sent))
        if batch_id is not None:
            return await self._named(sent, batch_id)
        await self._was_never_made(sent)
        return None

    def left_out(self, sent: Sent) -> Mapping[str, str | None]:
        """What the bodies of a batch did without, as far as anybody knows."""
        return self._left_out.pop(sent.token, {})

    def _creating(self, sent: Sent, like: Request) -> Callable[[], Awaitable[str]]:
        """The call that creates a batch; after a first try without an answer it looks whether that has made one."""
        trials = itertools.count()

        async def create() -> str:
            if next(trials):
                await asyncio.sleep(self.SETTLE)
                found = await self._api.find(sent)
                if found is not None:
                    return found
            try:
                return await self._api.create(sent, like)
            except ModelError:  # it says no
                await self._was_never_made(sent)
                raise

        return create

    async def _named(self, sent: Sent, batch_id: str) -> Sent:
        await when_there_is_room(lambda: self._log.name(sent.token, batch_id), self._notice)
        return self._log.open[sent.token]

    async def _was_never_made(self, sent: Sent) -> None:
        await when_there_is_room(lambda: self._log.close(sent.token, NEVER), self._notice)
        self._withdraw(sent.wanted)

    def _withdraw(self, wanted: Sequence[Wanted]) -> None:
        for one in wanted:
            if one.key in self._held:
                self._budget.withdraw(self._held.pop(one.key))
                self._waiters.leave(
                    one.key, Unanswered("its batch was never made", is_counted=False)
                )
