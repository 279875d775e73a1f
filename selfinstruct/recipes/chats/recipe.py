"""Chat: conversations of several turns (Baize, Xu et al., 2023; Magpie, Xu et al., 2024).

In: topics and personas, or instructions of runs and datasets. Out: chats, each an example whose
history holds the turns before the last question. Asks: self-chat `opening`, then `reply` and
`message` by turns; transcript one call a chat; magpie `user_turn` and `reply` by turns.
Costs: self-chat twice the exchanges of a chat, each with the whole chat so far in its prompt.
Differs from Baize: the person has a goal and ends the chat; a turn that is dropped ends its chat,
whose turns before are kept if they are enough. From Magpie: nothing prefers long answers.

    topic, persona -> opening -> filters -> new? -> admit                 chats, in order
    or a row of --from  -----------^                 |
                                                     v
               reply -> filter -> message -> filter -> reply -> ...  [END] or bound -> example
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any, ClassVar

from selfinstruct.asking.stage import Ask, Question
from selfinstruct.data.collected import Collected
from selfinstruct.data.examples import Example, Layout, Rejected, Turn
from selfinstruct.data.tasks import Instruction
from selfinstruct.errors import UserError
from selfinstruct.parsing.conversation import PERSON, Opening
from selfinstruct.recipes import Materials, Outcome, Recipe
from selfinstruct.recipes.chats.course import Begun, Course, Plan, first_message
from selfinstruct.recipes.chats.filters import why_not_turn
from selfinstruct.recipes.chats.prefixes import FILE, read_prefixes
from selfinstruct.recipes.chats.settings import FOLDER, MAGPIE, TRANSCRIPT, ChatConfig
from selfinstruct.recipes.chats.styles import QUESTIONS, style_of
from selfinstruct.recipes.sources import Sources
from selfinstruct.seeding import generator
from selfinstruct.similarity import RougeIndex


class Chat(Recipe):
    """An item is a chat to come: a number, or a row of a source."""

    config: ChatConfig
    is_endless: ClassVar[bool] = True
    labels: ClassVar[Mapping[str, str]] = {"sources": "the sources hold other bytes"}

    def __init__(self, config: Any, materials: Any = None) -> None:
        super().__init__(config, materials)
        self._style = style_of(config.style, materials)
        self._openings = RougeIndex("unicode")

    @classmethod
    def questions_of(cls, config: Any) -> Sequence[Question]:
        questions = QUESTIONS[config.style]
        return questions[1:] if config.sources and config.style != TRANSCRIPT else questions

    @classmethod
    def folder_of(cls, config: Any) -> str:
        return FOLDER

    @classmethod
    def read(cls, config: Any, kept: Path | None, named: Collection[str]) -> Materials:
        if config.style == MAGPIE:
            if config.sources:
                raise UserError(f"--from: has no place with --style {MAGPIE}; leave --from out")
            copy = kept / FILE if kept is not None and "chat_template" not in named else None
            return read_prefixes(config.chat_template, config.prefix, copy)
        if not config.sources:
            return Materials()
        sources = Sources(config.sources, edition=config.edition, shard=config.shard)
        return Materials(sources, fingerprints={"sources": sources.fingerprints()})

    @classmethod
    def expected(cls, config: Any, materials: Any) -> int | None:
        return sum(1 for _ in materials) if config.sources else None

    # ------------------------------------------------ openings

    def items(self, start: int) -> Iterator[Collected | None]:
        if self.config.sources:
            return islice(iter(self.materials), start, None)
        return (None for _ in count(start))

    async def draft(self, at: int, item: Collected | None, ask: Ask) -> Sequence[Any]:
        chance, least = generator(self.config.seed, "turns", at).random(), self.config.least
        most = least + int(chance * (self.config.most - least + 1))
        plan = Plan(self.themes.of(at), least, most)
        if item is None:
            return await self._style.begin(at, plan, ask)
        if item.history or item.system:
            return [Rejected("read", "instruction", "is_chat", at, item.instruction)]
        return [Begun(Opening(first_message(item)), plan, source_id=item.id)]

    def admit(self, at: int, draft: Begun) -> tuple[Instruction, Begun] | Rejected:
        text, first = draft.opening.text, self.questions_of(self.config)[0].name
        stage = "read" if self.config.sources else first
        reason = why_not_turn(Turn(PERSON, text), ())
        if reason is not None:
            return Rejected(stage, "instruction", reason, at, text)
        match = self._openings.nearest(text, above=self.config.threshold)
        if match is not None:
            found = (stage, "instruction", "near_duplicate", at, text)
            return Rejected(*found, similar_to=match.text, similarity=match.score)
        self._openings.add(text)
        return Instruction(f"i{len(self._openings):06d}", text, at, ()), draft

    def restore(self, instructions: Iterable[Instruction], ended: int) -> int:
        for instruction in instructions:
            self._openings.add(instruction.text)
        return len(self._openings)

    # ------------------------------------------------ turns

    async def fill(
        self, at: int, admitted: tuple[Instruction, Begun], ask: Ask
    ) -> Sequence[Outcome]:
        instruction, begun = admitted
        course = Course(instruction, [Turn(PERSON, instruction.text)])
        await self._style.go_on(course, begun, ask)
        turns = course.answered_turns
        outcomes: list[Outcome] = [instruction, *course.dropped]
        if len(turns) >= 2 * self.config.least:
            return [*outcomes, self._example(course, turns, begun)]
        if course.ended in ("goal", "limit"):
            place, last = (at, instruction.text, instruction.id), turns[-1].text if turns else None
            outcomes.append(Rejected("chat", "instance", "too_few_turns", *place, output=last))
        return outcomes

    def _example(self, course: Course, turns: Sequence[Turn], begun: Begun) -> Example:
        *history, question, answer = turns
        made = {"instruction_id": course.instruction.id, "turn": course.instruction.turn}
        made |= {"model": self.config.model, "style": self.config.style, "ended": course.ended}
        return Example(
            f"{course.instruction.id}-1",
            *(question.text, "", answer.text, None),
            {**made, **begun.record},
            history=tuple(history),
            layout=Layout(history=self.config.most > 1),
        )

    def forecast(self, examples: int, *, lucky: bool) -> Mapping[str, float]:
        chats, exchanges = examples * (1.05 if lucky else 1.6), self.config.least + self.config.most
        asked = dict.fromkeys(("reply", "message", "user_turn"), exchanges / 2)
        names = [question.name for question in self.questions_of(self.config)]
        return {name: chats * asked.get(name, 1.0) for name in names}

    def described(self) -> Iterator[str]:
        return self.materials.described(keeps=False) if self.config.sources else iter(())
