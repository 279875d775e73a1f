"""Every example and every rejected candidate as the page's browser reads them: one JSON list a line, compressed."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from selfinstruct.runs.view import RunView
from selfinstruct.stats import Marks, judgements_of
from selfinstruct.stats.quality import QUESTIONS, Judgement

Row = list[Any]
_MOST_BYTES = (
    18_000_000  # compressed: what the page may weigh, less its figures and a third for base64
)
_MOST_REJECTED = 30_000  # of one run; examples are what a page is for


@dataclass(frozen=True, slots=True)
class Packed:
    """Base64 of gzip of the rows, and what of the runs is not among them."""

    data: str
    shown: int
    total: int

    @property
    def said(self) -> str:
        if self.shown == self.total:
            return ""
        return f"{self.shown:,} of {self.total:,} candidates, evenly drawn to keep this page small; the figures count all of them."


def packed(views: Sequence[RunView], marks: Sequence[Marks]) -> Packed:
    """marks: of each run, from `find_defects`. Where everything would make the page too heavy, it is drawn evenly from."""
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
    """[run, kind, id, instruction, input, output, source, "", "", 0, findings, judgement]; a finding is [slug, field, evidence], a
    judgement [score, what it says no to and what yes, reason] or 0.
    """
    judged = judgements_of(view)
    for number, one in enumerate(view.examples()):
        kind = "classification" if one.is_classification else "example"
        source = str(one.provenance.get("source", one.provenance.get("model", "")))
        found = [[mark.slug, mark.field, mark.evidence] for mark in marks.get(number, ())]
        judgement = _judgement(judged[one.id]) if one.id in judged else 0
        yield [
            run,
            kind,
            one.id,
            one.instruction,
            one.input,
            one.output,
            source,
            "",
            "",
            0,
            found,
            judgement,
        ]


def rejections(run: int, view: RunView) -> Iterator[Row]:
    """The same for what was dropped: [run, kind, id, text, input, output, stage, reason, resembles, ROUGE-L, [], 0]."""
    for number, one in enumerate(view.rejected(), 1):
        kind, identity = f"rejected {one.what}", one.instruction_id or f"rejected {number}"
        texts = [one.text, one.input or "", one.output or ""]
        yield [
            run,
            kind,
            identity,
            *texts,
            one.stage,
            one.reason,
            one.similar_to or "",
            round(one.similarity or 0, 3),
            [],
            0,
        ]


def _judgement(one: Judgement) -> list[Any]:
    answers = {what: getattr(one, name) for name, what in QUESTIONS.items()}
    said = [
        f"{'yes' if answer else 'no'}: {what}"
        for what, answer in answers.items()
        if answer is not None
    ]
    return [one.score, "\n".join(said), one.reason]


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))
