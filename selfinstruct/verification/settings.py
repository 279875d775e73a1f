"""From the settings of a run to its gates: their questions, templates, calls and estimates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from selfinstruct.asking import templates as templating
from selfinstruct.asking.config import Config
from selfinstruct.asking.stage import Question
from selfinstruct.asking.templates import PROMPTS, Template
from selfinstruct.data.examples import Example
from selfinstruct.verification.code import Execute
from selfinstruct.verification.questions import FOLDER, Criterion, questions_of

if TYPE_CHECKING:
    from selfinstruct.verification.gates import Gate, Gates

_SECOND = {True: 0.05, False: 0.4}  # shares of the examples that are mended, by luck
_PROGRAMS = {True: 0.05, False: 0.5}  # shares of the outputs that hold a program


def questions_for(config: Config, criteria: Sequence[Criterion]) -> Sequence[Question]:
    """The questions of verification in a run with these settings."""
    if not config.verify_with:
        return ()
    reviewed, mends = bool(config.verifiers), config.mend > 0
    return questions_of(config.verify_with, reviewed=reviewed, mends=mends, criteria=criteria)


def templates_for(
    questions: Sequence[Question],
    folder: str,
    *,
    directory: Path | None,
    fallback: Path | None,
    as_json: bool,
) -> dict[str, Template]:
    """The templates of these questions: the user's, or a recipe's own in `folder`, or common ones.

    Raises UserError.
    """
    found: dict[str, Template] = {}
    for question in questions:
        names = (f"{question.name}.txt", f"{question.name}.json.txt")
        home = folder if any((PROMPTS / folder / name).is_file() for name in names) else FOLDER
        own = directory is not None and any(
            (place / name).is_file() for place in (directory, directory / home) for name in names
        )
        found |= templating.load(
            home,
            questions=(question,),
            directory=directory if own else None,
            fallback=fallback,
            as_json=as_json,
        )
    return found


def gates_for(
    config: Config,
    criteria: Sequence[Criterion],
    why_not: Callable[[Example], str | None],
    execute: Execute,
) -> Gates | None:
    """The gates that the settings name, in their order; None without any."""
    if not config.verify_with:
        return None
    from selfinstruct.verification.gates import Arithmetic, Code, Gates, Reviewer

    gates: list[Gate] = []
    if "arithmetic" in config.verify_with:
        gates.append(Arithmetic())
    if "code" in config.verify_with:
        gates.append(Code(execute, (*config.verifiers, config.model)[0]))
    gates += [Reviewer(model, criteria) for model in config.verifiers]
    return Gates(gates, why_not, mends=config.mend > 0, answering=config.answering)


def forecast(config: Config, examples: float, *, lucky: bool) -> Mapping[str, float]:
    """Requests of verification for so many examples, if all goes well or badly."""
    if not config.verify_with:
        return {}
    mended = examples * _SECOND[lucky] * config.mend
    found = {}
    if "code" in config.verify_with:
        found["tests"] = examples * _PROGRAMS[lucky]
    if config.verifiers:
        found["verify"] = (examples + mended) * len(config.verifiers)
    return {**found, "mending": mended} if config.mend else found
