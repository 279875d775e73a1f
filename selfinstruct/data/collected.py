"""Collected instructions: prompts that people or other programs wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from selfinstruct.data.examples import Turn


@dataclass(frozen=True, slots=True)
class Collected:
    """A record of a source, whatever the source's shape (records/shapes.py)."""

    id: str  # the record's own id, which may repeat; else its place as "FILE:NUMBER"
    instruction: str  # of a chat: the user's last turn
    input: str = ""
    output: str | None = None  # None: the record has none, or an empty text
    system: str = ""
    history: tuple[Turn, ...] = ()  # of a chat: the turns before the instruction
    rest: Mapping[str, Any] = field(default_factory=dict)  # columns that no prompt uses, as JSON
    where: int = 0  # the line, item or row of the source, counted from 1

    @property
    def prompt_digest(self) -> bytes:
        """16 bytes that stand for the whole prompt: system, history, instruction and input."""
        before = [part for turn in self.history for part in (turn.role, turn.text)]
        texts = (self.system, *before, self.instruction, self.input)
        joined = "".join(f"{len(text)}:{text}" for text in texts)  # two lists never look alike
        return blake2b(joined.encode(), digest_size=16).digest()
