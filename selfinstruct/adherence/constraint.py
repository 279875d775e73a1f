"""A type of verifiable constraint, and a constraint with its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

Arguments = Mapping[str, Any]
Draw = Callable[[Random, Sequence[str]], dict[str, Any]]
"""Arguments from a generator and the words that a response may have to hold."""

AT_LEAST, LESS_THAN = "at least", "less than"
COUNT, TEXT, TEXTS, RELATION = "a whole number", "a text", "a list of texts", "a relation"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A type of constraint.

    follows: whether a response keeps to the arguments. needs: the kind of each argument by name.
    wordings: descriptions in which {name} stands for an argument. aspects: the sides of a response
    that the type decides; two types that share an aspect do not go together. draw: makes arguments;
    None for a type that suits few tasks and is never drawn.
    """

    id: str
    follows: Callable[[str, Arguments], bool]
    wordings: tuple[str, ...]
    aspects: frozenset[str]
    needs: Mapping[str, str] = field(default_factory=dict)
    draw: Draw | None = None

    def why_not_arguments(self, arguments: Arguments) -> str | None:
        """The reason why the arguments cannot be verified."""
        for name, kind in self.needs.items():
            if name not in arguments:
                return f"argument {name!r} is missing"
            if not _is(arguments[name], kind):
                return f"argument {name!r} must be {kind}, not {arguments[name]!r}"
        return None

    def goes_with(self, other: Constraint) -> bool:
        """Whether a response can follow both, whatever the arguments."""
        return not self.aspects & other.aspects


@dataclass(frozen=True, slots=True)
class Imposed:
    """A type with its arguments, as a prompt imposes them."""

    constraint: Constraint
    arguments: Arguments

    def is_followed_by(self, response: str) -> bool:
        """Whether a response keeps to the constraint; a blank response never does."""
        return bool(response.strip()) and self.constraint.follows(response, self.arguments)

    def in_words(self, generator: Random) -> str:
        """A description, in a wording that the generator draws."""
        wording = generator.choice(self.constraint.wordings)
        return wording.format_map({name: _shown(value) for name, value in self.arguments.items()})


def holds(relation: str, count: int, bound: int) -> bool:
    """Whether a count is at least, or less than, its bound."""
    return count < bound if relation == LESS_THAN else count >= bound


def _is(value: object, kind: str) -> bool:
    if kind == COUNT:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if kind == TEXTS:
        return isinstance(value, list) and all(isinstance(each, str) and each for each in value)
    if kind == RELATION:
        return value in (AT_LEAST, LESS_THAN)
    return isinstance(value, str) and bool(value.strip())


def _shown(value: object) -> str:
    return ", ".join(f'"{text}"' for text in value) if isinstance(value, list) else str(value)
