"""The gate for programs: run the program of an output, with tests that a model writes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from selfinstruct.asking.reading import Reply
from selfinstruct.verification.programs import joined, program_of
from selfinstruct.verification.sandbox import Program, Verdict

Execute: TypeAlias = Callable[[Program], Awaitable[Verdict]]
# Kinds of verdicts that say nothing: the program needs more than the sandbox has.
_SILENT = frozenset(("forbidden", "library", "reads"))
_REASONS = {
    "assertion": "failed_test",
    "syntax": "no_python",
    "memory": "out_of_memory",
    "time": "out_of_time",
    "flood": "too_much_output",
    "exit": "ended_early",
    "crash": "crashed",
}
_UNKNOWN = re.compile(r"NameError: name '(\w+)' is not defined")
_SHOWN = 300  # characters of the reason


@dataclass(frozen=True, slots=True)
class Tested:
    """The reason of a program's failure, and its words; None for a program that passed."""

    reason: str | None
    words: str = ""


async def why_not_program(
    output: str,
    shown: str,
    tests: Callable[[str], Awaitable[Reply]],
    execute: Execute,
) -> Tested | None:
    """The result of the program in an output; None where nothing can be said.

    shown: the task. tests: asks for the tests of a program with these signatures. A program without
    functions and classes only has to run, which is no proof: then a pass says nothing.
    """
    found = program_of(output, shown)
    if found is None:
        return None
    checks = ()
    if found.signatures:
        reply = await tests("\n".join(found.signatures))
        checks = reply.parsed.checks if reply.parsed.reason is None else ()
    verdict = await execute(joined(found, checks))
    if verdict.kind in _SILENT or _lacks_given(verdict, shown):
        return None
    if verdict.kind == "done":
        return Tested(None) if verdict.passed else None
    reason = "failed_test" if verdict.where == "test" else "program_error"
    return Tested(_REASONS.get(verdict.kind, reason), _words(verdict)[:_SHOWN])


def _lacks_given(verdict: Verdict, shown: str) -> bool:
    """Whether a program ends for want of a name that the task defines: it goes on given code."""
    name = _UNKNOWN.match(verdict.words)
    return (
        name is not None
        and verdict.where == "program"
        and re.search(rf"\b(?:def|class) {name[1]}\b|\b{name[1]}\s*=[^=]", shown) is not None
    )


def _words(verdict: Verdict) -> str:
    """The failure in words that help to mend the program."""
    test = " ".join(verdict.test.split())
    if verdict.kind == "assertion" and verdict.where == "test":
        gives = f": the left side gives {verdict.given}" if verdict.given else ""
        return f"a test fails: {test}{gives}"
    if verdict.where == "test":
        return f"a test ends with {verdict.words}: {test}"
    if verdict.where == "program":
        return f"the program ends with {verdict.words}"
    return f"the program: {verdict.words}"
