"""The best number of calls at once, found by trials. No clock: `now` is passed in."""

from __future__ import annotations


class Adaptive:
    """A limit of calls under way, adapted to the throughput.

    The limit is doubled while the throughput really grows, then moved by small steps. A trial is
    two limits' worth of replies, counted after all calls under way at its beginning have come back.
    """

    START = 8
    # Share of the growth that a larger limit would bring if calls did not hinder each other.
    WORTH_IT = 0.25

    def __init__(self, ceiling: int) -> None:
        self._ceiling = ceiling
        self.limit = min(self.START, ceiling)
        self._is_doubling = True
        # The limit of the last trial, and its replies a second.
        self._before: tuple[int, float] | None = None
        self._was_full = False
        self._replies, self._begun, self._settling = 0, 0.0, self.limit

    def is_full(self, under_way: int) -> bool:
        """Whether nothing more may be sent."""
        full = under_way >= self.limit
        self._was_full = self._was_full or full
        return full

    def burst(self, now: float) -> None:
        """Lower the limit: the server has refused calls."""
        self.limit = max(1, int(self.limit * 0.7))
        self._is_doubling, self._before = False, None
        self._begin(now)

    def answered(self, now: float) -> None:
        self._replies += 1
        if self._replies == self._settling:
            self._begun = now
        if self._replies >= self._settling + max(2 * self.limit, 32):
            self._judge((self._replies - self._settling) / max(now - self._begun, 1e-6))
            self._begin(now)

    def _begin(self, now: float) -> None:
        self._replies, self._begun, self._settling, self._was_full = 0, now, self.limit, False

    def _judge(self, speed: float) -> None:
        if not self._was_full:
            self._before = None  # the limit was not the bottleneck
            return
        limit, before = self.limit, self._before
        self._before = (limit, speed)
        if before is None:
            step = limit if self._is_doubling else self._step()
        else:
            gain = (speed / before[1] - 1) / (limit / before[0] - 1) if limit != before[0] else 1.0
            is_worth_it = gain > self.WORTH_IT
            if self._is_doubling and not is_worth_it:
                self._is_doubling, self._before, self.limit = False, None, before[0]
                return
            step = limit if self._is_doubling else self._step() if is_worth_it else -self._step()
        self.limit = min(self._ceiling, max(1, limit + step))

    def _step(self) -> int:
        return max(1, self.limit // 10)
