"""From a row to a prompt and its targets: templates in Jinja, and FLAN's pairs of patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Protocol

from selfinstruct.errors import UserError
from selfinstruct.records.datasets.features import Feature
from selfinstruct.templates.compiled import Compiled
from selfinstruct.templates.limits import LONGEST, Refused, Stopped
from selfinstruct.templates.operators import RowList
from selfinstruct.templates.pattern import FLAN, PLAIN, Pattern, Rendered
from selfinstruct.templates.rows import ROW, Values
from selfinstruct.templates.sandbox import Sandbox
from selfinstruct.templates.syntax import CHOICES, MARK

_FIELD = re.compile(r"\{([^{}]*)\}")
_OPTIONS = ("options_", "options_str")  # FLAN's own fields, made of a label's names
_ANSWER = "answer"
_LINES = "_newline"


class Renderer(Protocol):
    """A template that was checked. fields: the names of the fields in use."""

    pattern: Pattern
    fields: frozenset[str]

    def render(self, values: Values, chance: Callable[[], Random]) -> Rendered:
        """The row's prompt and targets. Raises Stopped."""
        ...


def renderer_of(pattern: Pattern, sandbox: Sandbox, features: Sequence[Feature] = ()) -> Renderer:
    """The template of a pattern, for a dataset whose features these are. Raises UserError."""
    try:
        if pattern.form == FLAN:
            return _Pair(pattern, features)
        return _Jinja(pattern, sandbox)
    except Refused as error:
        raise UserError(pattern.at(error.line, error.why)) from None


class _Jinja:
    """promptsource's form, and our own, which is strict: a missing value is a fault."""

    def __init__(self, pattern: Pattern, sandbox: Sandbox) -> None:
        self.pattern, self._is_strict = pattern, pattern.form == PLAIN
        self._whole = Compiled(sandbox, pattern.text)
        self.fields = self._whole.fields - {CHOICES}
        self._fixed, self._choices = self._choices_of(pattern.choices, sandbox)
        if self._choices is not None:
            self.fields |= self._choices.fields

    @staticmethod
    def _choices_of(text: str | None, sandbox: Sandbox) -> tuple[RowList | None, Compiled | None]:
        """The choices, if they are the same for every row, or else their template."""
        if text is None:
            return None, None
        try:
            choices = Compiled(sandbox, text)
            if "{" in text:
                return None, choices
            return _split(choices.text({}, lambda: Random(0), is_strict=False)), None
        except Refused as error:
            raise Refused(1, f"answer_choices: {error.why}") from None

    def render(self, values: Values, chance: Callable[[], Random]) -> Rendered:
        fields = values.named if self._is_strict else values.numbered
        values.check_labels(self.fields)
        if self._fixed is not None:
            fields = {**fields, CHOICES: self._fixed}
        elif self._choices is not None:
            text = self._choices.text(fields, chance, is_strict=self._is_strict)
            fields = {**fields, CHOICES: _split(text)}
        text = self._whole.text(fields, chance, is_strict=self._is_strict)
        prompt, *targets = (part.strip() for part in text.split(MARK))
        if not prompt and not any(targets):
            raise Stopped("no_text", "gives nothing for this row")
        if not targets:
            raise Stopped("no_target", "gives no target: no separator ||| in its text")
        return _rendered(prompt, targets)


def _split(text: str) -> RowList:
    return RowList(part.strip() for part in text.split(MARK))


def _rendered(prompt: str, targets: Sequence[str]) -> Rendered:
    if not prompt.strip():
        raise Stopped("empty_prompt", "gives an empty prompt")
    given = tuple(target for target in targets if target.strip())
    if not given:
        raise Stopped("empty_target", "gives an empty target")
    return Rendered(prompt, given)


class _Pair:
    """FLAN's form: an input and a target with {fields}."""

    def __init__(self, pattern: Pattern, features: Sequence[Feature]) -> None:
        self.pattern = pattern
        self._parts = [_parts_of(pattern.text), _parts_of(pattern.target)]
        named = {name for parts in self._parts for name in parts[1::2]}
        labels = [feature for feature in features if feature.kind == "class_label"]
        self._label = labels[0] if len(labels) == 1 else None
        self._made = {name for name in named if name in (_ANSWER, *_OPTIONS)}
        self.fields = frozenset(self._source(name) for name in named)

    def _source(self, name: str) -> str:
        """The field that a name of FLAN's stands for where the dataset has no such field."""
        return self._label.name if name in self._made and self._label is not None else name

    def render(self, values: Values, chance: Callable[[], Random]) -> Rendered:
        values.check_labels(self.fields)
        fields = values.named
        prompt, target = ("".join(self._filled(parts, fields)) for parts in self._parts)
        if len(prompt) + len(target) > LONGEST:
            raise Stopped("too_long", f"gives more than {LONGEST:,} characters")
        return _rendered(prompt, [target])

    def _filled(self, parts: list[str], fields: dict[str, Any]) -> list[str]:
        found = list(parts)
        found[1::2] = [self._text(name, fields) for name in parts[1::2]]
        return found

    def _text(self, name: str, fields: dict[str, Any]) -> str:
        if name in fields and name != ROW:
            return _plain(name, fields[name])
        if name in _OPTIONS:
            options = fields.get("options")
            if options is None and self._label is not None:
                options = self._label.labels
            if isinstance(options, (list, tuple)) and options:
                return "OPTIONS:\n- " + "\n- ".join(map(str, options))
        if name == _ANSWER and self._label is not None and self._label.name in fields:
            return _plain(name, fields[self._label.name])
        of_list = fields.get(name.removesuffix(_LINES))
        if name.endswith(_LINES) and isinstance(of_list, list):
            return "\n".join(_plain(name, each) for each in of_list)
        raise Stopped("unknown_field", f"the row has no field {name!r}")


def _parts_of(text: str) -> list[str]:
    """Texts and names in turn. Raises Refused."""
    parts = _FIELD.split(text)
    for at, part in enumerate(parts):
        line = 1 + "".join(parts[:at]).count("\n")
        if at % 2 == 0 and ("{" in part or "}" in part):
            raise Refused(line, "has a brace without its pair")
        if at % 2 and (not part.strip() or part.startswith("_") or "__" in part or "!" in part):
            raise Refused(line, f"names {part!r}, which is no field")
    return parts


def _plain(name: str, value: Any) -> str:
    """A value as FLAN writes it. Raises Stopped."""
    if value is None:
        raise Stopped("missing_value", f"{name!r} is null in this row")
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(name, each) for each in value)
    if isinstance(value, dict):
        raise Stopped("no_text", f"{name!r} is an object, which has no text")
    return str(value)
