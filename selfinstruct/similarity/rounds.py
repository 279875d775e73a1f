"""The batch form: a whole round of candidates against a pool that stays as it is, on all cores where that pays."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Sequence

from selfinstruct.similarity.index import Match, RougeIndex

_PAYS = 5_000  # texts: below, starting processes takes longer than they save
_SHARE = 500  # texts handed to a process at a time


def nearest_each(
    index: RougeIndex, texts: Sequence[str], *, above: float, processes: int | None = None
) -> list[Match | None]:
    """`index.nearest(text, above=above)` for every text, in their order.

    processes: how many to use, by default one for each core if there are thousands of texts. They are forks that share the
    pool's memory, so there is more than one only on Linux, and not by default in a program that runs threads.
    """
    if processes is None:
        processes = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
        if len(texts) < _PAYS or threading.active_count() > 1:
            processes = 1
    if processes < 2 or sys.platform != "linux":
        return [index.nearest(text, above=above) for text in texts]
    index.nearest(
        texts[0] if texts else "", above=above
    )  # index what waits to be indexed once, not in every process
    with warnings.catch_warnings():
        # Python 3.12 warns of forks beside any thread: numpy's idle ones, which hold nothing that a child needs
        warnings.simplefilter("ignore", DeprecationWarning)
        with multiprocessing.get_context("fork").Pool(processes, _inherit, (index, above)) as pool:
            found = pool.map(_found, texts, chunksize=_SHARE)
    known = index.texts()
    return [None if one is None else Match(one[0], known[one[0]], one[1]) for one in found]


_inherited: list[tuple[RougeIndex, float]] = []


def _inherit(index: RougeIndex, above: float) -> None:
    _inherited[:] = [(index, above)]


def _found(text: str) -> tuple[int, float] | None:
    ((index, above),) = _inherited
    match = index.nearest(text, above=above)
    return (match.position, match.score) if match else None
