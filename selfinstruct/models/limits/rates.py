"""The rate of calls to an endpoint: as configured, from headers, or learned from refusals.

No clock: `now` is passed in.
"""

from __future__ import annotations

import math
from random import Random


class Rate:
    """An even pace. Up to `slack` seconds of delay are caught up with."""

    def __init__(self, per_second: float, *, slack: float = 0.05) -> None:
        self.per_second, self._slack = per_second, slack
        self._due = -math.inf

    def delay(self, now: float) -> float:
        """Seconds until the next call may go."""
        return max(0.0, self._due - now)

    def take(self, amount: float, now: float) -> None:
        self._due = max(self._due, now - self._slack) + amount / self.per_second

    def give_back(self, amount: float) -> None:
        """Take back the part that a call did not need; more was needed if `amount` is negative."""
        self._due -= amount / self.per_second

    def hold(self, until: float) -> None:
        """Let nothing pass before `until`, and catch up with nothing afterwards."""
        self._due = max(self._due, until + self._slack)


class Quota:
    """The rest of a limit until the server renews it. Once used up, the limit is spread evenly."""

    def __init__(self) -> None:
        self._left = self._until = math.inf
        self._limit, self._longest = math.inf, 0.0  # seconds from an empty limit to a full one
        self._pace: Rate | None = None

    def told(self, left: float, limit: float | None, reset: float, now: float) -> None:
        """Take a header: `left` is the rest, without the calls sent since.

        `reset`: seconds until all of `limit` is there again.
        """
        self._left, self._until = left, now + reset
        self._longest = max(self._longest, reset)
        if limit:
            self._limit = float(limit)

    def delay(self, amount: float, now: float) -> float:
        if now >= self._until:
            self._left = self._limit
            self._until = now + self._longest if math.isfinite(self._limit) else math.inf
        if self._left < min(amount, self._limit):
            if self._pace is None and math.isfinite(self._limit) and self._longest:
                self._pace = Rate(self._limit / self._longest)
            return self._until - now
        if self._pace is None:
            return 0.0
        self._pace.per_second = self._limit / self._longest
        return self._pace.delay(now)

    def take(self, amount: float, now: float) -> None:
        self._left -= amount
        if self._pace is not None:
            self._pace.take(amount, now)


class LearnedRate:
    """A pace learned from refusals (HTTP 429). A burst of refusals counts once, when all are back.

    A burst holds all calls for as long as the server asks, or for a moment that grows while nothing
    passes. The calls that pass between two moments at which a limit is used up are the allowance of
    that time, for a window and for a bucket alike: a little less is the pace from then on. The gap
    to the pace before is soon tried again, and higher paces after a steady while. A server that
    refuses at any pace teaches nothing about a pace: then, for a while, only the holds are kept.
    Where no pace is known, calls begin few at a time and double, so that a burst stays small.
    """

    PAUSE, LONGEST_PAUSE = 0.12, 30.0  # seconds of hold that no server asked for
    STEADY = 6.0  # seconds without a burst before more is tried
    # Seconds without a lesson once the pace has come down to a fraction in vain; twice as long each
    # time.
    DEAF = 30.0
    LEAST = 0.1  # calls a second
    FEW, DOUBLING = 32, 0.05  # calls to begin with, and the seconds in which they double

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        # Calls of the last second that were not refused, and when they were sent.
        self._accepted: dict[int, float] = {}
        self._sent = 0  # the last call
        # When the last hold ended: the last call of all, the last refused call and its moment.
        self._sent_then = self._spent = 0
        self._spent_at, self._resumed_at = math.inf, -math.inf
        # Since then: the last refused call and its moment, and how many were refused.
        self._last, self._last_at, self._refused = 0, 0.0, 0
        self._is_to_learn = False
        self._until = self._deaf_until = -math.inf
        self._deaf, self._pause, self._few = self.DEAF, self.PAUSE, self.FEW
        self._cost = 1.0  # of a burst, in quarters of a second: all is tried as much later
        # Seconds until a refusal is back, and the replies to all calls sent before that one.
        self._back = self.DOUBLING
        self._closed = 0  # holds in a row between which nothing passed
        self._rate: Rate | None = None
        # The rate when the last hold ended, and the rate below which lessons have been of no use.
        self._rate_then = self._useless = 0.0
        self._ceiling, self._grown_at = math.inf, 0.0

    @property
    def per_second(self) -> float | None:
        return self._rate.per_second if self._rate else None

    def delay(self, now: float) -> float:
        if now < self._until:
            return self._until - now
        if self._is_to_learn:
            self._learn(now)
        pace = self._rate.delay(now) if self._rate else 0.0
        begun = self._sent - self._sent_then
        if begun < self._few or (self._rate and not self._closed):
            return pace
        return max(pace, self._resumed_at + self._back * math.log2((begun + 1) / self._few) - now)

    def take(self, number: int, now: float) -> None:
        if not self._sent:
            self._resumed_at = self._spent_at = now
        self._sent = number
        while self._accepted:
            oldest = next(iter(self._accepted))
            if self._accepted[oldest] >= now - 1.0:
                break
            del self._accepted[oldest]
        self._accepted[number] = now
        if self._rate:
            self._grow(self._rate, now)
            self._rate.take(1, now)

    def refused(self, number: int, sent: float, retry_after: float | None, now: float) -> bool:
        """Count a refused call. True for the first refusal of a burst."""
        self._accepted.pop(number, None)
        self._refused += number > self._spent
        if retry_after is not None:
            self._until = max(self._until, now + retry_after)
        if number <= self._sent_then:
            return False
        if number > self._last:
            self._last, self._last_at = number, sent
        if self._is_to_learn:
            return False
        self._is_to_learn = True
        pause = min(
            self.LONGEST_PAUSE, self._pause * 1.5 ** min(self._closed, 50)
        ) * self._chance.uniform(0.8, 1.2)
        self._back = (
            self.DOUBLING if now < self._deaf_until else max(1.2 * (now - sent), self.DOUBLING)
        )
        self._until = max(
            self._until, now + self._back, now + (0.0 if retry_after is not None else pause)
        )
        if self._rate:
            self._rate.hold(self._until)
        return True

    def _learn(self, now: float) -> None:
        """Learn a pace at the end of a hold, when all its refusals are back."""
        passed = self._last - self._spent - self._refused
        if now < self._deaf_until:
            self._pause = min(self.PAUSE * self._refused / max(passed, 1), 10 * self.PAUSE)
        elif passed > 0:
            self._rate = self._taught(passed)
            self._pause = self.PAUSE
        if passed > 0 and self._spent:  # what the first burst has found may have been saved up
            self._doubt(passed, now)
        self._is_to_learn = False
        self._closed = 0 if passed > 0 else self._closed + 1
        self._few = 1 if self._closed else self.FEW // 4
        self._sent_then, self._resumed_at = self._sent, now
        self._spent, self._spent_at, self._refused = self._last, self._last_at, 0
        self._cost = min(max(1.0, (now - self._last_at) / 0.25), 40.0)
        if self._rate:
            self._rate.hold(now)
            self._rate_then, self._grown_at = self._rate.per_second, now

    def _taught(self, passed: int) -> Rate:
        """The pace, from the calls that passed since the limit was last used up."""
        open_for, found = self._last_at - self._resumed_at, self._found(passed)
        lately = max(sum(moment > self._last_at - 1.0 for moment in self._accepted.values()), found)
        if self._rate is None:
            # A bucket may have been full, and a window new: soon more is tried if it was little.
            self._ceiling = 0.97 * lately if open_for >= 1.0 else math.inf
            # A few calls say nothing about a second.
            first = lately if open_for >= 1.0 else passed if passed >= 10 else found
            return Rate(max(0.97 * first, self.LEAST))
        before = self._rate.per_second
        if before > 1.25 * self._rate_then and open_for >= 1.0:
            found = lately  # for most of the time there were fewer calls than are allowed
        if passed < 10:
            found = max(found, before / 2)
        self._ceiling = 0.97 * before
        self._rate.per_second = max(0.97 * min(before, found), self.LEAST)
        return self._rate

    def _doubt(self, passed: int, now: float) -> None:
        """Lower the pace to the limit that was found, and not much below."""
        pace = min(self._rate.per_second if self._rate else math.inf, self._found(passed))
        is_sure = passed >= 4 or self._last_at - self._resumed_at > self.STEADY
        self._useless = max(self._useless, pace / (4 if is_sure else 16))
        if self._rate and self._rate.per_second < self._useless:
            self._rate, self._useless, self._deaf_until, self._deaf = (
                None,
                0.0,
                now + self._deaf,
                2 * self._deaf,
            )

    def _found(self, passed: int) -> float:
        # A bucket may not keep the savings of a longer hold.
        held = min(self._resumed_at - self._spent_at, 0.6)
        return passed / max(self._last_at - self._resumed_at + max(held, 0.0), 0.05)

    def _grow(self, rate: Rate, now: float) -> None:
        """Raise the rate, only where the calls make use of the rate."""
        is_unsure = math.isinf(self._ceiling)
        if now - self._grown_at < (0.12 if is_unsure else 0.25) * self._cost:
            return
        self._grown_at = now
        pace, age = rate.per_second, now - self._resumed_at
        if len(self._accepted) <= 0.7 * pace * min(1.0, age):
            return
        if is_unsure:
            rate.per_second = 2 * pace
            return
        rate.per_second += 0.1 * max(self._ceiling - pace, 0.0)
        if age >= self.STEADY * self._cost:
            rate.per_second += 0.0025 * pace * age / self.STEADY
