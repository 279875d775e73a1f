"""Errors that are settled inside this room, and replies that no OpenAI-compatible server sends.

A failed call leaves the room as an error of `selfinstruct.errors`:

    Transient       call again
    RequestFailed   this request will never be answered; the run goes on without a reply
    ModelError      every request of this run would fail

Another exists in between. `AmbiguousFailure` becomes the error of the request or of the run
(blame.py).
"""

from __future__ import annotations

import re

from selfinstruct.errors import ModelError, RequestFailed, Transient

ADDRESS_HINT = "check --base-url, which usually ends in /v1"
_HTML = re.compile(
    r"\s{0,100}(?:<\?xml[^>]{0,200}>\s{0,100})?(?:<!--|<!doctype html|<html|<head|<body)", re.I
)


class AmbiguousFailure(Exception):
    """A failure with two meanings: the endpoint is wrong for the run, or this request is wrong.

    of_run: the error if the endpoint answers nobody. of_request: the error if others are answered.
    is_likely_of_run: failures of this kind mostly concern all requests. retry_after: seconds.
    """

    def __init__(
        self,
        of_run: ModelError,
        of_request: RequestFailed | Transient,
        *,
        is_likely_of_run: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(str(of_run))
        self.of_run, self.of_request = of_run, of_request
        self.is_likely_of_run, self.retry_after = is_likely_of_run, retry_after


def unexpected(address: str, description: str, hint: str = ADDRESS_HINT) -> AmbiguousFailure:
    """A reply that is none of OpenAI's interface.

    The address is wrong if the endpoint has never answered properly. Otherwise the server, or a
    proxy before the server, stumbles for a moment.
    """
    description = f"{address}: {description}"
    return AmbiguousFailure(ModelError(f"{description}; {hint}"), Transient(description))


def not_json(address: str, text: str, words: str) -> AmbiguousFailure:
    """A reply without a JSON object.

    text: the whole reply. words: the same, short and on one line.
    """
    if _HTML.match(text):
        hint = f"{ADDRESS_HINT}, and whether a login page or a proxy stands between"
        return unexpected(address, f"answers with {words}", hint)
    return unexpected(
        address, f"answers something that is no JSON object ({words or 'nothing at all'})"
    )


def on_one_line(text: str) -> str:
    """Foreign text for a message; of a web page the title alone."""
    if _HTML.match(text):
        title = re.search(r"<(title|h1)[^>]{0,200}>(.{1,200}?)</\1", text[:100_000], re.I | re.S)
        text = f"a web page{f' ({title[2]})' if title else ''}"
    return " ".join(text.split())
