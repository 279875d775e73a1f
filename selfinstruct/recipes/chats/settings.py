"""The settings of `chat`, and its questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from selfinstruct.asking.config import larger_model
from selfinstruct.asking.endpoint import Rule, setting, sources_setting
from selfinstruct.asking.stage import Question
from selfinstruct.asking.templates import PROMPTS
from selfinstruct.models import Decoding
from selfinstruct.parsing import conversation
from selfinstruct.parsing.answer import Answer, output
from selfinstruct.recipes.topics.settings import ThemedConfig

SELF_CHAT, TRANSCRIPT, MAGPIE = STYLES = ("self-chat", "transcript", "magpie")
FOLDER = "chats"  # of the templates
_TEXT, _method = {"type": "string"}, partial(setting, under="The method")
_TURN = {
    "type": "object",
    "properties": {"role": {"enum": ["person", "assistant"]}, "text": _TEXT},
    "required": ["role", "text"],
    "additionalProperties": False,
}
OPENING = Question(
    *("opening", conversation.opening, ("topic", "persona"), {"goal": _TEXT, "message": _TEXT}),
    *(conversation.Opening, 90.0),
)
REPLY = Question("reply", output, ("conversation",), {"output": _TEXT}, Answer, 200.0)
MESSAGE = Question(
    *("message", conversation.message, ("chat", "persona", "goal", "request")),
    {"message": _TEXT, "is_over": {"type": "boolean"}},
    *(conversation.Message, 40.0),
)
WHOLE = Question(
    *("transcript", conversation.transcript, ("matter", "persona", "exchanges")),
    {"turns": {"type": "array", "items": _TURN}},
    *(conversation.Transcript, 600.0),
)
USER_TURN = Question(
    *("user_turn", conversation.user_turn, ("prefix",), None, conversation.Message, 40.0),
    api="completions",
)


@dataclass(frozen=True, slots=True)
class ChatConfig(ThemedConfig):
    """Make conversations of several turns between a person and an assistant.

    \b
    selfinstruct chat --model gpt-4o-mini --n 2000 --out runs/chats
    selfinstruct chat --from runs/first --style transcript --model my-model --out runs/chats
    selfinstruct export runs/chats --format sharegpt --out chats.json

    self-chat: a simulated person with a goal and the assistant write by turns, until the goal is
    reached. transcript: a single call writes the whole conversation. magpie: an aligned model
    writes the user's turn behind the prefix of its chat template; that needs the raw completions
    interface. Chats begin from packaged topics, from --topics, or from the instructions of --from.
    """

    RECIPE: ClassVar[str] = "chat"
    command: ClassVar[str] = "chat"
    items: ClassVar[str] = "chats"
    STAGES: ClassVar[Mapping[str, Decoding]] = {
        "opening": Decoding(temperature=1.0, top_p=0.95, max_tokens=768),
        "reply": Decoding(temperature=0.7, top_p=0.95, max_tokens=2048),
        "message": Decoding(temperature=1.0, top_p=0.95, max_tokens=512),
        "transcript": Decoding(temperature=1.0, top_p=0.95, max_tokens=4096),
        "user_turn": Decoding(temperature=1.0, top_p=1.0, max_tokens=1024),
    }

    n: int = setting(
        100, "Chats in the finished dataset; 0: one for each row.", free=True, under="The run"
    )
    sources: tuple[str, ...] = sources_setting("A run or file whose instructions begin the chats.")
    style: str = _method(SELF_CHAT, "Who writes the turns.", choices=STYLES)
    turns: int = _method(4, "Messages of the person at most; each chat draws its bound from 2 up.")
    threshold: float = _method(
        0.7, "Drop a chat whose opening has a ROUGE-L above this with an earlier opening."
    )
    chat_template: str = setting(
        "",
        "For magpie: the folder, tokenizer_config.json or .jinja file of a tokenizer.",
        free=True,  # the template is fingerprinted
        under="The method",
    )
    prefix: str = _method("", "For magpie: the text that begins the user's turn; one exchange.")

    @property
    def method(self) -> str:
        return f"recipe chat, {self.style}"

    @property
    def comparison(self) -> tuple[str, float]:
        return "unicode", self.threshold

    @property
    def least(self) -> int:
        """Exchanges of a chat, at least."""
        return min(2, self.most)

    @property
    def most(self) -> int:
        """Exchanges of a chat, at most."""
        return 1 if self.prefix else self.turns

    @property
    def lists(self) -> Mapping[str, str]:
        """With packaged lists where a chat needs a topic or a person and none is named."""
        packaged = {name: str(PROMPTS / FOLDER / f"{name}.list") for name in ("topics", "personas")}
        if self.style == MAGPIE:
            return {}
        topics = "" if self.sources else self.topics or packaged["topics"]
        return {"topics": topics, "personas": self.personas or packaged["personas"]}

    def rules(self) -> Iterator[Rule]:
        is_magpie, has_template = self.style == MAGPIE, bool(self.chat_template or self.prefix)
        yield "n", self.n >= (0 if self.sources else 1), "at least 1 (0 with --from alone: all)"
        yield "turns", self.turns >= 1, "at least 1"
        yield "threshold", 0 <= self.threshold <= 1, "between 0 and 1"
        yield "api", self.api == "chat", "chat; magpie goes to the raw interface by itself"
        needed = (
            "given with --chat-template TOKENIZER or --prefix TEXT, which begins the user's turn"
        )
        yield "style", has_template or not is_magpie, needed
        yield "style", is_magpie or not has_template, "magpie with --chat-template or --prefix"
        yield "prefix", not (self.prefix and self.chat_template), "left out with --chat-template"
        unused = "left out with --style magpie, in which the model chooses the matter itself"
        for name in ("topics", "personas"):
            yield name, not (is_magpie and getattr(self, name)), unused
        yield "topics", not (self.topics and self.sources), "left out with --from"
        for name in ("batch", "by_files"):
            yield name, not (is_magpie and getattr(self, name)), "left out with --style magpie"
        yield larger_model(self)
        yield from ThemedConfig.rules(self)
