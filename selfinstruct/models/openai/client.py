"""A model behind any OpenAI-compatible endpoint.

Every failed call ends as Transient, RequestFailed or ModelError; see errors.py. The form in which
the server takes requests is found out by trying; see discovery.py.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Any

from selfinstruct.errors import ModelError, Refused, RequestFailed, Transient
from selfinstruct.models import Allowance, Completion, Model, Request
from selfinstruct.models.limits.limits import Limits
from selfinstruct.models.openai.access import Access
from selfinstruct.models.openai.blame import Blame
from selfinstruct.models.openai.calls import FORM, Calls, FormFailed, FormRefused
from selfinstruct.models.openai.discovery import Discovery
from selfinstruct.models.openai.errors import AmbiguousFailure
from selfinstruct.models.openai.fields import Findings, LeftOut, without_free_lengths
from selfinstruct.models.openai.likelihoods import is_scoring
from selfinstruct.models.openai.scoring import Scoring
from selfinstruct.models.openai.session import Session

_NO_ACCESS = Access()


class OpenAI:
    """An endpoint, as a Model.

    base_url, api_key, timeout: as of Session. notice: hears once of each field that the server
    rejects. told: hears the limits in a reply's headers, in the task of the call. left_out: the
    fields that the server is known to reject, None if the server has never answered; further finds
    are added to the dict. access: as of Session. leave_out: the fields that the user leaves out.
    """

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str | None,
        timeout: float,
        notice: Callable[[str], None] = lambda text: None,
        told: Callable[[Allowance], None] = lambda allowance: None,
        left_out: LeftOut | None = None,
        access: Access = _NO_ACCESS,
        leave_out: Mapping[str, str | None] | None = None,
    ) -> None:
        self._blame = Blame(is_known=left_out is not None, first_answer=self._tell_first_answer)
        self.session = Session(base_url, api_key, timeout, lambda: self._blame.has_answer, access)
        self.address = self.session.address
        self._findings = Findings(self.address, {} if left_out is None else left_out, notice)
        self._discovery = Discovery(
            *(self._send, self._again, self._findings, leave_out or {}),
            is_known=left_out is not None,
        )
        left_out = self._findings.left_out
        self._scoring = Scoring(self._send, self._again, self.address, left_out)
        self._on_first_answer: Callable[[LeftOut], object] = lambda left_out: None
        self.calls = Calls(self.session, told)
        self._layers: Model = self.calls
        self._limits: Limits | None = None

    def surround(
        self, layers: Callable[[Model], Model], limits: Limits, *, is_length_free: bool
    ) -> None:
        """Put layers around every single call, of which a request may need several.

        limits: those of the endpoint, which count the first call of a request elsewhere.
        is_length_free: no cap rests on the limit to the length of a reply.
        """
        self._layers, self._limits = layers(self.calls), limits
        self._discovery.is_length_free = is_length_free
        if not is_length_free:
            without_free_lengths(self._findings.left_out)

    async def complete(self, request: Request) -> Completion:
        """Raises Transient, RequestFailed or ModelError."""
        asked = self._scoring if is_scoring(request) else self._discovery
        answer = await asked.answer(request)
        if isinstance(answer, AmbiguousFailure):
            answer = _shorter(await self._blame.settle(answer, request), request)
        if isinstance(answer, Completion):
            return answer
        try:
            raise answer
        finally:
            del answer  # or the exception and this frame would hold each other

    async def models(self) -> list[str]:
        """The names of the models that the endpoint serves. Raises ModelError."""
        try:
            record = self.session.record((await self.session.models()).text)
        except AmbiguousFailure as failure:
            raise failure.of_run from None
        except (RequestFailed, Transient) as error:
            raise ModelError(f"{error}; is it running?") from None
        listed = record.get("data")
        models = listed if isinstance(listed, list) else []
        names = [str(model["id"]) for model in models if isinstance(model, dict) and "id" in model]
        return [self.session.secrets.hide_in_reply(name) for name in names]

    async def close(self) -> None:
        await self.session.close()

    def when_it_answers(self, do: Callable[[LeftOut], object]) -> None:
        """Call `do` at the sitting's first answer, with the dict of the fields left out."""
        self._on_first_answer = do

    def _tell_first_answer(self) -> None:
        self._on_first_answer(self._findings.left_out)

    # ------------------------------------------------ single calls

    async def _send(self, request: Request, form: Mapping[str, str | None]) -> Completion:
        """Make a call in a form. Raises FormRefused, FormFailed, Transient or ModelError."""
        sent = FORM.set(form)
        try:
            completion = await self._layers.complete(request)
        finally:
            FORM.reset(sent)
        self._blame.note_answer()
        return completion

    async def _again(self, request: Request, form: Mapping[str, str | None]) -> Completion:
        """Make a further call for the same request, as soon as the limits allow for a call."""
        limits = self._limits
        if limits is None:
            return await self._send(request, form)
        while 0 < (seconds := limits.delay(request)) < math.inf:  # noqa: ASYNC110 (no event)
            await asyncio.sleep(seconds)
        call = limits.begin(request)
        try:
            return await self._send(request, form)
        finally:
            limits.end(call)

    # ------------------------------------------------ a line of a batch's file

    @property
    def left_out(self) -> LeftOut:
        """A copy of the fields that bodies do without at this moment."""
        return dict(self._discovery.left_out)

    def read(
        self, status: int, record: Any, request: Request, left_out: Mapping[str, str | None]
    ) -> Completion:
        """The completion in a line of a batch's file. left_out: of the body that was sent.

        Raises Transient, RequestFailed or ModelError.
        """
        try:
            completion = self.calls.read(status, record, request)
        except (FormRefused, FormFailed) as error:
            refused = error
        except AmbiguousFailure as failure:
            raise self._blame.settle_at_once(failure, request) from None
        else:
            self._blame.note_answer()
            self._discovery.note_answer(request, left_out)
            return completion
        name = self._discovery.learn_named(request, left_out, refused)
        if name:  # the request can be sent again at once, without the field
            raise Transient(f"does not take '{name}'", retry_after=0.0, is_server_busy=True)
        if isinstance(refused.meant, AmbiguousFailure):
            raise self._blame.settle_at_once(refused.meant, request)
        raise refused.meant


def _shorter(error: Exception, request: Request) -> Exception:
    """The error of a refusal that no other form cures, for a stage that can shorten its prompt.

    The stage does so: if the shorter prompt is answered, the prompt was too long.
    """
    if isinstance(error, Refused) and request.shrinks and error.of_request.reason == "bad_request":
        error.of_request = RequestFailed("context_overflow", error.of_request.detail)
    return error
