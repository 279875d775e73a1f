"""The state of a run, live, dead or finished, read without disturbing the run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selfinstruct.asking.config import Config
from selfinstruct.errors import UserError
from selfinstruct.models import Usage
from selfinstruct.models.batch.polling import count_of
from selfinstruct.models.money.meter import Meter
from selfinstruct.models.money.prices import cost_of, price_of_model, prices_of
from selfinstruct.models.openai.fields import Learned, read_learned
from selfinstruct.runs.batches import left_open
from selfinstruct.runs.directory import checkpointed, recorded_config
from selfinstruct.runs.funnel import Funnel
from selfinstruct.runs.journal import holder
from selfinstruct.text import duration


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch that the run has not had its replies of, or not all."""

    id: str | None  # None: nobody knows it yet
    requests: int
    cost_usd: float | None  # at most; None: nobody knows the price

    def __str__(self) -> str:
        most = f", ${self.cost_usd:,.2f} at most" if self.cost_usd else ""
        return (
            f"{self.id or '(being made)'}: {count_of(self.requests, 'request', 'requests')}{most}, "
            "not counted below until they are back"
        )


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a run at a moment.

    Values from checkpoint.json are up to five seconds older than the counts of lines.
    """

    directory: str
    state: str  # running | stopped | finished
    owner: str | None  # of a running one, as "process PID on HOST"
    model: str
    method: str
    items: str  # what the recipe's items are called
    examples: int
    wanted: int | None  # None: nobody knows
    replies: int
    open_batches: list[OpenBatch]
    as_of: float | None  # seconds since the epoch, of all that follows
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int  # of the prompt's
    reasoning_tokens: int  # of the completion's
    estimated_tokens: int  # of all, those that the server has not counted
    cost_usd: float | None  # None: nobody knows the price
    calls: int  # sent, those that were made again among them
    unknown_calls: int  # of which nobody knows whether they were charged
    unknown_cost_usd: float | None  # what these may have cost at most
    requests_per_second: float | None  # of the latest sitting
    examples_per_second: float | None
    seconds_left: float | None
    funnel: dict[str, Any]
    notices: list[tuple[float, str]]  # the last things said, with their times
    left_out: Learned  # fields that each endpoint refuses, with those sent instead

    def to_record(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """The status as lines for a reader."""
        hint = {
            "running": f", {self.owner}",
            "stopped": "; 'selfinstruct resume' goes on",
            "finished": "",
        }[self.state]
        yield f"{self.directory}: {self.state}{hint}"
        of = "" if self.wanted is None else f" of {self.wanted:,}"
        yield f"  examples     {self.examples:,}{of}"
        yield f"  model        {self.model}, {self.method}"
        yield f"  replies      {self.replies:,} on record"
        for batch in self.open_batches:
            yield f"  batch        {batch}"
        if self.as_of is None:
            return
        yield from self._speed_and_money()
        yield f"  as of        {duration(max(0.0, time.time() - self.as_of))} ago"
        yield from self._left_out_lines()
        for at, text in self.notices:
            yield f"  {time.strftime('%H:%M:%S', time.localtime(at)):<12} {text}"
        yield ""
        yield from Funnel.from_record(self.funnel).lines(self.items)

    def _speed_and_money(self) -> Iterator[str]:
        cost = "cost unknown" if self.cost_usd is None else f"${self.cost_usd:,.2f}"
        if self.unknown_calls:
            most = f", ${self.unknown_cost_usd:,.2f} at most" if self.unknown_cost_usd else ""
            cost += (
                f" (and {self.unknown_calls:,} calls that may have been charged "
                f"though no reply came{most})"
            )
        thought = f" ({self.reasoning_tokens:,} of them thinking)" if self.reasoning_tokens else ""
        estimated = f" ({self.estimated_tokens:,} of all tokens are estimated)"
        yield (
            f"  tokens       {self.prompt_tokens:,} prompt, "
            f"{self.completion_tokens:,} completion{thought}"
            f"{estimated if self.estimated_tokens else ''}, {cost}"
        )
        if self.requests_per_second is not None and self.examples_per_second is not None:
            left = (
                f", about {duration(self.seconds_left)} left"
                if self.seconds_left is not None
                else ""
            )
            yield (
                f"  speed        {self.requests_per_second:.1f} requests/s, "
                f"{self.examples_per_second:.1f} examples/s{left}"
            )

    def _left_out_lines(self) -> Iterator[str]:
        for address, fields in self.left_out.items():
            said = ", ".join(
                f"{name} ({instead} instead)" if instead else name
                for name, instead in fields.items()
            )
            yield f"  left out     {said}: not taken{f' by {address}' if address else ''}"


def read_status(directory: Path) -> Status:
    """Raises UserError if there is no run in `directory`."""
    config = recorded_config(directory) if directory.is_dir() else None
    if config is None:
        raise UserError(f"{directory}: no run here (no run.json); name the directory of a run")
    record = checkpointed(directory) or {}
    owner, (examples, replies) = holder(directory / "lock"), _counts(directory, record)
    wanted = config.n or record.get("expected")
    no_more = bool((record.get("end") or {}).get("items_ended"))
    is_done = no_more or examples >= config.stop_after
    return Status(
        directory=str(directory),
        state="running" if owner else "finished" if is_done else "stopped",
        owner=owner,
        model=config.asked + (f" at {config.addresses}" if config.base_url else ""),
        method=config.method,
        items=config.items,
        examples=examples,
        wanted=wanted,
        replies=replies,
        open_batches=_open_batches(directory, config),
        as_of=record.get("at"),
        **_spent(config, Meter.from_record(record.get("meter", {}))),
        **_speed(wanted, record, is_running=owner is not None),
        funnel=(record["end"] or record["mark"])["funnel"] if record else Funnel().to_record(),
        notices=[(float(at), str(text)) for at, text in record.get("notices", [])],
        left_out={
            address: fields
            for address, fields in read_learned(record.get("left_out")).items()
            if fields
        },
    )


def _spent(config: Config, meter: Meter) -> dict[str, Any]:
    """The calls, tokens and US dollars that checkpoint.json's `meter` counts."""
    usage, prices = meter.usage, prices_of(config, tuple(meter.unsure.others))
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "estimated_tokens": usage.estimated_tokens,
        "cost_usd": cost_of(config, meter),
        "calls": meter.calls,
        "unknown_calls": meter.unknown_calls,
        "unknown_cost_usd": None if prices is None else prices.cost(meter.unsure),
    }


def _open_batches(directory: Path, config: Config) -> list[OpenBatch]:
    found = []
    for batch in left_open(directory):
        model = batch.requests[0].model or config.model  # a batch is for a single model
        price = price_of_model(config, model)
        most = sum((each.most for each in batch.requests), Usage())
        cost = None if price is None else price.cost(most)
        found.append(OpenBatch(batch.id, len(batch.requests), cost))
    return found


def _speed(wanted: int | None, record: dict[str, Any], *, is_running: bool) -> dict[str, Any]:
    speed: dict[str, float | None] = dict.fromkeys(
        ("requests_per_second", "examples_per_second", "seconds_left")
    )
    if record and record["at"] > record["sitting"]["at"]:
        sitting, seconds = record["sitting"], record["at"] - record["sitting"]["at"]
        done = (record["end"] or record["mark"])["funnel"]["examples"]
        each = (done - sitting["examples"]) / seconds
        speed["requests_per_second"] = (record["meter"]["requests"] - sitting["requests"]) / seconds
        speed["examples_per_second"] = each
        if is_running and each > 0 and wanted is not None:
            speed["seconds_left"] = (wanted - done) / each
    return speed


def _counts(directory: Path, record: Mapping[str, Any]) -> tuple[int, int]:
    """The examples and replies on record: those that checkpoint.json counts, and the lines since."""
    last, noted = record and (record["end"] or record["mark"]), record.get("completions", {})
    examples, replies = (0, 0), (0, 0)  # bytes and their lines
    if last:
        examples = (last["sizes"]["examples.jsonl"], last["funnel"]["examples"])
    if "replies" in noted:
        replies = (noted["size"], noted["replies"]["requests"])
    return (
        _count_lines(directory / "examples.jsonl", *examples),
        _count_lines(directory / "completions.jsonl", *replies),
    )


def _count_lines(path: Path, size: int, lines: int) -> int:
    """The lines of a file, of which the first `size` bytes hold `lines`, unless it was cut."""
    try:
        with path.open("rb") as file:
            found = lines if path.stat().st_size >= size else 0
            file.seek(size if found else 0)
            chunks = iter(lambda: file.read(1 << 20), b"")
            return found + sum(chunk.count(b"\n") for chunk in chunks)
    except FileNotFoundError:
        return 0
