"""The features of a dataset: names and kinds of its fields, class labels by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_LISTS = ("sequence", "list", "large_list")  # keys of a card's YAML
_UNLABELLED = -1  # in a split without labels


@dataclass(frozen=True, slots=True)
class Feature:
    """A field of a dataset.

    kind: as the card names it, "class_label", "struct" or "list of" another. labels: the names of
    a class label by number. members: the fields of an object, or of the objects in a list.
    """

    name: str
    kind: str = ""
    labels: tuple[str, ...] = ()
    members: tuple[Feature, ...] = ()

    @property
    def has_labels(self) -> bool:
        """Whether the field is a class label, or holds one."""
        return bool(self.labels) or any(member.has_labels for member in self.members)


class NoLabel(Exception):
    """A label without a name. Its text says which."""


def of_card(entries: Any) -> tuple[Feature, ...]:
    """Features as a card's YAML lists them: [{name, dtype | sequence | list | struct}, ...]."""
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        return ()
    named = (entry for entry in entries if isinstance(entry, Mapping) and entry.get("name"))
    return tuple(_of_card(str(entry["name"]), entry) for entry in named)


def _of_card(name: str, entry: Mapping[str, Any]) -> Feature:
    for key in _LISTS:
        if key in entry:
            return _listed(_of_card_part(name, entry[key]))
    return _of_card_part(name, {**entry, "name": name})


def _of_card_part(name: str, part: Any) -> Feature:
    if isinstance(part, Mapping):
        if "class_label" in part:
            return _label(name, part["class_label"])
        if "struct" in part:
            return Feature(name, "struct", members=of_card(part["struct"]))
        if "dtype" in part:
            return _of_card_part(name, part["dtype"])
        return _of_card(name, part) if any(key in part for key in _LISTS) else Feature(name)
    if isinstance(part, str):
        return Feature(name, part)
    return Feature(name, "struct", members=of_card(part))


def of_library(features: Any) -> tuple[Feature, ...]:
    """Features as the library `datasets` writes them: {name: {"_type": "ClassLabel", ...}, ...}."""
    if not isinstance(features, Mapping):
        return ()
    return tuple(_of_library(str(name), value) for name, value in features.items())


def _of_library(name: str, value: Any) -> Feature:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _listed(_of_library(name, value[0] if value else None))
    if not isinstance(value, Mapping):
        return Feature(name)
    match value.get("_type"):
        case "ClassLabel":
            return _label(name, value)
        case "Value":
            return Feature(name, str(value.get("dtype", "")))
        case "Sequence" | "List" | "LargeList":
            return _listed(_of_library(name, value.get("feature")))
        case str(kind):
            return Feature(name, kind.lower())
    return Feature(name, "struct", members=of_library(value))


def _listed(feature: Feature) -> Feature:
    return Feature(feature.name, f"list of {feature.kind}", feature.labels, feature.members)


def _label(name: str, value: Any) -> Feature:
    """A class label whose names are a list, or a mapping of numbers."""
    names = value.get("names") if isinstance(value, Mapping) else value
    if isinstance(names, Mapping):
        numbered = {int(number): str(said) for number, said in names.items() if _is_number(number)}
        most = max(numbered, default=-1) + 1
        names = [numbered.get(number, "") for number in range(min(most, 10 * len(numbered)))]
    if not isinstance(names, Sequence) or isinstance(names, str):
        return Feature(name, "class_label")
    return Feature(name, "class_label", tuple(map(str, names)))


def _is_number(text: Any) -> bool:
    return str(text).isascii() and str(text).isdigit()


def labelled(fields: dict[str, Any], features: Sequence[Feature]) -> dict[str, Any]:
    """The fields with the names of class labels in the place of their numbers.

    -1, which marks a row without a label, becomes None. Raises NoLabel for another number that has
    no name.
    """
    changed = {
        feature.name: _named(fields[feature.name], feature)
        for feature in features
        if feature.name in fields
    }
    return {**fields, **changed} if changed else fields


def _named(value: Any, feature: Feature) -> Any:
    if isinstance(value, (list, tuple)):
        return [_named(member, feature) for member in value]
    if isinstance(value, Mapping):
        inner = [member for member in feature.members if member.has_labels]
        return labelled(dict(value), inner)
    if not feature.labels or isinstance(value, bool) or value is None:
        return value
    number = _number(value)
    if number is None or (isinstance(value, str) and value in feature.labels):
        return value  # a name already, or another text
    if number == _UNLABELLED:
        return None
    if 0 <= number < len(feature.labels) and feature.labels[number]:
        return feature.labels[number]
    raise NoLabel(f"{feature.name!r}: the label {value} has no name in the card")


def _number(value: Any) -> int | None:
    if isinstance(value, str) and (_is_number(value) or value == str(_UNLABELLED)):
        return int(value)
    if isinstance(value, (int, float)) and value == int(value):
        return int(value)
    return None


def leaf_features(features: Sequence[Feature], before: str = "") -> Iterator[tuple[str, Feature]]:
    """The features by path, with those of objects opened."""
    for feature in features:
        path = f"{before}{feature.name}"
        if feature.kind == "struct" and feature.members:
            yield from leaf_features(feature.members, f"{path}.")
        else:
            yield path, feature
