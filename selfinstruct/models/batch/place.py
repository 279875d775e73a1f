"""Where batches are answered: at a provider's interface (api.py), or as files (rounds.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

from selfinstruct.models import Completion, Request
from selfinstruct.models.batch.lines import Line
from selfinstruct.models.batch.log import SentBatch
from selfinstruct.models.batch.state import BatchState
from selfinstruct.models.openai.bodies import body_of


class Place(Protocol):
    """Takes batches and gives replies. All coroutines may raise Transient or ModelError."""

    @property
    def address(self) -> str:
        """For a person, without secrets."""
        ...

    @property
    def left_out(self) -> Mapping[str, str | None]:
        """The fields that bodies do without at this moment (models/openai/fields.py)."""
        ...

    @property
    def is_discounted(self) -> bool:
        """Whether a request costs the batch price."""
        ...

    @property
    def settle(self) -> float:
        """Seconds until a batch is listed that was made when a process died."""
        ...

    @property
    def pauses(self) -> tuple[float, float]:
        """Seconds between two looks at a batch, at first and at last."""
        ...

    @property
    def most_waiting(self) -> float:
        """Seconds without a new reply after which a sitting ends; infinite: it never does so."""
        ...

    def line(self, request: Request) -> bytes:
        """A request as a line of a batch's file."""
        ...

    async def upload(self, lines: bytes) -> str:
        """Bring the requests of a batch to the place. Returns the file's id."""
        ...

    async def create(self, sent: SentBatch, like: Request) -> str | None:
        """Make the batch of an uploaded file. Returns the batch's id, None if it is not said."""
        ...

    async def find(self, sent: SentBatch) -> list[str]:
        """The ids of the batch at the place, newest first."""
        ...

    async def cancel(self, batch_id: str) -> None: ...

    async def look(self, batch_id: str) -> BatchState: ...

    async def content(self, file_id: str) -> bytes: ...

    def reply(self, line: Line, request: Request, left_out: Mapping[str, str | None]) -> Completion:
        """The completion in a line of a batch's file. left_out: of the body that was sent.

        Raises RequestFailed, Transient or ModelError, as a call with this reply would.
        """
        ...

    def words(self, text: str) -> str:
        """Foreign text for a message: one short line without secrets."""
        ...


def line_of(request: Request, left_out: Mapping[str, str | None]) -> bytes:
    """A request as a line of a batch's file, in the form of OpenAI's batches."""
    record = {
        "custom_id": request.key,
        "method": "POST",
        "url": path_of(request),
        "body": body_of(request, left_out),
    }
    return json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


def path_of(request: Request) -> str:
    return "/v1/chat/completions" if request.api == "chat" else "/v1/completions"
