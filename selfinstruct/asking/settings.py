"""From a TOML file and a command line to a Config, with the defaults that a model implies."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from selfinstruct.asking.decoding import (
    DECODING,
    NONE,
    checked_value,
    decoding_table,
    stage_table,
    texts_value,
)
from selfinstruct.asking.endpoint import Endpoint, changed
from selfinstruct.asking.providers import (
    LOCAL,
    check_extra,
    extra_fields,
    is_local,
    is_network,
    is_scripted,
)
from selfinstruct.asking.shards import sharded, shared
from selfinstruct.errors import UserError
from selfinstruct.models import Decoding

E = TypeVar("E", bound=Endpoint)
EMBEDDED_AT_MOST = 1000  # examples that nobody asked the embedded model for by its name
_LIMITS = ("max_tokens", "max_completion_tokens")
# The settings of a sitting, not of the run.
SITTING: dict[str, type] = {"out": str, "stop_at": str, "max_hours": float}


def read_file(path: Path, kind: type[Endpoint]) -> dict[str, Any]:
    """The settings of a TOML file, by Config's names and `out`.

    Raises UserError that names an unknown setting.
    """
    secrets = "does not belong into a file"
    return read_table(read_toml(path), str(path), kind, SITTING, secrets=secrets)


def read_table(
    table: Mapping[str, Any],
    where: str,
    kind: type[Endpoint],
    others: Mapping[str, type] | None = None,
    *,
    secrets: str = "is no setting",
) -> dict[str, Any]:
    """The settings in a mapping, by Config's names and those of `others`, each checked.

    A decoding setting may stand at the top, for all stages, and in a table named like a stage.
    Raises UserError that begins with `where`.
    """
    stages = tuple(kind.STAGES)
    known = _kinds(kind) | dict(others or {})
    found: dict[str, Any] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if "key" in name.split("_") and name not in known:
            raise UserError(
                f"{where}: {key!r} {secrets}; set OPENAI_API_KEY in the environment, or key_file"
            )
        if name in stages or name in kind.BESIDE:
            found[name] = {**found.get(name, {}), **stage_table(key, value, where)}
        elif name in DECODING:
            for stage in stages:
                found[stage] = {**decoding_table({key: value}, where), **found.get(stage, {})}
        elif known.get(name) is tuple:
            found[name] = texts_value(_pairs(name, value), f"{where}: {key!r}")
        elif name in known:
            found[name] = checked_value(value, known[name], f"{where}: {key!r}")
        else:
            raise UserError(
                f"{where}: unknown setting {key!r} "
                f"(known: {', '.join(sorted([*known, *stages, *DECODING]))})"
            )
    return found


def _kinds(kind: type[Endpoint]) -> dict[str, type]:
    """The type of each setting that a file may have, by name."""
    return {
        each.name: type(each.default)
        for each in fields(kind)
        if each.name != "decodings" and not each.metadata.get("is_recorded_only")
    }


def _pairs(name: str, value: Any) -> Any:
    """A table of headers or of a query as the texts that a command line has."""
    if isinstance(value, Mapping) and name in ("header", "header_env", "query"):
        separator = ": " if name == "header" else "="
        return [f"{key}{separator}{each}" for key, each in value.items()]
    return value


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises UserError."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path}: cannot read the configuration ({error.strerror})") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise UserError(f"{path}: not TOML ({error})") from None


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers over earlier ones, stage by stage."""
    found: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            if isinstance(value, Mapping):  # a stage's decoding
                value = {**found.get(name, {}), **value}
            found[name] = value
    return found


def fresh(kind: type[E], said: Mapping[str, Any]) -> E:
    """The settings of a new run, from a command line or a file; `model` may still be empty.

    Raises UserError.
    """
    implied: dict[str, Any] = {}
    model, address = said.get("model", ""), said.get("base_url", "")
    if model and address and not is_network(model):
        raise UserError(
            f"--model {model}: is this program's own and has no --base-url; "
            "leave one of the two out"
        )
    if is_local(model):  # one slot: requests wait for each other, and the next is always ready
        implied |= {"concurrency": 2, "timeout": 900.0}
    if model == LOCAL:
        implied |= kind.EMBEDDED
    if "base_url" not in said and os.environ.get("OPENAI_BASE_URL") and is_network(model):
        implied["base_url"] = (os.environ["OPENAI_BASE_URL"],)
    settings = sharded(_can_batch(kind.configured(implied, said)))
    check_extra(settings)
    return settings


def resumed(recorded: E, said: Mapping[str, Any]) -> E:
    """The settings of a run that goes on: as they were, but for new values. Raises UserError."""
    settings = _can_batch(changed(recorded, shared(recorded, said)))
    if settings.extra_body != recorded.extra_body:
        check_extra(settings)
    return settings


def _can_batch(settings: E) -> E:
    if settings.batch and settings.by_files:
        raise UserError("--batch and --by-files: two ways to send the same requests; name one")
    if settings.by_files and is_scripted(settings.model):
        raise UserError(
            "--by-files: the scripted model answers within this program; leave --by-files out"
        )
    if settings.batch and settings.model and not is_network(settings.model):
        raise UserError(
            f"--batch: the model {settings.model!r} is this program's own and has no batch "
            "endpoint; leave --batch out"
        )
    return settings


def check_limited(settings: Endpoint, decodings: Mapping[str, Decoding]) -> None:
    """Raises UserError if a cap rests on the longest reply of a stage that has no limit.

    decodings: of the stages that are asked, by name.
    """
    caps = {"--max-cost": settings.max_cost, "--max-tokens-total": settings.max_tokens_total}
    cap = next((option for option, value in caps.items() if value > 0), None)
    extra = extra_fields(settings)
    if cap is None or set(_LIMITS) & set(extra):
        return
    needed = {"max_tokens"} if settings.api == "completions" else set(_LIMITS)
    if needed <= set(settings.leave_out):
        raise UserError(f"--leave-out max_tokens: {cap} rests on that limit; leave out the cap")
    for stage, decoding in decodings.items():
        if decoding.max_tokens is None:
            raise UserError(
                f"--max-tokens {stage}={NONE}: {cap} rests on that limit; give a number, "
                "or leave out the cap"
            )


def seconds_left(stop_at: str | None, max_hours: float | None, now: datetime) -> float | None:
    """Seconds until the clock next shows `stop_at` (HH:MM), or `max_hours`: the earlier of both.

    Raises UserError.
    """
    limits = []
    if max_hours is not None:
        if not max_hours > 0:  # nor nan
            raise UserError(f"--max-hours {max_hours}: must be more than 0")
        limits.append(max_hours * 3600)
    if stop_at is not None:
        found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", stop_at)
        if found is None:
            raise UserError(f"--stop-at {stop_at}: must be a time of day as HH:MM, such as 07:00")
        then = now.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
        limits.append(((then if then > now else then + timedelta(days=1)) - now).total_seconds())
    return min(limits, default=None)


def wants_embedded(said: Mapping[str, Any], n: int) -> bool:
    """True without a sign of an endpoint: no --model, no address, no key.

    Raises UserError if the embedded model would take far too long for `n` examples.
    """
    in_environment = (
        os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_KEY", "").strip()
    )
    if said.get("model") or said.get("base_url") or said.get("key_file") or in_environment:
        return False
    if n > EMBEDDED_AT_MOST:
        raise UserError(
            f"--n {n} is too much to begin on the embedded model unasked: "
            "name an endpoint (--base-url, OPENAI_API_KEY) and "
            "--model, or add --model local if you mean it"
        )
    return True
