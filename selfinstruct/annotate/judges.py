"""A judge: from an example to a request, from the replies to a judgement.

The judgement is a function of the judge, the example and the replies; neither the order nor the
sample of examples has a say.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from selfinstruct.annotate.judgement import Judgement
from selfinstruct.asking.endpoint import Endpoint, setting
from selfinstruct.asking.reading import Reply
from selfinstruct.asking.stage import Question, Stage
from selfinstruct.data.examples import Example
from selfinstruct.models import Completion, Decoding, Model, Request
from selfinstruct.parsing.verdict import Verdict, judge, unread
from selfinstruct.text import to_json
from selfinstruct.verification.questions import shown

JUDGE = "judge"
QUESTION = Question(
    JUDGE,
    judge,
    ("example",),
    {
        "reason": {"type": "string"},
        "is_valid": {"type": "boolean"},
        "input_fits": {"type": "boolean"},
        "output_right": {"type": "boolean"},
        "score": {"type": "integer", "enum": [1, 2, 3, 4, 5]},
    },
    unread=unread,
    reply_tokens=90.0,
    warmer=0.7,  # at 0 every draw gives the same reply
    counts_first=True,
)


@dataclass(frozen=True, slots=True)
class JudgeSettings(Endpoint):
    """The settings of a judge."""

    STAGES: ClassVar[Mapping[str, Decoding]] = {JUDGE: Decoding(temperature=0.0, max_tokens=512)}
    EMBEDDED: ClassVar[Mapping[str, Any]] = {"preset": "small", "response_format": "text"}

    response_format: str = setting(
        "json_schema",
        "How replies are asked for.",
        choices=("text", "json_object", "json_schema"),
        under="The judge",
    )
    attempts: int = setting(
        3, "Replies asked for at most where a reply holds no verdict.", under="The judge"
    )
    preset: str = setting("chat", "Whose template.", choices=("chat", "small"))


NAMES = tuple(each.name for each in fields(JudgeSettings) if each.name != "decodings")
_SENTENCES = {
    "empty_reply": "the reply was empty",
    "cut_by_length": "the reply was cut off; raise --max-tokens",
    "nothing_but_thinking": "the reply was thinking alone; raise --max-tokens",
    "broken_json": "the reply was no JSON object",
    "no_verdict": "the reply did not answer the three questions and give a score",
    "bad_score": "the score was no whole number from 1 to 5",
}


@dataclass(frozen=True, slots=True)
class Judge:
    """A model that is asked about examples, with everything that decides its verdicts."""

    config: JudgeSettings
    stage: Stage

    @property
    def identity(self) -> dict[str, Any]:
        """The settings that decide the verdicts; the others may change at any time."""
        config = self.config
        return {
            "model": config.model,
            "api": config.api,
            "response_format": config.response_format,
            "extra_body": config.extra_body,
            "temperature": self.stage.decoding.temperature,
            "max_tokens": self.stage.decoding.max_tokens,
            "template": self.stage.template.fingerprint,
        }

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, for judge.json."""
        config, decoding = self.config.record(), self.stage.decoding
        settings = {name: config[name] for name in NAMES if name in config}
        drawing = {"temperature": decoding.temperature, "max_tokens": decoding.max_tokens}
        return settings | drawing

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """The names and texts of the template."""
        return self.stage.template.files

    @property
    def name(self) -> str:
        """The name of the judge's folder.

        The model's name with the characters that a file system takes, and eight digits of the
        identity.
        """
        return folder_name(self.config.model, self.identity, JUDGE)

    def request(self, example: Example) -> Request:
        """The first request about an example."""
        return self.stage.request(example.id, shown(example))

    async def ask(self, model: Model, example: Example) -> Judgement:
        """The first verdict within the attempts, or why there is none.

        Raises ModelError if the endpoint will not serve this judge at all.
        """
        return self._judgement(example, await self.stage.ask(model, example.id, shown(example)))

    def recall(
        self, known: Callable[[str], Completion | None], example: Example
    ) -> Judgement | None:
        """The judgement from replies that are `known` by their keys; None if a reply is missing."""
        reply = self.stage.recall(known, example.id, shown(example))
        return None if reply is None else self._judgement(example, reply)

    def _judgement(self, example: Example, reply: Reply) -> Judgement:
        verdict: Verdict = reply.parsed
        words, attempts = verdict.words, len(reply.before) + 1
        if verdict.reason in _SENTENCES:
            times = f"{attempts} attempt{'s' * (attempts > 1)}"
            words = f"no verdict in {times}: {_SENTENCES[verdict.reason]}"
        elif verdict.reason is not None:  # the server's words
            words = f"no verdict: {reply.text or verdict.reason}"
        answers = (verdict.is_valid, verdict.input_fits, verdict.output_right)
        return Judgement(
            example.id, verdict.score, *answers, words, self.config.model, verdict.reason
        )


def folder_name(model: str, identity: Mapping[str, Any], otherwise: str) -> str:
    """The name of a model's folder. otherwise: in the place of a name without letters."""
    name = re.sub(r"[^A-Za-z0-9._]+", "-", model).strip("-.")[-40:] or otherwise
    return f"{name}-{hashlib.sha256(to_json(identity).encode()).hexdigest()[:8]}"
