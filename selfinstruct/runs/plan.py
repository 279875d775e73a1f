"""What a run will take, before anything is sent: requests, tokens, cost, and the first prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from selfinstruct.asking.config import Config
from selfinstruct.models import Request, Usage
from selfinstruct.models.money.prices import no_price, price_of
from selfinstruct.recipes.bootstrap import first_request
from selfinstruct.runs.inputs import Inputs

# What a run gives, as (few, many), by measured runs of this program and the paper's (section 3.1 and appendix): the pool
# saturates, so a long run is nearer to the first figure. An estimate for a person; nothing depends on it.
ACCEPTED = (0.35, 0.85)  # of the instructions asked for
EXAMPLES_PER_INSTRUCTION = {
    1: (0.85, 0.97),
    2: (1.1, 1.7),
    3: (1.2, 2.2),
}  # by --max-instances-per-task, at most 3
CLASSIFICATION = 0.2  # of instructions
CHARACTERS_PER_TOKEN = 4.0
REPLY_TOKENS = {
    "propose": 28,
    "classify": 2,
    "input_first": 130,
    "output_first": 70,
}  # an instruction, a word, an instance
WHOLE_TASK_TOKENS = 110


@dataclass(frozen=True, slots=True)
class Estimate:
    """Requests by stage and tokens of one way a run may go."""

    requests: dict[str, int]
    usage: Usage


def estimate(config: Config, inputs: Inputs, *, examples: int, lucky: bool) -> Estimate:
    """What `examples` more examples take if all goes well (`lucky`) or as in a saturated pool."""
    at = 1 if lucky else 0
    per_instruction = EXAMPLES_PER_INSTRUCTION[min(config.max_instances_per_task, 3)][at]
    instructions = examples / per_instruction if "classify" in config.stages else examples
    counts = {"propose": instructions / (config.new_per_turn * ACCEPTED[at])}
    if "classify" in config.stages:
        counts |= {
            "classify": instructions,
            "input_first": instructions * (1 - CLASSIFICATION),
            "output_first": instructions * CLASSIFICATION,
        }
    usage = Usage()
    for stage, count in counts.items():
        prompt = len(_example_request(config, inputs, stage).text) / CHARACTERS_PER_TOKEN
        usage += Usage(
            round(count * prompt), round(count * _reply_tokens(config, stage, per_instruction))
        )
    return Estimate(
        {stage: max(1, round(count)) for stage, count in counts.items()},
        usage.in_batch() if config.batch else usage,
    )


def _reply_tokens(config: Config, stage: str, per_instruction: float) -> float:
    if stage == "propose":
        each = WHOLE_TASK_TOKENS if config.preset == "alpaca" else REPLY_TOKENS[stage]
        return config.new_per_turn * each
    return REPLY_TOKENS[stage] * (1 if stage == "classify" else per_instruction)


def _example_request(config: Config, inputs: Inputs, stage: str) -> Request:
    if stage == "propose":
        return first_request(config, inputs.stages, inputs.seeds)
    values = {
        "instruction": inputs.seeds[0].instruction,
        "max_instances": config.max_instances_per_task,
    }
    return inputs.stages[stage].request("i000001", values)


def lines(config: Config, inputs: Inputs, *, done: int) -> Iterator[str]:
    """The plan as a person reads it; `done` examples are there already."""
    left = config.n - done
    well, badly = (estimate(config, inputs, examples=left, lucky=lucky) for lucky in (True, False))
    yield f"plan: {left:,} examples" + (
        f" ({done:,} of {config.n:,} are there already)" if done else ""
    )
    where = f" at {config.addresses}" if config.base_url else ""
    yield f"  model        {config.model}{where}, --api {config.api}, preset {config.preset}"
    yield f"  seed tasks   {len(inputs.seeds)}"
    for stage in well.requests:
        yield f"  {stage:<12} {well.requests[stage]:>11,} to {badly.requests[stage]:,} requests"
    total = [sum(one.requests.values()) for one in (well, badly)]
    yield f"  {'together':<12} {total[0]:>11,} to {total[1]:,} requests"
    yield f"  {'tokens':<12} {well.usage.prompt_tokens:>11,} to {badly.usage.prompt_tokens:,} prompt"
    few, many = sorted((well.usage.completion_tokens, badly.usage.completion_tokens))
    yield f"  {'':<12} {few:>11,} to {many:,} completion"
    price = price_of(config)
    if price is None:
        yield f"  cost         unknown, {no_price(config)}"
    else:
        low, high = sorted((price.cost(well.usage), price.cost(badly.usage)))
        yield f"  {'cost':<12} {f'${low:,.2f}':>11} to ${high:,.2f}{', at the batch price' if config.batch else ''}"
        if 0 < config.max_cost < high:
            yield f"  {'':<12} {'more' if config.max_cost < low else 'perhaps more':>11} than --max-cost ${config.max_cost:,.2f}"
    request = first_request(config, inputs.stages, inputs.seeds)
    yield "the first prompt, as it would be sent:"
    for message in request.messages:
        yield f"--- {message.role}"
        yield message.text
    yield "--- end; nothing was sent"
