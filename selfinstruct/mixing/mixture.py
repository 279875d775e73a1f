"""A mixture: components, their weights, and a budget. As a TOML file:

    n = 100_000                  # or tokens = 50_000_000
    cap = 3000                   # examples that count of a component at most
    temperature = 2
    tokenizer = "tokenizer.json"

    [[component]]
    name = "night"
    source = "runs/night"
    keep = ["score>=4"]

    [[component]]
    name = "web"
    source = "pages.jsonl.gz"
    text = true
    share = 0.05                 # of all tokens

A component with components of its own, instead of a source, is a group. `[[stage]]` tables hold
mixtures that are trained on one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

WEIGHTS = ("proportional", "equal")
FORMATS = ("messages", "sharegpt", "alpaca", "prompt-completion")


@dataclass(frozen=True, slots=True)
class Component:
    """A source, or a group of components. Only a group has parts, a cap and a temperature."""

    name: str
    source: str = ""  # a run, a file, or a folder of data files
    share: float | None = None  # fixed, of its group; of a text component: of all tokens
    limit: int | None = None  # records that are used at most
    repeats: int | None = None  # passes over its records at most; None: as many as are needed
    keep: tuple[str, ...] = ()
    license: str = ""
    fields: tuple[str, ...] = ()  # PART=COLUMN
    text: bool = False  # documents for pre-training
    cut: int | None = None  # tokens of a document at most; a longer one becomes several
    cap: int | None = None
    temperature: float = 1.0
    weights: str = "proportional"
    parts: tuple[Component, ...] = ()

    def leaves(self) -> Iterator[Component]:
        """The components with a source, in the order of the file."""
        if self.parts:
            for part in self.parts:
                yield from part.leaves()
        else:
            yield self


@dataclass(frozen=True, slots=True)
class Mixture:
    """Components with everything that decides the mixed data of a stage."""

    group: Component  # all components, with the mixture's cap, temperature and weights
    name: str = ""  # of a stage
    n: int | None = None
    tokens: int | None = None
    replay: float = 0.0  # share of the stage's rows that comes from earlier stages
    order: str = "mixed"  # mixed, component, tokens, characters, or the name of a number
    seed: int = 0
    tokenizer: str = ""
    format: str = "messages"
    system: str = ""

    @property
    def leaves(self) -> tuple[Component, ...]:
        return tuple(self.group.leaves())

    @property
    def counts_tokens(self) -> bool:
        """Whether anything depends on numbers of tokens."""
        needs = any(leaf.text or leaf.cut for leaf in self.leaves)
        return needs or self.tokens is not None or self.order == "tokens"


def described(mixture: Mixture) -> dict[str, Any]:
    """The settings of a mixture as JSON, defaults left out."""
    plain = replace(mixture, group=Component(""))
    values = {each.name: getattr(plain, each.name) for each in fields(Mixture)}
    values = {name: value for name, value in values.items() if value not in (None, "", 0.0)}
    del values["group"]
    return {**values, **_described(mixture.group)}


def _described(component: Component) -> dict[str, Any]:
    default = Component("")
    found: dict[str, Any] = {}
    for each in fields(Component):
        value = getattr(component, each.name)
        if each.name != "parts" and value != getattr(default, each.name):
            found[each.name] = list(value) if isinstance(value, tuple) else value
    if component.parts:
        found["component"] = [_described(part) for part in component.parts]
    return found
