"""Which provider answers for a model's name."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.errors import ModelError, UserError
from selfinstruct.models import Model
from selfinstruct.models.openai.access import Access, access_of, fields_left_out
from selfinstruct.models.openai.fields import OPTIONAL, Learned
from selfinstruct.models.openai.keys import api_key
from selfinstruct.text import redacted

if TYPE_CHECKING:
    from selfinstruct.models.limits.limits import Limits
    from selfinstruct.models.openai.client import OpenAI

Notice = Callable[[str], None]
LOCAL, SCRIPTED = "local", "scripted"
_NOBODY = "http://rounds/v1"  # nobody is asked there: requests go into files


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider and the known limits of its endpoint."""

    model: Model
    limits: Limits


def is_local(model: str) -> bool:
    return model == LOCAL or model.startswith(LOCAL + ":")


def is_scripted(model: str) -> bool:
    return model == SCRIPTED or model.startswith(SCRIPTED + ":")


def is_network(model: str) -> bool:
    return not is_local(model) and not is_scripted(model)


def extra_fields(config: Endpoint) -> dict[str, Any]:
    """`--extra-body` as a mapping, and the fields of the embedded model.

    They are part of every request, so that they are known before there is a provider.
    """
    try:
        extra = (
            json.loads(config.extra_body, parse_constant=_no_number) if config.extra_body else {}
        )
    except (ValueError, RecursionError) as error:
        raise UserError(f"--extra-body: not JSON ({error})") from None
    if not isinstance(extra, dict):
        raise UserError("--extra-body: must be a JSON object, such as '{\"min_p\": 0.1}'")
    if is_local(config.model):
        from selfinstruct.models.local import REQUEST_EXTRAS

        extra = {**REQUEST_EXTRAS, **extra}
    return extra


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number there")


def check_extra(config: Endpoint) -> None:
    """Raises UserError if `--extra-body` sets a field that the run decides itself.

    A run that an earlier version began so goes on so.
    """
    extra = extra_fields(config)
    try:
        json.dumps(extra, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise UserError(
            "--extra-body: holds half of a character (\\ud800 to \\udfff alone)"
        ) from None
    for field in extra:
        if field in OPTIONAL or (field == "model" and config.model):
            raise UserError(
                f"--extra-body: {field!r} has an option of its own: --{field.replace('_', '-')}"
            )
        if field in _DECIDED:
            raise UserError(f"--extra-body: {field!r} cannot be set there: {_DECIDED[field]}")


# Fields of a body that are none of the user's.
_DECIDED = {
    "model": "name it with --model",
    **dict.fromkeys(("messages", "prompt"), "every prompt is made from the templates (--prompts)"),
    **dict.fromkeys(("stream", "stream_options"), "ask for streams with --stream"),
    "n": "one reply is read of each call, and the others would be paid for in vain",
}


@asynccontextmanager
async def endpoints(
    config: Endpoint, notice: Notice, learned: Learned | None = None
) -> AsyncIterator[tuple[Provider, ...]]:
    """A provider for each address that serves `config.model`, closed at the end.

    `learned`: the fields that each address is known to refuse; new findings are added. Raises
    UserError if no provider can be had.
    """
    learned = {} if learned is None else learned
    if config.by_files:
        from selfinstruct.models.local import API_KEY

        async with _closing(_network(config, _NOBODY, API_KEY, notice, learned)) as found:
            yield found
    elif is_scripted(config.model):
        from selfinstruct.models.scripted.model import Scripted

        yield (Provider(Scripted(), _limits(config, SCRIPTED, notice)),)
    elif is_local(config.model):
        from selfinstruct.models.local import API_KEY, LocalServer, find_weights

        with LocalServer(find_weights(config.model)) as server:
            async with _closing(_network(config, server.base_url, API_KEY, notice, {})) as found:
                yield found
    else:
        key = _key(config, notice)
        async with _closing(
            *(
                _network(config, address, key, notice, learned)
                for address in config.base_url or (None,)
            )
        ) as found:
            yield found


def _network(
    config: Endpoint, address: str | None, key: str | None, notice: Notice, learned: Learned
) -> Provider:
    limits = _limits(config, redacted(address or "the endpoint"), notice)
    name = redacted(address or "")
    client = _client(config, address, key, notice, limits, learned.get(name))
    client.when_it_answers(lambda left_out: learned.setdefault(name, left_out))
    return Provider(client, limits)


def _client(
    config: Endpoint,
    address: str | None,
    key: str | None,
    notice: Notice = lambda text: None,
    limits: Limits | None = None,
    left_out: dict[str, str | None] | None = None,
) -> OpenAI:
    from selfinstruct.models.openai.client import OpenAI

    told = (lambda allowance: None) if limits is None else limits.told
    return OpenAI(
        base_url=address,
        api_key=key,
        timeout=config.timeout,
        notice=notice,
        told=told,
        left_out=left_out,
        access=_access(config),
        leave_out=fields_left_out((*config.leave_out, *(() if config.system else ("system",)))),
    )


def _access(config: Endpoint) -> Access:
    """Raises UserError."""
    return access_of(
        config.header, config.header_env, config.query, os.environ, streams=config.stream
    )


def _limits(config: Endpoint, name: str, notice: Notice) -> Limits:
    from selfinstruct.models.limits.limits import Limits

    return Limits(
        name,
        rpm=config.rpm,
        tpm=config.tpm,
        most=config.concurrency,
        adaptive=config.adaptive,
        notice=notice,
    )


@asynccontextmanager
async def _closing(*found: Provider) -> AsyncIterator[tuple[Provider, ...]]:
    try:
        yield found
    finally:
        for provider in found:
            await provider.model.close()


def _key(config: Endpoint, notice: Notice = lambda text: None) -> str | None:
    """The API key; None if there is none, as for servers of the user's own.

    With a header that takes a key's place, only the key of a file is sent beside that.
    """
    if not config.key_file and _access(config).has_key:
        return None
    return api_key(config.key_file, is_wanted=not config.base_url, notice=notice)


async def only_model(config: Endpoint, *, ask: bool = True) -> str:
    """The name of the single model that an endpoint serves.

    Of several endpoints the first that answers is asked. Without `ask` none is, and the result is a
    text in place of the name. Raises UserError if the endpoint serves no model or several, or if no
    endpoint answers.
    """
    if not ask:
        return "(the one that it serves)"
    address, names = await _first_answer(config)
    if len(names) == 1 and not is_network(names[0]):
        raise UserError(
            f"{address}: serves a model named {names[0]!r}, like this program's own; "
            "serve it by another name"
        )
    if len(names) == 1:
        return names[0]
    some = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    raise UserError(
        f"--model is missing: {address} serves {len(names)} models"
        f"{f' ({some})' if some else ''}; name one"
    )


async def _first_answer(config: Endpoint) -> tuple[str, list[str]]:
    """An endpoint's address and the models that it serves."""
    key, silent = _key(config), list[ModelError]()
    for base_url in config.base_url or (None,):
        endpoint = _client(config, base_url, key)
        try:
            return endpoint.address, await endpoint.models()
        except ModelError as error:
            silent.append(error)
        finally:
            await endpoint.close()
    raise silent[0]
