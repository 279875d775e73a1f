"""The replies of a batch: each goes on record once, and its price is settled at the same time.

After a crash in the middle, a second reading does the rest alone. Replies on record were settled
when the record was read.
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
from selfinstruct.models.batch.log import Log, ReplyRecord, SentBatch, SentRequest
from selfinstruct.models.batch.waiters import Unanswered, Waiters
from selfinstruct.models.disk import Notice, when_there_is_room
from selfinstruct.models.money.budget import Budget

_AT_ONCE = 200  # lines that are read before other tasks have their turn


@dataclass(slots=True)
class BatchResult:
    """A batch's requests, as far as the batch's files have been read."""

    left: dict[str, SentRequest]  # by key, the requests without a reply so far
    answered: int = 0
    charged: set[str] = field(default_factory=set)  # keys of lines that will be on the bill
    why: dict[str, Exception] = field(default_factory=dict)  # by key, of requests that are left
    unread: set[str] = field(default_factory=set)  # keys of answers that cannot be read

    @property
    def refusal(self) -> ModelError | None:
        """The error by which the endpoint refuses the whole run."""
        return next((error for error in self.why.values() if isinstance(error, ModelError)), None)


class Replies:
    """Takes the replies of batches.

    held: by key, the tokens reserved for requests in open batches that are not on record.
    """

    def __init__(
        self,
        api: BatchApi,
        log: Log,
        record: ReplyRecord,
        budget: Budget,
        waiters: Waiters,
        held: dict[str, Usage],
        notice: Notice,
    ) -> None:
        self._api, self._log, self._record, self._budget = api, log, record, budget
        self._waiters, self._held, self._notice = waiters, held, notice

    async def take(
        self,
        sent: SentBatch,
        batch: Mapping[str, Any],
        lines: AsyncIterator[dict[str, Any]],
        left_out: Mapping[str, str | None],
    ) -> BatchResult:
        """Put the replies of an ended batch on record, settle the price, and close the batch."""
        result = BatchResult(
            {request.key: request for request in sent.requests if request.key not in self._record}
        )
        keys, number = {request.key for request in sent.requests}, 0
        async for line in lines:
            number += 1
            key = line.get("custom_id")
            if not isinstance(key, str) or key not in keys:
                continue
            if is_answered(line):
                result.charged.add(key)
            if key in result.left and key in self._held:
                await self._take_line(sent, result.left[key], line, left_out, result)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        await self._close(sent, batch["status"], result.left, _lost(batch, result))
        if result.refusal is None:
            is_counted = batch["status"] == "completed" or (
                batch["status"] == "expired" and not result.answered
            )
            for key in result.left:
                self._leave(key, result.why.get(key), is_counted=is_counted)
        return result

    async def _close(
        self, sent: SentBatch, status: str, left: Mapping[str, SentRequest], lost: set[str]
    ) -> None:
        """left: the requests without a reply. lost: keys of those that may be charged anyway."""
        # Replies first: a power cut must not keep the closed batch and lose the replies.
        await when_there_is_room(self._record.sync, self._notice)
        gone = [request for key, request in left.items() if key in lost]
        await when_there_is_room(lambda: self._log.close(sent.token, status, gone), self._notice)
        for key, request in left.items():
            if key in self._held:
                most, is_charged = self._held.pop(key), key in lost
                self._budget.settled(most, is_charged=is_charged, model=request.model)

    async def _take_line(
        self,
        sent: SentBatch,
        request: SentRequest,
        line: Mapping[str, Any],
        left_out: Mapping[str, str | None],
        result: BatchResult,
    ) -> None:
        key = request.key
        try:
            completion = self._read(request, line, left_out)
        except (Transient, ModelError) as error:
            result.why[key] = error
            if is_answered(line):
                result.unread.add(key)
            return
        seconds = max(0.0, time.time() - sent.at)
        await when_there_is_room(
            lambda: self._record.put(key, request.request, completion, seconds), self._notice
        )
        self._budget.paid(request.request, self._held.pop(key), completion)
        self._waiters.answer(key, completion)
        del result.left[key]
        result.why.pop(key, None)
        result.answered += 1

    def _read(
        self, sent: SentRequest, line: Mapping[str, Any], left_out: Mapping[str, str | None]
    ) -> Completion:
        """Raises Transient or ModelError."""
        request = self._waiters.request(sent.key)
        try:
            completion = self._api.reply(line, request or sent.request, left_out)
        except RequestFailed as failure:
            if request is None:
                # Nobody waits. A later asker sends the request again: free, and says more.
                raise Transient(str(failure)) from None
            return Completion(failure.detail, "error", error=failure.reason)
        usage = completion.usage
        if request is None and usage.prompt_tokens <= 1:
            # The server counts nothing, and the prompt is unknown: four bytes a token.
            usage = replace(usage, prompt_tokens=sent.prompt_tokens // 4 + 1)
        return replace(completion, usage=usage.in_batch())

    def _leave(self, key: str, error: Exception | None, *, is_counted: bool) -> None:
        is_free_of_fault = (
            isinstance(error, Transient) and error.is_server_busy and error.retry_after == 0.0
        )
        why = "no reply in the batch's files" if error is None else str(error)
        self._waiters.leave(key, Unanswered(why, is_counted=is_counted and not is_free_of_fault))


def _lost(batch: Mapping[str, Any], result: BatchResult) -> set[str]:
    """Keys of requests that may be charged without a reply.

    Their answers cannot be read, or are in neither file although the endpoint counts them.
    """
    done = completed(batch)
    if batch["status"] == "failed" or (done is not None and done <= len(result.charged)):
        return result.unread
    return result.unread | {key for key in result.left if key not in result.why}
