"""The searches of a growing pool, shared with forked processes that look ahead.

Whether a text joins the pool depends on all texts before it. So a process that looks ahead keeps a
pool with more texts than will have joined: every text that may. Where this pool has no match, the
true pool has none. Where the best match has joined the true pool, it is the best match there too.
For the few other texts the search is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from selfinstruct.errors import UserError
from selfinstruct.similarity.index import Match, RougeIndex
from selfinstruct.similarity.scouts import HERE, Answer, Scout, dealt, megabytes, usable_processes

Item = TypeVar("Item")
Entry = TypeVar("Entry")
Item_contra = TypeVar("Item_contra", contravariant=True)

_LETTERS = 1 << 24  # of a batch, which is in memory
_ADDING = 0.2  # of the time of a search: to add a text that another process has searched
_FAILURES = 3  # in a row, after which no more processes are forked
_MUCH = 1500  # MB of this process, from which on its memory must not be copied
_BEFORE = -1  # the place of a match that was in the pool before the batch


class Pool(Protocol[Item_contra]):
    """Items, numbered from 0 in the order in which they were added."""

    def __len__(self) -> int: ...

    def nearest(self, item: Item_contra, /) -> Match | None:
        """The best match above a threshold; of equally good ones the first that was added."""

    def add(self, item: Item_contra, /) -> object:
        """Take in an item as the last."""


class Above:
    """The texts of an index, of which those above a threshold match."""

    def __init__(self, index: RougeIndex, threshold: float) -> None:
        self._index, self._threshold = index, threshold
        self.add = index.add

    def __len__(self) -> int:
        return len(self._index)

    def nearest(self, text: str) -> Match | None:
        return self._index.nearest(text, above=self._threshold)


class Lookahead(Generic[Item]):
    """`pool.nearest` for items that are known some time before, with the same answers.

    An item without a match joins the pool before the next search; no other item does.
    processes: 0 for as many as there are cores, at most 4. There is more than one on Linux only.
    """

    pays = 5_000  # items that are searched before the first fork: small inputs see none
    batches = (
        8_000,
        50_000,
    )  # items between two forks: a quarter of the pool, but at least and most
    least = 1_000  # items of a last batch that are worth a fork
    chunk = 50  # items that a process searches before the next has its turn
    patience = 60.0  # seconds for a chunk; then its process is given up

    def __init__(self, pool: Pool[Item], processes: int = 0) -> None:
        self._pool = pool
        self._processes = usable_processes(processes)
        self._batch: Sequence[Item] = ()
        self._at = 0  # in the batch, the next item
        self._joined: dict[int, int] = {}  # by the place in the batch, the position in the pool
        self._scouts: list[Scout] = []
        self._owners: list[int] = []  # by chunk, the number of the scout, or HERE
        self._answers: Sequence[Answer] | None = None  # to the present chunk
        self._share = 1 - (1 - _ADDING) / self._processes  # of the chunks, that scouts have
        self._failures = 0

    def reading(
        self, entries: Iterable[Entry], items_of: Callable[[Entry], Sequence[Item]]
    ) -> Generator[Entry, None, None]:
        """The entries in order, read some time before the items of each are searched.

        A UserError of `entries` is raised in its place.
        """
        if self._processes == 1:
            yield from entries
            return
        source, seen = iter(entries), 0
        while seen < self.pays and (entry := next(source, None)) is not None:
            yield entry
            seen += len(items_of(entry))
        upcoming = _Batch(source, items_of)
        while upcoming.read(self.batches[0]):
            pass
        try:
            while upcoming.entries:
                present, upcoming = upcoming, _Batch(source, items_of, upcoming.error)
                self._begin(present.items)
                size = self._size()
                for entry in present.entries:
                    yield entry
                    if upcoming.read(size):
                        upcoming.read(size)
                self._end()
        finally:
            self._dismiss()
        if upcoming.error is not None:
            raise upcoming.error

    def nearest(self, item: Item) -> Match | None:
        """The best match of the next item."""
        at = self._at
        if at >= len(self._batch) or self._batch[at] is not item:
            self._give_up()  # the items come otherwise than they were read
            return self._pool.nearest(item)
        self._at += 1
        if at % self.chunk == 0:
            self._answers = self._chunk(at // self.chunk)
        match = self._pool.nearest(item) if self._answers is None else self._foreseen(at)
        if match is None:
            self._joined[at] = len(self._pool)
        return match

    def _foreseen(self, at: int) -> Match | None:
        """The match that was found ahead, or is found now."""
        assert self._answers is not None
        answer = self._answers[at % self.chunk]
        if answer is None:
            return None
        position, place, text, score = answer
        if place == _BEFORE:
            return Match(position, text, score)
        if place in self._joined:
            return Match(self._joined[place], text, score)
        return self._pool.nearest(self._batch[at])

    def _chunk(self, chunk: int) -> Sequence[Answer] | None:
        """The answers to a chunk of items; None where this process searches."""
        owner = self._owners[chunk] if self._scouts else HERE
        if owner == HERE:
            return None
        answers = self._scouts[owner].answers()
        if answers is None:  # it was killed, or is stuck
            self._failures += 1
            self._dismiss()
        return answers

    def _size(self) -> int:
        """How many items to read for the next batch."""
        least, most = self.batches
        # each process copies the pages of the pool that it touches, once a batch
        return min(max(len(self._pool) // 4, least), most) if megabytes() < _MUCH else least

    def _begin(self, items: Sequence[Item]) -> None:
        """Send processes ahead over a batch."""
        self._batch, self._at, self._joined, self._answers = items, 0, {}, None
        if len(items) < self.least or self._failures >= _FAILURES:
            return
        scouts = self._processes - 1
        self._owners = dealt(-(-len(items) // self.chunk), scouts, self._share)
        try:
            for number in range(scouts):
                self._scouts.append(Scout(partial(self._ahead, number), self.patience))
        except OSError:  # no room for a process
            self._failures += 1
            self._dismiss()

    def _ahead(self, scout: int) -> Iterator[list[Answer]]:
        """In the forked process: the answers to each chunk that it owns."""
        pool, items, before = self._pool, self._batch, len(self._pool)
        added: list[int] = []  # places in the batch, in the order of the pool
        novel: set[int] = set()  # of these, the places of items that will have joined
        last = max((at for at, owner in enumerate(self._owners) if owner == scout), default=HERE)
        for chunk, owner in enumerate(self._owners[: last + 1]):
            places = range(chunk * self.chunk, min((chunk + 1) * self.chunk, len(items)))
            if owner != scout:
                for at in places:
                    pool.add(items[at])
                added += places
                continue
            answers: list[Answer] = []
            for at in places:
                match = pool.nearest(items[at])
                is_new = match is not None and match.position >= before
                place = added[match.position - before] if match and is_new else _BEFORE
                found = (match.position, place, match.text, match.score) if match else None
                answers.append(found)
                if match is None:
                    novel.add(at)
                if match is None or (is_new and place not in novel):
                    pool.add(items[at])
                    added.append(at)
            yield answers

    def _end(self) -> None:
        """After a batch: measure whether the scouts had too many chunks."""
        if self._scouts:
            self._failures = 0
            theirs = max(scout.seconds() for scout in self._scouts)
            ours = self._scouts[0].age() - sum(scout.waited for scout in self._scouts)
            share = self._share + (ours - theirs) / (ours + theirs) / 4
            self._share = min(max(share, 0.1), 0.95)
        self._dismiss()

    def _give_up(self) -> None:
        """Search the rest of the batch here."""
        if self._batch:
            self._batch = ()
            self._dismiss()

    def _dismiss(self) -> None:
        """End the processes."""
        while self._scouts:
            self._scouts.pop().end()


class _Batch(Generic[Entry, Item]):
    """Entries that were read, and their items."""

    def __init__(
        self,
        source: Iterator[Entry],
        items_of: Callable[[Entry], Sequence[Item]],
        error: UserError | None = None,
    ) -> None:
        self.entries: list[Entry] = []
        self.items: list[Item] = []
        self.error = error  # after these entries
        self._source, self._items_of, self._letters = source, items_of, 0

    def read(self, size: int) -> bool:
        """Read an entry, if there is another and the batch is not full."""
        if self.error is not None or len(self.items) >= size or self._letters >= _LETTERS:
            return False
        try:
            entry = next(self._source, None)
        except UserError as error:
            self.error = error
            return False
        if entry is None:
            return False
        items = self._items_of(entry)
        self.entries.append(entry)
        self.items.extend(items)
        self._letters += sum(map(_letters, items))
        return True


def _letters(item: Any) -> int:
    """The length of a text or of several texts."""
    return len(item) if isinstance(item, str) else sum(map(len, item))
