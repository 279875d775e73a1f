"""The weaker forms of a refused request, in the order in which they are tried. Pure.

A form is a change to the findings of fields.py. Forms that leave little out come
first, and before them those that the words of the refusal point to.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from itertools import combinations
from typing import Any

from selfinstruct.models.openai.fields import INSTEAD, OPTIONAL
from selfinstruct.models.openai.hints import names, numbers, points_to

Change = dict[str, "str | None"]  # findings, as in fields.LeftOut

_SMALL = 0.01  # temperature in the place of 0, for servers that want more than 0
_COOL = 0.1  # no bound from above on the temperature is lower
_SHORT, _LONG = 256, 4096  # tokens: of replies that may be too short for a server, and long enough
_FEW = (4, 2, 1)  # stop sequences
_LEAST_TOKENS = 16  # no bound on the length of a reply is lower
_FREE = ("top_p", "temperature", "presence_penalty", "frequency_penalty", "stop", "seed")


def weaker_forms(
    body: Mapping[str, Any],
    stage: str,
    words: str,
    outright: str | None = None,
    *,
    is_length_free: bool = False,
) -> list[Change]:
    """The forms to try after a refusal of `body`: single parts, then pairs that are likely.

    words: those of the refusal, with its code and the name of the parameter. outright: the part
    that the words call unsupported; unless they name a bound for its value, the part is left out
    first. is_length_free: replies may be longer than set, as a last resort.
    """
    found = [change for change in _likely(body, stage, words, is_length_free) if change]
    if outright is not None and not _names_bound(outright, body, words):
        found.insert(0, {outright: INSTEAD[outright]})
    return sorted(found, key=lambda change: _rank(change, words))


def single_parts(body: Mapping[str, Any], stage: str, *, is_length_free: bool) -> list[Change]:
    """The forms that lack a single part or have another limit to a reply's length."""
    return [*_without(body), *_far_lengths(body, stage, is_length_free)]


def pairs(body: Mapping[str, Any]) -> Iterator[Change]:
    """The forms without two parts."""
    for first, second in combinations(_without(body), 2):
        yield {**first, **second}


def barest_forms(body: Mapping[str, Any], stage: str, *, is_length_free: bool) -> list[Change]:
    """The forms without any optional part, and with other limits to a reply's length."""
    bare: Change = {}
    for change in _without(body):
        bare.update(change)
    lengths = _far_lengths(body, stage, is_length_free)
    return [form for form in (bare, *({**bare, **length} for length in lengths)) if form]


def names_all(change: Change, words: str) -> bool:
    """Whether a refusal names every part that a form leaves out or bounds."""
    return all(names(words, _field(name)) for name in change)


def scoped(change: Change, stage: str, taken: Collection[str]) -> Change:
    """The same change, for this stage alone where other requests were taken with that part."""
    return {
        f"{stage}.{name}" if name in taken else name: instead for name, instead in change.items()
    }


def parts_of(body: Mapping[str, Any]) -> set[str]:
    """The optional parts that a body has, by keys of fields.INSTEAD."""
    found = {name for name in OPTIONAL if name in body and name != "response_format"}
    found |= {"system"} if _has_system(body) else set()
    kind = _format(body)
    return found | ({kind} if kind in INSTEAD else set())


def _likely(
    body: Mapping[str, Any], stage: str, words: str, is_length_free: bool
) -> Iterator[Change]:
    """Single parts, the cheapest first, and the pairs that servers refuse together."""
    for change in _without(body):
        if "temperature" in change:
            yield from _temperatures(body, stage, words)
        if "stop" in change:
            yield from _stops(body, stage, words)
        yield change
    other, lengths = _other_length(body), _lengths(body, stage, words, is_length_free)
    yield from ([*lengths, other] if _is_of_length(body, words) else [other, *lengths])
    if is_length_free:
        yield _no_length(body)
    for first, second in (("top_p", "temperature"), ("presence_penalty", "frequency_penalty")):
        if first in body and second in body:
            yield {first: None, second: None}


def _without(body: Mapping[str, Any]) -> Iterator[Change]:
    """The forms that lack a single part."""
    if _format(body) == "json_schema":
        yield {"json_schema": "json_object"}
        yield {"json_schema": "json_object", "json_object": None}
    elif _format(body) == "json_object":
        yield {"json_object": None}
    if _has_system(body):
        yield {"system": "user"}
    for name in _FREE:
        if name in body:
            yield {name: None}


def _other_length(body: Mapping[str, Any]) -> Change:
    """The other name of the limit on a reply. Completions endpoints know a single name."""
    if "messages" not in body:
        return {}
    if "max_tokens" in body:
        return {"max_tokens": "max_completion_tokens"}
    return {"max_tokens": "max_tokens"} if "max_completion_tokens" in body else {}


def _far_lengths(body: Mapping[str, Any], stage: str, is_length_free: bool) -> list[Change]:
    """Limits to a reply's length that are far from the present limit."""
    value, found = _length(body), [_other_length(body)]
    if is_length_free:
        found.append(_no_length(body))
    if value is not None and value <= _SHORT and is_length_free:
        found.append({f"{stage}.max_tokens": f"{16 * value}+"})
    elif value is not None and value // 8 >= _LEAST_TOKENS:
        found += [{f"{stage}.max_tokens": str(value // part)} for part in (2, 8)]
    return [change for change in found if change]


def _no_length(body: Mapping[str, Any]) -> Change:
    """No limit on a reply. Completions endpoints would fall back on a few tokens."""
    return {"max_tokens": None} if "messages" in body and _length(body) is not None else {}


def _names_bound(part: str, body: Mapping[str, Any], words: str) -> bool:
    """Whether a refusal has a number that may bound the value of a part."""
    found, value = numbers(words), body.get(part)
    if part == "temperature" and value == 0:
        return 0.0 in found and 1.0 not in found  # 1 is the usual value, the only one for some
    if part == "stop":
        return any(1 <= number < len(value or ()) for number in found)
    least = {"temperature": _COOL, "max_tokens": _LEAST_TOKENS}.get(part, math.inf)
    return value is not None and any(least <= number < value for number in found)


def _temperatures(body: Mapping[str, Any], stage: str, words: str) -> list[Change]:
    value = body.get("temperature")
    if value is None:
        return []
    if value == 0:
        least = sorted(number for number in numbers(words) if _SMALL < number < 1)[:1]
        return [{f"{stage}.temperature": f"{bound:g}+"} for bound in (_SMALL, *least)]
    fit = sorted((n for n in numbers(words) if _COOL <= n < value), reverse=True)[:2]
    if not fit and value > 1:
        fit = [1.0]
    return [{f"{stage}.temperature": f"{bound:g}"} for bound in fit]


def _stops(body: Mapping[str, Any], stage: str, words: str) -> list[Change]:
    sent = len(body["stop"])
    fit = sorted((int(n) for n in numbers(words) if 1 <= n < sent and n == int(n)), reverse=True)
    bounds = dict.fromkeys((*fit[:2], *(few for few in _FEW if few < sent)))
    return [{f"{stage}.stop": str(bound)} for bound in bounds]


def _lengths(
    body: Mapping[str, Any], stage: str, words: str, is_length_free: bool
) -> Iterator[Change]:
    """Bounds on the length of a reply: numbers of the refusal, then halves, or fourfolds."""
    value = _length(body)
    if value is None:
        return
    if value <= _SHORT and is_length_free:
        for bound in dict.fromkeys((*_leasts_in(words, value), 4 * value, 16 * value)):
            yield {f"{stage}.max_tokens": f"{bound}+"}
    for bound in dict.fromkeys((*_limits_in(words, value), value // 2, value // 4, value // 8)):
        if bound >= _LEAST_TOKENS:
            yield {f"{stage}.max_tokens": str(bound)}


def _leasts_in(words: str, value: int) -> list[int]:
    fit = {int(number) for number in numbers(words) if value < number <= _LONG}
    return sorted(fit)[:2]


def _limits_in(words: str, value: int) -> list[int]:
    fit = {int(number) for number in numbers(words) if _LEAST_TOKENS <= number < value}
    return sorted(fit, reverse=True)[:3]


def _is_of_length(body: Mapping[str, Any], words: str) -> bool:
    """Whether a refusal is about the value of the limit on a reply, and not about its name."""
    value = _length(body)
    other = "max_completion_tokens" if "max_tokens" in body else "max_tokens"
    return (
        value is not None
        and bool(_limits_in(words, value) or (value <= _SHORT and _leasts_in(words, value)))
        and points_to(words, "max_tokens")
        and other not in words
    )


def _length(body: Mapping[str, Any]) -> int | None:
    value = body.get("max_tokens", body.get("max_completion_tokens"))
    return value if isinstance(value, int) else None


def _rank(change: Change, words: str) -> int:
    """0 for a form whose parts are all named in a refusal, 1 if the words point to all of them."""
    if names_all(change, words):
        return 0
    return 1 if all(points_to(words, _field(name)) for name in change) else 2


def _field(name: str) -> str:
    return name.rpartition(".")[2]


def _has_system(body: Mapping[str, Any]) -> bool:
    return any(message["role"] == "system" for message in body.get("messages", ()))


def _format(body: Mapping[str, Any]) -> str:
    kind = body.get("response_format")
    return str(kind.get("type", "")) if isinstance(kind, dict) else ""
