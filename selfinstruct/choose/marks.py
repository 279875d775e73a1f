"""Verdicts written into records, which then stay."""

from __future__ import annotations

from dataclasses import replace

from selfinstruct.records import Record, as_json

VERDICT, NEIGHBOUR, SCORE = "dedupe_verdict", "dedupe_neighbour", "dedupe_score"


def marked(record: Record, neighbour: str = "", score: float = 0.0) -> Record:
    """The record with three more fields: "unique", or "near_duplicate" with the place of the
    record that it resembles and the score (ROUGE-L F).

    A unique record has an empty place and the score 0, so that the fields keep their types. The
    rest of a line of JSON keeps its bytes. Fields of these names are written over.
    """
    marks = {
        VERDICT: "near_duplicate" if neighbour else "unique",
        NEIGHBOUR: neighbour,
        SCORE: score,
    }
    line = record.line
    if line is not None:
        is_new = record.fields and not marks.keys() & record.fields.keys()
        line = f"{line.rstrip()[:-1].rstrip()}, {as_json(marks).decode()[1:]}" if is_new else None
    return replace(record, fields={**record.fields, **marks}, line=line)
