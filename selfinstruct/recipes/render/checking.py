"""Templates tried on a dataset, for a person: `selfinstruct templates check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import Random

from selfinstruct.errors import UserError
from selfinstruct.recipes.render.materials import names_of, no_template
from selfinstruct.records.datasets import Dataset, open_dataset
from selfinstruct.templates.limits import Stopped
from selfinstruct.templates.pattern import Pattern, Rendered
from selfinstruct.templates.reading import Named, chosen_for, read_named
from selfinstruct.templates.rendering import Renderer, renderer_of
from selfinstruct.templates.rows import ROW, Values
from selfinstruct.templates.sandbox import Sandbox

_LONGEST = 300  # characters of a text that are shown
_FAILED = 3  # rows that are named for a reason


@dataclass(slots=True)
class _Trial:
    """A template and the rows of its trial."""

    renderer: Renderer
    tried: int = 0
    shown: list[tuple[int, Rendered]] = field(default_factory=list)
    failed: dict[str, list[tuple[int, str]]] = field(default_factory=dict)  # rows by reason

    @property
    def lost(self) -> int:
        return sum(map(len, self.failed.values()))


class Check:
    """The templates of a file or a folder, alone or with a dataset."""

    def __init__(self, path: str, against: str | None, *, rows: int, shown: int) -> None:
        """Raises UserError for a file that is none of templates, and for no such dataset."""
        self._named, self._shown = Named.of(path), shown
        self._dataset = open_dataset(against) if against else None
        found = read_named(self._named)
        self._passed = found.passed
        patterns = _fitting(self._named, found.patterns, self._dataset)
        self.refused: list[str] = []
        self._sandbox, self._trials = Sandbox(), list[_Trial]()
        features = self._dataset.features if self._dataset is not None else ()
        self._labels = [feature for feature in features if feature.has_labels]
        for pattern in patterns:
            try:
                self._trials.append(_Trial(renderer_of(pattern, self._sandbox, self._labels)))
            except UserError as error:
                self.refused.append(str(error))
        self._fields, self._unread = dict[str, None](), list[str]()
        if self._dataset is not None:
            self._try(self._dataset, rows)

    @property
    def faults(self) -> int:
        """Templates that are refused, or make nothing of any row."""
        lost = sum(0 < trial.tried == trial.lost for trial in self._trials)
        return len(self.refused) + lost

    def _try(self, dataset: Dataset, rows: int) -> None:
        functions = self._sandbox.functions
        for number, (where, fields) in enumerate(islice(dataset.read(), rows or None), 1):
            if isinstance(fields, str):
                self._unread.append(f"{where}: {fields}")
                continue
            self._fields.update(dict.fromkeys(fields))
            values = Values(fields, self._labels, functions)
            for at, trial in enumerate(self._trials):
                self._take(trial, number, values, Random(f"{number}/{at}"))

    def _take(self, trial: _Trial, number: int, values: Values, chance: Random) -> None:
        trial.tried += 1
        try:
            rendered = trial.renderer.render(values, lambda: chance)
        except Stopped as stop:
            trial.failed.setdefault(stop.reason, []).append((number, stop.message))
        else:
            if len(trial.shown) < self._shown:
                trial.shown.append((number, rendered))

    def lines(self) -> Iterator[str]:
        """The report."""
        count = len(self._trials) + len(self.refused)
        yield f"{self._named.path}: {count:,} templates, {len(self.refused):,} refused"
        yield from (f"passed over  {line}" for line in self._passed)
        yield from (f"refused  {line}" for line in self.refused)
        if self._dataset is None:
            for trial in self._trials:
                fields = ", ".join(sorted(trial.renderer.fields - {ROW})) or "no field"
                yield f"  {_headline(trial.renderer.pattern)}: uses {fields}"
            return
        yield f"dataset  {self._dataset.place}, fields {', '.join(self._fields) or 'none'}"
        yield from (f"unread   {line}" for line in self._unread[:_FAILED])
        for trial in self._trials:
            yield from self._lines_of(trial)

    def _lines_of(self, trial: _Trial) -> Iterator[str]:
        used = trial.renderer.fields
        unused = [name for name in self._fields if name not in used and ROW not in used]
        missing = sorted(name for name in used - {ROW} if name not in self._fields)
        yield f"\n{_headline(trial.renderer.pattern)}"
        yield f"  fields not used: {', '.join(unused) or 'none'}"
        if missing:
            yield f"  fields that no row has: {', '.join(missing)}"
        for number, rendered in trial.shown:
            yield f"  row {number}"
            yield _indented("prompt", rendered.prompt)
            yield from (_indented("target", target) for target in rendered.targets)
        yield f"  {trial.tried - trial.lost:,} of {trial.tried:,} rows give an example"
        for reason, rows in sorted(trial.failed.items(), key=lambda pair: -len(pair[1])):
            numbers = ", ".join(str(number) for number, _ in rows[:_FAILED])
            more = ", ..." if len(rows) > _FAILED else ""
            said = "row" if len(rows) == 1 else "rows"
            yield f"  {reason}: {len(rows):,} ({said} {numbers}{more}; {rows[0][1]})"


def _fitting(
    named: Named, offered: Sequence[Pattern], dataset: Dataset | None
) -> Sequence[Pattern]:
    if dataset is None:
        return [each for each in offered if named.group in ("", each.dataset)]
    found = chosen_for(names_of(dataset), [(Named(named.path, "", named.group), offered)])
    if not found:
        raise UserError(no_template(dataset, offered))
    return found


def _headline(pattern: Pattern) -> str:
    tasks = {True: ", the original task", False: ", another task than the original", None: ""}
    dataset = f" ({pattern.dataset})" if pattern.dataset else ""
    return f"{pattern.name}{dataset}{tasks[pattern.original_task]}"


def _indented(name: str, text: str) -> str:
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
    return f"    {name}: " + text.replace("\n", "\n" + " " * 12)
