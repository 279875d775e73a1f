"""What tokens cost: from the price list of `genai-prices`, or as the user says; and the budget that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

from selfinstruct.config import Config
from selfinstruct.errors import UserError
from selfinstruct.models import Usage
from selfinstruct.models.layers import Notice
from selfinstruct.models.meter import Meter
from selfinstruct.models.metered import Budget, Caps, Ledger

MILLION = 1_000_000
_ONE_CALL = 1000  # tokens that the price list is asked for: some prices rise for very long prompts


@dataclass(frozen=True, slots=True)
class Price:
    """USD for a million tokens."""

    prompt: float
    completion: float

    def cost(self, usage: Usage) -> float:
        """USD."""
        return (usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion) / MILLION


def price_of(config: Config) -> Price | None:
    """The price of the config's model; None if nobody knows it. What runs on this machine costs nothing."""
    if config.price_in >= 0 or config.price_out >= 0:
        return Price(max(config.price_in, 0.0), max(config.price_out, 0.0))
    if config.model == "scripted" or config.model.split(":")[0] == "local":
        return Price(0.0, 0.0)
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    try:
        found = calc_price(Tokens(input_tokens=_ONE_CALL, output_tokens=_ONE_CALL), model_ref=config.model)
    except LookupError:
        return None
    scale = MILLION / _ONE_CALL
    return Price(float(found.input_price) * scale, float(found.output_price) * scale)


def no_price(config: Config) -> str:
    """What to say where `price_of` knows none."""
    return f"no price for {config.model!r}; give --price-in and --price-out (USD for a million tokens)"


def budget(config: Config, meter: Meter, ledger: Ledger, notice: Notice) -> Budget:
    """What holds a run to its caps. Raises UserError if a cap is set that cannot be held."""
    price = price_of(config)
    if config.max_cost > 0:
        one_is_missing = config.price_in < 0 <= config.price_out or config.price_out < 0 <= config.price_in
        if price is None or one_is_missing:
            raise UserError(
                f"--max-cost {config.max_cost:g}: nobody knows what {config.model!r} costs; give both --price-in and --price-out "
                "(USD for a million tokens)"
            )
    caps = Caps(
        cost=config.max_cost if config.max_cost > 0 else None,
        tokens=config.max_tokens_total if config.max_tokens_total > 0 else None,
        requests=config.max_requests if config.max_requests > 0 else None,
    )
    return Budget(caps, meter, cost=price.cost if price else lambda usage: 0.0, ledger=ledger, notice=notice)
