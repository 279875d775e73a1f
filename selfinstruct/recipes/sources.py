"""Sources: runs and datasets that a recipe reads, by path, fingerprinted by their bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from selfinstruct.asking.endpoint import EDITION
from selfinstruct.data.collected import Collected
from selfinstruct.errors import UserError
from selfinstruct.records import Bad
from selfinstruct.records.collected import fingerprint, open_source
from selfinstruct.records.prompts import named_columns


class Sources:
    """The records of several sources, one source after the other, read anew at every iteration."""

    def __init__(
        self, paths: Sequence[str], fields: Sequence[str] = (), edition: int = EDITION
    ) -> None:
        """fields: as "instruction=question". edition: of the run that reads.

        Raises UserError for a path that is none.
        """
        self._paths, self._fields = tuple(paths), named_columns(fields)
        self._sources = [
            open_source(path, fields=self._fields, edition=edition) for path in self._paths
        ]
        self._fingerprints = [fingerprint(path) for path in self._paths]

    def fingerprints(self) -> list[str]:
        """SHA-256 of each source, in hex."""
        return self._fingerprints

    def __iter__(self) -> Iterator[Collected]:
        """Raises UserError at a record without an instruction, naming its place."""
        for path, source in zip(self._paths, self._sources, strict=True):
            for record in source:
                if isinstance(record, Bad):
                    raise UserError(f"{path}:{record.where}: {record.why}")
                yield record

    def unused(self) -> list[str]:
        """Columns that no prompt uses, after an iteration."""
        names = (name for source in self._sources for name in source.unused)
        return list(dict.fromkeys(names))

    def described(self) -> Iterator[str]:
        for path, source in zip(self._paths, self._sources, strict=True):
            count = sum(1 for _ in source)
            yield f"  source       {path}, {count:,} rows"
        if unused := self.unused():
            yield f"  not used     {', '.join(unused)} (kept in the provenance)"
