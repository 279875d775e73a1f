"""Values inside nested rows, by paths such as "answers.text.0"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_DEEPEST = 20  # objects inside objects that are opened


def value_at(value: Any, path: str) -> Any:
    """The value at a path; None where there is none.

    A path is a name, then further names and positions behind dots. A name may hold dots itself:
    the longest name that there is counts. A name behind a list is looked up in each of its objects.
    """
    if not path:
        return value
    if isinstance(value, Mapping):
        if path in value:
            return value[path]
        end = path.rfind(".")
        while end > 0:
            if path[:end] in value:
                return value_at(value[path[:end]], path[end + 1 :])
            end = path.rfind(".", 0, end)
        return None
    if isinstance(value, (list, tuple)):
        first, _, rest = path.partition(".")
        if first.isascii() and first.isdigit():
            return value_at(value[int(first)], rest) if int(first) < len(value) else None
        return [value_at(member, path) for member in value]
    return None


def leaves(
    fields: Mapping[str, Any], before: str = "", depth: int = 0
) -> Iterator[tuple[str, Any]]:
    """The paths and values of a row, with objects opened. A list is a value as it stands."""
    for name, value in fields.items():
        path = f"{before}{name}"
        if isinstance(value, Mapping) and value and depth < _DEEPEST:
            yield from leaves(value, f"{path}.", depth + 1)
        else:
            yield path, value
