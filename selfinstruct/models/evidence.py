"""The evidence that tells a failed request from a failed server. No clock: `now` is passed in.

A request has failed for good only if the same server answers others, before the failure and after.
If everything fails from a moment on, the server is gone, busy, or refuses the run. A server's words
decide nothing here, except for how long it asks to wait.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from enum import Enum

from selfinstruct.errors import Refused, Transient

FIRST_TRIES = 5  # of a server that has never answered, so that a wrong address takes no hour
# Seconds of failures after which FEW of them suffice, however large --retries is.
LONG, FEW = 90.0, 3
MINUTE = 75.0  # seconds in which every limit of a minute has been renewed


class Verdict(Enum):
    """The next step after a failed call."""

    AGAIN = "make the call again"
    ASK = "ask the server something else, which tells whether the request or the server fails"
    OVER = "the server answers nobody: end the run"


@dataclass(slots=True)
class Tries:
    """The failures of a request so far. Times as `now`."""

    begun: float
    retries: int  # failures that suffice for a verdict
    failed: int = 0
    in_a_row: int = 0  # failures with no answer to anybody in between
    counted: int = 0  # failures that speak against the request
    weight: float = 0.0  # of those; the request is lost at 1
    counted_at: float = 0.0
    first: float = 0.0
    last: float = -math.inf

    def __post_init__(self) -> None:
        self.counted_at = self.begun

    def take(self, now: float, last_answer: float) -> None:
        """Note a failure; `last_answer`: of the server, to anybody."""
        self.failed += 1
        self.first = self.first if self.failed > 1 else now
        self.in_a_row = 1 if last_answer > self.last else self.in_a_row + 1
        self.last = now

    def count(self, failure: Transient) -> None:
        """Let the last failure speak against the request: others were answered since."""
        self.counted += 1
        self.weight += self._share(failure)
        self.counted_at = self.last

    def would_end(self, failure: Transient) -> bool:
        """Whether the request is lost if the last failure counts as well."""
        is_long = self.last - self.first > LONG and self.counted + 1 >= FEW
        return is_long or self.weight + self._share(failure) > 1 - 1e-9

    def _share(self, failure: Transient) -> float:
        return 1 / min(failure.enough or self.retries, self.retries)


class _Witness:
    """The answers of a server."""

    def __init__(self) -> None:
        self.answered_at = -math.inf  # the last answer
        self.sent_at = -math.inf  # the latest sending of a call that was answered


class Evidence:
    """The answers of every server in this sitting, by address; "" stands for all of them."""

    PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between two probes that were not answered

    def __init__(self) -> None:
        self._witnesses: defaultdict[str, _Witness] = defaultdict(_Witness)
        self._silent_at: dict[str, float] = {}  # the sending of the last probe without an answer
        self._pause, self._next = self.PAUSE, -math.inf
        self.failures = 0  # of all calls
        self._first_failure = math.inf

    def failed(self, now: float) -> None:
        """Note a failure of any request."""
        self.failures += 1
        self._first_failure = min(self._first_failure, now)

    def waited(self, begun: float, now: float) -> float:
        """Seconds without an answer for a request that began at `begun`.

        Before the first answer: since the first failure of any request.
        """
        if not self.has_answered():
            return now - min(begun, self._first_failure)
        return now - max(begun, self.last_answer())

    def answered(self, server: str, sent: float, now: float) -> None:
        """Note an answer to a call that was sent at `sent`."""
        witness = self._witnesses[server]
        witness.answered_at = now
        witness.sent_at = max(witness.sent_at, sent)
        if self._pause != self.PAUSE:
            self._pause, self._next = self.PAUSE, -math.inf

    def was_silent(self, server: str, sent: float, now: float) -> None:
        """Note a probe that was not answered."""
        self._silent_at[server] = sent
        self._next = now + self._pause
        self._pause = min(2 * self._pause, self.LONGEST_PAUSE)

    def may_probe(self, now: float) -> bool:
        return now >= self._next

    def last_answer(self, server: str = "") -> float:
        """When the server last answered anybody; minus infinity: never."""
        return self._witnesses[server].answered_at

    def has_answered(self, server: str = "") -> bool:
        return math.isfinite(self.last_answer(server))

    def serves_since(self, server: str, moment: float) -> bool:
        """Whether a call that was sent after `moment` was answered."""
        return self._witnesses[server].sent_at >= moment

    def is_silent_since(self, server: str, moment: float) -> bool:
        """Whether a probe that was sent after `moment` was not answered."""
        return self._silent_at.get(server, -math.inf) >= moment


def judge(
    failure: Transient, tries: Tries, evidence: Evidence, now: float, patience: float
) -> Verdict:
    """The next step after the last failure in `tries`. Counts the failure if others were answered.

    patience: seconds to wait for a server that answers nobody.
    """
    if isinstance(failure, Refused):
        return Verdict.ASK
    evidence.failed(now)
    waited = evidence.waited(tries.begun, now)
    if failure.is_server_busy:
        return _judge_busy(failure, tries, evidence, waited, patience)
    if evidence.last_answer(failure.server) > tries.counted_at:
        if tries.would_end(failure):
            return Verdict.ASK  # nobody may have been answered since the failure itself
        tries.count(failure)
        return Verdict.AGAIN
    if evidence.has_answered():
        is_worth_asking = bool(failure.enough) or tries.failed >= 2 or waited > patience
        if is_worth_asking and evidence.may_probe(now):
            return Verdict.ASK
        return Verdict.OVER if waited > patience else Verdict.AGAIN
    if _asks_to_wait(failure):
        return Verdict.AGAIN if waited <= patience else Verdict.OVER
    if failure.is_unready and waited <= min(MINUTE, patience):
        return Verdict.AGAIN
    if failure.is_server_gone:
        return Verdict.OVER if tries.failed >= FIRST_TRIES else Verdict.AGAIN
    # A server's error that may be about a field is looked into at the second (discovery.py).
    few = 2 if failure.of_run is not None else failure.enough or FIRST_TRIES
    return Verdict.ASK if tries.failed >= few else Verdict.AGAIN


def judge_silence(
    failure: Transient, tries: Tries, evidence: Evidence, now: float, patience: float
) -> Verdict:
    """The next step after a probe that was not answered either."""
    if not evidence.has_answered():
        is_over = failure.of_run is not None or tries.failed >= FIRST_TRIES
    else:
        is_over = evidence.waited(tries.begun, now) > patience
    return Verdict.OVER if is_over else Verdict.AGAIN


def _judge_busy(
    failure: Transient, tries: Tries, evidence: Evidence, waited: float, patience: float
) -> Verdict:
    """A server that wants fewer calls has nothing against a request."""
    asked = failure.retry_after or 0.0
    if not failure.server and asked > max(patience, MINUTE):
        return Verdict.OVER
    if failure.of_run is not None and tries.in_a_row >= FIRST_TRIES and not asked:
        return Verdict.OVER if waited >= min(MINUTE, patience) else Verdict.AGAIN
    if evidence.has_answered() or _asks_to_wait(failure):
        return Verdict.OVER if waited > patience else Verdict.AGAIN
    # Requests that take turns at such a server have few tries each.
    is_long = waited > min(MINUTE, patience)
    return Verdict.OVER if tries.failed >= FIRST_TRIES or is_long else Verdict.AGAIN


def _asks_to_wait(failure: Transient) -> bool:
    """Whether a server that has never answered says that it will."""
    return failure.is_loading or failure.retry_after is not None
