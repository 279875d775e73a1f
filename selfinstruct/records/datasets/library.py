"""Datasets that the library `datasets` opens. Owns it, imported late."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError, how_to_install
from selfinstruct.records.datasets.card import Card, read_card
from selfinstruct.records.datasets.dataset import Dataset, Raw
from selfinstruct.records.datasets.features import of_library
from selfinstruct.records.datasets.files import digest_of
from selfinstruct.records.hub import network_errors

_STATES = ("dataset_dict.json", "state.json")


def is_saved(folder: Path) -> bool:
    """Whether the library's save_to_disk has written a folder."""
    return any((folder / name).is_file() for name in _STATES)


def open_saved(folder: Path, split: str, card: Card) -> Dataset:
    """A split of a folder that save_to_disk has written. Raises UserError."""
    library = _library(str(folder))
    try:
        found = library.load_from_disk(str(folder))
    except _failures(library) as error:
        raise UserError(f"{folder}: cannot be opened ({_line(error)}); save it anew") from None
    splits: tuple[str, ...] = ()
    if isinstance(found, library.DatasetDict):
        splits = tuple(map(str, found))
        split = chosen_split(str(folder), split, splits)
        found = found[split]
    elif split:
        raise UserError(f"{folder}: has no splits; leave :{split} away")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in files]
    digest = digest_of(files, names, split)
    name = f"{folder.name}:{split}" if split else folder.name
    return _made(library, found, name, str(folder), card, digest, split=split, splits=splits)


def open_named(name: str, config: str, split: str) -> Dataset:
    """A split of a dataset on the Hub, streamed. Raises UserError.

    With HF_HUB_OFFLINE=1 in the environment, the dataset comes from the library's cache.
    """
    library = _library(name)
    offline = bool(library.config.HF_HUB_OFFLINE)
    revision, card = ("", Card()) if offline else _revision(name)
    given: dict[str, Any] = {"revision": revision} if revision else {}
    try:
        configs = library.get_dataset_config_names(name, **given)
        if not config and len(configs) > 1 and "default" not in configs:
            raise UserError(
                f"{name}: has several configurations ({_listed(configs)}); "
                f"name one: {name}@{configs[0]}"
            )
        if config and config not in configs:
            raise UserError(f"{name}@{config}: no such configuration (known: {_listed(configs)})")
        builder = library.load_dataset_builder(name, config or None, **given)
        splits = tuple(map(str, library.get_dataset_split_names(name, config or None, **given)))
        split = chosen_split(name, split, splits)
        found = library.load_dataset(
            name, config or None, split=split, streaming=not offline, **given
        )
    except _failures(library) as error:
        raise UserError(_unreachable(name, _line(error))) from None
    where = f"{name}@{config}:{split}" if config else f"{name}:{split}"
    digest = hashlib.sha256(f"{revision or builder.hash}\0{where}".encode()).hexdigest()
    return _made(library, found, where, "", card, digest, config, split, splits)


def chosen_split(place: str, split: str, splits: tuple[str, ...]) -> str:
    """The split that is named, or else "train", or the first. Raises UserError."""
    if split and split not in splits:
        known = ", ".join(splits) or "none"
        raise UserError(f"{place}: no split {split!r} (splits: {known}); name one of these")
    return split or ("train" if "train" in splits or not splits else splits[0])


def _made(
    library: Any,
    found: Any,
    name: str,
    folder: str,
    card: Card,
    digest: str,
    config: str = "",
    split: str = "",
    splits: tuple[str, ...] = (),
) -> Dataset:
    info = found.info
    card = Card(
        title=card.title,
        license=card.license or str(info.license or ""),
        languages=card.languages,
        description=card.description or str(info.description or "").strip(),
    )
    features = found.features
    for column, feature in (features or {}).items():
        if type(feature).__name__ in ("Image", "Audio", "Video", "Pdf"):
            found = found.cast_column(column, type(feature)(decode=False))
    known = of_library(features.to_dict()) if features is not None else ()
    place = f"{folder}:{split}" if folder and split else folder or name
    return Dataset(
        *(name, place, card, known, digest, config, split, splits),
        read=lambda: _rows(library, name, found),
    )


def _rows(library: Any, name: str, found: Any) -> Iterator[Raw]:
    try:
        for number, fields in enumerate(found, 1):
            yield f"{name}:{number}", fields
    except _failures(library) as error:
        raise UserError(f"{name}: cannot be read on ({_line(error)}); try again later") from None


def _revision(name: str) -> tuple[str, Card]:
    """The commit of a dataset on the Hub, and its card. A question that fails at once."""
    hub = import_module("huggingface_hub")
    client = hub.HfApi()
    try:
        found = client.dataset_info(name, timeout=10)
        names = {sibling.rfilename for sibling in found.siblings or ()}
        if "README.md" not in names:
            return str(found.sha), Card()
        path = hub.hf_hub_download(name, "README.md", repo_type="dataset", revision=found.sha)
        return str(found.sha), read_card(
            Path(path).read_text("utf-8", "replace"), f"{name}/README.md"
        )
    except hub.errors.RepositoryNotFoundError:
        raise UserError(
            f"{name}: no such file or folder here, and no such dataset on the Hub; "
            "check the name (a private dataset needs HF_TOKEN)"
        ) from None
    except (OSError, ValueError, hub.errors.HfHubHTTPError, *network_errors()) as error:
        raise UserError(_unreachable(name, _line(error))) from None


def _unreachable(name: str, why: str) -> str:
    return (
        f"{name}: no such file or folder here, and the Hub is out of reach ({why}); "
        "name a local folder, or try again with a network"
    )


def _failures(library: Any) -> tuple[type[Exception], ...]:
    """The library's errors for a dataset that cannot be had. Its own are OSError or ValueError."""
    errors = import_module("datasets.exceptions")
    return (OSError, ValueError, errors.DatasetsError, *network_errors())


def _library(place: str) -> Any:
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    try:
        return import_module("datasets")
    except ImportError:
        raise UserError(
            f"{place}: opening this needs the library datasets: {how_to_install('datasets')}"
        ) from None


def _line(error: Exception) -> str:
    token = os.environ.get("HF_TOKEN", "").strip()
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return text.replace(token, "...") if token else text


def _listed(names: Any) -> str:
    shown = list(map(str, names))
    more = f" and {len(shown) - 10} more" if len(shown) > 10 else ""
    return ", ".join(shown[:10]) + more
