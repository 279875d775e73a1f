"""The paper's table 1 (section 3.1) for any run: numbers of tasks, and mean lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from selfinstruct.data.examples import Example

WIDTHS = {"instruction": 2, "input": 5, "output": 5}  # words to a bar of the length histograms
BARS = 30  # the last bar holds everything longer


@dataclass(frozen=True, slots=True)
class Counts:
    """A column of the table. Words are runs without white space; a mean over nothing is None."""

    instructions: int
    classification: int  # of the instructions
    instances: int
    empty_inputs: int  # of the instances
    instruction_words: float | None  # mean
    input_words: float | None  # mean of those that are not empty
    output_words: float | None  # mean


# Wang et al., ACL 2023, table 1.
PAPER = Counts(52445, 11584, 82439, 35878, 15.9, 12.7, 18.9)


@dataclass(frozen=True, slots=True)
class Histogram:
    """The number of values in each bar.

    Bar i covers [i * width, (i + 1) * width); the last bar has no upper end.
    """

    width: float
    counts: tuple[int, ...]


def count(examples: Iterable[Example]) -> tuple[Counts, dict[str, Histogram]]:
    """The column of a run, and the histograms of the paper's length figure.

    The histograms are of instructions, inputs that are not empty, and outputs. An instruction
    with several instances counts once.
    """
    lengths: dict[str, Counter[int]] = {name: Counter() for name in WIDTHS}
    seen: set[str] = set()
    classification = 0
    for example in examples:
        identity = example.provenance.get("instruction_id", example.instruction)
        if identity not in seen:
            seen.add(identity)
            classification += bool(example.is_classification)
            lengths["instruction"][words(example.instruction)] += 1
        lengths["input"][words(example.input)] += 1
        lengths["output"][words(example.output)] += 1
    instances, empty = lengths["input"].total(), lengths["input"].pop(0, 0)
    found = Counts(
        len(seen), classification, instances, empty, *(_mean(lengths[name]) for name in WIDTHS)
    )
    return found, {name: histogram(lengths[name], width, BARS) for name, width in WIDTHS.items()}


def words(text: str) -> int:
    return len(text.split())


def histogram(values: Counter[int] | Counter[float], width: float, bars: int) -> Histogram:
    counts = [0] * bars
    for value, times in values.items():
        # a hair more than the quotient: 0.3 / 0.05 is 5.999999999999999
        counts[min(int(value / width + 1e-9), bars - 1)] += times
    return Histogram(width, tuple(counts))


def _mean(lengths: Counter[int]) -> float | None:
    return (
        sum(value * times for value, times in lengths.items()) / lengths.total()
        if lengths
        else None
    )
