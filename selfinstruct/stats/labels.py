"""Whether the classification tasks are balanced: the output-first approach is there to make them so (paper, section 2.2)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from selfinstruct.data.examples import Example

_COMMONEST = 20
_LONGEST = 60  # letters; a longer output is no label that a table could show


@dataclass(frozen=True, slots=True)
class Labels:
    """`balance`: mean over the tasks with two instances or more of the labels' entropy, 1 where all occur equally often and
    0 where there is one only; None without such tasks.
    """

    tasks: int
    instances: int
    several: int  # tasks with two instances or more
    one_label: int  # of them, those whose instances all have the same label
    balance: float | None
    commonest: tuple[tuple[str, int], ...]


def count_labels(examples: Iterable[Example]) -> Labels:
    by_task: dict[str, Counter[str]] = {}
    for one in examples:
        if one.is_classification:
            by_task.setdefault(one.provenance.get("instruction_id", one.instruction), Counter())[
                one.output.strip()
            ] += 1
    several = [labels for labels in by_task.values() if labels.total() > 1]
    overall: Counter[str] = Counter()
    for labels in by_task.values():
        for label, times in labels.items():
            overall[label[:_LONGEST]] += times
    return Labels(
        tasks=len(by_task),
        instances=overall.total(),
        several=len(several),
        one_label=sum(len(labels) == 1 for labels in several),
        balance=sum(map(_balance, several)) / len(several) if several else None,
        commonest=tuple(sorted(overall.items(), key=lambda one: (-one[1], one[0]))[:_COMMONEST]),
    )


def _balance(labels: Counter[str]) -> float:
    """Entropy of a task's labels over the highest that so many different labels can have."""
    shares = [times / labels.total() for times in labels.values()]
    return (
        -sum(share * math.log(share) for share in shares) / math.log(len(shares))
        if len(shares) > 1
        else 0.0
    )
