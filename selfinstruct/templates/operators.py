"""Operators and methods that a template may use, none of which makes more than the limits allow."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from selfinstruct.templates.limits import Stopped, Work, check_whole

# Their work and their results grow no faster than what they are given; the few others are below.
TEXT = frozenset(
    """capitalize casefold count endswith find index isalnum isalpha isdecimal isdigit islower
    isnumeric isspace istitle isupper join lower lstrip partition removeprefix removesuffix replace
    rfind rindex rpartition rsplit rstrip split splitlines startswith strip swapcase title
    upper""".split()
)
LIST = frozenset(("count", "index"))
OBJECT = frozenset(("get", "items", "keys", "values", "copy"))
# Of lists and objects that the template itself has made. Those of a row are never changed.
CHANGING_LIST = frozenset(("append", "extend", "pop"))
CHANGING_OBJECT = frozenset(("update", "pop"))
METHODS = TEXT | LIST | OBJECT | CHANGING_LIST | CHANGING_OBJECT

_NUMBERS = (int, float)
_MOST_STRIPPED = 100  # characters that strip() is given
_PLAIN: Mapping[str, Callable[[Any, Any], Any]] = {
    "-": operator.sub,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


class RowList(list[Any]):
    """A list of a row: a template reads but never changes it."""

    __slots__ = ()


class RowObject(dict[str, Any]):
    """An object of a row: a template reads but never changes it."""

    __slots__ = ()


def of_row(value: Any) -> Any:
    """The value with its lists and objects marked as a row's."""
    if isinstance(value, dict):
        return RowObject((str(name), of_row(member)) for name, member in value.items())
    if isinstance(value, (list, tuple)):
        return RowList(map(of_row, value))
    return value


def calculated(work: Work, sign: str, left: Any, right: Any) -> Any:
    """`left sign right`. Raises Stopped for a result that is too large, and Python's errors."""
    if sign in "+*" or sign == "**":
        return _grown(work, sign, left, right)
    if not isinstance(left, _NUMBERS) or not isinstance(right, _NUMBERS):
        raise TypeError(f"{sign!r} is for numbers alone")
    for number in (left, right):
        check_whole(number.bit_length() if isinstance(number, int) else 0)
    return _PLAIN[sign](left, right)


def _grown(work: Work, sign: str, left: Any, right: Any) -> Any:
    if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
        if isinstance(left, int) and isinstance(right, int):
            check_whole(_bits(sign, left, right))
        work.spend(1)
        by_sign = {"+": operator.add, "*": operator.mul, "**": operator.pow}
        return by_sign[sign](left, right)
    if sign == "+" and isinstance(left, str) and isinstance(right, str):
        work.make_room(len(left) + len(right))
        return left + right
    if sign == "+" and isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        work.make_list(len(left) + len(right))
        return [*left, *right] if isinstance(left, list) else (*left, *right)
    if sign == "*":
        if isinstance(left, int):
            left, right = right, left
        if isinstance(right, int) and isinstance(left, (str, list, tuple)):
            (work.make_room if isinstance(left, str) else work.make_list)(len(left) * right)
            return left * right
    kinds = f"{type(left).__name__} and {type(right).__name__}"
    raise TypeError(f"{sign!r} is not for {kinds}")


def _bits(sign: str, left: int, right: int) -> int:
    if sign == "+":
        return max(left.bit_length(), right.bit_length()) + 1
    return left.bit_length() + right.bit_length() if sign == "*" else left.bit_length() * abs(right)


def method_of(value: Any, name: str) -> Callable[..., Any] | None:
    """A method of the value that a template may call; None: none of that name."""
    match value:
        case str():
            names = TEXT
        case RowList() | tuple():
            names = LIST
        case list():
            names = LIST | CHANGING_LIST
        case RowObject():
            names = OBJECT
        case dict():
            names = OBJECT | CHANGING_OBJECT
        case _:
            return None
    return getattr(value, name) if name in names else None


def called(work: Work, method: Callable[..., Any], given: tuple[Any, ...], named: Any) -> Any:
    """The result of a method that `method_of` gave. Raises Stopped, and Python's errors."""
    value, name = method.__self__, method.__name__  # type: ignore[attr-defined]
    for each in (value, *given, *named.values()):
        work.look(each)
    if isinstance(value, str) and name == "join":
        parts = list[str](*given)
        work.make_room(sum(map(work.size_of, parts)) + len(value) * len(parts))
        return value.join(parts)
    if isinstance(value, str) and name == "replace":
        return replaced(work, value, *given)
    if isinstance(value, str) and name.endswith("strip"):
        check_characters(*given)
    if name in ("append", "extend", "update"):
        work.make_list(len(value) + (1 if name == "append" else sum(map(len, given))))
    result = method(*given, **named)
    if name in ("append", "extend", "update") and not all(isinstance(each, str) for each in given):
        work.look(value)  # with the new parts
    work.weigh(result)
    return result


def check_characters(characters: Any = None) -> None:
    """Raises Stopped for a set of characters so large that looking each up takes long."""
    if isinstance(characters, str) and len(characters) > _MOST_STRIPPED:
        raise Stopped("too_much_work", f"strips more than {_MOST_STRIPPED} different characters")


def replaced(work: Work, text: str, old: Any, new: Any, count: int | None = None) -> str:
    """`text.replace`. Raises Stopped for a text that would be too long."""
    if not isinstance(old, str) or not isinstance(new, str):
        raise TypeError("replace() is for texts alone")
    most = -1 if count is None else count
    found = text.count(old)
    found = found if most < 0 else min(found, most)
    work.make_room(len(text) + found * max(len(new) - len(old), 0))
    return text.replace(old, new, most)


def check_precision(places: Any) -> None:
    """Raises Stopped for a number of places that no number has."""
    if not isinstance(places, int) or abs(places) > 100:
        raise Stopped("too_long", f"rounds to {places!r} places (at most 100)")
