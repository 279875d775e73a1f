"""The types of constraints that there are, by id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from selfinstruct.adherence.combinations import COMBINATIONS, PUNCTUATION, REPEAT, request_in
from selfinstruct.adherence.constraint import Arguments, Constraint, Imposed
from selfinstruct.adherence.formats import CONTENTS, FORMATS
from selfinstruct.adherence.keywords import KEYWORDS
from selfinstruct.adherence.lengths import LENGTHS
from selfinstruct.adherence.manners import CASES, ENDS, LANGUAGE
from selfinstruct.errors import UserError

_GROUPS = (
    *(KEYWORDS, LANGUAGE, LENGTHS, CONTENTS, FORMATS),
    *(COMBINATIONS, CASES, ENDS, PUNCTUATION),
)
CONSTRAINTS: Mapping[str, Constraint] = {each.id: each for group in _GROUPS for each in group}
# Types that IFEval does not have.
FURTHER = frozenset(
    (
        *("keywords:in_order", "length_constraints:words_between"),
        *("length_constraints:longest_sentence", "detectable_format:numbered_list"),
        *("detectable_format:table", "startend:begins_with", "punctuation:forbidden_mark"),
    )
)


def constraint(name: str) -> Constraint:
    """Raises UserError for a type that there is not."""
    if name not in CONSTRAINTS:
        raise UserError(f"{name}: no such type of constraint; known are {', '.join(CONSTRAINTS)}")
    return CONSTRAINTS[name]


def types_in(names: Iterable[str]) -> set[str]:
    """The ids that names stand for: an id, or a family such as "keywords". Raises UserError."""
    found = set[str]()
    for name in names:
        family = {each for each in CONSTRAINTS if each.startswith(f"{name}:")}
        found |= family or {constraint(name).id}
    return found


def imposed(name: str, given: Arguments, prompt: str) -> Imposed:
    """The constraint with its arguments, those without a value left out.

    The prompt serves where the arguments do not say which request is to be repeated. Raises
    UserError for arguments that cannot be verified.
    """
    kind = constraint(name)
    arguments: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if name == REPEAT:
        arguments.setdefault("prompt_to_repeat", request_in(prompt))
    if (reason := kind.why_not_arguments(arguments)) is not None:
        raise UserError(f"{name}: {reason}")
    return Imposed(kind, arguments)
