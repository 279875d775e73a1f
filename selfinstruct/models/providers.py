"""Which provider answers for a model's name."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from selfinstruct.config import Config
from selfinstruct.errors import UserError
from selfinstruct.models import Model

Notice = Callable[[str], None]
LOCAL, SCRIPTED = "local", "scripted"


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
async def provider(config: Config, notice: Notice) -> AsyncIterator[Model]:
    """The provider of `config.model`, closed at the end. Raises UserError if it cannot be had."""
    if config.model == SCRIPTED:
        from selfinstruct.models.scripted import Scripted

        yield Scripted()
        return
    from selfinstruct.models.openai import OpenAI

    if is_local(config.model):
        from selfinstruct.models.local import API_KEY, LocalServer, find_weights

        with LocalServer(find_weights(config.model)) as server:
            model = OpenAI(base_url=server.base_url, api_key=API_KEY, timeout=config.timeout, notice=notice)
            try:
                yield model
            finally:
                await model.close()
        return
    model = OpenAI(base_url=config.base_url or None, api_key=api_key(config), timeout=config.timeout, notice=notice)
    try:
        yield model
    finally:
        await model.close()


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
    """The name of the one model that an endpoint serves. Raises UserError if it serves none or several."""
    from selfinstruct.models.openai import OpenAI

    endpoint = OpenAI(base_url=config.base_url or None, api_key=api_key(config), timeout=config.timeout)
    try:
        names = await endpoint.models()
    finally:
        await endpoint.close()
    if len(names) == 1 and not is_network(names[0]):
        raise UserError(f"{endpoint.address}: serves a model named {names[0]!r}, like this program's own; serve it by another name")
    if len(names) == 1:
        return names[0]
    some = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    raise UserError(f"--model is missing: {endpoint.address} serves {len(names)} models{f' ({some})' if some else ''}; name one")
