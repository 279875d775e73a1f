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
+-- NotYet               a sitting ends that can go on later
|   +-- CapReached       the run may not spend more; a higher cap lets the run go on
+-- Interrupted          a signal, the clock or a cap ended a sitting; the same command goes on
+-- Transient            a call failed; the retry layer calls again
    +-- Refused          the server said no: to this request, or to every request
"""

from __future__ import annotations

import shlex
from pathlib import Path

_HOME = Path(__file__).resolve().parents[1]


def how_to_install(extra: str) -> str:
    """The command that installs an optional part of this package, for a message.

    The package is on no index: the command names the checkout that it runs from, if it does.
    """
    if (_HOME / "pyproject.toml").is_file():
        return f"pip install -e {shlex.quote(f'{_HOME}[{extra}]')}"
    return f"pip install '.[{extra}]' in a checkout of selfinstruct"


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


class NotYet(SelfInstructError):
    """The sitting ends for now: the replies to a round of requests have not come yet."""


class CapReached(NotYet):
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
    is_server_busy: the server wants fewer calls, for any request. is_loading: the server says that
    it will answer later. is_unready: a proxy answers, while the server behind may be starting.
    may_be_charged: the server may have done the work, though its answer was lost. enough: failures
    of this kind that suffice for a verdict, 0: as many as --retries.
    of_run: the error of the run if the server answers nobody; None: the same text.
    """

    def __init__(
        self,
        detail: str,
        *,
        retry_after: float | None = None,
        is_server_gone: bool = False,
        is_server_busy: bool = False,
        is_loading: bool = False,
        is_unready: bool = False,
        may_be_charged: bool = True,
        enough: int = 0,
        of_run: ModelError | None = None,
    ) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.is_server_gone = is_server_gone
        self.is_server_busy = is_server_busy
        self.is_loading = is_loading
        self.is_unready = is_unready
        self.may_be_charged = may_be_charged
        self.enough = enough
        self.of_run = of_run
        self.server = ""  # the address, where several share the load


class Refused(Transient):
    """The server said no: to this request, or to every request of the run.

    The replies to other requests decide (models/retry.py). of_run: the error if the server answers
    nobody. of_request: the error if the server answers others.
    """

    def __init__(
        self, of_run: ModelError, of_request: RequestFailed, *, retry_after: float | None = None
    ) -> None:
        super().__init__(
            str(of_run), retry_after=retry_after, may_be_charged=False, enough=1, of_run=of_run
        )
        self.of_request = of_request
