"""The settings that every asking command shares: the endpoint, the speed, the money.

Settings marked free may change whenever a run is resumed. They decide the speed and the place of a
run, never its data.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, ClassVar, TypeVar

from selfinstruct.asking.addresses import addresses_of, check_addresses
from selfinstruct.errors import UserError
from selfinstruct.models import Decoding
from selfinstruct.models.openai.access import CAN_BE_LEFT_OUT, check_access, recorded
from selfinstruct.text import redacted

Rule = tuple[str, bool, str]  # a setting's name, whether its value makes sense, and which would
E = TypeVar("E", bound="Endpoint")
# The rules by which replies are asked for, read and judged: 1 in version 0.1. A run keeps the
# edition that it began under, so that a new version of this program reads an old run's replies in
# the old way. Edition 3: the preset `chat` has tasks in tags (recipes/self_instruct/presets.py).
EDITION = 3


def setting(
    default: Any, help: str, *, free: bool = False, choices: tuple[str, ...] = (), under: str = ""
) -> Any:
    """A setting with its default and its line in the help, under the heading `under`."""
    metadata = {"help": help, "free": free, "choices": choices, "under": under}
    return field(default=default, metadata=metadata)


def sources_setting(help: str) -> Any:
    """The setting of the runs and datasets that a recipe reads: the option --from, repeatable.

    The bytes of the sources are fingerprinted, and their paths recorded as absolute paths.
    """
    metadata = {"help": help, "free": True, "choices": (), "under": "The method", "flag": "--from"}
    return field(default=(), metadata=metadata)


def _asked(default: Any, help: str, *, choices: tuple[str, ...] = ()) -> Any:
    return setting(default, help, choices=choices, under="The model")


def _server(default: Any, help: str, *, choices: tuple[str, ...] = ()) -> Any:
    return setting(default, help, free=True, choices=choices, under="The server")


def _speed(default: Any, help: str) -> Any:
    return setting(default, help, free=True, under="Speed and patience")


def _money(default: Any, help: str) -> Any:
    return setting(default, help, free=True, under="Money")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who is asked, how fast, and for how much."""

    STAGES: ClassVar[Mapping[str, Decoding]] = {}  # every stage that asks, as it samples by default
    BESIDE: ClassVar[Mapping[str, Decoding]] = {}  # stages that no setting for all stages means
    EMBEDDED: ClassVar[Mapping[str, Any]] = {}  # settings that the embedded model needs

    model: str = _asked(
        "",
        "The model's name at the endpoint; 'local', 'local:FILE.gguf', "
        "'local:hf:ORG/REPO/FILE', 'scripted'.",
    )
    base_url: tuple[str, ...] = setting(
        (),
        "The endpoint's address, up to and with /v1. Several share the load.",
        free=True,
        under="The model",
    )
    key_file: str = setting(
        "",
        "A file that holds the key and nothing else, instead of OPENAI_API_KEY.",
        free=True,
        under="The model",
    )
    api: str = _asked(
        "chat", "Which of the endpoint's interfaces to use.", choices=("chat", "completions")
    )
    response_format: str = _asked(
        "text", "How replies are asked for.", choices=("text", "json_object", "json_schema")
    )
    extra_body: str = _asked("", "Further fields of every request's body, as a JSON object.")
    leave_out: tuple[str, ...] = _server(
        (), f"A field of requests: {', '.join(CAN_BE_LEFT_OUT)}.", choices=CAN_BE_LEFT_OUT
    )
    system: bool = _server(True, "Send system messages, or their words in the user's first turn.")
    header: tuple[str, ...] = _server(
        (), "A header for every call, as 'NAME: VALUE'; only harmless values are recorded."
    )
    header_env: tuple[str, ...] = _server(
        (), "A header whose value is a secret in the environment, as NAME=VARIABLE."
    )
    query: tuple[str, ...] = _server(
        (), "A part of the query of every address, as NAME=VALUE; recorded like --header."
    )
    stream: bool = _server(False, "Ask for replies as streams: some servers send nothing else.")
    prompts: str = setting(
        "",
        "A directory of templates that take the place of the packaged ones.",
        free=True,  # the templates are fingerprinted
        under="The method",
    )
    attempts: int = setting(
        2,
        "Replies asked for at most where a reply holds nothing; a stage at temperature 0 has one, "
        "or a second with more tokens after a label that was cut.",
        under="The method",
    )
    concurrency: int = _speed(16, "Requests under way at once.")
    batch: bool = _speed(
        False,
        "Ask through the endpoint's batch API: half the price, hours for seconds.",
    )
    by_files: bool = _speed(
        False,
        "Ask by files: each round of requests is written under DIR/rounds, for `selfinstruct "
        "workers`, `vllm run-batch` or others to answer.",
    )
    files_wait: float = _speed(
        -1.0,
        "With --by-files: seconds without a new reply after which the sitting ends; -1: never.",
    )
    requests_per_file: int = _speed(500, "With --by-files: requests in a file, for one worker.")
    adaptive: bool = _speed(False, "Find out how many of them serve best, --concurrency at most.")
    rpm: int = _speed(0, "Requests that each endpoint takes in a minute; 0: it will tell.")
    tpm: int = _speed(
        0, "Tokens that each endpoint takes in a minute, prompts and replies; 0: it will tell."
    )
    timeout: float = _speed(120.0, "Seconds to wait for one reply.")
    retries: int = _speed(8, "Tries of one request while the others are answered.")
    patience: float = _speed(
        3600.0, "Seconds to wait for a server that has answered before and is gone."
    )
    max_cost: float = _money(
        -1.0, "Stop before the run has cost more than so many USD, over all its sittings."
    )
    max_tokens_total: int = _money(
        -1, "Stop before the run has taken more tokens, prompts and replies together."
    )
    max_requests: int = _money(
        -1, "Stop before the run has sent more calls, those made again among them."
    )
    price_in: float = _money(-1.0, "USD for a million prompt tokens.")
    price_out: float = _money(-1.0, "USD for a million completion tokens.")
    price_batch: float = _money(
        -1.0, "What a batch costs, as a share of the live price, if not as listed, or half."
    )
    decodings: Mapping[str, Decoding] = field(default_factory=dict)  # by stage

    @classmethod
    def configured(cls: type[E], *layers: Mapping[str, Any]) -> E:  # noqa: PYI019
        """The defaults, overridden by each layer in turn. Raises UserError."""
        return changed(cls(decodings=dict(cls.STAGES)), *layers)

    def decoding(self, stage: str) -> Decoding:
        return self.decodings[stage]

    @property
    def edition(self) -> int:
        """The edition of the rules by which replies are read."""
        return EDITION

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that is asked, the main model first."""
        return (self.model,)

    @property
    def is_batched(self) -> bool:
        """Whether requests are collected and sent together."""
        return self.batch or self.by_files

    @property
    def addresses(self) -> str:
        """For a person, without secrets; empty if none was named."""
        return ", ".join(map(redacted, self.base_url))

    def record(self) -> dict[str, Any]:
        """For run.json: all but secrets in addresses and headers, and the place of the key."""
        shown: dict[str, Any] = {"base_url": tuple(map(redacted, self.base_url))}
        shown |= {"header": recorded(self.header, ": "), "query": recorded(self.query, "=")}
        record = asdict(replace(self, **shown, decodings={}))
        del record["key_file"], record["decodings"]
        return {**record, **{stage: asdict(decoding) for stage, decoding in self.decodings.items()}}

    def rules(self) -> Iterator[Rule]:
        """The constraints on the settings; a recipe's settings add their own."""
        yield "attempts", self.attempts >= 1, "at least 1"
        yield "concurrency", self.concurrency >= 1, "at least 1"
        yield "rpm", self.rpm >= 0, "0 (no limit) or more"
        yield "tpm", self.tpm >= 0, "0 (no limit) or more"
        yield "timeout", self.timeout > 0, "more than 0 seconds"
        yield "retries", self.retries >= 1, "at least 1"
        wait = self.files_wait == -1 or 0 <= self.files_wait < math.inf
        yield "files_wait", wait, "0 seconds or more (-1: wait as long as it takes)"
        yield "requests_per_file", self.requests_per_file >= 1, "at least 1"
        yield "patience", self.patience >= 0, "0 seconds or more"
        cost = self.max_cost == -1 or 0 < self.max_cost < math.inf
        yield "max_cost", cost, "more than 0 USD (-1: no cap)"
        for name in ("max_tokens_total", "max_requests"):
            cap = getattr(self, name)
            yield name, cap == -1 or cap >= 1, "at least 1 (-1: no cap)"
        share = self.price_batch == -1 or 0 <= self.price_batch <= 1
        yield "price_batch", share, "between 0 and 1 (-1: as listed, or half)"


def check(settings: Endpoint) -> None:
    """Raises UserError that names the first setting with a wrong value, and the right values."""
    for name, holds, wanted in settings.rules():
        if not holds:
            value = getattr(settings, name)
            raise UserError(f"--{name.replace('_', '-')} {value}: must be {wanted}")
    check_addresses(settings.base_url, in_batches=settings.batch)
    check_access(settings.header, settings.header_env, settings.query)
    for each in fields(settings):
        choices, value = each.metadata.get("choices"), getattr(settings, each.name)
        option = f"--{each.name.replace('_', '-')}"
        for said in value if isinstance(value, tuple) else (value,):
            if choices and said not in choices:
                raise UserError(f"{option} {said}: must be one of {', '.join(choices)}")
            is_free = each.metadata.get("free")  # paths may be anything
            if isinstance(said, str) and not is_free and re.search("[\ud800-\udfff]", said):
                raise UserError(f"{option} {said}: is no UTF-8")


def changed(settings: E, *layers: Mapping[str, Any]) -> E:
    """`settings`, overridden by each layer in turn. Raises UserError.

    A stage's value in a layer is a mapping of decoding fields; None leaves a field to the server.
    """
    for layer in layers:
        values = dict(layer)
        if isinstance(values.get("base_url"), str):
            values["base_url"] = addresses_of(values["base_url"])
        values |= {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        if "leave_out" in values:  # "none" alone takes back earlier ones
            names = (name.replace("-", "_") for name in values["leave_out"])
            values["leave_out"] = tuple(name for name in names if name != "none")
        decodings = dict(settings.decodings)
        for stage in set(settings.BESIDE) & set(values) - set(decodings):
            decodings[stage] = settings.BESIDE[stage]
        for stage in set(decodings) & set(values):
            decodings[stage] = replace(decodings[stage], **values.pop(stage))
        settings = replace(settings, **values, decodings=decodings)
    check(settings)
    return settings
