"""Errors that a user can act on. They print one line and exit with 2; every other exception is a bug and shows its traceback.

SelfInstructError
+-- UserError            bad input: says what, where and what to do next
|   +-- ModelError       the endpoint will not serve this run: key, address, model's name, quota, unreachable
|   +-- NoRoom           the disk is full
|   +-- Stalled          the model's replies give nothing any more
+-- RequestFailed        one request failed for good; the run goes on without it
+-- CapReached           the run may not spend more; it goes on with a higher cap
+-- Interrupted          a signal, the clock or a cap ended a sitting; the same command goes on
+-- Transient            one call failed; the retry layer makes it again
"""

from __future__ import annotations


class SelfInstructError(Exception):
    """The root of everything this package raises on purpose."""


class UserError(SelfInstructError):
    """Bad input. Its text is one line that says what, where and what to do."""


class ModelError(UserError):
    """The endpoint refuses the whole run or cannot be reached; going on would only repeat it."""


class NoRoom(UserError):
    """The disk is full. Writing goes on when there is room again."""


class Stalled(UserError):
    """Turn after turn gives nothing that can be kept (REFERENCE: a reference run retries without end)."""


class RequestFailed(SelfInstructError):
    """One request will never be answered (a content filter, a prompt too long); recorded with the run and passed over."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason  # a stable slug
        self.detail = detail  # the server's words, without secrets


class CapReached(SelfInstructError):
    """The next call might pass a cap that the user has set (--max-cost and its like). Its text names the cap and what is spent."""


class Interrupted(SelfInstructError):
    """A signal, the clock or a cap ended the sitting; everything received is on record. `code`: for the process to exit with."""

    def __init__(self, why: str, code: int) -> None:
        super().__init__(why)
        self.code = code


class Transient(SelfInstructError):
    """A call that may well succeed when it is made again."""

    def __init__(
        self,
        detail: str,
        *,
        retry_after: float | None = None,
        is_server_gone: bool = False,
        is_server_busy: bool = False,
        may_be_charged: bool = True,
    ) -> None:
        super().__init__(detail)
        self.retry_after = retry_after  # seconds, as the server asked
        self.is_server_gone = is_server_gone  # nobody answered at all
        self.is_server_busy = (
            is_server_busy  # it wants to be called less often, whatever it is asked
        )
        self.may_be_charged = (
            may_be_charged  # the server may have done the work, though nobody has seen it
        )
