"""The files that a scorer writes, as their readers see them.

DIR/uncertainty.jsonl  a line for each task: uncertainty, probability, perplexity, its records' ids
DIR/perplexity.jsonl   the same where nothing was perturbed
DIR/likelihoods.jsonl  a line for each output: the record, with the likelihood of its output
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.records import Bad, Source

UNCERTAINTIES, PERPLEXITIES, LIKELIHOODS = (
    *("uncertainty.jsonl", "perplexity.jsonl"),
    "likelihoods.jsonl",
)


def numbers_of(directory: Path, name: str) -> dict[str, float]:
    """A scorer's numbers of a run by the id of the example: uncertainty, perplexity, likelihood.

    name: of the number. A task's numbers are those of all its examples. Empty where nothing was
    measured.
    """
    found: dict[str, float] = {}
    for file in (PERPLEXITIES, UNCERTAINTIES, LIKELIHOODS):
        for line in lines_of(directory / file):
            number = line.get(name)
            if isinstance(number, (int, float)) and not isinstance(number, bool):
                ids = line.get("ids", [line["id"]] if "id" in line else [])
                found.update(dict.fromkeys(map(str, ids), float(number)))
    return found


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a scorer's file. Raises UserError."""
    if not path.exists():
        return
    for record in Source(str(path)):
        if isinstance(record, Bad):
            raise UserError(f"{path}:{record.where}: {record.why}; measure again, at no cost")
        yield record.fields
