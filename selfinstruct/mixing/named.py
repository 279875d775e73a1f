"""Components that the library `datasets` opens: names on the Hub, folders that it has saved."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.mixing.mixture import Component
from selfinstruct.records.datasets import BadRow, Dataset, open_dataset
from selfinstruct.records.datasets.library import is_saved
from selfinstruct.text import to_json

_ON_THE_HUB = re.compile(r"[\w-][\w.-]*/[\w.-]+(?:@[\w.+-]+)?(?::[\w.+\-\[\]%]+)?")


def dataset_of(component: Component) -> Dataset | None:
    """The dataset behind a component; None for a run, a file or a folder of files.

    A name is one on the Hub where no folder of its first part is here. Raises UserError.
    """
    place = Path(component.source)
    is_here = place.exists() or (place.parent != Path() and place.parent.exists())
    is_named = not is_here and _ON_THE_HUB.fullmatch(component.source)
    folder = place if place.exists() else Path(component.source.rpartition(":")[0])
    if not is_named and not (folder.is_dir() and is_saved(folder)):
        return None
    try:
        return open_dataset(component.source)
    except UserError as error:
        raise UserError(f"component {component.name}: {error}") from None


def written(dataset: Dataset, folder: Path) -> str:
    """The rows of a dataset as a file of JSON Lines in `folder`; returns its path.

    An unreadable row becomes a line without any known column, which counts as unreadable again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (re.sub(r"[^\w.-]+", "-", dataset.name).strip("-.") + ".jsonl")
    with path.open("w", encoding="utf-8") as file:
        for row in dataset:
            fields = {"unreadable": row.why} if isinstance(row, BadRow) else row.fields
            file.write(to_json({name: _plain(value) for name, value in fields.items()}) + "\n")
    return str(path)


def _plain(value: Any) -> Any:
    """The value as JSON can hold it: dates and bytes as texts."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
