"""API keys: read from a file or the environment, hidden in texts that are shown or written.

A server may repeat a request's headers in an error or in a reply, also URL-encoded, JSON-escaped or
in base64. A secret is therefore searched for in all these forms.
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
_LEAST_IN_REPLY = 12  # characters; a shorter secret may stand in a model's reply by chance


def api_key(
    file: str, *, is_wanted: bool, notice: Callable[[str], None] = lambda text: None
) -> str | None:
    """The key from `file`, or from the environment if `file` is empty; None without a key.

    Raises UserError if the text cannot be a key, or if there is no key although `is_wanted`.
    """
    where = file or VARIABLE
    key = _only_line(file, _read(file)) if file else os.environ.get(VARIABLE, "").strip()
    if not key and is_wanted:
        raise UserError(
            f"no key: set {VARIABLE} or --key-file, "
            "name a server of your own with --base-url, or use --model local"
        )
    strange = next((at for at, letter in enumerate(key, 1) if not "!" <= letter <= "~"), None)
    if strange is not None:
        raise UserError(
            f"{where}: character {strange} of {len(key)} is none that a key may hold; "
            "copy the key again"
        )
    if file and _is_open_to_all(file):
        notice(f"{file}: everybody on this machine can read the key in it; chmod 600 {file}")
    return key or None


@cache
def _read(file: str) -> str:
    """The content of a file, cached because a pipe can be read a single time."""
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
    """The key and the passwords of a sitting, in all forms that a text may hold."""

    def __init__(
        self, key: str | None, addresses: Iterable[str | None] = (), others: Iterable[str] = ()
    ) -> None:
        """addresses: URLs that may hold a user and a password. others: further secrets."""
        forms = {form for secret in (key, *others) if secret for form in _forms(secret)}
        for address in addresses:
            forms |= set(_of_address(address or ""))
        # The longest first, since some forms hold others.
        self._forms = sorted(forms, key=lambda form: (-len(form), form))
        self._in_reply = [form for form in self._forms if len(form) >= _LEAST_IN_REPLY]

    def hide(self, text: str) -> str:
        """The text with *** in the place of each secret."""
        for form in self._forms:
            text = text.replace(form, "***")
        return text

    def guard_logs(self) -> None:
        """Hide the secrets in the logs of the HTTP libraries, until `leave_logs`."""
        for logger in _loggers():
            logger.addFilter(self)

    def leave_logs(self) -> None:
        for logger in _loggers():
            logger.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """A filter for the loggers of libraries, which log a server's words."""
        text = record.getMessage()
        if (hidden := self.hide(text)) != text:
            record.msg, record.args = hidden, ()
        return True

    def hide_in_reply(self, text: str) -> str:
        """As `hide` for a model's reply, where a short form may stand by chance and stays."""
        for form in self._in_reply:
            if form in text:
                text = text.replace(form, "***")
        return text


def _loggers() -> list[logging.Logger]:
    """The loggers of the HTTP libraries. A filter holds for one logger, not for its children."""
    libraries = ("openai", "httpx2", "httpcore2", "aiohttp")
    return [
        logging.getLogger(name)
        for name in logging.root.manager.loggerDict
        if name.partition(".")[0] in libraries
    ]


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
        yield from _forms(user)  # some services expect a token as the user
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
    """Alone, and inside a longer text at each of the three offsets.

    A letter of base64 holds 6 bits. The letters at both ends that share bits with the text around
    are left out.
    """
    # Proxies get the password in latin-1.
    for raw in {secret.encode("utf-8", "surrogatepass"), secret.encode("latin-1", "replace")}:
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(raw).decode("ascii")
            if len(raw) > 8:
                for offset, shared in enumerate((0, 2, 3)):
                    whole = encode(b"\0" * offset + raw).decode("ascii")
                    yield whole[shared : (offset + len(raw)) // 3 * 4]
