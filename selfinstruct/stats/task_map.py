"""The task map: how sure a model is of each task, and how much that hangs on the wording.

Active Instruction Tuning (Kung et al. 2023, section 5.2): x is the uncertainty, y the mean
probability of the outputs under the whole instruction. Ambiguous tasks have a high uncertainty.
Tasks of a low uncertainty are easy if their outputs are likely, and difficult otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from selfinstruct.annotate.measures import UNCERTAINTIES, lines_of

KINDS = ("ambiguous", "easy", "difficult")
_LONGEST = 90  # characters of an instruction


@dataclass(frozen=True, slots=True)
class Point:
    """A task on the map. task: its instruction, shortened."""

    task: str
    uncertainty: float
    probability: float
    kind: str


def task_map(directory: Path) -> tuple[Point, ...]:
    """The tasks whose uncertainty was measured, in the order of the run; empty where none was.

    The third with the highest uncertainty is ambiguous. Of the others, those above their median
    probability are easy.
    """
    found: list[tuple[str, float, float]] = []
    for line in lines_of(directory / UNCERTAINTIES):
        uncertainty, probability = line.get("uncertainty"), line.get("probability")
        if isinstance(uncertainty, (int, float)) and isinstance(probability, (int, float)):
            text = " ".join(str(line.get("instruction", "")).split())
            short = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "\u2026"
            found.append((short, float(uncertainty), float(probability)))
    if not found:
        return ()
    order = sorted((uncertainty for _, uncertainty, _ in found), reverse=True)
    bound = order[(len(order) + 2) // 3 - 1]
    sure = [each[2] for each in found if each[1] < bound]
    middle = median(sure) if sure else 0.0
    return tuple(
        Point(*each, _kind(each[1] >= bound and each[1] > 0, each[2] >= middle)) for each in found
    )


def count_kinds(points: Sequence[Point]) -> dict[str, int]:
    """The number of tasks of each kind."""
    return {kind: sum(point.kind == kind for point in points) for kind in KINDS}


def _kind(is_ambiguous: bool, is_likely: bool) -> str:
    if is_ambiguous:
        return "ambiguous"
    return "easy" if is_likely else "difficult"
