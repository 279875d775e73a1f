"""How often an endpoint may be called: as told, as its headers say, or as its refusals teach. No clock: `now` is passed in."""

from __future__ import annotations

import math
from random import Random


class Rate:
    """An even pace. What was missed by being late is caught up with, up to `slack` seconds of it."""

    def __init__(self, per_second: float, *, slack: float = 0.05) -> None:
        self.per_second, self._slack = per_second, slack
        self._due = -math.inf

    def delay(self, now: float) -> float:
        """Seconds until the next call may go."""
        return max(0.0, self._due - now)

    def take(self, amount: float, now: float) -> None:
        self._due = max(self._due, now - self._slack) + amount / self.per_second

    def give_back(self, amount: float) -> None:
        """A call took less than was thought; or more, if `amount` is negative."""
        self._due -= amount / self.per_second

    def hold(self, until: float) -> None:
        """Nothing before then, and nothing is caught up with afterwards."""
        self._due = max(self._due, until + self._slack)


class Left:
    """What a server says is left of a limit until it is renewed. Once it ran out, the limit is spread evenly."""

    def __init__(self) -> None:
        self._left = self._until = math.inf
        self._limit, self._longest = math.inf, 0.0  # seconds from an empty limit to a full one
        self._pace: Rate | None = None

    def told(self, left: float, limit: float | None, reset: float, now: float) -> None:
        """`left`: less what was sent since. `reset`: seconds until all of `limit` is there again."""
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


class Learned:
    """A pace that refusals (HTTP 429) have taught. Refusals of calls sent before the last one's lesson teach nothing more.

    A burst of them holds everything for as long as the server asks, or for a moment that grows while nothing passes. Then calls
    go a little slower than those that were accepted in the second before it; slower still if that bursts as well. A lesson from
    little is unsure and soon tried beyond; a sure one only after STEADY seconds, and by a hundredth each second. A server that
    goes on refusing however slowly it is called teaches nothing about a pace: then, for a while, only its pauses are kept.
    """

    PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds of hold that no server asked for
    STEADY = 10.0
    STREAK = 2.0  # seconds within which another burst says that the lesson was too mild
    DEAF = 30.0  # seconds without a lesson, after as many bursts in a row as there are factors
    FACTORS = (0.97, 0.97, 0.95, 0.85)  # at least, by how many have come so

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._accepted: dict[int, float] = {}  # calls of the last second that were not refused, with their moments
        self._first = math.inf
        self._burst_at = self._resumed_at = -math.inf
        self._until = self._deaf_until = -math.inf
        self._is_to_learn = False
        self._streak = self._closed = 0  # bursts in a row; of which nothing had passed since the one before
        self._rate: Rate | None = None
        self._growth, self._grown_at = 1.0, 0.0

    @property
    def per_second(self) -> float | None:
        return self._rate.per_second if self._rate else None

    def delay(self, now: float) -> float:
        if now < self._until:
            return self._until - now
        if self._is_to_learn:
            self._learn(now)
        return self._rate.delay(now) if self._rate else 0.0

    def take(self, number: int, now: float) -> None:
        self._first = min(self._first, now)
        while self._accepted:
            oldest = next(iter(self._accepted))
            if self._accepted[oldest] >= now - 1.0:
                break
            del self._accepted[oldest]
        self._accepted[number] = now
        if self._rate:
            self._grow(now)
            self._rate.take(1, now)

    def refused(self, number: int, sent: float, retry_after: float | None, now: float) -> bool:
        """True for the first of a burst."""
        self._accepted.pop(number, None)
        if retry_after is not None:
            self._until = max(self._until, now + retry_after)
        if sent <= self._burst_at:
            return False
        is_open = any(sent > self._resumed_at and now - sent > 0.1 for sent in self._accepted.values())
        self._closed = 0 if is_open or math.isinf(self._burst_at) else self._closed + 1
        if is_open or self._rate is None:
            self._streak = self._streak + 1 if now - self._resumed_at < self.STREAK else 0
            self._is_to_learn = now >= self._deaf_until
        if self._streak >= len(self.FACTORS):
            self._rate, self._streak, self._is_to_learn, self._deaf_until = None, 0, False, now + self.DEAF
        self._burst_at = now
        pause = min(self.LONGEST_PAUSE, self.PAUSE * 2**self._closed) * self._chance.uniform(0.8, 1.2)
        self._until = max(self._until, now + (0.05 if retry_after is not None else pause))
        if self._rate:
            self._rate.hold(self._until)
        return True

    def _learn(self, now: float) -> None:
        """When the hold is over: by then all of the burst have come back, and what has not was accepted."""
        self._is_to_learn = False
        seen = [moment for moment in self._accepted.values() if moment > self._burst_at - 1.0]
        lately = sum(moment > self._burst_at - 0.25 for moment in seen)
        factor = self.FACTORS[min(self._streak, len(self.FACTORS) - 1)]
        if self._rate is None:
            is_much = len(seen) >= 20 or (self._burst_at - self._first >= 1.0 and len(seen) >= 5)
            self._rate, self._growth = Rate(max(0.97 * len(seen), 0.1)), 1.1 if is_much else 2.0
        else:
            before = self._rate.per_second
            since = max(self._burst_at - 1.0, self._resumed_at)
            passed = sum(moment >= since for moment in seen)
            span = max(0.05, self._burst_at - since)
            found = 0.97 * max((passed + 1) / span, 0.8 * 4 * lately if self._growth > 1.1 else 0)
            self._rate.per_second = max(before * 0.5, min(before * factor, found), 0.1)
            self._growth = 1.1 if self._growth > 1.1 else 1.0
        self._rate.hold(now)
        self._resumed_at = self._grown_at = now

    def _grow(self, now: float) -> None:
        """Only what is made use of."""
        assert self._rate is not None
        is_used = len(self._accepted) > 0.7 * self._rate.per_second * min(1.0, now - self._resumed_at)
        if self._growth > 1.0 and now - self._grown_at >= (0.25 if self._growth < 2.0 else 0.15):
            self._grown_at = now
            self._rate.per_second *= self._growth if is_used else 1.0
        elif now - self._grown_at >= 1.0 and now - self._resumed_at >= self.STEADY:
            self._grown_at = now
            self._rate.per_second *= 1.01 if is_used else 1.0
