"""The recipes that there are, by name. Each is imported when a run of it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from selfinstruct.asking.config import Config, from_record
from selfinstruct.errors import UserError
from selfinstruct.recipes import Recipe


@dataclass(frozen=True, slots=True)
class Kind:
    """A recipe's class and that of its settings, each as it is or as "module:Class"."""

    settings: str | type[Config]
    recipe: str | type[Recipe]
    older: Mapping[str, Any] = field(default_factory=dict)  # settings that old runs did not know

    def load_settings(self) -> type[Config]:
        found: type[Config] = _loaded(self.settings)
        return found

    def load(self) -> type[Recipe]:
        found: type[Recipe] = _loaded(self.recipe)
        return found


def _loaded(home: Any) -> Any:
    if not isinstance(home, str):
        return home
    module, _, name = home.partition(":")
    return getattr(import_module(module), name)


_SETTINGS = "selfinstruct.recipes.self_instruct.settings:SelfInstructConfig"
_OLDER = {"attempts": 1, "reject": "none"}
RECIPES: dict[str, Kind] = {
    "self-instruct": Kind(
        _SETTINGS, "selfinstruct.recipes.self_instruct.recipe:SelfInstruct", _OLDER
    ),
    "alpaca": Kind(_SETTINGS, "selfinstruct.recipes.alpaca:Alpaca", _OLDER),
    "respond": Kind(
        "selfinstruct.recipes.responses:RespondConfig", "selfinstruct.recipes.responses:Respond"
    ),
    "unnatural": Kind(
        "selfinstruct.recipes.unnatural.settings:UnnaturalConfig",
        "selfinstruct.recipes.unnatural.recipe:Unnatural",
    ),
    "evolve": Kind(
        "selfinstruct.recipes.evolve.settings:EvolveConfig",
        "selfinstruct.recipes.evolve.recipe:Evolve",
    ),
    "paraphrase": Kind(
        "selfinstruct.recipes.paraphrase:ParaphraseConfig",
        "selfinstruct.recipes.paraphrase:Paraphrase",
    ),
    "invert": Kind(
        "selfinstruct.recipes.inversion:InvertConfig", "selfinstruct.recipes.inversion:Invert"
    ),
    "chat": Kind(
        "selfinstruct.recipes.chats.settings:ChatConfig", "selfinstruct.recipes.chats.recipe:Chat"
    ),
    "merge": Kind(
        "selfinstruct.recipes.merging.settings:MergeConfig",
        "selfinstruct.recipes.merging.recipe:Merge",
    ),
    "constrain": Kind(
        "selfinstruct.recipes.constraints:ConstrainConfig",
        "selfinstruct.recipes.constraints:Constrain",
    ),
    "dynosaur": Kind(
        "selfinstruct.recipes.dynosaur.settings:DynosaurConfig",
        "selfinstruct.recipes.dynosaur.recipe:Dynosaur",
    ),
    "render": Kind(
        "selfinstruct.recipes.render.settings:RenderConfig",
        "selfinstruct.recipes.render.recipe:Render",
    ),
    "natural": Kind(
        "selfinstruct.recipes.natural:NaturalConfig", "selfinstruct.recipes.natural:Natural"
    ),
    "import": Kind(
        "selfinstruct.recipes.imports.settings:ImportConfig",
        "selfinstruct.recipes.imports.recipe:Import",
    ),
}


def kind_of(name: str) -> Kind:
    """Raises UserError for a recipe that there is not."""
    if name not in RECIPES:
        known = ", ".join(RECIPES)
        raise UserError(f"recipe {name!r}: this version knows no such recipe (known: {known})")
    return RECIPES[name]


def config_of(record: Mapping[str, Any]) -> Config:
    """The settings in run.json's record. Runs of version 0.1 name no recipe: their preset does.

    Raises UserError, KeyError, TypeError or ValueError.
    """
    kind = kind_of(record.get("recipe", "self-instruct"))
    return from_record(kind.load_settings(), record["config"], kind.older)
