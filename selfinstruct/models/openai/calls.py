"""Single calls of an endpoint: a request goes out in a form, a completion or an error comes back.

A refusal leaves as `FormRefused`, or as `FormFailed` where the server may have done the work. Both
carry the error that they mean if no other form of the request helps.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models import Allowance, Completion, Request
from selfinstruct.models.openai.bodies import Bodies, encoded
from selfinstruct.models.openai.errors import AmbiguousFailure, unexpected
from selfinstruct.models.openai.headers import allowance
from selfinstruct.models.openai.likelihoods import (
    LIKELIHOOD,
    TOKENS,
    is_scoring,
    scored,
    scoring_body,
)
from selfinstruct.models.openai.refusals import (
    Refusal,
    error_of_refusal,
    read_refusal,
    status_within,
)
from selfinstruct.models.openai.replies import completion_of
from selfinstruct.models.openai.session import Session

# The form of the request that the task sends, as in fields.LeftOut. The layers around a call know
# the request alone, whose key stays the same in every form.
FORM: ContextVar[Mapping[str, str | None]] = ContextVar("FORM")
# Statuses of refusals that may be about the form of a request, and those that mostly are not.
OF_THE_FORM, OF_THE_SERVER = (200, 400, 404, 405, 406, 412, 415, 418, 422), (500, 501)
_ERROR_FIELDS = ("error", "errors", "detail", "message", "msg", "error_msg")


class FormRefused(RequestFailed):
    """A call that was refused. refusal: the server's words, None for a reply that is no answer."""

    def __init__(self, meant: Exception, refusal: Refusal | None = None) -> None:
        super().__init__("bad_request", str(meant))
        self.meant, self.refusal = meant, refusal


class FormFailed(Transient):
    """A refusal after which the server may charge for the call."""

    def __init__(self, meant: Exception, refusal: Refusal | None = None) -> None:
        super().__init__(str(meant))
        self.meant, self.refusal = meant, refusal


class Calls:
    """The calls of an endpoint, as a Model. told: hears the limits in a reply's headers."""

    def __init__(self, session: Session, told: Callable[[Allowance], None]) -> None:
        self._session, self._told, self._bodies = session, told, Bodies()

    async def complete(self, request: Request) -> Completion:
        """Send the request in its form. Raises FormRefused, FormFailed, Transient or ModelError."""
        try:
            return await self.send(request, FORM.get({}))
        except AmbiguousFailure as failure:
            meant = failure.with_traceback(None)
        try:
            raise _refused(meant, None)  # outside `except`, or the two errors would hold each other
        finally:
            del meant

    async def close(self) -> None:
        await self._session.close()

    async def send(self, request: Request, left_out: Mapping[str, str | None]) -> Completion:
        """As `complete`. Raises AmbiguousFailure as well."""
        if is_scoring(request):
            body = encoded(await self._scoring_body(request, left_out[LIKELIHOOD] or ""))
        else:
            body = self._bodies.content_of(request, left_out)
        reply = await self._session.post(request.api, body)
        limits = allowance(reply.headers, time.time())
        if limits is not None:
            self._told(limits)
        if reply.is_refusal:
            refusal = self._session.refusal(reply)
            raise _refused(error_of_refusal(refusal, request.model), refusal)
        record = self._session.record(reply.text)
        if is_scoring(request):
            return self._scored(record, request, left_out[LIKELIHOOD] or "")
        return self._completion(record, request, reply.text)

    async def _scoring_body(self, request: Request, form: str) -> dict[str, Any]:
        """The body of a scoring request, for which a llama.cpp server is asked for the tokens."""
        if form != TOKENS:
            return scoring_body(request, form)
        reply = await self._session.tokenize(request.messages[-1].text)
        record = {} if reply.is_refusal else self._session.record(reply.text)
        tokens = record.get("tokens")
        if not isinstance(tokens, list) or not all(isinstance(token, int) for token in tokens):
            refusal = self._session.refusal(reply) if reply.is_refusal else None
            raise FormRefused(self._no_likelihood(), refusal)
        return scoring_body(request, form, tokens)

    def _scored(self, record: dict[str, Any], request: Request, form: str) -> Completion:
        completion = scored(record, request, form)
        if completion is None:  # the server has done work of another kind
            raise FormFailed(self._no_likelihood())
        return completion

    def _no_likelihood(self) -> AmbiguousFailure:
        return unexpected(self._session.address, "tells no log-probabilities of the text")

    def read(self, status: int, record: Any, request: Request) -> Completion:
        """The completion in a line of a batch's file. Raises as `send`."""
        if status != 200:
            session = self._session
            refusal = read_refusal(record, session.address, status, session.words)
            raise _refused(error_of_refusal(refusal, request.model), refusal)
        if not isinstance(record, dict):
            raise self._no_choices(json.dumps(record))
        return self._completion(record, request, json.dumps(record))

    def _completion(self, record: dict[str, Any], request: Request, text: str) -> Completion:
        completion = completion_of(record, request)
        if completion is not None:
            return self._without_secrets(completion)
        session, status = self._session, status_within(record)
        refusal = read_refusal(record, session.address, status or 200, session.words)
        if status is not None:
            raise _refused(error_of_refusal(refusal, request.model), refusal)
        if any(record.get(name) for name in _ERROR_FIELDS):
            raise _refused(self._no_choices(text), refusal)
        raise self._no_choices(text)

    def _no_choices(self, text: str) -> AmbiguousFailure:
        words = self._session.words(text)
        return unexpected(self._session.address, f"answers without 'choices' ({words})")

    def _without_secrets(self, completion: Completion) -> Completion:
        """The completion that goes on record, in a file: no file may hold the key.

        A server may repeat the headers of a request in the reply, as test servers do.
        """
        hide = self._session.secrets.hide_in_reply
        said = (completion.text, completion.reasoning, completion.finish_reason)
        text, reasoning, finish_reason = hidden = tuple(map(hide, said))
        if hidden == said:
            return completion
        return replace(completion, text=text, reasoning=reasoning, finish_reason=finish_reason)


def _refused(meant: Exception, refusal: Refusal | None) -> Exception:
    """The error of a refusal; the meant error itself where no other form could help."""
    is_ambiguous = isinstance(meant, AmbiguousFailure)
    if not is_ambiguous and (refusal is None or not _may_be_of_the_form(meant, refusal.status)):
        return meant
    of_request = meant.of_request if isinstance(meant, AmbiguousFailure) else meant
    is_charged = isinstance(of_request, Transient) and of_request.may_be_charged
    return FormFailed(meant, refusal) if is_charged else FormRefused(meant, refusal)


def _may_be_of_the_form(meant: Exception, status: int) -> bool:
    """Whether an error that is no AmbiguousFailure may be about the form of the request."""
    if isinstance(meant, ModelError):
        return status == 404
    return isinstance(meant, Transient) and status in OF_THE_SERVER
