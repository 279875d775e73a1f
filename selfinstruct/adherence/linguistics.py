"""Sentences and languages. Owns punkt and langdetect, imported late (extra `adherence`).

Both libraries bring their models along and open no connection. The language detector draws random
numbers: here its seed is fixed and its profiles are read in the order of their names, so a text has
the same language on every machine.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError, how_to_install


def sentences(text: str) -> list[str]:
    """The sentences of an English text, by the published Punkt model. Raises UserError."""
    found: list[str] = _library("punkt").sent_tokenize(text)
    return found


def language(text: str) -> str | None:
    """The language of a text as langdetect names it: "en", "pt", "zh-cn".

    None for a text without letters. Raises UserError.
    """
    detector = _factory().create()
    detector.append(text)
    try:
        found: str = detector.detect()
    except _library("langdetect").LangDetectException:
        return None
    return found


def check_libraries() -> None:
    """Raises UserError where a library of the extra `adherence` is missing."""
    _library("punkt")
    _library("langdetect")


@cache
def _factory() -> Any:
    library = _library("langdetect.detector_factory")
    factory = library.DetectorFactory()
    profiles = sorted(Path(library.PROFILES_DIRECTORY).iterdir())
    factory.load_json_profile([profile.read_text("utf-8") for profile in profiles])
    factory.set_seed(0)
    return factory


def _library(module: str) -> Any:
    try:
        if module == "punkt":
            return import_module("punkt")
        if module == "langdetect":
            return import_module("langdetect")
        return import_module("langdetect.detector_factory")
    except ImportError:
        raise UserError(
            f"counting sentences and telling languages needs {module.partition('.')[0]}: "
            f"{how_to_install('adherence')}"
        ) from None
