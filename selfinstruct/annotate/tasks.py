"""Tasks with some of their instances: of a run, of a file of records, of Super-NI's task files."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from selfinstruct.annotate.scorer import Instance
from selfinstruct.errors import UserError
from selfinstruct.records.collected import open_source
from selfinstruct.records.record import Bad

_INSTANCES, _DEFINITION = "Instances", "Definition"  # keys of a file of Super-NI
_HEAD = 1 << 16  # bytes in which a file of Super-NI shows its keys


@dataclass(frozen=True, slots=True)
class Task:
    """A task and the instances that are measured. ids: of all its records, in a run."""

    name: str
    instruction: str
    instances: tuple[Instance, ...]
    of: int  # instances there are
    ids: tuple[str, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)  # what selections may go by


@dataclass(slots=True)
class Unused:
    """Records that are no instance of a task, by reason."""

    unreadable: int = 0
    without_output: int = 0

    def lines(self) -> Iterator[str]:
        """For a person."""
        for count, words in (
            (self.unreadable, "could not be read"),
            (self.without_output, "have no output"),
        ):
            if count:
                yield f"{count:,} records {words} and are left out"


@dataclass(slots=True)
class _Group:
    """The instances of an instruction, of which those with the lowest ranks are kept."""

    name: str
    number: int
    ids: list[str] = field(default_factory=list)
    kept: list[tuple[int, int, Instance]] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)

    def take(self, instance: Instance, most: int) -> None:
        self.ids.append(instance.id)
        rank = _rank(instance)
        heapq.heappush(self.kept, (-rank, -len(self.ids), instance))
        if len(self.kept) > most:
            heapq.heappop(self.kept)

    def task(self, instruction: str) -> Task:
        kept = sorted(self.kept, key=lambda entry: -entry[1])  # in the order of the source
        instances = tuple(instance for *_, instance in kept)
        ids = tuple(self.ids)
        return Task(self.name, instruction, instances, len(ids), ids, self.about)


def tasks_of(sources: Sequence[str], most: int, unused: Unused) -> list[Task]:
    """The tasks of the sources in their order, with at most `most` instances each.

    A hash of each instance's texts decides which, so that more records change few choices. Raises
    UserError for a source that cannot be read.
    """
    found: list[Task] = []
    for path in _files(sources):
        if is_super_ni(path):
            found.append(_super_ni(Path(path), most, unused))
        else:
            found += _grouped(path, most, unused)
    return found


def instances_of(source: str, unused: Unused) -> Iterator[tuple[Instance, dict[str, Any]]]:
    """Every record with an output, as an instance and with its own fields."""
    for record in open_source(source):
        if isinstance(record, Bad):
            unused.unreadable += 1
        elif not (record.output or "").strip():
            unused.without_output += 1
        else:
            instance = Instance(
                record.id,
                record.instruction,
                record.input,
                record.output or "",
                record.system,
                record.history,
            )
            yield instance, dict(record.rest)


def is_super_ni(path: str) -> bool:
    """Whether a file is a task of Super-NI: a JSON object with a definition and instances."""
    if not path.endswith(".json") or not Path(path).is_file():
        return False
    with Path(path).open("rb") as file:
        head = file.read(_HEAD)
    return head.lstrip().startswith(b"{") and f'"{_DEFINITION}"'.encode() in head


def _files(sources: Sequence[str]) -> Iterator[str]:
    """The sources; of a folder without a run its task files."""
    for source in sources:
        place = Path(source)
        if place.is_dir() and not (place / "examples.jsonl").is_file():
            files = [str(path) for path in sorted(place.glob("*.json")) if is_super_ni(str(path))]
            if not files:
                raise UserError(f"{source}: holds neither a run nor Super-NI's task files")
            yield from files
        else:
            yield source


def _grouped(path: str, most: int, unused: Unused) -> Iterator[Task]:
    """The tasks of a run or a file: the records with the same instruction."""
    groups: dict[tuple[str, str], _Group] = {}
    for instance, rest in instances_of(path, unused):
        key = (instance.system, instance.instruction)
        group = groups.get(key)
        if group is None:
            provenance = rest.get("provenance")
            known = provenance.get("instruction_id") if isinstance(provenance, dict) else None
            about = {name: rest[name] for name in ("is_classification",) if name in rest}
            group = groups[key] = _Group(str(known or instance.id), len(groups), about=about)
        group.take(instance, most)
    for (_, instruction), group in groups.items():
        yield group.task(instruction)


def _super_ni(path: Path, most: int, unused: Unused) -> Task:
    """A task file of Super-NI: the first output of each instance counts."""
    try:
        record = json.loads(path.read_text("utf-8"))
        definition, instances = record[_DEFINITION], record[_INSTANCES]
        instruction = definition if isinstance(definition, str) else "\n".join(definition)
        group = _Group(path.stem, 0, about={"categories": record.get("Categories", [])})
        for number, instance in enumerate(instances, 1):
            outputs = instance["output"]
            output = outputs if isinstance(outputs, str) else next(iter(outputs), "")
            identity = str(instance.get("id", f"{path.stem}-{number}"))
            if output.strip():
                group.take(Instance(identity, instruction, instance["input"], output), most)
            else:
                unused.without_output += 1
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: no task of Super-NI ({error!r})") from None
    task = group.task(instruction)
    return Task(task.name, instruction, task.instances, task.of, (), task.about)


def _rank(instance: Instance) -> int:
    texts = (instance.instruction, instance.input, instance.output)
    joined = "\0".join(texts).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(joined, digest_size=8).digest(), "big")
