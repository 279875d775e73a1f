"""Parsers: from a model's reply to instructions, a label or instances.

`chat`, `paper` and `alpaca` have a function for each stage, named as the stage:
`(reply, finish_reason) -> Parsed`. All are pure and raise nothing. A bad reply gives an empty or
partial result with a reason, which is a stable slug. finish_reason: "stop", or "length" where the
token limit cut the reply.
"""

from __future__ import annotations

from dataclasses import dataclass

from selfinstruct.data.tasks import Instance


@dataclass(frozen=True, slots=True)
class Draft:
    """A candidate of the propose stage. instance: set in replies that hold whole tasks."""

    instruction: str
    instance: Instance | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """The content of a reply.

    Each stage fills its own field: `drafts`, `instances` or `is_classification`. reason: why the
    reply or its end could not be used, None where nothing was lost.
    """

    drafts: tuple[Draft, ...] = ()
    instances: tuple[Instance, ...] = ()
    is_classification: bool = False
    reason: str | None = None

    @property
    def is_empty(self) -> bool:
        """True if the reply held neither drafts nor instances."""
        return not self.drafts and not self.instances
