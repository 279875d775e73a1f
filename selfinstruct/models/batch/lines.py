"""The lines of a batch's files: an answer or an error for each request, in any order."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """What a file says of a request.

    status: of HTTP, None without an answer; then `words` hold the reason. body: of the answer.
    """

    key: str
    status: int | None
    body: Any
    words: str

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Line | None:
        """None for a record that is for no request."""
        key = record.get("custom_id")
        if not isinstance(key, str):
            return None
        response, failure = _unpacked(record.get("response")), _unpacked(record.get("error"))
        if isinstance(failure, dict) and isinstance(failure.get("error"), dict):
            failure = failure["error"]  # as vLLM writes it
        words = failure.get("message") if isinstance(failure, dict) else failure
        status, body = _answer(response) if isinstance(response, dict) else (None, None)
        if failure and status == 200 and not isinstance(body, dict):
            status = None
        return cls(key, status, body, words if isinstance(words, str) and words else "no reply")

    @property
    def is_answered(self) -> bool:
        """Whether the answer will be on the bill."""
        return self.status == 200


def read_lines(content: bytes) -> Iterator[Line]:
    """The lines of a file that can be read, each for a request. Some files are a JSON array."""
    records = parsed(content) if content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"[") else None
    for record in records if isinstance(records, list) else map(parsed, io.BytesIO(content)):
        line = Line.of(record) if isinstance(record, dict) else None
        if line is not None:
            yield line


def _answer(response: Mapping[str, Any]) -> tuple[int | None, Any]:
    """The status and the body of an answer. Some responses are the body itself."""
    body = _unpacked(response.get("body", response if "choices" in response else None))
    status = response.get("status_code")
    if isinstance(status, str) and status.isdecimal():
        status = int(status)
    if isinstance(status, int) and 100 <= status < 600:
        return int(status), body
    return (200 if isinstance(body, dict) and body.get("choices") else None), body


def _unpacked(value: Any) -> Any:
    """A JSON value that was sent as a text; other values unchanged."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        inner = parsed(value)
        return value if inner is None else inner
    return value


def parsed(text: bytes | str) -> Any:
    """None for a text that is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
