"""The layers between a sitting's requests and its endpoints.

    Retried -> Paced -> Spread -> Limited (of each endpoint) -> Metered -> Bounded -> endpoint

Retried makes failed calls again, Paced decides when a call goes, Spread decides where. Limited
keeps an endpoint's limits, Metered the caps on spending, and Bounded cuts off a call that hangs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.asking.providers import Provider
from selfinstruct.errors import ModelError
from selfinstruct.models import Model, Request
from selfinstruct.models.disk import Notice
from selfinstruct.models.evidence import Evidence
from selfinstruct.models.limits.concurrency import Bounded, Paced, Rank
from selfinstruct.models.limits.limits import Limited, Limits
from selfinstruct.models.limits.spread import Spread
from selfinstruct.models.money.budget import Budget, Metered
from selfinstruct.models.retry import Retried


@runtime_checkable
class _Surrounded(Protocol):
    """A model that may make several calls for a request, and has layers around every call."""

    def surround(
        self, layers: Callable[[Model], Model], limits: Limits, *, is_length_free: bool
    ) -> None: ...


def layers_around(
    config: Endpoint,
    found: Sequence[Provider],
    spending: Budget,
    notice: Notice,
    rank: Callable[[Request], Rank],
    *,
    is_known: bool,
) -> tuple[Retried, Paced]:
    """The outermost layer, and the layer among them that decides when a call goes."""
    evidence = Evidence()
    is_capped = config.max_cost > 0 or config.max_tokens_total > 0
    metered = [_metered(each, spending, is_length_free=not is_capped) for each in found]
    spread = Spread(
        [Limited(model, each.limits) for model, each in zip(metered, found, strict=True)],
        notice,
        evidence=evidence,
    )
    paced = Paced(spread, config.concurrency, spread.delay, rank, config.patience, spread.reason)

    async def refused(server: str, error: ModelError) -> bool:
        if not spread.refused(server, error):
            return False
        await paced.refuse(error)
        return True

    retried = Retried(
        paced,
        retries=config.retries,
        patience=config.patience,
        notice=notice,
        evidence=evidence,
        is_known=is_known,
        refused=refused,
    )
    return retried, paced


def _metered(provider: Provider, spending: Budget, *, is_length_free: bool) -> Model:
    """A provider, each of whose calls goes through the budget."""

    def layers(calls: Model) -> Model:
        return Metered(Bounded(calls), spending, provider.limits.name)

    if not isinstance(provider.model, _Surrounded):
        return layers(provider.model)
    provider.model.surround(layers, provider.limits, is_length_free=is_length_free)
    return provider.model
