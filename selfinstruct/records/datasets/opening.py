"""From a name to a dataset: a file, a folder, a folder that was saved, a name on the Hub."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from selfinstruct.errors import UserError
from selfinstruct.records.datasets.card import CARD, Card, card_in
from selfinstruct.records.datasets.dataset import Dataset
from selfinstruct.records.datasets.files import (
    by_split,
    data_files,
    digest_of,
    features_in,
    matching,
    read_files,
)
from selfinstruct.records.datasets.library import chosen_split, is_saved, open_named, open_saved
from selfinstruct.records.formats import format_of
from selfinstruct.records.reading import EXAMPLES

_PLACE = re.compile(
    r"(?P<place>.+?)(?:@(?P<config>[\w.+-]+))?(?::(?P<split>[\w.+\-\[\]%]+))?", re.S
)
_ON_THE_HUB = re.compile(r"[\w-][\w.-]*(?:/[\w.-]+)?")


def open_dataset(name: str) -> Dataset:
    """The dataset that a user names: PLACE, PLACE@CONFIG, PLACE:SPLIT or PLACE@CONFIG:SPLIT.

    Raises UserError if there is no such dataset, configuration or split.
    """
    if Path(name).exists():
        return _local(Path(name), "", "")
    found = _PLACE.fullmatch(name)
    place, config, split = found.group("place", "config", "split") if found else (name, "", "")
    if Path(place).exists():
        return _local(Path(place), config or "", split or "")
    if _ON_THE_HUB.fullmatch(place) is None or Path(place).suffix in (".jsonl", ".json", ".csv"):
        raise UserError(f"{place}: no such file or folder; name a dataset that is there")
    return open_named(place, config or "", split or "")


def absolute(name: str) -> str:
    """The name with its path made absolute; a name on the Hub as it stands."""
    found = _PLACE.fullmatch(name)
    place = name if found is None or Path(name).exists() else found["place"]
    return str(Path(place).absolute()) + name[len(place) :] if Path(place).exists() else name


def _local(path: Path, config: str, split: str) -> Dataset:
    path = path.absolute()
    if path.is_dir() and (path / EXAMPLES).is_file():
        return _file(path / EXAMPLES, path.name, config, split)
    if path.is_file():
        return _file(path, path.name, config, split)
    if is_saved(path):
        return open_saved(path, split, card_in(path))
    return _folder(path, config, split)


def _file(path: Path, name: str, config: str, split: str) -> Dataset:
    """A single file, with the card beside it if that has a header."""
    if config or split:
        raise UserError(f"{path}: a single file has no configurations and no splits; name it alone")
    format_of(str(path))  # raises UserError where the name does not tell
    has_card = _begins_with_header(path.parent / CARD)
    card = card_in(path.parent) if has_card else Card()
    features = features_in(path.parent, [path], card, card.default or "default")
    more = [path.parent / CARD] if has_card else []
    names = [path.name, *(each.name for each in more)]
    return Dataset(
        *(name, str(path), card, features, digest_of([path, *more], names)),
        read=lambda: read_files([path], [path.name]),
    )


def _begins_with_header(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(7).removeprefix(b"\xef\xbb\xbf").startswith(b"---")
    except OSError:
        return False


def _folder(folder: Path, config: str, split: str) -> Dataset:
    card, files = card_in(folder), data_files(folder)
    config = _chosen_config(folder, config, card)
    splits = _splits(folder, files, card, config)
    if not any(splits.values()):
        raise UserError(
            f"{folder}: holds no data files (.jsonl, .json, .csv, .tsv, .parquet); "
            "name a folder with data, or a file"
        )
    asked = config not in ("", "default")
    shown = f"{folder}@{config}" if asked else str(folder)
    given, split = split, chosen_split(shown, split, tuple(splits))
    names = splits[split]
    paths = [folder / name for name in names]
    cards = [path for path in (folder / CARD, folder / "dataset_infos.json") if path.is_file()]
    inside = [*names, *(path.name for path in cards)]
    used = {name for those in splits.values() for name in those}
    unused = () if config in card.configs else tuple(name for name in files if name not in used)
    return Dataset(
        name=(f"{folder.name}@{config}" if asked else folder.name) + (f":{given}" if given else ""),
        place=f"{shown}:{split}",
        card=card,
        features=features_in(folder, paths, card, config or "default"),
        fingerprint=digest_of([*paths, *cards], inside),
        config=config,
        split=split,
        splits=tuple(splits),
        unused=unused,
        read=lambda: read_files(paths, names),
    )


def _chosen_config(folder: Path, config: str, card: Card) -> str:
    """The configuration that is named, the card's default, or the only one. Raises UserError."""
    with_files = [name for name, found in card.configs.items() if found.splits]
    if config:
        if config not in card.configs:
            known = ", ".join(card.configs) or "none"
            raise UserError(f"{folder}@{config}: no such configuration (the card has: {known})")
        return config
    if card.default or len(with_files) <= 1 or "default" in with_files:
        only = with_files[0] if len(with_files) == 1 else ""
        return card.default or only or ("default" if "default" in with_files else "")
    raise UserError(
        f"{folder}: has several configurations ({', '.join(with_files)}); "
        f"name one: {folder}@{with_files[0]}"
    )


def _splits(folder: Path, files: Sequence[str], card: Card, config: str) -> dict[str, list[str]]:
    found = card.configs.get(config)
    if found is None or not found.splits:
        return by_split(files)
    splits = {split: matching(files, patterns) for split, patterns in found.splits.items()}
    for split, names in splits.items():
        if not names:
            patterns = ", ".join(found.splits[split])
            raise UserError(
                f"{folder / CARD}: no file for the split {split!r} ({patterns}); "
                "fetch the data, or mend the card"
            )
    return splits
