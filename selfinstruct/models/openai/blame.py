"""Whether a refusal ends the run or a single request. The replies to other requests decide."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from selfinstruct.errors import RequestFailed
from selfinstruct.models import Request
from selfinstruct.models.openai.errors import AmbiguousFailure


class Blame:
    """Turns an AmbiguousFailure into the request's error or into the run's error.

    The run is at fault as long as the endpoint has answered nobody in this sitting. is_known: the
    endpoint has answered in an earlier sitting; then DOUBTS refusals are the requests' own although
    nobody has been answered yet.
    """

    DOUBTS = 4  # refusals in a sitting

    def __init__(self, *, is_known: bool, first_answer: Callable[[], object]) -> None:
        """first_answer: called once, at the sitting's first answer."""
        self.has_answer = False
        self._first_answer = first_answer
        self._doubts = self.DOUBTS if is_known else 0
        self._overflowed: set[str] = set()  # places in the run, before the first answer
        self._under_way = 0
        self._changed = asyncio.Event()  # a call has ended; replaced by a new event each time

    @contextmanager
    def call(self) -> Iterator[None]:
        """Count a call as under way."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._changed.set()
            self._changed = asyncio.Event()

    def note_answer(self) -> None:
        if not self.has_answer:
            self.has_answer = True
            self._first_answer()

    async def settle(self, failure: AmbiguousFailure, request: Request) -> Exception:
        """The error to raise, after the calls under way have told whether anybody is answered.

        A refusal comes back sooner than a reply, so the first refusal says nothing yet.
        """
        if self._will_shrink(failure, request):
            return failure.of_request
        while self._under_way and not self.has_answer:
            await self._changed.wait()
        return self._decide(failure)

    def settle_at_once(self, failure: AmbiguousFailure, request: Request) -> Exception:
        """The error to raise, without waiting for other calls."""
        return failure.of_request if self._will_shrink(failure, request) else self._decide(failure)

    def _decide(self, failure: AmbiguousFailure) -> Exception:
        if self.has_answer:
            return failure.of_request
        self._doubts -= 1
        return failure.of_request if self._doubts >= 0 else failure.of_run

    def _will_shrink(self, failure: AmbiguousFailure, request: Request) -> bool:
        """Whether the prompt is too long and the asker will now send a shorter prompt.

        The second overflow at the same place is the shorter prompt's.
        """
        error = failure.of_request
        is_overflow = isinstance(error, RequestFailed) and error.reason == "context_overflow"
        may_shrink = is_overflow and request.shrinks
        if self.has_answer or not may_shrink or request.place in self._overflowed:
            return False
        self._overflowed.add(request.place)
        return True
