"""Advice for a stage whose replies could not be read: from the symptoms to a remedy.

`try` and the first replies of a run have the same symptoms and get the same advice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from selfinstruct.asking.reading import Reply
from selfinstruct.asking.stage import Stage
from selfinstruct.errors import NothingRead
from selfinstruct.models import Completion, Decoding, Model, Request
from selfinstruct.parsing import Parsed
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.forms import form_of
from selfinstruct.parsing.thinking import spoken

FIRST = 20  # replies of a stage that are looked at
_ROOM_TO_THINK, _ROOM = 2048, 64  # tokens, at least
_NO_THINKING = '--extra-body \'{"chat_template_kwargs": {"enable_thinking": false}}\''
_OF_THE_FORM = frozenset(
    (
        *("no_list", "no_tasks", "no_output_label", "no_class_label", "neither_yes_nor_no"),
        *("broken_json", "no_verdict", "bad_score", "no_message", "no_turns"),
    )
)
_OTHERS: Mapping[str, str] = {
    "empty_reply": "sends empty replies: try --stream, --leave-out stop, or another model",
    "refusal": "refuses to answer: try another model, or templates of your own (--prompts)",
    "content_filter": "is stopped by the server's content filter: try another model or server",
    "cut_by_filter": "is stopped by the server's content filter: try another model or server",
    "context_overflow": "has prompts that do not fit: show less (--demos) or serve more context",
    "tool_call": "calls tools that nobody offered: try another model",
}


@dataclass(frozen=True, slots=True)
class Symptoms:
    """The replies of a stage, counted."""

    stage: str
    decoding: Decoding
    response_format: str = "text"
    replies: int = 0
    unread: int = 0
    cut: int = 0  # by the limit of tokens
    thinking: int = 0
    reasons: Counter[str] = field(default_factory=Counter)  # of the unread ones
    form: str = ""  # of the last unread one

    def and_also(self, completion: Completion, reply: Reply) -> Symptoms:
        """These symptoms and those of a further reply."""
        unread, reason = not is_read(reply), reply.parsed.reason or "empty_reply"
        return replace(
            self,
            replies=self.replies + 1,
            unread=self.unread + unread,
            cut=self.cut + (cut_of(completion.finish_reason) == "cut_by_length"),
            thinking=self.thinking + thinks(completion),
            reasons=self.reasons + Counter([reason] if unread else []),
            form=form_of(reply.text) if unread else self.form,
        )

    @property
    def reads_nothing(self) -> bool:
        return self.replies == self.unread


def is_read(reply: Reply) -> bool:
    """Whether the parser found anything in a reply."""
    parsed = reply.parsed
    has_label = isinstance(parsed, Parsed) and parsed.is_classification is not None
    return has_label or not parsed.is_empty or parsed.reason is None


def thinks(completion: Completion) -> bool:
    """Whether a reply came with thoughts: counted, beside the reply or inside."""
    return bool(
        completion.usage.reasoning_tokens
        or completion.reasoning.strip()
        or spoken(completion.text).thinks
    )


def remedy(symptoms: Symptoms) -> str:
    """The remedy for a stage that reads nothing, in a sentence."""
    stage, tokens = symptoms.stage, symptoms.decoding.max_tokens
    reason = max(symptoms.reasons, key=lambda reason: symptoms.reasons[reason], default="")
    if symptoms.cut and tokens is not None:
        if symptoms.thinking or reason == "nothing_but_thinking":
            room = max(_ROOM_TO_THINK, 2 * tokens)
            return (
                f"{stage} ended at {tokens} tokens while thinking: --max-tokens {stage}={room}, "
                "or a model that does not think"
            )
        room = max(_ROOM, 2 * tokens)
        return f"{stage} ended at {tokens} tokens: --max-tokens {stage}={room}"
    if reason == "nothing_but_thinking":
        return f"{stage} sends thoughts alone: {_NO_THINKING}, or a model that does not think"
    if reason in _OF_THE_FORM:
        form = "json_schema" if symptoms.response_format == "text" else "text"
        return (
            f"{stage} is answered with {symptoms.form}, not in the form asked for ({reason}): "
            f"--response-format {form}, another --preset or another model"
        )
    return f"{stage} {_OTHERS.get(reason, f'could not be read ({reason}): try another model')}"


class FirstReplies:
    """A Model that looks at the first replies of each stage, and ends a run that reads none.

    stages: by name; they read the replies. is_known: whether a reply is on record already; only
    replies of this sitting count, so that a run can be resumed with another setting.
    """

    def __init__(
        self, inner: Model, stages: Mapping[str, Stage], is_known: Callable[[str], bool]
    ) -> None:
        self._inner, self._is_known = inner, is_known
        self._stages = dict(stages)
        self._symptoms = {
            name: Symptoms(name, stage.decoding, stage.endpoint.response_format)
            for name, stage in stages.items()
        }

    async def complete(self, request: Request) -> Completion:
        """Raises NothingRead with the remedy, and as the inner model."""
        stage = self._stages.get(request.stage)
        if stage is None or self._is_known(request.key):
            return await self._inner.complete(request)
        completion = await self._inner.complete(request)
        reply = stage.read(completion, request.messages)
        symptoms = self._symptoms[stage.name].and_also(completion, reply)
        self._symptoms[stage.name] = symptoms
        if not symptoms.reads_nothing:
            self._stages.pop(stage.name, None)
        elif symptoms.replies >= FIRST:
            raise NothingRead(
                f"stopped: the first {FIRST} replies of {stage.name} hold nothing that "
                f"can be read; {remedy(symptoms)}; 'selfinstruct try' shows single replies"
            )
        return completion

    async def close(self) -> None:
        await self._inner.close()
