"""A sitting of a model over what is finished already: the same for a judge and for a scorer.

Lines are written in their order, and replies of earlier sittings are not bought again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from selfinstruct.annotate.books import Books, Derived, Line
from selfinstruct.asking.batching import ROUND
from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.asking.sitting import sitting
from selfinstruct.models import Completion, Model
from selfinstruct.models.disk import Notice, when_there_is_room
from selfinstruct.recipes.ordered import in_order
from selfinstruct.runs.progress import Tally

_WINDOW = 4  # calls begun ahead, as a multiple of the concurrency
Known = Callable[[str], Completion | None]  # from a request's key


class Work(Protocol):
    """A review or a measurement. Steps are its own; each gives at most a line."""

    wanted: int  # lines

    @property
    def config(self) -> Endpoint: ...

    @property
    def place(self) -> Path:
        """The folder of the work, for a person."""
        ...

    @property
    def file(self) -> Path:
        """The file of the lines."""
        ...

    @property
    def counted(self) -> str:
        """The word for what is done: "judged", "tasks"."""
        ...

    @property
    def so_far(self) -> str:
        """How much is done, in words."""
        ...

    @property
    def command(self) -> str:
        """The command that goes on; empty: the same command as before."""
        ...

    @property
    def tally(self) -> Tally: ...

    def open(self) -> Books:
        """Raises UserError if another process works into the same folder."""
        ...

    def remarks(self) -> Iterator[str]:
        """Notices at the beginning of a sitting."""
        ...

    def steps(self) -> Iterator[Any]: ...

    def watched(self, model: Model, known: Callable[[str], bool]) -> Model:
        """The model, which may raise NothingRead where its first replies hold nothing."""
        ...

    async def answer(self, model: Model, known: Known, step: Any) -> Any:
        """The answer to a step, from replies on record or of the model. Many at once."""
        ...

    def line_of(self, known: Known, answer: Any) -> Line | None:
        """The line of an answer. In the order of the steps."""
        ...

    def lines_on_record(self, known: Known) -> Iterator[Line]:
        """Every line whose replies are on record, also before its turn."""
        ...

    def take(self, line: Any) -> None:
        """Count a line."""
        ...


async def go_on(
    work: Work,
    books: Books,
    *,
    notice: Notice,
    changed: Callable[[], None] = lambda: None,
    waiting: Callable[[str], None] = lambda what: None,
    seconds: float | None = None,
) -> None:
    """Ask what is not on record, and write the lines in their order.

    Raises ModelError, UserError or Interrupted. Then the file holds the lines so far, and the same
    call goes on.
    """
    for remark in work.remarks():
        notice(remark)
    try:
        async with sitting(
            work.config, books, notice=notice, waiting=waiting, seconds=seconds
        ) as at:
            model = work.watched(at.model, books.completions.__contains__)
            await _write_all(work, model, books.completions.get, notice, changed)
            await at.finish()
    except BaseException:
        if books.is_worth_keeping:
            _write_what_there_is(work, books.completions.get)
        raise


async def _write_all(
    work: Work, model: Model, known: Known, notice: Notice, changed: Callable[[], None]
) -> None:
    window = _WINDOW * (ROUND if work.config.is_batched else work.config.concurrency)
    file: Derived | None = None  # until the first line, an earlier file stays

    async def steps() -> AsyncIterator[Any]:
        for step in work.steps():
            yield step

    ask = partial(work.answer, model, known)
    try:
        async with aclosing(in_order(ask, steps(), window=lambda: window)) as answers:
            async for answer in answers:
                line = work.line_of(known, answer)
                if line is not None:
                    file = file or Derived(work.file)
                    await when_there_is_room(partial(file.put, line), notice)
                    work.take(line)
                    changed()
        if file is not None:
            file.cut()
    finally:
        if file is not None:
            file.close()


def _write_what_there_is(work: Work, known: Known) -> None:
    file = Derived(work.file)
    try:
        for line in work.lines_on_record(known):
            file.put(line)
        file.cut()
    finally:
        file.close()
