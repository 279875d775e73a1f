"""A mixed folder, held to its manifest, to its own rows and to its sources."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfinstruct.errors import UserError
from selfinstruct.mixing.job import ORIGINS, TEXT, TEXT_ORIGINS, TRAIN, mix
from selfinstruct.mixing.manifest import MANIFEST
from selfinstruct.mixing.mixture import Component
from selfinstruct.mixing.replay import REPLAY
from selfinstruct.mixing.sources import fingerprint_of
from selfinstruct.mixing.tables import stages_of
from selfinstruct.mixing.writing import ORIGINS_HEADER

_DATA = {TRAIN: ORIGINS, TEXT: TEXT_ORIGINS}


def faults(folder: Path | str) -> Iterator[str]:
    """The faults of a mixed folder, a line each; none if all holds.

    From the files alone: every file is the file that the manifest names; each row has an origin,
    and no record stands twice in a pass; counts are the manifest's; each replayed row is a row of
    the earlier stage, once. Then the mixture is made anew from its sources, whose fingerprints must
    hold, and must give the same bytes. Raises UserError for a folder that holds no mixture.
    """
    folder = Path(folder)
    manifest = _manifest(folder)
    before: dict[str, Path] = {}
    for stage in manifest["stages"]:
        place = folder if manifest["single"] else folder / stage["name"]
        where = stage["name"] or folder.name
        yield from (f"{where}: {fault}" for fault in _files(place, stage))
        for data, origins in _DATA.items():
            if data in stage["files"]:
                pair = _origins(place / data, place / origins, stage, before)
                yield from (f"{where}/{data}: {fault}" for fault in pair)
        before[stage["name"]] = place / TRAIN
    yield from _made_anew(folder, manifest)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
        assert isinstance(manifest["stages"], list)
        assert isinstance(manifest["single"], bool)
        for stage in manifest["stages"]:
            assert isinstance(stage["components"], list)
            assert isinstance(stage["files"], dict)
            assert isinstance(stage["mixture"], dict)
            assert isinstance(stage["name"], str)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); name a mixed folder") from None
    except (ValueError, KeyError, TypeError, AssertionError):
        raise UserError(f"{path}: is no manifest of a mixture; mix the data anew") from None
    return dict(manifest)


def _files(place: Path, stage: Mapping[str, Any]) -> Iterator[str]:
    for name, said in stage["files"].items():
        path = place / name
        if not path.is_file():
            yield f"{name}: is missing"
        elif _sha256(path) != said["sha256"]:
            yield f"{name}: has other bytes than the manifest says"
    for name in (*_DATA, *_DATA.values()):
        if name not in stage["files"] and (place / name).exists():
            yield f"{name}: is not in the manifest"


def _origins(
    data: Path, origins: Path, stage: Mapping[str, Any], before: Mapping[str, Path]
) -> Iterator[str]:
    """Faults of rows beside their origins."""
    if not data.is_file() or not origins.is_file():
        return
    is_text = data.name == TEXT
    parts = [part for part in stage["components"] if bool(part.get("text")) == is_text]
    rows, replayed, drawn = Counter[str](), dict[str, dict[int, bytes]](), _Drawn(parts)
    with data.open("rb") as lines, origins.open("rb") as notes:
        if next(notes, b"").decode() != ORIGINS_HEADER:
            yield f"{origins.name}: has no header"
        for number, (line, note) in enumerate(zip_longest(lines, notes), 1):
            if line is None or note is None:
                yield f"row {number}: {'no row' if line is None else 'no origin'} to it"
                return
            name, record, turn, from_stage = [*note.decode().rstrip("\n").split("\t"), *[""] * 4][
                :4
            ]
            rows[f"{name} {from_stage}".strip()] += 1
            if name == REPLAY:
                digest = hashlib.blake2b(line, digest_size=16).digest()
                known = replayed.setdefault(from_stage, {})
                if int(record or 0) in known:
                    yield f"row {number}: replays row {record} of {from_stage} a second time"
                known[int(record or 0)] = digest
            elif not is_text and not drawn.is_new(name, record, turn):
                yield f"row {number}: record {record} of {name} stands twice in one pass"
    yield from _counted(parts, rows)
    for name, wanted in replayed.items():
        yield from _replayed(before.get(name), name, wanted)


class _Drawn:
    """The records of every component that stood in each pass: a byte for each."""

    def __init__(self, parts: Sequence[Mapping[str, Any]]) -> None:
        self._read = {part["name"]: int(part.get("read", 0)) for part in parts}
        self._seen: dict[tuple[str, str], NDArray[np.bool_]] = {}

    def is_new(self, name: str, record: str, turn: str) -> bool:
        """Whether the record has not stood in this pass; False for one that there is not."""
        read = self._read.get(name, 0)
        if not record.isdecimal() or not 0 < int(record) <= read:
            return False
        seen = self._seen.setdefault((name, turn), np.zeros(read + 1, np.bool_))
        is_new = not seen[int(record)]
        seen[int(record)] = True
        return is_new


def _counted(parts: list[Mapping[str, Any]], rows: Mapping[str, int]) -> Iterator[str]:
    said = {f"{part['name']} {part.get('stage', '')}".strip(): part["rows"] for part in parts}
    for name in sorted({*said, *rows}):
        if said.get(name, 0) != rows.get(name, 0):
            yield (
                f"{name}: {rows.get(name, 0):,} rows, and the manifest says {said.get(name, 0):,}"
            )


def _replayed(path: Path | None, name: str, wanted: Mapping[int, bytes]) -> Iterator[str]:
    """Whether each replayed row is the row of the earlier stage that its origin names."""
    if path is None or not path.is_file():
        yield f"replays {name}, which is no earlier stage of this folder"
        return
    left = dict(wanted)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            digest = left.pop(number, None)
            if digest is not None and hashlib.blake2b(line, digest_size=16).digest() != digest:
                yield f"a replayed row is not row {number} of {name}"
    for number in sorted(left)[:5]:
        yield f"a replayed row is row {number} of {name}, which has no such row"


def _made_anew(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Faults that show where the mixture is made again from its sources."""
    changed = [
        f"{part['source']}: component {part['name']}: {why}"
        for stage in manifest["stages"]
        for part in stage["components"]
        if "source" in part and (why := _why_changed(part))
    ]
    if changed:
        yield from dict.fromkeys(changed)
        return
    with tempfile.TemporaryDirectory(prefix="selfinstruct-mix-") as scratch:
        again = Path(scratch) / "mix"
        stages = stages_of(manifest["stages"], str(folder / MANIFEST))
        mix(stages, again, on_read=lambda name: None)
        fresh = json.loads((again / MANIFEST).read_text("utf-8"))
        for before, now in zip(manifest["stages"], fresh["stages"], strict=True):
            for name in sorted({*before, *now} - {"mixture"}):
                if before.get(name) != now.get(name):
                    where = before["name"] or folder.name
                    yield f"{where}: made anew from its sources, {name!r} is another"


def _why_changed(part: Mapping[str, Any]) -> str | None:
    try:
        now = fingerprint_of(Component(part["name"], part["source"]))
    except UserError:
        return "the source is not there any more"
    return None if now == part["sha256"] else "the source has changed since it was mixed"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
