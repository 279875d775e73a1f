"""The balance of labels in classification tasks.

The output-first approach is there to keep the labels balanced (paper, section 2.2).
"""

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
    """The labels of a run's classification tasks.

    balance: the mean entropy of a task's labels, over the tasks with two instances or more. 1
    where the labels of a task occur equally often, 0 for a single label; None without such tasks.
    """

    tasks: int
    instances: int
    several: int  # tasks with two instances or more
    one_label: int  # of them, those whose instances all have the same label
    balance: float | None
    commonest: tuple[tuple[str, int], ...]


def count_labels(examples: Iterable[Example]) -> Labels:
    by_task: dict[str, Counter[str]] = {}
    for example in examples:
        if example.is_classification:
            task = example.provenance.get("instruction_id", example.instruction)
            by_task.setdefault(task, Counter())[example.output.strip()] += 1
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
        commonest=tuple(
            sorted(overall.items(), key=lambda label: (-label[1], label[0]))[:_COMMONEST]
        ),
    )


def _balance(labels: Counter[str]) -> float:
    """Entropy of a task's labels over the highest that so many different labels can have."""
    shares = [times / labels.total() for times in labels.values()]
    return (
        -sum(share * math.log(share) for share in shares) / math.log(len(shares))
        if len(shares) > 1
        else 0.0
    )
