"""Parsers: from a model's reply to instructions, a label or instances.

`chat`, `marked`, `paper` and `alpaca` have a function for each stage, named as the stage:
`(reply, finish_reason) -> Parsed`. All are pure and raise nothing. A bad reply gives an empty or
partial result with a reason, which is a stable slug. finish_reason: as the server names it
(endings.py).

Each letter of a reply without a reason is in a candidate, in a leftover, or in the framing that the
parser takes off: numbers and labels of items, the keys and marks of JSON and of tags, the language
of a code fence, a spelling of "no input", and the word for yes or no. A reply with a reason goes to
rejected.jsonl as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from selfinstruct.data.tasks import Instance


@dataclass(frozen=True, slots=True)
class Draft:
    """A candidate of the propose stage.

    instance: set in replies that hold whole tasks. labels: those of a task that a bare label
    answers, none for any other task, None where the reply does not tell. probability: of the task,
    by the model's own words.
    """

    instruction: str
    instance: Instance | None = None
    labels: tuple[str, ...] | None = None
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Leftover:
    """A text of a reply that is in no candidate.

    reason: `remark` (words around the candidates), `explanation` (of a label), `working` (of an
    output), `next_turn` (the model went on in another role) or `left_over`.
    """

    text: str
    reason: str = "left_over"


@dataclass(frozen=True, slots=True)
class Parsed:
    """The content of a reply.

    Each stage fills its own field: `drafts`, `instances`, or `is_classification`, which is None
    where the label was not read. reason: why the reply or its end could not be used, None where
    nothing was lost.
    """

    drafts: tuple[Draft, ...] = ()
    instances: tuple[Instance, ...] = ()
    is_classification: bool | None = None
    reason: str | None = None
    leftovers: tuple[Leftover, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True if the reply held neither drafts nor instances."""
        return not self.drafts and not self.instances
