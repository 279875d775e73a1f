"""executions.jsonl: the end of every program that was run, written down before use.

    {"key": KEY, "verdict": {"kind": "done", "passed": 4}}

Whether a program ends within its time depends on the machine. So a run that goes on, and `verify`,
take the verdict that is on record. The file exists once a program was run. A program is run again
where its line is damaged.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.models.disk import disk_errors
from selfinstruct.runs.completions import append
from selfinstruct.runs.journal import Journal
from selfinstruct.text import to_json
from selfinstruct.verification import sandbox
from selfinstruct.verification.sandbox import Program, Verdict

NAME = "executions.jsonl"
_RULES = 1  # of the sandbox: a change that makes other verdicts raises this number


class Executions:
    """Runs programs, each once."""

    def __init__(self, directory: Path, *, read_only: bool = False) -> None:
        """read_only: only programs that are on record have a verdict."""
        self._path, self._read_only = directory / NAME, read_only
        self._journal: Journal | None = None
        self._known: dict[str, Verdict] = {}
        self._places = asyncio.Semaphore(os.cpu_count() or 1)
        if self._path.exists():
            self._journal = Journal(self._path, read_only=read_only)
            for _, line in self._journal.lines():
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            record: Mapping[str, Any] = json.loads(line)
            self._known.setdefault(record["key"], Verdict(**record["verdict"]))
        except (ValueError, KeyError, TypeError):
            return  # the program will be run again

    def __len__(self) -> int:
        return len(self._known)

    async def run(self, program: Program) -> Verdict:
        """The verdict on record, or that of the sandbox. Raises UserError or NoRoom."""
        key = key_of(program)
        if key in self._known:
            return self._known[key]
        if self._read_only:
            raise UserError(
                f"{self._path}: lacks the verdict on a program that the dataset was made with"
            )
        async with self._places:
            verdict = await sandbox.run(program)
        if key not in self._known:  # two equal programs may be under way
            self._put(key, verdict)
        return self._known[key]

    def _put(self, key: str, verdict: Verdict) -> None:
        told = {name: value for name, value in asdict(verdict).items() if value}
        with disk_errors(self._path):
            if self._journal is None:
                self._journal = Journal(self._path)
            append(self._journal, to_json({"key": key, "verdict": told}))
        self._known[key] = verdict

    def sync(self) -> None:
        """Raises NoRoom or UserError."""
        if self._journal is not None:
            with disk_errors(self._path):
                self._journal.sync()

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()


def key_of(program: Program) -> str:
    """32 hex digits, equal for equal programs and checks under the same rules."""
    canonical = json.dumps([_RULES, asdict(program)], sort_keys=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:32]
