"""`selfinstruct rounds` and `selfinstruct workers`: requests that go out as files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.cli.options import setting_options
from selfinstruct.cli.screen import show

_MODEL = ("model", "base_url", "key_file")
_SERVER = ("leave_out", "system", "header", "header_env", "query", "stream")
_SPEED = ("concurrency", "adaptive", "rpm", "tpm", "timeout", "retries", "patience")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--close", "number", type=int, metavar="ROUND", help="Wait no longer for what is missing of it."
)
@click.option("--no-scripts", is_flag=True, help="Show the rounds and write nothing.")
def rounds(directory: Path, number: int | None, no_scripts: bool) -> None:
    """Show which rounds of the run in DIRECTORY wait, and write scripts that answer them.

    \b
    selfinstruct generate --model Qwen/Qwen3-8B --by-files --out run
    selfinstruct rounds run
    sh run/rounds/answer.sh                 or  sbatch run/rounds/slurm.sh

    Each round is a folder with files of requests, in the JSON Lines of OpenAI's batches. Whoever
    writes replies-ANY.jsonl beside them answers the round.
    """
    from selfinstruct.runs.rounds import close, read_rounds, write_scripts

    if number is not None:
        close(directory, number)
    found = read_rounds(directory)
    waiting = [each for each in found if each.is_open]
    show(str(each) for each in found)
    show(f"  {each.path.name}/{fault}" for each in found for fault in each.faults)
    if not waiting:
        show(["no round waits"])
        return
    if not no_scripts:
        show(f"wrote {path}" for path in write_scripts(waiting))


@click.command()
@click.argument("directories", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--follow", is_flag=True, help="Wait for further rounds, until stopped.")
@click.option("--max-hours", type=float, metavar="HOURS", help="Stop cleanly after so many hours.")
@click.option(
    "--ray", metavar="ADDRESS", help="Work in actors of this Ray cluster; local: one of its own."
)
@click.option("--actors", type=click.IntRange(0), default=0, help="How many; 0: one for each node.")
@setting_options(Endpoint, (*_MODEL, *_SERVER, *_SPEED))
def workers(
    directories: tuple[Path, ...],
    follow: bool,
    max_hours: float | None,
    ray: str | None,
    actors: int,
    **given: Any,
) -> None:
    """Answer the rounds of the runs in DIRECTORIES with an endpoint or the embedded model.

    \b
    selfinstruct workers run --base-url http://localhost:8000/v1
    selfinstruct workers run --model local --follow
    selfinstruct workers run --base-url http://vllm:8000/v1 --ray auto --actors 8

    Any number of workers may share the rounds, on machines that see the folder. Each claims a file
    at a time and writes replies singly, so that a kill loses none. --model takes the place of the
    requests' model.
    """
    import asyncio

    from selfinstruct.asking import ray_workers, settings
    from selfinstruct.asking.workers import answer
    from selfinstruct.errors import Interrupted

    _check_folders(directories)
    named = {name: value for name, value in given.items() if value not in (None, ())}
    config = settings.fresh(Endpoint, named)
    seconds = None if max_hours is None else max_hours * 3600
    said: dict[str, Any] = {"notice": _notice, "follows": follow, "seconds": seconds}
    try:
        if ray is None:
            done = asyncio.run(answer(directories, config, **said))
        else:
            done = ray_workers.answer_on(ray_workers.Pool(ray, actors), directories, config, **said)
    except Interrupted as stop:
        show([f"stopped ({stop}): all replies so far are written"], err=True)
        sys.exit(stop.code)
    failed = f", {done.failed:,} requests refused for good" if done.failed else ""
    show([f"{done.replies:,} replies to {done.files:,} files of requests{failed}"])


def _check_folders(directories: Sequence[Path]) -> None:
    from selfinstruct.errors import UserError

    for directory in directories:
        if not directory.is_dir():
            raise UserError(f"{directory}: no such folder; name a run that asks --by-files")


def _notice(text: str) -> None:
    show([text], err=True)
