"""batches.jsonl: what was sent to a batch endpoint, on disk before it is made, with the most that it can take. Batches that are
not closed are gone on with.

{"batch": TOKEN, "at": SECONDS, "file": ID, "requests": [[KEY, STAGE, PLACE, TOKENS, TOKENS], ...]}     is going to be made
{"batch": TOKEN, "id": ID}                              the endpoint has made it
{"batch": TOKEN, "cancelled": true}                     by us: the dataset was whole without it
{"batch": TOKEN, "closed": STATUS, "lost": [CALLS, TOKENS, TOKENS]}     all its replies are in completions.jsonl, but for those
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.models import Usage
from selfinstruct.models.batch.log import NEVER_MADE, SentBatch, SentRequest
from selfinstruct.models.money.meter import Meter
from selfinstruct.runs.completions import append, disk_errors
from selfinstruct.runs.journal import Journal
from selfinstruct.text import to_json

NAME = "batches.jsonl"


class Batches:
    """A Log (models/batch/log.py) in a file; every line is on the disk when its method returns. No batch, no file."""

    def __init__(self, path: Path, meter: Meter, *, read_only: bool = False) -> None:
        """`meter` takes the calls that the file holds, and what was lost of them; what the open ones may take is reserved by
        whoever goes on with them. Raises UserError at a line that is none of ours.
        """
        self._path, self._read_only = path, read_only
        self._journal: Journal | None = None
        self._open: dict[str, SentBatch] = {}
        if path.exists():
            self._read(meter)

    @property
    def open(self) -> Mapping[str, SentBatch]:
        return self._open

    def begin(self, sent: SentBatch) -> None:
        requests = [
            [one.key, one.stage, one.place, one.prompt_tokens, one.completion_tokens]
            for one in sent.requests
        ]
        self._write(
            {"batch": sent.token, "at": round(sent.at, 3), "file": sent.file, "requests": requests}
        )

    def name(self, token: str, batch_id: str) -> None:
        self._write({"batch": token, "id": batch_id})

    def cancel(self, token: str) -> None:
        self._write({"batch": token, "cancelled": True})

    def close(self, token: str, why: str, lost: Collection[SentRequest] = ()) -> None:
        tokens = [
            sum(one.prompt_tokens for one in lost),
            sum(one.completion_tokens for one in lost),
        ]
        self._write(
            {"batch": token, "closed": why, **({"lost": [len(lost), *tokens]} if lost else {})}
        )

    def leave(self) -> None:
        """Close the file."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _read(self, meter: Meter) -> None:
        self._journal = Journal(self._path, read_only=self._read_only)
        for number, (_, line) in enumerate(self._journal.lines(), 1):
            try:
                record = json.loads(line)
                self._count(record, meter)
                self._take(record)
            except (ValueError, KeyError, TypeError):
                raise UserError(
                    f"{self._path}:{number}: damaged; restore the file, it says which batches are paid for"
                ) from None

    def _count(self, record: Mapping[str, Any], meter: Meter) -> None:
        was_open = (
            record["batch"] in self._open
        )  # a line that a full disk took at the second try may be there twice
        if "requests" in record and not was_open:
            meter.calls += len(record["requests"])
        if record.get("closed") == NEVER_MADE and was_open:
            meter.calls -= len(self._open[record["batch"]].requests)
        if "lost" in record and was_open:
            calls, prompt, completion = record["lost"]
            meter.unknown += Usage(prompt, completion).in_batch()
            meter.unknown_calls += calls

    def _write(self, record: dict[str, Any]) -> None:
        with disk_errors(self._path):
            if self._journal is None:
                self._journal = Journal(self._path)
            append(self._journal, to_json(record))
            self._journal.sync()
        self._take(record)

    def _take(self, record: dict[str, Any]) -> None:
        token = record["batch"]
        if "requests" in record:
            self._open[token] = SentBatch(
                token,
                tuple(SentRequest(*one) for one in record["requests"]),
                record["at"],
                record["file"],
            )
        elif "id" in record:
            self._open[token] = replace(self._open[token], id=record["id"])
        elif "cancelled" in record:
            self._open[token] = replace(self._open[token], is_cancelled=True)
        elif record["closed"]:
            self._open.pop(token, None)


def left_open(directory: Path) -> Iterator[SentBatch]:
    """The batches that a run has not had its replies of, or not all. Reads only."""
    log = Batches(directory / NAME, Meter(), read_only=True)
    yield from log.open.values()
    log.leave()
