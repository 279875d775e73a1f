"""Callers that wait for replies, by the keys of their requests."""

from __future__ import annotations

import asyncio

from selfinstruct.models import Completion, Request


class Unanswered(Exception):
    """A batch has come back without a reply to this request.

    is_counted: whether the fault may lie in the request, which is then asked a few times only.
    """

    def __init__(self, why: str, *, is_counted: bool) -> None:
        super().__init__(why)
        self.is_counted = is_counted


class Waiters:
    """Gives each reply to the caller that waits. Other replies are passed over: they are on record.

    failure: the error that has made further replies impossible.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Request, asyncio.Future[Completion]]] = {}
        self.failure: BaseException | None = None

    async def wait(self, key: str, request: Request) -> Completion:
        """Raises Unanswered, or `failure`."""
        if self.failure is not None:
            raise self.failure
        assert key not in self._waiting, f"{request.stage} {request.place} is asked twice at once"
        answer: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self._waiting[key] = (request, answer)
        try:
            return await answer
        finally:
            del self._waiting[key]

    def request(self, key: str) -> Request | None:
        """The request that a caller waits for, None without a caller."""
        found = self._waiting.get(key)
        return found and found[0]

    def answer(self, key: str, completion: Completion) -> None:
        if key in self._waiting and not self._waiting[key][1].done():
            self._waiting[key][1].set_result(completion)

    def leave(self, key: str, why: Unanswered) -> None:
        if key in self._waiting and not self._waiting[key][1].done():
            self._waiting[key][1].set_exception(why)

    def fail(self, error: BaseException) -> None:
        """Raise `error` in all callers, now and from here on."""
        self.failure = self.failure or error
        for _, answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(error)
