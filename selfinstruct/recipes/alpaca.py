"""Alpaca's variant of Self-Instruct: one call proposes twenty whole tasks (Taori et al., 2023).

In: seed tasks, three of which are shown. Out: instructions that are new by ROUGE-L, each with one
instance. Asks: `propose` once a turn, nothing else. Costs: about a tenth of Self-Instruct's
requests. Differs from the published code: nothing is lost on the way, rejected tasks included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfinstruct.asking.stage import Ask
from selfinstruct.data.examples import Rejected
from selfinstruct.data.tasks import Instance, Instruction
from selfinstruct.defects import Finding
from selfinstruct.recipes import Outcome
from selfinstruct.recipes.filters import why_not_instances
from selfinstruct.recipes.self_instruct.forecast import proposals
from selfinstruct.recipes.self_instruct.recipe import Draft, SelfInstruct


@dataclass(frozen=True, slots=True)
class WholeTask:
    """An admitted instruction with its instance."""

    instruction: Instruction
    instance: Instance
    found: Sequence[Finding]


class Alpaca(SelfInstruct):
    """The recipe of `generate --preset alpaca`."""

    def admit(self, at: int, draft: Draft) -> WholeTask | Rejected:  # type: ignore[override]
        instance = draft.instance or Instance("", "")
        reason, found = self.why_not(draft.text), list[Finding]()
        if reason is None:
            [reason] = why_not_instances([instance], at_most=1, control=True)
        if reason is None:
            found = self.instances.defects.of(Instruction("", draft.text, at, ()), instance)
            reason = self.instances.defects.rejecting(found)
        if reason is not None:
            given = (at, draft.text)
            return Rejected(
                *("propose", "instruction", reason, *given),
                input=instance.input,
                output=instance.output,
            )
        novel = self.if_novel(at, draft)
        return novel if isinstance(novel, Rejected) else WholeTask(novel, instance, found)

    async def fill(  # type: ignore[override]
        self, at: int, admitted: WholeTask, ask: Ask
    ) -> Sequence[Outcome]:
        instruction = admitted.instruction
        example = self.instances.example(instruction, admitted.instance, 1, admitted.found)
        return [instruction, example]

    def forecast(self, examples: int, *, lucky: bool) -> Mapping[str, float]:
        return {"propose": proposals(self.config, examples, lucky=lucky)}

    def specimens(self) -> Mapping[str, Mapping[str, object]]:
        return {}
