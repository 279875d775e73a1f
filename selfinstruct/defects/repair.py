"""Repairs with a single right result. Nothing is deleted that stands for a letter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from selfinstruct.defects.finding import Finding, Row

_SIGN = {"\x07": "a", "\x08": "b", "\t": "t", "\n": "n", "\x0b": "v", "\x0c": "f", "\r": "r"}
# Commands of LaTeX without their first letter, which an escape has swallowed: "\f" + "rac" was
# "\frac". Behind a character that no text needs, every command counts.
_SWALLOWED = {
    "\x07": "lpha|pprox|ngle|rcsin|rccos|rctan|rg|st|symp|leph|cute",
    "\x08": (
        "oxed|eta|egin|ar|inom|f|oldsymbol|oldmath|ig|igl|igr|igg|iggl|iggr|igcup|igcap|igoplus"
        "|igotimes|ullet|mod|ot|ecause|ackslash|reve|race|rack|oxtimes|owtie|igstar|lacksquare"
        "|etween|igskip"
    ),
    "\x0b": (
        r"ec|dots(?! ?[A-Za-z])|ert|Vert|arepsilon|arphi|artheta|arnothing|arrho|arsigma|ee"
        r"|space(?=\{)|phantom(?=\{)"
    ),
    "\x0c": r"rac|orall|lat(?! [a-z])|rown|box(?=\{)|ootnote|ootnotesize|rak|colorbox|ontsize",
}
# A tab or a line end is mostly itself: only a rest that is no word tells of a command.
_CERTAIN = {
    "\t": (
        r"imes|heta|ext(?=[{\\])|extbf(?=\{)|extit(?=\{)|extrm(?=\{)|exttt(?=\{)|extstyle"
        r"|extcolor(?=\{)|frac(?=\{)|binom(?=\{)|ilde(?=[{\\])|riangle(?![ ]?s?[a-z])|riangleq"
        r"|herefore"
    ),
    "\n": "abla|otin",
    "\r": r"ight(?=[)\]}|.>\\])|ightarrow",
}
# Where another command stands in the text, these are commands as well.
_LIKELY = {
    "\t": r"an(?=[ \\({^])|au(?=[ \\^_$=,)])|o(?= ?[\\\d+-])|op(?=[ \\^}])|anh|iny",
    "\n": r"eq(?=[ \d\\{$])|leq|geq|ot(?=[\\=])",
    "\r": r"ho|angle|floor|ceil|brace|vert|m(?=\{)|oot(?=[ {\\])|ight",
}
_COMMAND = re.compile(r"\\[A-Za-z]{2,}|\\[()\[\]]|\$[^$\n]*[\\^_][^$\n]*\$")


def _pattern(*tables: dict[str, str]) -> re.Pattern[str]:
    """A character before the rest of a command."""
    return re.compile(
        "|".join(
            f"{'(?<=[ })0-9])' if names is _LIKELY and sign == chr(10) else ''}"
            f"{re.escape(sign)}(?=(?:{rests})(?![A-Za-z]))"
            for names in tables
            for sign, rests in names.items()
        )
    )


_RESTORED = _pattern(_SWALLOWED, _CERTAIN)
_BESIDE_COMMANDS = _pattern(_LIKELY)
_ANSI = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")
# Characters that stand for nothing: NUL, zero-width marks of byte order, overrides of direction,
# marks of annotations.
_NOTHING = re.compile("[\x00\ufeff\u202d\u202e\ufff9-\ufffb]")
# A page end and a vertical tab end a line, unless a line end would spell a command there.
_BEHIND_LINE_ENDS = "|".join(names["\n"] for names in (_CERTAIN, _LIKELY))
_LINE_ENDS = re.compile(f"[\x0b\x0c](?!(?:{_BEHIND_LINE_ENDS})(?![A-Za-z]))")
# The lower bytes of U+2013 to U+201D between words: their upper bytes were cut off.
_CUT = {sign: chr(0x2000 + ord(sign)) for sign in "\x13\x14\x18\x19\x1c\x1d"}
_CUT_SIGNS = re.compile(
    r"(?<=\w)\x19(?=\w)|(?<=\w) ?[\x13\x14] ?(?=\w)|(?<!\w)\x1c(?=\w)"
    r"|(?<=[\w.,!?])\x1d(?!\w)"
)
_C1 = re.compile("[\x80-\x9f]")


# The paper's mark for "no input", whole or broken, alone or behind the label of the field.
_NO_INPUT_MARK = re.compile(
    r"\s*(?:input\s*:\s*)?(?=.*(?:[<>\[\]{}|]|&[lg]t;))"
    r"(?:(?:&lt;|[\W_])*no+n?[\W_]{0,2}inp[ui]{0,2}t(?:&gt;|[\W_])*)+(?:output\s*:\s*)?",
    re.I,
)
_LONGEST_MARK = 80


def is_no_input_mark(text: str) -> bool:
    """Whether a text is nothing but "<noinput>" or a broken form, as "<noinput" or "<nooinput>"."""
    return len(text) <= _LONGEST_MARK and _NO_INPUT_MARK.fullmatch(text) is not None


def restored(text: str) -> str:
    """A text whose control characters are, as far as they stand for letters, those letters again.

    A swallowed command of LaTeX comes back, with its backslash. Page ends become line ends,
    controls of Windows' code page the signs that they are there, colours of a terminal nothing.
    Other control characters stay.
    """
    if text.isprintable():
        return text
    text = _NOTHING.sub("", _ANSI.sub("", text))
    text = _CUT_SIGNS.sub(_uncut, _C1.sub(_windows, text))
    text = _RESTORED.sub(_spelled, text)
    if _COMMAND.search(text):
        text = _BESIDE_COMMANDS.sub(_spelled, text)
    return _LINE_ENDS.sub("\n", text)


def _spelled(match: re.Match[str]) -> str:
    return "\\" + _SIGN[match.group()]


def _uncut(match: re.Match[str]) -> str:
    return "".join(_CUT.get(sign, sign) for sign in match.group())


def _windows(match: re.Match[str]) -> str:
    """The sign of code page 1252 that was read as a C1 control; five codes have none."""
    try:
        return match.group().encode("latin-1").decode("cp1252")
    except UnicodeDecodeError:
        return match.group()


def repaired(row: Row, findings: Sequence[Finding]) -> Row:
    """`row` with the fixes of its findings.

    Of several fixes of the same field only the first is made: check the result again for the rest.
    """
    fixes: dict[str, Any] = {
        finding.field: finding.fix for finding in reversed(findings) if finding.fix is not None
    }
    return replace(row, **fixes)
