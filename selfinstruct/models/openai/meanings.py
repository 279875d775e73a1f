"""The error that a refusal means if no weaker form of the request cures it."""

from __future__ import annotations

from typing import TypeAlias

from selfinstruct.errors import ModelError, RequestFailed
from selfinstruct.models import Request
from selfinstruct.models.openai.calls import OF_THE_SERVER, FormFailed, FormRefused
from selfinstruct.models.openai.errors import AmbiguousFailure
from selfinstruct.models.openai.hints import is_about_length

Refused: TypeAlias = FormRefused | FormFailed


def is_of_the_prompt(request: Request, answer: Refused) -> bool:
    """Whether a refusal is about the words of the prompt, or their number if that can shrink."""
    of_request = answer.meant.of_request if isinstance(answer.meant, AmbiguousFailure) else None
    reason = of_request.reason if isinstance(of_request, RequestFailed) else ""
    return reason == "content_filter" or (reason == "context_overflow" and request.shrinks)


def meant(request: Request, answer: Refused) -> Exception:
    """The error of a refusal that no weaker form cures.

    A server may fail with a status of its own at a prompt that is too long. If the words say so, a
    stage that can shorten its prompt does so.
    """
    meant, refusal = answer.meant, answer.refusal
    is_own = refusal is not None and refusal.status in OF_THE_SERVER
    if refusal is None or not (is_own and request.shrinks and is_about_length(refusal.words)):
        return meant
    failed = RequestFailed("context_overflow", refusal.words)
    return AmbiguousFailure(ModelError(str(meant)), failed)
