"""The garbage collector of this program's own process; nobody else's heap is touched."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (100_000, 200, 100)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Look at each new object once while a run goes on, at a hundred thousand at a time.

    Nearly every object of a run is freed with its last reference. The collector would walk a pool
    that only grows, again and again: a twentieth of the time, in pauses during which no reply is
    read (scripts/bench_throughput). A million new objects at a time make pauses of 40 ms.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
