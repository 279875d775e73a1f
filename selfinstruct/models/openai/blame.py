"""The meaning of a failure with two meanings: the request's error, the run's, or left open.

Where the answer to another request can tell, the failure leaves this room as `Refused`, and the
retry layer finds out (models/retry.py).
"""

from __future__ import annotations

from collections.abc import Callable

from selfinstruct.errors import Refused, RequestFailed, Transient
from selfinstruct.models import Request
from selfinstruct.models.openai.errors import AmbiguousFailure


class Blame:
    """Settles the ambiguous failures of an endpoint.

    is_known: the endpoint has answered in an earlier sitting. first_answer: called once, at the
    sitting's first answer.
    """

    DOUBTS = 4  # refusals in files of batches, before anything is answered in this sitting

    def __init__(self, *, is_known: bool, first_answer: Callable[[], object]) -> None:
        self.has_answer = False
        self._is_known, self._first_answer = is_known, first_answer
        self._doubts = self.DOUBTS if is_known else 0
        self._overflowed: set[str] = set()  # places in the run, before the first answer

    def note_answer(self) -> None:
        if not self.has_answer:
            self.has_answer = True
            self._first_answer()

    async def settle(self, failure: AmbiguousFailure, request: Request) -> Exception:
        """The error to raise for a live request.

        An endpoint that has never answered and does not know the key or has no money refuses the
        run.
        """
        of_request = failure.of_request
        if self._will_shrink(failure, request):
            return of_request
        is_new = not self.has_answer and not self._is_known
        if isinstance(of_request, Transient):
            if is_new and failure.is_likely_of_run:
                return failure.of_run
            of_request.of_run = failure.of_run if is_new else of_request.of_run
            return of_request
        return Refused(failure.of_run, of_request, retry_after=failure.retry_after)

    def settle_at_once(self, failure: AmbiguousFailure, request: Request) -> Exception:
        """The error to raise for a line of a batch's file, without another call."""
        if self._will_shrink(failure, request):
            return failure.of_request
        if self.has_answer and not failure.is_likely_of_run:
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
        if not may_shrink or request.place in self._overflowed:
            return False
        self._overflowed.add(request.place)
        return True
