"""OpenAI's batch interface: upload requests, create batches, look at batches, download replies.

The calls raise Transient or ModelError. The state of a run is kept elsewhere, in the log (log.py).
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from selfinstruct.errors import ModelError, Transient
from selfinstruct.models import Completion, Request
from selfinstruct.models.batch.lines import Line, read_lines
from selfinstruct.models.batch.log import SentBatch
from selfinstruct.models.batch.place import line_of, path_of
from selfinstruct.models.batch.state import BatchState
from selfinstruct.models.openai.errors import AmbiguousFailure

if TYPE_CHECKING:
    from selfinstruct.models.openai.client import OpenAI

_FILE_TIMEOUT = 900.0  # seconds, for some 200 MB up or down
_NOWHERE = "it has no batch endpoint (leave out --batch), or another key's batches"
_DAY = 86400.0  # seconds


class NotThere(ModelError):
    """The endpoint has no such file or batch: not yet, not any more, or not for this key."""


class BatchApi:
    """The batch interface of an endpoint: an implementation of place.Place."""

    is_discounted, settle = True, 10.0
    pauses, most_waiting = (5.0, 60.0), math.inf

    def __init__(self, endpoint: OpenAI) -> None:
        self._endpoint, self._session = endpoint, endpoint.session
        self._has_answered = False

    @property
    def address(self) -> str:
        """For a person, without secrets."""
        return self._session.address

    @property
    def left_out(self) -> Mapping[str, str | None]:
        """The fields that bodies do without at this moment (models/openai/fields.py)."""
        return self._endpoint.left_out

    # ------------------------------------------------ out

    def line(self, request: Request) -> bytes:
        """A request as a line of a batch's file."""
        return line_of(request, self.left_out)

    async def upload(self, lines: bytes) -> str:
        """Upload a batch's requests as a file. Returns the file's id."""
        record = await self._record(
            lambda client: client.files.with_raw_response.create(
                file=("batch.jsonl", lines), purpose="batch", timeout=_FILE_TIMEOUT
            )
        )
        return self._text(record, "id")

    async def create(self, sent: SentBatch, like: Request) -> str | None:
        """Create the batch of an uploaded file. Returns the batch's id, None if it is not said.

        like: any of the requests, which are all of the same kind. The endpoint keeps the token as
        the batch's metadata, for `find`.
        """
        wanted = {"input_file_id": sent.file, "endpoint": path_of(like), "completion_window": "24h"}
        record = await self._record(
            lambda client: client.batches.with_raw_response.create(
                **wanted,
                metadata={"selfinstruct": sent.token},
                extra_headers={"Idempotency-Key": sent.token},
            )
        )
        batch_id = record.get("id")
        return batch_id if isinstance(batch_id, str) and batch_id else None

    async def find(self, sent: SentBatch) -> list[str]:
        """The ids of the batch at the endpoint, newest first; more than one if it was made twice.

        Known by the token, or by the file, since some endpoints keep no metadata. Raises NotThere
        if the endpoint lists no batches.
        """
        found: list[str] = []
        after: dict[str, Any] = {}
        while True:
            page = await self._record(partial(_list, after=after))
            if "data" not in page:  # nobody knows, and a batch may not be made twice
                raise NotThere(f"{self.address}: lists its batches in no form that is known")
            listed = [batch for batch in page.get("data") or () if isinstance(batch, dict)]
            for batch in listed:
                metadata = batch.get("metadata")
                has_token = (
                    isinstance(metadata, dict) and metadata.get("selfinstruct") == sent.token
                )
                if has_token or batch.get("input_file_id") == sent.file:
                    found.append(self._text(batch, "id"))
            # Newest first. The two clocks may differ by hours.
            is_past = bool(listed) and _created_at(listed[-1]) < sent.at - _DAY
            last = {"after": listed[-1].get("id")} if listed else after
            if not page.get("has_more") or is_past or last == after:
                return found
            after = last

    async def cancel(self, batch_id: str) -> None:
        await self._record(lambda client: client.batches.with_raw_response.cancel(batch_id))

    # ------------------------------------------------ back

    async def look(self, batch_id: str) -> BatchState:
        return BatchState.of(
            await self._record(lambda client: client.batches.with_raw_response.retrieve(batch_id))
        )

    async def content(self, file_id: str) -> bytes:
        raw = await self._through(
            lambda client: client.files.with_raw_response.content(file_id, timeout=_FILE_TIMEOUT)
        )
        content: bytes = raw.content
        return content

    def reply(self, line: Line, request: Request, left_out: Mapping[str, str | None]) -> Completion:
        """The completion in a line of a batch's file. left_out: of the body that was sent.

        Raises RequestFailed, Transient or ModelError, as a call with this reply would.
        """
        if line.status is None:
            raise Transient(self.words(line.words))
        return self._endpoint.read(line.status, line.body, request, left_out)

    def words(self, text: str) -> str:
        """Foreign text for a message: one short line without secrets."""
        return self._session.words(text)

    # ------------------------------------------------ a call

    async def _record(self, call: Callable[[Any], Awaitable[Any]]) -> dict[str, Any]:
        raw = await self._through(call)
        try:
            record = self._session.record(raw.text)
        except AmbiguousFailure as failure:  # an endpoint that has answered will answer again
            raise failure.of_request if self._has_answered else failure.of_run from None
        self._has_answered = True
        return record

    async def _through(self, call: Callable[[Any], Awaitable[Any]]) -> Any:
        is_missing = False

        async def watched(client: Any) -> Any:
            nonlocal is_missing
            try:
                return await call(client)
            except Exception as error:
                is_missing = getattr(error, "status_code", None) in (404, 410)
                raise

        try:
            return await self._session.through(watched, missing=_NOWHERE)
        except ModelError as error:
            raise NotThere(str(error)) if is_missing else error from None

    def _text(self, record: Mapping[str, Any], name: str) -> str:
        if not isinstance(record.get(name), str):
            raise ModelError(
                f"{self.address}: speaks of a batch without {name!r}; "
                "is this an OpenAI-compatible batch endpoint?"
            )
        return str(record[name])


async def lines_of(
    state: BatchState, content: Callable[[str], Awaitable[bytes]]
) -> AsyncIterator[Line]:
    """The lines of a batch's two files: the answers, then the errors. Others are passed over.

    content: downloads a file by its id. Raises NotThere after the lines of the other file if a file
    is not there.
    """
    gone: NotThere | None = None
    for file_id in state.files:
        try:
            data = await content(file_id)
        except NotThere as error:
            gone = error
            continue
        for line in read_lines(data):
            yield line
    if gone is not None:
        raise gone


async def _list(client: Any, after: Mapping[str, Any]) -> Any:
    return await client.batches.with_raw_response.list(limit=100, **after)


def _created_at(batch: Mapping[str, Any]) -> float:
    """Seconds since the epoch."""
    at = batch.get("created_at")
    return float(at) if isinstance(at, (int, float)) else float("inf")
