"""What a batch brings back: each reply goes on record once, whoever waits for it, and what it has cost is settled with it.

Done again after a crash in the middle it does only what is missing: what is on record was settled when that was read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models import Completion, Usage
from selfinstruct.models.batch.api import BatchApi, completed, is_answered
from selfinstruct.models.batch.log import Log, Sent, Shelf, Wanted
from selfinstruct.models.batch.waiters import Unanswered, Waiters
from selfinstruct.models.disk import Notice, when_there_is_room
from selfinstruct.models.money.budget import Budget

_AT_ONCE = 200  # lines that are read before others have their turn


@dataclass(slots=True)
class Back:
    """A batch's requests, as far as its files have been read."""

    left: dict[str, Wanted]  # by key: without a reply so far
    answered: int = 0
    charged: set[str] = field(default_factory=set)  # keys of lines that will be on the bill
    why: dict[str, Exception] = field(default_factory=dict)  # by key, of those that are left
    unread: set[str] = field(default_factory=set)  # keys of answers that cannot be read

    @property
    def refusal(self) -> ModelError | None:
        """The endpoint will not serve this run."""
        return next((one for one in self.why.values() if isinstance(one, ModelError)), None)


class Replies:
    """Takes batches' replies. `held`: by key, what is reserved for requests in open batches that are not on record."""

    def __init__(
        self,
        api: BatchApi,
        log: Log,
        shelf: Shelf,
        budget: Budget,
        waiters: Waiters,
        held: dict[str, Usage],
        notice: Notice,
    ) -> None:
        self._api, self._log, self._shelf, self._budget = api, log, shelf, budget
        self._waiters, self._held, self._notice = waiters, held, notice

    async def take(
        self,
        sent: Sent,
        batch: Mapping[str, Any],
        lines: AsyncIterator[dict[str, Any]],
        left_out: Mapping[str, str | None],
    ) -> Back:
        """Put the replies of a batch that has ended on record, settle it, and close it."""
        back = Back({one.key: one for one in sent.wanted if one.key not in self._shelf})
        keys, number = {one.key for one in sent.wanted}, 0
        async for line in lines:
            number += 1
            key = line.get("custom_id")
            if not isinstance(key, str) or key not in keys:
                continue
            if is_answered(line):
                back.charged.add(key)
            if key in back.left and key in self._held:
                await self._try(sent, back.left[key], line, left_out, back)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        await self.close(sent, batch["status"], back.left, _lost(batch, back))
        if back.refusal is None:
            is_counted = batch["status"] == "completed" or (
                batch["status"] == "expired" and not back.answered
            )
            for key in back.left:
                self._leave(key, back.why.get(key), is_counted=is_counted)
        return back

    async def close(self, sent: Sent, how: str, left: Mapping[str, Wanted], lost: set[str]) -> None:
        """`left`: those of its requests that have no reply; `lost`: those that may be paid for all the same."""
        await when_there_is_room(
            self._shelf.sync, self._notice
        )  # a power cut must not keep the one and lose the other
        gone = [one for key, one in left.items() if key in lost]
        await when_there_is_room(lambda: self._log.close(sent.token, how, gone), self._notice)
        for key in left:
            if key in self._held:
                self._budget.settled(self._held.pop(key), is_charged=key in lost)

    async def _try(
        self,
        sent: Sent,
        one: Wanted,
        line: Mapping[str, Any],
        left_out: Mapping[str, str | None],
        back: Back,
    ) -> None:
        try:
            completion = self._read(one, line, left_out)
        except (Transient, ModelError) as error:
            back.why[one.key] = error
            if is_answered(line):
                back.unread.add(one.key)
            return
        seconds = max(0.0, time.time() - sent.at)
        await when_there_is_room(
            lambda: self._shelf.put(one.key, one.request, completion, seconds), self._notice
        )
        self._budget.paid(one.request, self._held.pop(one.key), completion)
        self._waiters.answer(one.key, completion)
        del back.left[one.key]
        back.why.pop(one.key, None)
        back.answered += 1

    def _read(
        self, one: Wanted, line: Mapping[str, Any], left_out: Mapping[str, str | None]
    ) -> Completion:
        """Raises Transient, ModelError."""
        request = self._waiters.request(one.key)
        try:
            completion = self._api.reply(line, request or one.request, left_out)
        except RequestFailed as failure:
            if (
                request is None
            ):  # who asks for it later sends it again: that costs nothing, and tells more
                raise Transient(str(failure)) from None
            return Completion(failure.detail, "error", error=failure.reason)
        usage = completion.usage
        if (
            request is None and usage.prompt_tokens <= 1
        ):  # a server that counts nothing: four bytes a token
            usage = replace(usage, prompt_tokens=one.prompt_tokens // 4 + 1)
        return replace(completion, usage=usage.in_batch())

    def _leave(self, key: str, error: Exception | None, *, is_counted: bool) -> None:
        is_against_it = not (
            isinstance(error, Transient) and error.is_server_busy and error.retry_after == 0.0
        )
        why = "no reply in the batch's files" if error is None else str(error)
        self._waiters.leave(key, Unanswered(why, is_counted=is_counted and is_against_it))


def _lost(batch: Mapping[str, Any], back: Back) -> set[str]:
    """Keys of what may be charged without a reply: what cannot be read, and what is in neither file though it was answered."""
    done = completed(batch)
    if batch["status"] == "failed" or (done is not None and done <= len(back.charged)):
        return back.unread
    return back.unread | {key for key in back.left if key not in back.why}
