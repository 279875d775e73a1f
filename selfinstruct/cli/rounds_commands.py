"""`selfinstruct rounds` and `selfinstruct workers`: requests that go out as files."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.cli.options import setting_options
from selfinstruct.cli.screen import show

if TYPE_CHECKING:
    from selfinstruct.asking.workers import Answered

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
@click.option(
    "--actors",
    type=click.IntRange(0),
    default=0,
    help="How many; 0: one for each node, of engines as many as there are GPUs for.",
)
@click.option(
    "--vllm",
    is_flag=True,
    help="With --ray: load --model into vLLM engines on the cluster (Ray Data), and ask no endpoint.",
)
@click.option(
    "--vllm-option",
    "vllm_options",
    metavar="NAME=VALUE",
    multiple=True,
    help="An engine argument, such as max_model_len=8192. Repeatable.",
)
@click.option(
    "--engine-cpus",
    type=click.IntRange(0),
    default=0,
    help="CPUs of each engine, on a cluster without GPUs.",
)
@setting_options(Endpoint, (*_MODEL, *_SERVER, *_SPEED))
def workers(
    directories: tuple[Path, ...],
    follow: bool,
    max_hours: float | None,
    ray: str | None,
    actors: int,
    vllm: bool,
    vllm_options: tuple[str, ...],
    engine_cpus: int,
    **given: Any,
) -> None:
    """Answer the rounds of runs with an endpoint, the embedded model, or engines on a cluster.

    \b
    selfinstruct workers run --base-url http://localhost:8000/v1
    selfinstruct workers run --model local --follow
    selfinstruct workers run --base-url http://vllm:8000/v1 --ray auto --actors 8
    selfinstruct workers run --ray auto --vllm --model Qwen/Qwen3-8B

    Any number of workers may share the rounds, on machines that see the folder. Each claims a file
    at a time and writes replies singly, so that a kill loses none. --model takes the place of the
    requests' model.
    """
    from selfinstruct.errors import Interrupted

    _check_folders(directories)
    named = {name: value for name, value in given.items() if value not in (None, ())}
    seconds = None if max_hours is None else max_hours * 3600
    said: dict[str, Any] = {"notice": _notice, "follows": follow, "seconds": seconds}
    try:
        if vllm or vllm_options or engine_cpus:
            done = _by_engines(directories, named, ray, actors, engine_cpus, vllm_options, said)
        else:
            done = _by_endpoint(directories, named, ray, actors, said)
    except Interrupted as stop:
        show([f"stopped ({stop}): all replies so far are written"], err=True)
        sys.exit(stop.code)
    failed = f", {done.failed:,} requests refused for good" if done.failed else ""
    show([f"{done.replies:,} replies to {done.files:,} files of requests{failed}"])


def _by_endpoint(
    directories: Sequence[Path],
    named: Mapping[str, Any],
    ray: str | None,
    actors: int,
    said: Mapping[str, Any],
) -> Answered:
    import asyncio

    from selfinstruct.asking import ray_workers, settings
    from selfinstruct.asking.workers import answer

    config = settings.fresh(Endpoint, dict(named))
    if ray is None:
        return asyncio.run(answer(directories, config, **said))
    return ray_workers.answer_on(ray_workers.Pool(ray, actors), directories, config, **said)


def _by_engines(
    directories: Sequence[Path],
    named: Mapping[str, Any],
    ray: str | None,
    actors: int,
    cpus: int,
    options: Sequence[str],
    said: Mapping[str, Any],
) -> Answered:
    from selfinstruct.asking import ray_engines
    from selfinstruct.asking.ray_workers import Pool
    from selfinstruct.errors import UserError

    if ray is None:
        raise UserError(
            "--vllm: the engines are loaded on a Ray cluster; add --ray ADDRESS or local"
        )
    if others := sorted(named.keys() - {"model"}):
        name = "--" + others[0].replace("_", "-")
        raise UserError(f"{name}: the engines ask no endpoint; leave it out, or leave out --vllm")
    engines = ray_engines.Engines(named.get("model", ""), cpus, dict(map(_option, options)))
    return ray_engines.answer_with(engines, Pool(ray, actors), directories, **said)


def _option(text: str) -> tuple[str, Any]:
    """An engine argument; values that are no JSON are texts."""
    import json

    from selfinstruct.errors import UserError

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UserError(f"--vllm-option {text}: give it as NAME=VALUE, such as max_model_len=8192")
    try:
        return name.strip().replace("-", "_"), json.loads(value)
    except ValueError:
        return name.strip().replace("-", "_"), value


def _check_folders(directories: Sequence[Path]) -> None:
    from selfinstruct.errors import UserError

    for directory in directories:
        if not directory.is_dir():
            raise UserError(f"{directory}: no such folder; name a run that asks --by-files")


def _notice(text: str) -> None:
    show([text], err=True)
