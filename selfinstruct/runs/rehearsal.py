"""A rehearsal of a run: every stage is asked once, and a person reads the replies.

Nothing is written down. The calls go the way of a run's calls, so that caps and limits hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from selfinstruct.asking.advice import is_read, thinks
from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.asking.probes import Exchange, Probe, Probed, Scratch, ask_all
from selfinstruct.models import Request, Usage
from selfinstruct.models.disk import Notice
from selfinstruct.models.money.prices import price_of
from selfinstruct.models.money.worst import worst
from selfinstruct.models.openai.fields import Learned
from selfinstruct.parsing import Parsed
from selfinstruct.parsing.review import Review
from selfinstruct.parsing.verdict import Verdict
from selfinstruct.recipes.engine import first_call
from selfinstruct.runs.inputs import Inputs
from selfinstruct.verification.questions import ASKED_OF_VERIFIERS, SPECIMENS, Tests

_SHOWN = 90  # characters of a text


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The stages as they were asked, and the fields that each address refused."""

    probed: Sequence[Probed]
    left_out: Learned

    @property
    def is_read(self) -> bool:
        """Whether something could be read of every stage."""
        return all(each.is_read for each in self.probed)

    @property
    def advice(self) -> list[str]:
        """A sentence for each stage that was not read."""
        return [each.remedy for each in self.probed if not each.is_read]

    @property
    def hints(self) -> list[str]:
        """A sentence for each stage that was read at a later attempt only."""
        late = [each for each in self.probed if each.is_read and each.remedy]
        return [f"{each.remedy} (read at attempt {len(each.exchanges)})" for each in late]

    def lines(self) -> Iterator[str]:
        """For a person."""
        for each in self.probed:
            yield from _stage_lines(each)
        for address, changes in self.left_out.items():
            for name, instead in changes.items():
                stage, _, part = name.rpartition(".")
                where = f"{f' in {stage}' if stage else ''} at {address}"
                sent = "its words in the user's turn" if name == "system" else instead or "nothing"
                yield f"refused     {part}{where}; sent instead: {sent}"
        for name in self.probed[0].probe.stage.endpoint.leave_out:
            yield f"left out    {name} (--leave-out)"
        yield _together(self.probed)


async def probes_of(inputs: Inputs) -> list[Probe]:
    """A probe of every stage that the recipe has values for before a run."""
    recipe = inputs.open()
    first = await first_call(recipe)
    specimens = {**SPECIMENS, **recipe.specimens()}
    found = []
    for name, stage in inputs.stages.items():
        if first is not None and first[0] == name:
            _, place, values, to = first
            found.append(Probe(stage, place, values, to))
        elif name in specimens:
            verifier = next(iter(inputs.config.verifiers), None)
            to = verifier if name in ASKED_OF_VERIFIERS else None
            found.append(Probe(stage, "i000001", specimens[name], to))
    return found


async def rehearse(probes: Iterable[Probe], notice: Notice = lambda text: None) -> Rehearsal:
    """Ask the probes, those of an endpoint's settings together.

    Raises UserError, ModelError or Interrupted.
    """
    books, found = Scratch(), list[Probed]()
    left = list(probes)
    while left:
        endpoint = left[0].stage.endpoint
        together = [each for each in left if each.stage.endpoint is endpoint]
        found += await ask_all(together, books, notice)
        left = [each for each in left if each.stage.endpoint is not endpoint]
    return Rehearsal(found, books.learned)


def planned(probes: Sequence[Probe]) -> Iterator[str]:
    """The prompts that a rehearsal would send, for a person."""
    for probe in probes:
        request = probe.request
        yield f"{request.stage}: {_decoding_of(request)}"
        for message in request.messages:
            yield f"--- {message.role}"
            yield message.text
    most = [worst(probe.request) for probe in probes]
    tokens = sum(usage.prompt_tokens + usage.completion_tokens for usage in most)
    calls = _counted(len(probes), "call")
    cost = _cost(most, probes[0].stage.endpoint)
    yield f"--- end; nothing was sent. {calls}, at most {tokens:,} tokens{cost}"


# ---------------------------------------------------------------- lines


def _stage_lines(probed: Probed) -> Iterator[str]:
    yield probed.probe.stage.name
    for exchange in probed.exchanges:
        yield from _exchange_lines(exchange, probed.probe.stage.endpoint)
    reason = probed.reply.parsed.reason
    if not is_read(probed.reply):
        yield f"  read      nothing ({reason})"
        return
    rest = f"; the rest was of no use ({reason})" if reason else ""
    yield f"  read      {_content(probed.reply.parsed)}{rest}"


def _exchange_lines(exchange: Exchange, endpoint: Endpoint) -> Iterator[str]:
    request, completion, seconds = exchange.request, exchange.completion, exchange.seconds
    length = sum(len(message.text) for message in request.messages)
    yield f"  sent      {length:,} characters, at the end {_end(request.messages[-1].text)}"
    yield f"            {_decoding_of(request)}"
    if completion.error is not None:
        yield f"  came      no reply ({completion.error}): {_short(completion.text)}"
        return
    usage = completion.usage
    tokens = usage.completion_tokens
    speed = f", {tokens / seconds:,.0f} a second" if seconds > 0 else ""
    yield f"  came      {_short(completion.text)}"
    yield (
        f"            finish reason {completion.finish_reason or '(none)'}; "
        f"{usage.prompt_tokens:,} and {tokens:,} tokens in {seconds:.1f} s{speed}"
        f"{_cost((usage,), endpoint)}"
    )
    if thinks(completion):
        count = f"{usage.reasoning_tokens:,} tokens" if usage.reasoning_tokens else "not counted"
        beside = f"beside the reply: {_short(completion.reasoning)}"
        yield f"  thinking  {count}, {beside if completion.reasoning.strip() else 'in the reply'}"


def _content(parsed: Any) -> str:
    """The content of a reply in a few words, by the parser's type."""
    if isinstance(parsed, Verdict):
        return f"a score of {parsed.score}: {_short(parsed.words)}"
    if isinstance(parsed, Review):
        return (
            f"{'all' if all(parsed.answers) else 'not all'} questions yes: {_short(parsed.words)}"
        )
    if isinstance(parsed, Tests):
        return _counted(sum(check.counts for check in parsed.checks), "test")
    if not isinstance(parsed, Parsed):
        return _short(parsed.text)
    if parsed.drafts:
        first = _short(parsed.drafts[0].instruction)
        return f"{_counted(len(parsed.drafts), 'instruction')}, the first: {first}"
    if parsed.instances:
        instance = parsed.instances[0]
        given = f"input {_short(instance.input)}" if instance.input else "no input"
        count = _counted(len(parsed.instances), "instance")
        return f"{count}, the first: {given}, output {_short(instance.output)}"
    return "a classification task" if parsed.is_classification else "no classification task"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _decoding_of(request: Request) -> str:
    """The fields of a request beside its prompt, as --dry-run and `try` show them."""
    decoding = request.decoding
    values = {each.name: getattr(decoding, each.name) for each in fields(decoding)}
    shown = [f"{name} {value}" for name, value in values.items() if value not in (None, ())]
    form = [] if request.response_format == "text" else [request.response_format]
    return ", ".join([request.model, request.api, *form, *shown])


def _together(probed: Sequence[Probed]) -> str:
    usages = [exchange.completion.usage for each in probed for exchange in each.exchanges]
    total = sum(usages, Usage())
    endpoint = probed[0].probe.stage.endpoint
    return (
        f"together    {_counted(len(usages), 'reply').replace('replys', 'replies')}, "
        f"{total.prompt_tokens:,} and {total.completion_tokens:,} tokens{_cost(usages, endpoint)}"
    )


def _cost(usages: Sequence[Usage], endpoint: Endpoint) -> str:
    price = price_of(endpoint)
    if price is None:
        return "; the price is not known (--price-in, --price-out)"
    return "; free" if price.is_free else f"; ${sum(map(price.cost, usages)):.6f}"


def _short(text: str) -> str:
    """The beginning of a text, on one line."""
    text = " ".join(text.split())
    return f'"{text}"' if len(text) <= _SHOWN else f'"{text[:_SHOWN]}..."'


def _end(text: str) -> str:
    text = " ".join(text.split())
    return f'"{text}"' if len(text) <= _SHOWN else f'"...{text[-_SHOWN:]}"'
