"""Self-Instruct: a pool of tasks grows out of its seeds (Wang et al., ACL 2023, figure 2).

In: seed tasks. Out: instructions that are new by ROUGE-L, each with instances.
Asks: `propose` once a turn; `classify` and `input_first` or `output_first` once an instruction.
Costs: some 2.2 requests an example; a saturated pool takes more turns for the same instructions.
Differs from the published code: a turn draws its demonstrations from the pool as it stood `lag`
turns before, so that turns may run at once; nothing is dropped without a line in rejected.jsonl.

    seeds -> pool -> propose -> parse -> filters -> novelty -> admit --+     turns, in order
              ^---------------- demonstrations ------------------------+
                                                                       v
                classify -> instantiate -> parse -> filters -> example       in instruction order
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from selfinstruct.asking.reading import Reply
from selfinstruct.asking.stage import Ask, Question
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instance, Instruction, SeedTask
from selfinstruct.parsing.tokens import why_not_control_token
from selfinstruct.recipes import Materials, Outcome, Recipe, dropped_replies
from selfinstruct.recipes import filters as filtering
from selfinstruct.recipes.pool import Pool, PoolItem
from selfinstruct.recipes.self_instruct import forecast
from selfinstruct.recipes.self_instruct.draws import Lists
from selfinstruct.recipes.self_instruct.instances import Admitted, Instances
from selfinstruct.recipes.self_instruct.presets import method_of, questions_of
from selfinstruct.recipes.self_instruct.seeds import are_english, read_materials
from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig
from selfinstruct.seeding import generator, shuffled


@dataclass(frozen=True, slots=True)
class Draft:
    """A candidate instruction, with its instance where a reply holds whole tasks."""

    text: str
    shown: tuple[str, ...]  # ids of the demonstrations
    instance: Instance | None = None
    labels: tuple[str, ...] | None = None  # as in parsing.Draft, like the next
    probability: float | None = None


class SelfInstruct(Recipe):
    """The recipe of `generate`, for every preset but `alpaca`."""

    config: SelfInstructConfig
    is_endless: ClassVar[bool] = True
    labels: ClassVar[Mapping[str, str]] = {
        "seeds": "the seed tasks are others",
        "draws": "the lists to draw from are others",
    }

    def __init__(self, config: Any, materials: Any = None) -> None:
        super().__init__(config, materials)
        self.pool = Pool(materials.seeds, config.threshold, config.tokenizer)
        self._method = method_of(config)
        self.instances = Instances(config, self._method)

    @classmethod
    def questions_of(cls, config: SelfInstructConfig) -> Sequence[Question]:
        return questions_of(config)

    @classmethod
    def folder_of(cls, config: SelfInstructConfig) -> str:
        return config.preset

    @classmethod
    def read(cls, config: Any, kept: Path | None, named: Collection[str]) -> Materials:
        return read_materials(config, kept, named)

    # ------------------------------------------------ turns: new instructions (section 2.2)

    def items(self, start: int) -> Iterator[int]:
        return count(start)

    def may_open(self, ended: int) -> int:
        """A turn shows instructions of turns that have all ended: `turn - lag(turn) < ended` holds
        up to turn `2 * ended + 6`.
        """
        return min(self.config.lag, ended + 7)

    async def draft(self, at: int, item: int, ask: Ask) -> Sequence[Draft | Rejected]:
        shown, ask = self._demonstrations(at), self._to_model(at, ask)
        reply = await self._propose(at, shown, ask)
        if reply.parsed.reason == "context_overflow" and len(shown) > 1:
            shown = shown[: (len(shown) + 1) // 2]
            shorter = await self._propose(at, shown, ask)
            reply = replace(
                shorter, before=(*reply.before, replace(reply, before=()), *shorter.before)
            )
        ids = tuple(task.id for task in shown)
        drafts = [
            Draft(each.instruction, ids, each.instance, each.labels, each.probability)
            for each in reply.parsed.drafts
        ]
        return [*dropped_replies("propose", at, reply), *drafts]

    def _to_model(self, at: int, ask: Ask) -> Ask:
        """The way to the model of a turn."""
        if not self.config.other_models:
            return ask
        drawn = self.config.model_of(at)

        async def to_drawn(
            stage: str, place: str, values: Mapping[str, object], to: str | None = None
        ) -> Reply:
            return await ask(stage, place, values, to or drawn)

        return to_drawn

    async def _propose(self, at: int, shown: Sequence[SeedTask | PoolItem], ask: Ask) -> Reply:
        method, count = self._method, self.config.new_per_turn
        is_json = self.config.response_format != "text"
        listed = method.as_json if is_json and method.as_json is not None else method.listed
        values = {"demonstrations": listed(shown), "n": count, "next": len(shown) + 1}
        values["brief"] = self._lists.brief(self.config.seed, at, count)
        return await ask("propose", f"t{at}", values)

    @property
    def _lists(self) -> Lists:
        """The lists to draw from, without those whose place --topics and --personas take."""
        taken = {"subjects": self.themes.topics, "askers": self.themes.personas}
        lists: Lists = self.materials.lists
        return lists.without([name for name, texts in taken.items() if texts])

    def _demonstrations(self, turn: int) -> list[SeedTask | PoolItem]:
        """From the pool as it stood some turns before: few at first, when every survivor is wanted
        as a demonstration soon. The lag depends on the turn's number alone.
        """
        lag = min(self.config.lag, 4 + turn // 2)
        return self.pool.demonstrations(
            generator(self.config.seed, "demonstrations", turn),
            after_turn=turn - lag,
            demos=self.config.demos,
            machine_demos=self.config.machine_demos,
            dealt=self._dealt(turn),
        )

    def _dealt(self, turn: int) -> Sequence[int] | None:
        """The numbers of the seeds that a turn may show; None: any of them.

        A stretch of turns shows each seed once.
        """
        size, demos = len(self.pool.seeds), self.config.demos
        if not self._method.deals or size < 2 * demos:
            return None
        stretch, place = divmod(turn, size // demos)
        numbers = shuffled(self.config.seed, "seeds", size, stretch)
        return numbers[place * demos : (place + 1) * demos]

    def admit(self, at: int, draft: Draft) -> Admitted | Rejected:
        reason, labels = self.why_not(draft.text), draft.labels
        share = filtering.named_share(labels or (), draft.text)
        if reason is None and 0 < share < 1:
            reason = "unnamed_label"
        if reason is not None:
            return Rejected("propose", "instruction", reason, at, draft.text)
        novel = self.if_novel(at, draft)
        # Labels of which the task names none are not its own: whoever does the task cannot know them.
        return novel if isinstance(novel, Rejected) else Admitted(novel, labels if share else ())

    def why_not(self, text: str) -> str | None:
        """The reason to drop an instruction before it is compared with the pool."""
        reason = filtering.why_not_instruction(text, self._method.filters)
        if reason is None and self.config.edition > 1:
            reason = why_not_control_token(text)
        if reason is None and not self.pool.is_comparable(text):
            reason = "no_tokens"
        return reason

    def if_novel(self, at: int, draft: Draft) -> Instruction | Rejected:
        """The instruction, now in the pool, unless the pool has one like it."""
        text = draft.text
        match = self.pool.resembles(text)
        if match is not None:
            return Rejected(
                *("propose", "instruction", "near_duplicate", at, text),
                similar_to=match.text,
                similarity=match.score,
            )
        admitted = Instruction(
            f"i{len(self.pool.machine) + 1:06d}",
            text,
            at,
            draft.shown,
            similarity=self._similarity(text),
            probability=draft.probability,
        )
        self.pool.admit(admitted.id, text)
        return admitted

    def _similarity(self, text: str) -> dict[str, object] | None:
        if not self.config.record_similarity:
            return None
        index = self.pool.index
        top = index.top(text, 10)
        most_similar = {match.text: match.score for match in top}
        return {"max": top[0].score, "mean": index.mean(text), "most_similar": most_similar}

    def end(self, at: int) -> None:
        self.pool.end_turn(at)

    def restore(self, instructions: Iterable[Instruction], ended: int) -> int:
        return self.pool.restore(instructions, ended, self.saved)

    def save(self, path: Path, instructions: int) -> None:
        self.pool.save(path, instructions)

    # ------------------------------------------------ examples (sections 2.2 and 2.3)

    async def fill(self, at: int, admitted: Admitted, ask: Ask) -> Sequence[Outcome]:
        return await self.instances.of(at, admitted, self._to_model(at, ask))

    def why_not_mended(self, example: Example) -> str | None:
        return self.instances.why_not(example)

    # ------------------------------------------------ estimates

    def per_item(self) -> float:
        """Of those asked for, most are new as long as the pool is small."""
        return 0.75 * self.config.new_per_turn

    def per_instruction(self) -> float:
        return forecast.per_instruction(self.config, lucky=True)

    def forecast(self, examples: int, *, lucky: bool) -> Mapping[str, float]:
        is_marked = self._method.is_marked
        return forecast.requests(self.config, examples, lucky=lucky, is_marked=is_marked)

    def reply_tokens(self, stage: str, *, lucky: bool) -> float:
        each = super().reply_tokens(stage, lucky=lucky)
        return forecast.reply_tokens(self.config, stage, each, lucky=lucky)

    def remarks(self) -> Iterator[str]:
        is_text = self.config.response_format == "text"
        if self._method.is_marked and is_text and not are_english(self.pool.seeds):
            yield (
                "most seed tasks are not English; replies in JSON keep their form more often in "
                "other languages: --response-format json_object, where the server takes it"
            )

    def described(self) -> Iterator[str]:
        yield f"  seed tasks   {len(self.pool.seeds)}"

    def specimens(self) -> Mapping[str, Mapping[str, object]]:
        shown = self.pool.seeds[0].instruction
        most = self.config.max_instances_per_task
        values = {"instruction": shown, "max_instances": most, "labels": f"up to {most}"}
        return dict.fromkeys(("classify", "input_first", "output_first"), values)
