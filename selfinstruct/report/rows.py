"""Every example and every rejected candidate, packed for the page's browser.

A row is a JSON list, and a row is a line. The lines are compressed.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from selfinstruct.data.examples import Example
from selfinstruct.runs.view import RunView
from selfinstruct.stats import Marks, judgements_of
from selfinstruct.stats.quality import QUESTIONS, Judgement

Row = list[Any]
# Compressed: the weight that the page may have, less its figures and a third for base64.
_MOST_BYTES = 18_000_000
_MOST_REJECTED = 30_000  # of one run; examples are what a page is for


@dataclass(frozen=True, slots=True)
class Packed:
    """Base64 of gzip of the rows, and the share of all candidates that the rows are."""

    data: str
    shown: int
    total: int

    @property
    def said(self) -> str:
        if self.shown == self.total:
            return ""
        return (
            f"{self.shown:,} of {self.total:,} candidates, evenly drawn to keep this page small; "
            "the figures count all of them."
        )


def packed(views: Sequence[RunView], marks: Sequence[Marks]) -> Packed:
    """Packs the candidates, evenly drawn from where all would make the page too heavy.

    marks: of each run, from `find_defects`.
    """
    lines, total = list[str](), 0
    for number, (view, found) in enumerate(zip(views, marks, strict=True)):
        rejected = view.funnel().rejected.total()
        step = -(-rejected // _MOST_REJECTED) or 1
        lines += map(
            _line,
            chain(examples(number, view, found), islice(rejections(number, view), 0, None, step)),
        )
        total += view.funnel().examples + rejected
    step = 1
    while (
        len(data := gzip.compress("\n".join(lines[::step]).encode("utf-8", "replace"), 6, mtime=0))
        > _MOST_BYTES
    ):
        step += max(1, step * len(data) // _MOST_BYTES - step)
    return Packed(base64.b64encode(data).decode("ascii"), len(lines[::step]), total)


def examples(run: int, view: RunView, marks: Marks) -> Iterator[Row]:
    """A row for each example of the run with this number.

    [run, kind, id, instruction, input, output, model, "", "", 0, findings, judgement], and for a
    chat the turns before the instruction. A finding is [slug, field, evidence]; a judgement is
    [score, answers, reason], or 0 for none.
    """
    judged = judgements_of(view)
    for number, example in enumerate(view.examples()):
        kind = "classification" if example.is_classification else "example"
        texts = [example.instruction, example.input, example.output]
        model = str(example.provenance.get("model", example.provenance.get("source", "")))
        found = [[mark.slug, mark.field, mark.evidence] for mark in marks.get(number, ())]
        judgement = _judgement(judged[example.id]) if example.id in judged else 0
        before = _before(example)
        turns = [before] if before else []
        yield [run, kind, example.id, *texts, model, "", "", 0, found, judgement, *turns]


def _before(example: Example) -> str:
    """The system message and the earlier turns of a chat, with their roles."""
    turns = [("system", example.system)] if example.system else []
    turns += [(turn.role, turn.text) for turn in example.history]
    return "\n\n".join(f"{role}: {text}" for role, text in turns)


def rejections(run: int, view: RunView) -> Iterator[Row]:
    """A row for each dropped candidate of the run with this number.

    [run, kind, id, text, input, output, stage, reason, resembles, ROUGE-L, findings, 0]: a finding
    holds the reason of a gate in words.
    """
    for number, dropped in enumerate(view.rejected(), 1):
        kind = f"rejected {dropped.what}"
        identity = dropped.instruction_id or f"rejected {number}"
        texts = [dropped.text, dropped.input or "", dropped.output or ""]
        near = [dropped.similar_to or "", round(dropped.similarity or 0, 3)]
        evidence = dropped.evidence
        found = [[dropped.reason, "output", evidence]] if evidence else []
        yield [run, kind, identity, *texts, dropped.stage, dropped.reason, *near, found, 0]


def _judgement(judgement: Judgement) -> list[Any]:
    answers = {question: getattr(judgement, name) for name, question in QUESTIONS.items()}
    said = [
        f"{'yes' if answer else 'no'}: {question}"
        for question, answer in answers.items()
        if answer is not None
    ]
    return [judgement.score, "\n".join(said), judgement.reason]


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))
