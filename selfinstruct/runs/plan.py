"""An estimate before anything is sent: requests, tokens, cost, and the first prompt."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from selfinstruct.asking.config import Config
from selfinstruct.models import Request, Usage
from selfinstruct.models.money.meter import Tokens
from selfinstruct.models.money.prices import no_price, prices_of
from selfinstruct.recipes import Recipe
from selfinstruct.recipes.engine import first_call
from selfinstruct.runs.inputs import Inputs
from selfinstruct.verification import sandbox
from selfinstruct.verification.questions import ASKED_OF_VERIFIERS, SPECIMENS
from selfinstruct.verification.settings import forecast

CHARACTERS_PER_TOKEN = 4.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """The requests by stage and the tokens of a possible course of a run.

    reviews: of all tokens, those of the models that verify examples.
    """

    requests: dict[str, int]
    usage: Usage
    reviews: Usage = Usage()

    def in_batch(self) -> Estimate:
        return Estimate(self.requests, self.usage.in_batch(), self.reviews.in_batch())


def first_request(inputs: Inputs) -> Request | None:
    """The first request of a new run; None if the run asks nothing."""
    recipe = inputs.open()
    call = asyncio.run(first_call(recipe, inputs.gates(recipe, sandbox.run)))
    if call is None:
        return None
    stage, place, values, to = call
    return inputs.stages[stage].request(place, values, to=to)


def estimate(
    inputs: Inputs, recipe: Recipe, first: Request | None, *, examples: int, lucky: bool
) -> Estimate:
    """The calls for `examples` more examples if all goes well (`lucky`) or badly.

    `first`: the first request of a new run.
    """
    counts = {**inputs.themes.forecast(), **recipe.forecast(examples, lucky=lucky)}
    counts |= forecast(inputs.config, examples, lucky=lucky)
    usage = reviews = Usage()
    for stage, count in counts.items():
        prompt = _characters(inputs, recipe, stage, first) / CHARACTERS_PER_TOKEN
        reply = inputs.reply_tokens(recipe, stage, lucky=lucky)
        tokens = Usage(round(count * prompt), round(count * reply))
        usage += tokens
        if stage in ASKED_OF_VERIFIERS and inputs.config.verifiers:
            reviews += tokens
    requests = {stage: max(1, round(count)) for stage, count in counts.items()}
    found = Estimate(requests, usage, reviews)
    return found.in_batch() if inputs.config.batch else found


def _characters(inputs: Inputs, recipe: Recipe, stage: str, first: Request | None) -> int:
    """Of an ordinary prompt of the stage."""
    values = {**SPECIMENS, **recipe.specimens()}.get(stage)
    if values is not None:
        return len(inputs.stages[stage].request("i000001", values).text)
    if first is not None and first.stage == stage:
        return len(first.text)
    return sum(len(message.text) for message in inputs.stages[stage].template.messages)


def lines(inputs: Inputs, *, done: int) -> Iterator[str]:
    """The plan for a person; `done` examples are there already."""
    config, recipe, first = inputs.config, inputs.open(), first_request(inputs)
    known = config.n or inputs.expected()
    wanted = known or recipe.typical() or 0
    left = max(0, wanted - done)
    well, badly = (
        estimate(inputs, recipe, first, examples=left, lucky=lucky) for lucky in (True, False)
    )
    there = f" ({done:,} of {wanted:,} are there already)" if done else ""
    yield f"plan: {'' if known else 'about '}{left:,} examples{there}"
    where = f" at {config.addresses}" if config.base_url else ""
    interface = f", --api {config.api}" if config.STAGES else ""
    yield f"  model        {config.asked}{where}{interface}, {config.method}"
    yield from recipe.described()
    if first is None and not well.requests:
        yield "no model is asked"
        return
    for stage in well.requests:
        yield f"  {stage:<12} {well.requests[stage]:>11,} to {badly.requests[stage]:,} requests"
    total = [sum(each.requests.values()) for each in (well, badly)]
    yield f"  {'together':<12} {total[0]:>11,} to {total[1]:,} requests"
    few, many = well.usage.prompt_tokens, badly.usage.prompt_tokens
    yield f"  {'tokens':<12} {few:>11,} to {many:,} prompt"
    few, many = sorted((well.usage.completion_tokens, badly.usage.completion_tokens))
    yield f"  {'':<12} {few:>11,} to {many:,} completion"
    yield from _cost(config, well, badly, left if recipe.prices_examples else 0)
    if first is None:
        yield "nothing is left to be asked"
        return
    yield "the first prompt, as it would be sent:"
    for message in first.messages:
        yield f"--- {message.role}"
        yield message.text
    yield "--- end; nothing was sent"


def _cost(config: Config, well: Estimate, badly: Estimate, examples: int) -> Iterator[str]:
    """examples: more than 0 where the price of 1,000 is to be said."""
    _, *others = config.models
    prices = prices_of(config, others)
    if prices is None:
        yield f"  cost         unknown, {no_price(config, others)}"
        return
    low, high = sorted(prices.cost(_tokens(config, each)) for each in (well, badly))
    batch = ", at the batch price" if config.batch else ""
    yield f"  {'cost':<12} {f'${low:,.2f}':>11} to ${high:,.2f}{batch}"
    if examples:
        each = [f"${cost / examples * 1000:,.4f}" for cost in (low, high)]
        yield f"  {'per 1,000':<12} {each[0]:>11} to {each[1]} (1,000 examples)"
    if 0 < config.max_cost < high:
        more = "more" if config.max_cost < low else "perhaps more"
        yield f"  {'':<12} {more:>11} than --max-cost ${config.max_cost:,.2f}"


def _tokens(config: Config, estimate: Estimate) -> Tokens:
    """The tokens of a run in which every model answers, or verifies, equally much."""
    found = Tokens()
    for models, usage in (
        (config.answering, estimate.usage - estimate.reviews),
        (config.verifiers, estimate.reviews),
    ):
        for model in models:
            share = Usage(*(getattr(usage, name) // len(models) for name in Usage.__slots__))
            found += Tokens.of(share, "" if model == config.model else model)
    return found
