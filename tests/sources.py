"""Made sources for the commands of recipes, so that a script can run any of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

Row = dict[str, str]


def _question(at: int) -> Row:
    return {"instruction": f"Describe hill {at}."}


def _task(at: int) -> Row:
    """Four rows an instruction, each with an input and an output of its own."""
    country, part = divmod(at, 4)
    return {
        "instruction": f"Name the river in country {country}.",
        "input": f"country {country}, part {part}",
        "output": f"the river {country}-{part} of the north",
    }


def _answered(at: int) -> Row:
    return {"instruction": f"Describe hill {at}.", "output": f"Hill {at} is green and steep."}


# By command: the words before its source, a row, and the rows that hold for an example.
_SOURCED: dict[str, tuple[tuple[str, ...], Callable[[int], Row], float]] = {
    "respond": ((), _question, 1.0),
    "evolve": (("--from",), _question, 0.25),
    "paraphrase": (("--from",), _answered, 1.0),
    "invert": (("--from",), _task, 1.0),
    "constrain": (("--from",), _question, 2.0),
}
COMMANDS = ("generate", "unnatural", "chat", *_SOURCED)


def words_of(command: str, folder: Path, examples: int, *, spare: float = 1.0) -> list[str]:
    """The command with its source in `folder`, about large enough for so many examples.

    spare: more rows, by that factor.
    """
    if command not in _SOURCED:
        return [command]
    before, row, share = _SOURCED[command]
    count = max(4, round(examples * share * spare))
    path = folder / f"{command}{count}.jsonl"
    if not path.exists():
        path.write_text("".join(json.dumps(row(at)) + "\n" for at in range(count)), "utf-8")
    return [command, *before, str(path)]
