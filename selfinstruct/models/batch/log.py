"""Records of sent batches, and the two places where batches and replies are written down."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from selfinstruct.models import Completion, Decoding, Request, Usage

# How a batch ended that the endpoint has never heard of: nothing was sent, nothing is charged.
NEVER_MADE = "never made"
ROUND = "rounds/"  # begins the ids of batches that are files (rounds.py)


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request in the log: enough to record its reply and to know its price, if nobody asks."""

    key: str
    stage: str
    place: str
    prompt_tokens: int  # at most
    completion_tokens: int  # at most
    model: str = ""  # "": the run's main model
    is_discounted: bool = True  # costs the batch price

    @classmethod
    def of(cls, request: Request, most: Usage) -> SentRequest:
        tokens = (most.prompt_tokens, most.completion_tokens)
        is_discounted = most == most.in_batch()
        return cls(request.key, request.stage, request.place, *tokens, request.model, is_discounted)

    @property
    def most(self) -> Usage:
        """The most tokens that the request can take."""
        most = Usage(self.prompt_tokens, self.completion_tokens)
        return most.in_batch() if self.is_discounted else most

    @property
    def request(self) -> Request:
        """A request with the same stage, place and model, and without the prompt."""
        return Request(self.stage, self.place, self.model, "", (), Decoding(), 0)


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A batch in the log."""

    token: str  # our name for the batch, drawn before the endpoint has a name
    requests: tuple[SentRequest, ...]
    at: float  # seconds since the epoch
    file: str  # id of the uploaded file
    id: str | None = None  # None until the endpoint is known to have the batch
    is_cancelled: bool = False  # by us

    @property
    def is_round(self) -> bool:
        return self.file.startswith(ROUND)


class Log(Protocol):
    """The ledger of batches (runs/batches.py). A batch is written down whole before it is made.

    All but `open` may raise NoRoom or UserError.
    """

    @property
    def open(self) -> Mapping[str, SentBatch]:
        """By token, in the order in which the batches began."""
        ...

    @property
    def home(self) -> Path:
        """The folder in which batches lie that are files."""
        ...

    def begin(self, sent: SentBatch) -> None: ...

    def name(self, token: str, batch_id: str) -> None: ...

    def cancel(self, token: str) -> None: ...

    def close(self, token: str, why: str, lost: Collection[SentRequest] = ()) -> None:
        """lost: the requests that may be charged although their replies are gone."""
        ...


class ReplyRecord(Protocol):
    """Where replies are kept: the record behind `Recorded`."""

    def __contains__(self, key: str) -> bool: ...

    def get(self, key: str) -> Completion | None: ...

    def put(self, key: str, request: Request, completion: Completion, seconds: float) -> None: ...

    def sync(self) -> None: ...
