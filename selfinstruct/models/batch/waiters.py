"""Who waits for the reply to which request, while others see to it that it comes."""

from __future__ import annotations

import asyncio

from selfinstruct.models import Completion, Request


class Unanswered(Exception):
    """A batch has come back without a reply to this request. `is_counted`: that says something against the request."""

    def __init__(self, why: str, *, is_counted: bool) -> None:
        super().__init__(why)
        self.is_counted = is_counted


class Waiters:
    """By the requests' keys. Replies to what nobody waits for are passed over: they are on record."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Request, asyncio.Future[Completion]]] = {}
        self.failure: BaseException | None = None

    async def wait(self, key: str, request: Request) -> Completion:
        """Raises Unanswered, or what has made it impossible that any reply comes."""
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
        """What somebody waits for by this key."""
        found = self._waiting.get(key)
        return found and found[0]

    def answer(self, key: str, completion: Completion) -> None:
        if key in self._waiting and not self._waiting[key][1].done():
            self._waiting[key][1].set_result(completion)

    def leave(self, key: str, why: Unanswered) -> None:
        if key in self._waiting and not self._waiting[key][1].done():
            self._waiting[key][1].set_exception(why)

    def fail(self, error: BaseException) -> None:
        """For everybody, and for whoever comes."""
        self.failure = self.failure or error
        for _, answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(error)
