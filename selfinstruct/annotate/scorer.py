"""A scorer: a model that is asked how likely an output is after a task, never to write anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from selfinstruct.annotate.books import recorded
from selfinstruct.annotate.judges import folder_name
from selfinstruct.asking import settings
from selfinstruct.asking.endpoint import Endpoint, setting
from selfinstruct.asking.providers import extra_fields, is_scripted, only_model
from selfinstruct.asking.templates import Template, load
from selfinstruct.data.examples import Turn
from selfinstruct.errors import UserError
from selfinstruct.models import CONTINUATION, Completion, Decoding, Message, Request
from selfinstruct.models.openai.likelihoods import Likelihood
from selfinstruct.text import well_formed

FOLDER = "uncertainty"  # of the replies, in a run directory or in --out
STAGE = "likelihood"
_OUTPUT = "{{output}}"
_TEMPLATE = """\
--- prompt
{{before}}Task: {{instruction}}
{{given}}
Output: {{output}}
"""


@dataclass(frozen=True, slots=True)
class ScorerSettings(Endpoint):
    """The settings of a scorer."""

    STAGES: ClassVar[Mapping[str, Decoding]] = {}

    api: str = setting("completions", "Chats tell of replies alone.", choices=("completions",))
    preset: str = setting("likelihood", "Whose template.")


NAMES = tuple(each.name for each in fields(ScorerSettings) if each.name != "decodings")


@dataclass(frozen=True, slots=True)
class Subject:
    """The template of likelihoods, as `templates.load` asks for it."""

    name: str = STAGE
    names: tuple[str, ...] = ("instruction", "input", "given", "before", "system", "output")
    template: str = _TEMPLATE
    ending: str = ""


@dataclass(frozen=True, slots=True)
class Instance:
    """An output, and the task whose output it is."""

    id: str
    instruction: str
    input: str
    output: str
    system: str = ""
    history: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Scorer:
    """A model, with everything that decides its likelihoods."""

    config: ScorerSettings
    template: Template

    @property
    def identity(self) -> dict[str, Any]:
        """The settings that decide the likelihoods; the others may change at any time."""
        config = self.config
        return {
            "model": config.model,
            "extra_body": config.extra_body,
            "template": self.template.fingerprint,
        }

    @property
    def name(self) -> str:
        return folder_name(self.config.model, self.identity, "scorer")

    @property
    def settings(self) -> dict[str, Any]:
        config = self.config.record()
        return {name: config[name] for name in NAMES if name in config}

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        return self.template.files

    def request(self, instance: Instance, instruction: str | None = None) -> Request:
        """The request for the likelihood of an output.

        instruction: in the place of the instance's own. Blanks between the prompt and the output
        belong to the output, as tokenizers have them.
        """
        said = instance.instruction if instruction is None else instruction
        before, _, _ = self._filled(instance, said).partition(_OUTPUT)
        prompt = before.rstrip(" ")
        continuation = before[len(prompt) :] + well_formed(instance.output.strip())
        return Request(
            stage=STAGE,
            place=instance.id,
            model=self.config.model,
            api="completions",
            messages=(Message("prompt", prompt), Message(CONTINUATION, continuation)),
            # The most that any form of the request may write: a token for each byte.
            decoding=Decoding(temperature=0.0, max_tokens=len(continuation.encode())),
            seed=0,
            extra=tuple(sorted(extra_fields(self.config).items())),
        )

    def _filled(self, instance: Instance, instruction: str) -> str:
        turns = [f"{turn.role}: {turn.text}\n" for turn in instance.history]
        given = f"\nInput: {instance.input}\n" if instance.input else ""
        system = f"{instance.system}\n\n" if instance.system else ""
        values = {
            "instruction": instruction,
            "input": instance.input,
            "given": given,
            "system": instance.system,
            "before": system + "".join(turns),
            "output": _OUTPUT,
        }
        values = {name: well_formed(text) for name, text in values.items()}
        values = {**values, "instruction": values["instruction"].replace(_OUTPUT, "{ {output} }")}
        text = "\n\n".join(message.text for message in self.template.fill(values))
        return text if _OUTPUT in text else f"{text} {_OUTPUT}"


def likelihood_of(completion: Completion | None) -> Likelihood | None:
    """The likelihood in a completion on record; None for a request that was lost."""
    if completion is None or completion.error is not None:
        return None
    try:
        return Likelihood.from_text(completion.text)
    except (json.JSONDecodeError, KeyError, TypeError):
        return None


async def settled(out: Path, said: Mapping[str, Any], *, ask: bool = True) -> Scorer:
    """The scorer of the folder `out`: as recorded, but for the values in `said`, or a new scorer.

    ask: whether the endpoint may be asked which model it serves, where none is named. Raises
    UserError.
    """
    scorer = _settled(out, said)
    if scorer.config.model:
        return scorer
    return _settled(out, {**said, "model": await only_model(scorer.config, ask=ask)})


def _settled(out: Path, said: Mapping[str, Any]) -> Scorer:
    record = recorded(out, FOLDER)
    before = record["settings"] if record else {}
    if before and said.get("model", before["model"]) == before["model"]:
        known = {name: before[name] for name in NAMES if name in before}
        known["base_url"] = tuple(known.get("base_url", ()))
        config = settings.resumed(ScorerSettings.configured(known), said)
    else:
        config = settings.fresh(ScorerSettings, said)
    if is_scripted(config.model):
        raise UserError(
            f"--model {config.model}: knows no probabilities; name an endpoint, or --model local"
        )
    directory = Path(config.prompts) if config.prompts else None
    template = load(config.preset, questions=(Subject(),), directory=directory)[STAGE]
    return Scorer(config, template)
