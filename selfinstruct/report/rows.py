"""Every example and every rejected candidate as the page's browser reads them: one JSON list a line, compressed."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from selfinstruct.view import RunView

Row = list[Any]
_MOST_BYTES = 18_000_000  # compressed: what the page may weigh, less its figures and a third for base64


def packed(views: Iterable[RunView]) -> tuple[str, int, int]:
    """Base64 of gzip of the rows, how many they are, and how many there would be.

    Where all of them would make the page too heavy, every second, third, ... is taken.
    """
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in chain.from_iterable(map(rows, enumerate(views)))]
    step = 1
    while len(data := gzip.compress("\n".join(lines[::step]).encode("utf-8", "replace"), 6, mtime=0)) > _MOST_BYTES:
        step += max(1, step * len(data) // _MOST_BYTES - step)
    return base64.b64encode(data).decode("ascii"), len(lines[::step]), len(lines)


def rows(numbered: tuple[int, RunView]) -> Iterator[Row]:
    """[run, kind, id, instruction, input, output, source or stage, reason, nearest, score, findings]."""
    run, view = numbered
    for one in view.examples():
        kind = "classification" if one.is_classification else "example"
        source, findings = one.provenance.get("source", one.provenance.get("model", "")), one.provenance.get("findings", [])
        yield [run, kind, one.id, one.instruction, one.input, one.output, str(source), "", "", 0, list(map(str, findings))]
    for number, other in enumerate(view.rejected(), 1):
        kind, identity = f"rejected {other.what}", other.instruction_id or f"rejected {number}"
        texts = [other.text, other.input or "", other.output or ""]
        nearest = [other.similar_to or "", round(other.similarity or 0, 3)]
        yield [run, kind, identity, *texts, other.stage, other.reason, *nearest, []]
