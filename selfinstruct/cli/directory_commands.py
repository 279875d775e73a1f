"""Commands about a directory: `init`, `status`, `verify`."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import click

from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.cli.options import setting_options
from selfinstruct.cli.screen import show
from selfinstruct.errors import UserError

_OF_ASKING = (
    *("base_url", "key_file", "header", "header_env", "query", "stream", "leave_out"),
    *("concurrency", "rpm", "tpm", "timeout", "retries", "patience"),
    *("max_cost", "max_tokens_total", "max_requests", "price_in", "price_out"),
)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
def init(directory: Path) -> None:
    """Write the seed tasks and all prompt templates into DIRECTORY, to be edited.

    \b
    selfinstruct init mine
    selfinstruct generate --seed-tasks mine/seed_tasks.jsonl --prompts mine/prompts
    """
    from selfinstruct.asking import templates as prompts

    for target in (directory / "seed_tasks.jsonl", directory / "prompts"):
        if target.exists():
            raise UserError(
                f"{target}: exists already and stays as it is; choose another directory"
            )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(prompts.SEED_TASKS, directory / "seed_tasks.jsonl")
        shutil.copytree(prompts.PROMPTS, directory / "prompts")
    except OSError as error:
        raise UserError(f"{directory}: cannot be written ({error.strerror})") from None
    seeds, templates = directory / "seed_tasks.jsonl", directory / "prompts"
    use = (
        f"selfinstruct generate --seed-tasks {shlex.quote(str(seeds))} "
        f"--prompts {shlex.quote(str(templates))}"
    )
    show([f"wrote {seeds} and {templates}; use them with", f"  {use}"])


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--watch", is_flag=True, help="Again every two seconds, until the run ends.")
def status(directory: Path, as_json: bool, watch: bool) -> None:
    """Show how the run in DIRECTORY stands, live, stopped or finished, without disturbing it."""
    import json

    from selfinstruct.runs.status import read_status

    while True:
        now = read_status(directory)
        if watch and not as_json:
            click.clear()
        show([json.dumps(now.to_record())] if as_json else now.lines())
        if not watch or now.state != "running":
            return
        time.sleep(2)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--ask",
    type=click.IntRange(1),
    metavar="N",
    help="Ask N of the recorded requests anew as well.",
)
@click.option("--draw", type=int, default=0, help="The seed that draws them.  [default: 0]")
@setting_options(Endpoint, _OF_ASKING)
def verify(directory: Path, ask: int | None, draw: int, **given: Any) -> None:
    """Build the dataset of the run in DIRECTORY anew, in memory, and compare the bytes.

    \b
    selfinstruct verify run
    selfinstruct verify run --ask 20 --base-url http://localhost:8000/v1

    Sends nothing and writes nothing. Exit code 2 names the first line that differs. With --ask, N
    random requests are sent anew, and their replies compared with the record: could the dataset be
    bought again from scratch? Nothing of that is kept. Exit code 1: a reply differs.
    """
    import asyncio

    from selfinstruct.errors import Interrupted
    from selfinstruct.runs.rebuying import Sample, ask_again
    from selfinstruct.runs.verification import verify as rebuild

    said = {name: value for name, value in given.items() if value not in (None, ())}
    if said and ask is None:
        raise UserError(f"--{next(iter(said)).replace('_', '-')}: of use with --ask alone")
    sample = Sample(ask or 0, draw)
    funnel = asyncio.run(rebuild(directory, sample.take if ask else lambda request, reply: None))
    counts = f"{funnel.examples} examples, {funnel.admitted} instructions"
    show([f"{directory}: {counts} and all that was rejected are what the replies give"])
    if ask is None:
        return
    try:
        asked = asyncio.run(ask_again(directory, sample, said, lambda text: show([text], err=True)))
    except Interrupted as stop:
        show([f"stopped ({stop}); nothing is kept"], err=True)
        sys.exit(stop.code)
    equal = sum(each.is_equal for each in asked)
    show([f"asked {len(asked)} requests anew: {equal} of the replies are equal"])
    show(str(each) for each in asked if not each.is_equal)
    if equal < len(asked):
        sys.exit(1)
