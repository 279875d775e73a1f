"""OpenAI's batch interface: files of requests handed in, batches made of them, looked at, and files of replies read.

Its calls raise Transient or ModelError. It holds no state of a run: what was sent stands in a Log (sent.py).
"""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from selfinstruct.errors import ModelError, Transient
from selfinstruct.models import Completion, Request
from selfinstruct.models.batch.log import Sent
from selfinstruct.models.openai.bodies import body_of
from selfinstruct.models.openai.errors import Doubtful

if TYPE_CHECKING:
    from selfinstruct.models.openai.client import OpenAI

ENDED = frozenset({"completed", "expired", "failed", "cancelled"})
_FILE_TIMEOUT = 900.0  # seconds, for some 200 MB up or down
_NOWHERE = "it has no batch endpoint (leave out --batch), or another key's batches"
_DAY = 86400.0  # seconds


class BatchApi:
    """The batch interface of one endpoint."""

    def __init__(self, endpoint: OpenAI) -> None:
        self._endpoint = endpoint
        self._has_answered = False

    @property
    def left_out(self) -> Mapping[str, str | None]:
        """What bodies do without at this moment."""
        return self._endpoint.left_out

    # ------------------------------------------------ out

    def line(self, request: Request) -> bytes:
        """A request as it stands in a batch's file."""
        record = {
            "custom_id": request.key,
            "method": "POST",
            "url": _url(request),
            "body": body_of(request, self.left_out),
        }
        return json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"

    async def upload(self, lines: bytes) -> str:
        """Hand in a batch's requests as a file; its id."""
        record = await self._record(
            lambda to: to.files.with_raw_response.create(
                file=("batch.jsonl", lines), purpose="batch", timeout=_FILE_TIMEOUT
            )
        )
        return self._text(record, "id")

    async def create(self, sent: Sent, like: Request) -> str:
        """Have a file's requests, which are of one kind, answered; the batch's id. The token is kept with it."""
        wanted = {"input_file_id": sent.file, "endpoint": _url(like), "completion_window": "24h"}
        record = await self._record(
            lambda to: to.batches.with_raw_response.create(
                **wanted, metadata={"selfinstruct": sent.token}
            )
        )
        return self._text(record, "id")

    async def find(self, sent: Sent) -> str | None:
        """The id of the batch, if it was made: by its token, and where an endpoint keeps none by its file, which no other has."""
        after: dict[str, Any] = {}
        while True:
            page = await self._record(
                lambda to: to.batches.with_raw_response.list(limit=100, **after)  # noqa: B023
            )
            found = [one for one in page.get("data") or () if isinstance(one, dict)]
            for one in found:
                metadata = one.get("metadata")
                has_token = (
                    isinstance(metadata, dict) and metadata.get("selfinstruct") == sent.token
                )
                if has_token or one.get("input_file_id") == sent.file:
                    return self._text(one, "id")
            if (
                not page.get("has_more") or not found or _made(found[-1]) < sent.at - _DAY
            ):  # newest first; clocks differ
                return None
            after = {"after": self._text(found[-1], "id")}

    async def cancel(self, batch_id: str) -> None:
        await self._record(lambda to: to.batches.with_raw_response.cancel(batch_id))

    # ------------------------------------------------ back

    async def look(self, batch_id: str) -> dict[str, Any]:
        """How a batch stands, as the endpoint says it; `status` is a text, in small letters."""
        record = await self._record(lambda to: to.batches.with_raw_response.retrieve(batch_id))
        return record | {"status": self._text(record, "status").lower()}

    async def content(self, file_id: str) -> bytes:
        raw = await self._through(
            lambda to: to.files.with_raw_response.content(file_id, timeout=_FILE_TIMEOUT)
        )
        found: bytes = raw.content
        return found

    def reply(
        self, line: Mapping[str, Any], request: Request, left_out: Mapping[str, str | None]
    ) -> Completion:
        """What a line of a batch's files says; its failures are those of a call. Raises RequestFailed as well.

        `left_out`: what the body that was sent did without.
        """
        response = line.get("response")
        status = response.get("status_code") if isinstance(response, dict) else None
        if not isinstance(response, dict) or not isinstance(status, int):
            failure = line.get("error")
            said = failure.get("message") if isinstance(failure, dict) else None
            raise Transient(self._endpoint.words(str(said or "no reply")))
        return self._endpoint.read(status, response.get("body"), request, left_out)

    def refusal(self, batch: Mapping[str, Any]) -> tuple[str, str]:
        """Why a batch failed as a whole: a code, and the first of the endpoint's words."""
        errors = batch.get("errors")
        data = errors.get("data") if isinstance(errors, dict) else None
        first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
        line = f"line {first['line']}: " if first.get("line") else ""
        return str(first.get("code")), self._endpoint.words(
            f"{line}{first.get('message') or 'no reason given'}"
        )

    async def _record(self, call: Callable[[Any], Awaitable[Any]]) -> dict[str, Any]:
        raw = await self._through(call)
        try:
            record = self._endpoint.record(raw.text)
        except Doubtful as doubt:  # a proxy's page: if it has ever answered, it will again
            raise doubt.of_request if self._has_answered else doubt.of_run from None
        self._has_answered = True
        return record

    async def _through(self, call: Callable[[Any], Awaitable[Any]]) -> Any:
        return await self._endpoint.through(call, missing=_NOWHERE)

    def _text(self, record: Mapping[str, Any], name: str) -> str:
        if not isinstance(record.get(name), str):
            where = self._endpoint.address
            raise ModelError(
                f"{where}: speaks of a batch without {name!r}; is this an OpenAI-compatible batch endpoint?"
            )
        return str(record[name])


async def lines_of(
    batch: Mapping[str, Any], content: Callable[[str], Awaitable[bytes]]
) -> AsyncIterator[dict[str, Any]]:
    """The lines of both of a batch's files, the answered ones first; what is no line of a file is passed over."""
    for name in ("output_file_id", "error_file_id"):
        if isinstance(batch.get(name), str):
            for line in io.BytesIO(await content(batch[name])):
                record = _object(line)
                if record is not None:
                    yield record


def completed(batch: Mapping[str, Any]) -> int | None:
    """How many requests are answered, if the endpoint says so."""
    counts = batch.get("request_counts")
    done = counts.get("completed") if isinstance(counts, dict) else None
    return done if isinstance(done, int) else None


def is_answered(line: Mapping[str, Any]) -> bool:
    """Whether it will be on the bill."""
    response = line.get("response")
    return isinstance(response, dict) and response.get("status_code") == 200


def _url(request: Request) -> str:
    return "/v1/chat/completions" if request.api == "chat" else "/v1/completions"


def _made(batch: Mapping[str, Any]) -> float:
    at = batch.get("created_at")
    return float(at) if isinstance(at, (int, float)) else float("inf")


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
