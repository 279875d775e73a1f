"""Findings of a validation as lines for a person, or as JSON lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from selfinstruct.errors import UserError
from selfinstruct.records.natural.files import read_entries, task_files
from selfinstruct.records.natural.schema import Finding
from selfinstruct.records.natural.validation import Hierarchy, findings
from selfinstruct.text import to_json

_SHOWN = 3  # findings of a rule in a task


class Report:
    """The validation of task files. After `lines`, the numbers of tasks and of broken tasks."""

    def __init__(
        self,
        paths: Sequence[str],
        schema: str | None = None,
        hierarchy: Path | None = None,
        *,
        every: bool = False,
        as_json: bool = False,
    ) -> None:
        self._files, self._schema = task_files(paths), schema
        self._hierarchy = _hierarchy(hierarchy) if hierarchy is not None else None
        self._every, self._as_json = every or as_json, as_json
        self.tasks = self.broken = self.warned = 0
        self.rules: Counter[str] = Counter()  # tasks that break a rule

    def lines(self) -> Iterator[str]:
        """A line for each finding, then the counts. Raises UserError."""
        for path in self._files:
            for entry in read_entries(path):
                found = list(findings(entry, self._schema, self._hierarchy))
                self.tasks += 1
                rules = {each.rule for each in found if not each.is_warning}
                self.broken += bool(rules)
                self.warned += bool(found) and not rules
                self.rules.update(rules)
                yield from self._of(entry.where, found)
        if not self._as_json:
            yield from self.counts()

    def _of(self, where: str, found: Sequence[Finding]) -> Iterator[str]:
        seen: Counter[str] = Counter()
        for each in found:
            seen[each.rule] += 1
            if self._as_json:
                yield to_json({"task": where, **{k: getattr(each, k) for k in each.__slots__}})
            elif self._every or seen[each.rule] <= _SHOWN:
                place = f" {each.place}:" if each.place else ""
                kind = f"{'warning, ' if each.is_warning else ''}{each.rule}"
                yield f"{where}:{place} {each.why} ({kind})"
        for rule, count in seen.items():
            if not self._every and count > _SHOWN:
                yield f"{where}: {count - _SHOWN:,} more of {rule} (--every shows them)"

    def counts(self) -> Iterator[str]:
        """The counts as a person reads them."""
        valid = self.tasks - self.broken
        warned = f", {self.warned:,} of them with a warning" if self.warned else ""
        yield f"{self.tasks:,} tasks: {valid:,} keep every rule{warned}; {self.broken:,} break one"
        for rule, count in self.rules.most_common():
            yield f"  {rule}: {count:,}"


def counted(paths: Sequence[str]) -> list[str]:
    """The counts of a validation alone."""
    report = Report(paths)
    for _ in report.lines():
        pass
    return list(report.counts())


def _hierarchy(path: Path) -> Hierarchy:
    try:
        return Hierarchy(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--hierarchy {path}: cannot be read ({error})") from None
