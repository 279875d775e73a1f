"""batches.jsonl: the ledger of batches, each with the most that its requests can take.

    {"batch": TOKEN, "at": SECONDS, "file": ID, "requests": [REQUEST, ...]}     will be made
    {"batch": TOKEN, "id": ID}                                  made by the endpoint
    {"batch": TOKEN, "cancelled": true}                         by us, since the dataset is whole
    {"batch": TOKEN, "closed": STATUS, "lost": [CALLS, TOKENS, TOKENS]}

REQUEST is [KEY, STAGE, PLACE, TOKENS, TOKENS], and then MODEL if not the run's main model. The
replies of a closed batch are in completions.jsonl; "lost" counts the requests without a reply that
may be charged, and "others": {MODEL: [TOKENS, TOKENS]} the tokens among them of other models than
the main one. Batches that are not closed go on in the next sitting.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.models import Usage
from selfinstruct.models.batch.log import NEVER_MADE, SentBatch, SentRequest
from selfinstruct.models.disk import disk_errors
from selfinstruct.models.money.meter import Meter, Tokens
from selfinstruct.runs.completions import append
from selfinstruct.runs.journal import Journal
from selfinstruct.text import to_json

NAME = "batches.jsonl"


class Batches:
    """A Log (models/batch/log.py) in a file that exists once there was a batch.

    Every line is on the disk when its method returns.
    """

    def __init__(self, path: Path, meter: Meter, *, read_only: bool = False) -> None:
        """Count in `meter` the calls that the file holds, and the tokens that were lost.

        Whoever goes on with open batches reserves for them. Raises UserError at a line of another
        form.
        """
        self._path, self._meter, self._read_only = path, meter, read_only
        self._journal: Journal | None = None
        self._open: dict[str, SentBatch] = {}
        if path.exists():
            self._read()

    @property
    def open(self) -> Mapping[str, SentBatch]:
        return self._open

    @property
    def home(self) -> Path:
        return self._path.parent

    def begin(self, sent: SentBatch) -> None:
        requests = [self._entry(request) for request in sent.requests]
        self._write(
            {"batch": sent.token, "at": round(sent.at, 3), "file": sent.file, "requests": requests}
        )

    def name(self, token: str, batch_id: str) -> None:
        self._write({"batch": token, "id": batch_id})

    def cancel(self, token: str) -> None:
        self._write({"batch": token, "cancelled": True})

    def close(self, token: str, why: str, lost: Collection[SentRequest] = ()) -> None:
        record: dict[str, Any] = {"batch": token, "closed": why}
        if lost:
            tokens = sum((self._tokens(request) for request in lost), Tokens())
            record["lost"] = [len(lost), *_pair(tokens.total)]
            if tokens.others:
                record["others"] = {model: _pair(usage) for model, usage in tokens.others.items()}
        self._write(record)

    def leave(self) -> None:
        """Close the file."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _entry(self, request: SentRequest) -> list[Any]:
        tokens = (request.prompt_tokens, request.completion_tokens)
        other = self._meter.other(request.request.model)
        return [request.key, request.stage, request.place, *tokens, *([other] if other else [])]

    def _tokens(self, request: SentRequest) -> Tokens:
        return Tokens.of(request.most, self._meter.other(request.request.model))

    def _read(self) -> None:
        self._journal = Journal(self._path, read_only=self._read_only)
        for number, (_, line) in enumerate(self._journal.lines(), 1):
            try:
                record = json.loads(line)
                self._count(record)
                self._take(record)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise UserError(
                    f"{self._path}:{number}: damaged; "
                    "restore the file, it says which batches are paid for"
                ) from None

    def _count(self, record: Mapping[str, Any]) -> None:
        # A line that a full disk took at the second try may be there twice.
        was_open, meter = record["batch"] in self._open, self._meter
        if "requests" in record and not was_open:
            meter.calls += len(record["requests"])
        if record.get("closed") == NEVER_MADE and was_open:
            meter.calls -= len(self._open[record["batch"]].requests)
        if "lost" in record and was_open:
            calls, *pair = record["lost"]
            is_round, shares = self._open[record["batch"]].is_round, record.get("others", {})
            usages = {model: _usage(tokens, is_round=is_round) for model, tokens in shares.items()}
            meter.unsure += Tokens(_usage(pair, is_round=is_round), usages)
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
            sent = SentBatch(token, (), record["at"], record["file"])
            requests = tuple(
                replace(SentRequest(*entry), is_discounted=not sent.is_round)
                for entry in record["requests"]
            )
            self._open[token] = replace(sent, requests=requests)
        elif "id" in record:
            self._open[token] = replace(self._open[token], id=record["id"])
        elif "cancelled" in record:
            self._open[token] = replace(self._open[token], is_cancelled=True)
        elif record["closed"]:
            self._open.pop(token, None)


def left_open(directory: Path) -> Iterator[SentBatch]:
    """The batches of a run that have not brought all their replies. Reads only."""
    log = Batches(directory / NAME, Meter(), read_only=True)
    yield from log.open.values()
    log.leave()


def _usage(pair: Sequence[int], *, is_round: bool) -> Usage:
    """Tokens at the price of their batch."""
    prompt, completion = pair
    usage = Usage(prompt, completion)
    return usage if is_round else usage.in_batch()


def _pair(usage: Usage) -> list[int]:
    return [usage.prompt_tokens, usage.completion_tokens]
