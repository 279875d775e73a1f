"""The fields of a row as templates see them: with the numbers of class labels, or their names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from selfinstruct.records.datasets.features import Feature, NoLabel, labelled
from selfinstruct.templates.limits import Stopped
from selfinstruct.templates.operators import of_row
from selfinstruct.templates.syntax import MARK

ROW = "row"  # the whole row, for fields whose names are no names in Jinja


class Values:
    """A row's fields, prepared once for all templates.

    numbered: for promptsource, whose templates index their choices by labels. named: for the
    others. Both raise Stopped for a row that no template can show.
    """

    __slots__ = ("_features", "_fields", "_functions", "_named", "_numbered")

    def __init__(
        self,
        fields: Mapping[str, Any],
        features: Sequence[Feature],
        functions: Mapping[str, Any],
    ) -> None:
        """features: those with labels."""
        self._fields, self._features, self._functions = fields, features, functions
        self._numbered: dict[str, Any] | None = None
        self._named: dict[str, Any] | None = None

    @property
    def numbered(self) -> dict[str, Any]:
        if self._numbered is None:
            fields = {**self._fields, **self._numbers()}
            self._numbered = {**self._functions, **_checked(fields)}
        return self._numbered

    @property
    def named(self) -> dict[str, Any]:
        """With the whole row under the name `row`, unless the row has such a field."""
        if self._named is None:
            try:
                fields = _checked(labelled(dict(self._fields), self._features))
            except NoLabel as error:
                raise Stopped("no_label", str(error)) from None
            self._named = {**self._functions, ROW: of_row(fields), **fields}
        return self._named

    def check_labels(self, names: Collection[str]) -> None:
        """Raises Stopped if a class label of these names is missing, as -1 in some splits."""
        for feature in self._features:
            if feature.labels and feature.name in names and self._fields.get(feature.name) == -1:
                raise Stopped("no_label", f"{feature.name!r} is -1: the row has no label")

    def _numbers(self) -> dict[str, Any]:
        """The class labels that stand in the row by name, by number."""
        found = {}
        for feature in self._features:
            value = self._fields.get(feature.name)
            if isinstance(value, str) and value in feature.labels:
                found[feature.name] = feature.labels.index(value)
        return found


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    if any(map(_holds_mark, fields.values())):
        raise Stopped("separator", "a field holds the characters that stand for the separator")
    return {name: of_row(value) for name, value in fields.items()}


def _holds_mark(value: Any) -> bool:
    if isinstance(value, str):
        return MARK in value
    if isinstance(value, dict):
        return any(map(_holds_mark, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_holds_mark, value))
