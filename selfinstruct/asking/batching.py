"""The layer that answers a sitting's requests by batches, those of earlier sittings included."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.asking.providers import Provider, is_network
from selfinstruct.errors import UserError
from selfinstruct.models import Model
from selfinstruct.models.batch.api import BatchApi
from selfinstruct.models.batch.batch import Batch
from selfinstruct.models.batch.log import Log, ReplyRecord
from selfinstruct.models.batch.place import Place
from selfinstruct.models.batch.rounds import FOLDER, Rounds
from selfinstruct.models.disk import Notice
from selfinstruct.models.money.budget import Budget

if TYPE_CHECKING:
    from selfinstruct.models.openai.client import OpenAI

# In place of --concurrency for how far a run reads ahead: a batch holds all that can be asked.
ROUND = 4096


@asynccontextmanager
async def batching(
    config: Endpoint,
    log: Log,
    record: ReplyRecord,
    found: Sequence[Provider],
    budget: Budget,
    live: Model,
    *,
    notice: Notice,
    waiting: Callable[[str], None] = lambda what: None,
) -> AsyncIterator[Batch | None]:
    """A Batch on the endpoint that was `found`, or in files.

    Without --batch and --by-files there is a Batch only where batches are open; requests in none of
    these are asked `live`. Raises UserError if open batches are elsewhere.
    """
    if not config.is_batched and not log.open:
        yield None
        return
    batch = Batch(
        _place(config, log, found, notice),
        log,
        record,
        budget,
        retries=config.retries,
        patience=config.patience,
        notice=notice,
        waiting=waiting,
        live=None if config.is_batched else live,
    )
    batch.start()
    try:
        yield batch
    finally:
        await batch.close()
        if log.open:
            notice(f"batches that stay open: {_names(log)}; the same command goes on with them")


def _place(config: Endpoint, log: Log, found: Sequence[Provider], notice: Notice) -> Place:
    """Where the open batches are and new ones go. Raises UserError if these are two places."""
    kinds = {sent.is_round for sent in log.open.values()}
    if config.is_batched:
        kinds.add(config.by_files)
    if len(kinds) > 1:
        option = "--batch" if config.by_files else "--by-files"
        raise UserError(
            f"batches are open ({_names(log)}); go on with {option} until their replies are there"
        )
    if kinds == {False}:
        _check_reachable(config, found, log)
    api = BatchApi(cast("OpenAI", found[0].model))
    if kinds == {False}:
        return api
    wait = math.inf if config.files_wait < 0 else config.files_wait
    size = config.requests_per_file
    return Rounds(log.home / FOLDER, api, notice, per_file=size, most_waiting=wait)


def _check_reachable(config: Endpoint, found: Sequence[Provider], log: Log) -> None:
    if len(found) != 1 or not is_network(config.model):
        raise UserError(
            f"batches are open ({_names(log)}); "
            "go on with the one --base-url and --model that they went to"
        )


def _names(log: Log) -> str:
    return ", ".join(batch.id or "one without a name yet" for batch in log.open.values())
