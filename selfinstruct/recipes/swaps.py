"""Tasks with inputs and outputs swapped: rows grouped by their new input, outputs merged.

Some Super-Natural-Instructions tasks are such inversions of each other (Wang et al., 2022). The
swap is exact: each row is in a group or has the reason why it is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from selfinstruct.data.collected import Collected

_SHOWN = 3  # swapped pairs in a prompt
_LONGEST = 1200  # characters of a shown text
_FEW = 5  # rows for each distinct text, from which on the texts are labels
_ENOUGH = 10  # rows that show whether texts are labels
_LABEL = re.compile(
    r"\W*(?:yes|no|true|false|none|positive|negative|neutral|(?:option |answer |completion )?[a-e])\W*",
    re.IGNORECASE,
)
_NO_TASK = re.compile(r"[\W_]*no (?:such )?task(?: exists)?[\W_]*", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]")


@dataclass(slots=True)
class Swap:
    """An input of a swapped task with every output that it has, in the order of the rows."""

    input: str
    outputs: dict[str, None] = field(default_factory=dict)
    source_ids: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SwappedTask:
    """The swapped rows of an instruction. dropped: reasons and rows."""

    instruction: str
    swaps: tuple[Swap, ...]
    dropped: tuple[tuple[str, Collected], ...]

    def shown(self) -> dict[str, str]:
        """The values of a prompt: the old instruction, and the first swapped pairs."""
        pairs = ((swap.input, next(iter(swap.outputs))) for swap in self.swaps[:_SHOWN])
        texts = [f"Given: {_cut(new)}\nTo write: {_cut(old)}" for new, old in pairs]
        return {"instruction": self.instruction, "examples": "\n\n".join(texts)}


def swapped_tasks(rows: Iterable[Collected], most_outputs: int) -> Iterator[SwappedTask]:
    """A task for each instruction, in the order of their first rows.

    most_outputs: an input with more outputs does not determine any; 0: no bound.
    """
    by_instruction: dict[str, list[Collected]] = {}
    for row in rows:
        by_instruction.setdefault(row.instruction, []).append(row)
    for instruction, of_one in by_instruction.items():
        yield _swapped(instruction, of_one, most_outputs)


def reasons_of(tasks: Iterable[SwappedTask]) -> str:
    """In brackets, why rows of these tasks cannot be swapped; empty if there are none such."""
    reasons = sorted({reason for task in tasks for reason, _ in task.dropped})
    return f" (reasons: {', '.join(reasons)})" if reasons else ""


def why_not_inverse(instruction: str, old: str) -> str | None:
    """The reason to drop a new instruction, and its task: it is the old one, or says "No task"."""
    if _NO_TASK.fullmatch(instruction):
        return "no_task"
    return "unchanged" if instruction.casefold() == old.casefold() else None


def _swapped(instruction: str, rows: list[Collected], most_outputs: int) -> SwappedTask:
    dropped, usable = list[tuple[str, Collected]](), list[tuple[str, Collected]]()
    for row in rows:
        reason = _why_not(row)
        if reason is None:
            usable.append((row.output or "", row))
        else:
            dropped.append((reason, row))
    outputs, inputs = {output for output, _ in usable}, {row.input for _, row in usable}
    reason = _why_not_task(len(usable), len(outputs), len(inputs))
    if reason is not None:
        dropped += [(reason, row) for _, row in usable]
        return SwappedTask(instruction, (), tuple(dropped))
    swaps: dict[str, Swap] = {}
    kept: list[tuple[str, Collected]] = []
    for output, row in usable:
        swap = swaps.setdefault(output, Swap(output))
        if row.input in swap.outputs:
            dropped.append(("exact_duplicate", row))
            continue
        swap.outputs[row.input] = None
        swap.source_ids.append(row.id)
        kept.append((output, row))
    vague = {text for text, swap in swaps.items() if 0 < most_outputs < len(swap.outputs)}
    dropped += [("undetermined", row) for output, row in kept if output in vague]
    found = tuple(swap for text, swap in swaps.items() if text not in vague)
    return SwappedTask(instruction, found, tuple(dropped))


def _why_not(row: Collected) -> str | None:
    """The reason why a row alone cannot be swapped."""
    if row.history or row.system:
        return "chat"
    if not row.output:
        return "no_output"
    if not row.input.strip():
        return "no_input"
    if row.input.strip() == row.output.strip():
        return "same_text"
    if row.rest.get("is_classification") is True or _LABEL.fullmatch(row.output):
        return "label"
    return None if _WORD.search(row.output) else "undetermined"


def _why_not_task(rows: int, outputs: int, inputs: int) -> str | None:
    """The reason why no row of a task can be swapped, from the counts of distinct texts."""
    if rows < _ENOUGH:
        return None
    if rows >= _FEW * outputs:
        return "label"
    return "label_as_output" if rows >= _FEW * inputs else None


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} [... the rest is left out here]"
