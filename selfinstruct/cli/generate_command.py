"""`selfinstruct generate`: the main job."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selfinstruct.asking.config import Config
from selfinstruct.cli.options import DECODING, config_options, decoding_options, higher
from selfinstruct.cli.screen import Sectioned, show

if TYPE_CHECKING:
    from selfinstruct.runs.inputs import Inputs
    from selfinstruct.runs.run import Run

_SECTIONS = {
    "The run": ("n", "out", "config_file", "seed", "dry_run", "stop_at", "max_hours", "repair", "accept_change"),
    "The model": ("model", "base_url", "key_file", "api", "response_format", "extra_body"),
    "The method": (
        "preset", "seed_tasks", "prompts", "threshold", "tokenizer", "demos", "machine_demos", "new_per_turn",
        "max_instances_per_task", "attempts", "reject", "lag", "record_similarity",
    ),
    "Decoding (VALUE for all stages, or STAGE=VALUE; repeatable; stages: propose, classify, input_first, output_first)": (
        "temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty", "stop",
    ),
    "Speed and patience": ("concurrency", "batch", "adaptive", "rpm", "tpm", "timeout", "retries", "patience", "stall_turns"),
    "Money": ("max_cost", "max_tokens_total", "max_requests", "price_in", "price_out", "price_batch"),
}  # fmt: skip


class Generate(Sectioned):
    """Its options, under headings."""

    sections = _SECTIONS


@click.command(cls=Generate)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run directory; one that was begun goes on.  [default: runs/<date-time>]",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="A TOML file with any of these settings; the command line wins.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print what the run would take and its first prompt; send nothing.",
)
@click.option(
    "--repair", is_flag=True, help="Build the dataset's files anew from the replies on record."
)
@click.option(
    "--accept-change",
    is_flag=True,
    help="Go on with settings that make the rest of the data another than it began.",
)
@click.option("--stop-at", metavar="HH:MM", help="Stop cleanly at this time of day.")
@click.option("--max-hours", type=float, metavar="HOURS", help="Stop cleanly after so many hours.")
@decoding_options
@config_options()
def generate(
    out: Path | None,
    config_file: Path | None,
    stop_at: str | None,
    max_hours: float | None,
    **given: Any,
) -> None:
    """Generate --n examples into a run directory; the same command goes on where a run was stopped.

    \b
    selfinstruct generate --n 20                              the embedded model, no key needed
    selfinstruct generate --n 52000 --model gpt-4o-mini       OPENAI_API_KEY from the environment
    selfinstruct generate --n 82000 --base-url http://localhost:8000/v1 --model my-model --concurrency 256

    A preset may set other defaults than those shown; --dry-run shows what a run would do.
    """
    import asyncio

    from selfinstruct.asking import settings
    from selfinstruct.runs.generation import settled
    from selfinstruct.runs.inputs import Inputs

    flags = {name: given.pop(name) for name in ("dry_run", "repair", "accept_change")}
    said = settings.merged(settings.read_file(config_file) if config_file else {}, _said(given))
    sitting = {name: said.pop(name, None) for name in settings.SITTING}
    directory = out or Path(sitting["out"] or time.strftime("runs/%Y-%m-%dT%H-%M-%S"))
    hours = sitting["max_hours"] if max_hours is None else max_hours
    seconds = settings.seconds_left(
        stop_at or sitting["stop_at"], hours, datetime.now().astimezone()
    )
    config, kept = asyncio.run(
        settled(directory, said, notice=click.echo, ask=not flags["dry_run"])
    )
    _sit(
        directory,
        config,
        Inputs.read(config, kept=kept, named=said.keys()),
        seconds=seconds,
        **flags,
    )


def _said(given: dict[str, Any]) -> dict[str, Any]:
    from selfinstruct.asking import settings

    stages = [settings.for_stages(name, given.pop(name)) for name in DECODING]
    return settings.merged(
        {name: value for name, value in given.items() if value not in (None, ())}, *stages
    )


def _sit(
    directory: Path,
    config: Config,
    inputs: Inputs,
    *,
    seconds: float | None,
    dry_run: bool,
    repair: bool,
    accept_change: bool,
) -> None:
    from selfinstruct.runs import plan
    from selfinstruct.runs.directory import checkpointed
    from selfinstruct.runs.run import Run

    if dry_run:
        record = checkpointed(directory) if directory.is_dir() else None
        done = (record["end"] or record["mark"])["funnel"]["examples"] if record else 0
        show(plan.lines(config, inputs, done=done))
        return
    run = Run(directory, config, inputs, repair=repair, accept_change=accept_change)
    try:
        _work(run, inputs, seconds)
    finally:
        if run.is_worth_keeping:
            run.close()
        else:
            run.discard()
    show(run.funnel.lines())
    show(_three_examples(directory))
    show([f"\n{run.funnel.examples} examples in {directory / 'examples.jsonl'}"])


def _work(run: Run, inputs: Inputs, seconds: float | None) -> None:
    import asyncio

    from selfinstruct.errors import Interrupted
    from selfinstruct.models.money.prices import price_of
    from selfinstruct.runs.generation import generate as go_on
    from selfinstruct.runs.progress import Progress

    if run.is_resumed:
        so_far = f"{run.funnel.examples} of {run.config.n} examples, {len(run.completions)} replies on record"
        show([f"{run.directory}: goes on at {so_far}"])
    progress = Progress(
        run.config.n, run.funnel, run.meter, price_of(run.config), max_cost=run.config.max_cost
    )

    def notice(text: str) -> None:
        run.notices.append((time.time(), text))
        progress.say(text)

    try:
        asyncio.run(
            go_on(
                run,
                inputs,
                notice=notice,
                changed=progress.update,
                waiting=progress.wait_for,
                seconds=seconds,
            )
        )
    except Interrupted as stop:
        progress.close()
        saved = f"{run.funnel.examples} of {run.config.n} examples and {len(run.completions)} replies are saved in {run.directory}"
        on = f"{saved}; go on with: selfinstruct generate --out {shlex.quote(str(run.directory))}{higher(str(stop))}"
        nothing = "no reply had come yet, nothing is kept; start the same command again"
        show([f"stopped ({stop}): {on if run.is_worth_keeping else nothing}"])
        sys.exit(stop.code)
    finally:
        progress.close()


def _three_examples(directory: Path) -> Iterable[str]:
    import json

    with (directory / "examples.jsonl").open("rb") as file:
        offsets = [0]
        offsets += [offsets[0] + file.tell() for _ in iter(file.readline, b"")][:-1]
        for number in sorted({len(offsets) * part // 6 for part in (1, 3, 5)}):
            file.seek(offsets[number])
            record = json.loads(file.readline())
            yield f"\n{record['id']}"
            for field in ("instruction", "input", "output"):
                yield f"  {field + ':':<13}{_shortened(record[field]) or '(none)'}"


def _shortened(text: str, most: int = 400) -> str:
    text = text if len(text) <= most else text[:most] + " ..."
    return text.replace("\n", "\n" + " " * 15)
