"""From a mixture to the folder that a trainer reads."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from selfinstruct.choose import shares
from selfinstruct.errors import UserError
from selfinstruct.exports.forms import FORMS
from selfinstruct.exports.place import placed
from selfinstruct.exports.style import Style
from selfinstruct.mixing import manifest, plan
from selfinstruct.mixing.manifest import MANIFEST, Part
from selfinstruct.mixing.mixture import Mixture
from selfinstruct.mixing.replay import REPLAY, Done, Own
from selfinstruct.mixing.sources import Stored, store
from selfinstruct.mixing.writing import ORIGINS_HEADER, File, Stream, Take, near, write
from selfinstruct.records.tokens import Tokenizer
from selfinstruct.text import to_json

TRAIN, TEXT, ORIGINS, TEXT_ORIGINS = "train.jsonl", "text.jsonl", "origins.tsv", "text_origins.tsv"
OnRead = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage that was planned, and written unless it was a dry run."""

    mixture: Mixture
    parts: tuple[Part, ...]
    files: dict[str, File]

    @property
    def record(self) -> dict[str, Any]:
        return manifest.record(self.mixture, self.parts, self.files)


@dataclass(frozen=True, slots=True)
class Mixed:
    """The stages of a mixture, as written to `out`; None for a dry run."""

    out: Path | None
    stages: tuple[Stage, ...]

    def lines(self) -> Iterator[str]:
        """A table for a person."""
        for stage in self.stages:
            yield from manifest.lines(stage.mixture, stage.parts)
        if self.out is not None:
            yield f"wrote {self.out}"


def mix(stages: Sequence[Mixture], out: Path | str, *, on_read: OnRead = print) -> Mixed:
    """Mixes the stages into the folder `out`; of several stages each has a folder of its own.

    Every source is read once into a store beside `out`, which is removed in the end. on_read: hears
    the name of each component before that is read. Raises UserError, and then `out` is as before.
    """
    out = Path(out)
    with placed(out, is_file=False, force=False, mark=MANIFEST) as aside, ExitStack() as stack:
        found: list[Stage] = []
        before: list[Done] = []
        for stage in stages:
            folder = aside / stage.name if len(stages) > 1 else aside
            spool = aside.parent / "spool" / f"{len(found)}"
            job = _Job(stage, folder, spool, before, stack)
            found.append(job.stage(on_read))
            before += job.done
        record = manifest.whole([stage.record for stage in found], single=len(stages) == 1)
        (aside / MANIFEST).write_text(to_json(record, indent=1) + "\n", "utf-8")
    return Mixed(out, tuple(found))


def planned(stages: Sequence[Mixture], on_read: OnRead = print) -> Mixed:
    """The table of a mixture, which is mixed in a temporary folder. Raises UserError."""
    with tempfile.TemporaryDirectory(prefix="selfinstruct-mix-") as folder:
        return replace(mix(stages, Path(folder) / "mix", on_read=on_read), out=None)


class _Job:
    """A stage on its way."""

    def __init__(
        self,
        mixture: Mixture,
        folder: Path,
        spool: Path,
        before: Sequence[Done],
        stack: ExitStack,
    ) -> None:
        self._mixture, self._folder, self._spool = mixture, folder, spool
        self._before, self._stack = before, stack
        self._where = f"stage {mixture.name}" if mixture.name else "mix"
        self._tokenizer = Tokenizer(mixture.tokenizer) if mixture.counts_tokens else None
        self.done: list[Done] = []  # for later stages, once this one is written

    def stage(self, on_read: OnRead) -> Stage:
        stored = self._stored(on_read)
        wanted = plan.wanted(self._mixture, _sizes(stored), self._where)
        takes = [self._take(stored[name], wanted[name]) for name in sorted(wanted)]
        takes += self._replay(takes)
        self._check_order(takes)
        self._folder.mkdir(parents=True, exist_ok=True)
        tokens, files = self._write(takes, TRAIN, ORIGINS, keep=True)
        texts = self._texts(stored, sum(tokens))
        if texts:
            text_tokens, more = self._write(texts, TEXT, TEXT_ORIGINS)
            files, tokens = files | more, tokens + text_tokens
        _describe(self._folder, self._mixture)
        parts = self._parts(takes + texts, stored, wanted, tokens)
        return Stage(self._mixture, tuple(parts), files)

    def _stored(self, on_read: OnRead) -> dict[str, Stored]:
        found = {}
        for number, leaf in enumerate(self._mixture.leaves):
            on_read(leaf.name)
            tokenizer = self._tokenizer
            stored = store(
                leaf,
                self._mixture,
                self._spool / str(number),
                tokenizer.count if tokenizer else None,
                tokenizer.pieces if tokenizer else None,
            )
            self._stack.callback(stored.rows.close)
            found[leaf.name] = stored
        return found

    def _take(self, stored: Stored, wanted: plan.Wanted) -> Take:
        rows, name = stored.rows, stored.component.name
        size = stored.size
        if wanted.records is not None:
            return Take(name, rows, wanted.records if size else 0, size)
        return Take(
            name, rows, near(rows, size, self._mixture.seed, name, wanted.tokens or 0), size
        )

    def _replay(self, takes: Sequence[Take]) -> list[Take]:
        """Rows of the earlier stages, shared among them by their numbers of rows."""
        mixture = self._mixture
        if not mixture.replay:
            return []
        new, sizes = sum(take.draws for take in takes), {x.name: len(x.rows) for x in self._before}
        total = plan.replayed_beside(mixture, new)
        if mixture.n is not None:
            total = plan.replayed(mixture, mixture.n)
        if total > sum(sizes.values()):
            raise UserError(
                f"{self._where}: replay {mixture.replay:g} needs {total:,} rows of earlier stages, "
                f"which have {sum(sizes.values()):,}; ask for a smaller share or fewer rows"
            )
        counts = shares.limited(total, shares.proportional(sizes, None), dict(sizes))
        return [
            Take(REPLAY, done.rows, counts[done.name], len(done.rows), done.name)
            for done in self._before
        ]

    def _check_order(self, takes: Sequence[Take]) -> None:
        order = self._mixture.order
        if order not in ("mixed", "component") and any(
            take.draws and not len(take.rows.numbers) for take in takes
        ):
            raise UserError(
                f"{self._where}: order {order!r}: replayed rows have no such number; "
                "order the stage by tokens, or leave the order mixed"
            )

    def _texts(self, stored: dict[str, Stored], conversations: int) -> list[Take]:
        """The text components, with as many documents as come nearest to their share."""
        found = []
        for name, tokens in sorted(plan.text_tokens(self._mixture, conversations).items()):
            rows = stored[name].rows
            if not len(rows):
                raise UserError(f"{self._where}: component {name}: holds no text")
            size = stored[name].size
            draws = near(rows, size, self._mixture.seed, name, tokens)
            found.append(Take(name, rows, draws, size))
        return found

    def _write(
        self, takes: list[Take], data: str, origins: str, *, keep: bool = False
    ) -> tuple[list[int], dict[str, File]]:
        """Writes rows. keep: as those that later stages may replay. Returns tokens by take."""
        stream, notes = Stream(self._folder / data), Stream(self._folder / origins)
        notes.write(ORIGINS_HEADER.encode())
        tokens, own = [0] * len(takes), Own(self._spool / "own") if keep else None

        def written(line: bytes, count: int, take: int) -> None:
            tokens[take] += count
            if own is not None:
                own.take(line, count, is_own=not takes[take].stage)

        mixture = self._mixture
        order = mixture.order if keep else "mixed"
        write(takes, mixture.seed, order, f"{mixture.name}/{data}", stream, notes, written)
        file = stream.done()
        if own is not None:
            rows = own.rows(self._folder / data, has_tokens=self._tokenizer is not None)
            self._stack.callback(rows.close)
            self.done.append(Done(mixture.name, rows))
        return tokens, {data: file, origins: notes.done()}

    def _parts(
        self,
        takes: Sequence[Take],
        stored: dict[str, Stored],
        wanted: dict[str, plan.Wanted],
        tokens: Sequence[int],
    ) -> Iterator[Part]:
        for take, count in zip(takes, tokens, strict=True):
            if take.stage:
                yield Part(REPLAY, take.size, take.draws, count, stage=take.stage)
                continue
            source = stored[take.name]
            share = wanted[take.name].share if take.name in wanted else None
            yield Part(
                take.name,
                take.size,
                take.draws,
                count,
                source=source.component.source,
                share=share,
                is_text=source.component.text,
                fingerprint=source.fingerprint,
                license=source.license,
                read=source.read,
                dropped=dict(source.dropped),
            )


def _sizes(stored: dict[str, Stored]) -> dict[str, plan.Size]:
    found = {}
    for name, each in stored.items():
        tokens = int(each.rows.tokens.sum(dtype=np.int64)) if len(each.rows.tokens) else 0
        found[name] = plan.Size(each.size, tokens)
    return found


def _describe(folder: Path, mixture: Mixture) -> None:
    """The entries for LLaMA-Factory's dataset_info.json."""
    entry = FORMS[mixture.format].trainer_entry
    if entry is not None:
        name = mixture.name or "mix"
        entries: dict[str, Any] = {name: {"file_name": TRAIN, **entry(Style(mixture.system))}}
        if any(leaf.text for leaf in mixture.leaves):
            entries[f"{name}_text"] = {"file_name": TEXT, "columns": {"prompt": "text"}}
        (folder / "dataset_info.json").write_text(to_json(entries, indent=1) + "\n", "utf-8")
