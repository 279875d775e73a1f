"""The order of an export's rows, and the rows that stand together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from selfinstruct.choose.candidate import Candidate
from selfinstruct.exports.forms import Form
from selfinstruct.exports.splits import Splits
from selfinstruct.exports.style import drawn
from selfinstruct.exports.super_ni import MOST


def ordered(
    rows: Iterable[Candidate], shuffle_seed: int | None, *, is_joined: bool
) -> Iterable[Candidate]:
    """Sorted by a hash of the seed and each row's texts: the order of the runs has no part in it.

    Without a seed the rows come as they are. is_joined: the examples of an instruction stay
    together, which are sorted by a hash of the seed and the instruction's place.
    """
    if shuffle_seed is None:
        return rows
    if is_joined:
        return sorted(rows, key=lambda row: drawn(shuffle_seed, "order", *_instruction_of(row)))

    def key(row: Candidate) -> int:
        turns = [part for turn in row.history for part in (turn.role, turn.text)]
        before = [row.system, *turns] if row.system or turns else []
        return drawn(shuffle_seed, "order", row.instruction, row.input, row.output, *before)

    return sorted(rows, key=key)


def together(
    rows: Iterable[Candidate], form: Form, parts: Splits, *, grouped: bool
) -> Iterator[tuple[str, list[Candidate]]]:
    """The rows that make a record, with their split.

    grouped: as many of a split as a task may have, in tasks of equal size; all rows are held.
    """
    if not grouped:
        for group in groups(rows, form):
            yield parts.of(group[0].instruction), group
        return
    by_split: dict[str, list[Candidate]] = {name: [] for name in parts.bounds}
    for row in rows:
        by_split[parts.of(row.instruction)].append(row)
    for split, held in by_split.items():
        tasks = -(-len(held) // MOST)
        for number in range(tasks):
            yield split, held[number * len(held) // tasks : (number + 1) * len(held) // tasks]


def groups(rows: Iterable[Candidate], form: Form) -> Iterator[list[Candidate]]:
    """The rows one by one, or those of an instruction together."""
    if form.joined is None:
        return ([row] for row in rows)
    return (list(group) for _, group in groupby(rows, key=_instruction_of))


def _instruction_of(row: Candidate) -> tuple[str, str]:
    """The run and the id of a row's instruction."""
    return row.run, str(row.provenance.get("instruction_id", row.id))
