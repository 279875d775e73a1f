"""Spending caps: the worst case of every call is reserved before the call is sent.

A call ends in three ways. Either the reply is paid for as the server counts, or nothing is charged,
or nobody knows (the connection broke, the process died). Then the worst case counts for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from selfinstruct.errors import CapReached, ModelError, NoRoom, RequestFailed, Transient
from selfinstruct.models import PROBE, Completion, Model, Request, Usage
from selfinstruct.models.disk import Notice, when_there_is_room
from selfinstruct.models.money.meter import Cost, Meter, Tokens
from selfinstruct.models.money.worst import worst

_WORTH_A_BATCH = 0.05  # of a cap


class Ledger(Protocol):
    """Where calls are written down: runs/spending.py or `NoLedger`.

    Both methods may raise NoRoom or UserError.
    """

    def sent(self, key: str, most: Usage, model: str = "") -> None:
        """Write down a call before it is sent; `model`: "" for the run's main model."""

    def ended(self, key: str, *, is_charged: bool) -> None:
        """Write down that a call has ended without a reply. A reply goes on record instead."""


class NoLedger:
    """A ledger that keeps nothing."""

    def sent(self, key: str, most: Usage, model: str = "") -> None: ...

    def ended(self, key: str, *, is_charged: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that a run may take, over all its models and sittings. None: no cap."""

    cost: float | None = None  # USD
    tokens: int | None = None
    requests: int | None = None  # calls sent, those that are made again among them

    def __bool__(self) -> bool:
        return any(cap is not None for cap in (self.cost, self.tokens, self.requests))


class Budget:
    """Holds a run to its caps over all its models.

    Counted are the replies paid for, the calls that may have been charged, and the worst case of
    every call under way. `cost`: USD of the main model's tokens; `other_costs`: the same for each
    other model, by name. `ledger` outlives this process. The meter knows the main model's name.
    """

    def __init__(
        self,
        caps: Caps,
        meter: Meter,
        *,
        cost: Cost = lambda usage: 0.0,
        other_costs: Mapping[str, Cost] | None = None,
        ledger: Ledger | None = None,
        notice: Notice = lambda text: None,
    ) -> None:
        self.meter = meter
        self._caps, self._cost, self._other_costs = caps, cost, dict(other_costs or {})
        self._is_capped = bool(caps)
        self._ledger, self._notice = ledger or NoLedger(), notice
        self._reserved = Tokens()
        self._under_way = 0
        self._changed = asyncio.Event()
        self._ended_by: str | None = None  # the cap that ended the sitting
        self._refusal: BaseException | None = None
        self._waiting, self._waits_for = 0, ""  # calls that wait for room, and under which cap
        self._estimated: set[str] = set()  # endpoints whose counts are not believed
        self._excess = 1.0  # factor by which the server has counted more than the worst case

    async def reserve(self, request: Request) -> Usage:
        """Wait until the worst case of a call is within the caps, and write the call down.

        Returns the worst case. Raises CapReached if there will never be room.
        """
        most, other = worst(request, self._excess), self.meter.other(request.model)
        await self._take_room(most, other)
        try:
            await when_there_is_room(
                lambda: self._ledger.sent(request.key, most, other), self._notice
            )
        except BaseException:
            self.withdraw(most, other)
            raise
        return most

    async def reserve_in_batch(self, request: Request, *, is_discounted: bool = True) -> Usage:
        """As `reserve`, for a batch, which is written down whole. is_discounted: at its price."""
        live = worst(request, self._excess)
        most = live.in_batch() if is_discounted else live
        await self._take_room(most, self.meter.other(request.model))
        return most

    def adopt(self, most: Usage, model: str = "") -> None:
        """Reserve for a call that an earlier process sent and counted, and that has not ended."""
        self._under_way += 1
        self._reserved = self._reserved.plus(most, self.meter.other(model))

    def withdraw(self, most: Usage, model: str = "") -> None:
        """Release what was reserved for a call that was never sent."""
        self.meter.calls -= 1
        self._release(most, model)

    def refuse(self, error: BaseException) -> None:
        """Raise `error` to all that wait for room or ask for room: no call will be settled."""
        self._refusal = error
        self._wake()

    def nearly_reached(self) -> str | None:
        """The cap that leaves too little room for another batch, if any.

        The calls that have room would make a batch of less than a twentieth of every cap.
        """
        caps, total = self._caps, self._reserved.total
        shares = (
            self._cost_of(self._reserved) / caps.cost if caps.cost else 0.0,
            _count(total) / caps.tokens if caps.tokens else 0.0,
            self._under_way / caps.requests if caps.requests else 0.0,
        )
        return self._waits_for if self._waiting and max(shares) < _WORTH_A_BATCH else None

    def paid(self, request: Request, most: Usage, completion: Completion, endpoint: str) -> None:
        """Settle a call that `endpoint` has answered."""
        self.meter.take(completion, self.meter.other(request.model))
        self._release(most, request.model)
        usage = completion.usage
        if usage.estimated_tokens and endpoint not in self._estimated:
            self._estimated.add(endpoint)
            self._notice(
                f"{endpoint}: counts no tokens, or not as they can be; "
                "such counts are estimated from the length of the texts"
            )
        over = max(
            usage.prompt_tokens / max(most.prompt_tokens, 1),
            usage.completion_tokens / max(most.completion_tokens, 1),
        )
        if over > 1.0 and self._is_capped:
            self._excess *= over
            self._notice(
                f"the server counts {usage.prompt_tokens}+{usage.completion_tokens} tokens where "
                f"at most {most.prompt_tokens}+{most.completion_tokens} were expected; "
                "more is reserved for each call from here on"
            )

    def ended(self, request: Request, most: Usage, *, is_charged: bool) -> None:
        """Settle a call without a reply; `is_charged` if the server may charge all the same."""
        self.settled(most, is_charged=is_charged, model=request.model)
        with contextlib.suppress(NoRoom):  # unwritten, it counts as charged after the next start
            self._ledger.ended(request.key, is_charged=is_charged)

    def settled(self, most: Usage, *, is_charged: bool, model: str = "") -> None:
        """As `ended`, for a call whose end is in the ledger already."""
        if is_charged:
            self.meter.charge(most, self.meter.other(model))
        self._release(most, model)

    async def _take_room(self, most: Usage, other: str) -> None:
        """Wait for room under the caps and reserve it. Raises CapReached."""
        while self._refusal is None and (cap := self._ended_by or self._in_the_way(most, other)):
            if not self._under_way:
                self._ended_by = cap  # for smaller calls too: the run ends, and would cut them off
                raise CapReached(cap)
            self._waits_for, self._waiting = cap, self._waiting + 1
            try:
                await self._changed.wait()
            finally:
                self._waiting -= 1
        if self._refusal is not None:
            raise self._refusal
        self._under_way += 1
        if self._is_capped:  # nobody asks otherwise
            self._reserved = self._reserved.plus(most, other)
        self.meter.calls += 1

    def _in_the_way(self, most: Usage, other: str) -> str | None:
        """The cap that a call might pass, in words."""
        caps, meter = self._caps, self.meter
        if not self._is_capped:
            return None
        if caps.requests is not None and meter.calls + 1 > caps.requests:
            return f"--max-requests {caps.requests}: {meter.calls:,} calls were sent"
        total = meter.paid.total + meter.unsure.total + self._reserved.total + most
        left = "and the next call may take more than is left"
        if caps.tokens is not None and _count(total) > caps.tokens:
            spent = _count(meter.spent.total)
            return f"--max-tokens-total {caps.tokens}: {spent:,} tokens are spent, {left}"
        if caps.cost is not None and self._cost_in_all(total, most, other) > caps.cost:
            return f"--max-cost {caps.cost:g}: ${self._cost_of(meter.spent):,.4f} are spent, {left}"
        return None

    def _cost_in_all(self, total: Usage, most: Usage, other: str) -> float:
        """USD of `total`, which a call would make of all that is spent and reserved."""
        paid, unsure, reserved = self.meter.paid, self.meter.unsure, self._reserved
        if not (other or paid.others or unsure.others or reserved.others):
            return self._cost(total)  # the usual case, without a sum for each model
        return self._cost_of((paid + unsure + reserved).plus(most, other))

    def _cost_of(self, tokens: Tokens) -> float:
        """USD."""
        return tokens.cost(self._cost, self._other_costs)

    def _release(self, most: Usage, model: str) -> None:
        self._under_way -= 1
        if self._is_capped:
            self._reserved = self._reserved.minus(most, self.meter.other(model))
        self._wake()

    def _wake(self) -> None:
        if self._waiting:
            self._changed.set()
            self._changed = asyncio.Event()


class Metered:
    """Sends every call of an endpoint through the budget, those that are made again as well."""

    def __init__(self, inner: Model, budget: Budget, name: str = "the endpoint") -> None:
        self._inner, self._budget, self._name = inner, budget, name

    async def complete(self, request: Request) -> Completion:
        most = await self._budget.reserve(request)
        try:
            completion = await self._inner.complete(request)
        except Transient as error:
            self._budget.ended(request, most, is_charged=error.may_be_charged)
            raise
        except BaseException as error:  # the server may go on with a call that was cancelled
            is_refused = isinstance(error, (RequestFailed, ModelError))
            self._budget.ended(request, most, is_charged=not is_refused)
            raise
        if request.stage == PROBE:  # its reply goes on no record, so the ledger must know the cost
            self._budget.ended(request, most, is_charged=True)
        else:
            self._budget.paid(request, most, completion, self._name)
        return completion

    async def close(self) -> None:
        await self._inner.close()


def _count(usage: Usage) -> int:
    return usage.prompt_tokens + usage.completion_tokens
