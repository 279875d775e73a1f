"""How a run stands, live, dead or finished, read without disturbing it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from selfinstruct.config import Config, redacted
from selfinstruct.errors import UserError
from selfinstruct.funnel import Funnel
from selfinstruct.journal import holder
from selfinstruct.models import Usage
from selfinstruct.prices import price_of
from selfinstruct.progress import duration
from selfinstruct.run import checkpointed, recorded_config


def lines(directory: Path) -> Iterator[str]:
    """The state of the run in `directory` as a person reads it. Raises UserError if there is none."""
    config = recorded_config(directory) if directory.is_dir() else None
    if config is None:
        raise UserError(f"{directory}: no run here (no run.json); name the directory that 'generate' wrote")
    owner, done = holder(directory / "lock"), _count_lines(directory / "examples.jsonl")
    state = "finished" if done >= config.n else f"running, {owner}" if owner else "not running; the same command goes on"
    yield f"{directory}: {state}"
    yield f"  examples     {done:,} of {config.n:,}"
    yield f"  model        {config.model}{f' at {redacted(config.base_url)}' if config.base_url else ''}, preset {config.preset}"
    yield f"  replies      {_count_lines(directory / 'completions.jsonl'):,} on record"
    record = checkpointed(directory)
    if record is not None:
        yield from _checkpoint_lines(config, record)


def _checkpoint_lines(config: Config, record: dict[str, dict[str, object]]) -> Iterator[str]:
    meter = record["meter"]
    usage = Usage(**meter["usage"])  # type: ignore[arg-type]  # this program wrote it
    price = price_of(config)
    cost = "cost unknown" if price is None else f"${price.cost(usage):,.2f}"
    yield f"  tokens       {usage.prompt_tokens:,} prompt, {usage.completion_tokens:,} completion, {cost}"
    age = time.time() - float(str(record["at"]))
    yield f"  as of        {duration(max(0.0, age))} ago"
    yield ""
    yield from Funnel.from_record((record["end"] or record["mark"])["funnel"]).lines()  # type: ignore[arg-type]


def _count_lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    except FileNotFoundError:
        return 0
