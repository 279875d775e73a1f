"""Text for files and terminals: JSON lines, no character that a terminal acts on; late patterns."""

from __future__ import annotations

import json
import re
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

# json.dumps leaves these bare, and a terminal, an editor or a strict reader may act on them: DEL
# and C1 controls (0x9b opens an escape sequence as ESC [ does), line and paragraph separators,
# bidirectional overrides, and lone surrogates, which UTF-8 does not have.
_ACTIVE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

_ENCODER = json.JSONEncoder(ensure_ascii=False)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def to_json(record: Any, *, indent: int | None = None) -> str:
    """JSON, readable in any script; a single line without `indent`.

    Characters that a terminal acts on are escaped.
    """
    text = (
        _ENCODER.encode(record)
        if indent is None
        else json.dumps(record, ensure_ascii=False, indent=indent)
    )
    if text.isascii() and "\x7f" not in text:
        return text  # nearly all, and the search takes as long as the encoding
    return _ACTIVE.sub(_escape, text)


def well_formed(text: str) -> str:
    """`text` with U+FFFD for lone surrogates, which no file can hold and no trainer can load."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def printable(text: str) -> str:
    """`text` for a terminal.

    Characters that would move the cursor, change colours or reverse the writing show as escapes.
    Newlines and tabs stay.
    """
    return _CONTROL.sub(
        lambda match: (
            f"\\x{ord(match.group()):02x}" if ord(match.group()) < 256 else _escape(match)
        ),
        text,
    )


def redacted(address: str) -> str:
    """An address without user, password and query."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "(not an address)"
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def duration(seconds: float) -> str:
    """As 2:03:04, or 3:04 below an hour."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class _Late:
    def __init__(self, pattern: str, flags: int) -> None:
        self._pattern, self._flags = pattern, flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(self._pattern, self._flags)
        methods = (method for method in dir(compiled) if not method.startswith("_"))
        vars(self).update({method: getattr(compiled, method) for method in methods})
        return getattr(compiled, name)


def late(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A regular expression that is compiled at its first use, for those that few commands use."""
    return cast("re.Pattern[str]", _Late(pattern, flags))
