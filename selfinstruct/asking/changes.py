"""Differences between the settings of two sittings of a run."""

from __future__ import annotations

from dataclasses import fields

from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.models import Decoding


def free_names(kind: type[Endpoint]) -> frozenset[str]:
    """The settings that may change between two sittings."""
    return frozenset(each.name for each in fields(kind) if each.metadata.get("free"))


def changes(recorded: Endpoint, now: Endpoint) -> list[str]:
    """Differences that would change the data, a line each, decoding fields by name."""
    found = []
    free = free_names(type(recorded))
    for each in fields(recorded):
        if each.name in free or each.name == "decodings":
            continue
        before, after = getattr(recorded, each.name), getattr(now, each.name, None)
        if before != after:
            found.append(f"{each.name} was {before!r} and is now {after!r}")
    for stage in dict.fromkeys((*recorded.decodings, *now.decodings)):
        before, after = (
            each.decodings.get(stage) or each.BESIDE.get(stage, Decoding())
            for each in (recorded, now)
        )
        for part in fields(Decoding):
            then, later = getattr(before, part.name), getattr(after, part.name)
            if then != later:
                found.append(f"{stage}.{part.name} was {then!r} and is now {later!r}")
    return found
