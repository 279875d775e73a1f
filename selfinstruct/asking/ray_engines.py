"""Engines on a Ray cluster: vLLM in Ray Data's LLM processor answers rounds, without a server.

The files are the state, as with all workers (workers.py). Every reply is written by the driver as
soon as Ray Data gives it, so that a killed driver, node or engine loses replies that were under
way, and the same command goes on.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfinstruct.asking.ray_workers import Pool, cluster, nodes_of, on_signals
from selfinstruct.asking.sitting import NOT_YET
from selfinstruct.asking.workers import (
    LOOK_EVERY,
    Answered,
    Write,
    claimed,
    missing_in,
    replies_to,
    waiting,
)
from selfinstruct.errors import Interrupted, UserError
from selfinstruct.models.batch.engine_rows import (
    KNOWN,
    as_chat,
    as_prompt,
    completion_of,
    row_of,
    shortened,
)
from selfinstruct.models.batch.folder import RoundFolder
from selfinstruct.models.batch.wire import request_of
from selfinstruct.models.disk import Notice

_BATCH = 32  # requests that an engine takes at a time; it works at several such batches
_PER_ENGINE = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")
_INSTALL = "Ray Data's LLM processor is not there ({}): pip install 'ray[data]' vllm on every node"

Process = Callable[[Any], Any]  # from a Ray dataset of `row_of` to one of `shortened` or of errors


@dataclass(frozen=True, slots=True)
class Engines:
    """vLLM engines of a cluster.

    model: a name on the Hub, or a folder that every node sees; "": as the requests say. cpus: of an
    engine on a cluster without GPUs; 0: it takes GPUs. options: vLLM's engine arguments.
    """

    model: str = ""
    cpus: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def workers(self) -> int:
        """Processes of an engine, each with a GPU of its own."""
        count = 1
        for name in _PER_ENGINE:
            count *= int(self.options.get(name, 1))
        return count


@dataclass(frozen=True, slots=True)
class _Task:
    """A request that waits, with the file that it is in."""

    path: Path
    record: Mapping[str, Any]

    @property
    def is_chat(self) -> bool:
        return "messages" in self.record["body"]

    @property
    def model(self) -> str:
        return str(self.record["body"]["model"])


def answer_with(
    engines: Engines,
    pool: Pool,
    folders: Sequence[Path],
    *,
    notice: Notice,
    follows: bool = False,
    seconds: float | None = None,
    process: Process | None = None,
) -> Answered:
    """Answer the rounds in some folders with engines, which are loaded once for each pass.

    process: in the place of vLLM. Raises UserError or Interrupted. All written replies stay.
    """
    ends = None if seconds is None else time.monotonic() + seconds
    done, rounds = Answered(), dict[Path, RoundFolder]()
    with cluster(pool.address) as ray, on_signals(_stop):
        ray.data.DataContext.get_current().enable_progress_bars = False
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
        while True:
            with ExitStack() as claims:
                tasks = list(_claimed_tasks(folders, rounds, claims, notice))
                alike: dict[tuple[str, bool], list[_Task]] = {}
                for task in tasks:
                    alike.setdefault((engines.model or task.model, task.is_chat), []).append(task)
                for (model, chat), own in alike.items():
                    run = process or _processor(ray, engines, model, pool.count, chat)
                    _answer(ray, own, run, engines, done, ends)
                done.files += len({task.path for task in tasks})
            if not follows and not tasks:
                return done
            if not tasks:
                _check_time(ends)
                time.sleep(LOOK_EVERY)


def _claimed_tasks(
    folders: Sequence[Path], rounds: dict[Path, RoundFolder], claims: ExitStack, notice: Notice
) -> Iterator[_Task]:
    """The requests without a reply in all files that no other worker has."""
    for folder, path in waiting(folders, rounds):
        if claims.enter_context(claimed(path)):
            for record in missing_in(folder, path, notice):
                _check_fields(path, record["body"])
                yield _Task(path, record)


def _check_fields(path: Path, body: Mapping[str, Any]) -> None:
    if unknown := sorted(body.keys() - KNOWN):
        raise UserError(
            f"{path}: the requests have {unknown[0]!r}, which the engines do not take; answer these "
            "rounds with --base-url, or with answer.sh"
        )


def _answer(
    ray: Any,
    tasks: Sequence[_Task],
    process: Process,
    engines: Engines,
    done: Answered,
    ends: float | None,
) -> None:
    """Ask, and write each reply as it comes."""
    rows = [row_of(number, task.record["body"]) for number, task in enumerate(tasks)]
    blocks = -(-len(rows) // _BATCH)
    left = dict(enumerate(tasks))
    with ExitStack() as files, _ray_errors(ray):
        writers: dict[Path, Write] = {}
        for row in process(ray.data.from_items(rows, override_num_blocks=blocks)).iter_rows():
            if (task := left.pop(row["number"], None)) is None:
                continue  # a block that was made anew after the loss of a node
            if task.path not in writers:
                writers[task.path] = files.enter_context(replies_to(task.path, done))
            request = request_of(task.record, "")
            completion = completion_of(row, request.decoding.max_tokens, engines.options)
            writers[task.path](task.record["custom_id"], request, completion)
            _check_time(ends)
    if left:
        raise UserError(f"Ray Data gave no reply to {len(left):,} requests; look into its logs")


def _processor(ray: Any, engines: Engines, model: str, count: int, chat: bool) -> Process:
    """Ray Data's LLM processor. Raises UserError."""
    try:
        from ray.data.llm import build_processor, vLLMEngineProcessorConfig
    except ImportError as error:
        raise UserError(_INSTALL.format(error)) from None
    gpus = int(ray.cluster_resources().get("GPU", 0))
    if not engines.cpus and gpus < engines.workers:
        raise UserError(
            f"the cluster has {gpus} GPUs, and an engine takes {engines.workers}; "
            "--engine-cpus N loads engines that compute on CPUs"
        )
    bundle = {"CPU": engines.cpus} if engines.cpus else {"CPU": 1, "GPU": 1}
    count = count or (nodes_of(ray) if engines.cpus else max(1, gpus // engines.workers))
    config = vLLMEngineProcessorConfig(
        model_source=model,
        engine_kwargs=dict(engines.options),
        placement_group_config={"bundles": [bundle] * engines.workers, "strategy": "PACK"},
        concurrency=(1, count),
        batch_size=_BATCH,
        chat_template_stage=chat,
        should_continue_on_error=True,
        log_engine_metrics=False,
    )
    process: Process = build_processor(
        config, preprocess=as_chat if chat else as_prompt, postprocess=shortened
    )
    return process


def _check_time(ends: float | None) -> None:
    if ends is not None and time.monotonic() >= ends:
        raise Interrupted("--max-hours", NOT_YET)


@contextlib.contextmanager
def _ray_errors(ray: Any) -> Iterator[None]:
    """Errors of Ray as UserError, in a line."""
    try:
        yield
    except ray.exceptions.RayError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise UserError(
            f"the engines failed: {lines[-1] if lines else type(error).__name__}"
        ) from None


def _stop(came: signal.Signals) -> None:
    """Ray's waits look for what a handler raises."""
    raise Interrupted(came.name, 128 + came)
