"""The settings of a run: those of the endpoint and of every recipe. A recipe adds its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

from selfinstruct.asking.addresses import addresses_of
from selfinstruct.asking.endpoint import EDITION, Endpoint, Rule, setting
from selfinstruct.asking.providers import is_local, is_scripted
from selfinstruct.models import Decoding

C = TypeVar("C", bound="Config")
# The stages of verification, which runs of every recipe may have, as they sample by default.
_VERIFYING = {
    "verify": Decoding(temperature=0.0, max_tokens=1024),
    "tests": Decoding(temperature=0.0, max_tokens=1024),
    "mending": Decoding(temperature=0.7, top_p=0.95, max_tokens=2048),
}
GATES = ("arithmetic", "code")  # of --verify-with; every other word is a model's name


@dataclass(frozen=True, slots=True)
class Config(Endpoint):
    """Everything that decides a run, whatever its recipe."""

    BESIDE: ClassVar[Mapping[str, Decoding]] = _VERIFYING
    RECIPE: ClassVar[str] = ""  # its name in recipes/catalogue.py
    command: ClassVar[str] = "generate"  # the command that makes such a run
    items: ClassVar[str] = "turns"  # what the recipe's items are called
    IS_SPLIT: ClassVar[bool] = True  # a job of this recipe can be split into shards
    KEEPS_SEED: ClassVar[bool] = False  # shards have the job's seed: together they are the whole
    n: int = setting(0, "Examples in the finished dataset; 0: all.", free=True, under="The run")
    seed: int = setting(0, "Decides every random choice of the run.", under="The run")
    shard: str = setting(
        "",
        "This run's part of a larger job: K/N, from 0/N on. It has its share of --n, of the items "
        "and of every cap.",
        under="The run",
    )
    stall_turns: int = setting(
        50,
        "Stop after so many turns, or twice as many instructions, in a row that gave nothing.",
        free=True,
        under="Speed and patience",
    )

    verify_with: tuple[str, ...] = setting(
        (),
        "Who checks each example before it is kept: a model's name, 'code' (runs Python with tests "
        "that a model writes), 'arithmetic' (computes sums again).",
        under="Verification",
    )
    mend: int = setting(
        1,
        "Second attempts at an output that fails, with the reason shown: 1 or 0.",
        under="Verification",
    )
    edition: int = field(default=EDITION, metadata={"is_recorded_only": True})

    @classmethod
    def asks_nobody(cls, said: Mapping[str, Any]) -> bool:
        """Whether a run with the settings `said` has no question for a model."""
        return not cls.STAGES

    @property
    def recipe(self) -> str:
        """The name of the recipe in recipes/catalogue.py."""
        return self.RECIPE

    @property
    def verifiers(self) -> tuple[str, ...]:
        """The models that review examples."""
        return tuple(name for name in self.verify_with if name not in GATES)

    @property
    def answering(self) -> tuple[str, ...]:
        """The models that write outputs, the main model first."""
        return (self.model,)

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.answering, *self.verifiers)))

    @property
    def stop_after(self) -> int:
        """Examples after which the run ends; a number that is never reached where n is 0."""
        return self.n or sys.maxsize

    @property
    def asked(self) -> str:
        """The models that are asked, for a person."""
        return ", ".join(self.models) if self.STAGES else "none"

    @property
    def method(self) -> str:
        """How the data is made, in a few words for a person."""
        return f"recipe {self.recipe}"

    @property
    def comparison(self) -> tuple[str, float]:
        """The tokenizer and the threshold by which instructions are compared (ROUGE-L)."""
        return "unicode", 0.7

    @property
    def basis(self) -> Mapping[str, Any]:
        """The settings that decide the defaults of others."""
        return {}

    def rules(self) -> Iterator[Rule]:
        yield "n", self.n >= 0, "at least 0 (0: all)"
        yield "stall_turns", self.stall_turns >= 1, "at least 1"
        yield "mend", self.mend in (0, 1), "1 or 0"
        is_named = "" not in self.verify_with
        yield "verify_with", is_named, "a model's name, code or arithmetic"
        home = _home_of(self.model)
        others = [name for name in self.answering if _home_of(name) != home]
        beside = f"at the same endpoint as {', '.join(others)}"
        yield "model", not (self.model and others), beside
        served = not self.model or all(_home_of(name) == home for name in self.verifiers)
        yield "verify_with", served, f"code, arithmetic or a model beside --model {self.model}"
        yield from Endpoint.rules(self)


@dataclass(frozen=True, slots=True)
class Unasked(Config):
    """The settings of a recipe that asks nobody: whatever it makes is in its sources."""

    IS_SPLIT: ClassVar[bool] = False
    STAGES: ClassVar[Mapping[str, Decoding]] = {}


def _home_of(model: str) -> str:
    """Where a model is: the scripted one, a local one by its file, or at the endpoint."""
    if is_scripted(model):
        return "scripted"
    return model if is_local(model) else "endpoint"


def larger_model(config: Config) -> Rule:
    """The rule of a recipe whose replies the embedded model cannot write."""
    wanted = "a larger model than the embedded one: an endpoint's, or local:FILE.gguf"
    return "model", config.model != "local", wanted


def from_record(kind: type[C], record: Mapping[str, Any], older: Mapping[str, Any]) -> C:
    """The settings that `Endpoint.record` wrote; `older`: values of runs that knew no such setting.

    Raises KeyError, TypeError or ValueError for a record of another form.
    """
    known = {each.name for each in fields(kind)} - {"decodings"}
    values = {"edition": 1, **older} | {
        name: value for name, value in record.items() if name in known
    }
    address = values.get("base_url", ())  # once there was but one
    values["base_url"] = addresses_of(address) if isinstance(address, str) else tuple(address)
    for each in fields(kind):
        if isinstance(each.default, tuple) and isinstance(values.get(each.name), list):
            values[each.name] = tuple(values[each.name])
    decodings = {
        name: Decoding(**{**value, "stop": tuple(value["stop"])})
        for name, value in record.items()
        if isinstance(value, dict) and "max_tokens" in value
    }
    for stage in kind.STAGES:
        if stage not in decodings:
            raise KeyError(stage)
    return kind(**values, decodings=decodings)
