"""spending.jsonl: a line for every call before it is sent, so that a crash hides no cost.

    {"sent": KEY, "most": [TOKENS, TOKENS], "model": MODEL}
    {"ended": KEY, "is_charged": true}                  without a reply
    {"calls": N, "unknown": USAGE, "unknown_calls": N, "others": {MODEL: USAGE}}

"model" and "others" are there only for other models than the run's main one. The last form takes
the place of many older lines. A call that ended with a reply has its line in completions.jsonl. A
call with neither a reply nor an end was under way when its process died, and counts at its worst.
Calls through the batch endpoint outlive a process, and stand in batches.jsonl.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from selfinstruct.models import Usage
from selfinstruct.models.disk import disk_errors
from selfinstruct.models.money.meter import Meter, Tokens
from selfinstruct.runs.completions import append
from selfinstruct.runs.journal import Journal, write_whole
from selfinstruct.text import to_json

NAME = "spending.jsonl"
_TIDY_FROM = 1 << 20  # bytes of calls that are long settled


class Spending:
    """A Ledger (models/money/budget.py) in a file.

    Opening the file adds to `meter` the calls of earlier sittings. The meter knows the replies and
    the batches before, and the run's main model.
    """

    def __init__(self, path: Path, meter: Meter, is_on_record: Callable[[str], bool]) -> None:
        """Raises UserError or NoRoom if the file cannot be used."""
        self.path = path
        self._journal = Journal(path)
        before = _Before(Meter(model=meter.model))
        for _, line in self._journal.lines():
            before.take(line)
        for key in before.end(is_on_record):
            # Settled: a reply with this key that comes later is another call's.
            self.ended(key, is_charged=True)
        counted = before.meter
        # Without this file, or in a run of an older version, there were as many calls as replies.
        counted.calls = max(counted.calls, meter.requests - meter.calls)
        meter.calls += counted.calls
        meter.unknown_calls += counted.unknown_calls
        meter.unsure += counted.unsure
        if self._journal.size > _TIDY_FROM:
            self._tidy(counted)

    def sent(self, key: str, most: Usage, model: str = "") -> None:
        tokens = f"[{most.prompt_tokens}, {most.completion_tokens}]"
        named = f', "model": {to_json(model)}' if model else ""
        append(self._journal, f'{{"sent": "{key}", "most": {tokens}{named}}}')

    def ended(self, key: str, *, is_charged: bool) -> None:
        charged = "true" if is_charged else "false"
        append(self._journal, f'{{"ended": "{key}", "is_charged": {charged}}}')

    def sync(self) -> None:
        with disk_errors(self.path):
            self._journal.sync()

    def close(self) -> None:
        self._journal.close()

    def _tidy(self, counted: Meter) -> None:
        """Write a single line in place of all. Nothing is under way."""
        totals = {
            "calls": counted.calls,
            "unknown": _counts(counted.unknown),
            "unknown_calls": counted.unknown_calls,
        }
        if others := counted.unsure.others:
            totals["others"] = {model: _counts(usage) for model, usage in others.items()}
        self._journal.close()
        with disk_errors(self.path):
            write_whole(self.path, to_json(totals) + "\n")
            self._journal = Journal(self.path)


class _Before:
    """The calls of earlier sittings, counted while the file is read."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self._open: dict[str, list[tuple[Usage, str]]] = {}  # by key, of calls without an end
        self._largest = {"": Usage()}  # by model
        self._damaged = 0

    def take(self, line: bytes) -> None:
        try:
            record: dict[str, Any] = json.loads(line)
            if "sent" in record:
                self._sent(record)
            elif "ended" in record:
                most, model = self._open[record["ended"]].pop()
                if record["is_charged"]:
                    self.meter.charge(most, model)
            else:
                self._tidied(record)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            self._damaged += 1

    def _sent(self, record: Mapping[str, Any]) -> None:
        (prompt, completion), model = record["most"], record.get("model", "")
        largest = self._largest.get(model, Usage())
        self._largest[model] = Usage(
            max(prompt, largest.prompt_tokens), max(completion, largest.completion_tokens)
        )
        self._open.setdefault(record["sent"], []).append((Usage(prompt, completion), model))
        self.meter.calls += 1

    def _tidied(self, record: Mapping[str, Any]) -> None:
        others = {model: Usage(**counts) for model, counts in record.get("others", {}).items()}
        unsure = Tokens(Usage(**record["unknown"]), others)
        self.meter.calls += record["calls"]
        self.meter.unknown_calls += record["unknown_calls"]
        self.meter.unsure += unsure

    def end(self, is_on_record: Callable[[str], bool]) -> list[str]:
        """Count the calls without an end, and return their keys: they died with their process."""
        died = []
        for key, calls in self._open.items():
            for most, model in calls[1:] if is_on_record(key) else calls:
                self.meter.charge(most, model)
                died.append(key)
        # Damaged by a crash of the machine: no call was dearer than the dearest of all models.
        for _ in range(self._damaged):
            for model, largest in self._largest.items():
                self.meter.charge(largest, model, calls=0)
            self.meter.calls += 1
            self.meter.unknown_calls += 1
        return died


def _counts(usage: Usage) -> dict[str, int]:
    return {name: count for name, count in asdict(usage).items() if count}
