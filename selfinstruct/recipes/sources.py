"""Sources: runs and datasets that a recipe reads, by path, fingerprinted by their bytes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from selfinstruct.asking.endpoint import EDITION
from selfinstruct.asking.shards import Shard
from selfinstruct.data.collected import Collected
from selfinstruct.data.examples import Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.errors import UserError
from selfinstruct.recipes import Materials, Recipe
from selfinstruct.records import Bad
from selfinstruct.records.collected import fingerprint, open_source
from selfinstruct.records.prompts import named_columns


class Sources:
    """The records of several sources, one source after the other, read anew at every iteration."""

    def __init__(
        self,
        paths: Sequence[str],
        fields: Sequence[str] = (),
        edition: int = EDITION,
        shard: str = "",
    ) -> None:
        """fields: as "instruction=question". edition: of the run that reads. shard: as "3/64", the
        rows whose number among all modulo 64 is 3.

        Raises UserError for a path that is none.
        """
        self._paths, self._fields = tuple(paths), named_columns(fields)
        self._sources = [
            open_source(path, fields=self._fields, edition=edition) for path in self._paths
        ]
        self._shard = Shard.of(shard)
        self._fingerprints = [fingerprint(path) for path in self._paths]

    def fingerprints(self) -> list[str]:
        """SHA-256 of each source, in hex."""
        return self._fingerprints

    def __iter__(self) -> Iterator[Collected]:
        """Raises UserError at a record without an instruction, naming its place."""
        return self._shard.items(self._all())

    def _all(self) -> Iterator[Collected]:
        for path, source in zip(self._paths, self._sources, strict=True):
            for record in source:
                if isinstance(record, Bad):
                    raise UserError(f"{path}:{record.where}: {record.why}")
                yield record

    def unused(self) -> list[str]:
        """Columns that no prompt uses, after an iteration."""
        names = (name for source in self._sources for name in source.unused)
        return list(dict.fromkeys(names))

    def described(self, *, keeps: bool = True) -> Iterator[str]:
        """Lines of the plan. keeps: the recipe keeps the columns that no prompt uses."""
        for path, source in zip(self._paths, self._sources, strict=True):
            count = sum(1 for _ in source)
            yield f"  source       {path}, {count:,} rows"
        if unused := self.unused():
            kept = " (kept in the provenance)" if keeps else ""
            yield f"  not used     {', '.join(unused)}{kept}"


class Rows(Recipe):
    """A finite recipe whose items are the rows of `config.sources`, each row an instruction.

    Of rows with equal prompts the first is taken. Chats are passed over: rows with
    a system message or earlier turns. Every row that is passed over has a line in rejected.jsonl.
    """

    labels: ClassVar[Mapping[str, str]] = {"sources": "the sources hold other bytes"}

    @classmethod
    def read(cls, config: Any, kept: Path | None, named: Collection[str]) -> Materials:
        if not config.sources:
            raise UserError(f"{config.command}: no source; name a run or a file with --from")
        sources = Sources(config.sources, edition=config.edition, shard=config.shard)
        return Materials(sources, fingerprints={"sources": sources.fingerprints()})

    def __init__(self, config: Any, materials: Any = None) -> None:
        super().__init__(config, materials)
        self._first: dict[bytes, int] = {}  # numbers of rows by the digest of their prompt

    @classmethod
    def expected(cls, config: Any, materials: Any) -> int:
        recipe = cls(config, materials)
        rows = sum(recipe.why_not(at, row) is None for at, row in enumerate(materials))
        if not rows and not config.shard:
            raise UserError(f"{config.command}: the sources hold no single instruction, only chats")
        return int(rows * recipe.per_instruction())

    def items(self, start: int) -> Iterator[Collected]:
        return islice(iter(self.materials), start, None)

    def admit(self, at: int, draft: Collected) -> tuple[Instruction, Collected] | Rejected:
        reason = self.why_not(at, draft)
        if reason is None:
            return Instruction(_id(at), draft.instruction, at, ()), draft
        first = self._first.get(draft.prompt_digest, at)
        return Rejected(
            *("read", "instruction", reason, at, draft.instruction),
            instruction_id=_id(first) if reason == "exact_duplicate" else None,
            input=draft.input,
            output=draft.output,
        )

    def restore(self, instructions: Iterable[Instruction], ended: int) -> int:
        for at, row in enumerate(islice(iter(self.materials), ended)):
            self.why_not(at, row)
        return super().restore(instructions, ended)

    def why_not(self, at: int, row: Collected) -> str | None:
        """The reason to pass over row number `at`; rows come in order."""
        if row.history or row.system:
            return "is_chat"
        is_first = self._first.setdefault(row.prompt_digest, at) == at
        return None if is_first else "exact_duplicate"

    def described(self) -> Iterator[str]:
        yield from self.materials.described(keeps=False)


def _id(at: int) -> str:
    return f"i{at + 1:06d}"
