"""Which records of a dataset are chosen, a fixed number of each stratum. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from statistics import fmean

from selfinstruct.choose.shares import apportioned
from selfinstruct.errors import UserError
from selfinstruct.similarity import RougeIndex


@dataclass(frozen=True, slots=True)
class Pick:
    """A record that may be chosen."""

    place: int  # in the dataset, counted from 0
    worth: float | None  # higher is chosen first; None: unknown
    tie: int  # decides among equals: drawn from the record's own texts
    stratum: str = ""
    text: str = ""  # by which `diverse` compares; of `fittest` the prompt


def counts_of(n: int, sizes: Mapping[str, int], said: Mapping[str, int]) -> dict[str, int]:
    """How many of each stratum: as said, else in proportion to the strata, by largest remainder.

    Raises UserError where a stratum has fewer records.
    """
    weights = {name: Fraction(size) for name, size in sizes.items()}
    counts = dict(said) or apportioned(n, weights)
    if sum(counts.values()) < n:
        raise UserError(f"--n: {n:,} records are wanted, and there are 0 that can be chosen")
    for name, count in counts.items():
        if count > sizes.get(name, 0):
            where = f" of {name}" if name else ""
            raise UserError(
                f"--n: {count:,} records{where} are wanted, and there are {sizes.get(name, 0):,} "
                "that can be chosen; ask for fewer"
            )
    return counts


def best(picks: Iterable[Pick], counts: Mapping[str, int]) -> set[int]:
    """The places of the records that are worth the most, so many of each stratum."""
    left, chosen = dict(counts), set[int]()
    for pick in _ranked(picks):
        if left.get(pick.stratum, 0) > 0:
            left[pick.stratum] -= 1
            chosen.add(pick.place)
    return chosen


def diverse(picks: Iterable[Pick], counts: Mapping[str, int], threshold: float) -> set[int]:
    """As `best`, but for records whose ROUGE-L with a chosen record is above `threshold`.

    The greedy choice of Deita (Liu et al. 2024, section 3.3), with ROUGE-L in the place of a cosine
    distance. Where too few are that different, the nearest are not taken: fewer are chosen.
    """
    left, chosen, index = dict(counts), set[int](), RougeIndex("unicode")
    for pick in _ranked(picks):
        if left.get(pick.stratum, 0) > 0 and index.nearest(pick.text, above=threshold) is None:
            index.add(pick.text)
            left[pick.stratum] -= 1
            chosen.add(pick.place)
    return chosen


def fittest(picks: Iterable[Pick]) -> list[Pick]:
    """Of the outputs of each prompt the likeliest (GRAPE), all worth the same from then on.

    Which prompts are chosen is left to the draw: the likeliest outputs of all would be the
    shortest answers to the easiest prompts.
    """
    found: dict[str, Pick] = {}
    for pick in picks:
        before = found.get(pick.text)
        if before is None or (pick.worth or 0.0) > (before.worth or 0.0):
            found[pick.text] = pick
    return [replace(pick, worth=0.0) for pick in found.values()]


def _ranked(picks: Iterable[Pick]) -> list[Pick]:
    known = (pick for pick in picks if pick.worth is not None)
    return sorted(known, key=lambda pick: (-(pick.worth or 0.0), pick.tie, pick.place))


@dataclass(frozen=True, slots=True)
class Overlap:
    """Selections side by side: the mean number of records that two of them share."""

    pairs: int
    shared: float
    by_chance: float | None  # of selections that are drawn blindly; None: of how many is unknown

    def line(self) -> str:
        """For a person."""
        chance = "" if self.by_chance is None else f"; by chance {self.by_chance:.1f}"
        return f"two selections share {self.shared:.1f} on average ({self.pairs} pairs){chance}"


def overlap(selections: Sequence[Collection[object]], of: int | None) -> Overlap:
    """How alike selections are (Active Instruction Tuning's README warns of their variance).

    of: records from which each was chosen. Two selections of a and b records out of N share a·b/N
    by chance.
    """
    pairs = list(combinations([frozenset(selection) for selection in selections], 2))
    shared = fmean(len(first & second) for first, second in pairs) if pairs else 0.0
    chance = fmean(len(a) * len(b) / of for a, b in pairs) if pairs and of else None
    return Overlap(len(pairs), shared, chance)
