"""The words and marks by which a reply's form is known.

`NARROW` has those of version 0.1, in English: a run that began under version 0.1 reads its replies
by them for ever. `WIDE` has all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from selfinstruct.parsing import languages
from selfinstruct.parsing.languages import any_of
from selfinstruct.text import late

MARK = r"[ \t>*_#`]*"  # markdown around a number or a label
_AROUND = " \t\r\n\"'*_`[]<>()."
_AROUND_HAN = "\uff08\uff09\u3002\u300c\u300d\u3010\u3011"
_NO_INPUT = (
    r"(?:no\W?(?:(?:additional|further|specific|other|extra) )?inputs?|inputs? (?:is )?not|none|not"
    r"|this task does not)?"
    r" ?(?:(?:is |was )?(?:needed|required|necessary|given|provided|applicable)"
    r"|(?:require|need) (?:any |an )?inputs?)?(?: for this (?:task|instruction))?"
    r"|n/?a|empty|nil|null|\u65e0|\u7121|\u65e0\u8f93\u5165|-+"
)
_CLOSING = (
    r"(?:(?:please )?let me know|please feel free|feel free|i hope|these (?:examples|instances)"
    r"|would you like|if you(?:['\u2019]d| would) like)\b"
    r".*\b(?:examples?|instances?|instructions?|tasks?)\b"
)
_YES = (
    r"[\W_]*(?:(?:the |my |final )*(?:answer|labels?|(?:is )?classification(?: task)?)"
    r"(?: is)?[\W_]*)?"
)


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of a reply's form.

    instances, classes, tasks: patterns of the labels (see `labels`) in instances, in instances of a
    classification and in whole tasks. loose: a pattern for labels with notes and other marks, where
    those find no output. inline: a blank before the label of an output on the same line. example,
    numbered_example: a line that announces an example. announced: the beginning of such a line.
    """

    is_wide: bool
    instances: tuple[re.Pattern[str], ...]
    classes: tuple[re.Pattern[str], ...]
    tasks: tuple[re.Pattern[str], ...]
    loose: re.Pattern[str]
    inline: re.Pattern[str]
    announced: re.Pattern[str]
    example: re.Pattern[str]
    numbered_example: re.Pattern[str]
    closing: re.Pattern[str]
    no_input: re.Pattern[str]
    yes_or_no: re.Pattern[str]  # the groups "yes" and "no"


def labels(
    given: str, output: str, *, instruction: str = "Instruction", example: str = "Example"
) -> re.Pattern[str]:
    """A pattern for lines, without leading blanks, that begin a field.

    Each argument is a pattern for the names of a field; `example` stands before a field's number.
    The groups "instruction", "input" and "output" tell the field, "rest" is the text behind the
    colon.
    """
    return late(
        rf"(?P<before>(?P<bullet>[-*+\u2022][ \t])?{MARK}"
        rf"(?:(?:(?:{example})[ \t]*#?)?\d{{1,2}}[.):]{MARK})?)"
        rf"(?:(?P<instruction>{instruction})|(?P<input>{given})|(?P<output>{output}))"
        rf"(?:[ \t]*#?\d+)?{MARK}"
        rf"(?:[:\uff1a](?P<rest>.*))?$",
        re.I,
    )


def lines_of(reply: str) -> list[str]:
    return reply.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def given_input(text: str, wording: Wording | None = None) -> str:
    """`text` without blanks around, "" for a spelling of "no input" such as "N/A"."""
    wording = wording or WIDE
    around = _AROUND + _AROUND_HAN if wording.is_wide else _AROUND
    return "" if wording.no_input.fullmatch(text.strip(around)) else text.strip()


def _wording(words: str, no_input: str, closing: str, *, is_wide: bool) -> Wording:
    """words: the names of an example."""
    announced, colon = rf"{MARK}(?:{words})", "\uff1a" if is_wide else ""
    yes, no = (
        any_of(languages.YES[: None if is_wide else 1]),
        any_of(languages.NO[: None if is_wide else 1]),
    )
    before = rf"{_YES}(?:(?:{any_of(languages.ANSWERS)})[\W_]{{0,9}})?" if is_wide else _YES
    other = rf"(?!\W{{0,3}}(?:or|oder|ou|o)?\W{{0,3}}(?:{yes}|{no})\b)" if is_wide else ""
    more = (_ANY_INSTANCES, QUESTIONS) if is_wide else ()
    return Wording(
        is_wide,
        instances=(labels("Input", "Output"), labels("Input", "Answer|Response|Solution"), *more),
        classes=(
            labels("Input", r"Class[ _-]?label|Label|Class|Output"),
            *([_ANY_CLASSES] * is_wide),
        ),
        tasks=(labels("Input", "Output"), *([_ANY_TASKS] * is_wide)),
        loose=_LOOSE,
        inline=_INLINE,
        announced=late(rf"{announced}[ \t]*#?\d*", re.I),
        example=late(rf"{announced}{MARK}(?:[.:){colon}]{MARK})?$", re.I),
        numbered_example=late(
            rf"{announced}[ \t]*#?\d+{MARK}(?:[.:)(\u2013\u2014{colon}-].{{0,120}})?$",
            re.I,
        ),
        closing=late(rf"\W*{closing}", re.I),
        no_input=late(no_input, re.I),
        yes_or_no=late(rf"{before}(?:(?P<yes>{yes})|(?P<no>{no}))(?!_*[^\W_]){other}", re.I),
    )


_EXAMPLE = any_of(languages.EXAMPLES)
_INSTRUCTION = any_of(languages.INSTRUCTIONS)
_ANY_INSTANCES = labels(
    any_of(languages.INPUTS), any_of(languages.OUTPUTS), instruction=_INSTRUCTION, example=_EXAMPLE
)
QUESTIONS = labels(r"Q(?:uestion)?|Input", r"A(?:nswer)?|Result|Reply|Completion")
_ANY_CLASSES = labels(
    any_of(languages.INPUTS, (r"Text|Sentence",)),
    any_of(languages.LABELS, languages.OUTPUTS),
    instruction=_INSTRUCTION,
    example=_EXAMPLE,
)
_ANY_TASKS = labels(
    any_of(languages.INPUTS),
    any_of(languages.OUTPUTS, (r"Answer|Response|Solution",)),
    instruction=_INSTRUCTION,
    example=_EXAMPLE,
)
_ANY_INPUT = any_of(languages.INPUTS)
_ANY_OUTPUT = any_of(languages.OUTPUTS, (r"Answer|Response|Solution|Result",))
_LOOSE = late(
    rf"(?P<before>(?P<bullet>[-*+\u2022][ \t])?{MARK}"
    rf"(?:(?:(?:{_EXAMPLE})(?:[ \t]*#?\d{{1,2}})?|\d{{1,2}})[.):]?{MARK})?)"
    rf"(?:(?P<instruction>{_INSTRUCTION})|(?P<input>{_ANY_INPUT})|(?P<output>{_ANY_OUTPUT}))"
    rf"(?:[ \t]*#?\d+)?(?:[ \t]?\([^()\n]{{0,60}}\))?{MARK}"
    r"(?:(?:[:\uff1a=\u2013\u2014-]|->|\u2192)[*_]{0,3}(?:[ \t]|$)(?P<rest>.*))?$",
    re.I,
)
_INLINE = late(
    rf"(?<!Sample)(?<!Example)(?<!Expected)(?<!Class)[ \t](?=(?:{_ANY_OUTPUT})[ \t]?[:\uff1a=])",
    re.I,
)
NARROW = _wording(r"Example|Instance|Task|Case|Sample", _NO_INPUT, _CLOSING, is_wide=False)
WIDE = _wording(
    rf"Task|(?:(?:First|Second|Third|Fourth|Fifth|Another|Next)[ \t])?(?:{_EXAMPLE})"
    r"|\u7b2c[ ]?[\d\u4e00\u4e8c\u4e09\u56db\u4e94\u516d]{1,3}[ ]?[\u4e2a\u500b]?(?:\u4f8b\u5b50|\u4f8b|\u793a\u4f8b)",
    "|".join((_NO_INPUT, *languages.NO_INPUT)),
    _CLOSING,
    is_wide=True,
)
