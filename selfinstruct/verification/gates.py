"""The gates that an example passes before it is committed, and its second attempt.

    example -> arithmetic -> code -> models -> committed
                   |           |       |
                   +-----------+-------+--> mend -> the gates again -> committed or rejected

The first gate that an example fails names the reason. Where another output may help, the model
is told the reason and writes a new output. Every output that fails has a line in rejected.jsonl.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol, TypeAlias

from selfinstruct.asking.reading import Reply, dropped_replies
from selfinstruct.asking.stage import Ask
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.defects import findings
from selfinstruct.defects.computations import asked_value
from selfinstruct.parsing.tokens import why_not_control_token
from selfinstruct.verification.code import Execute, why_not_program
from selfinstruct.verification.questions import Criterion, shown, task_of

Outcome: TypeAlias = Instruction | Rejected | Example
_EQUATION = re.compile(
    r"[-+*/\u00d7\u00f7\u2212] ?[$\u20ac\u00a3]?\d[\d.,]* ?= ?[$\u20ac\u00a3]?\d"
)
STAGES = ("arithmetic", "code", "verify")  # the gates in their order, as rejected.jsonl names them


@dataclass(frozen=True, slots=True)
class Finding:
    """A gate's view of an example.

    reason: the slug of a failure; None: passed. words: the same for a person. is_silent: the gate
    has nothing to say about such an example. replies: those to its questions, by stage.
    """

    reason: str | None = None
    words: str = ""
    is_mendable: bool = True
    is_silent: bool = False
    replies: tuple[tuple[str, Reply], ...] = ()


class Gate(Protocol):
    """A check of an example."""

    @property
    def stage(self) -> str:
        """Its name in rejected.jsonl."""
        ...

    async def judge(self, example: Example, place: str, ask: Ask) -> Finding: ...


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Computes the plain sums of an output again."""

    stage: str = "arithmetic"

    async def judge(self, example: Example, place: str, ask: Ask) -> Finding:
        found = findings(example, ("wrong_arithmetic",))
        if not found:
            return Finding(is_silent=not _has_sum(example))
        return Finding("wrong_arithmetic", f"wrong arithmetic: {found[0].evidence}")


@dataclass(frozen=True, slots=True)
class Code:
    """Runs the program of an output with tests that a model writes. to: that model."""

    execute: Execute
    to: str
    stage: str = "code"

    async def judge(self, example: Example, place: str, ask: Ask) -> Finding:
        task, replies = task_of(example), list[tuple[str, Reply]]()

        async def tests(signatures: str) -> Reply:
            # The same place for both attempts: tests for the same names are bought once.
            values = {"task": task, "signatures": signatures}
            reply = await ask("tests", example.id, values, self.to)
            replies.append(("tests", reply))
            return reply

        found = await why_not_program(example.output, task, tests, self.execute)
        reason, words = (None, "") if found is None else (found.reason, found.words)
        return Finding(reason, words, is_silent=found is None, replies=tuple(replies))


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Asks a model the questions of a review."""

    model: str
    criteria: Sequence[Criterion]
    stage: str = "verify"

    async def judge(self, example: Example, place: str, ask: Ask) -> Finding:
        reply = await ask("verify", place, shown(example), self.model)
        replies = (("verify", reply),)
        if reply.parsed.is_empty:
            return Finding("no_verdict", "", is_mendable=False, replies=replies)
        for criterion, holds in zip(self.criteria, reply.parsed.answers, strict=True):
            if not holds:
                words, can_mend = reply.parsed.words, criterion.is_mendable
                return Finding(criterion.reason, words, can_mend, replies=replies)
        return Finding(replies=replies)


@dataclass(frozen=True, slots=True)
class Trial:
    """The way of an example through the gates."""

    example: Example
    passed: tuple[str, ...]
    stage: str  # of the gate that it failed, if it failed any
    failure: Finding | None
    dropped: tuple[Rejected, ...]  # replies without content


class Gates:
    """The gates of a run. why_not: the recipe's reason against an output that was mended."""

    def __init__(
        self,
        gates: Sequence[Gate],
        why_not: Callable[[Example], str | None],
        *,
        mends: bool,
        answering: Sequence[str],
    ) -> None:
        self._gates, self._why_not, self._mends = gates, why_not, mends
        self._answering = answering  # the models that write outputs, the main model first

    async def passed(self, at: int, outcomes: Sequence[Outcome], ask: Ask) -> tuple[Outcome, ...]:
        """The outcomes of item number `at`, in which examples have passed or are rejected."""
        found = await asyncio.gather(*(self._of(at, each, ask) for each in outcomes))
        return tuple(chain.from_iterable(found))

    async def _of(self, at: int, outcome: Outcome, ask: Ask) -> Sequence[Outcome]:
        if not isinstance(outcome, Example):
            return (outcome,)
        trial = await self._try(at, outcome, outcome.id, ask)
        if trial.failure is None or trial.failure.reason is None:
            return (*trial.dropped, _verified(trial, ""))
        first = _rejected(at, trial.stage, trial.example, trial.failure)
        if not (self._mends and trial.failure.is_mendable):
            return (*trial.dropped, first)
        return (*trial.dropped, first, *await self._mended(at, trial, ask))

    async def _try(self, at: int, example: Example, place: str, ask: Ask) -> Trial:
        passed, dropped = list[str](), list[Rejected]()
        for gate in self._gates:
            found = await gate.judge(example, place, ask)
            for stage, reply in found.replies:
                dropped += dropped_replies(stage, at, reply, _instruction(at, example))
            if found.reason is not None:
                return Trial(example, tuple(passed), gate.stage, found, tuple(dropped))
            passed += [] if found.is_silent else [gate.stage]
        return Trial(example, tuple(passed), "", None, tuple(dropped))

    async def _mended(self, at: int, trial: Trial, ask: Ask) -> Sequence[Outcome]:
        """The second attempt: the example with another output, or the reason to drop the output."""
        example, failure = trial.example, trial.failure
        assert failure is not None
        assert failure.reason is not None
        made_by = example.provenance.get("model")
        to = made_by if made_by in self._answering else self._answering[0]
        values = {
            "task": task_of(example),
            "output": example.output,
            "reason": failure.words or failure.reason.replace("_", " "),
        }
        reply = await ask("mending", example.id, values, to)
        dropped = dropped_replies("mending", at, reply, _instruction(at, example))
        if reply.parsed.reason is not None:
            return dropped
        new = replace(example, output=reply.parsed.text)
        reason = self._why_not_new(new, example)
        if reason is not None:
            return (*dropped, _rejected(at, "mending", new, Finding(reason)))
        second = await self._try(at, new, f"{example.id}-mended", ask)
        if second.failure is not None:
            return (*dropped, *second.dropped, _rejected(at, "mending", new, second.failure))
        return (*dropped, *second.dropped, _verified(second, failure.reason))

    def _why_not_new(self, new: Example, old: Example) -> str | None:
        if new.output.strip() == old.output.strip():
            return "unchanged"
        return why_not_control_token(new.output) or self._why_not(new)


def _has_sum(example: Example) -> bool:
    """Whether there is a computation that the checks can read."""
    return _EQUATION.search(example.output) is not None or asked_value(example) is not None


def _verified(trial: Trial, mended: str) -> Example:
    """The example with the names of its gates, and the reason for the second attempt."""
    gates = ",".join(dict.fromkeys(trial.passed))  # texts, since loaders want a single type
    notes = {"verified": gates, "mended": mended}
    return replace(trial.example, provenance={**trial.example.provenance, **notes})


def _rejected(at: int, stage: str, example: Example, found: Finding) -> Rejected:
    return Rejected(
        *(stage, "instance", found.reason or "", at, example.instruction),
        instruction_id=_instruction(at, example).id,
        input=example.input,
        output=example.output,
        evidence=found.words or None,
    )


def _instruction(at: int, example: Example) -> Instruction:
    known = example.provenance.get("instruction_id", example.id)
    return Instruction(str(known), example.instruction, at, ())
