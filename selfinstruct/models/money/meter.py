"""Counts of the calls that a run has sent, and of the tokens it has paid for, by model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from selfinstruct.models import Completion, Usage

Cost: TypeAlias = Callable[[Usage], float]  # USD
_NOTHING = Usage()


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a run: `total` of all its models, `others` by name without the main model."""

    total: Usage = Usage()
    others: Mapping[str, Usage] = field(default_factory=dict)

    @classmethod
    def of(cls, usage: Usage, model: str = "") -> Tokens:
        """The tokens of a single model; "": of the run's main model."""
        return cls(usage, {model: usage} if model else {})

    def __add__(self, more: Tokens) -> Tokens:
        if not more.others:
            return Tokens(self.total + more.total, self.others)
        others = dict(self.others)
        for model, usage in more.others.items():
            others[model] = others.get(model, Usage()) + usage
        return Tokens(self.total + more.total, others)

    def plus(self, usage: Usage, model: str = "") -> Tokens:
        """These tokens and those of a further call; quicker than a sum of two Tokens."""
        if not model:
            return Tokens(self.total + usage, self.others)
        share = self.others.get(model, _NOTHING) + usage
        return Tokens(self.total + usage, {**self.others, model: share})

    def minus(self, usage: Usage, model: str = "") -> Tokens:
        """These tokens without those of a call."""
        if not model:
            return Tokens(self.total - usage, self.others)
        share = self.others.get(model, _NOTHING) - usage
        return Tokens(self.total - usage, {**self.others, model: share})

    def cost(self, main: Cost, others: Mapping[str, Cost]) -> float:
        """USD. Raises KeyError for a model that `others` lacks."""
        own, dollars = self.total, 0.0
        for model, usage in self.others.items():
            own -= usage
            dollars += others[model](usage)
        return dollars + main(own)


@dataclass(slots=True)
class Meter:
    """The calls and tokens of a run, in this sitting and before.

    `model` is the run's main model. Without that name, all requests count as the main model's.
    """

    requests: int = 0  # replies on record, those that failed for good among them
    failed: int = 0
    calls: int = 0  # sent, however they ended; at least one for each reply
    paid: Tokens = Tokens()
    unsure: Tokens = Tokens()  # at most, of calls that may have been charged without a reply
    unknown_calls: int = 0  # those calls
    model: str = ""

    @property
    def usage(self) -> Usage:
        """The tokens of all replies, whatever the model."""
        return self.paid.total

    @property
    def unknown(self) -> Usage:
        """The most tokens that calls without a reply may have been charged, whatever the model."""
        return self.unsure.total

    @property
    def spent(self) -> Tokens:
        """The most tokens that may be on the bill."""
        return self.paid + self.unsure

    def other(self, model: str) -> str:
        """`model` if the run has a main model and this is another; else ""."""
        return model if self.model and model != self.model else ""

    def take(self, completion: Completion, model: str = "") -> None:
        """Count a reply; `model`: "" or the main model's name for the main model."""
        self.requests += 1
        self.failed += completion.error is not None
        self.pay(completion.usage, model)

    def pay(self, usage: Usage, model: str = "") -> None:
        """Count the tokens of replies; `model` as in `take`."""
        other = "" if model == self.model else model
        if not other or usage != _NOTHING:  # a model that never answered has no share
            self.paid = self.paid.plus(usage, other)

    def add_replies(self, more: Meter) -> None:
        """Count the replies that another meter has counted."""
        self.requests += more.requests
        self.failed += more.failed
        self.paid += more.paid

    def charge(self, most: Usage, model: str = "", calls: int = 1) -> None:
        """Count calls without a reply that may have been charged at most so many tokens."""
        self.unsure = self.unsure.plus(most, "" if model == self.model else model)
        self.unknown_calls += calls

    def to_record(self) -> dict[str, Any]:
        """As checkpoint.json has it: totals, and the shares of other models if there are any."""
        record: dict[str, Any] = {
            "requests": self.requests,
            "usage": asdict(self.usage),
            "failed": self.failed,
            "calls": self.calls,
            "unknown": asdict(self.unknown),
            "unknown_calls": self.unknown_calls,
        }
        paid, unsure = self.paid.others, self.unsure.others
        if names := sorted({*paid, *unsure}):
            record["others"] = {
                name: {
                    "usage": asdict(paid.get(name, Usage())),
                    "unknown": asdict(unsure.get(name, Usage())),
                }
                for name in names
            }
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Meter:
        """Read `to_record`'s mapping; what is missing counts 0."""
        others = record.get("others", {})

        def tokens(name: str) -> Tokens:
            shares = {model: Usage(**share[name]) for model, share in others.items()}
            return Tokens(Usage(**record.get(name, {})), shares)

        counts = ("requests", "failed", "calls", "unknown_calls")
        return cls(
            **{name: record.get(name, 0) for name in counts},
            paid=tokens("usage"),
            unsure=tokens("unknown"),
        )
