"""From what was said to a judge: the one that was there before, or another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfinstruct.annotate.books import FOLDER, recorded
from selfinstruct.annotate.judges import NAMES, Judge
from selfinstruct.asking import settings
from selfinstruct.asking import templates as prompts
from selfinstruct.asking.config import Config, configure
from selfinstruct.asking.providers import LOCAL, only_model
from selfinstruct.errors import UserError
from selfinstruct.models import Decoding

DECODING = {"temperature": 0.0, "max_tokens": 512}
DEFAULTS = {"attempts": 3, "response_format": "json_schema"}


async def settled(
    directory: Path, said: Mapping[str, Any], where: str = "judge", *, ask: bool = True
) -> Judge:
    """The judge of the run in `directory`: as recorded, but for what was said anew; or a new one if there is none, or if another
    model is named. `said` has names of NAMES and DECODING. Raises UserError, saying `where`.

    `ask`: whether the endpoint may be asked which model it serves, where none is named.
    """
    judge = _settled(directory, said, where)
    if judge.config.model:
        return judge
    return _settled(directory, {**said, "model": await only_model(judge.config, ask=ask)}, where)


def _settled(directory: Path, said: Mapping[str, Any], where: str) -> Judge:
    """Its model may still be empty."""
    for name in said:
        if name not in (*NAMES, *DECODING):
            raise UserError(
                f"{where}: unknown setting {name!r} (known: {', '.join(sorted((*NAMES, *DECODING)))})"
            )
    known = recorded(directory)
    before = known["settings"] if known else {}
    goes_on = bool(before) and said.get("model", before["model"]) == before["model"]
    drawing = {
        name: said.get(name, before[name] if goes_on else DECODING[name]) for name in DECODING
    }
    for name, value in drawing.items():
        settings.decoding_value(name, value, f"--{name.replace('_', '-')}")
    said = settings.read_table(
        {name: value for name, value in said.items() if name in NAMES}, where
    )
    if goes_on:
        config = settings.resumed(_config(before), said)
    else:
        implied = (
            {"response_format": "text"} if said.get("model") == LOCAL else {}
        )  # a grammar holds it to its form
        config = settings.fresh({**DEFAULTS, **implied, **said})
    kept = (
        directory / FOLDER / known["folder"]
        if known and goes_on and "prompts" not in said
        else None
    )
    return Judge(config, _template(config, kept), Decoding(**drawing))


def _config(record: Mapping[str, Any]) -> Config:
    values = {name: record[name] for name in (*NAMES, "preset") if name in record}
    return configure({**values, "base_url": tuple(values.get("base_url", ()))})


def _template(config: Config, kept: Path | None) -> prompts.Template:
    """As it was asked before; or of one's own, or as packaged."""
    directory = kept if kept is not None and (kept / f"{prompts.JUDGE}.txt").is_file() else None
    if directory is None and config.prompts:
        directory = Path(config.prompts)
    preset = "small" if config.preset == "small" else "chat"
    return prompts.load(preset, stages=(prompts.JUDGE,), directory=directory)[prompts.JUDGE]
