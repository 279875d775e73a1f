"""Who judges, and how: from an example to a request, from the replies to a judgement. The same for the same example and replies."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from selfinstruct.annotate.judgement import Judgement
from selfinstruct.asking.config import Config
from selfinstruct.asking.providers import extra_fields
from selfinstruct.asking.templates import JUDGE, Template
from selfinstruct.data.examples import Example
from selfinstruct.models import Completion, Decoding, Model, Request
from selfinstruct.parsing.thinking import without_thinking
from selfinstruct.parsing.verdict import Verdict, judge
from selfinstruct.seeding import sampling_seed
from selfinstruct.text import to_json, well_formed

# What a judge takes of a Config. The rest is about generating.
NAMES = (
    "model", "base_url", "key_file", "api", "response_format", "extra_body", "prompts", "attempts", "concurrency", "batch",
    "adaptive", "rpm", "tpm", "timeout", "retries", "patience", "max_cost", "max_tokens_total", "max_requests", "price_in",
    "price_out", "price_batch",
)  # fmt: skip
_ASKED_AGAIN = frozenset(("empty_reply", "cut_by_length", "broken_json", "no_verdict", "bad_score"))
_WARMER = 0.7  # temperature of a later attempt: at 0 every draw gives the same reply
_SENTENCES = {
    "empty_reply": "the reply was empty",
    "cut_by_length": "the reply was cut off; raise --max-tokens",
    "broken_json": "the reply was no JSON object",
    "no_verdict": "the reply did not answer the three questions and give a score",
    "bad_score": "the score was no whole number from 1 to 5",
}


@dataclass(frozen=True, slots=True)
class Judge:
    """Its model, where that is, what it may take (`config`), what it is asked and how it draws."""

    config: Config
    template: Template
    decoding: Decoding

    @property
    def identity(self) -> dict[str, Any]:
        """What decides its verdicts; the rest of its settings may change at any time."""
        config = self.config
        return {
            "model": config.model,
            "api": config.api,
            "response_format": config.response_format,
            "extra_body": config.extra_body,
            "temperature": self.decoding.temperature,
            "max_tokens": self.decoding.max_tokens,
            "template": self.template.fingerprint,
        }

    @property
    def name(self) -> str:
        """For a folder: the model's name as far as a file system takes it, and eight digits of all that decides."""
        model = re.sub(r"[^A-Za-z0-9._]+", "-", self.config.model).strip("-.")[-40:] or "judge"
        return f"{model}-{hashlib.sha256(to_json(self.identity).encode()).hexdigest()[:8]}"

    def request(self, example: Example, attempt: int = 0) -> Request:
        """A function of the judge and the example alone: neither the order nor the sample has a say."""
        config, decoding = self.config, self.decoding
        if attempt:
            decoding = replace(decoding, temperature=max(_WARMER, decoding.temperature or 0.0))
        shown = {
            "instruction": example.instruction,
            "input": example.input,
            "output": example.output,
        }
        return Request(
            stage=JUDGE,
            place=example.id,
            model=config.model,
            api=config.api,
            messages=self.template.fill({"example": well_formed(to_json(shown))}),
            decoding=decoding,
            seed=sampling_seed(0, JUDGE, example.id, attempt),
            response_format=config.response_format,
            grammar=self.template.grammar,
            extra=tuple(sorted(extra_fields(config).items())),
        )

    async def ask(self, model: Model, example: Example) -> Judgement:
        """The first of at most `config.attempts` replies that holds a verdict, or why there is none.

        Raises ModelError if the endpoint will not serve this judge at all.
        """
        for attempt in range(self.config.attempts):
            verdict = _read(await model.complete(self.request(example, attempt)))
            if verdict.error not in _ASKED_AGAIN:
                break
        return self._judgement(example, verdict, attempt + 1)

    def recall(
        self, known: Callable[[str], Completion | None], example: Example
    ) -> Judgement | None:
        """The judgement of which every reply is known by its request's key; None if one is missing."""
        for attempt in range(self.config.attempts):
            completion = known(self.request(example, attempt).key)
            if completion is None:
                return None
            verdict = _read(completion)
            if verdict.error not in _ASKED_AGAIN:
                break
        return self._judgement(example, verdict, attempt + 1)

    def _judgement(self, example: Example, verdict: Verdict, attempts: int) -> Judgement:
        reason = verdict.reason
        if verdict.error in _SENTENCES:
            reason = f"no verdict in {attempts} attempt{'s' * (attempts > 1)}: {_SENTENCES[verdict.error]}"
        answers = (verdict.is_valid, verdict.input_fits, verdict.output_right)
        return Judgement(
            example.id, verdict.score, *answers, reason, self.config.model, verdict.error
        )


def _read(completion: Completion) -> Verdict:
    text = well_formed(completion.text)
    if completion.error is not None:
        return Verdict(reason=f"no verdict: {text or completion.error}", error=completion.error)
    return judge(without_thinking(text), completion.finish_reason)
