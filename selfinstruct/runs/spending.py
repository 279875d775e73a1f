"""spending.jsonl: every call is written down before it is sent, so that a crash cannot hide what it may have cost.

One line a call that was sent, with the most that it can take; one more if it ended without a reply. A call that ended with a
reply has its own line in completions.jsonl. What has neither was under way when its process died: it counts at its worst. Calls
through the batch endpoint do not die with a process; they stand in batches.jsonl (batches.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from selfinstruct.models import Usage
from selfinstruct.models.money.meter import Meter
from selfinstruct.runs.completions import append, disk_errors
from selfinstruct.runs.journal import Journal, write_whole
from selfinstruct.text import to_json

NAME = "spending.jsonl"
_TIDY_FROM = 1 << 20  # bytes of calls that are long settled


class Spending:
    """A Ledger (models/metered.py) in a file. Opening it adds to `meter`, which knows the batches, what earlier sittings sent."""

    def __init__(self, path: Path, meter: Meter, is_on_record: Callable[[str], bool]) -> None:
        """Raises UserError or NoRoom if the file cannot be used."""
        self.path = path
        self._journal = Journal(path)
        own = Meter()
        for key in _read(self._journal, own, is_on_record):
            self.ended(
                key, is_charged=True
            )  # settled: a reply that comes for it later is another call's
        own.calls = max(
            own.calls, meter.requests - meter.calls
        )  # a run of an older version, or without this file
        meter.calls, meter.unknown_calls = (
            meter.calls + own.calls,
            meter.unknown_calls + own.unknown_calls,
        )
        meter.unknown += own.unknown
        if self._journal.size > _TIDY_FROM:
            self._tidy(own)

    def sent(self, key: str, most: Usage) -> None:
        append(
            self._journal,
            f'{{"sent": "{key}", "most": [{most.prompt_tokens}, {most.completion_tokens}]}}',
        )

    def ended(self, key: str, *, is_charged: bool) -> None:
        append(
            self._journal,
            f'{{"ended": "{key}", "is_charged": {"true" if is_charged else "false"}}}',
        )

    def sync(self) -> None:
        with disk_errors(self.path):
            self._journal.sync()

    def close(self) -> None:
        self._journal.close()

    def _tidy(self, meter: Meter) -> None:
        """One line instead of all. Nothing is under way."""
        unknown = {name: tokens for name, tokens in asdict(meter.unknown).items() if tokens}
        totals = {"calls": meter.calls, "unknown": unknown, "unknown_calls": meter.unknown_calls}
        self._journal.close()
        with disk_errors(self.path):
            write_whole(self.path, to_json(totals) + "\n")
            self._journal = Journal(self.path)


def _read(journal: Journal, meter: Meter, is_on_record: Callable[[str], bool]) -> list[str]:
    """Returns the keys of the calls that were under way when their process died."""
    open_calls: dict[str, list[Usage]] = {}
    largest = Usage()
    damaged = 0
    for _, line in journal.lines():
        try:
            record: dict[str, Any] = json.loads(line)
            if "sent" in record:
                most = Usage(*record["most"])
                largest = Usage(*map(max, zip(astuple(largest), astuple(most), strict=True)))
                open_calls.setdefault(record["sent"], []).append(most)
                meter.calls += 1
            elif "ended" in record:
                most = open_calls[record["ended"]].pop()
                if record["is_charged"]:
                    _charge(meter, most)
            else:
                meter.calls += record["calls"]
                meter.unknown += Usage(**record["unknown"])
                meter.unknown_calls += record["unknown_calls"]
        except (ValueError, KeyError, TypeError, IndexError):
            damaged += 1
    died = []
    for key, calls in open_calls.items():
        for most in calls[1:] if is_on_record(key) else calls:
            _charge(meter, most)
            died.append(key)
    for _ in range(
        damaged
    ):  # a crash of the machine: whatever stood there, it was no dearer than the dearest
        _charge(meter, largest)
        meter.calls += 1
    return died


def _charge(meter: Meter, most: Usage) -> None:
    meter.unknown += most
    meter.unknown_calls += 1


def astuple(usage: Usage) -> tuple[int, int]:
    return usage.prompt_tokens, usage.completion_tokens
