"""The settings and the questions of `dynosaur`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from selfinstruct.asking.config import Config, larger_model
from selfinstruct.asking.endpoint import Rule, setting
from selfinstruct.asking.stage import Question
from selfinstruct.models import Decoding
from selfinstruct.parsing.field_tasks import FieldTasks, field_tasks

AWARE, UNAWARE = "aware", "unaware"
MOST_ENUM = 200  # names of fields, from which on a schema would be too large for servers


def schema_of(values: Mapping[str, object]) -> Mapping[str, Any]:
    """The properties of a reply about these fields: their names alone may be answered."""
    names = [line for line in str(values["fields"]).split("\n") if line]
    field: dict[str, Any] = {"type": "string"}
    if 0 < len(names) <= MOST_ENUM:
        field["enum"] = names
    properties = {
        "instruction": {"type": "string"},
        "input_fields": {"type": "array", "items": field},
        "output_field": field,
    }
    task = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"tasks": {"type": "array", "items": task}}


_NAMES = ("fields", "rows", "name", "description")
# 256 tokens are the paper's; a reply that was cut is asked for again with more.
QUESTIONS = {
    AWARE: Question(
        AWARE, field_tasks, _NAMES, schema_of, FieldTasks, reply_tokens=130.0, room=768
    ),
    UNAWARE: Question(
        UNAWARE, field_tasks, _NAMES[:2], schema_of, FieldTasks, reply_tokens=130.0, room=768
    ),
}


@dataclass(frozen=True, slots=True)
class DynosaurConfig(Config):
    """The settings of `dynosaur`."""

    RECIPE: ClassVar[str] = "dynosaur"
    command: ClassVar[str] = "dynosaur"
    items: ClassVar[str] = "datasets and parts"
    KEEPS_SEED: ClassVar[bool] = True
    STAGES: ClassVar[Mapping[str, Decoding]] = dict.fromkeys(
        (AWARE, UNAWARE), Decoding(temperature=0.0, max_tokens=256)
    )

    datasets: tuple[str, ...] = setting((), "Datasets.", free=True)  # fingerprinted
    tasks: str = setting(
        "",
        "A list of tasks (JSON, JSON Lines) to use; no model is asked.",
        free=True,  # copied and fingerprinted
        under="The method",
    )
    metadata: str = setting(
        "both",
        "Ask with the description of the dataset (aware), without (unaware), or both.",
        choices=("both", AWARE, UNAWARE),
        under="The method",
    )
    rows: int = setting(
        0, "Rows of a dataset that are read, from its first; 0: all.", under="The method"
    )
    per_task: int = setting(200, "Examples of a task at most; 0: all rows.", under="The method")
    per_dataset: int = setting(
        0, "Examples of a dataset at most, shared by its tasks; 0: no bound.", under="The method"
    )
    novelty: float = setting(
        0.7,
        "Drop an instruction so similar (ROUGE-L) to an earlier one for the same fields.",
        under="The method",
    )
    novelty_across: float = setting(
        1.0,
        "Drop an instruction so similar to one of another dataset; 1: keep all.",
        under="The method",
    )
    most_labels: int = setting(
        10, "Different outputs of a classification at most.", under="The method"
    )
    top_of_two: float = setting(
        0.7, "Share of the commoner of two labels at most.", under="The method"
    )
    top_of_more: float = setting(
        0.5, "Share of the commonest of three or more labels at most.", under="The method"
    )

    @property
    def questions(self) -> tuple[str, ...]:
        """The names of the questions of a run with these settings."""
        if self.tasks:
            return ()
        return (AWARE, UNAWARE) if self.metadata == "both" else (self.metadata,)

    @classmethod
    def asks_nobody(cls, said: Mapping[str, Any]) -> bool:
        return bool(said.get("tasks")) and not said.get("model")

    def rules(self) -> Iterator[Rule]:
        if not self.tasks:
            yield larger_model(self)
        yield "rows", self.rows >= 0, "at least 0 (0: all)"
        yield "per_task", self.per_task >= 0, "at least 0 (0: all rows)"
        yield "per_dataset", self.per_dataset >= 0, "at least 0 (0: no bound)"
        for name in ("novelty", "novelty_across", "top_of_two", "top_of_more"):
            yield name, 0 < getattr(self, name) <= 1, "above 0, and 1 at most"
        yield "most_labels", self.most_labels >= 2, "at least 2"
        yield from Config.rules(self)
