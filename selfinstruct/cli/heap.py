"""The garbage collector of this program's own process; nobody else's heap is touched."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (1_000_000, 20, 100)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Collect once in a million objects while a run goes on.

    Nearly every object of a run is freed with its last reference. The collector would walk a pool
    that only grows, again and again: a twentieth of the time, in pauses during which no reply is
    read (scripts/bench_throughput).
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
