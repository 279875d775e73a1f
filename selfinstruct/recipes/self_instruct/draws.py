"""Draws for a propose prompt: who asks, what about, what for, and in which form.

The lists stand in a text file (prompts/chat/draws.txt), which a user may edit. A list is dealt out
like a pack of cards: every entry comes once before any comes a second time. Item k of a run draws
the same entries in every sitting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from selfinstruct.asking.templates import PROMPTS
from selfinstruct.errors import UserError
from selfinstruct.seeding import dealt, generator

FILE = "draws.txt"
PACKAGED = PROMPTS / "chat" / FILE
NONE = "none"  # the value of --draws that draws nothing
_SECTION = re.compile(r"---[ \t]*(\w+)[ \t]*")
_PARTS = ("forms", "labels", "materials", "work", "difficulties", "askers", "subjects")
# Lists that would steer seeds of another field away from their field.
_OF_A_FIELD = frozenset(("materials", "askers", "subjects"))
# What a name in a form stands for.
_LISTS = {
    "material": "materials",
    "work": "work",
    "difficulty": "difficulties",
    "asker": "askers",
    "subject": "subjects",
}
_NAME = re.compile(rf"\{{(?P<name>{'|'.join(_LISTS)})\}}")
_OTHERWISE = {"material": "piece of material"}
_NOTHING = "\0"  # of a list without entries
_FREE = "free"


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists by name. share: of the tasks that a bare label answers."""

    entries: Mapping[str, Sequence[str]] = field(default_factory=dict)
    share: float = 0.0

    def without(self, names: Sequence[str]) -> Lists:
        """The same but for the lists of these names."""
        kept = {name: each for name, each in self.entries.items() if name not in names}
        return replace(self, entries=kept) if names else self

    def brief(self, seed: int, turn: int, count: int) -> str:
        """The lines of a propose prompt, one for each task that is asked for."""
        chance, lines = generator(seed, "labels", turn), list[str]()
        for number in range(count):
            is_label = chance.random() < self.share and bool(self.entries.get("labels"))
            line = self._line(seed, turn * count + number, "labels" if is_label else "forms")
            lines.append(f"{number + 1}. {line}")
        return "\n".join(lines)

    def _line(self, seed: int, at: int, name: str) -> str:
        """A form, with the entries that its names stand for."""

        def entry(match: re.Match[str]) -> str:
            found = dealt(seed, match["name"], self.entries.get(_LISTS[match["name"]], ()), at)
            return found or _OTHERWISE.get(match["name"], _NOTHING)

        form = dealt(seed, name, self.entries.get(name, ()), at) or _FREE
        parts = (_NAME.sub(entry, part.strip()) for part in form.split(";"))
        return "; ".join(part for part in parts if _NOTHING not in part)

    @property
    def text(self) -> str:
        """As a file."""
        return "".join(
            "\n".join([f"--- {name}", *entries, ""]) for name, entries in self.entries.items()
        )


def drawn_labels(seed: int, number: int, labels: Sequence[str], count: int) -> tuple[str, ...]:
    """The labels that the examples of instruction `number` are for, in their order.

    Every label comes once before any comes a second time.
    """
    chance, drawn = generator(seed, "labels of", number), list[str]()
    while len(drawn) < count:
        deal = list(labels)
        chance.shuffle(deal)
        drawn += deal
    return tuple(drawn[:count])


def find(draws: str, prompts: str) -> Path | None:
    """The file of the lists: named, among templates of the user's own, or packaged.

    None where nothing is drawn.
    """
    if draws == NONE:
        return None
    if draws:
        return Path(draws)
    own = [Path(prompts), Path(prompts, "chat")] if prompts else []
    return next((folder / FILE for folder in own if (folder / FILE).is_file()), PACKAGED)


def read(path: Path, *, of_a_field: bool = True) -> Mapping[str, Sequence[str]]:
    """The lists of a file. of_a_field: with the lists that choose a field. Raises UserError."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot read the lists to draw from ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    found: dict[str, list[str]] = {}
    entries: list[str] | None = None  # above the first heading is documentation
    for number, line in enumerate(text.splitlines(), 1):
        heading = _SECTION.fullmatch(line)
        if heading and heading[1] not in _PARTS:
            known = ", ".join(_PARTS)
            raise UserError(f"{path}:{number}: unknown list '{heading[1]}' (known: {known})")
        if heading:
            entries = found.setdefault(heading[1], [])
        elif entries is not None and line.strip():
            entries.append(" ".join(line.split()))
    if not any(found.values()):
        raise UserError(
            f"{path}: holds no list; put '--- subjects' above the subjects, for example"
        )
    return {
        name: entries for name, entries in found.items() if of_a_field or name not in _OF_A_FIELD
    }
