"""Unnatural Instructions: three tasks elicit a fourth (Honovich et al., 2022, figure 1).

In: tasks to show. Out: tasks with an input and constraints on the output, the output, and other
wordings. Asks: `elicit` once a draw; `output` once a task, `paraphrase` once a wording.
Costs: two requests a task, and one a wording for as many further examples.
Differs from the paper: every draw has its own three of the packaged tasks, or of those of --from,
in place of five fixed sets; the tasks are shown as earlier turns of a conversation.

    tasks -> three at random -> elicit -> parse -> filters -> admit       draws, in order
                                                                |
                         output, which sees the constraints  <--+-->  paraphrases with {INPUT}
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from selfinstruct.asking.stage import Ask, Question
from selfinstruct.data.collected import Collected
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.parsing.elicited import ConstrainedTask
from selfinstruct.parsing.tokens import why_not_control_token
from selfinstruct.recipes import Materials, Outcome, Recipe, dropped_replies
from selfinstruct.recipes.unnatural.demonstrations import Demonstration, as_text, read_materials
from selfinstruct.recipes.unnatural.settings import ELICIT, OUTPUT, SHOWN, UnnaturalConfig
from selfinstruct.recipes.wordings import MARK, QUESTION, Wording, reworded, with_mark
from selfinstruct.seeding import generator


class Unnatural(Recipe):
    """Endless, without a pool: an item is a draw of three demonstrations."""

    config: UnnaturalConfig
    questions: ClassVar[Sequence[Question]] = (ELICIT, OUTPUT, QUESTION)
    is_endless: ClassVar[bool] = True
    labels: ClassVar[Mapping[str, str]] = {"demonstrations": "the tasks to show are others"}

    def __init__(self, config: Any, materials: Any = None) -> None:
        super().__init__(config, materials)
        self._known: set[bytes] = set()  # digests of the admitted tasks
        self._shown = {_digest(each.instruction, each.input) for each in materials}

    @classmethod
    def read(cls, config: Any, kept: Path | None, named: Collection[str]) -> Materials:
        copy = kept if kept is not None and "sources" not in named else None
        return read_materials(config.sources, copy, at_least=SHOWN)

    # ------------------------------------------------ tasks (section 2.1)

    def items(self, start: int) -> Iterator[list[Demonstration]]:
        for at in count(start):
            yield generator(self.config.seed, "demonstrations", at).sample(self.materials, SHOWN)

    async def draft(self, at: int, item: list[Demonstration], ask: Ask) -> Sequence[Any]:
        values = dict(zip(ELICIT.names, map(as_text, item), strict=True))
        reply = await ask("elicit", f"t{at}", values)
        task = reply.parsed
        drafts = [] if task.is_empty else [(task, tuple(each.id for each in item))]
        return [*dropped_replies("elicit", at, reply), *drafts]

    def admit(
        self, at: int, draft: tuple[ConstrainedTask, tuple[str, ...]]
    ) -> tuple[Instruction, ConstrainedTask] | Rejected:
        task, shown = draft
        digest = _digest(task.instruction, task.input)
        reason = self._why_not(task, digest)
        if reason is not None:
            return Rejected("elicit", "instruction", reason, at, task.instruction, input=task.input)
        self._known.add(digest)
        id = f"i{len(self._known):06d}"
        return Instruction(id, task.instruction, at, shown, input=task.input), task

    def _why_not(self, task: ConstrainedTask, digest: bytes) -> str | None:
        """The paper's three filters (section 2.1), and control tokens."""
        if task.missing:
            return f"missing_{task.missing[0]}"
        if digest in self._shown:
            return "equals_demonstration"
        if digest in self._known:
            return "exact_duplicate"
        if MARK in task.instruction:
            return "stray_input_mark"
        return why_not_control_token(task.instruction + "\n" + task.input)

    def restore(self, instructions: Iterable[Instruction], ended: int) -> int:
        self._known = {_digest(each.text, each.input or "") for each in instructions}
        return len(self._known)

    # ------------------------------------------------ outputs (2.2), other wordings (2.3)

    async def fill(
        self, at: int, admitted: tuple[Instruction, ConstrainedTask], ask: Ask
    ) -> Sequence[Outcome]:
        instruction, task = admitted
        asked = with_mark(task.instruction, task.input)
        values = {"task": asked.replace(MARK, task.input)}
        reply = await ask("output", instruction.id, values | {"constraints": task.constraints})
        outcomes: list[Outcome] = [instruction]
        outcomes += dropped_replies("output", at, reply, instruction)
        if reply.parsed.is_empty:
            return outcomes
        wanted, first = self.config.paraphrases, Wording(task.instruction, 0)
        wordings, dropped = await reworded(instruction, asked, wanted, ask)
        made = [self._example(admitted, each, reply.parsed.text) for each in (first, *wordings)]
        return [*outcomes, made[0], *dropped, *made[1:]]

    def _example(
        self, admitted: tuple[Instruction, ConstrainedTask], wording: Wording, output: str
    ) -> Example:
        """The task as drafted (number 0), or in another wording with the input put in. The
        constraints follow: without them the output would answer what nobody asked for.
        """
        instruction, task = admitted
        is_first = wording.number == 0
        asked = task.instruction if is_first else wording.filled(task.input)
        return Example(
            id=f"{instruction.id}-{wording.number + 1}",
            instruction=asked if task.is_free else f"{asked}\n\n{task.constraints}",
            input=task.input if is_first else "",
            output=output,
            is_classification=None,
            provenance={
                "instruction_id": instruction.id,
                "turn": instruction.turn,
                "model": self.config.model,
                "task": task.instruction,
                "input": task.input,
                "constraints": task.constraints,
                "paraphrase": "" if is_first else wording.text,
            },
        )

    def per_instruction(self) -> float:
        return 1.0 + self.config.paraphrases

    def forecast(self, examples: int, *, lucky: bool) -> Mapping[str, float]:
        tasks = examples / self.per_instruction() * (1.0 if lucky else 1.2)
        wordings = tasks * self.config.paraphrases
        return {"elicit": tasks * 1.02, "output": tasks, "paraphrase": wordings}

    def described(self) -> Iterator[str]:
        yield f"  to show      {len(self.materials)} tasks"


def _digest(instruction: str, given: str) -> bytes:
    return Collected("", instruction, given).prompt_digest
