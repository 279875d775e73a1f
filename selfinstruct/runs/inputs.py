"""The inputs of a run besides its settings: templates and materials, read, checked and kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfinstruct.asking import templates as templating
from selfinstruct.asking.config import Config
from selfinstruct.asking.providers import extra_fields
from selfinstruct.asking.settings import check_limited
from selfinstruct.asking.stage import Question, Stage
from selfinstruct.asking.templates import Template
from selfinstruct.errors import UserError
from selfinstruct.recipes import Materials, Recipe
from selfinstruct.recipes.catalogue import kind_of
from selfinstruct.recipes.topics.settings import LABELS, read_themes
from selfinstruct.recipes.topics.themes import Themes
from selfinstruct.recipes.topics.tree import DECODING
from selfinstruct.runs.journal import write_whole
from selfinstruct.verification import sandbox
from selfinstruct.verification.code import Execute
from selfinstruct.verification.settings import gates_for, questions_for, templates_for

if TYPE_CHECKING:
    from selfinstruct.verification.gates import Gates

FOLDER = "inputs"  # in a run directory
_PROMPTS = "prompts"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Stages and materials of a run, and the texts of their files, by name in a run directory."""

    config: Config
    recipe: type[Recipe]
    stages: dict[str, Stage]
    materials: Materials
    files: dict[str, str]
    themes: Themes

    @classmethod
    def read(
        cls, config: Config, *, kept: Path | None = None, named: Collection[str] = ()
    ) -> Inputs:
        """The inputs that the settings name, or else those of this package. Raises UserError.

        `kept`: the folder of a run that goes on. Its copies serve again, unless the setting is
        `named` anew, so that neither a new version of this package nor an edited file changes a
        run unasked.
        """
        if kept is None:
            named = ("seed_tasks", "prompts", *named)
        recipe = kind_of(config.recipe).load()
        materials = recipe.read(config, kept, named)
        themes = read_themes(config, kept, named)
        directory = Path(config.prompts) if config.prompts else None
        if kept is not None and "prompts" not in named:
            directory = kept / _PROMPTS
        questions = [*themes.questions, *recipe.questions_of(config)]
        templates = templating.load(
            recipe.folder_of(config),
            questions=questions,
            directory=directory,
            fallback=kept and kept / _PROMPTS,
            as_json=config.response_format != "text",
        )
        checking = questions_for(config, recipe.criteria)
        templates |= templates_for(
            checking,
            recipe.folder_of(config),
            directory=directory,
            fallback=kept and kept / _PROMPTS,
            as_json=config.response_format != "text",
        )
        stages = _stages(config, [*questions, *checking], templates)
        check_limited(config, {name: stage.decoding for name, stage in stages.items()})
        files = {**materials.files, **themes.files}
        for template in templates.values():
            files |= {f"{_PROMPTS}/{name}": text for name, text in template.files}
        return cls(config, recipe, stages, materials, files, themes)

    def open(self) -> Recipe:
        """The recipe, before its first item."""
        recipe = self.recipe(self.config, self.materials.value)
        recipe.themes = self.themes
        return recipe

    async def check(self) -> None:
        """Raises UserError where this machine cannot do what the settings ask for."""
        if "code" in self.config.verify_with:
            await sandbox.check()

    def gates(self, recipe: Recipe, execute: Execute) -> Gates | None:
        """The gates that every example of the recipe passes."""
        return gates_for(self.config, recipe.criteria, recipe.why_not_mended, execute)

    def reply_tokens(self, recipe: Recipe, stage: str, *, lucky: bool) -> float:
        """Tokens of a reply of the stage, about."""
        if stage in self.themes.to_write or stage in self.config.BESIDE:
            return self.stages[stage].question.reply_tokens
        return recipe.reply_tokens(stage, lucky=lucky)

    def expected(self) -> int | None:
        """How many examples there will be at most; None: nobody knows. May read every source."""
        return self.recipe.expected(self.config, self.materials.value)

    @property
    def fingerprints(self) -> Mapping[str, Any]:
        return {**self.materials.fingerprints, **self.themes.fingerprints}

    @property
    def prompt_fingerprints(self) -> dict[str, str]:
        return {name: stage.template.fingerprint for name, stage in self.stages.items()}

    def differences(self, before: Mapping[str, Any]) -> list[str]:
        """The differences from the inputs in `before`, the record of run.json."""
        found = [
            self.recipe.labels.get(name) or LABELS.get(name, f"{name}: another")
            for name, value in self.fingerprints.items()
            if before.get(name) != value
        ]
        prompts = self.prompt_fingerprints
        changed = (name for name in prompts if before["prompts"].get(name) != prompts[name])
        return found + [f"the template {name} is another" for name in changed]

    def keep(self, directory: Path) -> None:
        """Write a copy into a run directory. Raises OSError."""
        for name, text in self.files.items():
            path = directory / FOLDER / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, text)


def _stages(
    config: Config, questions: Sequence[Question], templates: Mapping[str, Template]
) -> dict[str, Stage]:
    """The questions with their templates, as the settings ask them. Raises UserError."""
    fields = extra_fields(config)
    if "grammar" in fields and any(template.grammar for template in templates.values()):
        raise UserError("--extra-body: 'grammar' cannot be set there: every template has its own")
    extra = tuple(sorted(fields.items()))
    return {
        each.name: Stage(
            *(each, templates[each.name], config, config.seed, extra),
            decoding=config.decodings.get(each.name) or config.BESIDE.get(each.name, DECODING),
            edition=config.edition,
        )
        for each in questions
    }
