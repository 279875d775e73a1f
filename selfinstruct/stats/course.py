"""The course of a run: instructions admitted by turn, and the cost of the replies by time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from selfinstruct.data.examples import Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.models import Usage
from selfinstruct.models.money.prices import Price

_STRETCHES = 40
_POINTS = 80
_PAUSE = 600.0  # seconds without a reply that count as work; a longer gap was a stop


@dataclass(frozen=True, slots=True)
class Stretch:
    """Turns `first` to `first + turns - 1`: instructions proposed in them, and those admitted."""

    first: int
    turns: int
    proposed: int
    admitted: int


@dataclass(frozen=True, slots=True)
class Moment:
    """All replies up to a time of work, in seconds since the first reply.

    cost: USD; None for a model of unknown price.
    """

    seconds: float
    replies: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


def stretches(
    instructions: Iterable[Instruction], rejected: Iterable[Rejected], *, turns: int
) -> tuple[Stretch, ...]:
    """The run's turns in at most 40 stretches of equal length (the last may be shorter)."""
    length = max(1, -(-turns // _STRETCHES))
    number = -(-turns // length)
    admitted, dropped = [0] * number, [0] * number
    for instruction in instructions:
        admitted[instruction.turn // length] += 1
    for candidate in rejected:
        if candidate.what == "instruction":
            dropped[candidate.turn // length] += 1
    return tuple(
        Stretch(
            at * length, min(length, turns - at * length), admitted[at] + dropped[at], admitted[at]
        )
        for at in range(number)
    )


def moments(replies: Iterable[dict[str, Any]], price: Price | None) -> tuple[Moment, ...]:
    """At most some 80 moments, the last of which holds the totals.

    Stops of the run are left out of the time.
    """
    usages = sorted(
        ((reply["at"], Usage(**reply["usage"])) for reply in replies),
        key=lambda usage: float(usage[0]),
    )
    step, found = max(1, len(usages) // _POINTS), []
    seconds, used, before = 0.0, Usage(), usages[0][0] if usages else 0.0
    for number, (at, usage) in enumerate(usages, 1):
        seconds += min(at - before, _PAUSE)
        used, before = used + usage, at
        if number % step == 0 or number == len(usages):
            cost = None if price is None else price.cost(used)
            found.append(
                Moment(round(seconds, 3), number, used.prompt_tokens, used.completion_tokens, cost)
            )
    return tuple(found)
