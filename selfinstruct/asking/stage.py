"""A stage of a recipe in a run: from values to a request, from the reply to its content.

A `Question` is the recipe's part: the parser, the schema, the names that its template may use. A
`Stage` is a question with the template, the endpoint and the decoding of a run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from selfinstruct.asking.endpoint import EDITION, Endpoint
from selfinstruct.asking.reading import Reply, read, read_as_edition_1
from selfinstruct.asking.templates import Template, ended
from selfinstruct.models import Completion, Decoding, Message, Model, Request
from selfinstruct.parsing import Parsed
from selfinstruct.seeding import sampling_seed

# A number, a label: the beginning of an answer that no demonstration shows.
_LEAD = re.compile(r"(?=.)(?:\d{1,3}[.)][ \t]*)?(?:\w[\w ]{0,30}:|Example \d+)?")


@dataclass(frozen=True, slots=True)
class Question:
    """A kind of question that a recipe asks.

    `parse` takes the reply's text and its finish reason. `names` are the values that the template
    may use; without the first every request would be the same. `schema` has the properties of a
    JSON reply, or makes them of the values. `unread` is the content of a reply that never came.
    `reply_tokens` is an estimate.
    `parse_edition_1` and `parse_edition_2` read the replies of runs that began under these editions
    (version 0.1 is edition 1), where that differs.
    """

    name: str
    parse: Callable[[str, str], Any]
    names: tuple[str, ...]
    schema: Mapping[str, Any] | Callable[[Mapping[str, object]], Mapping[str, Any]] | None = None
    unread: Callable[..., Any] = Parsed  # called with `reason`
    reply_tokens: float = 150.0
    template: str = ""  # where no file has one
    goes_on: bool = False  # the reply continues the last line of a raw prompt
    shrinks: bool = False  # asked again with a shorter prompt if too long
    warmer: float | None = None  # the least temperature of a second attempt
    room: int | None = None  # tokens of a second attempt after a cut reply
    api: str = ""  # the interface, where the run's does not fit
    ending: str = ""  # the last words of every prompt, behind the template's
    has_theme: bool = False  # the value "theme", if any, is shown at the end of the prompt
    counts_first: bool = False  # the number of the first attempt is part of its seed
    parse_json: Callable[[str, str], Any] | None = None  # with a response format, if another
    parse_edition_1: Callable[[str, str], Any] | None = None
    parse_edition_2: Callable[[str, str], Any] | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A question in a run. `extra`: further fields of the request's body."""

    question: Question
    template: Template
    endpoint: Endpoint
    seed: int = 0
    extra: tuple[tuple[str, Any], ...] = ()
    decoding: Decoding = field(default=Decoding())
    edition: int = EDITION  # of the rules by which replies are read

    @property
    def name(self) -> str:
        return self.question.name

    async def ask(
        self, model: Model, place: str, values: Mapping[str, object], to: str | None = None
    ) -> Reply:
        """The first reply with content, or the last attempt's, with the dropped ones before it.

        `to`: the name of another model than the endpoint's main model. Raises ModelError if the
        endpoint will not serve this run.
        """
        talk = self._talk(place, values, to)
        request = next(talk)
        while True:
            try:
                request = talk.send(await model.complete(request))
            except StopIteration as end:
                reply: Reply = end.value
                return reply

    def recall(
        self,
        known: Callable[[str], Completion | None],
        place: str,
        values: Mapping[str, object],
    ) -> Reply | None:
        """The reply as the record `known` has it, by keys; None if a request is not on record."""
        talk = self._talk(place, values, None)
        request = next(talk)
        while (completion := known(request.key)) is not None:
            try:
                request = talk.send(completion)
            except StopIteration as end:
                reply: Reply = end.value
                return reply
        return None

    def _talk(
        self, place: str, values: Mapping[str, object], to: str | None
    ) -> Generator[Request, Completion, Reply]:
        """Requests out, completions in, until a reply has content or no attempt is left."""
        before: tuple[Reply, ...] = ()
        repeats = self.is_greedy and self.question.warmer is None  # every draw would be the same
        room: int | None = None
        for attempt in range(self.endpoint.attempts):
            request = self.request(place, values, attempt, to, room=room)
            completion = yield request
            reply = self.read(completion, request.messages)
            if before:
                reply = replace(reply, before=before)
            room = self._more_room(reply)
            is_last = attempt == self.endpoint.attempts - 1 or (repeats and room is None)
            if is_last or not reply.is_worth_another:
                break
            before = (*before, replace(reply, before=()))
        return reply

    def _more_room(self, reply: Reply) -> int | None:
        """The tokens of another attempt after a reply that was cut, where the question has more."""
        room, allowed = self.question.room, self.decoding.max_tokens
        has_more = room is not None and allowed is not None and room > allowed
        return room if has_more and reply.is_cut and self.edition > 1 else None

    @property
    def is_greedy(self) -> bool:
        """Whether every draw gives the same reply."""
        return self.decoding.temperature == 0 or self.decoding.top_p == 0

    def request(
        self,
        place: str,
        values: Mapping[str, object],
        attempt: int = 0,
        to: str | None = None,
        *,
        room: int | None = None,
    ) -> Request:
        """The request at `place` ("t12" a turn, "i000345" an instruction).

        A function of the settings, the template and the values. A later `attempt` differs by its
        sampling seed, and by a warmer temperature where the question says so. room: its tokens, in
        place of the stage's.
        """
        endpoint, question, decoding = self.endpoint, self.question, self.decoding
        if attempt and question.warmer is not None and decoding.temperature is not None:
            warm = max(question.warmer, decoding.temperature)
            decoding = replace(decoding, temperature=warm)
        if room is not None:
            decoding = replace(decoding, max_tokens=room)
        draw = (attempt,) if attempt or question.counts_first else ()
        return Request(
            stage=question.name,
            place=place,
            model=endpoint.model if to is None else to,
            api=question.api or endpoint.api,
            messages=self._messages(values),
            decoding=decoding,
            seed=sampling_seed(self.seed, question.name, place, *draw),
            response_format=endpoint.response_format,
            grammar=self.template.grammar,
            extra=self.extra,
            schema=question.schema(values) if callable(question.schema) else question.schema,
            shrinks=question.shrinks,
        )

    def _messages(self, values: Mapping[str, object]) -> tuple[Message, ...]:
        messages = self.template.fill(values)
        if not (self.question.has_theme and values.get("theme")):
            return messages
        return ended(messages, str(values["theme"]))

    def read(self, completion: Completion, messages: tuple[Message, ...]) -> Reply:
        """The content of a completion. Never raises."""
        question = self.question
        lead = self._lead(messages) if question.goes_on else ""
        parse = question.parse
        if self.edition < 3 and question.parse_edition_2:
            parse = question.parse_edition_2
        if self.edition == 1:
            parse = question.parse_edition_1 or parse
            return read_as_edition_1(completion, lead, parse, question.unread)
        is_json = self.endpoint.response_format != "text"
        parse = question.parse_json if is_json and question.parse_json else parse
        return read(completion, lead, parse, question.unread)

    def _lead(self, messages: tuple[Message, ...]) -> str:
        """The beginning of a raw prompt's last line ("9.", "Input:"), which no reply repeats."""
        last = messages[-1]
        line = last.text.rpartition("\n")[2] if last.role in ("prompt", "assistant") else ""
        return line + " " if _LEAD.fullmatch(line) is not None else ""


class Ask(Protocol):
    """The only way of a recipe to a model."""

    async def __call__(
        self, stage: str, place: str, values: Mapping[str, object], to: str | None = None
    ) -> Reply: ...


def asking(stages: Mapping[str, Stage], model: Model) -> Ask:
    """Asks `model` the questions of `stages`."""

    async def ask(
        stage: str, place: str, values: Mapping[str, object], to: str | None = None
    ) -> Reply:
        return await stages[stage].ask(model, place, values, to)

    return ask
