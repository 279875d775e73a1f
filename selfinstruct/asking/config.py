"""One frozen Config: every default once, the presets beside each other, and what may change between two sittings."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlsplit

from selfinstruct.errors import UserError
from selfinstruct.models import Decoding
from selfinstruct.text import redacted


def _setting(default: Any, help: str, *, free: bool = False, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"help": help, "free": free, "choices": choices})


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that decides a run. Settings marked free may change whenever a run is resumed: they decide how fast it goes
    and where, never what comes out.
    """

    n: int = _setting(100, "Examples in the finished dataset.", free=True)  # may only grow
    preset: str = _setting(
        "chat",
        "Prompts, parsing, filters and decoding.",
        choices=("chat", "paper", "alpaca", "small"),
    )
    model: str = _setting(
        "",
        "The model's name at the endpoint; 'local', 'local:FILE.gguf', 'local:hf:ORG/REPO/FILE', 'scripted'.",
    )
    api: str = _setting(
        "chat", "Which of the endpoint's interfaces to use.", choices=("chat", "completions")
    )
    response_format: str = _setting(
        "text", "How replies are asked for.", choices=("text", "json_object", "json_schema")
    )
    seed: int = _setting(0, "Decides every random choice of the run.")
    threshold: float = _setting(
        0.7, "Drop an instruction whose ROUGE-L with anything in the pool is above this."
    )  # section 2.2
    tokenizer: str = _setting("unicode", "How ROUGE-L splits text.", choices=("rouge", "unicode"))
    demos: int = _setting(8, "Instructions shown in a propose prompt.")  # section 2.2
    machine_demos: int = _setting(
        2, "How many of them at most are the model's own; the rest are seeds."
    )  # section 2.2
    new_per_turn: int = _setting(
        8, "New instructions asked for in a propose prompt."
    )  # section 2.2: numbers 9 to 16
    max_instances_per_task: int = _setting(3, "Examples kept of one instruction.")
    attempts: int = _setting(
        2, "Replies asked for at most where one holds nothing; a stage at temperature 0 has one."
    )
    lag: int = _setting(
        256,
        "A turn draws its demonstrations from the pool as it stood up to this many turns before.",
    )
    record_similarity: bool = _setting(
        False, "Record each instruction's ten most similar pool items (slow in a large pool)."
    )
    propose: Decoding = field(default=Decoding())
    classify: Decoding = field(default=Decoding())
    input_first: Decoding = field(default=Decoding())
    output_first: Decoding = field(default=Decoding())
    reject: str = _setting(
        "certain",
        "Defects that drop an example, others being noted in it: certain, annotate (drop none), none (look for none), or a list.",
    )
    extra_body: str = _setting("", "Further fields of every request's body, as a JSON object.")
    seed_tasks: str = _setting(
        "", "A JSONL file of seed tasks.", free=True
    )  # what it holds is fingerprinted
    prompts: str = _setting(
        "", "A directory of templates that take the place of the packaged ones.", free=True
    )  # so are they
    base_url: tuple[str, ...] = _setting(
        (), "The endpoint's address, up to and with /v1. Several share the load.", free=True
    )
    key_file: str = _setting(
        "", "A file that holds the key and nothing else, instead of OPENAI_API_KEY.", free=True
    )
    concurrency: int = _setting(16, "Requests under way at once.", free=True)
    batch: bool = _setting(
        False,
        "Ask through the endpoint's batch API: half the price, hours for seconds; fewer rounds with a larger --lag.",
        free=True,
    )
    adaptive: bool = _setting(
        False, "Find out how many of them serve best, --concurrency at most.", free=True
    )
    rpm: int = _setting(
        0, "Requests that each endpoint takes in a minute; 0: it will tell.", free=True
    )
    tpm: int = _setting(
        0,
        "Tokens that each endpoint takes in a minute, prompts and replies; 0: it will tell.",
        free=True,
    )
    timeout: float = _setting(120.0, "Seconds to wait for one reply.", free=True)
    retries: int = _setting(8, "Tries of one request while the others are answered.", free=True)
    patience: float = _setting(
        3600.0, "Seconds to wait for a server that has answered before and is gone.", free=True
    )
    stall_turns: int = _setting(
        50,
        "Stop after so many turns, or twice as many instructions, in a row that gave nothing.",
        free=True,
    )
    max_cost: float = _setting(
        -1.0,
        "Stop before the run has cost more than so many USD, over all its sittings.",
        free=True,
    )
    max_tokens_total: int = _setting(
        -1, "Stop before it has taken more tokens, prompts and replies together.", free=True
    )
    max_requests: int = _setting(
        -1, "Stop before it has sent more calls, those made again among them.", free=True
    )
    price_in: float = _setting(-1.0, "USD for a million prompt tokens.", free=True)
    price_out: float = _setting(-1.0, "USD for a million completion tokens.", free=True)
    price_batch: float = _setting(
        -1.0,
        "What a batch costs, as a share of the live price, if not as listed, or half.",
        free=True,
    )

    def decoding(self, stage: str) -> Decoding:
        found = getattr(self, stage)
        assert isinstance(found, Decoding)
        return found

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that ask the model something; `alpaca` gets whole tasks out of the first."""
        return (
            ("propose",)
            if self.preset == "alpaca"
            else ("propose", "classify", "input_first", "output_first")
        )

    @property
    def addresses(self) -> str:
        """For a person, without secrets; empty if none was named."""
        return ", ".join(map(redacted, self.base_url))

    def record(self) -> dict[str, Any]:
        """For run.json: everything but the user and password that an address may hold, and where the key is kept."""
        record = asdict(replace(self, base_url=tuple(map(redacted, self.base_url))))
        del record["key_file"]
        return record


STAGES = ("propose", "classify", "input_first", "output_first")
FREE = frozenset(one.name for one in fields(Config) if one.metadata.get("free"))

# What a preset sets. `chat`: instruction-tuned models; `paper`: section 2.2 and table 4 of appendix A; `alpaca`: Alpaca's
# variant; `small`: models of some hundred million weights, held to a form by grammars.
PRESETS: dict[str, dict[str, Any]] = {
    "chat": {
        "propose": Decoding(temperature=1.0, top_p=0.95, max_tokens=1024),
        "classify": Decoding(temperature=0.0, max_tokens=16),
        "input_first": Decoding(temperature=0.7, top_p=0.95, max_tokens=1536),
        "output_first": Decoding(temperature=0.7, top_p=0.95, max_tokens=1024),
    },
    "paper": {
        "api": "completions",
        "tokenizer": "rouge",
        "reject": "none",
        "new_per_turn": 7,
        "max_instances_per_task": 5,
        "attempts": 1,
        "propose": Decoding(0.7, 0.5, 1024, 2.0, 0.0, ("\n\n", "\n16", "16.", "16 .")),
        "classify": Decoding(0.0, 0.0, 3, 0.0, 0.0, ("\n", "Task:")),
        "input_first": Decoding(0.0, 0.0, 350, 1.5, 0.0, ("Task:",)),
        "output_first": Decoding(0.0, 0.0, 300, 1.5, 0.0, ("Task:",)),
    },
    "alpaca": {
        "demos": 3,
        "machine_demos": 0,
        "new_per_turn": 20,
        "max_instances_per_task": 1,
        "propose": Decoding(temperature=1.0, top_p=1.0, max_tokens=3072),
    },
    "small": {
        "api": "completions",
        "demos": 6,
        "machine_demos": 1,
        "new_per_turn": 3,
        "max_instances_per_task": 1,
        "attempts": 1,
        "propose": Decoding(0.8, 0.9, 160, 0.5, 0.2),
        "classify": Decoding(temperature=0.0, max_tokens=8),
        "input_first": Decoding(0.4, 0.9, 200, 0.3, 0.2),
        "output_first": Decoding(0.5, 0.9, 140),
    },
}


def configure(*layers: Mapping[str, Any]) -> Config:
    """The defaults, then the preset's values, then each layer's (a config file, the command line) over the one before.

    A stage's value in a layer is a mapping of decoding fields; `None` leaves a field to the server. Raises UserError.
    """
    preset = next((layer["preset"] for layer in reversed(layers) if "preset" in layer), "chat")
    if preset not in PRESETS:
        raise UserError(f"--preset {preset}: no such preset (known: {', '.join(PRESETS)})")
    config = replace(Config(), preset=preset, **PRESETS[preset])
    return changed(config, *layers)


def changed(config: Config, *layers: Mapping[str, Any]) -> Config:
    """`config` with each layer's values over the one before. Raises UserError."""
    for layer in layers:
        values = dict(layer)
        if isinstance(values.get("base_url"), str):
            values["base_url"] = _addresses(values["base_url"])
        for stage in STAGES:
            if stage in values:
                values[stage] = replace(config.decoding(stage), **values[stage])
        config = replace(config, **values)
    check(config)
    return config


def from_record(record: Mapping[str, Any]) -> Config:
    """The Config that `Config.record` wrote."""
    known = {one.name for one in fields(Config)}
    older: dict[str, Any] = {
        "attempts": 1,
        "reject": "none",
    }  # what runs did that know no such setting
    values = older | {name: value for name, value in record.items() if name in known}
    address = values.get("base_url", ())
    values["base_url"] = (
        _addresses(address) if isinstance(address, str) else tuple(address)
    )  # once there was but one
    for stage in STAGES:
        values[stage] = Decoding(**{**values[stage], "stop": tuple(values[stage]["stop"])})
    return Config(**values)


def _addresses(one: str) -> tuple[str, ...]:
    return (one,) if one else ()


def check(config: Config) -> None:
    """Raises UserError naming the first setting that makes no sense, with what would."""
    rules = [
        ("n", config.n >= 1, "at least 1"),
        ("threshold", 0 <= config.threshold <= 1, "between 0 and 1"),
        ("demos", config.demos >= 1, "at least 1"),
        (
            "machine_demos",
            0 <= config.machine_demos <= config.demos,
            f"between 0 and --demos ({config.demos})",
        ),
        ("new_per_turn", 1 <= config.new_per_turn <= 100, "between 1 and 100"),
        ("max_instances_per_task", config.max_instances_per_task >= 1, "at least 1"),
        ("attempts", config.attempts >= 1, "at least 1"),
        ("lag", config.lag >= 1, "at least 1"),
        ("concurrency", config.concurrency >= 1, "at least 1"),
        ("rpm", config.rpm >= 0, "0 (no limit) or more"),
        ("tpm", config.tpm >= 0, "0 (no limit) or more"),
        ("timeout", config.timeout > 0, "more than 0 seconds"),
        ("retries", config.retries >= 1, "at least 1"),
        ("patience", config.patience >= 0, "0 seconds or more"),
        ("stall_turns", config.stall_turns >= 1, "at least 1"),
        (
            "max_cost",
            config.max_cost == -1 or 0 < config.max_cost < math.inf,
            "more than 0 USD (-1: no cap)",
        ),
        (
            "max_tokens_total",
            config.max_tokens_total == -1 or config.max_tokens_total >= 1,
            "at least 1 (-1: no cap)",
        ),
        (
            "max_requests",
            config.max_requests == -1 or config.max_requests >= 1,
            "at least 1 (-1: no cap)",
        ),
        (
            "price_batch",
            config.price_batch == -1 or 0 <= config.price_batch <= 1,
            "between 0 and 1 (-1: as listed, or half)",
        ),
        (
            "machine_demos",
            config.preset != "alpaca" or config.machine_demos == 0,
            "0 with --preset alpaca, which shows whole seed tasks",
        ),
        (
            "response_format",
            config.preset != "alpaca" or config.response_format == "text",
            "text with --preset alpaca",
        ),
    ]
    for name, holds, wanted in rules:
        if not holds:
            raise UserError(f"--{name.replace('_', '-')} {getattr(config, name)}: must be {wanted}")
    for address in config.base_url:
        if not _is_address(address):
            raise UserError(
                f"--base-url {redacted(address)}: must be an address such as http://localhost:8000/v1"
            )
    if len(set(config.base_url)) < len(config.base_url):
        raise UserError("--base-url: names the same address twice; give each once")
    if config.batch and len(config.base_url) > 1:
        raise UserError(
            "--batch: needs one --base-url, that of the endpoint which keeps the batches; leave the others out"
        )
    for one in fields(Config):
        choices, value = one.metadata.get("choices"), getattr(config, one.name)
        if choices and value not in choices:
            raise UserError(
                f"--{one.name.replace('_', '-')} {value}: must be one of {', '.join(choices)}"
            )
        if (
            isinstance(value, str) and one.name not in FREE and re.search("[\ud800-\udfff]", value)
        ):  # FREE: paths may be anything
            raise UserError(f"--{one.name.replace('_', '-')} {value}: is no UTF-8")


def _is_address(text: str) -> bool:
    try:
        return (
            urlsplit(text).port != 0
            and re.fullmatch(r"https?://[^/\s]\S*", redacted(text)) is not None
        )
    except ValueError:  # a port that is no number, or none that there is
        return False


def changes(recorded: Config, now: Config) -> list[str]:
    """What differs between two configs and would change the data, one line each, decoding fields by name."""
    found = []
    for one in fields(Config):
        if one.name in FREE:
            continue
        before, after = getattr(recorded, one.name), getattr(now, one.name)
        if isinstance(before, Decoding):
            pairs = [
                (f"{one.name}.{part.name}", getattr(before, part.name), getattr(after, part.name))
                for part in fields(Decoding)
            ]
        else:
            pairs = [(one.name, before, after)]
        found += [
            f"{name} was {then!r} and is now {now!r}" for name, then, now in pairs if then != now
        ]
    return found
