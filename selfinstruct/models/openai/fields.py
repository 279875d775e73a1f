"""Optional parts of a request's body, and the form in which an endpoint takes them.

A server that refuses a part gets the next weaker form, or nothing, in its place:

    max_tokens    -> max_completion_tokens
    json_schema   -> json_object -> nothing      (forms of response_format)
    system        -> user                        (the role of a message)
    temperature   -> nothing

A finding holds for all requests to a server, or for a stage alone. The key of the latter has the
stage in front. A number there bounds the field's value, from above (`propose.stop: "4"`) or from
below (`classify.temperature: "0.01+"`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from selfinstruct.models.openai.likelihoods import FORMS, LIKELIHOOD

OPTIONAL: dict[str, str | None] = {
    "max_tokens": "max_completion_tokens",
    "temperature": None,
    "top_p": None,
    "presence_penalty": None,
    "frequency_penalty": None,
    "stop": None,
    "seed": None,
    "response_format": None,
}
INSTEAD: dict[str, str | None] = {
    **OPTIONAL,
    "json_schema": "json_object",
    "json_object": None,
    "system": "user",
}
BOUNDED = ("temperature", "max_tokens", "stop")  # fields whose values may be bounded for a stage

LeftOut = dict[str, "str | None"]  # by refused name, the name or the bound that is sent instead
Learned = dict[str, LeftOut]  # by address of an endpoint that has answered

_BOUND = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?\+?")
_FINDING = re.compile(rf"(?:\w+\.)?(?:{'|'.join(INSTEAD)})|{LIKELIHOOD}")


class Findings:
    """The parts that an endpoint does not take as they are.

    left_out: the findings so far; new ones are added to this dict, which the checkpoint keeps.
    notice: hears of each finding once.
    """

    def __init__(self, address: str, left_out: LeftOut, notice: Callable[[str], None]) -> None:
        self.left_out = left_out
        self._address, self._notice = address, notice

    def add(self, change: Mapping[str, str | None]) -> None:
        """Send requests in this form from here on. Another request may have found the same."""
        for name, instead in change.items():
            if name in self.left_out and self.left_out[name] == instead:
                continue
            if instead == name:  # the usual form is taken after all
                self.left_out.pop(name, None)
                continue
            self.left_out[name] = instead
            self._notice(f"{self._address} does not take {_said(name, instead)}")


def without_free_lengths(left_out: LeftOut) -> None:
    """Forget the findings by which a reply may be longer than set: a cap rests on the limit."""
    for name, instead in list(left_out.items()):
        is_free = instead is None or (_is_bound(instead) and instead.endswith("+"))
        if name.rpartition(".")[2] == "max_tokens" and is_free:
            del left_out[name]


def for_stage(left_out: Mapping[str, str | None], stage: str) -> Mapping[str, str | None]:
    """The findings that hold for a stage, by the names of the fields alone. Bounds are no part."""
    if not any("." in name for name in left_out):
        return left_out
    found = {name: instead for name, instead in left_out.items() if "." not in name}
    for name, instead in left_out.items():
        of, _, field = name.rpartition(".")
        if of == stage and not _is_bound(instead):
            found[field] = instead
    return found


def bounds_of(left_out: Mapping[str, str | None], stage: str) -> dict[str, str]:
    """The bounds on values that hold for a stage, by field."""
    if not any("." in name for name in left_out):
        return {}
    return {
        field: bound
        for field in BOUNDED
        if (bound := left_out.get(f"{stage}.{field}")) and _is_bound(bound)
    }


def within(field: str, value: Any, bound: str) -> Any:
    """A field's value within a bound. The bound of `stop` is a number of stop sequences."""
    text = bound.rstrip("+")
    number = float(text) if field == "temperature" else int(float(text))
    if field == "stop":
        return value[: int(number)]
    return max(value, number) if bound.endswith("+") else min(value, number)


def read_learned(record: Any) -> Learned:
    """The findings in a checkpoint. Unknown names and damaged parts are skipped."""
    found: Learned = {}
    for address, fields in record.items() if isinstance(record, dict) else ():
        fields = fields if isinstance(fields, dict) else {}
        names = sorted(name for name in fields if _FINDING.fullmatch(name))
        names = [name for name in names if name != LIKELIHOOD or fields[name] in FORMS]
        found[str(address)] = {name: _instead(name, fields[name]) for name in names}
    return found


def _instead(name: str, recorded: Any) -> str | None:
    """The form sent in the place of a refused part, by its record."""
    stage, _, field = name.rpartition(".")
    if field == "max_tokens" and recorded is None:
        return None
    if field == LIKELIHOOD:
        return str(recorded)
    return recorded if stage and field in BOUNDED and _is_bound(recorded) else INSTEAD[field]


def _is_bound(instead: Any) -> bool:
    return isinstance(instead, str) and _BOUND.fullmatch(instead) is not None


def _said(name: str, instead: str | None) -> str:
    """A finding in the words of a notice."""
    stage, _, field = name.rpartition(".")
    where = f" in the stage {stage}" if stage else ""
    if instead is not None and _is_bound(instead):
        return f"'{field}' as set{where}: sends {_bound_said(field, instead)} instead"
    other = f"; sends '{instead}' instead" if instead else ""
    return f"'{field}'{where}: left out from here on{other}"


def _bound_said(field: str, bound: str) -> str:
    side = "least" if bound.endswith("+") else "most"
    sequences = " stop sequences" if field == "stop" else ""
    return f"{bound.rstrip('+')}{sequences} at {side}"
