"""The judge of a run, settled from the given settings and the recorded judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from selfinstruct.annotate.books import FOLDER, recorded
from selfinstruct.annotate.judges import JUDGE, NAMES, QUESTION, Judge, JudgeSettings
from selfinstruct.asking import settings
from selfinstruct.asking.decoding import decoding_value
from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.asking.probes import Probe
from selfinstruct.asking.providers import extra_fields, only_model
from selfinstruct.asking.stage import Stage
from selfinstruct.asking.templates import Template, load
from selfinstruct.data.examples import Example
from selfinstruct.errors import UserError
from selfinstruct.verification.questions import shown

DECODING = ("temperature", "max_tokens")
# Settings of an endpoint that a judge has defaults of its own for, or that are no judge's.
_OWN = ("response_format", "attempts", "prompts", "decodings")
_SHARED = tuple(each.name for each in fields(Endpoint) if each.name not in _OWN)
_EXAMPLE = Example(
    "example", "Name three rivers of Europe.", "", "The Danube, the Rhine and the Volga.", False, {}
)


async def settled(
    directory: Path, said: Mapping[str, Any], where: str = "judge", *, ask: bool = True
) -> Judge:
    """The judge of the run in `directory`: as recorded, but for the values in `said`, or a new
    judge if there is none or another model is named.

    `ask`: whether the endpoint may be asked which model it serves, where none is named. Raises
    UserError, which names `where` a setting is unknown.
    """
    judge = _settled(directory, said, where)
    if judge.config.model:
        return judge
    return _settled(directory, {**said, "model": await only_model(judge.config, ask=ask)}, where)


def _settled(directory: Path, said: Mapping[str, Any], where: str) -> Judge:
    """The judge, whose model may still be empty."""
    for name in said:
        if name not in (*NAMES, *DECODING) or name == "preset":
            known = ", ".join(sorted({*NAMES, *DECODING} - {"preset"}))
            raise UserError(f"{where}: unknown setting {name!r} (known: {known})")
    record = recorded(directory)
    before = record["settings"] if record else {}
    goes_on = bool(before) and said.get("model", before["model"]) == before["model"]
    drawing = {
        name: decoding_value(name, said[name], f"--{name.replace('_', '-')}")
        for name in DECODING
        if name in said
    }
    others = {name: value for name, value in said.items() if name in NAMES}
    said = {**settings.read_table(others, where, JudgeSettings), JUDGE: drawing}
    if goes_on:
        config = settings.resumed(_recorded(before), said)
    else:
        config = settings.fresh(JudgeSettings, said)
    kept = None
    if record and goes_on and "prompts" not in said:
        kept = directory / FOLDER / record["folder"]
    return _judge(config, kept)


def _judge(config: JudgeSettings, kept: Path | None = None) -> Judge:
    extra = tuple(sorted(extra_fields(config).items()))
    template, decoding = _template(config, kept), config.decoding(JUDGE)
    settings.check_limited(config, {JUDGE: decoding})
    return Judge(config, Stage(QUESTION, template, config, 0, extra, decoding))


def judge_probe(config: Endpoint) -> Probe:
    """The judge's question about a small example, at the endpoint of a run. Raises UserError."""
    values = {name: getattr(config, name) for name in _SHARED}
    judge = _judge(settings.fresh(JudgeSettings, values))
    return Probe(judge.stage, _EXAMPLE.id, shown(_EXAMPLE))


def _recorded(record: Mapping[str, Any]) -> JudgeSettings:
    values = {name: record[name] for name in NAMES if name in record}
    if values.get("preset") != "small":
        values["preset"] = "chat"
    drawing = {name: record[name] for name in DECODING}
    addresses = tuple(values.get("base_url", ()))
    return JudgeSettings.configured({**values, "base_url": addresses, JUDGE: drawing})


def _template(config: JudgeSettings, kept: Path | None) -> Template:
    """As the judge was asked before; or of the user's own, or as packaged."""
    directory = kept if kept is not None and (kept / f"{JUDGE}.txt").is_file() else None
    if directory is None and config.prompts:
        directory = Path(config.prompts)
    return load(config.preset, questions=(QUESTION,), directory=directory)[JUDGE]
