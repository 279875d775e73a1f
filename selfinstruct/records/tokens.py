"""Tokens of the model that will be trained, by its `tokenizer.json`. Owns `tokenizers`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError


class Tokenizer:
    """A tokenizer.json file. Special tokens and chat templates are not counted."""

    def __init__(self, path: str) -> None:
        """Raises UserError if the library is missing or the file is no tokenizer."""
        try:
            from tokenizers import Tokenizer as Library
        except ImportError:
            raise UserError(
                f"--tokenizer {path}: needs the library tokenizers; in a checkout: "
                "pip install '.[mix]'"
            ) from None
        place = file_of(path)
        try:
            text = place.read_text("utf-8")
            is_one = "model" in json.loads(text)
        except OSError as error:
            raise UserError(f"--tokenizer {place}: cannot be read ({error.strerror})") from None
        except (ValueError, TypeError):
            is_one = False
        if not is_one:
            raise UserError(f"--tokenizer {place}: is no tokenizer.json; take the model's")
        self._tokenizer: Any = Library.from_str(text)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def count(self, text: str) -> int:
        """The tokens of a text."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def pieces(self, text: str, most: int) -> Iterator[str]:
        """A document cut into texts of at most `most` tokens, by the document's own tokens."""
        offsets = self._tokenizer.encode(text, add_special_tokens=False).offsets
        if len(offsets) <= most:
            yield text
            return
        begin = 0
        for number in range(most, len(offsets) + most, most):
            end = offsets[number][0] if number < len(offsets) else len(text)
            if end > begin and text[begin:end].strip():
                yield text[begin:end]
            begin = max(begin, end)


def file_of(path: str) -> Path:
    """The file, or that of a model's folder."""
    place = Path(path)
    return place / "tokenizer.json" if place.is_dir() else place


def sha256(path: str) -> str:
    """The fingerprint of a tokenizer."""
    return hashlib.sha256(file_of(path).read_bytes()).hexdigest()
