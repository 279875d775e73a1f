"""What tokens cost: from the price list of `genai-prices`, or as the user says; and the budget that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from selfinstruct.errors import UserError
from selfinstruct.models import Usage
from selfinstruct.models.disk import Notice
from selfinstruct.models.money.budget import Budget, Caps, Ledger
from selfinstruct.models.money.meter import Meter


class Terms(Protocol):
    """Which model is asked, at what price, and within which caps: the settings of an endpoint."""

    @property
    def model(self) -> str: ...
    @property
    def price_in(self) -> float: ...
    @property
    def price_out(self) -> float: ...
    @property
    def price_batch(self) -> float: ...
    @property
    def max_cost(self) -> float: ...
    @property
    def max_tokens_total(self) -> int: ...
    @property
    def max_requests(self) -> int: ...


MILLION = 1_000_000
BATCH_SHARE = 0.5  # of the live price, where the list has no batch price: what most providers ask
_ONE_CALL = 1000  # tokens that the price list is asked for: some prices rise for very long prompts


@dataclass(frozen=True, slots=True)
class Rate:
    """USD for a million tokens."""

    prompt: float
    completion: float
    cached: float | None = (
        None  # of the prompt's tokens, those that the server had read before; None: as the others
    )

    def cost(self, prompt: int, completion: int, cached: int) -> float:
        """USD. Linear in all three, so that a sum costs what its parts cost."""
        read = self.prompt if self.cached is None else self.cached
        return (
            (prompt - cached) * self.prompt + cached * read + completion * self.completion
        ) / MILLION

    def times(self, share: float) -> Rate:
        return Rate(
            self.prompt * share,
            self.completion * share,
            None if self.cached is None else self.cached * share,
        )


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, call by call and through the batch endpoint."""

    live: Rate
    batch: Rate

    @property
    def is_free(self) -> bool:
        return not (self.live.prompt or self.live.completion)

    def cost(self, usage: Usage) -> float:
        """USD."""
        prompt, completion, cached = (
            usage.batch_prompt_tokens,
            usage.batch_completion_tokens,
            usage.batch_cached_tokens,
        )
        live = (
            usage.prompt_tokens - prompt,
            usage.completion_tokens - completion,
            usage.cached_tokens - cached,
        )
        return self.live.cost(*live) + self.batch.cost(prompt, completion, cached)


def price_of(terms: Terms) -> Price | None:
    """The price of the config's model; None if nobody knows it. What runs on this machine costs nothing."""
    share = terms.price_batch if terms.price_batch >= 0 else None
    if terms.price_in >= 0 or terms.price_out >= 0:
        live = Rate(max(terms.price_in, 0.0), max(terms.price_out, 0.0))
        return Price(live, live.times(BATCH_SHARE if share is None else share))
    if terms.model == "scripted" or terms.model.split(":")[0] == "local":
        return Price(Rate(0.0, 0.0), Rate(0.0, 0.0))
    try:
        live, batch = _listed(terms.model), _listed(terms.model, processing="batch")
    except LookupError:
        return None
    if share is not None or (batch.prompt, batch.completion) == (
        live.prompt,
        live.completion,
    ):  # none of its own on the list
        batch = live.times(BATCH_SHARE if share is None else share)
    return Price(live, batch)


def _listed(model: str, **context: str) -> Rate:
    """From the price list. Raises LookupError."""
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    def price(**tokens: int) -> tuple[float, float]:
        found = calc_price(Tokens(**tokens), model_ref=model, price_context=context)
        return float(found.input_price) * MILLION / _ONE_CALL, float(
            found.output_price
        ) * MILLION / _ONE_CALL

    prompt, completion = price(input_tokens=_ONE_CALL, output_tokens=_ONE_CALL)
    cached, _ = price(input_tokens=_ONE_CALL, cache_read_tokens=_ONE_CALL)
    return Rate(prompt, completion, cached if 0 < cached < prompt else None)


def no_price(terms: Terms) -> str:
    """What to say where `price_of` knows none."""
    return (
        f"no price for {terms.model!r}; give --price-in and --price-out (USD for a million tokens)"
    )


def budget(terms: Terms, meter: Meter, ledger: Ledger, notice: Notice) -> Budget:
    """What holds a run to its caps. Raises UserError if a cap is set that cannot be held."""
    price = price_of(terms)
    if terms.max_cost > 0:
        one_is_missing = (
            terms.price_in < 0 <= terms.price_out or terms.price_out < 0 <= terms.price_in
        )
        if price is None or one_is_missing:
            raise UserError(
                f"--max-cost {terms.max_cost:g}: nobody knows what {terms.model!r} costs; give both --price-in and --price-out "
                "(USD for a million tokens)"
            )
    caps = Caps(
        cost=terms.max_cost if terms.max_cost > 0 else None,
        tokens=terms.max_tokens_total if terms.max_tokens_total > 0 else None,
        requests=terms.max_requests if terms.max_requests > 0 else None,
    )
    return Budget(
        caps, meter, cost=price.cost if price else lambda usage: 0.0, ledger=ledger, notice=notice
    )
