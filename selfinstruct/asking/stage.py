"""One stage of the paper as this run does it: from values to a request, from the reply to what it holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from selfinstruct.asking.config import Config
from selfinstruct.asking.templates import Template
from selfinstruct.models import Completion, Message, Model, Request
from selfinstruct.parsing import Parsed, alpaca, chat, paper
from selfinstruct.parsing.thinking import without_thinking
from selfinstruct.seeding import sampling_seed
from selfinstruct.text import well_formed

_PARSERS = {"chat": chat, "paper": paper, "alpaca": alpaca, "small": chat}
_LEAD = re.compile(
    r"(?=.)(?:\d{1,3}[.)][ \t]*)?(?:\w[\w ]{0,30}:|Example \d+)?"
)  # a number, a label; nothing that a prompt shows

# Replies that another draw of the model's may better. A refusal of the server's (a filter, a prompt too long) is none of them.
_ASKED_AGAIN = frozenset(
    (
        "empty_reply",
        "refusal",
        "no_list",
        "no_tasks",
        "no_output_label",
        "no_class_label",
        "neither_yes_nor_no",
        "broken_json",
    )
) | {"cut_by_length"}


@dataclass(frozen=True, slots=True)
class Reply:
    """A completion's text without what no file can hold and without thinking aloud, and what was found in it."""

    text: str
    parsed: Parsed
    before: tuple[Reply, ...] = ()  # what came of the same question before this, and was dropped

    @property
    def is_worth_another(self) -> bool:
        parsed = self.parsed
        return parsed.reason in _ASKED_AGAIN and not parsed.drafts and not parsed.instances


@dataclass(frozen=True, slots=True)
class Stage:
    """How one stage asks and reads. `extra`: further fields of the request's body."""

    name: str
    config: Config
    template: Template
    extra: tuple[tuple[str, Any], ...] = ()

    async def ask(self, model: Model, place: str, values: Mapping[str, object]) -> Reply:
        """The first reply that holds something, or the last of `attempts`, with those that were dropped before it.

        Raises ModelError if the endpoint will not serve this run.
        """
        before: tuple[Reply, ...] = ()
        attempts = 1 if self.is_greedy else self.config.attempts
        for attempt in range(attempts):
            request = self.request(place, values, attempt)
            reply = replace(
                self.read(await model.complete(request), request.messages), before=before
            )
            if not reply.is_worth_another or attempt == attempts - 1:
                break
            before = (*before, replace(reply, before=()))
        return reply

    @property
    def is_greedy(self) -> bool:
        """Whether every draw gives the same reply."""
        decoding = self.config.decoding(self.name)
        return decoding.temperature == 0 or decoding.top_p == 0

    def request(self, place: str, values: Mapping[str, object], attempt: int = 0) -> Request:
        """The request at `place` ("t12" a turn, "i000345" an instruction): a function of the config, the template and values.

        A later `attempt` differs by its sampling seed alone.
        """
        config = self.config
        draw = (attempt,) if attempt else ()
        return Request(
            stage=self.name,
            place=place,
            model=config.model,
            api=config.api,
            messages=self.template.fill(values),
            decoding=config.decoding(self.name),
            seed=sampling_seed(config.seed, self.name, place, *draw),
            response_format=config.response_format,
            grammar=self.template.grammar,
            extra=self.extra,
        )

    def read(self, completion: Completion, messages: tuple[Message, ...]) -> Reply:
        text = well_formed(completion.text)
        if completion.error is not None:
            return Reply(text, Parsed(reason=completion.error))
        text = without_thinking(text)
        if (
            completion.finish_reason == "length" and not text.strip()
        ):  # thought until there was no room for a reply
            return Reply(text, Parsed(reason="cut_by_length"))
        return Reply(text, self._parse(self._lead(messages) + text, completion.finish_reason))

    @property
    def _parse(self) -> Callable[[str, str], Parsed]:
        found: Callable[[str, str], Parsed] = getattr(_PARSERS[self.config.preset], self.name)
        return found

    def _lead(self, messages: tuple[Message, ...]) -> str:
        """The beginning of a raw prompt's last line ("9.", "Input:"), which the model goes on from and so does not repeat.

        The paper's rules read the reply alone.
        """
        last = messages[-1]
        line = last.text.rpartition("\n")[2] if last.role in ("prompt", "assistant") else ""
        is_lead = (
            self.config.preset != "paper"
            and self.name != "classify"
            and _LEAD.fullmatch(line) is not None
        )
        return line + " " if is_lead else ""


def stages(
    config: Config, templates: Mapping[str, Template], extra: Mapping[str, Any]
) -> dict[str, Stage]:
    """The run's stages by name."""
    fields = tuple(sorted(extra.items()))
    return {name: Stage(name, config, template, fields) for name, template in templates.items()}
