"""Characters that nobody typed: controls, escapes that were not undone, wrongly decoded text."""

from __future__ import annotations

import re

from selfinstruct.defects.code import looks_like_code
from selfinstruct.defects.finding import Checked, Field, Finding, fields_of, found
from selfinstruct.defects.repair import is_no_input_mark, restored

# C0 and C1 controls but tab and line ends, bidirectional overrides, the byte order mark, lone
# surrogates, replacement characters, interlinear and object marks, private use. Joiners, isolates
# and soft hyphens belong to scripts and stay.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202d\u202e\ufeff\ud800-\udfff\ufff9-\ufffd\ue000-\uf8fe]"
)
_ESCAPE = re.compile(
    r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|(?<![\\\w])\\[nrt](?=\\[nrt]"
    r"|[A-Z0-9\"' \u2022*\u3040-\u9fff-]|$)|(?<=[.!?:;,\w\u3002\uff01\uff0c\uff1a])\\[nrt]"
    r"(?=\\[nrt]|[A-Z0-9 \u2022*\u3040-\u9fff-]|$)"
)
_MOJIBAKE = re.compile(
    "\u00e2\u20ac[\u2122\u0153\u009d\u02dc\u00a6\u201c\u201d\u00a2]"
    "|\u00c3[\u00a9\u00a8\u00bc\u00b6\u00a4\u00b1\u00a7\u00aa\u00b3\u00ad\u00a1\u00ba\u00af]"
    "|\u00c2[\u00a0\u00b0\u00a3\u00bf]"
)
_ABOUT_CHARACTERS = re.compile(
    r"escap|unicode|html|encod|decod|utf|ascii|regex|regular expression|character|\bstring|json"
    r"|latex|\bxml|entit|newline|\btab\b|backslash"
    r"|control|(?:explain|what|mean|print|match).{0,40}\\[nrtux]|\bcode\b|python|javascript"
    r"|\bjava\b|\bc\+\+|program|function|\bpath\b|windows|terminal|sql|\bcss|mojibake|csv|script"
    r"|bash|\bsed\b"
    r"|\u4ee3\u7801|\u5b57\u7b26|\u7f16\u7801|\u7a0b\u5e8f|\u51fd\u6570|\u6b63\u5219|\u8f6c\u4e49"
    r"|\u811a\u672c|c\u00f3digo|zeichen|caract\u00e8re",
    re.I,
)


def control_characters(row: Checked) -> Finding | None:
    """The first field with such characters that has a fix, else the first.

    There is a fix where no second reading is possible.
    """
    first: Finding | None = None
    for field, text in fields_of(row):
        if field == "input" and is_no_input_mark(text):  # `no_input_spelling` finds that
            continue
        finding = _in_field(row, field, text)
        if finding is not None and finding.fix is not None:
            return finding
        first = first or finding
    return first


def _in_field(row: Checked, field: Field, text: str) -> Finding | None:
    fix = text if _is_plain(text) else restored(text)
    if (match := _CONTROL.search(text)) or fix != text:
        evidence = _around(text, match) if match else _difference(text, fix)
        return found("control_characters", field, evidence, fix if fix != text else None)
    if "\\" in text or "\u00e2" in text or "\u00c3" in text or "\u00c2" in text:
        return _spoilt(row, field, text)
    return None


def _is_plain(text: str) -> bool:
    """Whether a text has no control character but line ends, and no sign of a formula."""
    if "\\" in text or "$" in text or "\nabla" in text or "\notin" in text:
        return text.isprintable()
    return text.replace("\n", " ").isprintable()


def _spoilt(row: Checked, field: Field, text: str) -> Finding | None:
    if match := _MOJIBAKE.search(text):
        if not _ABOUT_CHARACTERS.search(row.instruction):
            return found("control_characters", field, _around(text, match), _redecoded(text))
        return None
    match = _ESCAPE.search(text)
    if match is None or _ABOUT_CHARACTERS.search(
        f"{row.instruction} {row.input if field == 'output' else ''}"
    ):
        return None
    if (
        looks_like_code(text)
        or "$" in text
        or "```" in text
        or re.search(r"\\[a-zA-Z]{2,}\{|[A-Z]:\\", text)
    ):
        return None
    return found("control_characters", field, _around(text, match))


def _difference(text: str, fix: str) -> str:
    """The surroundings of the first letter in which a repair differs."""
    at = next(place for place, (old, new) in enumerate(zip(text, fix, strict=False)) if old != new)
    return repr(text[max(0, at - 25) : at + 25])[1:-1]


def _redecoded(text: str) -> str | None:
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return None


def _around(text: str, match: re.Match[str]) -> str:
    near = text[max(0, match.start() - 25) : match.end() + 25]
    return _CONTROL.sub(lambda control: f"\\u{ord(control.group()):04x}", near)
