"""Limits on a template's work and output for a row, and the exceptions that tell of them.

Work is counted in steps, never in seconds: a row that is refused on a slow machine is refused on a
fast machine as well. A step is an operation, or 64 characters that an operation reads or writes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

WORK = 300_000  # steps for a row and a template; about half a second
LONGEST = 1_000_000  # characters of a text, and of any value on the way to it
MOST = 100_000  # elements of a list
BITS = 128  # of a whole number that is calculated
_STEP = 64  # characters
_SCALARS = (
    *(float, bytes, Decimal, UUID),
    *(dt.date, dt.time, dt.timedelta),
)


class Refused(Exception):
    """A template that is not rendered at all. line: in the template's text, from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line, self.why = line, why


class Stopped(Exception):
    """A row that a template makes nothing of. reason: a stable slug. line: of the template, or 0."""

    def __init__(self, reason: str, why: str, line: int = 0) -> None:
        super().__init__(why)
        self.reason, self.why, self.line = reason, why, line

    @property
    def message(self) -> str:
        return f"line {self.line}: {self.why}" if self.line else self.why


class Work:
    """The steps that are left for a row."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = WORK

    def spend(self, steps: int) -> None:
        """Raises Stopped when none is left."""
        self.left -= steps
        if self.left < 0:
            raise Stopped("too_much_work", f"takes more than {WORK:,} steps")

    def weigh(self, value: object) -> None:
        """Spend the steps that reading or writing the value takes."""
        if isinstance(value, str):
            self.spend(1 + len(value) // _STEP)
        elif isinstance(value, (list, tuple, dict)):
            self.spend(1 + len(value) // 8)
        else:
            self.left -= 1

    def make_room(self, characters: int) -> None:
        """Spend the steps for a text that is about to be made. Raises Stopped: it is too long."""
        if characters > LONGEST:
            raise Stopped("too_long", f"makes a text of more than {LONGEST:,} characters")
        self.spend(1 + max(characters, 0) // _STEP)

    def make_list(self, elements: int) -> None:
        """The same for a list."""
        if elements > MOST:
            raise Stopped("too_long", f"makes a list of more than {MOST:,} elements")
        self.spend(1 + max(elements, 0) // 8)

    def look(self, value: object) -> None:
        """Spend the steps of reading a value with all its parts, as a comparison does.

        Raises Stopped, also for a value that is no data.
        """
        if isinstance(value, str):
            self.weigh(value)
        else:
            self.size_of(value)

    def size_of(self, value: object) -> int:
        """About the characters of the value as a text, of nested values all.

        Raises Stopped if there are too many, or if a part is no data.
        """
        if isinstance(value, str):
            return len(value)
        if not isinstance(value, (list, tuple, dict)):
            return _digits(value)
        total, waiting = 0, list[object]([value])
        while waiting:
            part = waiting.pop()
            if isinstance(part, str):
                total += len(part) + 4
            elif isinstance(part, (list, tuple, dict)):
                total += 2 + 4 * len(part)
                self.spend(1 + len(part))
                waiting.extend(_parts(part))
            else:
                total += _digits(part)
            if total > LONGEST:
                raise Stopped("too_long", f"makes a text of more than {LONGEST:,} characters")
        return total


def _parts(value: list[object] | tuple[object, ...] | dict[object, object]) -> Iterable[object]:
    return [*value.keys(), *value.values()] if isinstance(value, dict) else value


def _digits(value: object) -> int:
    if isinstance(value, int):
        return value.bit_length() // 3 + 2
    if not (value is None or isinstance(value, _SCALARS) or hasattr(value, "is_data")):
        raise Stopped("forbidden", f"a {type(value).__name__} is no data")
    return len(value) * 4 if isinstance(value, bytes) else 32


def check_whole(bits: int) -> None:
    """Raises Stopped for a whole number that would be too large."""
    if bits > BITS:
        raise Stopped("too_long", f"makes a number of more than {BITS:,} bits")
