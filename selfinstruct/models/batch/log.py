"""What is known of a batch that was sent, and where that and its replies are written down."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from selfinstruct.models import Completion, Decoding, Request, Usage

NEVER = "never made"  # how a batch ended that the endpoint has never heard of: it costs nothing, and no calls were sent


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request as it stands in the log: enough to put its reply on record and to know what it may cost, though nobody asks."""

    key: str
    stage: str
    place: str
    prompt_tokens: int  # at most
    completion_tokens: int

    @classmethod
    def of(cls, request: Request, most: Usage) -> Wanted:
        return cls(
            request.key, request.stage, request.place, most.prompt_tokens, most.completion_tokens
        )

    @property
    def most(self) -> Usage:
        return Usage(self.prompt_tokens, self.completion_tokens).in_batch()

    @property
    def request(self) -> Request:
        """What is left of it."""
        return Request(self.stage, self.place, "", "", (), Decoding(), 0)


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch. `id` is None until the endpoint is known to have it; `at`: seconds since the epoch; `file`: the id of its lines."""

    token: str
    wanted: tuple[Wanted, ...]
    at: float
    file: str
    id: str | None = None
    is_cancelled: bool = False  # by us


class Log(Protocol):
    """Where batches are written down (`batches.Batches`), each as a whole before it is made: the ledger of what they may cost.

    All but `open` may raise NoRoom or UserError.
    """

    @property
    def open(self) -> Mapping[str, Sent]:
        """By token, in the order in which they began."""
        ...

    def begin(self, sent: Sent) -> None: ...

    def name(self, token: str, batch_id: str) -> None: ...

    def cancel(self, token: str) -> None: ...

    def close(self, token: str, why: str, lost: Collection[Wanted] = ()) -> None:
        """`lost`: what may have been charged though its reply is not there."""
        ...


class Shelf(Protocol):
    """Where replies are kept; Recorded's own record."""

    def __contains__(self, key: str) -> bool: ...

    def get(self, key: str) -> Completion | None: ...

    def put(self, key: str, request: Request, completion: Completion, seconds: float) -> None: ...

    def sync(self) -> None: ...
