"""Workers on a Ray cluster: actors that answer rounds (workers.py).

The files are the state. An actor that dies, with its node or alone, is replaced; a driver that dies
takes its actors along, and the same command goes on. A reply that is written stays written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.asking.sitting import NOT_YET
from selfinstruct.asking.workers import Answered, answer
from selfinstruct.errors import Interrupted, SelfInstructError, UserError, how_to_install
from selfinstruct.models.disk import Notice

LOCAL = "local"
_INSTALL = "the cluster's library is not installed: " + how_to_install("ray")
_KEY = "OPENAI_API_KEY"
_DEATHS = 20  # of actors in a row without a reply between them
_LOOK_EVERY = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Pool:
    """Actors on a cluster.

    address: the cluster's, or `local` for one of this machine's own. count: of actors, 0: one for
    each node.
    """

    address: str
    count: int = 0


class Answerer:
    """An actor. environ: the variables that hold secrets, from the driver's environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        os.environ.update(environ)

    def answer(
        self, folders: Sequence[Path], config: Endpoint, follows: bool, seconds: float | None
    ) -> tuple[Answered, list[str], SelfInstructError | None]:
        """The counts, the notices, and the error that ended the work."""
        notices: list[str] = []
        try:
            work = answer(folders, config, notice=notices.append, follows=follows, seconds=seconds)
            return asyncio.run(work), notices, None
        except Interrupted as stop:
            return Answered(), notices, None if stop.code == NOT_YET else UserError(str(stop))
        except SelfInstructError as error:
            return Answered(), notices, error


def answer_on(
    pool: Pool,
    folders: Sequence[Path],
    config: Endpoint,
    *,
    notice: Notice,
    follows: bool = False,
    seconds: float | None = None,
) -> Answered:
    """Answer the rounds in some folders, which every node must see under the same paths.

    Raises UserError, Interrupted, or ModelError of an actor.
    """
    begun, places = time.monotonic(), [folder.resolve() for folder in folders]
    with cluster(pool.address) as ray:
        kind = ray.remote(Answerer)
        environ = {name: os.environ[name] for name in _secrets(config) if name in os.environ}

        def start() -> tuple[Any, Any]:
            actor = kind.options(num_cpus=1).remote(environ)
            left = None if seconds is None else max(0.0, seconds - (time.monotonic() - begun))
            return actor.answer.remote(places, config, follows, left), actor

        count = pool.count or nodes_of(ray)
        working = dict(start() for _ in range(count))
        came: list[signal.Signals] = []
        with on_signals(came.append):
            return _results(ray, working, start, notice, came)


def _results(
    ray: Any,
    working: dict[Any, Any],
    start: Callable[[], tuple[Any, Any]],
    notice: Notice,
    came: Sequence[signal.Signals],
) -> Answered:
    """Wait for all actors, and replace those that die. Raises Interrupted once a signal came."""
    total, deaths = Answered(), 0
    while working:
        if came:
            raise Interrupted(came[0].name, 128 + came[0])
        ended, _ = ray.wait(list(working), timeout=_LOOK_EVERY)
        for reference in ended:
            del working[reference]
            try:
                done, notices, error = ray.get(reference)
            except ray.exceptions.RayError as lost:
                deaths += 1
                words = next(iter(str(lost).splitlines()), type(lost).__name__)
                if deaths > _DEATHS:
                    raise UserError(
                        f"{deaths} workers died, one after the other ({words}); look into "
                        "the cluster's logs, then start the same command again"
                    ) from None
                notice(f"a worker has died and is replaced: {words}")
                working.update([start()])
                continue
            for text in notices:
                notice(text)
            if error is not None:
                raise error
            deaths = 0 if done.replies else deaths
            total.files += done.files
            total.replies += done.replies
            total.failed += done.failed
    return total


def _secrets(config: Endpoint) -> Iterator[str]:
    """The names of the variables that an actor needs for its calls."""
    yield _KEY
    for header in config.header_env:
        yield header.partition("=")[2]


@contextmanager
def cluster(address: str) -> Iterator[Any]:
    """A connection to the cluster. Raises UserError."""
    # Or Ray would start the actors by another tool, with another environment.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise UserError(_INSTALL) from None
    where = None if address == LOCAL else address
    try:
        ray.init(address=where, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        words = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"--ray {address}: no cluster answers there ({words})") from None
    try:
        yield ray
    finally:
        ray.shutdown()


def nodes_of(ray: Any) -> int:
    """How many nodes of the cluster are alive."""
    return len([node for node in ray.nodes() if node["Alive"]])


@contextmanager
def on_signals(act: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Act so on signals that end a process, in the place of Ray's handler, which aborts it."""
    before: dict[signal.Signals, Any] = {}
    with contextlib.suppress(ValueError):  # another thread, which no signal reaches
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before[each] = signal.signal(each, lambda number, frame: act(signal.Signals(number)))
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
