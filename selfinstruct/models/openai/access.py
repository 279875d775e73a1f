"""The user's words about a server: further headers, a query, fields to leave out. Pure.

Gateways and Azure want headers and queries. A value may be a secret, like a key: it never goes into
a file, a message or a log. Only the values of the names in `_HARMLESS` are recorded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from selfinstruct.errors import UserError

HIDDEN = "***"  # in run.json, in the place of a value that may be a secret
# The names of --leave-out. `max_tokens` alone becomes `max_completion_tokens`.
CAN_BE_LEFT_OUT = (
    *("temperature", "top_p", "presence_penalty", "frequency_penalty", "stop", "seed"),
    *("max_tokens", "max_completion_tokens", "response_format", "system"),
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a header's: RFC 9110, section 5.6.2
_FORBIDDEN = re.compile(r"[^\t -~]")  # in a header's value
_LEAST_SECRET = 6  # characters; "1" or "true" may stand anywhere
# Headers of the connection and of the body, which the HTTP client sets.
_OURS = frozenset(
    (
        *("connection", "content-length", "content-type", "content-encoding", "transfer-encoding"),
        *("accept-encoding", "expect", "host", "te", "trailer", "upgrade"),
    )
)
_HARMLESS = frozenset(
    (
        *("accept", "accept-language", "anthropic-beta", "anthropic-version", "http-referer"),
        *("openai-beta", "openai-organization", "openai-project", "referer", "user-agent"),
        *("x-title", "api-version", "version"),
    )
)
# Headers by which servers know who asks. With one of them no key is sent.
_OF_A_KEY = frozenset(
    ("api-key", "authorization", "ocp-apim-subscription-key", "x-api-key", "x-goog-api-key")
)
# The openai client's spelling of headers that it sets: a user's header takes their place.
_SPELLING = {
    name.lower(): name
    for name in ("Accept", "Authorization", "OpenAI-Organization", "OpenAI-Project", "User-Agent")
}


@dataclass(frozen=True, slots=True)
class Access:
    """The headers and the query of every call to an endpoint, and whether replies are streams.

    secrets: the values to hide.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    streams: bool = False

    @property
    def has_key(self) -> bool:
        """Whether a header says who asks."""
        return any(name.lower() in _OF_A_KEY for name in self.headers)


def access_of(
    header: Sequence[str],
    header_env: Sequence[str],
    query: Sequence[str],
    environment: Mapping[str, str],
    *,
    streams: bool = False,
) -> Access:
    """The access that the settings name. Raises UserError.

    header: as "NAME: VALUE". header_env: as "NAME=VARIABLE" of the `environment`. query: as
    "NAME=VALUE".
    """
    check_access(header, header_env, query)
    secrets = list(_secrets(header, ":")) + list(_secrets(query, "="))
    headers = dict(_parts(text, ":") for text in header)
    for name, value in headers.items():
        _check_known("--header", name, value)
    for name, variable in (_parts(text, "=") for text in header_env):
        headers[name] = value = environment.get(variable, "").strip()
        option = f"--header-env {name}={variable}"
        if not value:
            raise UserError(f"{option}: the variable {variable} is not set; set it, or unset this")
        _check_value(option, value)
        secrets += [value, *(word for word in value.split() if len(word) >= _LEAST_SECRET)]
    named = dict(_parts(text, "=") for text in query)
    for name, value in named.items():
        _check_known("--query", name, value)
    spelled = {_SPELLING.get(name.lower(), name): value for name, value in headers.items()}
    return Access(spelled, named, tuple(secrets), streams)


def fields_left_out(names: Collection[str]) -> dict[str, str | None]:
    """The fields that a body does without, as in fields.py: by name, the name sent instead."""
    found: dict[str, str | None] = dict.fromkeys(names)
    if "system" in found:
        found["system"] = "user"
    if "response_format" in found:
        found |= {"json_schema": None, "json_object": None}
    if "max_tokens" in found and "max_completion_tokens" not in found:
        found["max_tokens"] = "max_completion_tokens"
    found.pop("max_completion_tokens", None)
    return found


def check_access(header: Sequence[str], header_env: Sequence[str], query: Sequence[str]) -> None:
    """Raises UserError, which shows no value."""
    seen: set[str] = set()
    for option, texts, separator in (
        ("--header", header, ":"),
        ("--header-env", header_env, "="),
    ):
        for text in texts:
            name, value = _split(option, text, separator)
            _check_name(option, name)
            _check_value(f"{option} {name}", value)
            if name.lower() in seen:
                raise UserError(f"{option} {name}: is named twice; give each header once")
            seen.add(name.lower())
    names = [_split("--query", text, "=")[0] for text in query]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--query {name}: is named twice; give each name once")


def recorded(texts: Sequence[str], separator: str) -> tuple[str, ...]:
    """The texts of --header or --query for run.json: *** for values that may be secrets.

    separator: ": " or "=".
    """
    return tuple(
        f"{name}{separator}{value if name.lower() in _HARMLESS else HIDDEN}"
        for name, value in (_parts(text, separator.strip()) for text in texts)
    )


def _split(option: str, text: str, separator: str) -> tuple[str, str]:
    name, value = _parts(text, separator)
    if separator not in text or not name or not value:
        form = "'NAME: VALUE'" if separator == ":" else "NAME=VALUE"
        form = "NAME=VARIABLE" if option == "--header-env" else form
        raise UserError(f"{option}: must be {form}, with neither part empty")
    return name, value


def _parts(text: str, separator: str) -> tuple[str, str]:
    name, _, value = text.partition(separator)
    return name.strip(" \t"), value.strip(" \t")


def _check_name(option: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(f"{option} {name!r}: is no name that a header may have")
    if name.lower() in _OURS:
        raise UserError(f"{option} {name}: cannot be set; the HTTP client sets this header")


def _check_value(where: str, value: str) -> None:
    found = _FORBIDDEN.search(value)
    if found is not None:
        kind = "a line break" if found[0] in "\r\n" else "a character that no header may hold"
        raise UserError(f"{where}: the value holds {kind}")


def _check_known(option: str, name: str, value: str) -> None:
    if value == HIDDEN:
        instead = ", or use --header-env" if option == "--header" else ""
        raise UserError(
            f"{option} {name}: the run does not record its value; give it again{instead}"
        )


def _secrets(texts: Sequence[str], separator: str) -> Iterator[str]:
    """Values of names that may be secret, whole and word by word ("Bearer TOKEN")."""
    for name, value in (_parts(text, separator) for text in texts):
        if name.lower() not in _HARMLESS:
            yield from {part for part in (value, *value.split()) if len(part) >= _LEAST_SECRET}
