"""The filters of templates: those of jinja2 that data needs, and promptsource's own three."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, ValuesView
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Any

from jinja2 import pass_context
from jinja2.filters import FILTERS as OF_JINJA

from selfinstruct.templates.limits import MOST, Stopped, Work
from selfinstruct.templates.operators import check_characters, check_precision, replaced

if TYPE_CHECKING:
    from jinja2.runtime import Context

# Of jinja2. Their work grows as what they are given, and so do their results.
_PLAIN = tuple(
    """abs capitalize default d dictsort first float int items last length count list lower map max
    min reject rejectattr reverse select selectattr sort string title truncate unique upper wordcount""".split()
)
_PLACEHOLDER = re.compile(r"%(?:%|[-+ 0#]{0,5}(\d*)(?:\.(\d*))?[sdifgeFGExXo])")
_WIDEST = 100


def filters_of(work: Work, chance: Callable[[], Random]) -> dict[str, Callable[..., Any]]:
    """The filters by name. work: of the row at hand. chance: the row's generator, when asked."""

    # The context keeps jinja2 from drawing once for all rows, when a template is compiled.
    @pass_context
    def choice(_: Context, items: Any) -> Any:
        return chance().choice(items)

    @pass_context
    def join(context: Context, items: Any, d: Any = "", attribute: Any = None) -> str:
        items = listed(work, items)
        if attribute is not None:
            items = list(OF_JINJA["map"](context, items, attribute=attribute))
        work.make_room(sum(map(work.size_of, items)) + len(str(d)) * len(items))
        return str(d).join(map(str, items))

    def most_frequent(items: Any) -> list[Any] | None:
        work.look(items := listed(work, items))
        counts = Counter(items).most_common()
        return [item for item, count in counts if count == counts[0][1]] if counts else None

    return {
        **{name: _weighed(work, OF_JINJA[name]) for name in _PLAIN},
        "choice": choice,
        "random": choice,
        "join": join,
        "replace": functools.partial(_replaced, work),
        "trim": functools.partial(_trimmed, work),
        "most_frequent": most_frequent,
        "sum": functools.partial(_sum, work),
        "highlight": functools.partial(_highlight, work),
        "format": functools.partial(_formatted, work),
        "round": _rounded,
    }


def listed(work: Work, items: Iterable[Any]) -> list[Any]:
    """The items as a list. Raises Stopped if there are too many."""
    if isinstance(items, list):
        return items
    found = list(islice(items, MOST + 1))
    work.make_list(len(found))
    return found


def _weighed(work: Work, filter: Callable[..., Any]) -> Callable[..., Any]:
    """The filter with its steps counted; a generator comes as a list."""
    at = 1 if hasattr(filter, "jinja_pass_arg") else 0  # then the context, or the like, is first

    @functools.wraps(filter)
    def counted(*given: Any, **named: Any) -> Any:
        before, values = given[:at], [_plain_value(work, each) for each in given[at:]]
        for each in (*values, *named.values()):
            work.look(each)
        result = filter(*before, *values, **named)
        if isinstance(result, Iterator):
            result = listed(work, result)
        work.weigh(result)
        return result

    return counted


def _plain_value(work: Work, value: Any) -> Any:
    """The value, or the list of a view of an object."""
    is_view = isinstance(value, (KeysView, ValuesView, ItemsView))
    return listed(work, value) if is_view else value


def _sum(work: Work, items: Any, attribute: Any = None, start: Any = 0) -> float:
    if attribute is not None:
        raise TypeError("sum() takes no attribute here; use map(attribute=...) first")
    numbers: list[float] = [_number(start), *map(_number, listed(work, items))]
    return sum(numbers)


def _number(value: Any) -> Any:
    if not isinstance(value, (int, float)):
        raise TypeError("sum() is for numbers alone")
    return value


def _replaced(work: Work, text: Any, old: Any, new: Any, count: int | None = None) -> str:
    work.make_room(work.size_of(text))
    return replaced(work, str(text), str(old), str(new), count)


def _trimmed(work: Work, text: Any, chars: str | None = None) -> str:
    work.make_room(work.size_of(text))
    check_characters(chars)
    return str(text).strip(chars)


def _highlight(work: Work, text: str) -> str:
    work.make_room(len(text) + 40)
    return f"<span style='color: #F08080'>{_text(text)}</span>"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"highlight() is for texts, not for {type(value).__name__}")
    return value


def _rounded(value: Any, precision: int = 0, method: str = "common") -> Any:
    check_precision(precision)
    return OF_JINJA["round"](value, precision, method)


def _formatted(work: Work, pattern: Any, *values: Any) -> str:
    """`pattern % values`, for plain placeholders of a moderate width."""
    pattern = str(pattern)
    if "%" in _PLACEHOLDER.sub("", pattern):
        raise Stopped("forbidden", "format() has a placeholder other than %s, %d or %.2f")
    widths = [
        int(number or 0) for found in _PLACEHOLDER.finditer(pattern) for number in found.groups()
    ]
    if max(widths, default=0) > _WIDEST:
        raise Stopped("too_long", f"format() has a width of more than {_WIDEST}")
    work.make_room(len(pattern) + sum(map(work.size_of, values)) + 400 * len(values))
    formatted: str = pattern % values
    return formatted
