"""The paper's table of quality (section 3.3) for a run with judgements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from selfinstruct.annotate.quality import PAPER
from selfinstruct.data.examples import Example
from selfinstruct.runs.view import RunView

QUESTIONS = {
    "is_valid": "the task is valid",
    "input_fits": "the input fits it",
    "output_right": "the output is right",
}
SCORES = 5  # from 1


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judge's verdict on an example; None for an answer that is missing or makes no sense."""

    score: float | None
    is_valid: bool | None
    input_fits: bool | None
    output_right: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    yes: int
    of: int  # examples with an answer


@dataclass(frozen=True, slots=True)
class Quality:
    """The answers to the paper's three questions, and how many examples pass all of them."""

    judged: int
    is_valid: Answer
    input_fits: Answer
    output_right: Answer
    all_three: Answer
    scores: tuple[int, ...]  # examples with 1, 2, ... 5
    mean_score: float | None


@dataclass(frozen=True, slots=True)
class ModelScore:
    """The examples of a model, and the judge's opinion of them."""

    model: str
    examples: int
    judged: int  # examples with a score
    mean_score: float | None  # None: none is judged


def _of_all(count: int) -> Answer:
    return Answer(count, PAPER.judged)


PAPER_QUALITY = Quality(
    PAPER.judged,
    _of_all(PAPER.is_valid),
    _of_all(PAPER.input_fits),
    _of_all(PAPER.output_right),
    _of_all(PAPER.all_three),
    (0,) * SCORES,
    None,
)


def judgements_of(view: RunView) -> dict[str, Judgement]:
    """The judgements by the example's id; of two lines for an example the later counts."""
    return {
        line["id"]: _read(line) for line in view.judgements() if isinstance(line.get("id"), str)
    }


def count_quality(ids: Iterable[str], judgements: Mapping[str, Judgement]) -> Quality | None:
    """ids: of the run's examples. None where none of them is judged."""
    found = [judgements[id] for id in dict.fromkeys(ids) if id in judgements]
    if not found:
        return None
    answers = [[said.is_valid, said.input_fits, said.output_right] for said in found]
    whole = [all(three) for three in answers if None not in three]
    given = [said.score for said in found if said.score is not None]
    scores = [0] * SCORES
    for score in given:
        scores[min(max(round(score), 1), SCORES) - 1] += 1
    valid, fits, right = (
        [answer for answer in column if answer is not None] for column in zip(*answers, strict=True)
    )
    return Quality(
        judged=len(found),
        is_valid=Answer(sum(valid), len(valid)),
        input_fits=Answer(sum(fits), len(fits)),
        output_right=Answer(sum(right), len(right)),
        all_three=Answer(sum(whole), len(whole)),
        scores=tuple(scores),
        mean_score=sum(given) / len(given) if given else None,
    )


def count_models(
    examples: Iterable[Example], judgements: Mapping[str, Judgement]
) -> tuple[ModelScore, ...]:
    """A line for each model that wrote an example, the highest mean score first."""
    numbers: Counter[str] = Counter()
    scores: dict[str, list[float]] = {}
    for example in examples:
        model = str(example.provenance.get("model", ""))
        numbers[model] += 1
        judgement = judgements.get(example.id)
        if judgement is not None and judgement.score is not None:
            scores.setdefault(model, []).append(judgement.score)
    found = [
        ModelScore(model, number, len(own), sum(own) / len(own) if own else None)
        for model, number in numbers.items()
        for own in [scores.get(model, [])]
    ]
    return tuple(sorted(found, key=lambda line: (-(line.mean_score or 0.0), line.model)))


def _read(line: dict[str, Any]) -> Judgement:
    score, reason = line.get("score"), line.get("reason")
    number = (
        float(score)
        if isinstance(score, int | float) and not isinstance(score, bool) and 1 <= score <= SCORES
        else None
    )
    valid, fits, right = (
        answer if isinstance(answer := line.get(name), bool) else None for name in QUESTIONS
    )
    return Judgement(number, valid, fits, right, reason if isinstance(reason, str) else "")
