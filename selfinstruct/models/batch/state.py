"""The state of a batch, read from the record that an endpoint gives of the batch.

Endpoints name states in their own ways, give the files' ids late or as empty texts, and count as
they like. Names decide where they are known; otherwise the times, the files and the counts do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

COMPLETED, EXPIRED, FAILED, CANCELLED = "completed", "expired", "failed", "cancelled"
UNDER_WAY = "under way"
_PREFIX = re.compile(r"(job|batch)_(state|status)_")  # as in JOB_STATE_SUCCEEDED
_NAMES = {
    **dict.fromkeys(("completed", "complete", "succeeded", "success", "successful"), COMPLETED),
    **dict.fromkeys(("finished", "done", "ended", "partially_succeeded"), COMPLETED),
    **dict.fromkeys(("expired", "timeout", "timed_out", "timeout_exceeded"), EXPIRED),
    **dict.fromkeys(("failed", "failure", "error", "errored", "rejected", "invalid"), FAILED),
    **dict.fromkeys(("cancelled", "canceled", "aborted", "stopped"), CANCELLED),
    **dict.fromkeys(("validating", "validated", "in_progress", "finalizing"), UNDER_WAY),
    **dict.fromkeys(("cancelling", "canceling", "cancellation_requested"), UNDER_WAY),
    **dict.fromkeys(("created", "pending", "queued", "in_queue", "scheduled"), UNDER_WAY),
    **dict.fromkeys(("submitted", "preparing", "running", "processing", "started"), UNDER_WAY),
}
_TIMES = {f"{name}_at": name for name in (CANCELLED, EXPIRED, FAILED, COMPLETED)}
# The words of an endpoint where too many tokens wait already.
_FULL = re.compile(r"enqueued|token.{0,9} limit|(queue|quota) is full", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests of a batch by the endpoint's count; None: not counted."""

    total: int | None = None
    completed: int | None = None
    failed: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every request has ended by these counts."""
        ended = (self.completed or 0) + (self.failed or 0)
        return self.total is not None and ended == self.total > 0


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch at a moment."""

    status: str  # UNDER_WAY, or how the batch ended
    named: str  # the state in the endpoint's own word; empty if it gives none
    is_known: bool  # the name is
    counts: Counts
    files: tuple[str, ...]  # ids, of the answers first
    has_answers: bool  # the file of the answers has an id
    refusal: tuple[str, str]  # the first error's code and words, for a batch that failed
    is_final: bool = False  # no file and no line will come any more

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> BatchState:
        named = record.get("status")
        name = (
            _PREFIX.sub("", re.sub(r"\W+", "_", named.strip().lower()))
            if isinstance(named, str)
            else ""
        )
        answers = tuple(_files(record, "output_file_id", "output_file"))
        files = tuple(dict.fromkeys((*answers, *_files(record, "error_file_id", "error_file"))))
        counts = _counts(record.get("request_counts"))
        status = _NAMES.get(name) or _by_evidence(record, counts, files)
        said = named if isinstance(named, str) else ""
        is_known, refusal = name in _NAMES, _refusal(record)
        return cls(status, said, is_known, counts, files, bool(answers), refusal)

    @property
    def has_ended(self) -> bool:
        return self.status != UNDER_WAY

    @property
    def is_queue_full(self) -> bool:
        """Whether the batch failed since too many tokens wait at the endpoint."""
        code, words = self.refusal
        return self.status == FAILED and (
            code == "token_limit_exceeded" or bool(_FULL.search(words))
        )


def _by_evidence(record: Mapping[str, Any], counts: Counts, files: tuple[str, ...]) -> str:
    """The status of a batch whose state has an unknown name."""
    for name, status in _TIMES.items():
        if isinstance(record.get(name), (int, float, str)) and record[name]:
            return status
    return COMPLETED if files and counts.is_whole else UNDER_WAY


def _files(record: Mapping[str, Any], *names: str) -> Iterator[str]:
    """The ids of files under these names; empty texts are none."""
    for name in names:
        file_id = record.get(name)
        if isinstance(file_id, str) and file_id.strip():
            yield file_id


def _counts(said: Any) -> Counts:
    said = said if isinstance(said, dict) else {}
    return Counts(*(_count(said.get(name)) for name in ("total", "completed", "failed")))


def _count(said: Any) -> int | None:
    return said if isinstance(said, int) and not isinstance(said, bool) and said >= 0 else None


def _refusal(record: Mapping[str, Any]) -> tuple[str, str]:
    said = record.get("errors") or record.get("error")
    data = said.get("data", said) if isinstance(said, dict) else said
    first = data[0] if isinstance(data, list) and data else data
    if not isinstance(first, dict):
        return "", first if isinstance(first, str) and first else "no reason given"
    line = f"line {first['line']}: " if first.get("line") else ""
    return str(first.get("code")), f"{line}{first.get('message') or 'no reason given'}"
