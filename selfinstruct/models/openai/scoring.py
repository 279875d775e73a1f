"""The form in which an endpoint tells the likelihood of a given text, found out by trying.

The first scoring request of a sitting tries the forms of likelihoods.py in turn until the endpoint
takes a form; the other requests wait. The form is then among the endpoint's findings, and every
later request has that form.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models import Completion, Request
from selfinstruct.models.openai.calls import FormFailed, FormRefused
from selfinstruct.models.openai.errors import AmbiguousFailure
from selfinstruct.models.openai.fields import LeftOut
from selfinstruct.models.openai.likelihoods import ECHO_AND_TOKEN, LIKELIHOOD, forms_of

Refusal: TypeAlias = FormRefused | FormFailed
Send: TypeAlias = Callable[[Request, Mapping[str, "str | None"]], Awaitable[Completion]]
_OF_THE_TEXT = ("context_overflow", "content_filter")  # reasons that no other form cures


class Scoring:
    """Answers scoring requests.

    send, again: as of Discovery. address: for messages. left_out: the endpoint's findings, to
    which the form is added.
    """

    def __init__(self, send: Send, again: Send, address: str, left_out: LeftOut) -> None:
        self._send, self._again = send, again
        self._address, self._left_out = address, left_out
        self._one = asyncio.Lock()
        self._over = ""  # why no request is of use

    async def answer(self, request: Request) -> Completion | Exception:
        """The completion, or the error that a refusal means. Raises as Calls.complete."""
        if LIKELIHOOD not in self._left_out:
            async with self._one:
                if self._over:
                    return ModelError(self._over)
                if LIKELIHOOD not in self._left_out:
                    return await self._search(request)
        answer = await self._tried(self._send, request, self._left_out[LIKELIHOOD] or "")
        return answer if isinstance(answer, Completion) else answer.meant

    async def _search(self, request: Request) -> Completion | Exception:
        refusals: list[Refusal] = []
        send = self._send
        for form in forms_of(request):
            if form == ECHO_AND_TOKEN and refusals[-1].refusal is None:
                continue  # the echo was not refused but overlooked
            answer = await self._tried(send, request, form)
            if isinstance(answer, Completion):
                self._left_out[LIKELIHOOD] = form
                return answer
            if _is_of_the_text(answer.meant):
                return answer.meant
            refusals.append(answer)
            send = self._again
        transient = (each.meant for each in refusals if isinstance(each.meant, Transient))
        return next(transient, None) or self._unable(refusals)

    async def _tried(self, send: Send, request: Request, form: str) -> Completion | Refusal:
        try:
            return await send(request, {LIKELIHOOD: form})
        except (FormRefused, FormFailed) as refused:
            return refused.with_traceback(None)

    def _unable(self, refusals: list[Refusal]) -> ModelError:
        words = [each.refusal.words for each in refusals if each.refusal is not None]
        said = f" ({words[0]})" if words else ""
        self._over = (
            f"{self._address}: tells no log-probabilities of a given text{said}; name an endpoint "
            "that does: completions of vLLM, SGLang or llama.cpp, or --model local"
        )
        return ModelError(self._over)


def _is_of_the_text(meant: Exception) -> bool:
    """Whether an endpoint refuses this very text, so that no other form is of use."""
    of_request = meant.of_request if isinstance(meant, AmbiguousFailure) else meant
    return isinstance(of_request, RequestFailed) and of_request.reason in _OF_THE_TEXT
