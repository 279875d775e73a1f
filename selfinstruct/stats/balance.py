"""How evenly the examples of a run are spread: over sources, verbs, labels, languages, lengths."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from selfinstruct.data.examples import Example
from selfinstruct.defects.languages import language_of
from selfinstruct.stats.counts import words
from selfinstruct.stats.labels import Labels
from selfinstruct.stats.verbs import Verbs

SHOWN = 8  # components of a question
HALF = 0.5  # a component with a larger share stands out
_SAMPLE = 5000  # examples whose language is looked at
_LENGTHS = (
    *((1, "1 word"), (10, "2 to 10 words")),
    *((50, "11 to 50 words"), (200, "51 to 200 words")),
)
_LONGER = "more than 200 words"


@dataclass(frozen=True, slots=True)
class Balance:
    """The components by which a question divides the examples, the largest first.

    by: source, topic, verb, label, language or length. of: examples, or instructions, that have a
    component; of languages those of a sample whose language is clear. different: how many
    components there are; None: known in part.
    effective: exp of the entropy of the shares, as many even components as spread the same.
    """

    by: str
    of: int
    parts: tuple[tuple[str, int], ...]  # at most `SHOWN`
    different: int | None
    effective: float | None

    @property
    def share(self) -> float:
        """Of the largest component."""
        return self.parts[0][1] / self.of if self.parts else 0.0

    @property
    def warning(self) -> str:
        """Names a component that has over half; "" where none has."""
        is_only_source = self.by == "source" and self.different == 1
        if self.share <= HALF or is_only_source:
            return ""
        return f"{self.share:.0%} have the {self.by} {self.parts[0][0]}"


def balances(examples: Iterable[Example], labels: Labels) -> tuple[Balance, ...]:
    """The balances that need no parser; of a question that nothing answers there is none."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("source", "topic", "length")}
    texts: list[tuple[int, str]] = []  # a heap of those with the lowest ranks
    for example in examples:
        for name in ("source", "topic"):
            component = example.provenance.get(name)
            if isinstance(component, str) and component:
                counts[name][component] += 1
        counts["length"][_length(example.output)] += 1
        text = f"{example.instruction}\n{example.output}"
        heapq.heappush(texts, (-_rank(text), text))
        if len(texts) > _SAMPLE:
            heapq.heappop(texts)
    spoken = (language_of(text) for _, text in texts)
    found = [
        _balance("source", counts["source"]),
        _balance("topic", counts["topic"]),
        _of_labels(labels),
        _balance("language", Counter(language for language in spoken if language)),
        _balance("length", counts["length"]),
    ]
    return tuple(balance for balance in found if balance.of)


def with_verbs(found: Sequence[Balance], verbs: Verbs) -> tuple[Balance, ...]:
    """The balances with that of the root verbs, whose commonest alone are known."""
    parts = tuple((verb.verb, verb.count) for verb in verbs.verbs[:SHOWN])
    if not parts:
        return tuple(found)
    own = Balance("verb", verbs.structured, parts, None, None)
    before = [balance for balance in found if balance.by in ("source", "topic")]
    return (*before, own, *found[len(before) :])


def _of_labels(labels: Labels) -> Balance:
    return Balance("label", labels.instances, labels.commonest[:SHOWN], None, None)


def _balance(by: str, counts: Counter[str]) -> Balance:
    total = counts.total()
    shares = [count / total for count in counts.values()]
    effective = math.exp(-math.fsum(share * math.log(share) for share in shares))
    parts = tuple(sorted(counts.items(), key=lambda part: (-part[1], part[0]))[:SHOWN])
    return Balance(by, total, parts, len(counts), effective if total else None)


def _rank(text: str) -> int:
    """64 bits that the text decides, so that the order of the examples has no part in a sample."""
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def _length(output: str) -> str:
    length = words(output)
    return next((name for most, name in _LENGTHS if length <= most), _LONGER)
