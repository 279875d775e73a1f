"""Optional fields of a request's body, and which of them an endpoint rejects.

A server that rejects a field gets the next weaker form, or nothing, in the field's place:

    max_tokens    -> max_completion_tokens
    json_schema   -> json_object -> nothing      (forms of response_format)
    system        -> user                        (the role of a message)
    temperature   -> nothing
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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

LeftOut = dict[str, "str | None"]  # by rejected name, the name that is sent instead
Learned = dict[str, LeftOut]  # by address of an endpoint that has answered


class RejectedFields:
    """The fields that an endpoint rejects.

    left_out: the fields that are known so far; new finds are added to this dict, which the
    checkpoint keeps. notice: hears of each find once.
    """

    def __init__(self, address: str, left_out: LeftOut, notice: Callable[[str], None]) -> None:
        self.left_out = left_out
        self._address, self._notice = address, notice

    def add(self, field: str) -> None:
        """Leave `field` out from here on. Another request may have found the same before."""
        if field in self.left_out:
            return
        self.left_out[field] = other = INSTEAD[field]
        instead = f"; sends '{other}' instead" if other else ""
        self._notice(f"{self._address} does not take '{field}': left out from here on{instead}")


def read_learned(record: Any) -> Learned:
    """The rejected fields in a checkpoint. Unknown names and damaged parts are skipped."""
    found: Learned = {}
    for address, fields in record.items() if isinstance(record, dict) else ():
        names = (
            sorted(name for name in fields if name in INSTEAD) if isinstance(fields, dict) else []
        )
        found[str(address)] = {name: INSTEAD[name] for name in names}
    return found
