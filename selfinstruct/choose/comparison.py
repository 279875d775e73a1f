"""Near-duplicates among records of several texts, told exactly and without comparing all."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from itertools import compress
from typing import Protocol

from selfinstruct.similarity import Match, RougeIndex

_NONE = -1
_PER_LETTER = 1.5  # what a search costs for each letter of a text, counted in comparisons
_MEMORY = 0.95  # the weight of earlier searches in the mean of their hits


class Comparison(Protocol):
    """The records so far. A match has the number of its record for its position."""

    def __len__(self) -> int: ...

    def nearest(self, texts: Sequence[str], /) -> Match | None:
        """The record that these texts duplicate; of equally near records the first."""

    def add(self, texts: Sequence[str], /) -> bool:
        """Takes in a record; True if the tokenizer finds nothing in any of its texts."""


class _Single:
    """Records of one text."""

    def __init__(self, tokenizer: str, threshold: float) -> None:
        self._index, self._above = RougeIndex(tokenizer), threshold

    def __len__(self) -> int:
        return len(self._index)

    def nearest(self, texts: Sequence[str]) -> Match | None:
        return self._index.nearest(texts[0], above=self._above)

    def add(self, texts: Sequence[str]) -> bool:
        before = self._index.tokenless
        self._index.add(texts[0])
        return self._index.tokenless > before


class Apart:
    """Each text by itself: a record is a duplicate if any of its texts is."""

    def __init__(self, tokenizer: str, threshold: float, width: int) -> None:
        self._places = [_Single(tokenizer, threshold) for _ in range(width)]

    def __len__(self) -> int:
        return len(self._places[0])

    def nearest(self, texts: Sequence[str]) -> Match | None:
        found = [place.nearest([text]) for place, text in zip(self._places, texts, strict=True)]
        return max(filter(None, found), key=lambda match: match.score, default=None)

    def add(self, texts: Sequence[str]) -> bool:
        tokenless = [place.add([text]) for place, text in zip(self._places, texts, strict=True)]
        return all(tokenless)


class Together:
    """All texts jointly: a record is a duplicate if every text resembles the text in the same
    place of the same earlier record, and if both have blank texts in the same places.

    exact: the places whose texts must be equal, but for white space and case.
    """

    def __init__(self, tokenizer: str, threshold: float, exact: Collection[int] = ()) -> None:
        self._tokenizer, self._above, self._exact = tokenizer, threshold, exact
        # by which texts are not blank, the records, and the number of each
        self._groups: dict[tuple[bool, ...], tuple[Comparison, array[int]]] = {}
        self._size = 0
        self._last: tuple[Sequence[str], tuple[tuple[bool, ...], list[str]]] = ((), ((), []))

    def __len__(self) -> int:
        return self._size

    def nearest(self, texts: Sequence[str]) -> Match | None:
        filled, own = self._filled(texts)
        if filled not in self._groups:
            return None
        group, numbers = self._groups[filled]
        match = group.nearest(own)
        return match and Match(numbers[match.position], match.text, match.score)

    def add(self, texts: Sequence[str]) -> bool:
        filled, own = self._filled(texts)
        if filled not in self._groups:
            made: Comparison = (
                _Single(self._tokenizer, self._above)
                if len(own) == 1
                else _Group(self._above, [_Place(index) for index in self._indices(filled)])
            )
            self._groups[filled] = made, array("q")
        group, numbers = self._groups[filled]
        numbers.append(self._size)
        self._size += 1
        return group.add(own)

    def _indices(self, filled: Sequence[bool]) -> list[RougeIndex | None]:
        places = compress(range(len(filled)), filled)
        return [None if at in self._exact else RougeIndex(self._tokenizer) for at in places]

    def _filled(self, texts: Sequence[str]) -> tuple[tuple[bool, ...], list[str]]:
        """Which texts are not blank, and these texts; a blank text where all are."""
        if self._last[0] is not texts:  # `nearest` and then `add` is the usual course
            filled = tuple([not text.isspace() if text else False for text in texts])
            self._last = texts, (filled, [*compress(texts, filled)] or [""])
        return self._last[1]


class _Group:
    """Records with the same number of texts, at least two, none blank.

    A search goes through the place whose texts differ most, and each hit is compared in the other
    places. Which place is searched decides the time, never the answer.
    """

    def __init__(self, threshold: float, places: Sequence[_Place]) -> None:
        self._above, self._places = threshold, places
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def nearest(self, texts: Sequence[str]) -> Match | None:
        searched = min(range(len(texts)), key=lambda at: self._places[at].cost(texts[at]))
        scores: list[dict[int, float]] = [{} for _ in texts]
        best, best_score, hits = _NONE, self._above, 0
        for text, score in self._places[searched].matches(texts[searched], self._above):
            for record in self._places[searched].records(text):
                hits, least = hits + 1, score
                for at, place in enumerate(self._places):
                    if at != searched and least > self._above:
                        least = min(least, place.score(record, texts[at], scores[at]))
                if least > best_score or (least == best_score and record < best):
                    best, best_score = record, least
        self._places[searched].note(hits)
        if best == _NONE:
            return None
        own = "\n".join(place.text_of(best) for place in self._places)
        return Match(best, own, best_score)

    def add(self, texts: Sequence[str]) -> bool:
        self._size += 1
        tokenless = [place.add(text) for place, text in zip(self._places, texts, strict=True)]
        return all(tokenless)


class _Place:
    """The texts of all records in one place, each text held once.

    index: None where texts are the same or not, without degrees.
    """

    def __init__(self, index: RougeIndex | None) -> None:
        self._index = index
        self._known: dict[str, int] = {}  # the position of each text
        self._texts: list[str] = []  # without an index
        self._tokenless: set[int] = set()
        self._positions = array("l")  # by record, its text
        self._counts = array("l")  # by text, of records
        self._last, self._before = array("l"), array("l")  # by text and by record: the one before
        self._hits = 0.0  # records that a search of this place gives, on average

    def add(self, text: str) -> bool:
        position = self._known.get(self._key(text))
        if position is None:
            position = self._known[self._key(text)] = len(self._last)
            self._take_in(text, position)
            self._last.append(_NONE)
            self._counts.append(0)
        self._before.append(self._last[position])
        self._last[position] = len(self._positions)
        self._positions.append(position)
        self._counts[position] += 1
        return position in self._tokenless

    def _take_in(self, text: str, position: int) -> None:
        if self._index is None:
            self._texts.append(text)
            return
        before = self._index.tokenless
        self._index.add(text)
        if self._index.tokenless > before:
            self._tokenless.add(position)

    def _key(self, text: str) -> str:
        return text if self._index is not None else " ".join(text.split()).casefold()

    def cost(self, text: str) -> float:
        """About how many comparisons a search for this text costs."""
        position = self._known.get(self._key(text))
        same = self._counts[position] if position is not None else 0
        return same + self._hits + (_PER_LETTER * len(text) if self._index else 0)

    def note(self, hits: int) -> None:
        self._hits = _MEMORY * self._hits + (1 - _MEMORY) * hits

    def matches(self, text: str, above: float) -> list[tuple[int, float]]:
        """The texts above the threshold with their F, which is 1 for equal texts."""
        position = self._known.get(self._key(text))
        found = self._index.matches(text, above=above) if self._index else []
        if position is not None and (self._index is None or position in self._tokenless):
            found.append((position, 1.0))
        return found

    def records(self, position: int) -> list[int]:
        """The records that have a text."""
        found, record = [], self._last[position]
        while record != _NONE:
            found.append(record)
            record = self._before[record]
        return found

    def score(self, record: int, text: str, known: dict[int, float]) -> float:
        """The F of a text with that of a record. known: the F by text, which is filled here."""
        position = self._positions[record]
        if position not in known:
            if self._known.get(self._key(text)) == position:
                known[position] = 1.0
            else:
                known[position] = self._index.score(position, text) if self._index else 0.0
        return known[position]

    def text_of(self, record: int) -> str:
        position = self._positions[record]
        return self._index.text(position) if self._index else self._texts[position]
