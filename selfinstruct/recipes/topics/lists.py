"""Lists in files: a text a line, or JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from selfinstruct.errors import UserError

AUTO = "auto"  # in place of a file: the model writes the list
FIELDS = {"topics": "topic", "personas": "persona"}


def lines_of(path: Path, name: str) -> Iterator[str]:
    """The texts of a file: a line each, or the field "topic" or "persona" of JSON Lines."""
    seen: dict[str, int] = {}
    for number, line in enumerate(_text(path, name).split("\n"), 1):
        text = _of_line(line.strip(), f"{path}:{number}", FIELDS[name])
        if not text or line.startswith("#"):
            continue
        first = seen.setdefault(_key(text), number)
        if first != number:
            raise UserError(
                f"{path}:{number}: the same {FIELDS[name]} as in line {first}; delete either line"
            )
        yield text
    if not seen:
        raise UserError(f"{path}: holds no {FIELDS[name]}; write a {FIELDS[name]} a line")


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(
            f"{path}: cannot read the {name} ({error.strerror}); name a file, or say {AUTO}"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None


def _of_line(line: str, where: str, name: str) -> str:
    if not line.startswith("{"):
        return " ".join(line.split())
    try:
        value = json.loads(line)[name]
    except (ValueError, KeyError, RecursionError):
        raise UserError(f'{where}: no JSON object with the field "{name}"') from None
    if not isinstance(value, str):
        raise UserError(f'{where}: the field "{name}" is no text')
    return " ".join(value.split())


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """Each text once, the first of equal texts."""
    found: dict[str, str] = {}
    for text in texts:
        found.setdefault(_key(text), text)
    return tuple(found.values())


def _key(text: str) -> str:
    return text.casefold().strip(" .")
