"""The settings of Self-Instruct and of Alpaca's variant, with their presets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from selfinstruct.asking.endpoint import Rule, changed, setting
from selfinstruct.errors import UserError
from selfinstruct.models import Decoding
from selfinstruct.recipes.topics.settings import ThemedConfig
from selfinstruct.seeding import generator

_UNUSED = {name: Decoding() for name in ("classify", "input_first", "output_first")}
_CHAT_STAGES = {
    "propose": Decoding(temperature=1.0, top_p=0.95, max_tokens=3072),
    "classify": Decoding(temperature=0.0, max_tokens=16),
    "input_first": Decoding(temperature=0.7, top_p=0.95, max_tokens=3072),
    "output_first": Decoding(temperature=0.7, top_p=0.95, max_tokens=2048),
}


@dataclass(frozen=True, slots=True)
class Defaults:
    """The settings that a preset changes, the decoding of its stages, and its recipe."""

    decodings: Mapping[str, Decoding]
    values: Mapping[str, Any]
    recipe: str = "self-instruct"


# `chat`: instruction-tuned models. `paper`: section 2.2 and table 4 of appendix A. `alpaca`: the
# variant of Alpaca. `small`: models of some hundred million weights, held to a form by grammars.
PRESETS: dict[str, Defaults] = {
    "chat": Defaults(_CHAT_STAGES, {}),
    "paper": Defaults(
        {
            "propose": Decoding(0.7, 0.5, 1024, 2.0, 0.0, ("\n\n", "\n16", "16.", "16 .")),
            "classify": Decoding(0.0, 0.0, 3, 0.0, 0.0, ("\n", "Task:")),
            "input_first": Decoding(0.0, 0.0, 350, 1.5, 0.0, ("Task:",)),
            "output_first": Decoding(0.0, 0.0, 300, 1.5, 0.0, ("Task:",)),
        },
        {
            "api": "completions",
            "tokenizer": "rouge",
            "reject": "none",
            "new_per_turn": 7,
            "max_instances_per_task": 5,
            "attempts": 1,
        },
    ),
    "alpaca": Defaults(
        {"propose": Decoding(temperature=1.0, top_p=1.0, max_tokens=3072), **_UNUSED},
        {"demos": 3, "machine_demos": 0, "new_per_turn": 20, "max_instances_per_task": 1},
        "alpaca",
    ),
    "small": Defaults(
        {
            "propose": Decoding(0.8, 0.9, 160, 0.5, 0.2),
            "classify": Decoding(temperature=0.0, max_tokens=8),
            "input_first": Decoding(0.4, 0.9, 200, 0.3, 0.2),
            "output_first": Decoding(0.5, 0.9, 140),
        },
        {
            "api": "completions",
            "demos": 6,
            "machine_demos": 1,
            "new_per_turn": 3,
            "max_instances_per_task": 1,
            "attempts": 1,
        },
    ),
}


def _method(default: Any, help: str, *, choices: tuple[str, ...] = ()) -> Any:
    return setting(default, help, choices=choices, under="The method")


@dataclass(frozen=True, slots=True)
class SelfInstructConfig(ThemedConfig):
    """The settings of `generate` (paper, section 2.2)."""

    STAGES: ClassVar[Mapping[str, Decoding]] = _CHAT_STAGES
    EMBEDDED: ClassVar[Mapping[str, Any]] = {"preset": "small"}  # short raw prompts and grammars

    n: int = setting(100, "Examples in the finished dataset.", free=True, under="The run")
    preset: str = _method("chat", "Prompts, parsing, filters and decoding.", choices=tuple(PRESETS))
    seed_tasks: str = setting(
        "",
        "Seed tasks: JSON Lines, a finished run, or examples in any usual form.",
        free=True,  # what the file holds is fingerprinted
        under="The method",
    )
    draws: str = setting(
        "",
        "With --preset chat: the lists of forms, subjects, askers and others that each propose "
        "prompt draws from; none: nothing is drawn.",
        free=True,  # the lists are fingerprinted
        under="The method",
    )
    threshold: float = _method(
        0.7, "Drop an instruction whose ROUGE-L with anything in the pool is above this."
    )
    tokenizer: str = _method("unicode", "How ROUGE-L splits text.", choices=("rouge", "unicode"))
    demos: int = _method(8, "Instructions shown in a propose prompt.")
    machine_demos: int = _method(
        2, "How many of them at most are the model's own; the rest are seeds."
    )
    new_per_turn: int = _method(8, "New instructions asked for in a propose prompt.")
    max_instances_per_task: int = _method(3, "Examples kept of one instruction.")
    reject: str = _method(
        "certain",
        "Defects that drop an example: certain, annotate or none (drop none), or a list.",
    )
    lag: int = _method(
        256,
        "A turn draws its demonstrations from the pool as it stood up to this many turns before; "
        "a larger lag means fewer rounds with --batch.",
    )
    other_models: tuple[str, ...] = setting((), "The models beside the first.")
    tail: float = _method(
        0.0,
        "With --preset chat: ask for tasks of at most this probability, and for the probability of "
        "each (verbalized sampling); 1: of any probability; 0: do not ask.",
    )
    record_similarity: bool = _method(
        False, "Record each instruction's ten most similar pool items (slow in a large pool)."
    )

    @classmethod
    def configured(cls, *layers: Mapping[str, Any]) -> SelfInstructConfig:
        return configure(*layers)

    @property
    def answering(self) -> tuple[str, ...]:
        return (self.model, *self.other_models)

    def model_of(self, turn: int) -> str:
        """The model of a turn: it proposes and fills. Drawn if there are several."""
        if not self.other_models:
            return self.model
        return generator(self.seed, "model", turn).choice(self.answering)

    @property
    def recipe(self) -> str:  # the preset decides
        return PRESETS[self.preset].recipe

    @property
    def method(self) -> str:
        return f"preset {self.preset}"

    @property
    def comparison(self) -> tuple[str, float]:
        return self.tokenizer, self.threshold

    @property
    def basis(self) -> Mapping[str, Any]:
        return {"preset": self.preset}

    def rules(self) -> Iterator[Rule]:
        yield "n", self.n >= 1, "at least 1"
        yield "threshold", 0 <= self.threshold <= 1, "between 0 and 1"
        yield "demos", self.demos >= 1, "at least 1"
        fits = 0 <= self.machine_demos <= self.demos
        yield "machine_demos", fits, f"between 0 and --demos ({self.demos})"
        yield "new_per_turn", 1 <= self.new_per_turn <= 100, "between 1 and 100"
        yield "max_instances_per_task", self.max_instances_per_task >= 1, "at least 1"
        yield "attempts", self.attempts >= 1, "at least 1"
        yield "lag", self.lag >= 1, "at least 1"
        yield from ThemedConfig.rules(self)
        distinct = len(set(self.answering)) == len(self.answering)
        yield "model", distinct, "named once; several models take turns"
        yield "tail", 0 <= self.tail <= 1, "between 0 and 1"
        asked = not self.tail or self.preset == "chat"
        yield "tail", asked, f"0 with --preset {self.preset}, whose replies have no room for it"
        if PRESETS[self.preset].recipe == "alpaca":
            whole = self.machine_demos == 0
            yield "machine_demos", whole, "0 with --preset alpaca, which shows whole seed tasks"
            yield "response_format", self.response_format == "text", "text with --preset alpaca"


def configure(*layers: Mapping[str, Any]) -> SelfInstructConfig:
    """The defaults, then the preset's values, then each layer's over the one before.

    A layer is a config file or a command line. Raises UserError.
    """
    preset = next((layer["preset"] for layer in reversed(layers) if "preset" in layer), "chat")
    if preset not in PRESETS:
        raise UserError(f"--preset {preset}: no such preset (known: {', '.join(PRESETS)})")
    defaults = PRESETS[preset]
    config = SelfInstructConfig(preset=preset, decodings=dict(defaults.decodings))
    return changed(replace(config, **defaults.values), *layers)
