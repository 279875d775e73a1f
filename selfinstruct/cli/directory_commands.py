"""Commands about a directory: `init`, `status`, `verify`."""

from __future__ import annotations

import shlex
import shutil
import time
from pathlib import Path

import click

from selfinstruct.cli.screen import show
from selfinstruct.errors import UserError


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
def verify(directory: Path) -> None:
    """Build the dataset of the run in DIRECTORY anew, in memory, and compare the bytes.

    Sends nothing and writes nothing. Exit code 2 names the first line that differs.
    """
    import asyncio

    from selfinstruct.runs.verification import verify as rebuild

    funnel = asyncio.run(rebuild(directory))
    counts = f"{funnel.examples} examples, {funnel.admitted} instructions"
    show([f"{directory}: {counts} and all that was rejected are what the replies give"])
