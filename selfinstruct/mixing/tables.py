"""Mixtures, read from tables: a TOML file, words of a command line, a manifest."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfinstruct.asking.settings import read_toml
from selfinstruct.choose.keep import keep
from selfinstruct.errors import UserError
from selfinstruct.mixing.mixture import FORMATS, WEIGHTS, Component, Mixture

_NAME = re.compile(r"[^\s=/\\][^=/\\\n]{0,99}")


def read_mixture(path: Path, options: Mapping[str, Any]) -> tuple[Mixture, ...]:
    """The stages of a TOML file, one if it has no `[[stage]]`; `options` win over the file.

    Raises UserError that names the file and the table.
    """
    table = {**read_toml(path), **options}
    stages = table.pop("stage", None)
    if stages is None:
        return (_mixture(table, str(path)),)
    if "component" in table:
        raise UserError(f"{path}: has [[component]] beside [[stage]]; put each into a stage")
    if not isinstance(stages, list) or not stages or not all(isinstance(x, dict) for x in stages):
        raise UserError(f"{path}: 'stage' must be [[stage]] tables")
    found: list[Mixture] = []
    for number, stage in enumerate(stages, 1):
        where = f"{path}: stage {stage.get('name', number)}"
        common = {name: value for name, value in table.items() if name not in ("n", "tokens")}
        mixture = _mixture({"name": f"stage-{number}", **common, **stage}, where)
        if mixture.replay and not found:
            raise UserError(f"{where}: replay of earlier stages, but there is none before")
        if any(mixture.name == other.name for other in found):
            raise UserError(f"{where}: the name {mixture.name!r} is taken; give each its own")
        found.append(mixture)
    return tuple(found)


def of_words(words: Sequence[str], options: Mapping[str, Any]) -> tuple[Mixture, ...]:
    """A mixture from NAME=SOURCE words and options. Raises UserError."""
    components = []
    for word in words:
        name, sign, source = word.partition("=")
        if not sign or not source:
            raise UserError(f"{word}: write NAME=SOURCE, as night=runs/night, or give a .toml file")
        components.append({"name": name, "source": source})
    return (_mixture({"component": components, **options}, "mix"),)


def of_sources(sources: Mapping[str, str], options: Mapping[str, Any]) -> tuple[Mixture, ...]:
    """A mixture of sources by name, and options. Raises UserError."""
    components = [{"name": name, "source": source} for name, source in sources.items()]
    return (_mixture({"component": components, **options}, "mix()"),)


def stages_of(records: Sequence[Mapping[str, Any]], where: str) -> tuple[Mixture, ...]:
    """The stages in a manifest. Raises UserError."""
    return tuple(_mixture(record["mixture"], where) for record in records)


# ---------------------------------------------------------------- tables

_OF_MIXTURE: Mapping[str, type | tuple[type, ...]] = {
    "name": str, "n": int, "tokens": int, "replay": float, "order": str, "seed": int,
    "tokenizer": str, "format": str, "system": str,
}  # fmt: skip
_OF_GROUP: Mapping[str, type] = {"cap": int, "temperature": float, "weights": str}
_OF_COMPONENT: Mapping[str, type] = {
    "name": str, "source": str, "share": float, "limit": int, "repeats": int, "keep": tuple,
    "license": str, "fields": tuple, "text": bool, "cut": int, **_OF_GROUP,
}  # fmt: skip


def _mixture(table: Mapping[str, Any], where: str) -> Mixture:
    table = dict(table)
    components = _components(table.pop("component", None), where)
    values = {
        name: _value(name, value, {**_OF_MIXTURE, **_OF_GROUP}, where)
        for name, value in table.items()
    }
    grouping = {name: values.pop(name) for name in _OF_GROUP if name in values}
    mixture = Mixture(Component("", parts=components, **grouping), **values)
    _check(mixture, where)
    return mixture


def _components(tables: Any, where: str) -> tuple[Component, ...]:
    if not isinstance(tables, list) or not tables or not all(isinstance(x, dict) for x in tables):
        raise UserError(f"{where}: names no component; write [[component]] with name and source")
    return tuple(_component(table, where) for table in tables)


def _component(table: Mapping[str, Any], where: str) -> Component:
    table = dict(table)
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserError(
            f"{where}: a component's name must be a text without = / or \\, not {name!r}"
        )
    here = f"{where}: component {name}"
    parts = table.pop("component", None)
    values = {key: _value(key, value, _OF_COMPONENT, here) for key, value in table.items()}
    if (parts is None) == ("source" not in values):
        raise UserError(f"{here}: needs a source, or components of its own, and not both")
    grouping = sorted(set(values) & set(_OF_GROUP))
    if parts is None and grouping:
        raise UserError(f"{here}: {grouping[0]!r} belongs to a group of components")
    component = Component(**values, parts=_components(parts, here) if parts is not None else ())
    _check_component(component, here)
    return component


def _value(name: str, value: Any, known: Mapping[str, Any], where: str) -> Any:
    if name not in known:
        raise UserError(f"{where}: unknown setting {name!r} (known: {', '.join(sorted(known))})")
    kind = known[name]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)  # 1 and 1.0 are the same
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind is tuple:
        values = [value] if isinstance(value, str) else value
        if isinstance(values, (list, tuple)) and all(isinstance(each, str) for each in values):
            return tuple(values)
        raise UserError(f"{where}: {name!r} must be a text or a list of texts")
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        word = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
        raise UserError(f"{where}: {name!r} must be {word[kind]}, not {value!r}")
    return value


def _check(mixture: Mixture, where: str) -> None:
    if mixture.n is not None and mixture.tokens is not None:
        raise UserError(f"{where}: n and tokens are both given; leave one out")
    for name, holds, wanted in (
        ("n", mixture.n is None or mixture.n >= 1, "at least 1"),
        ("tokens", mixture.tokens is None or mixture.tokens >= 1, "at least 1"),
        ("replay", 0 <= mixture.replay < 1, "at least 0 and below 1"),
        ("format", mixture.format in FORMATS, f"one of {', '.join(FORMATS)}"),
        ("order", bool(mixture.order), "mixed, component, or the name of a number"),
    ):
        if not holds:
            raise UserError(f"{where}: {name} {getattr(mixture, name)}: must be {wanted}")
    _check_component(mixture.group, where)
    seen = set[str]()
    for leaf in mixture.leaves:
        if leaf.name in seen:
            raise UserError(f"{where}: two components are called {leaf.name!r}; rename one")
        seen.add(leaf.name)
    if mixture.counts_tokens and not mixture.tokenizer:
        raise UserError(
            f"{where}: text, cut and tokens are counted in tokens of the model that will be "
            "trained; name its tokenizer.json with --tokenizer"
        )


def _check_component(component: Component, where: str) -> None:
    for text in component.keep:
        keep(text)
    for name, holds, wanted in (
        ("share", component.share is None or 0 < component.share <= 1, "above 0, at most 1"),
        ("limit", component.limit is None or component.limit >= 1, "at least 1"),
        ("repeats", component.repeats is None or component.repeats >= 1, "at least 1"),
        ("cut", component.cut is None or component.cut >= 8, "at least 8 tokens"),
        ("cap", component.cap is None or component.cap >= 1, "at least 1"),
        ("temperature", 0 < component.temperature < math.inf, "above 0"),
        ("weights", component.weights in WEIGHTS, f"one of {', '.join(WEIGHTS)}"),
    ):
        if not holds:
            raise UserError(f"{where}: {name} {getattr(component, name)}: must be {wanted}")
    if component.text and (component.keep or component.share is None):
        wrong = "has no fields for 'keep'" if component.keep else "needs a share of all tokens"
        raise UserError(f"{where}: a text component {wrong}")
    if component.cut and not component.text:
        raise UserError(f"{where}: cut is for text components")
    parts = [part for part in component.parts if not part.text]
    fixed = [part.share for part in parts if part.share is not None]
    is_all_fixed = bool(parts) and len(fixed) == len(parts)
    if sum(fixed) > 1 + 1e-9 or (is_all_fixed and sum(fixed) < 1 - 1e-9):
        raise UserError(f"{where}: the fixed shares sum to {sum(fixed):g}; they must sum to 1")
