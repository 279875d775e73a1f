"""The number of calls under way, the queue for a place, and the time that a call may take."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import math
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from itertools import count
from typing import TypeAlias

from selfinstruct.errors import ModelError, Transient
from selfinstruct.models import PROBE, Completion, Model, Request
from selfinstruct.models.evidence import MINUTE
from selfinstruct.models.limits.deadlines import Deadlines
from selfinstruct.text import duration

Rank: TypeAlias = tuple[int, int]
GRACE = 4.0  # seconds that a run which ends waits for the replies to what it has sent


class Paced:
    """At most `concurrency` calls at once, those of the lowest `rank` first.

    A call that waits for its next attempt holds no place. `delay` returns the seconds that the next
    call has to wait for the endpoints' limits; infinite: until a call under way has ended. `delay`
    is called for the first call in the line, again when a call ends, and never in between. While
    `hold` is on, nothing new is sent. After `stop`, nothing new is ever sent: calls wait here until
    they are cancelled. An endpoint that refuses the run gets no new calls, but replies under way
    may still come in: they are paid for. A limit that lasts longer than `patience` ends the run.
    Probes take no place, and have the first turn.
    """

    def __init__(
        self,
        inner: Model,
        concurrency: int,
        delay: Callable[[Request], float] = lambda request: 0.0,
        rank: Callable[[Request], Rank] = lambda request: (0, 0),
        patience: float = math.inf,
        why: Callable[[], str] = lambda: "the endpoint's limit is used up",
    ) -> None:
        self._inner, self._delay, self._rank = inner, delay, rank
        self._patience, self._why = max(patience, MINUTE), why
        self._until = 0.0  # when the first in the line may go, by the endpoints' limits
        self._places = _Places(concurrency)
        self._line = asyncio.Lock()
        self._news = asyncio.Event()  # something has changed for the first in the line
        self._under_way = self._probes = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._held = self._stopped = False
        self._refusal: ModelError | None = None

    async def complete(self, request: Request) -> Completion:
        if request.stage == PROBE:
            return await self._call(request, await self._turn_of_probe(request))
        await self._places.take(self._rank(request))
        try:
            async with self._line:
                refusal = await self._turn(request)
            return await self._call(request, refusal)
        finally:
            self._places.give_back()

    async def _call(self, request: Request, refusal: ModelError | None) -> Completion:
        """Make a call that has its turn.

        Nothing comes between a turn and its call, so that the limits know the call when the next in
        the line has its turn.
        """
        if refusal is None:
            self._under_way += 1
            self._idle.clear()
            try:
                return await self._inner.complete(request)
            except ModelError as error:
                self._refusal = refusal = error
            finally:
                self._under_way -= 1
                self._news.set()
                if not self._under_way:
                    self._idle.set()
        # Also before a call that was never sent fails: its caller may cancel the others.
        await self._replies(GRACE)
        raise refusal

    async def _turn_of_probe(self, request: Request) -> ModelError | None:
        """As `_turn`, before the first in the line: a verdict waits for the probe."""
        self._probes += 1
        try:
            return await self._turn(request)
        finally:
            self._probes -= 1
            self._news.set()

    async def refuse(self, error: ModelError) -> None:
        """Send nothing new in a run that is over, and wait a moment for the replies under way."""
        self._refusal = error
        self._news.set()
        await self._replies(GRACE)

    def reason(self, now: float) -> str:
        """The limit or the replies that a sitting waits for at the moment."""
        if self._until > now:
            return f"{self._why()} (again in {duration(self._until - now)})"
        return f"{self._under_way} calls are under way" if self._under_way else ""

    async def _turn(self, request: Request) -> ModelError | None:
        """Wait as the first in the line until the request may be sent (None).

        Returns the reason if the request will never be sent.
        """
        while self._refusal is None:
            is_second = self._probes and request.stage != PROBE
            may_go = not (self._stopped or self._held or is_second)
            seconds = self._delay(request) if may_go else math.inf
            if seconds <= 0:
                return None
            if self._patience < seconds < math.inf:
                self._refusal = ModelError(
                    f"{self._why()} for {duration(seconds)}, longer than --patience "
                    f"{self._patience:.0f}: start again then"
                )
                break
            self._until = time.monotonic() + seconds if seconds < math.inf else 0.0
            self._news.clear()
            clock = (
                asyncio.get_running_loop().call_later(seconds, self._news.set)
                if math.isfinite(seconds)
                else None
            )
            try:
                await self._news.wait()
            finally:
                if clock is not None:
                    clock.cancel()
        return self._refusal

    def hold(self, held: bool) -> None:
        """Send nothing new while `held`."""
        self._held = held
        self._news.set()

    async def stop(self, grace: float) -> None:
        """Send nothing new, and wait up to `grace` seconds for the replies under way."""
        self._stopped = True
        await self._replies(grace)

    async def _replies(self, grace: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._idle.wait(), grace)

    async def close(self) -> None:
        await self._inner.close()


class _Places:
    """Places for calls. A free place goes to the lowest rank, then to the longest wait."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: list[tuple[Rank, int, asyncio.Future[None]]] = []  # a heap
        self._arrivals = count()

    async def take(self, rank: Rank) -> None:
        if self._free:
            self._free -= 1
            return
        free = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._arrivals), free))
        try:
            await free
        except asyncio.CancelledError:
            if free.done() and not free.cancelled():  # a place came just before
                self.give_back()
            raise

    def give_back(self) -> None:
        while self._waiting:
            _, _, free = heapq.heappop(self._waiting)
            if not free.done():
                free.set_result(None)
                return
        self._free += 1


class Bounded:
    """Cuts off a call that takes far longer than usual for its stage.

    So a straggler holds up the run only for a while. The next attempt of the same request gets
    twice the time, so that a long reply comes through.
    """

    SAMPLES = 50  # replies before there is a usual
    TIMES, LEAST = 8.0, 20.0  # times the slowest twentieth, and at least so many seconds
    CUTS = 3  # that speak against a request: seven times LEAST, if not more

    def __init__(self, inner: Model) -> None:
        self._inner, self._deadlines = inner, Deadlines()
        # By stage.
        self._usual: defaultdict[str, _Usual] = defaultdict(lambda: _Usual(self.SAMPLES))
        self._cut: Counter[str] = Counter()

    async def complete(self, request: Request) -> Completion:
        limit = self._limit(request)
        begun = time.monotonic()
        if limit is None:
            completion = await self._inner.complete(request)
        else:
            completion = await self._in_time(request, limit)
        self._usual[request.stage].took(time.monotonic() - begun)
        if self._cut:
            self._cut.pop(request.key, None)
        return completion

    async def close(self) -> None:
        await self._inner.close()

    def _limit(self, request: Request) -> float | None:
        usual = self._usual[request.stage].slow
        if usual is None:
            return None
        tries = self._cut[request.key] if self._cut else 0
        return max(self.LEAST, self.TIMES * usual) * float(2**tries)

    async def _in_time(self, request: Request, limit: float) -> Completion:
        try:
            with self._deadlines.within(limit):
                return await self._inner.complete(request)
        except asyncio.TimeoutError:
            self._cut[request.key] += 1
            raise Transient(
                f"a reply of the stage {request.stage} took over {limit:.0f} s, "
                "far longer than usual",
                enough=self.CUTS,
            ) from None


class _Usual:
    """The time that a stage's replies take."""

    KEPT, EVERY = 200, 10  # replies that count, and replies between two looks at them

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self.slow: float | None = None  # least seconds of the slowest twentieth
        self._seconds: deque[float] = deque(maxlen=self.KEPT)
        self._since = 0  # replies since they were looked through

    def took(self, seconds: float) -> None:
        self._seconds.append(seconds)
        self._since += 1
        if self._since >= (self._samples if self.slow is None else self.EVERY):
            self.slow, self._since = sorted(self._seconds)[int(len(self._seconds) * 0.95)], 0
