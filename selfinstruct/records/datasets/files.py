"""The data files of a folder, by configuration and split."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.records.datasets.card import Card
from selfinstruct.records.datasets.dataset import Raw
from selfinstruct.records.datasets.features import Feature, of_library
from selfinstruct.records.formats import FORMATS, format_of, parquet
from selfinstruct.records.reading import Source
from selfinstruct.records.record import Bad

_ENDINGS = tuple(f".{name}{more}" for name in (*FORMATS, "ndjson") for more in ("", ".gz", ".zst"))
_NO_DATA = {
    *("dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json"),
    *("package.json", "config.json"),
}
_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "eval"),
    "test": ("test", "testing", "evaluation"),
}
_BLOCK = 1 << 20  # bytes


def data_files(folder: Path) -> list[str]:
    """The files below a folder that `records` reads, by their relative names, sorted."""
    found = (
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.name.lower().endswith(_ENDINGS) and path.name not in _NO_DATA and path.is_file()
    )
    return sorted(
        path.as_posix()
        for path in found
        if not any(part.startswith((".", "__")) for part in path.parts)
    )


def by_split(files: Sequence[str]) -> dict[str, list[str]]:
    """The files of each split, told by their names; all are "train" where no name tells.

    The split is a word of a file's or a folder's name: "data/train-00000-of-00002.parquet".
    """
    found: dict[str, list[str]] = {}
    for file in files:
        words = re.split(r"[\W_]+", file.lower())
        for split, names in _SPLITS.items():
            if any(name in words for name in names):
                found.setdefault(split, []).append(file)
                break
    return {split: found[split] for split in _SPLITS if split in found} or (
        {"train": list(files)} if files else {}
    )


def matching(files: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The files that fit any of the patterns of a card, in their own order."""
    cleaned = [pattern.removeprefix("./") for pattern in patterns]
    return [file for file in files if any(_fits(file, pattern) for pattern in cleaned)]


def _fits(file: str, pattern: str) -> bool:
    """`*` stands for anything within a folder's or file's name, `**` for folders as well."""
    if "**" in pattern:
        return fnmatchcase(file, pattern) or fnmatchcase(file, pattern.replace("**/", ""))
    names, parts = file.split("/"), pattern.split("/")
    return len(names) == len(parts) and all(map(fnmatchcase, names, parts))


def read_files(paths: Sequence[Path], names: Sequence[str]) -> Iterator[Raw]:
    """The rows of files, one file after the other. Raises UserError."""
    for path, name in zip(paths, names, strict=True):
        for record in Source(str(path)):
            place = f"{name}:{record.where}"
            yield place, (record.why if isinstance(record, Bad) else record.fields)


def digest_of(paths: Sequence[Path], names: Sequence[str], *more: str) -> str:
    """SHA-256 over names and bytes of files and over further texts, in hex. Raises UserError."""
    whole = hashlib.sha256()
    for path, name in zip(paths, names, strict=True):
        digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}; give a file that can be read") from None
        whole.update(f"{name}\0{digest.hexdigest()}\0".encode("utf-8", "surrogateescape"))
    for text in more:
        whole.update(f"{text}\0".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def features_in(
    folder: Path, files: Sequence[Path], card: Card, config: str
) -> tuple[Feature, ...]:
    """The features of a configuration: of the card, of dataset_infos.json, or of a Parquet file."""
    if found := card.features(config):
        return found
    infos = _json(folder / "dataset_infos.json")
    if isinstance(infos, Mapping):
        info = infos.get(config) or (next(iter(infos.values())) if len(infos) == 1 else None)
        if isinstance(info, Mapping) and (found := of_library(info.get("features"))):
            return found
    if files and format_of(str(files[0])) == "parquet" and files[0].suffix == ".parquet":
        return _of_parquet(files[0])
    return ()


def _of_parquet(path: Path) -> tuple[Feature, ...]:
    """The features that the library `datasets` writes beside the schema."""
    arrow, reader = parquet("datasets")
    try:
        metadata = reader.read_schema(path).metadata or {}
        said = json.loads(metadata.get(b"huggingface", b"{}"))
        return of_library(said["info"]["features"])
    except (arrow.ArrowException, OSError, ValueError, KeyError, TypeError):
        return ()


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
