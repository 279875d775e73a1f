"""Respond: outputs for collected instructions (GPT-4-LLM, Peng et al., 2023).

In: the instructions of runs or of any dataset, chats whose last turn is the user's among them.
Out: an example for every instruction and every model. Asks: `answer` once for each of them.
Costs: a request an example. Differs from a loop of one's own: resumed, capped and recorded like
every run; a row that has an output, or the prompt of an earlier row, is passed over, with a line in
rejected.jsonl.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from selfinstruct.asking.config import Config
from selfinstruct.asking.endpoint import Rule, setting
from selfinstruct.asking.stage import Ask, Question
from selfinstruct.data.collected import Collected
from selfinstruct.data.examples import Example, Layout, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.errors import UserError
from selfinstruct.models import Decoding
from selfinstruct.parsing.answer import answer
from selfinstruct.recipes import Materials, Outcome, Recipe, dropped_replies
from selfinstruct.recipes.sources import Sources
from selfinstruct.text import to_json

_QUESTION = Question("answer", answer, ("conversation", "instruction", "input"), reply_tokens=250.0)


@dataclass(frozen=True, slots=True)
class RespondConfig(Config):
    """The settings of `respond`."""

    RECIPE: ClassVar[str] = "respond"
    command: ClassVar[str] = "respond"
    items: ClassVar[str] = "rows"
    STAGES: ClassVar[Mapping[str, Decoding]] = {
        "answer": Decoding(temperature=0.7, top_p=0.95, max_tokens=2048)
    }

    sources: tuple[str, ...] = setting((), "Runs or datasets.", free=True)  # fingerprinted
    other_models: tuple[str, ...] = setting((), "The models beside the first.")
    replace: bool = setting(False, "Answer rows that have an output as well.", under="The method")
    fields: tuple[str, ...] = setting((), "Which column is which, as instruction=question.")

    @property
    def answering(self) -> tuple[str, ...]:
        return (self.model, *self.other_models)

    @property
    def method(self) -> str:
        return "recipe respond"

    def rules(self) -> Iterator[Rule]:
        repeated = self.model in self.other_models
        distinct = len(set(self.other_models)) == len(self.other_models)
        yield "model", distinct and not repeated, "named once; different models answer side by side"
        yield from Config.rules(self)


class Respond(Recipe):
    """Finite, without a pool: an item is a row, and every model answers it."""

    config: RespondConfig
    questions: ClassVar[Sequence[Question]] = (_QUESTION,)
    labels: ClassVar[Mapping[str, str]] = {"sources": "the sources hold other bytes"}

    @classmethod
    def read(cls, config: Any, kept: Path | None, named: Collection[str]) -> Materials:
        if not config.sources:
            raise UserError("respond: no source; name runs or files of instructions")
        sources = Sources(config.sources, config.fields, config.edition, config.shard)
        return Materials(sources, fingerprints={"sources": sources.fingerprints()})

    def __init__(self, config: Any, materials: Any = None) -> None:
        super().__init__(config, materials)
        self._rows = _Rows(config)
        self._laid_out: Layout | None = None

    @classmethod
    def expected(cls, config: Any, materials: Any) -> int:
        rows = _Rows(config)
        open_rows = sum(rows.why_not(at, row) is None for at, row in enumerate(materials))
        return open_rows * len(config.answering)

    def items(self, start: int) -> Iterator[Collected]:
        self._layout()  # reads all rows, so before any request is under way
        for number, row in enumerate(self.materials):
            if number >= start:
                yield row

    def admit(self, at: int, draft: Collected) -> tuple[Instruction, Collected] | Rejected:
        reason = self._rows.why_not(at, draft)
        if reason is None:
            return Instruction(_id(at), draft.instruction, at, ()), draft
        first = self._rows.first(draft) if reason == "exact_duplicate" else None
        return Rejected(
            *("read", "instruction", reason, at, draft.instruction),
            instruction_id=None if first is None else _id(first),
            input=draft.input,
            output=draft.output,
        )

    def restore(self, instructions: Iterable[Instruction], ended: int) -> int:
        for at, row in enumerate(islice(iter(self.materials), ended)):
            self._rows.why_not(at, row)
        return super().restore(instructions, ended)

    async def fill(
        self, at: int, admitted: tuple[Instruction, Collected], ask: Ask
    ) -> Sequence[Outcome]:
        instruction, row = admitted
        models = self.config.answering
        calls = [ask("answer", instruction.id, _values(row), model) for model in models]
        outcomes: list[Outcome] = [instruction]
        for number, reply in enumerate(await asyncio.gather(*calls), 1):
            outcomes += dropped_replies("answer", at, reply, instruction)
            if reply.parsed.reason is None:
                outcomes.append(self._example(instruction, row, number, reply.parsed.text))
        return outcomes

    def _example(
        self, instruction: Instruction, row: Collected, number: int, output: str
    ) -> Example:
        return Example(
            id=f"{instruction.id}-{number}",
            instruction=row.instruction,
            input=row.input,
            output=output,
            is_classification=None,
            provenance={
                "instruction_id": instruction.id,
                "turn": instruction.turn,
                "model": self.config.answering[number - 1],
                "source_id": row.id,
                **self._rest(row),
            },
            system=row.system,
            history=row.history,
            layout=self._layout(),
        )

    def _rest(self, row: Collected) -> Mapping[str, Any]:
        """The other columns of a row: a text of JSON in every line, whichever columns rows have."""
        if self.config.edition < 2:
            return {"rest": dict(row.rest)} if row.rest else {}
        return {"rest": to_json(dict(row.rest))}

    def _layout(self) -> Layout:
        """The fields of chats in every line, as all rows decide that will be answered."""
        if self._laid_out is None:
            rows, system, history = _Rows(self.config), False, list[bool]()
            if self.config.edition >= 2:
                for at, row in enumerate(self.materials):
                    if rows.why_not(at, row) is None:
                        system = system or bool(row.system)
                        history.append(bool(row.history))
            is_late = any(history) and not history[0]
            self._laid_out = Layout(system, any(history), history_is_text=is_late)
        return self._laid_out

    def per_instruction(self) -> float:
        return float(len(self.config.answering))

    def forecast(self, examples: int, *, lucky: bool) -> Mapping[str, float]:
        return {"answer": examples * (1.0 if lucky else 1.05)}

    def remarks(self) -> Iterator[str]:
        if unused := self.materials.unused():
            yield f"columns that no prompt uses, kept in the provenance: {', '.join(unused)}"

    def described(self) -> Iterator[str]:
        yield from self.materials.described()


class _Rows:
    """Which rows are answered: those without an output, and of equal prompts the first."""

    def __init__(self, config: RespondConfig) -> None:
        self._replace, self._has_filter = config.replace, config.edition >= 2
        self._first: dict[bytes, int] = {}  # the number of the first row by its prompt's digest

    def why_not(self, at: int, row: Collected) -> str | None:
        """The reason to pass over row number `at`; rows come in order."""
        if row.output is not None and not self._replace:
            return "has_output"
        if self._has_filter and self._first.setdefault(row.prompt_digest, at) != at:
            return "exact_duplicate"
        return None

    def first(self, row: Collected) -> int:
        """The number of the first row with this prompt."""
        return self._first[row.prompt_digest]


def _id(at: int) -> str:
    return f"i{at + 1:06d}"


def _values(row: Collected) -> Mapping[str, object]:
    question = f"{row.instruction}\n\n{row.input}" if row.input else row.instruction
    turns = [("system", row.system)] if row.system else []
    turns += [(turn.role, turn.text) for turn in row.history]
    return {
        "conversation": [*turns, ("user", question)],
        "instruction": row.instruction,
        "input": row.input,
    }
