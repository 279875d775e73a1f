"""The constraints of a task: one to three types that go together, with arguments.

A type is left out where the task itself speaks of the same side of a response: no number of words
for a task that asks for a short answer, no JSON for a task that asks for a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import combinations
from random import Random

from selfinstruct.adherence.catalogue import CONSTRAINTS, constraint, types_in
from selfinstruct.adherence.combinations import REPEAT
from selfinstruct.adherence.constraint import AT_LEAST, LESS_THAN, Constraint, Imposed
from selfinstruct.adherence.manners import LANGUAGES
from selfinstruct.errors import UserError

_FORM = (
    r"\b(?:lists?|bullets?|tables?|json|csv|xml|yaml|html|code|function|program|script|poem|haiku|"
    r"limerick|verse|song|dialogue|letter|e-?mail|outline|steps|sections?|paragraphs?|format)\b"
)
_LENGTH = (
    r"\b(?:words?|sentences?|paragraphs?|lines?|characters?|short(?:er)?|brief(?:ly)?|long(?:er)?|"
    r"concise(?:ly)?|summari[sz]e|summary|headline|slogan|tweet|name|title|haiku|limerick)\b"
)
_CODE = (
    r"\b(?:code|function|method|program|script|quer(?:y|ies)|sql|html|json|csv|xml|yaml|regex|"
    r"formula)\b"
)
# A task that fits a pattern decides the aspect itself.
_SAYS = {
    aspect: re.compile(pattern, re.IGNORECASE)
    for aspect, pattern in {
        "length": _LENGTH,
        "brevity": r"\b(?:sentence|word|short|brief(?:ly)?|headline|slogan|tweet|name|title)\b",
        "layout": _FORM,
        "sentences": _FORM,
        "language": r"\b(?:translat\w*|languages?|" + "|".join(LANGUAGES.values()) + r"|english)\b",
        "case": r"\b(?:upper-?case|lower-?case|capitals?|capitali[sz]e\w*)\b|" + _CODE,
        "title": r"\btitles?\b",
        "start": r"\b(?:begin|start|first|quot\w+)\b",
        "end": r"\b(?:end|finish|last|quot\w+)\b",
        "commas": r"\b(?:punctuation|commas?)\b|" + _CODE,
        "letters": r"\bletters?\b",
        "brackets": r"\b(?:brackets?|placeholders?)\b",
    }.items()
}
_RELATIONS = {
    AT_LEAST: (AT_LEAST, "minimum", "or more", "no fewer", "no less"),
    LESS_THAN: (LESS_THAN, "fewer than", "under ", "below "),
}
_CUE = re.compile(r"\b(?:[a-z]{5,6})(?=[a-z]*\b)|<<|json|\*+")
_COMMON = frozenset(
    "answer respon should entire exactl whole includ contai write followi follow phrase least "
    "other their there these withou betwee first number using above anythi nothin".split()
)
WORDS = tuple(
    "people time example reason often change simple work day world small important careful "
    "together question answer place water light number morning friend story house purpose result "
    "nature always nothing quiet ordinary useful moment problem balance detail patience effort "
    "journey garden river bridge window winter summer letter market village engine kitchen "
    "signal shadow pattern memory voice".split()
)

_MATTER = re.compile(r"(?<![\w'-])[a-z]{5,12}(?![\w'-])")
_PLAIN = frozenset(
    "about above after again against almost along already although always among another around "
    "because become becomes before behind being below besides between beyond cannot could does "
    "during either enough every everything except first further given gives going having however "
    "inside instead itself later least makes might never nothing often other others otherwise "
    "outside perhaps quite rather really second shall should since something sometimes still their "
    "themselves there therefore these thing things those though three through throughout together "
    "towards under unless until using usually where whether which while whole whose within without "
    "would yourself".split()
)
_ENOUGH = 6  # words of an output, to draw from them


@cache
def chosen_types(
    wanted: tuple[str, ...], held_out: tuple[str, ...]
) -> tuple[tuple[Constraint, ...], tuple[Constraint, ...]]:
    """The types that every task gets, and those that can be drawn.

    held_out: ids or families, several in a text with commas between them. Raises UserError for
    names that there are not, for types that contradict each other, and if nothing is left.
    """
    out = types_in(name.strip() for text in held_out for name in text.split(",") if name.strip())
    fixed = tuple(constraint(name) for name in dict.fromkeys(wanted))
    for kind in fixed:
        if kind.draw is None or kind.id in out:
            why = "is held out" if kind.id in out else "suits few tasks and is never drawn"
            raise UserError(f"--constraint {kind.id}: {why}; choose another type")
    for one, other in combinations(fixed, 2):
        if not one.goes_with(other):
            sides = ", ".join(sorted(one.aspects & other.aspects))
            raise UserError(
                f"--constraint {one.id} and {other.id}: contradict each other ({sides}); "
                "leave one of the two out"
            )
    kinds = tuple(each for each in CONSTRAINTS.values() if each.draw and each.id not in out)
    if not kinds:
        raise UserError("--hold-out: leaves no type to draw; hold out fewer")
    return fixed, kinds


def together(kinds: Iterable[Constraint], most: int) -> list[Constraint]:
    """The first types, in the order given, that all go with those before; at most so many."""
    found: list[Constraint] = []
    for kind in kinds:
        if len(found) < most and all(kind.goes_with(other) for other in found):
            found.append(kind)
    return found


def lost_constraint(constraints: Iterable[Imposed], words: str, text: str) -> str | None:
    """The first type that a new wording lost: an argument that the words of its template name.

    Unless a text is among them, the wording needs a word of the type's templates as well.
    """
    before, after = words.lower(), text.lower()
    for imposed in constraints:
        kind, arguments = imposed.constraint, list[str]()
        for value in imposed.arguments.values():
            arguments += map(str, value if isinstance(value, list) else [value])
        named = [each.lower() for each in arguments if each.lower() in before]
        kept = [any(way in after for way in _RELATIONS.get(each, (each,))) for each in named]
        cues = set(_CUE.findall(" ".join(kind.wordings).lower())) - _COMMON
        tells = any(len(each) > 3 and each not in _RELATIONS for each in named)  # a quoted text
        if not all(kept) or not (tells or any(cue in after for cue in cues)):
            return kind.id
    return None


def constraints_for(
    instruction: str,
    given: str,
    output: str | None,
    kinds: Iterable[Constraint],
    count: int,
    generator: Random,
) -> list[Imposed]:
    """Constraints for a task with its input, `count` of them or fewer, if no more go together.

    output: an answer to the task, if there is one: constraints on words draw from its words. A
    function of the arguments and the state of the generator.
    """
    words = _words(f"{instruction}\n{given}".lower(), output)
    taken = {aspect for aspect, pattern in _SAYS.items() if pattern.search(instruction)}
    fitting = [
        kind
        for kind in kinds
        if not kind.aspects & taken and not (kind.id == REPEAT and given.strip())
    ]
    generator.shuffle(fitting)
    found = []
    for kind in together(fitting, count):
        assert kind.draw is not None
        arguments = kind.draw(generator, words)
        if kind.id == REPEAT:
            arguments = {"prompt_to_repeat": instruction}
        found.append(Imposed(kind, arguments))
    return found


def _words(task: str, output: str | None) -> list[str]:
    """Words that the task does not have: those of its matter, if the output has enough."""
    of_matter = [
        word for word in dict.fromkeys(_MATTER.findall(output or "")) if word not in _PLAIN
    ]
    found = [word for word in of_matter if word not in task]
    return found if len(found) >= _ENOUGH else [word for word in WORDS if word not in task]
