"""The themes of a run: its topics and personas, of which each item draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from selfinstruct.asking.stage import Ask, Question
from selfinstruct.data.examples import Example
from selfinstruct.recipes.topics.tree import BRANCHES, leaves_of, question_of
from selfinstruct.seeding import dealt

T = TypeVar("T")
_TOPIC = "All of it is about this topic: {}."
_PERSONA = "All of it is asked by this person, who is not mentioned: {}."


@dataclass(frozen=True, slots=True)
class Theme:
    """The topic and the persona of an item, each empty where the run has no such list."""

    topic: str = ""
    persona: str = ""

    @property
    def words(self) -> str:
        """The sentences for a prompt."""
        said = ((_TOPIC, self.topic), (_PERSONA, self.persona))
        return "\n".join(words.format(text.rstrip(".")) for words, text in said if text)

    @property
    def record(self) -> Mapping[str, str]:
        """For the provenance of an example."""
        named = {"topic": self.topic, "persona": self.persona}
        return {name: text for name, text in named.items() if text}


@dataclass(frozen=True, slots=True)
class Themes:
    """The topics and personas of a run. to_write: the lists that the model writes first."""

    seed: int = 0
    topics: tuple[str, ...] = ()
    personas: tuple[str, ...] = ()
    to_write: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)  # copied into the run directory
    fingerprints: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.topics or self.personas or self.to_write)

    def of(self, at: int) -> Theme:
        """The theme of item number `at`. Every topic and persona comes before any comes again."""
        topic = dealt(self.seed, "topic", self.topics, at)
        return Theme(topic, dealt(self.seed, "persona", self.personas, at))

    def asking(self, ask: Ask, at: int) -> Ask:
        """The way of item number `at` to the model, with its theme among the values."""
        if not self:
            return ask
        words = self.of(at).words

        async def themed(
            stage: str, place: str, values: Mapping[str, object], to: str | None = None
        ) -> Any:
            return await ask(stage, place, {**values, "theme": words}, to)

        return themed

    def noted(self, at: int, outcomes: Sequence[T]) -> Sequence[T | Example]:
        """The outcomes of item number `at`, whose examples name its theme in the provenance."""
        if not self:
            return outcomes
        record = self.of(at).record
        return [
            replace(each, provenance={**each.provenance, **record})
            if isinstance(each, Example)
            else each
            for each in outcomes
        ]

    @property
    def questions(self) -> Sequence[Question]:
        """The questions of the lists that the model writes."""
        return [question_of(name) for name in self.to_write]

    def forecast(self) -> Mapping[str, float]:
        """Requests by stage that the lists take."""
        return dict.fromkeys(self.to_write, 1.0 + BRANCHES)

    async def written(self, ask: Ask) -> Themes:
        """The same with the lists that the model writes. Raises UserError for an empty list."""
        topics, personas = self.topics, self.personas
        if "topics" in self.to_write:
            topics = await leaves_of("topics", ask)
        if "personas" in self.to_write:
            personas = await leaves_of("personas", ask)
        return replace(self, to_write=(), topics=topics, personas=personas)
