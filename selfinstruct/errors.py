"""Errors that the package raises on purpose.

A UserError prints a single line and exits with 2. Every other exception is a bug and shows its
traceback, unless a layer below the command line catches the exception.

SelfInstructError
+-- UserError            bad input, or a fault that the user can remove
|   +-- ModelError       the endpoint will not serve this run: key, address, model's name, quota
|   +-- NoRoom           the disk is full
|   +-- Stalled          the model's replies give nothing any more
|       +-- NothingRead  the first replies of a stage hold nothing; exits with 1
+-- RequestFailed        a request failed for good; the run goes on without its reply
+-- CapReached           the run may not spend more; a higher cap lets the run go on
+-- Interrupted          a signal, the clock or a cap ended a sitting; the same command goes on
+-- Transient            a call failed; the retry layer calls again
"""

from __future__ import annotations


class SelfInstructError(Exception):
    """The root of all errors that this package raises on purpose."""


class UserError(SelfInstructError):
    """Bad input. The text is a single line: the fault, its place and the next step."""

    exit_code = 2


class ModelError(UserError):
    """The endpoint refuses the whole run or cannot be reached, and every request would fail."""


class NoRoom(UserError):
    """The disk is full. Writing goes on when there is room again."""


class Stalled(UserError):
    """Many turns gave nothing that can be kept. The reference retries without end."""


class NothingRead(Stalled):
    """No reply of a stage could be read in this sitting. The text names the remedy."""

    exit_code = 1


class RequestFailed(SelfInstructError):
    """A request will never be answered: a content filter, a prompt that is too long.

    The run records the request and goes on. reason: a stable slug. detail: the server's words,
    without secrets.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class CapReached(SelfInstructError):
    """The next call might pass a cap of the user, such as --max-cost.

    The text names the cap and the amount that is spent.
    """


class Interrupted(SelfInstructError):
    """A signal, the clock or a cap ended the sitting. All received replies are on record.

    code: the exit code of the process.
    """

    def __init__(self, why: str, code: int) -> None:
        super().__init__(why)
        self.code = code


class Transient(SelfInstructError):
    """A call failed that may succeed the next time.

    retry_after: seconds, as the server asks. is_server_gone: the server did not answer at all.
    is_server_busy: the server wants fewer calls, for any request. may_be_charged: the server may
    have done the work, though its answer was lost.
    """

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
        self.retry_after = retry_after
        self.is_server_gone = is_server_gone
        self.is_server_busy = is_server_busy
        self.may_be_charged = may_be_charged
