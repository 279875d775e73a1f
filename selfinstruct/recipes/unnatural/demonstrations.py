"""Demonstrations: tasks with an input and constraints on the output, to be shown in prompts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selfinstruct.asking.templates import PROMPTS
from selfinstruct.data.collected import Collected
from selfinstruct.errors import UserError
from selfinstruct.parsing.elicited import NONE
from selfinstruct.recipes import Materials
from selfinstruct.recipes.sources import Sources
from selfinstruct.text import to_json

FILE = "demonstrations.jsonl"  # in the folder of a run's inputs
PACKAGED = PROMPTS / "unnatural" / FILE
_LONGEST = 1500  # characters of an input that is shown


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A task without its output. An empty input: the task takes none."""

    id: str
    instruction: str
    input: str
    constraints: str


def as_text(shown: Demonstration) -> str:
    """The demonstration as it stands in a prompt."""
    return (
        f"Instruction: {shown.instruction}\n"
        f"Input: {shown.input or 'None'}\nConstraints: {shown.constraints}"
    )


def read_materials(paths: Sequence[str], kept: Path | None, *, at_least: int) -> Materials:
    """The demonstrations of sources, or of a run's own copy in the folder `kept`.

    paths: runs or files; none: the packaged tasks. Chats, very long inputs and all but the
    first of equal tasks are left out. Raises UserError for an unreadable source, and for fewer
    demonstrations than `at_least`.
    """
    if kept is not None:
        text = _text_of(kept / FILE)
        shown = [Demonstration(**json.loads(line)) for line in text.split("\n") if line]
    else:
        shown = _collected(paths, at_least)
        text = "".join(f"{to_json(asdict(task))}\n" for task in shown)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Materials(shown, {FILE: text}, {"demonstrations": digest})


def _collected(paths: Sequence[str], at_least: int) -> list[Demonstration]:
    rows = Sources(paths or (str(PACKAGED),))
    tasks = (_task(row) for row in rows if not row.history and not row.system)
    found = {(task.instruction, task.input): task for task in tasks if len(task.input) <= _LONGEST}
    if len(found) < at_least:
        raise UserError(
            f"{', '.join(paths)}: {len(found)} tasks to show, and a prompt shows {at_least}; "
            "name a larger source with --from"
        )
    return list(found.values())


def _text_of(copy: Path) -> str:
    try:
        return copy.read_text("utf-8")
    except OSError as error:
        raise UserError(f"{copy}: cannot read the tasks to show ({error.strerror})") from None


def _task(row: Collected) -> Demonstration:
    """The task of a row; of a seed task with its first input."""
    outputs, asked, given = list(_outputs(row)), row.instruction, row.input
    provenance = row.rest.get("provenance")
    if isinstance(provenance, dict) and "constraints" in provenance:  # of a run of this recipe
        asked, given = str(provenance.get("task", asked)), str(provenance.get("input", given))
    instances = row.rest.get("instances")
    if isinstance(instances, list) and instances and isinstance(instances[0], dict):
        given = str(instances[0].get("input") or "")
    return Demonstration(row.id, asked, given, _constraints(row, outputs))


def _outputs(row: Collected) -> Iterator[str]:
    if row.output is not None:
        yield row.output
    instances = row.rest.get("instances")
    for instance in instances if isinstance(instances, list) else ():
        if isinstance(instance, dict):
            yield str(instance.get("output", ""))


def _constraints(row: Collected, outputs: Sequence[str]) -> str:
    """The constraints that a row states, else the labels of a classification, else none."""
    provenance = row.rest.get("provenance")
    columns: list[Any] = [row.rest, provenance if isinstance(provenance, dict) else {}]
    for column in columns:
        if isinstance(column.get("constraints"), str) and column["constraints"].strip():
            return str(column["constraints"]).strip()
    if row.rest.get("is_classification") is True:
        labels = list(dict.fromkeys(output for output in outputs if len(output) <= 60))
        if len(labels) > 1:
            return f"The output is one of the possible labels, such as {_listed(labels)}."
        return "The output is one of the possible labels and nothing else."
    return NONE


def _listed(labels: Sequence[str]) -> str:
    *most, last = (f"'{label}'" for label in labels)
    return f"{', '.join(most)} or {last}"
