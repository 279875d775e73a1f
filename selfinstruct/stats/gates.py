"""Verification in figures: what each gate has stopped, what was mended, and the cost by stage."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from selfinstruct.asking.config import Config
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.models import Usage
from selfinstruct.models.money.meter import Tokens
from selfinstruct.models.money.prices import prices_of
from selfinstruct.verification.gates import STAGES


@dataclass(frozen=True, slots=True)
class GateCounts:
    """A gate. passed: kept examples about which it had something to say."""

    gate: str
    passed: int
    failed: int  # at the first attempt
    mended: int  # of these, the examples that were kept at the second
    reasons: Mapping[str, int]  # of the failures, the commonest first

    @property
    def lost(self) -> int:
        """Failures that no second attempt has mended."""
        return self.failed - self.mended


@dataclass(frozen=True, slots=True)
class StageCost:
    """The replies of a stage. cost: USD; None where a price is unknown."""

    stage: str
    replies: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


def gates_of(examples: Iterable[Example], rejected: Iterable[Rejected]) -> tuple[GateCounts, ...]:
    """The gates in their order; none for a run without verification."""
    passed, mended = Counter[str](), Counter[str]()
    for example in examples:
        passed.update(filter(None, str(example.provenance.get("verified", "")).split(",")))
        mended[str(example.provenance.get("mended", ""))] += 1
    failed: dict[str, Counter[str]] = defaultdict(Counter)
    for dropped in rejected:
        if dropped.stage in STAGES and dropped.what == "instance":
            failed[dropped.stage][dropped.reason] += 1
    return tuple(
        GateCounts(
            gate,
            passed[gate],
            failed[gate].total(),
            sum(mended[reason] for reason in failed[gate]),
            dict(sorted(failed[gate].items(), key=lambda found: (-found[1], found[0]))),
        )
        for gate in STAGES
        if passed[gate] or failed[gate]
    )


def costs_of(replies: Iterable[Mapping[str, Any]], config: Config) -> tuple[StageCost, ...]:
    """The cost of verification by stage, of the stages that were asked."""
    tokens: dict[str, Tokens] = {}
    counts = Counter[str]()
    for reply in replies:
        stage = str(reply["stage"])
        if stage in config.BESIDE:
            counts[stage] += 1
            more = Tokens.of(Usage(**reply["usage"]), reply.get("model", ""))
            tokens[stage] = tokens.get(stage, Tokens()) + more
    others = dict.fromkeys(model for each in tokens.values() for model in each.others)
    prices = prices_of(config, tuple(others))
    return tuple(
        StageCost(
            stage,
            counts[stage],
            tokens[stage].total.prompt_tokens,
            tokens[stage].total.completion_tokens,
            None if prices is None else prices.cost(tokens[stage]),
        )
        for stage in config.BESIDE
        if counts[stage]
    )


def gate_rows(gates: Iterable[GateCounts]) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Gate, passed, stopped at first, mended, dropped, reasons."""
    for each in gates:
        reasons = ", ".join(
            f"{reason.replace('_', ' ')} {count:,}" for reason, count in each.reasons.items()
        )
        counts = (each.passed, each.failed, each.mended, each.lost)
        passed, failed, mended, lost = (f"{count:,}" for count in counts)
        yield each.gate, passed, failed, mended, lost, reasons


def cost_rows(costs: Iterable[StageCost]) -> Iterator[tuple[str, str, str, str]]:
    """Stage, replies, tokens, cost."""
    for each in costs:
        cost = "cost unknown" if each.cost is None else f"${each.cost:,.2f}"
        tokens = f"{each.prompt_tokens:,} prompt, {each.completion_tokens:,} completion"
        yield each.stage, f"{each.replies:,}", tokens, cost
