"""The display of a run's progress: a bar on a terminal, elsewhere a plain line now and then."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol, TextIO

from tqdm import tqdm

from selfinstruct.models.money.meter import Meter
from selfinstruct.models.money.prices import Prices
from selfinstruct.text import duration, printable

_LINE_EVERY = 30.0  # seconds, without a terminal
_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


class Tally(Protocol):
    """Counts of the work done so far: `funnel.Funnel`, or the tally of a judge."""

    @property
    def examples(self) -> int: ...

    @property
    def figure(self) -> str:
        """A measure of the quality so far, in a few words."""
        ...


class Progress:
    """Shows how a run goes, on standard error."""

    def __init__(
        self,
        wanted: int,
        tally: Tally,
        meter: Meter,
        prices: Prices | None,
        stream: TextIO | None = None,
        *,
        max_cost: float = -1.0,
        what: str = "examples",
    ) -> None:
        self._wanted, self._tally, self._meter, self._prices, self._max_cost = (
            wanted,
            tally,
            meter,
            prices,
            max_cost,
        )
        self._what = what
        self._stream = stream or sys.stderr
        self._begun, self._first, self._sent_before = (
            time.monotonic(),
            tally.examples,
            meter.requests,
        )
        self._said = self._begun
        self._waits = ""
        self._bar: tqdm[Any] | None = None
        if self._stream.isatty():
            self._bar = tqdm(
                total=wanted or None,  # nobody knows
                initial=tally.examples,
                desc=what,
                bar_format=_BAR,
                dynamic_ncols=True,
                file=self._stream,
                mininterval=0.2,
            )

    def update(self) -> None:
        """Call whenever something has happened, as often as you like."""
        if self._bar is not None:
            self._bar.set_postfix_str(self._figures(), refresh=False)
            self._bar.update(self._tally.examples - self._bar.n)
        elif time.monotonic() - self._said >= _LINE_EVERY:
            self._said = time.monotonic()
            self.say(
                f"{self._what} {self._tally.examples}{self._of}, {self._figures()}{self._left()}"
            )

    def wait_for(self, what: str) -> None:
        """Show the reason for a wait; the empty text ends the wait."""
        self._waits = what
        self.update()

    def say(self, text: str) -> None:
        """A line that stays, above the bar."""
        if self._bar is not None:
            self._bar.write(printable(text), file=self._stream)
        else:
            print(printable(text), file=self._stream, flush=True)

    def close(self) -> None:
        if self._bar is not None:
            self.update()
            self._bar.close()

    def _figures(self) -> str:
        tally, meter = self._tally, self._meter
        seconds = max(time.monotonic() - self._begun, 1e-3)
        usage = meter.usage
        figures = [
            tally.figure,
            f"{(meter.requests - self._sent_before) / seconds:.1f} requests/s",
            f"{_short(usage.prompt_tokens)}+{_short(usage.completion_tokens)} tokens",
        ]
        if self._prices is not None and not self._prices.is_free:
            cost = self._prices.cost(meter.paid)
            expected = cost * self._wanted / tally.examples if tally.examples else 0.0
            most = f", at most ${self._max_cost:.2f}" if self._max_cost > 0 else ""
            figures.append(
                f"${cost:.2f}" + (f" of about ${expected:.2f}" if expected else "") + most
            )
        return ", ".join(filter(None, [*figures, self._waits]))

    @property
    def _of(self) -> str:
        return f"/{self._wanted}" if self._wanted else ""

    def _left(self) -> str:
        done = self._tally.examples - self._first
        if not done or not self._wanted:
            return ""
        seconds = (time.monotonic() - self._begun) / done * (self._wanted - self._tally.examples)
        return f", about {duration(seconds)} left"


class Reading:
    """A bar over the bytes of some files, on standard error if that is a terminal."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] = tqdm(
            total=0,
            unit="B",
            unit_scale=True,
            desc="read",
            dynamic_ncols=True,
            disable=None,
            file=sys.stderr,
        )

    def update(self, done: int, size: int, records: int) -> None:
        """`done` bytes of `size` (0: nobody knows) are read, and `records` records."""
        self._bar.total = size or None
        self._bar.set_postfix_str(f"{records:,} records", refresh=False)
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def _short(count: int) -> str:
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.1f}{letter}"
    return str(count)
