"""The course of a run: instructions admitted by turn, and the cost of the replies by time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from selfinstruct.data.examples import Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.models import Usage
from selfinstruct.models.money.meter import Tokens
from selfinstruct.models.money.prices import Terms, prices_of

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


def moments(replies: Iterable[dict[str, Any]], terms: Terms | None) -> tuple[Moment, ...]:
    """At most some 80 moments, the last of which holds the totals.

    Each model costs its own price at the `terms`; a reply without a "model" is the main model's.
    Stops of the run are left out of the time.
    """
    usages = sorted(
        ((float(reply["at"]), _tokens(reply)) for reply in replies), key=lambda usage: usage[0]
    )
    others = dict.fromkeys(model for _, tokens in usages for model in tokens.others)
    prices = None if terms is None else prices_of(terms, tuple(others))
    step, found = max(1, len(usages) // _POINTS), []
    seconds, used, before = 0.0, Tokens(), usages[0][0] if usages else 0.0
    for number, (at, tokens) in enumerate(usages, 1):
        seconds += min(at - before, _PAUSE)
        used, before = used + tokens, at
        if number % step == 0 or number == len(usages):
            cost, total = None if prices is None else prices.cost(used), used.total
            found.append(
                Moment(
                    round(seconds, 3), number, total.prompt_tokens, total.completion_tokens, cost
                )
            )
    return tuple(found)


def _tokens(reply: dict[str, Any]) -> Tokens:
    return Tokens.of(Usage(**reply["usage"]), reply.get("model", ""))
