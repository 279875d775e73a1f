"""The figures as a person reads them in a terminal, and the rows that the report shows as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from selfinstruct.stats.balance import Balance
from selfinstruct.stats.counts import Counts
from selfinstruct.stats.quality import QUESTIONS, Answer, ModelScore, Quality
from selfinstruct.stats.rounds import Round
from selfinstruct.stats.verbs import Verbs

Row = tuple[str, str, str]  # label, the paper's value, ours

_NOTHING = "\u2013"
_PAPER_STRUCTURED = 26_559 / 52_445  # section 3.2
_PAPER_COVERED = 0.14


def rows(paper: Counts, ours: Counts, verbs: Verbs | None) -> Iterator[Row]:
    """The paper's table 1 and its figure 3, line by line."""

    def number(name: str, of: str | None = None) -> Row:
        theirs, own = (
            _number(getattr(column, name), getattr(column, of) if of else None)
            for column in (paper, ours)
        )
        return names[name], theirs, own

    names = {
        "instructions": "instructions",
        "classification": "of them classification",
        "instances": "instances",
        "empty_inputs": "of them with an empty input",
        "instruction_words": "mean words of an instruction",
        "input_words": "mean words of a non-empty input",
        "output_words": "mean words of an output",
    }
    yield number("instructions")
    yield number("classification", "instructions")
    yield number("instances")
    yield number("empty_inputs", "instances")
    for name in ("instruction_words", "input_words", "output_words"):
        yield number(name)
    structured = _NOTHING if verbs is None else percent(verbs.structured, verbs.parsed)
    covered = _NOTHING if verbs is None else percent(verbs.covered, verbs.parsed)
    yield "instructions with a verb and its noun", f"{_PAPER_STRUCTURED:.1%}", structured
    yield "in the figure of 20 verbs x 4 nouns", f"{_PAPER_COVERED:.1%}", covered


def quality_rows(paper: Quality, ours: Quality | None) -> Iterator[Row]:
    """The paper's table 2, and the mean score, which the paper does not have."""
    for name, label in (*QUESTIONS.items(), ("all_three", "all three")):
        theirs, own = (
            _share(getattr(column, name)) if column else _NOTHING for column in (paper, ours)
        )
        yield label, theirs, own
    yield "mean score, 1 to 5", _NOTHING, _number(ours.mean_score if ours else None, None)
    yield "judged", f"{paper.judged:,}", f"{ours.judged:,}" if ours else _NOTHING


def model_rows(models: Sequence[ModelScore]) -> Iterator[tuple[str, str, str, str]]:
    """Model, examples, judged examples, mean score; nothing for a run of a single model."""
    if len(models) > 1:
        for line in models:
            score = _NOTHING if line.mean_score is None else f"{line.mean_score:.2f}"
            yield line.model, f"{line.examples:,}", f"{line.judged:,}", score


def round_rows(rounds: Sequence[Round]) -> Iterator[tuple[str, str, str, str, str]]:
    """Round, survivors, mean words of their instructions and of their answers, mean score."""
    for line in rounds:
        tried = line.survived + sum(line.fallen.values())
        survived = f"{line.survived:,} ({percent(line.survived, tried)})"
        score = _NOTHING if line.mean_score is None else f"{line.mean_score:.2f}"
        asked, answered = _number(line.instruction_words, None), _number(line.output_words, None)
        yield f"round {line.number}", survived, asked, answered, score


def balance_rows(balances: Sequence[Balance]) -> Iterator[tuple[str, str, str]]:
    """The question, the examples that have a component, and the largest components with shares."""
    for balance in balances:
        parts = ", ".join(
            f"{name or '(empty)'} {percent(count, balance.of)}" for name, count in balance.parts[:5]
        )
        yield balance.by, f"{balance.of:,}", parts


def _share(answer: Answer) -> str:
    return percent(answer.yes, answer.of)


def percent(count: int, of: int) -> str:
    return f"{count / of:.1%}" if of else _NOTHING


def _number(value: float | None, of: int | None) -> str:
    if value is None:
        return _NOTHING
    shown = f"{value:,}" if isinstance(value, int) else f"{value:.1f}"
    return f"{shown} ({percent(int(value), of)})" if of is not None else shown
