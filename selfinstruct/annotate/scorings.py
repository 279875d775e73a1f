"""The requests for a task or an output, and the lines that their replies give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from selfinstruct.annotate.scorer import Instance, Scorer, likelihood_of
from selfinstruct.annotate.tasks import Task
from selfinstruct.annotate.uncertainty import Perturbing, Scored, Uncertainty, uncertainty
from selfinstruct.annotate.work import Known
from selfinstruct.models import Request
from selfinstruct.models.openai.likelihoods import Likelihood
from selfinstruct.text import to_json


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A line of uncertainty.jsonl or perplexity.jsonl. lost: instances that were refused."""

    task: Task
    how: Perturbing
    model: str
    numbers: Uncertainty
    lost: int

    def to_record(self) -> dict[str, Any]:
        task, how, numbers = self.task, self.how, self.numbers
        seeds = numbers.by_seed
        measured = {"uncertainty": seeds[0] if seeds else None} if how.variants else {}
        several = {"uncertainties": seeds} if len(seeds) > 1 else {}
        seed = how.seeds if len(how.seeds) > 1 else how.seeds[0]
        perturbing = {"variants": how.variants, "rate": how.rate, "seed": seed}
        return {
            "task": task.name,
            "instruction": task.instruction,
            **measured,
            "probability": numbers.probability,
            "perplexity": numbers.perplexity,
            **several,
            **task.about,
            "examples": numbers.instances,
            "of": task.of,
            **({"lost": self.lost} if self.lost else {}),
            **(perturbing if how.variants else {}),
            "model": self.model,
            **({"ids": task.ids} if task.ids else {}),
        }

    def to_line(self) -> str:
        return to_json(self.to_record())


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """A line of likelihoods.jsonl: the record, with the mean log-probability of a token."""

    instance: Instance
    rest: dict[str, Any]  # further fields of the record
    model: str
    likelihood: Likelihood | None  # None: the endpoint refused

    def to_line(self) -> str:
        instance, found = self.instance, self.likelihood
        history = [{"role": turn.role, "content": turn.text} for turn in instance.history]
        return to_json(
            {
                "id": instance.id,
                "instruction": instance.instruction,
                "input": instance.input,
                "output": instance.output,
                **({"system": instance.system} if instance.system else {}),
                **({"history": history} if history else {}),
                **self.rest,
                "likelihood": found.mean if found else None,
                "likelihood_tokens": found.tokens if found else None,
                "likelihood_model": self.model,
            }
        )


@dataclass(frozen=True, slots=True)
class TaskScoring:
    """The requests for a task."""

    task: Task
    scorer: Scorer
    how: Perturbing

    def requests(self) -> Iterator[Request]:
        """Each once, though variants may be alike."""
        instructions = dict.fromkeys(self._instructions())
        for instance in self.task.instances:
            for instruction in instructions:
                yield self.scorer.request(instance, instruction)

    def line(self, known: Known) -> TaskLine | None:
        """The task's line from the replies on record; None if a reply is missing."""
        found: list[Scored] = []
        for instance in self.task.instances:
            requests = (self.scorer.request(instance, each) for each in self._instructions())
            replies = [known(request.key) for request in requests]
            if None in replies:
                return None
            read = [likelihood_of(reply) for reply in replies]
            likelihoods = [each for each in read if each is not None]
            if len(likelihoods) == len(read):
                found.append(Scored(likelihoods[0], tuple(likelihoods[1:])))
        lost = len(self.task.instances) - len(found)
        numbers = uncertainty(found, self.how)
        return TaskLine(self.task, self.how, self.scorer.config.model, numbers, lost)

    def _instructions(self) -> list[str]:
        """The whole instruction, then the perturbed ones."""
        return [self.task.instruction, *self.how.instructions(self.task.instruction)]


@dataclass(frozen=True, slots=True)
class AnswerScoring:
    """The request for an output. rest: further fields of its record."""

    instance: Instance
    rest: dict[str, Any]
    scorer: Scorer

    def requests(self) -> Iterator[Request]:
        yield self.scorer.request(self.instance)

    def line(self, known: Known) -> AnswerLine | None:
        """The output's line from the reply on record; None if the reply is missing."""
        reply = known(self.scorer.request(self.instance).key)
        if reply is None:
            return None
        model = self.scorer.config.model
        return AnswerLine(self.instance, self.rest, model, likelihood_of(reply))


class Scoring(Protocol):
    """A piece of work that gives a line."""

    def requests(self) -> Iterator[Request]: ...

    def line(self, known: Known) -> TaskLine | AnswerLine | None: ...
