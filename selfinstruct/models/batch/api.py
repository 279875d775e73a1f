"""OpenAI's batch interface: upload requests, create batches, look at batches, download replies.

The calls raise Transient or ModelError. The state of a run is kept elsewhere, in the log (log.py).
"""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from selfinstruct.errors import ModelError, Transient
from selfinstruct.models import Completion, Request
from selfinstruct.models.batch.log import SentBatch
from selfinstruct.models.openai.bodies import body_of
from selfinstruct.models.openai.errors import AmbiguousFailure

if TYPE_CHECKING:
    from selfinstruct.models.openai.client import OpenAI

ENDED = frozenset({"completed", "expired", "failed", "cancelled"})
_FILE_TIMEOUT = 900.0  # seconds, for some 200 MB up or down
_NOWHERE = "it has no batch endpoint (leave out --batch), or another key's batches"
_DAY = 86400.0  # seconds


class BatchApi:
    """The batch interface of an endpoint."""

    def __init__(self, endpoint: OpenAI) -> None:
        self._endpoint, self._session = endpoint, endpoint.session
        self._has_answered = False

    @property
    def left_out(self) -> Mapping[str, str | None]:
        """The fields that bodies do without at this moment (models/openai/fields.py)."""
        return self._endpoint.left_out

    # ------------------------------------------------ out

    def line(self, request: Request) -> bytes:
        """A request as a line of a batch's file."""
        record = {
            "custom_id": request.key,
            "method": "POST",
            "url": _path(request),
            "body": body_of(request, self.left_out),
        }
        return json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"

    async def upload(self, lines: bytes) -> str:
        """Upload a batch's requests as a file. Returns the file's id."""
        record = await self._record(
            lambda client: client.files.with_raw_response.create(
                file=("batch.jsonl", lines), purpose="batch", timeout=_FILE_TIMEOUT
            )
        )
        return self._text(record, "id")

    async def create(self, sent: SentBatch, like: Request) -> str:
        """Create the batch of an uploaded file. Returns the batch's id.

        like: any of the requests, which are all of the same kind. The endpoint keeps the token as
        the batch's metadata, for `find`.
        """
        wanted = {"input_file_id": sent.file, "endpoint": _path(like), "completion_window": "24h"}
        record = await self._record(
            lambda client: client.batches.with_raw_response.create(
                **wanted, metadata={"selfinstruct": sent.token}
            )
        )
        return self._text(record, "id")

    async def find(self, sent: SentBatch) -> str | None:
        """The id of the batch, None if the endpoint has no such batch.

        Known by the token, or by the file, since some endpoints keep no metadata.
        """
        after: dict[str, Any] = {}
        while True:
            page = await self._record(partial(_list, after=after))
            listed = [batch for batch in page.get("data") or () if isinstance(batch, dict)]
            for batch in listed:
                metadata = batch.get("metadata")
                has_token = (
                    isinstance(metadata, dict) and metadata.get("selfinstruct") == sent.token
                )
                if has_token or batch.get("input_file_id") == sent.file:
                    return self._text(batch, "id")
            # Newest first. The two clocks may differ by hours.
            is_past = bool(listed) and _created_at(listed[-1]) < sent.at - _DAY
            if not page.get("has_more") or not listed or is_past:
                return None
            after = {"after": self._text(listed[-1], "id")}

    async def cancel(self, batch_id: str) -> None:
        await self._record(lambda client: client.batches.with_raw_response.cancel(batch_id))

    # ------------------------------------------------ back

    async def look(self, batch_id: str) -> dict[str, Any]:
        """The endpoint's record of a batch; `status` is a text in lower case."""
        record = await self._record(
            lambda client: client.batches.with_raw_response.retrieve(batch_id)
        )
        return record | {"status": self._text(record, "status").lower()}

    async def content(self, file_id: str) -> bytes:
        raw = await self._through(
            lambda client: client.files.with_raw_response.content(file_id, timeout=_FILE_TIMEOUT)
        )
        content: bytes = raw.content
        return content

    def reply(
        self, line: Mapping[str, Any], request: Request, left_out: Mapping[str, str | None]
    ) -> Completion:
        """The completion in a line of a batch's file. left_out: of the body that was sent.

        Raises RequestFailed, Transient or ModelError, as a call with this reply would.
        """
        response = line.get("response")
        status = response.get("status_code") if isinstance(response, dict) else None
        if not isinstance(response, dict) or not isinstance(status, int):
            failure = line.get("error")
            said = failure.get("message") if isinstance(failure, dict) else None
            raise Transient(self._session.words(str(said or "no reply")))
        return self._endpoint.read(status, response.get("body"), request, left_out)

    def refusal(self, batch: Mapping[str, Any]) -> tuple[str, str]:
        """Why a batch failed as a whole: the first error's code and words."""
        errors = batch.get("errors")
        data = errors.get("data") if isinstance(errors, dict) else None
        first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
        line = f"line {first['line']}: " if first.get("line") else ""
        words = f"{line}{first.get('message') or 'no reason given'}"
        return str(first.get("code")), self._session.words(words)

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
        return await self._session.through(call, missing=_NOWHERE)

    def _text(self, record: Mapping[str, Any], name: str) -> str:
        if not isinstance(record.get(name), str):
            raise ModelError(
                f"{self._session.address}: speaks of a batch without {name!r}; "
                "is this an OpenAI-compatible batch endpoint?"
            )
        return str(record[name])


async def lines_of(
    batch: Mapping[str, Any], content: Callable[[str], Awaitable[bytes]]
) -> AsyncIterator[dict[str, Any]]:
    """The lines of a batch's two files: the answers, then the errors. Other lines are skipped.

    content: downloads a file by its id.
    """
    for name in ("output_file_id", "error_file_id"):
        if isinstance(batch.get(name), str):
            for line in io.BytesIO(await content(batch[name])):
                record = _object(line)
                if record is not None:
                    yield record


def completed(batch: Mapping[str, Any]) -> int | None:
    """The number of answered requests, None if the endpoint does not count them."""
    counts = batch.get("request_counts")
    done = counts.get("completed") if isinstance(counts, dict) else None
    return done if isinstance(done, int) else None


def is_answered(line: Mapping[str, Any]) -> bool:
    """Whether the line will be on the bill."""
    response = line.get("response")
    return isinstance(response, dict) and response.get("status_code") == 200


async def _list(client: Any, after: Mapping[str, Any]) -> Any:
    return await client.batches.with_raw_response.list(limit=100, **after)


def _path(request: Request) -> str:
    return "/v1/chat/completions" if request.api == "chat" else "/v1/completions"


def _created_at(batch: Mapping[str, Any]) -> float:
    """Seconds since the epoch."""
    at = batch.get("created_at")
    return float(at) if isinstance(at, (int, float)) else float("inf")


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
