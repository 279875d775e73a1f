"""The nearest items of many texts to a pool that does not change, on several cores."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Sequence

from selfinstruct.similarity.index import Match, RougeIndex

_PAYS = 5_000  # texts; with fewer, starting processes takes longer than they save
_SHARE = 500  # texts that a process gets at a time


def nearest_each(
    index: RougeIndex, texts: Sequence[str], *, above: float, processes: int | None = None
) -> list[Match | None]:
    """`index.nearest(text, above=above)` for every text, in the order of the texts.

    processes: their number, by default that of the cores for thousands of texts. The processes are
    forks that share the memory of the pool. So there are several only on Linux, and not by default
    in a program that runs threads.
    """
    if processes is None:
        processes = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
        if len(texts) < _PAYS or threading.active_count() > 1:
            processes = 1
    if processes < 2 or sys.platform != "linux":
        return [index.nearest(text, above=above) for text in texts]
    # indexes the last items of the pool here, so that no process needs to
    index.nearest(texts[0] if texts else "", above=above)
    with warnings.catch_warnings():
        # Python 3.12 warns of forks beside threads; those of numpy hold nothing that a child needs
        warnings.simplefilter("ignore", DeprecationWarning)
        with multiprocessing.get_context("fork").Pool(processes, _inherit, (index, above)) as pool:
            answers = pool.map(_nearest, texts, chunksize=_SHARE)
    known = index.texts()
    return [answer and Match(answer[0], known[answer[0]], answer[1]) for answer in answers]


_inherited: list[tuple[RougeIndex, float]] = []


def _inherit(index: RougeIndex, above: float) -> None:
    _inherited[:] = [(index, above)]


def _nearest(text: str) -> tuple[int, float] | None:
    ((index, above),) = _inherited
    match = index.nearest(text, above=above)
    return (match.position, match.score) if match else None
