"""How much of each component a mixture takes. Pure functions.

Examples-proportional mixing with a cap K and a temperature T, in T5's order (Raffel et al. 2020,
section 3.5.2; FLAN, Wei et al. 2022, section 2.1): the rate of a component of n examples is
min(n, K) ** (1 / T), divided by the sum over all components.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

_DIGITS = 12  # significant digits of a power: the last bits differ between machines

Shares = dict[str, Fraction]  # by component; they sum to 1


def proportional(sizes: Mapping[str, int], cap: int | None, temperature: float = 1.0) -> Shares:
    """Rates by size. cap: examples that count of a component at most; None: all.

    Every size must be above 0 for its component to get a share.
    """
    capped = {name: size if cap is None else min(size, cap) for name, size in sizes.items()}
    return normalised({name: _power(size, temperature) for name, size in capped.items()})


def equal(sizes: Mapping[str, int]) -> Shares:
    """The same rate for each component that is not empty."""
    return normalised({name: Fraction(int(size > 0)) for name, size in sizes.items()})


def normalised(weights: Mapping[str, Fraction]) -> Shares:
    """Weights divided by their sum; all 0 where the sum is 0."""
    total = sum(weights.values(), Fraction(0))
    return {name: weight / total if total else Fraction(0) for name, weight in weights.items()}


def apportioned(total: int, shares: Mapping[str, Fraction]) -> dict[str, int]:
    """`total` in whole numbers by the shares, by largest remainder; equal remainders by name.

    The numbers sum to `total` exactly, unless all shares are 0.
    """
    rates = normalised(shares)
    quotas = {name: total * rate for name, rate in rates.items()}
    counts = {name: math.floor(quota) for name, quota in quotas.items()}
    if not any(rates.values()):
        return counts
    by_remainder = sorted(quotas, key=lambda name: (counts[name] - quotas[name], name))
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def limited(
    total: int, shares: Mapping[str, Fraction], most: Mapping[str, int | None]
) -> dict[str, int]:
    """As `apportioned`, where no component gives more than `most`; the others fill its place.

    The numbers sum to less than `total` only if every component gives its most.
    """
    full: dict[str, int] = {}
    while True:
        left = {name: share for name, share in shares.items() if name not in full}
        counts = apportioned(total - sum(full.values()), left)
        over = {name: most[name] for name, count in counts.items() if count > _most(most[name])}
        if not over:
            return {**counts, **full}
        full |= {name: int(limit or 0) for name, limit in over.items()}


def effective(shares: Mapping[str, Fraction]) -> float:
    """The effective number of components: exp of the entropy of the shares."""
    rates = [float(rate) for rate in normalised(shares).values() if rate]
    return math.exp(-math.fsum(rate * math.log(rate) for rate in rates))


def _most(limit: int | None) -> float:
    return math.inf if limit is None else limit


def _power(size: int, temperature: float) -> Fraction:
    if temperature == 1 or size == 0:
        return Fraction(size)
    return Fraction(f"{size ** (1 / temperature):.{_DIGITS}g}")
