"""Which provider answers for a model's name."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selfinstruct.config import Config, redacted
from selfinstruct.errors import ModelError, UserError
from selfinstruct.models import Model

if TYPE_CHECKING:
    from selfinstruct.models.limits import Limits
    from selfinstruct.models.openai import OpenAI

Notice = Callable[[str], None]
LOCAL, SCRIPTED = "local", "scripted"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A provider and what is known of its limits."""

    model: Model
    limits: Limits


def is_local(model: str) -> bool:
    return model == LOCAL or model.startswith(LOCAL + ":")


def is_network(model: str) -> bool:
    return not is_local(model) and model != SCRIPTED


def extra_fields(config: Config) -> dict[str, Any]:
    """`--extra-body` as a mapping, and what the embedded model needs. Part of every request, so known before a provider is."""
    try:
        extra = json.loads(config.extra_body) if config.extra_body else {}
    except ValueError as error:
        raise UserError(f"--extra-body: not JSON ({error})") from None
    if not isinstance(extra, dict):
        raise UserError("--extra-body: must be a JSON object, such as '{\"min_p\": 0.1}'")
    if is_local(config.model):
        from selfinstruct.models.local import REQUEST_EXTRAS

        extra = {**REQUEST_EXTRAS, **extra}
    return extra


@asynccontextmanager
async def endpoints(config: Config, notice: Notice) -> AsyncIterator[tuple[Endpoint, ...]]:
    """Who answers for `config.model`: a provider for each address, closed at the end. Raises UserError if it cannot be had."""
    if config.model == SCRIPTED:
        from selfinstruct.models.scripted import Scripted

        yield (Endpoint(Scripted(), _limits(config, SCRIPTED, notice)),)
    elif is_local(config.model):
        from selfinstruct.models.local import API_KEY, LocalServer, find_weights

        with LocalServer(find_weights(config.model)) as server:
            async with _closing(_network(config, server.base_url, API_KEY, notice)) as found:
                yield found
    else:
        key = api_key(config)
        async with _closing(*(_network(config, address, key, notice) for address in config.base_url or (None,))) as found:
            yield found


def _network(config: Config, address: str | None, key: str | None, notice: Notice) -> Endpoint:
    limits = _limits(config, redacted(address or "the endpoint"), notice)
    return Endpoint(_client(config, address, key, notice, limits), limits)


def _client(
    config: Config, address: str | None, key: str | None, notice: Notice = lambda text: None, limits: Limits | None = None
) -> OpenAI:
    from selfinstruct.models.openai import OpenAI

    told = {"told": limits.told} if limits is not None else {}
    return OpenAI(base_url=address, api_key=key, timeout=config.timeout, notice=notice, **told)


def _limits(config: Config, name: str, notice: Notice) -> Limits:
    from selfinstruct.models.limits import Limits

    return Limits(name, rpm=config.rpm, tpm=config.tpm, most=config.concurrency, adaptive=config.adaptive, notice=notice)


@asynccontextmanager
async def _closing(*found: Endpoint) -> AsyncIterator[tuple[Endpoint, ...]]:
    try:
        yield found
    finally:
        for one in found:
            await one.model.close()


def api_key(config: Config) -> str | None:
    """The key from the environment, as the openai client reads it; None if there is none, as for servers of one's own."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not key and not config.base_url:
        raise UserError("no key: set OPENAI_API_KEY, name a server of your own with --base-url, or use --model local")
    strange = next((at for at, letter in enumerate(key, 1) if not "!" <= letter <= "~"), None)
    if strange is not None:
        raise UserError(f"OPENAI_API_KEY: character {strange} of {len(key)} is none that a key may hold; copy the key again")
    return key or None


async def only_model(config: Config) -> str:
    """The name of the one model that an endpoint serves; of several endpoints the first that answers is asked.

    Raises UserError if it serves none or several, or if nobody answers.
    """
    address, names = await _first_answer(config)
    if len(names) == 1 and not is_network(names[0]):
        raise UserError(f"{address}: serves a model named {names[0]!r}, like this program's own; serve it by another name")
    if len(names) == 1:
        return names[0]
    some = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    raise UserError(f"--model is missing: {address} serves {len(names)} models{f' ({some})' if some else ''}; name one")


async def _first_answer(config: Config) -> tuple[str, list[str]]:
    """An endpoint's address and the models that it serves."""
    key, silent = api_key(config), list[ModelError]()
    for base_url in config.base_url or (None,):
        endpoint = _client(config, base_url, key)
        try:
            return endpoint.address, await endpoint.models()
        except ModelError as error:
            silent.append(error)
        finally:
            await endpoint.close()
    raise silent[0]
