"""batches.jsonl: what was sent to a batch endpoint, on disk before it is sent. Batches that are not closed are gone on with.

{"batch": TOKEN, "at": SECONDS, "requests": [[KEY, STAGE, PLACE], ...]}     is going to be made
{"batch": TOKEN, "id": ID}                                                  the endpoint has made it
{"batch": TOKEN, "cancelled": true}                                         by us: the dataset was whole without it
{"batch": TOKEN, "closed": STATUS}                                          all its replies are in completions.jsonl
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from selfinstruct.completions import append, disk_errors
from selfinstruct.errors import UserError
from selfinstruct.journal import Journal
from selfinstruct.models.batch import Sent, Wanted
from selfinstruct.tasks import to_json

FILE = "batches.jsonl"


class Batches:
    """A Log (models/batch.py) in a file; every line is on the disk when its method returns."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Raises UserError at a line that is none of ours."""
        self._journal = Journal(path, read_only=read_only)
        self._open: dict[str, Sent] = {}
        for number, (_, line) in enumerate(self._journal.lines(), 1):
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                raise UserError(f"{path}:{number}: damaged; restore the file, it says which batches are paid for") from None

    @property
    def open(self) -> Mapping[str, Sent]:
        return self._open

    def begin(self, sent: Sent) -> None:
        requests = [[one.key, one.stage, one.place] for one in sent.wanted]
        self._write({"batch": sent.token, "at": round(sent.at, 3), "requests": requests})

    def name(self, token: str, batch_id: str) -> None:
        self._write({"batch": token, "id": batch_id})

    def cancel(self, token: str) -> None:
        self._write({"batch": token, "cancelled": True})

    def close(self, token: str, why: str) -> None:
        self._write({"batch": token, "closed": why})

    def leave(self) -> None:
        """Close the file."""
        self._journal.close()

    def _write(self, record: dict[str, Any]) -> None:
        append(self._journal, to_json(record))
        with disk_errors(self._journal.path):
            self._journal.sync()
        self._take(record)

    def _take(self, record: dict[str, Any]) -> None:
        token = record["batch"]
        if "requests" in record:
            self._open[token] = Sent(token, tuple(Wanted(*one) for one in record["requests"]), record["at"])
        elif "id" in record:
            self._open[token] = replace(self._open[token], id=record["id"])
        elif "cancelled" in record:
            self._open[token] = replace(self._open[token], is_cancelled=True)
        else:
            del self._open[token]


def left_open(directory: Path) -> Iterator[Sent]:
    """The batches that a run has not had its replies of, or not all. Reads only."""
    path = directory / FILE
    if path.exists():
        log = Batches(path, read_only=True)
        yield from log.open.values()
        log.leave()
