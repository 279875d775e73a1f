"""The replies of a batch: each goes on record once, and its price is settled at the same time.

After a crash in the middle, a second reading does the rest alone. Replies on record were settled
when the record was read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Container, Mapping
from dataclasses import replace

from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models import Completion, Usage
from selfinstruct.models.batch.api import NotThere
from selfinstruct.models.batch.lines import Line
from selfinstruct.models.batch.log import Log, ReplyRecord, SentBatch, SentRequest
from selfinstruct.models.batch.place import Place
from selfinstruct.models.batch.polling import Polling, count_of
from selfinstruct.models.batch.result import BatchResult
from selfinstruct.models.batch.state import COMPLETED, EXPIRED, BatchState
from selfinstruct.models.batch.waiters import Unanswered, Waiters
from selfinstruct.models.disk import Notice, when_there_is_room
from selfinstruct.models.money.budget import Budget

_AT_ONCE = 200  # lines that are read before other tasks have their turn


class Replies:
    """Takes the replies of batches.

    held: by key, the tokens reserved for requests in open batches that are not on record.
    """

    def __init__(
        self,
        api: Place,
        log: Log,
        record: ReplyRecord,
        budget: Budget,
        waiters: Waiters,
        held: dict[str, Usage],
        polling: Polling,
        notice: Notice,
    ) -> None:
        self._api, self._log, self._record, self._budget = api, log, record, budget
        self._waiters, self._held, self._polling = waiters, held, polling
        self._notice = notice
        self._was_in_vain = False  # a wait for lines

    async def all_of(self, sent: SentBatch, left_out: Mapping[str, str | None]) -> BatchResult:
        """The replies of a batch, waited for as long as files may be late. Raises ModelError.

        left_out: the fields that the bodies did without. In a hurry a batch whose files are late
        stays open, for the next sitting.
        """
        ended, answered = 0.0, 0
        first, longest = self._api.pauses
        pause = first
        while True:
            state = await self._polling.end_of(sent)
            ended = ended or time.monotonic()
            result = await self.take(sent, state, self._polling.lines_of(state), left_out)
            result.answered = answered = answered + result.answered
            waited = time.monotonic() - ended
            if not result.is_late or self._is_over(state, waited):
                return result
            if pause == first:
                missing = count_of(len(result.missing), "reply", "replies")
                self._notice(f"batch {sent.id}: {state.status}; waits for {missing} in its files")
            await self._polling.rest(pause)
            pause = min(pause * 2.0, longest)

    def _is_over(self, state: BatchState, waited: float) -> bool:
        """Whether files that are late after so many seconds will never come.

        The next file that is there and not whole is then waited for less long.
        """
        if self._polling.hurry.is_set():
            return False
        if not state.has_answers:
            return waited > self._polling.LATE
        is_over = waited > (self._api.pauses[0] if self._was_in_vain else self._polling.GROWING)
        self._was_in_vain |= is_over
        return is_over

    async def take(
        self,
        sent: SentBatch,
        state: BatchState,
        lines: AsyncIterator[Line],
        left_out: Mapping[str, str | None],
    ) -> BatchResult:
        """Put the replies of an ended batch on record, and settle their price."""
        left = {each.key: each for each in sent.requests if each.key not in self._record}
        keys, result = {request.key for request in sent.requests}, BatchResult(state, left)
        try:
            await self._take_lines(sent, keys, lines, left_out, result)
        except NotThere as error:
            result.gone = error
        return result

    async def _take_lines(
        self,
        sent: SentBatch,
        keys: Container[str],
        lines: AsyncIterator[Line],
        left_out: Mapping[str, str | None],
        result: BatchResult,
    ) -> None:
        number = 0
        async for line in lines:
            number += 1
            if line.key not in keys:
                continue
            if line.is_answered:
                result.charged.add(line.key)
            if line.key in result.left and line.key in self._held:
                await self._take_line(sent, result.left[line.key], line, left_out, result)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    async def close(self, sent: SentBatch, result: BatchResult) -> None:
        """Close a batch of which no more replies will come, and tell those who wait for one."""
        status = result.state.status
        await self._close(sent, status, result.left, result.lost)
        if result.refusal is None and result.gone is None:
            is_counted = status == COMPLETED or (status == EXPIRED and not result.answered)
            for key in result.left:
                self._leave(key, result.why.get(key), is_counted=is_counted)

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
        line: Line,
        left_out: Mapping[str, str | None],
        result: BatchResult,
    ) -> None:
        key = request.key
        try:
            completion = self._read(request, line, left_out)
        except (Transient, ModelError) as error:
            result.why[key] = error
            if line.is_answered:
                result.unread.add(key)
            return
        seconds = max(0.0, time.time() - sent.at)
        await when_there_is_room(
            lambda: self._record.put(key, request.request, completion, seconds), self._notice
        )
        self._budget.paid(request.request, self._held.pop(key), completion, self._api.address)
        self._waiters.answer(key, completion)
        del result.left[key]
        result.why.pop(key, None)
        result.answered += 1

    def _read(
        self, sent: SentRequest, line: Line, left_out: Mapping[str, str | None]
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
            prompt = sent.prompt_tokens // 4 + 1
            estimated = prompt + (usage.completion_tokens if usage.estimated_tokens else 0)
            usage = replace(usage, prompt_tokens=prompt, estimated_tokens=estimated)
        usage = usage.in_batch() if self._api.is_discounted else usage
        return replace(completion, usage=usage)

    def _leave(self, key: str, error: Exception | None, *, is_counted: bool) -> None:
        is_free_of_fault = (
            isinstance(error, Transient) and error.is_server_busy and error.retry_after == 0.0
        )
        why = "no reply in the batch's files" if error is None else str(error)
        self._waiters.leave(key, Unanswered(why, is_counted=is_counted and not is_free_of_fault))
