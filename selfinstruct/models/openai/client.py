"""A model behind any OpenAI-compatible endpoint.

Every failed call ends as Transient, RequestFailed or ModelError; see errors.py. Optional fields
that the server rejects are left out from then on; see fields.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models import Allowance, Completion, Request
from selfinstruct.models.openai.access import Access
from selfinstruct.models.openai.blame import Blame
from selfinstruct.models.openai.bodies import body_of, completion_of
from selfinstruct.models.openai.errors import AmbiguousFailure, FieldRejected, unexpected
from selfinstruct.models.openai.fields import INSTEAD, LeftOut, RejectedFields
from selfinstruct.models.openai.headers import allowance
from selfinstruct.models.openai.refusals import error_of_refusal, read_refusal, status_within
from selfinstruct.models.openai.session import Session

_NO_ACCESS = Access()


class OpenAI:
    """An endpoint, as a Model.

    base_url, api_key, timeout: as of Session. notice: hears once of each field that the server
    rejects. told: hears the limits in a reply's headers, in the task of the call. left_out: the
    fields that the server is known to reject, None if the server has never answered; further finds
    are added to the dict.
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
        self._leave_out = dict(leave_out or {})
        self._blame = Blame(is_known=left_out is not None, first_answer=self._tell_first_answer)
        self.session = Session(base_url, api_key, timeout, lambda: self._blame.has_answer, access)
        self.address = self.session.address
        self._rejected = RejectedFields(self.address, {} if left_out is None else left_out, notice)
        self._on_first_answer: Callable[[LeftOut], object] = lambda left_out: None
        self._told = told

    async def complete(self, request: Request) -> Completion:
        """Raises Transient, RequestFailed or ModelError."""
        try:
            with self._blame.call():
                return await self._accepted(request)
        except AmbiguousFailure as error:
            failure = error.with_traceback(None)
        try:
            raise await self._blame.settle(failure, request) from None
        finally:
            del failure  # or the exception and this frame would hold each other

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
        self._on_first_answer(self._rejected.left_out)

    # ------------------------------------------------ a line of a batch's file

    @property
    def left_out(self) -> LeftOut:
        """A copy of the fields that bodies do without at this moment."""
        return {**self._rejected.left_out, **self._leave_out}

    def read(
        self, status: int, record: Any, request: Request, left_out: Mapping[str, str | None]
    ) -> Completion:
        """The completion in a line of a batch's file. left_out: of the body that was sent.

        Raises Transient, RequestFailed or ModelError.
        """
        try:
            completion = self._completion(status, record, request, left_out)
        except FieldRejected as rejection:
            self._rejected.add(rejection.field)
            # The request can be sent again at once, without the field.
            raise Transient(
                f"does not take '{rejection.field}'", retry_after=0.0, is_server_busy=True
            ) from None
        except AmbiguousFailure as failure:
            raise self._blame.settle_at_once(failure, request) from None
        self._blame.note_answer()
        return self._without_secrets(completion)

    def _completion(
        self, status: int, record: Any, request: Request, left_out: Mapping[str, str | None]
    ) -> Completion:
        if status != 200:
            refusal = read_refusal(record, self.address, status, self.session.words)
            raise error_of_refusal(refusal, body_of(request, left_out), request.model)
        completion = completion_of(record, request) if isinstance(record, dict) else None
        if completion is None:
            raise self._no_choices(json.dumps(record))
        return completion

    # ------------------------------------------------ a request

    async def _accepted(self, request: Request) -> Completion:
        """Ask again as long as another field is rejected."""
        for _ in range(len(INSTEAD) + 1):
            try:
                return await self._once(request)
            except FieldRejected as rejection:
                self._rejected.add(rejection.field)
        raise ModelError(
            f"{self.address}: rejects one field after another; "
            "is this an OpenAI-compatible endpoint?"
        )

    async def _once(self, request: Request) -> Completion:
        body = body_of(request, self.left_out)
        reply = await self.session.post(request.api, body)
        limits = allowance(reply.headers, time.time())
        if limits is not None:
            self._told(limits)
        if reply.is_refusal:
            raise error_of_refusal(self.session.refusal(reply), body, request.model)
        record = self.session.record(reply.text)
        completion = completion_of(record, request)
        if completion is None:
            status = status_within(record)
            if status is not None:
                refusal = read_refusal(record, self.address, status, self.session.words)
                raise error_of_refusal(refusal, body, request.model)
            raise self._no_choices(reply.text)
        self._blame.note_answer()
        return self._without_secrets(completion)

    def _no_choices(self, text: str) -> AmbiguousFailure:
        return unexpected(self.address, f"answers without 'choices' ({self.session.words(text)})")

    def _without_secrets(self, completion: Completion) -> Completion:
        """The completion that goes on record, in a file: no file may hold the key.

        A server may repeat the headers of a request in the reply, as test servers do.
        """
        hide = self.session.secrets.hide_in_reply
        return replace(
            completion,
            text=hide(completion.text),
            reasoning=hide(completion.reasoning),
            finish_reason=hide(completion.finish_reason),
        )
