"""From an admitted instruction to its examples (section 2.2, "instance generation", and 2.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from selfinstruct.asking.stage import Ask
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instance, Instruction
from selfinstruct.defects import Finding
from selfinstruct.parsing import Parsed
from selfinstruct.recipes import Outcome, dropped_replies
from selfinstruct.recipes import filters as filtering
from selfinstruct.recipes.self_instruct.defects import Defects
from selfinstruct.recipes.self_instruct.draws import drawn_labels
from selfinstruct.recipes.self_instruct.presets import Method
from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig


@dataclass(frozen=True, slots=True)
class Admitted:
    """An instruction, with the labels that its proposal names: see `parsing.Draft`."""

    instruction: Instruction
    labels: tuple[str, ...] | None = None


class Instances:
    """The second half of the loop: `classify`, then `input_first` or `output_first`."""

    def __init__(self, config: SelfInstructConfig, method: Method) -> None:
        self._config, self._method = config, method
        self.defects = Defects(config.reject, config.edition, config.verify_with)

    async def of(self, at: int, admitted: Admitted, ask: Ask) -> Sequence[Outcome]:
        """The instruction with its label, its examples, and all that is dropped."""
        of = self._marked if self._method.is_marked else self._classified
        return await of(at, admitted, ask)

    def _values(
        self, instruction: Instruction, labels: Sequence[str] | None = None
    ) -> Mapping[str, object]:
        most = self._config.max_instances_per_task
        values = {"instruction": instruction.text, "max_instances": most}
        return {**values, "labels": self._wanted(instruction, labels)}

    async def _classified(self, at: int, admitted: Admitted, ask: Ask) -> Sequence[Outcome]:
        """The paper's way: a label that could not be read is none, and its task an open one."""
        instruction = admitted.instruction
        values = self._values(instruction)
        label = await ask("classify", instruction.id, values)
        known: bool | None = label.parsed.is_classification
        known = bool(known) if self._config.edition == 1 else known  # version 0.1: unread means no
        instruction = replace(instruction, is_classification=known)
        stage = "output_first" if known else "input_first"
        reply = await ask(stage, instruction.id, values)
        return [
            instruction,
            *dropped_replies("classify", at, label, instruction),
            *([_unknown(at, instruction)] if known is None else []),
            *dropped_replies(stage, at, reply, instruction),
            *self._checked(instruction, stage, reply.parsed.instances),
        ]

    async def _marked(self, at: int, admitted: Admitted, ask: Ask) -> Sequence[Outcome]:
        """The proposal tells, else `classify`. A task that is not known to be open is asked for
        its labels first; the reply may decline, and the task is an open one then.
        """
        instruction, labels, dropped = admitted.instruction, admitted.labels, list[Rejected]()
        values = self._values(instruction, labels)
        known = None if labels is None else bool(labels)
        if labels is None:
            label = await ask("classify", instruction.id, values)
            known = label.parsed.is_classification
            dropped += dropped_replies("classify", at, label, instruction)
        stage, instances = "output_first", Parsed().instances
        if known is not False:
            reply = await ask(stage, instruction.id, values)
            dropped += dropped_replies(stage, at, reply, instruction)
            instances = reply.parsed.instances
            known = True if instances else known
            known = False if reply.parsed.is_classification is False else known
        if known is False:
            stage = "input_first"
            reply = await ask(stage, instruction.id, values)
            dropped += dropped_replies(stage, at, reply, instruction)
            instances = reply.parsed.instances
        instruction = replace(instruction, is_classification=known)
        if known is None:
            dropped.append(_unknown(at, instruction))
        checked = self._checked(instruction, stage, instances, labels or ())
        return [instruction, *dropped, *checked]

    def _wanted(self, instruction: Instruction, labels: Sequence[str] | None) -> str:
        """The labels of an output-first prompt, in words."""
        most = self._config.max_instances_per_task
        if not labels:
            return f"up to {most}, chosen by you, each once before any comes a second time"
        number = int(instruction.id.removeprefix("i"))
        drawn = ", then ".join(drawn_labels(self._config.seed, number, labels, most))
        return drawn if len(labels) <= most else f"{drawn} (of all: {', '.join(labels)})"

    def _checked(
        self,
        instruction: Instruction,
        stage: str,
        instances: Sequence[Instance],
        labels: Sequence[str] = (),
    ) -> Iterator[Outcome]:
        config, method = self._config, self._method
        reasons = filtering.why_not_instances(
            instances,
            at_most=config.max_instances_per_task,
            control=method.drops_control,
            repeated=method.repeats,
        )
        kept = 0
        for instance, reason in zip(instances, reasons, strict=True):
            if reason is None and stage == "output_first" and labels:
                reason = filtering.why_not_among(labels, instance.output)
            found = self.defects.of(instruction, instance) if reason is None else []
            reason = reason or self.defects.rejecting(found)
            if reason is None:
                kept += 1
                yield self.example(instruction, instance, kept, found)
            else:
                at = (instruction.turn, instruction.text, instruction.id)
                given, output = instance.input, instance.output
                yield Rejected(stage, "instance", reason, *at, input=given, output=output)

    def why_not(self, example: Example) -> str | None:
        """The reason to drop an example with a new output: the filters of any instance."""
        instance, method = Instance(example.input, example.output), self._method
        [reason] = filtering.why_not_instances(
            [instance], at_most=1, control=method.drops_control, repeated=method.repeats
        )
        label = example.is_classification
        found = self.defects.of(Instruction("", example.instruction, 0, (), label), instance)
        return reason or self.defects.rejecting(found)

    def example(
        self, instruction: Instruction, instance: Instance, number: int, found: Sequence[Finding]
    ) -> Example:
        """An example; of edition 1 with the notes of its defects."""
        notes = self.defects.notes(found)
        return Example(
            id=f"{instruction.id}-{number}",
            instruction=instruction.text,
            input=instance.input,
            output=instance.output,
            is_classification=instruction.is_classification,
            provenance={
                "instruction_id": instruction.id,
                "turn": instruction.turn,
                "model": self._config.model_of(instruction.turn),
                **notes,
            },
        )


def _unknown(at: int, instruction: Instruction) -> Rejected:
    return Rejected("classify", "label", "unknown_label", at, instruction.text, instruction.id)
