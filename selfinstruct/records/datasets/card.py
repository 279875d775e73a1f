"""The card of a dataset: a README.md with a header of YAML, as on the Hugging Face Hub.

Owns PyYAML, imported late. Every value of the header is read as a text, so that the language "no"
and a label "off" stay what they are. No object of Python is ever made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError, how_to_install
from selfinstruct.records.datasets.features import Feature, of_card

CARD = "README.md"
_LARGEST = 4 << 20  # bytes of a card that are read
_HEADER = re.compile(
    r"\ufeff?---[ \t]*\r?\n(?P<yaml>.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S | re.M
)
_HEADING = re.compile(r"^(?P<marks>#{1,6})[ \t]+(?P<title>[^\n]*?)[ \t#]*$", re.M)
_SUMMARIES = ("dataset summary", "dataset description", "summary", "description", "about")
_NOISE = (
    (re.compile(r"<!--.*?-->", re.S), ""),
    (re.compile(r"```.*?(?:```|\Z)", re.S), ""),
    (re.compile(r"!\[[^\]]*\]\([^)]*\)"), ""),
    (re.compile(r"<[a-zA-Z/][^>\n]*>"), ""),
    (re.compile(r"\[([^\]\n]*)\]\([^)\n]*\)"), r"\1"),
    (re.compile(r"\*\*|__|^[ \t]*>[ \t]?", re.M), ""),
    (
        re.compile(
            r"^\W*(?:\[?more information needed\]?|needs more information)\W*$", re.I | re.M
        ),
        "",
    ),
    (re.compile(r"[ \t]+$", re.M), ""),
)
_BESIDE = re.compile(r"table of contents|contribut|citation|licen[sc]|author|curator|contact", re.I)
_BLANKS = re.compile(r"\n{3,}")
_POINTS = re.compile(
    r"^[ \t]*[-*][ \t]*(?:homepage|repository|paper|leaderboard|point of contact|size)\b.*$\n?",
    re.I | re.M,
)


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration: the patterns of its files by split, and its features."""

    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    features: tuple[Feature, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """The facts of a card; a text that it lacks is empty.

    description: of the summary's section, without links and pictures. configs: by name, in their
    order; default: the name of the first that the card marks so.
    """

    title: str = ""
    license: str = ""
    languages: tuple[str, ...] = ()
    description: str = ""
    configs: Mapping[str, Config] = field(default_factory=dict)
    default: str = ""

    def features(self, config: str) -> tuple[Feature, ...]:
        """The features of a configuration, or the only ones that the card has."""
        if config in self.configs and self.configs[config].features:
            return self.configs[config].features
        known = [found.features for found in self.configs.values() if found.features]
        return known[0] if len(known) == 1 else ()


def card_in(folder: Path) -> Card:
    """The card of a folder; an empty card if there is none. Raises UserError."""
    path = next((folder / name for name in (CARD, "readme.md") if (folder / name).is_file()), None)
    if path is None:
        return Card()
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST).decode("utf-8", "replace")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give a card that can be read") from None
    return read_card(text, str(path))


def read_card(text: str, where: str) -> Card:
    """The card in a text. Raises UserError for a header that is no YAML, naming its line."""
    found = _HEADER.match(text)
    header = _header(found["yaml"], where) if found is not None else {}
    body = text[found.end() :] if found is not None else text
    infos = _infos(header.get("dataset_info"))
    configs = _configs(header.get("configs"))
    names = list(dict.fromkeys([*configs, *infos]))
    described = next(
        (info["description"] for info in infos.values() if info.get("description")), ""
    )
    licensed = header.get("license") or next(
        (info["license"] for info in infos.values() if info.get("license")), ""
    )
    title = re.search(r"^#[ \t]+(.+)$", body, re.M)
    return Card(
        title=_text(header.get("pretty_name")) or (_clean(title[1]) if title else ""),
        license=", ".join(_texts(licensed)),
        languages=_texts(header.get("language") or header.get("languages")),
        description=_summary(body) or _clean(_text(described)),
        configs={
            name: Config(configs.get(name, {}), of_card(infos.get(name, {}).get("features")))
            for name in names
        },
        default=_default(header.get("configs")),
    )


def _header(text: str, where: str) -> Mapping[str, Any]:
    yaml = _yaml(where)
    try:
        value = yaml.load(text, getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 2}" if mark is not None else ""
        why = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise UserError(f"{where}{line}: the header is no YAML ({why}); mend it") from None
    except RecursionError:
        raise UserError(f"{where}: the header is nested too deeply; mend it") from None
    return value if isinstance(value, Mapping) else {}


def _yaml(where: str) -> Any:
    try:
        return import_module("yaml")
    except ImportError:
        raise UserError(
            f"{where}: reading a dataset's card needs PyYAML: {how_to_install('datasets')}"
        ) from None


def _infos(value: Any) -> dict[str, Mapping[str, Any]]:
    """The entries of `dataset_info` by configuration; an entry without a name is "default"."""
    entries = [value] if isinstance(value, Mapping) else value
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        return {}
    return {
        _text(entry.get("config_name")) or "default": entry
        for entry in entries
        if isinstance(entry, Mapping)
    }


def _configs(value: Any) -> dict[str, dict[str, tuple[str, ...]]]:
    """The patterns of files by configuration and split."""
    found = {}
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, Mapping):
            splits: dict[str, tuple[str, ...]] = {}
            folder = _text(entry.get("data_dir"))
            for split, pattern in _patterns(entry.get("data_files")):
                inside = f"{folder.rstrip('/')}/{pattern}" if folder else pattern
                splits[split] = (*splits.get(split, ()), inside)
            if folder and not splits:
                splits["train"] = (f"{folder.rstrip('/')}/**",)
            found[_text(entry.get("config_name")) or "default"] = splits
    return found


def _patterns(value: Any) -> Iterator[tuple[str, str]]:
    """Splits and patterns: a pattern, a list of either, {split: ..., path: ...} or {SPLIT: ...}."""
    if isinstance(value, str):
        yield "train", value
    elif isinstance(value, Mapping) and "path" in value:
        split = _text(value.get("split")) or "train"
        yield from ((split, pattern) for pattern in _texts(value["path"]))
    elif isinstance(value, Mapping):
        for split, patterns in value.items():
            yield from ((str(split), pattern) for pattern in _texts(patterns))
    elif isinstance(value, Sequence):
        for member in value:
            yield from _patterns(member)


def _default(configs: Any) -> str:
    entries = [entry for entry in configs or () if isinstance(entry, Mapping)]
    marked = [entry for entry in entries if _text(entry.get("default")).lower() == "true"]
    return _text(marked[0].get("config_name")) if marked else ""


def _summary(body: str) -> str:
    """The text of the section that describes the dataset, else the text at the beginning."""
    headings = list(_HEADING.finditer(body))
    ends = [*(heading.start() for heading in headings), len(body)]
    begins = [0, *(heading.end() for heading in headings)]
    titles = ["", *(heading["title"].strip(" *:").lower() for heading in headings)]
    sections = list(zip(titles, map(body.__getitem__, map(slice, begins, ends)), strict=True))
    for wanted in _SUMMARIES:
        for title, text in sections:
            if title == wanted and (cleaned := _clean(text)):
                return cleaned
    first = (_clean(text) for title, text in sections[:3] if not _BESIDE.search(title))
    return next((text for text in first if text), "")


def _clean(text: str) -> str:
    for pattern, put in _NOISE:
        text = pattern.sub(put, text)
    return _BLANKS.sub("\n\n", _POINTS.sub("", text)).strip()


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(text for each in values if (text := _text(each)))
