"""Files of templates: promptsource's YAML, FLAN's JSON, and our own plain texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.templates.pattern import FLAN, PLAIN, NoTemplates, Pattern
from selfinstruct.templates.promptsource import read_promptsource

TARGET = "--- target"  # the line between the two parts of a plain text
_LARGEST = 16 << 20  # bytes of a file
_TARGET_LINE = re.compile(r"^---[ \t]*target[ \t]*$", re.M)
_YAML, _JSON, _TEXT = (".yaml", ".yml"), (".json",), (".txt", ".jinja", ".j2")


@dataclass(frozen=True, slots=True)
class Named:
    """Templates as a user names them: [DATASET=]PATH[#GROUP].

    dataset: the only one that they are for; "": told by the templates. group: the templates of a
    file that are written for this dataset; "": all.
    """

    path: str
    dataset: str = ""
    group: str = ""

    @classmethod
    def of(cls, text: str) -> Named:
        """Raises UserError if there is no such file or folder."""
        candidates = [cls(text)]
        if "=" in text:
            dataset, _, path = text.partition("=")
            candidates.append(cls(path, dataset))
        for named in list(candidates):
            path, sign, group = named.path.rpartition("#")
            if sign:
                candidates.append(cls(path, named.dataset, group))
        for named in candidates:
            if named.path and Path(named.path).exists():
                return named
        raise UserError(f"{text}: no such file or folder of templates; name one that is there")

    def absolute(self) -> str:
        """The words, with an absolute path."""
        before = f"{self.dataset}=" if self.dataset else ""
        return before + str(Path(self.path).absolute()) + (f"#{self.group}" if self.group else "")


def files_of(path: Path) -> dict[str, Path]:
    """The files of templates by their names in a folder, or the file alone. Raises UserError."""
    if path.is_file():
        return {path.name: path}
    found = sorted(
        each
        for each in path.rglob("*")
        if each.suffix.lower() in (*_YAML, *_JSON, *_TEXT) and each.is_file()
    )
    if not found:
        raise UserError(
            f"{path}: holds no templates (.yaml of promptsource, .json of FLAN, or .txt)"
        )
    return {each.relative_to(path).as_posix(): each for each in found}


def text_of(path: Path) -> str:
    """The text of a file. Raises UserError."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give another file") from None
    if len(data) > _LARGEST:
        raise UserError(f"{path}: is larger than {_LARGEST >> 20} MiB, so no file of templates")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None


@dataclass(frozen=True, slots=True)
class Found:
    """The templates that a user has named. texts: of their files, by path. passed: other files."""

    named: Named
    patterns: tuple[Pattern, ...]
    texts: Mapping[str, str]
    passed: tuple[str, ...] = ()


def read_named(named: Named) -> Found:
    """The templates of a file, or of a folder, in which files of another kind are passed over.

    Raises UserError.
    """
    path, patterns, passed = Path(named.path), list[Pattern](), list[str]()
    texts = {str(file): text_of(file) for file in files_of(path).values()}
    for where, text in texts.items():
        try:
            patterns += patterns_of(text, where)
        except NoTemplates as error:
            passed.append(str(error))
    if not patterns:
        raise UserError(passed[0])
    return Found(named, tuple(patterns), texts, tuple(passed))


def patterns_of(text: str, where: str) -> list[Pattern]:
    """The templates in the text of a file, whose name tells the form. Raises UserError."""
    suffix = PurePath(where).suffix.lower()
    if suffix in _YAML:
        return read_promptsource(text, where)
    if suffix in _JSON:
        return list(_pairs(text, where))
    return [_plain(text, where)]


def _pairs(text: str, where: str) -> Iterator[Pattern]:
    try:
        groups = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise UserError(f"{where}:{line}: not JSON ({error}); mend it") from None
    form = '{"DATASET": [["input with {fields}", "target"], ...]}'
    if not isinstance(groups, dict) or not any(map(_holds_lists, groups.values())):
        raise NoTemplates(f"{where}: FLAN's templates are {form}")
    for dataset, pairs in groups.items():
        if not isinstance(pairs, list):
            raise UserError(f"{where}: {dataset!r} holds no pairs; FLAN's templates are {form}")
        for number, pair in enumerate(pairs, 1):
            if not _is_pair(pair):
                raise UserError(
                    f"{where}: {dataset!r}, number {number}: is no pair of texts; "
                    f"FLAN's templates are {form}"
                )
            yield Pattern(
                *(f"{dataset} {number}", FLAN, pair[0], where),
                line=_line_of(text, pair[0]),
                target=pair[1],
                dataset=dataset,
            )


def _holds_lists(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, list) for each in value)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(x, str) for x in value)


def _line_of(text: str, part: str) -> int:
    """The line of a file of JSON on which a text stands, as far as can be told."""
    at = text.find(json.dumps(part, ensure_ascii=False))
    return text.count("\n", 0, at if at >= 0 else text.find(json.dumps(part))) + 1


def _plain(text: str, where: str) -> Pattern:
    parts = _TARGET_LINE.split(text)
    if len(parts) != 2:
        kind = NoTemplates if len(parts) == 1 else UserError
        raise kind(
            f"{where}: has {len(parts) - 1} lines {TARGET!r}; exactly one separates "
            "the input from the target"
        )
    line = 1 + len(parts[0]) - len(parts[0].lstrip("\n"))
    whole = "|||".join(parts).strip("\n")
    return Pattern(PurePath(where).stem, PLAIN, whole, where, line)


def chosen_for(
    place: Sequence[str], offered: Iterable[tuple[Named, Sequence[Pattern]]]
) -> list[Pattern]:
    """The templates for a dataset with these names.

    Those that a user has named for the dataset, those written for its name, and those written for
    any. Where there are none, and all are written for a single other dataset, these.
    """
    names, found, others = set(map(_plainly, place)), list[Pattern](), list[Pattern]()
    for named, patterns in offered:
        asked = [each for each in patterns if named.group in ("", each.dataset)]
        if named.dataset:
            found += asked if _plainly(named.dataset) in names else ()
            continue
        for pattern in asked:
            written_for = {_plainly(pattern.dataset), _plainly(pattern.dataset.rpartition("/")[2])}
            is_fitting = named.group or not pattern.dataset or written_for & names
            (found if is_fitting else others).append(pattern)
    if not found and len({pattern.dataset for pattern in others}) == 1:
        return others
    return found


def _plainly(name: str) -> str:
    return re.sub(r"\W+|_+", "_", name.casefold()).strip("_")
