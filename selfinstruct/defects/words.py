"""Numbers of words, also of scripts without spaces between words."""

from __future__ import annotations

import re
from collections.abc import Iterable

HAN_OR_KANA = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
# Scripts that write words without spaces. Han and kana have about two letters a word, Thai, Lao,
# Khmer and Burmese about four.
_TWO_A_WORD = HAN_OR_KANA
_FOUR_A_WORD = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")


def words_in(text: str) -> int:
    """The number of words of a text; for letters of scripts without spaces an estimate."""
    if text.isascii():
        return len(text.split())
    dense, thai = len(_TWO_A_WORD.findall(text)), len(_FOUR_A_WORD.findall(text))
    if not dense and not thai:
        return len(text.split())
    spaced = _FOUR_A_WORD.sub(" ", _TWO_A_WORD.sub(" ", text))
    words = sum(any(map(str.isalnum, word)) for word in spaced.split())
    return words + dense // 2 + thai // 4


def has_any(text: str, words: Iterable[str]) -> bool:
    """Whether any of the words stands in the text. Faster than `any` for a text that most lack."""
    for word in words:  # noqa: SIM110 - a generator would take twice the time
        if word in text:
            return True
    return False
