"""From the sizes of components to numbers of records. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from selfinstruct.choose.shares import Shares, apportioned, equal, limited, proportional
from selfinstruct.errors import UserError
from selfinstruct.mixing.mixture import Component, Mixture


@dataclass(frozen=True, slots=True)
class Size:
    """The records of a component that may be drawn, and their tokens in all (0: not counted)."""

    records: int
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stage's part of a component: a number of records, or the records nearest to `tokens`."""

    share: Fraction
    records: int | None = None
    tokens: int | None = None


def shares_of(group: Component, sizes: Mapping[str, Size]) -> Shares:
    """The share of each leaf that holds conversations; groups are mixed within themselves first."""
    parts = {str(number): part for number, part in enumerate(group.parts) if not part.text}
    counted = {key: _size(part, sizes) for key, part in parts.items()}
    fixed = {
        key: Fraction(str(part.share))
        for key, part in parts.items()
        if part.share is not None and counted[key]
    }
    free = {key: size for key, size in counted.items() if key not in fixed}
    rest = 1 - sum(fixed.values(), Fraction(0))
    by_size = (
        equal(free)
        if group.weights == "equal"
        else proportional(free, group.cap, group.temperature)
    )
    rates = fixed | {key: rest * rate for key, rate in by_size.items()}
    found: Shares = {}
    for key, part in parts.items():
        inner = shares_of(part, sizes) if part.parts else {part.name: Fraction(1)}
        found |= {name: rates[key] * rate for name, rate in inner.items()}
    return found


def wanted(mixture: Mixture, sizes: Mapping[str, Size], where: str) -> dict[str, Wanted]:
    """The stage's part of each leaf that holds conversations, by name. Raises UserError.

    Without a budget, as many as there are without a repeat. Shares of text are taken off a budget
    of tokens first; replayed rows are taken off a budget of rows.
    """
    shares = shares_of(mixture.group, sizes)
    if not any(shares.values()):
        raise UserError(f"{where}: no component has a record to mix")
    leaves = {leaf.name: leaf for leaf in mixture.leaves}
    if mixture.tokens is not None:
        text = sum((Fraction(str(leaf.share)) for leaf in mixture.leaves if leaf.text), Fraction(0))
        budget = round(mixture.tokens * (1 - text) * (1 - Fraction(str(mixture.replay))))
        most = {name: _most(leaves[name], sizes[name].tokens) for name in shares}
        counts = limited(budget, shares, most)
        return {name: Wanted(share, tokens=counts[name]) for name, share in shares.items()}
    most = {name: _most(leaves[name], sizes[name].records) for name in shares}
    total = mixture.n
    if total is None:
        total = _without_repeat(shares, sizes)
    else:
        total -= replayed(mixture, total)
    counts = limited(total, shares, most)
    return {name: Wanted(share, records=counts[name]) for name, share in shares.items()}


def replayed(mixture: Mixture, total: int) -> int:
    """Rows of a stage of `total` rows that come from earlier stages."""
    return round(total * Fraction(str(mixture.replay)))


def replayed_beside(mixture: Mixture, new: int) -> int:
    """Rows from earlier stages beside `new` rows, so that they are the share `replay` of all."""
    share = Fraction(str(mixture.replay))
    return round(new * share / (1 - share))


def text_tokens(mixture: Mixture, conversations: int) -> dict[str, int]:
    """Tokens of each text component beside so many tokens of conversations.

    T_text = share / (1 - all shares of text) * T_conversations (OPT-IML, GLM-130B).
    """
    shares = {leaf.name: Fraction(str(leaf.share)) for leaf in mixture.leaves if leaf.text}
    total = sum(shares.values(), Fraction(0))
    if total >= 1:
        raise UserError(f"the text components' shares sum to {float(total):g}; leave a rest")
    everything = math.floor(conversations * total / (1 - total) + Fraction(1, 2))
    return apportioned(everything, shares)


def _size(part: Component, sizes: Mapping[str, Size]) -> int:
    """Records that count: of a leaf those it uses; of a group those of its parts, capped."""
    if not part.parts:
        return sizes[part.name].records
    cap = math.inf if part.cap is None else part.cap
    return sum(int(min(_size(each, sizes), cap)) for each in part.parts if not each.text)


def _most(leaf: Component, once: int) -> int | None:
    if leaf.repeats is None:
        return None if once else 0
    return leaf.repeats * once


def _without_repeat(shares: Shares, sizes: Mapping[str, Size]) -> int:
    possible = [Fraction(sizes[name].records) / share for name, share in shares.items() if share]
    return max(1, math.floor(min(possible)))
