"""The settings of an export, and whether they fit its format."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass

from selfinstruct.errors import UserError
from selfinstruct.exports.forms import FORMS, Form
from selfinstruct.records import hub

_FLAGS = ("best", "drop_labels", "grouped", "new_schema")
_OF_SOME = (
    *("best", "margin", "system", "drop_labels", "grouped", "language", "new_schema"),
    *("license", "push_to_hub"),
)  # settings that not every format has
_ELSEWHERE = ("force", "push_to_hub")  # say where an export goes, not how its rows come about


@dataclass(frozen=True, slots=True)
class Export:
    """Which rows an export has and how they are written; the defaults of `selfinstruct export`."""

    format: str = "alpaca"
    split: str = ""  # shares of train/test or train/validation/test; none: all is train
    keep: tuple[str, ...] = ()  # filters, all of which must hold
    best: bool = False  # of each prompt the example with the highest score only
    margin: float | None = None  # least difference of a pair's scores; None: any difference
    seed: int = 0  # decides splits and templates
    shuffle_seed: int | None = None  # None: the order of the runs
    system: str = ""
    drop_labels: bool = False
    grouped: bool = False  # tasks of many instructions, which stand in the inputs
    language: str = "English"  # of the texts of tasks
    new_schema: bool = False  # imported tasks of v1 and of older files too
    license: str = ""  # of a dataset folder
    push_to_hub: str = ""  # OWNER/NAME
    force: bool = False  # replace a file

    def to_words(self) -> list[str]:
        """The command-line options of these settings, except those that name a place."""
        words: list[str] = []
        for name, value in asdict(self).items():
            flag = f"--{name.replace('_', '-')}"
            if name in _ELSEWHERE:
                continue
            if name == "keep":
                words += [word for text in value for word in (flag, text)]
            elif name in _FLAGS:
                words += [flag] if value else []
            elif name == "format" or value not in ("", None, getattr(_DEFAULTS, name)):
                words += [flag, str(value)]
        return words


_DEFAULTS = Export()


def form_of(settings: Export) -> Form:
    """The form that the settings name. Raises UserError for settings that do not fit the form."""
    form = FORMS.get(settings.format)
    if form is None:
        raise UserError(f"--format {settings.format}: no such format (known: {', '.join(FORMS)})")
    for name in _OF_SOME:
        is_given = getattr(settings, name) != getattr(_DEFAULTS, name)
        if is_given and name not in form.takes:
            fitting = ", ".join(known for known, other in FORMS.items() if name in other.takes)
            raise UserError(
                f"--{name.replace('_', '-')}: has no place in --format {settings.format} "
                f"(only in {fitting})"
            )
    if settings.margin is not None and not 0 <= settings.margin < math.inf:
        raise UserError(f"--margin {settings.margin:g}: must be a number, 0 or more")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*|", settings.license):
        raise UserError(
            f"--license {settings.license}: must be an identifier as the Hub lists them, "
            "such as cc-by-4.0 or apache-2.0"
        )
    if settings.push_to_hub:
        hub.token()  # better now than after the work
    return form
