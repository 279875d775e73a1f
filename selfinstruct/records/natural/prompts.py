"""Every instance of tasks as a prompt with its completion, in a layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.records.formats import STDIO
from selfinstruct.records.natural.files import read_entries, task_files
from selfinstruct.records.natural.layouts import Layout, fitting, parts_of
from selfinstruct.records.natural.task import Broken, Instance, Task, read_instance
from selfinstruct.records.reading import Source
from selfinstruct.records.record import Bad, Record
from selfinstruct.records.tokens import Tokenizer
from selfinstruct.records.writing import Write, writing

_DROPPED = "dropped.jsonl"  # what the name of the second file ends with


def layout_of(
    fields: str | None = None,
    positive: int | None = None,
    negative: int | None = None,
    *,
    explanations: bool = False,
    definition: bool = True,
) -> Layout:
    """The layout that the options name. Raises UserError."""
    for option, number in (("--positive", positive), ("--negative", negative)):
        if number is not None and number < 0:
            raise UserError(f"{option} {number}: must be 0 or more")
    if fields is None:
        return Layout(
            positive=2 if positive is None else positive,
            negative=negative or 0,
            explanations=explanations,
            definition=definition,
        )
    if explanations or not definition:
        raise UserError(
            "--fields: names all parts, with or without reasons; leave out --explanations and "
            "--no-definition"
        )
    parts, count = parts_of(fields)
    usual = 2 if count is None else count
    return Layout(
        parts,
        positive=usual if positive is None else positive,
        negative=usual if negative is None else negative,
    )


def encoded(
    paths: Sequence[str],
    out: str,
    *,
    max_tokens: int | None = None,
    tokenizer: str | None = None,
    instances: str | None = None,
    **options: Any,
) -> Iterator[str]:
    """Write the prompts to `out`, and what is dropped beside; yields the counts.

    instances: a file of inputs for tasks without their own. Raises UserError.
    """
    layout, fits = layout_of(**options), _fits(max_tokens, tokenizer)
    tasks = _tasks(paths)
    asked = _of_tasks(tasks) if instances is None else _of_file(instances, list(tasks))
    counts: Counter[str] = Counter()
    beside = None if out == STDIO else f"{out.removesuffix('.jsonl')}.{_DROPPED}"
    with writing(out, "jsonl") as write:
        dropped = list[dict[str, Any]]()
        for task, place, instance in asked:
            reason = _put(write, counts, layout, fits, task, place, instance)
            if reason is not None:
                dropped.append({"task": task.name, "place": place, **reason})
    if dropped and beside is not None:
        with writing(beside, "jsonl") as write:
            for number, fields in enumerate(dropped, 1):
                write(Record(number, fields))
    yield f"{counts['prompts']:,} prompts in {out}"
    if counts["with fewer"]:
        yield f"  with fewer examples than wanted, for their length: {counts['with fewer']:,}"
    for reason_slug, count in Counter(each["reason"] for each in dropped).most_common():
        yield f"  dropped, {reason_slug}: {count:,}" + (f" (in {beside})" if beside else "")


def _put(
    write: Write,
    counts: Counter[str],
    layout: Layout,
    fits: Callable[[str], bool],
    task: Task,
    place: str,
    instance: Instance | Broken,
) -> dict[str, str] | None:
    """Write a prompt; returns the reason and its words if there is none."""
    if isinstance(instance, Broken):
        return {"reason": "unreadable", "why": str(instance)}
    more = _more(task, layout) if layout.positive > len(task.positive) else ()
    found = fitting(layout, task, instance.input, fits, more)
    if found is None:
        return {"reason": "too_long", "input": instance.input}
    prompt, shown = found
    wanted = (
        min(layout.positive, len(task.positive) + len(more)),
        min(layout.negative, len(task.negative)),
    )
    counts["prompts"] += 1
    counts["with fewer"] += (shown.positive, shown.negative) != wanted
    outputs = [output for output in instance.outputs if output.strip()]
    fields = {
        "task": task.name,
        "id": instance.id or place,
        "prompt": prompt,
        "completion": outputs[0] if outputs else "",
        "positive": shown.positive,
        "negative": shown.negative,
    }
    write(Record(counts["prompts"], fields))
    return None


def _more(task: Task, layout: Layout) -> tuple[Instance, ...]:
    """The instances that v1 shows in the place of further positive examples."""
    if not layout.parts:
        return ()
    read = (each for each in task.instances() if isinstance(each, Instance))
    return tuple(instance for instance, _ in zip(read, range(81), strict=False))


def _tasks(paths: Sequence[str]) -> Iterator[Task]:
    for path in task_files(paths):
        for entry in read_entries(path):
            try:
                yield entry.task()
            except Broken as broken:
                raise UserError(f"{entry.where}: {broken}; mend the file or leave it out") from None


Asked = Iterator[tuple[Task, str, Instance | Broken]]


def _of_tasks(tasks: Iterator[Task]) -> Asked:
    for task in tasks:
        for at, instance in enumerate(task.instances()):
            yield task, f"Instances[{at}]", instance


def _of_file(path: str, tasks: Sequence[Task]) -> Asked:
    """Raises UserError at a record that names no task."""
    by_name = {task.name: task for task in tasks}
    for record in Source(path):
        if isinstance(record, Bad):
            raise UserError(f"{path}:{record.where}: {record.why}")
        task = by_name.get(str(record.fields.get("task")))
        if task is None:
            raise UserError(
                f"{path}:{record.where}: 'task' must name a task of the files, "
                f"not {record.fields.get('task')!r}"
            )
        yield task, f"line {record.where}", _read(record.fields, record.where)


def _read(fields: Mapping[str, Any], where: int) -> Instance | Broken:
    """An instance that may lack an output."""
    found = {"output": [""], **fields}
    if not isinstance(found.get("input"), str):
        return Broken("input", f"must be a text, in line {where}")
    try:
        return read_instance({**found, "output": found["output"] or [""]}, f"line {where}")
    except Broken:
        return Instance(str(fields.get("id", "")), found["input"], (), {})


def _fits(max_tokens: int | None, tokenizer: str | None) -> Callable[[str], bool]:
    if (max_tokens is None) != (tokenizer is None):
        raise UserError("--max-tokens and --tokenizer go together: tokens are those of a model")
    if max_tokens is None or tokenizer is None:
        return lambda prompt: True
    if max_tokens < 1:
        raise UserError(f"--max-tokens {max_tokens}: must be at least 1")
    counter = Tokenizer(tokenizer)
    return lambda prompt: counter.count(prompt) <= max_tokens
