"""From a reply to instructions, a label, or instances. Pure: a bad reply is an empty result and a reason, never an error.

`chat`, `paper` and `alpaca` have one function a stage, `(reply, finish_reason) -> Parsed`, under the stage's name.
"""

from __future__ import annotations

from dataclasses import dataclass

from selfinstruct.data.tasks import Instance


@dataclass(frozen=True, slots=True)
class Draft:
    """A candidate of the propose stage: an instruction, with its instance where one call writes whole tasks."""

    instruction: str
    instance: Instance | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a reply held. `reason` says why it, or its end, could not be used; None if all of it was."""

    drafts: tuple[Draft, ...] = ()
    instances: tuple[Instance, ...] = ()
    is_classification: bool = False
    reason: str | None = None
