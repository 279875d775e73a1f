"""Figure 2 of Self-Instruct: two ordered streams, from the pool to new instructions, from instructions to examples.

    seeds -> pool -> propose -> parse -> filters -> novelty -> admit --+     grow(): turns, in turn order
              ^---------------- demonstrations ------------------------+
                                                                       v
                          classify -> instantiate -> parse -> filters -> example    flesh_out(): in instruction order

What comes out is a function of the config, the seeds, the templates and the replies. Two things make it so: a turn draws its
demonstrations from the pool as it stood `lag` turns before it, with a generator of its own; and both streams hand their
results on in order, however the replies come in.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from selfinstruct.asking.config import Config
from selfinstruct.asking.stage import Reply, Stage
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instance, Instruction, SeedTask
from selfinstruct.defects import Finding, Row, findings, rejecting, rejects
from selfinstruct.models import Model, Request
from selfinstruct.parsing import Draft
from selfinstruct.recipes import filters
from selfinstruct.recipes.ordered import in_order
from selfinstruct.recipes.pace import Pace
from selfinstruct.recipes.pool import Pool
from selfinstruct.seeding import generator

_FILTERS: dict[str, tuple[filters.InstructionFilter, ...]] = {
    "chat": filters.CHAT_FILTERS,
    "paper": filters.PAPER_FILTERS,
    "alpaca": filters.ALPACA_FILTERS,
    "small": filters.CHAT_FILTERS,
}
Outcome = Instruction | Rejected | Example


@dataclass(frozen=True, slots=True)
class Step:
    """What is committed at once: at most one instruction, what was dropped before it, and what became of it."""

    turn: int
    outcomes: tuple[Outcome, ...]
    ends_turn: bool = False
    instance: Instance | None = None  # written together with the instruction (preset alpaca)
    defects: tuple[Finding, ...] = ()  # of that instance

    @property
    def instruction(self) -> Instruction | None:
        last = self.outcomes[-1] if self.outcomes else None
        return last if isinstance(last, Instruction) else None


class Bootstrap:
    """One sitting's way through a run, from the turn after the pool's last. The caller stops at the N-th example."""

    def __init__(
        self, config: Config, stages: Mapping[str, Stage], model: Model, pool: Pool, pace: Pace
    ) -> None:
        self._config, self._stages, self._model, self._pool, self._pace = (
            config,
            stages,
            model,
            pool,
            pace,
        )
        self._filters = _FILTERS[config.preset]

    async def steps(self) -> AsyncGenerator[Step, None]:
        """What is to be committed, in its order, for ever. Raises ModelError."""
        async with aclosing(
            in_order(self._flesh_out, self._grow(), window=self._pace.steps)
        ) as steps:
            async for step in steps:
                self._pace.waiting -= 1
                yield step

    # ------------------------------------------------ the first stream: new instructions (section 2.2)

    async def _grow(self) -> AsyncGenerator[Step, None]:
        window = self._pace.new_turns
        async with aclosing(
            in_order(self._propose, self._turns(), window=lambda: min(self._open_turns(), window()))
        ) as turns:
            async for turn, shown, reply in turns:
                dropped: list[Outcome] = _reply_dropped("propose", turn, reply)
                for draft in reply.parsed.drafts:
                    reason, defects = self._why_not(draft)
                    outcome = self._admit(draft, turn, shown, reason)
                    dropped.append(outcome)
                    if isinstance(outcome, Instruction):
                        yield Step(
                            turn, tuple(dropped), instance=draft.instance, defects=tuple(defects)
                        )
                        dropped = []
                self._pool.end_turn(turn)
                self._pace.turns += 1
                yield Step(turn, tuple(dropped), ends_turn=True)

    async def _turns(self) -> AsyncIterator[int]:
        turn = self._pool.turns
        while True:
            yield turn
            turn += 1

    def _lag(self, turn: int) -> int:
        """Short at first, when every survivor is wanted as a demonstration soon. Depends on the turn's number alone."""
        return min(self._config.lag, 4 + turn // 2)

    def _open_turns(self) -> int:
        """How many turns, from the first that has not ended, may be under way. They are shown what turns before gave that have
        all ended: `turn - _lag(turn) < turns` holds up to turn `2 * turns + 6`.
        """
        return min(self._config.lag, self._pool.turns + 7)

    async def _propose(self, turn: int) -> tuple[int, tuple[str, ...], Reply]:
        shown = _demonstrations(self._config, self._pool, turn, after_turn=turn - self._lag(turn))
        reply = await self._proposed(turn, shown)
        if reply.parsed.reason == "context_overflow" and len(shown) > 1:
            shown = shown[: (len(shown) + 1) // 2]
            shorter = await self._proposed(turn, shown)
            reply = replace(
                shorter, before=(*reply.before, replace(reply, before=()), *shorter.before)
            )
        return turn, tuple(one.id for one in shown), reply

    async def _proposed(self, turn: int, shown: Sequence[SeedTask | Instruction]) -> Reply:
        return await self._stages["propose"].ask(
            self._model, f"t{turn}", _propose_values(self._config, shown)
        )

    def _why_not(self, draft: Draft) -> tuple[str | None, Sequence[Finding]]:
        """The slug of what rejects it before it is compared with the pool, and what the checks find in its instance."""
        text = draft.instruction
        reason = filters.why_not_instruction(text, self._filters)
        if reason is None and not self._pool.is_comparable(text):
            reason = "no_tokens"
        if reason is None and draft.instance is not None:
            reason = filters.why_not_instances([draft.instance], at_most=1, control=True)[0]
        if reason is not None or draft.instance is None:
            return reason, []
        defects = self._defects(text, draft.instance, None)
        return self._defect(defects), defects

    def _admit(
        self, draft: Draft, turn: int, shown: tuple[str, ...], reason: str | None
    ) -> Instruction | Rejected:
        text = draft.instruction
        if reason is not None:
            instance = draft.instance
            given, output = (instance.input, instance.output) if instance else (None, None)
            return Rejected(
                "propose", "instruction", reason, turn, text, input=given, output=output
            )
        match = self._pool.resembles(text)
        if match is not None:
            return Rejected(
                "propose",
                "instruction",
                "near_duplicate",
                turn,
                text,
                similar_to=match.text,
                similarity=match.score,
            )
        admitted = Instruction(
            f"i{len(self._pool.machine) + 1:06d}",
            text,
            turn,
            shown,
            similarity=self._similarity(text),
        )
        self._pool.admit(admitted)
        self._pace.admitted += 1
        return admitted

    def _similarity(self, text: str) -> dict[str, object] | None:
        if not self._config.record_similarity:
            return None
        index = self._pool.index
        top = index.top(text, 10)
        return {
            "max": top[0].score,
            "mean": index.mean(text),
            "most_similar": {one.text: one.score for one in top},
        }

    # ------------------------------------------------ the second stream: examples (sections 2.2 and 2.3)

    async def _flesh_out(self, step: Step) -> Step:
        instruction = step.instruction
        if instruction is not None:
            step = await self._with_examples(step, instruction)
            self._pace.known += 1
            self._pace.examples += sum(isinstance(one, Example) for one in step.outcomes)
        self._pace.waiting += 1
        return step

    async def _with_examples(self, step: Step, instruction: Instruction) -> Step:
        if step.instance is not None:
            return replace(
                step,
                outcomes=(
                    *step.outcomes,
                    self._example(instruction, step.instance, 1, step.defects),
                ),
            )
        values = {
            "instruction": instruction.text,
            "max_instances": self._config.max_instances_per_task,
        }
        label = await self._stages["classify"].ask(self._model, instruction.id, values)
        instruction = replace(instruction, is_classification=label.parsed.is_classification)
        stage = "output_first" if instruction.is_classification else "input_first"
        reply = await self._stages[stage].ask(self._model, instruction.id, values)
        outcomes = [
            *_reply_dropped("classify", step.turn, label, instruction),
            *_reply_dropped(stage, step.turn, reply, instruction),
            *self._judged(instruction, stage, reply.parsed.instances),
        ]
        return replace(step, outcomes=(*step.outcomes[:-1], instruction, *outcomes))

    def _judged(
        self, instruction: Instruction, stage: str, instances: tuple[Instance, ...]
    ) -> Iterator[Outcome]:
        config = self._config
        reasons = filters.why_not_instances(
            instances,
            at_most=config.max_instances_per_task,
            control=config.preset != "paper",
            repeated=config.preset == "paper",
        )
        kept = 0
        for one, reason in zip(instances, reasons, strict=True):
            defects = (
                self._defects(instruction.text, one, instruction.is_classification)
                if reason is None
                else []
            )
            reason = reason or self._defect(defects)
            if reason is not None:
                at = (instruction.turn, instruction.text, instruction.id)
                yield Rejected(stage, "instance", reason, *at, input=one.input, output=one.output)
            else:
                kept += 1
                yield self._example(instruction, one, kept, defects)

    def _defects(
        self, text: str, instance: Instance, is_classification: bool | None
    ) -> list[Finding]:
        """What the checks find, in their order."""
        if rejecting(self._config.reject) is None:
            return []
        return findings(Row(text, instance.input, instance.output, is_classification))

    def _defect(self, found: Sequence[Finding]) -> str | None:
        """The slug of the first that rejects."""
        return next((one.slug for one in found if rejects(one, self._config.reject)), None)

    def _example(
        self, instruction: Instruction, instance: Instance, number: int, defects: Sequence[Finding]
    ) -> Example:
        return Example(
            id=f"{instruction.id}-{number}",
            instruction=instruction.text,
            input=instance.input,
            output=instance.output,
            is_classification=instruction.is_classification,
            provenance={
                "instruction_id": instruction.id,
                "turn": instruction.turn,
                "model": self._config.model,
                **({"findings": [found.slug for found in defects]} if defects else {}),
            },
        )


def rank(request: Request) -> tuple[int, int]:
    """Who is needed first is asked first (models/paced.py): turns, of which few are under way, then instructions in their order.
    What is asked a second time does not queue behind all that came after it, and hold it up.
    """
    return request.place.startswith("i"), int(request.place[1:])


def first_request(
    config: Config, stages: Mapping[str, Stage], seeds: Sequence[SeedTask]
) -> Request:
    """What a new run sends first."""
    shown = _demonstrations(
        config, Pool(seeds, config.threshold, config.tokenizer), turn=0, after_turn=-1
    )
    return stages["propose"].request("t0", _propose_values(config, shown))


def _demonstrations(
    config: Config, pool: Pool, turn: int, *, after_turn: int
) -> list[SeedTask | Instruction]:
    choose = generator(config.seed, "demonstrations", turn)
    return pool.demonstrations(
        choose, after_turn=after_turn, demos=config.demos, machine_demos=config.machine_demos
    )


def _propose_values(config: Config, shown: Sequence[SeedTask | Instruction]) -> dict[str, object]:
    as_text = _as_blocks if config.preset == "alpaca" else _as_list
    return {"demonstrations": as_text(shown), "n": config.new_per_turn, "next": len(shown) + 1}


def _reply_dropped(
    stage: str, turn: int, reply: Reply, instruction: Instruction | None = None
) -> list[Outcome]:
    """Replies, or the end of one, that nothing could be made of, in the order in which they came."""
    of = instruction.id if instruction else None
    dropped = [(one.text, one.parsed.reason) for one in (*reply.before, reply)]
    return [
        Rejected(stage, "reply", reason, turn, text, instruction_id=of)
        for text, reason in dropped
        if reason is not None
    ]


def _as_list(shown: Sequence[SeedTask | Instruction]) -> str:
    """The paper's list: white space collapsed, no colon at the end (section 2.2)."""
    texts = [one.instruction if isinstance(one, SeedTask) else one.text for one in shown]
    return "\n".join(
        f"{number}. {' '.join(text.split()).rstrip(':')}" for number, text in enumerate(texts, 1)
    )


def _as_blocks(shown: Sequence[SeedTask | Instruction]) -> str:
    """Alpaca's blocks: whole tasks, each number on all of its fields."""
    blocks = []
    for number, one in enumerate(shown, 1):
        if isinstance(one, SeedTask):
            instance = one.instances[0]
            fields = (
                f"Instruction: {one.instruction}",
                f"Input:\n{instance.input or '<noinput>'}",
                f"Output:\n{instance.output}",
            )
            blocks.append("\n".join(f"{number}. {text}" for text in fields))
    return "\n###\n".join(blocks)
