"""Keys: where they come from, and how they are kept out of everything that is shown or written.

A server may repeat what it was sent, and in more forms than one: a secret is known in all that it travels in.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote, urlsplit

from selfinstruct.errors import UserError

VARIABLE = "OPENAI_API_KEY"
_MOST = 64 * 1024  # characters of a file that can hold a key
_TELLING = (
    12  # a text of so many characters does not come up by itself: it is hidden in replies too
)


def api_key(
    file: str, *, is_wanted: bool, notice: Callable[[str], None] = lambda text: None
) -> str | None:
    """The key from a file if one is named, else from the environment; None if there is none. Raises UserError if there is none
    though it `is_wanted`, or if it cannot be one.
    """
    where = file or VARIABLE
    key = _only_line(file, _read(file)) if file else os.environ.get(VARIABLE, "").strip()
    if not key and is_wanted:
        raise UserError(
            f"no key: set {VARIABLE} or --key-file, name a server of your own with --base-url, or use --model local"
        )
    strange = next((at for at, letter in enumerate(key, 1) if not "!" <= letter <= "~"), None)
    if strange is not None:
        raise UserError(
            f"{where}: character {strange} of {len(key)} is none that a key may hold; copy the key again"
        )
    if file and _is_open_to_all(file):
        notice(f"{file}: everybody on this machine can read the key in it; chmod 600 {file}")
    return key or None


@cache
def _read(file: str) -> str:
    """What it holds. Read once: it may be a pipe."""
    try:
        with Path(file).open(encoding="utf-8-sig", errors="replace") as stream:
            return stream.read(_MOST + 1)
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"--key-file {file}: cannot be read ({why})") from None


def _only_line(file: str, text: str) -> str:
    lines = text.split()
    if not lines:
        raise UserError(f"--key-file {file}: is empty; it should hold the key and nothing else")
    if len(lines) > 1 or len(text) > _MOST:
        raise UserError(
            f"--key-file {file}: holds more than a key; it should hold the key alone, on one line"
        )
    return lines[0]


def _is_open_to_all(file: str) -> bool:
    try:
        mode = Path(file).stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & stat.S_IROTH)


class Secrets:
    """What no text may show."""

    def __init__(self, key: str | None, addresses: Iterable[str | None] = ()) -> None:
        """`addresses`: which may hold a user and a password."""
        forms = set(_forms(key)) if key else set()
        for address in addresses:
            forms |= set(_of_address(address or ""))
        self._forms = sorted(
            forms, key=lambda one: (-len(one), one)
        )  # the longest first: some hold others
        self._telling = [one for one in self._forms if len(one) >= _TELLING]

    def hidden(self, text: str) -> str:
        """`text` without them."""
        for form in self._forms:
            text = text.replace(form, "***")
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        """For a logger: what libraries log of a server's words, without them."""
        text = record.getMessage()
        if (hidden := self.hidden(text)) != text:
            record.msg, record.args = hidden, ()
        return True

    def hidden_in_reply(self, text: str) -> str:
        """The same for what a model writes: there a short one may stand by chance, and stays."""
        for form in self._telling:
            if form in text:
                text = text.replace(form, "***")
        return text


def _of_address(address: str) -> Iterator[str]:
    try:
        parts = urlsplit(address)
        user, password = parts.username or "", parts.password or ""
    except ValueError:
        return
    if password:
        yield from _forms(password)
        yield from _forms(unquote(password))
        yield from _in_base64(f"{unquote(user)}:{unquote(password)}")
    elif user:
        yield from _forms(user)  # some put a token in its place
        yield from _in_base64(f"{unquote(user)}:")


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield from _in_base64(secret)


def _in_base64(secret: str) -> Iterator[str]:
    """As it is, and as it shows in the middle of more: at each of three offsets, without the letters that it shares with others."""
    for raw in {
        secret.encode("utf-8", "surrogatepass"),
        secret.encode("latin-1", "replace"),
    }:  # proxies get the latter
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(raw).decode("ascii")
            if len(raw) > 8:
                for offset, shared in enumerate((0, 2, 3)):
                    whole = encode(b"\0" * offset + raw).decode("ascii")
                    yield whole[shared : (offset + len(raw)) // 3 * 4]
