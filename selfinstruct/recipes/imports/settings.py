"""The settings of `import`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from selfinstruct.asking.config import Unasked
from selfinstruct.asking.endpoint import Rule, setting
from selfinstruct.records.imported import SHAPES


@dataclass(frozen=True, slots=True)
class ImportConfig(Unasked):
    """The settings of `import`."""

    RECIPE: ClassVar[str] = "import"
    command: ClassVar[str] = "import"
    items: ClassVar[str] = "records"

    sources: tuple[str, ...] = setting((), "Files and runs.", free=True)  # fingerprinted
    fields: tuple[str, ...] = setting((), "Which column is which, as instruction=question.")
    shape: str = field(
        default="",  # as each record shows
        metadata={"help": "The shape of the records.", "flag": "--as"},
    )
    drop: tuple[str, ...] = setting(
        (),
        "Drop chats as published scripts do.",
        choices=("short-output", "repeated-digits", "same-id", "same-first-pair"),
        under="The method",
    )
    paths: str = setting(
        "best",
        "Of a tree of messages the replies of the best rank, or every path.",
        choices=("best", "all"),
        under="The method",
    )
    split_tokens: int = setting(
        0, "Split chats between pairs into parts of at most so many tokens.", under="The method"
    )
    tokenizer: str = setting(
        "", "The tokenizer.json that counts them.", free=True, under="The method"
    )  # fingerprinted

    def rules(self) -> Iterator[Rule]:
        yield "shape", self.shape in ("", *SHAPES), f"one of {', '.join(SHAPES)}"
        yield "split_tokens", self.split_tokens >= 0, "at least 1 (0: no chat is split)"
        has_both = bool(self.split_tokens) == bool(self.tokenizer)
        yield "tokenizer", has_both, "given together with --split-tokens"
        yield from Unasked.rules(self)
