"""Prices of tokens, from the settings, the address or the list of `genai-prices`; the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from selfinstruct.errors import UserError
from selfinstruct.models import Usage
from selfinstruct.models.disk import Notice
from selfinstruct.models.money.budget import Budget, Caps, Ledger
from selfinstruct.models.money.hosts import is_near, provider_at
from selfinstruct.models.money.meter import Meter, Tokens


class Terms(Protocol):
    """The settings of an endpoint that concern money: the main model, its price and the caps."""

    @property
    def model(self) -> str: ...
    @property
    def base_url(self) -> tuple[str, ...]: ...
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
BATCH_SHARE = 0.5  # of the live price, where the list has no batch price: most providers' discount
FREE = ("scripted", "local")  # these models, and those with these names before a colon
_ONE_CALL = 1000  # tokens that the price list is asked for: some prices rise for very long prompts


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """USD for a million tokens."""

    prompt: float
    completion: float
    # Of the prompt's tokens, those that the server had read before; None: as the others.
    cached: float | None = None

    def cost(self, prompt: int, completion: int, cached: int) -> float:
        """USD. Linear in all three, so that a sum costs the sum of its parts."""
        read = self.prompt if self.cached is None else self.cached
        return (
            (prompt - cached) * self.prompt + cached * read + completion * self.completion
        ) / MILLION

    def times(self, share: float) -> TokenPrice:
        cached = None if self.cached is None else self.cached * share
        return TokenPrice(self.prompt * share, self.completion * share, cached)


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a model, call by call and through the batch endpoint."""

    live: TokenPrice
    batch: TokenPrice

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


_NOTHING = Price(TokenPrice(0.0, 0.0), TokenPrice(0.0, 0.0))


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of a run's models: of the main model, and of each other by name."""

    main: Price
    others: Mapping[str, Price] = field(default_factory=dict)

    @property
    def is_free(self) -> bool:
        return self.main.is_free and all(price.is_free for price in self.others.values())

    def cost(self, tokens: Tokens) -> float:
        """USD, over all models. Raises KeyError for a model without a price."""
        return tokens.cost(
            self.main.cost, {name: price.cost for name, price in self.others.items()}
        )


def price_of(terms: Terms) -> Price | None:
    """The price of the main model; None if nobody knows."""
    return price_of_model(terms, terms.model)


def price_of_model(terms: Terms, name: str) -> Price | None:
    """The price of a model at the endpoint; None if nobody knows.

    --price-in and --price-out hold for every model. Models on this machine cost nothing, nor does a
    server here or in a private network. With --max-cost such a server is not trusted to be free: it
    may pass calls on to a provider. Of several addresses the dearest holds.
    """
    share = terms.price_batch if terms.price_batch >= 0 else None
    if terms.price_in >= 0 or terms.price_out >= 0:
        live = TokenPrice(max(terms.price_in, 0.0), max(terms.price_out, 0.0))
        return Price(live, live.times(BATCH_SHARE if share is None else share))
    if name.partition(":")[0] in FREE:
        return _NOTHING
    found = [
        _NOTHING if is_near(address) and terms.max_cost <= 0 else _price_at(address, name, share)
        for address in terms.base_url or ("",)
    ]
    known = [price for price in found if price is not None]
    return max(known, key=_dearness) if len(known) == len(found) else None


def _price_at(address: str, name: str, share: float | None) -> Price | None:
    """The listed price of a model at an address; by the name alone where no provider is known.

    share: of the live price, for batches; None: as listed, or half.
    """
    seller = provider_at(address) if address else None
    if seller == "openrouter" and name.endswith(":free"):
        return _NOTHING
    try:
        live, batch = _listed(name, seller), _listed(name, seller, processing="batch")
    except LookupError:
        return None
    has_no_batch_price = (batch.prompt, batch.completion) == (live.prompt, live.completion)
    if share is not None or has_no_batch_price:
        batch = live.times(BATCH_SHARE if share is None else share)
    return Price(live, batch)


def _dearness(price: Price) -> float:
    return price.live.prompt + price.live.completion


def prices_of(terms: Terms, models: Sequence[str] = ()) -> Prices | None:
    """The prices of the main model and of the other `models`; None if a price is unknown."""
    main = price_of(terms)
    others = {name: price_of_model(terms, name) for name in models}
    known = {name: price for name, price in others.items() if price is not None}
    return None if main is None or len(known) < len(others) else Prices(main, known)


def cost_of(terms: Terms, meter: Meter) -> float | None:
    """USD of all replies, each model at its own price; None if a price is unknown."""
    prices = prices_of(terms, tuple(meter.paid.others))
    return None if prices is None else prices.cost(meter.paid)


def _listed(model: str, seller: str | None, **context: str) -> TokenPrice:
    """From the price list; seller: a provider of the list. Raises LookupError."""
    from genai_prices import Usage as Counts
    from genai_prices import calc_price

    def price(**tokens: int) -> tuple[float, float]:
        found = calc_price(
            Counts(**tokens), model_ref=model, provider_id=seller, price_context=context
        )
        both = float(found.input_price), float(found.output_price)
        return both[0] * MILLION / _ONE_CALL, both[1] * MILLION / _ONE_CALL

    prompt, completion = price(input_tokens=_ONE_CALL, output_tokens=_ONE_CALL)
    cached, _ = price(input_tokens=_ONE_CALL, cache_read_tokens=_ONE_CALL)
    return TokenPrice(prompt, completion, cached if 0 < cached < prompt else None)


def no_price(terms: Terms, models: Sequence[str] = ()) -> str:
    """The words for a person where `price_of` or `prices_of` finds none."""
    named = (terms.model, *models)
    unknown = next((name for name in named if price_of_model(terms, name) is None), terms.model)
    return f"no price for {unknown!r}; give --price-in and --price-out (USD for a million tokens)"


def budget(
    terms: Terms, meter: Meter, ledger: Ledger, notice: Notice, models: Sequence[str] = ()
) -> Budget:
    """The budget of a run: its caps hold over the main model and the other `models` together.

    Models that `meter` knows from earlier sittings count as well. Raises UserError if a cap is set
    that cannot be held.
    """
    names = dict.fromkeys((terms.model, *models, *meter.spent.others))
    prices = {name: price_of_model(terms, name) for name in names}
    if terms.max_cost > 0:
        is_half = (terms.price_in < 0) != (terms.price_out < 0)
        unknown = [name for name, price in prices.items() if price is None or is_half]
        if unknown:
            raise UserError(
                f"--max-cost {terms.max_cost:g}: nobody knows what {unknown[0]!r} costs; "
                "give both --price-in and --price-out (USD for a million tokens)"
            )
    costs = {name: price.cost if price else _unknown for name, price in prices.items()}
    caps = Caps(
        cost=terms.max_cost if terms.max_cost > 0 else None,
        tokens=terms.max_tokens_total if terms.max_tokens_total > 0 else None,
        requests=terms.max_requests if terms.max_requests > 0 else None,
    )
    main = costs[terms.model]
    return Budget(caps, meter, cost=main, other_costs=costs, ledger=ledger, notice=notice)


def _unknown(usage: Usage) -> float:
    """The cost of a model without a price, where no cap needs the price."""
    return 0.0
