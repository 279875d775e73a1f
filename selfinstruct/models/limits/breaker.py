"""A circuit breaker for an endpoint that fails too often. No clock: `now` is passed in."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable


class Breaker:
    """Opens when more than half of the last calls failed for a passing reason.

    While the breaker is open, single probes are sent, less and less often, until the first success.
    Afterwards calls come back gradually. A request that fails again while others are answered says
    nothing more about the endpoint, and does not count again.

    An endpoint that has never answered is left to the retry layer, which soon gives up.
    """

    SPAN, LEAST = 32, 20  # calls that are looked at; fewer say nothing
    PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between two probes
    MOST_REQUESTS = 4096  # requests whose failures are remembered; more than are under way at once

    def __init__(self, name: str, notice: Callable[[str], None]) -> None:
        self._name, self._notice = name, notice
        self._failures: deque[str | None] = deque(maxlen=self.SPAN)  # None: answered
        self._has_answered = self.is_open = False
        self._pause, self._next = self.PAUSE, 0.0
        self._probe: int | None = None
        self._ramp: int | None = None  # calls at once, while they come back
        self.why = ""  # the last failure
        self._answers = 0
        self._failed: dict[str, int] = {}  # by request, the answers before its last failure

    def delay(self, under_way: int, now: float) -> float:
        """Seconds until a call may go; infinite until another call has ended."""
        if self._ramp is not None and under_way >= self._ramp:
            return math.inf
        if not self.is_open:
            return 0.0
        return max(0.0, self._next - now) if self._probe is None else math.inf

    def sent(self, number: int) -> None:
        """Count a call; the first while the breaker is open is the probe."""
        if self.is_open and self._probe is None:
            self._probe = number

    def ended(self, number: int) -> None:
        """Count the end of a call, whether with a reply or an error."""
        if number == self._probe:
            self._probe = None

    def answered(self) -> None:
        """Count an answer."""
        self._has_answered = True
        self._answers += 1
        if self.is_open:
            self._failed.clear()
            self.is_open, self._ramp, self._pause = False, 1, self.PAUSE
            self._failures.clear()
            self._notice(f"{self._name} answers again: going on")
        self._failures.append(None)
        if self._ramp is not None:
            self._ramp = self._ramp + 1 if self._ramp < self.SPAN else None

    def failed(self, number: int, why: str, now: float, request: str = "") -> None:
        """Count a failure for a passing reason, and open if most of the last calls failed.

        request: its key, "" if unknown.
        """
        self.why = why
        if not self._has_answered:
            return
        is_counted = not request or self._failed.get(request, self._answers) == self._answers
        self._remember(request)
        if self.is_open:
            if number == self._probe:
                self._pause = min(2 * self._pause, self.LONGEST_PAUSE)
                self._next = now + self._pause
            return
        if not is_counted:
            return
        self._failures.append(why)
        failures = Counter(failure for failure in self._failures if failure is not None)
        if len(self._failures) >= self.LEAST and 2 * failures.total() > len(self._failures):
            self.is_open, self._next, self._ramp = True, now + self._pause, None
            self._notice(
                f"{self._name}: {failures.total()} of the last {len(self._failures)} calls "
                "failed, most of them with: "
                f"{failures.most_common(1)[0][0]}; asking one at a time until it answers"
            )

    def _remember(self, request: str) -> None:
        """Note when a request failed; the request whose failure is the oldest is forgotten."""
        self._failed.pop(request, None)
        self._failed[request] = self._answers
        if len(self._failed) > self.MOST_REQUESTS:
            del self._failed[next(iter(self._failed))]
