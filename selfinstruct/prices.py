"""What tokens cost: from the price list of `genai-prices`, or as the user says. The only module that imports it."""

from __future__ import annotations

from dataclasses import dataclass

from selfinstruct.config import Config
from selfinstruct.models import Usage

MILLION = 1_000_000


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
        found = calc_price(Tokens(input_tokens=MILLION, output_tokens=MILLION), model_ref=config.model)
    except LookupError:
        return None
    return Price(float(found.input_price), float(found.output_price))
