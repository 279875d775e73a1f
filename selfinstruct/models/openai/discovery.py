"""The form in which a server takes requests, found out by trying.

A refusal may be about the form of a request: a field that the server does not know, a value out of
range, a role. The request is then sent in weaker forms (trials.py) until the server takes a form.
The change goes into the findings and holds for all later requests. Three rules:

evidence    Once the server has answered a request with the same optional parts, a refusal is the
            request's own. Nothing is tried unless the words speak of the form, and nothing is
            learned unless they name a sent field outright: routers send requests to servers that
            differ.
two cases   A change that the server's words do not name is a suspicion. The next request is sent
            whole again. Only if that request is refused too, and cured in the same way, the change
            is a finding.
in turn     A single request is tried in other forms at a time; the others wait for the result.

No call is made that the run does not need: refused calls cost nothing, and an accepted call gives
the reply to its request.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from selfinstruct.models import Completion, Decoding, Request
from selfinstruct.models.openai.bodies import body_of
from selfinstruct.models.openai.calls import OF_THE_FORM, OF_THE_SERVER, FormFailed, FormRefused
from selfinstruct.models.openai.errors import AmbiguousFailure
from selfinstruct.models.openai.fields import INSTEAD, Findings, LeftOut
from selfinstruct.models.openai.forms import Change, names_all, parts_of, scoped
from selfinstruct.models.openai.hints import is_about_form
from selfinstruct.models.openai.meanings import is_of_the_prompt, meant
from selfinstruct.models.openai.refusals import rejected_field
from selfinstruct.models.openai.trials import Trials, words_of

Refusal: TypeAlias = FormRefused | FormFailed
Send: TypeAlias = Callable[[Request, Mapping[str, "str | None"]], Awaitable[Completion]]
_Kind: TypeAlias = tuple[str, str, str, Decoding, str]  # requests with the same optional parts


class Discovery:
    """Answers requests, in weaker forms where the server refuses the usual form.

    send: makes the first call of a request, in a form. again: makes a further call, as soon as the
    limits allow. findings: the parts that the server does not take; new ones are added. leave_out:
    the parts that the user leaves out. is_length_free: as of OpenAI.surround. is_known: the server
    has answered in an earlier sitting.
    """

    MOST_IN_VAIN = 2  # requests of a kind that were tried in all forms without success
    # Errors of the server that a request meets before its form is suspected. A server that has
    # answered before may be in trouble, and an answer to a weaker form is another answer.
    STUMBLES, STUMBLES_IF_KNOWN = 1, 3

    def __init__(
        self,
        send: Send,
        again: Send,
        findings: Findings,
        leave_out: Mapping[str, str | None],
        *,
        is_known: bool = False,
    ) -> None:
        self._send, self._again = send, again
        self._findings, self._leave_out, self._is_known = findings, leave_out, is_known
        self.is_length_free = False
        self._form: LeftOut | None = None  # made when asked for
        self._answered: set[_Kind] = set()
        self._taken: set[str] = set()  # parts of requests that were answered
        self._in_vain: Counter[_Kind] = Counter()
        self._suspected: dict[_Kind, Change] = {}
        self._stumbled: Counter[str] = Counter()  # errors of the server, by key of the request
        self._trials: dict[str, Trials] = {}  # by key of the request
        self._under_way: Counter[_Kind] = Counter()
        self._changed = asyncio.Event()  # a call has ended; replaced by a new event each time
        self._one = asyncio.Lock()
        self._searching = False

    @property
    def left_out(self) -> LeftOut:
        """The form of a request at this moment. A new dict after each finding."""
        if self._form is None:
            self._form = {**self._findings.left_out, **self._leave_out}
        return self._form

    async def answer(self, request: Request) -> Completion | Exception:
        """The completion, or the error that its refusal means.

        Raises as Calls.complete, but neither FormRefused nor FormFailed.
        """
        kind, send = _kind(request), self._send
        is_answered = kind in self._answered
        while self._searching and not is_answered:
            await self._changed.wait()
            is_answered = kind in self._answered
        while True:
            form = self.left_out
            try:
                if is_answered:  # the usual case
                    return await send(request, form)
                return await self._first_of(kind, send, request, form)
            except (FormRefused, FormFailed) as refused:
                answer = refused.with_traceback(None)
            if not self._is_of_the_form(request, form, answer):
                return meant(request, answer)
            if not self._is_named(request, form, answer):
                await self._others(kind)
            async with self._one:
                if self.left_out == form:  # no other request has found the form meanwhile
                    return await self._search(request, form, answer)
            send = self._again

    def note_answer(self, request: Request, form: Mapping[str, str | None]) -> None:
        """Count a request that was answered in a form."""
        kind = _kind(request)
        if kind not in self._answered:
            self._answered.add(kind)
            self._taken |= parts_of(body_of(request, form))

    def learn_named(self, request: Request, form: Mapping[str, str | None], answer: Refusal) -> str:
        """Learn from a refusal that names a sent field outright. The field, "" if it names none."""
        if answer.refusal is None:
            return ""
        body = body_of(request, form)
        name = rejected_field(answer.refusal, body)
        if name is not None:
            self._add(scoped({name: INSTEAD[name]}, request.stage, self._taken))
        return name or ""

    # ------------------------------------------------ evidence

    def _is_of_the_form(self, request: Request, form: LeftOut, answer: Refusal) -> bool:
        """Whether a refusal may be about the form of the request, so that trying is of use."""
        refusal, kind = answer.refusal, _kind(request)
        if refusal is None or self._in_vain[kind] >= self.MOST_IN_VAIN:
            return False
        if self._is_named(request, form, answer):
            return True
        if is_of_the_prompt(request, answer):
            return False
        if kind in self._answered:
            return refusal.status in OF_THE_FORM and is_about_form(words_of(refusal))
        if refusal.status in OF_THE_SERVER:
            is_known = self._is_known or bool(self._answered)
            most = self.STUMBLES_IF_KNOWN if is_known else self.STUMBLES
            if self._stumbled[request.key] >= most:
                return True
            self._stumbled[request.key] += 1
            return False
        return refusal.status in OF_THE_FORM

    def _is_named(self, request: Request, form: LeftOut, answer: Refusal) -> bool:
        refusal = answer.refusal
        return refusal is not None and rejected_field(refusal, body_of(request, form)) is not None

    async def _others(self, kind: _Kind) -> None:
        """Wait for the calls of the same kind: a refusal comes back sooner than a reply."""
        while self._under_way[kind] and kind not in self._answered:
            await self._changed.wait()

    # ------------------------------------------------ trying

    async def _first_of(
        self, kind: _Kind, send: Send, request: Request, form: LeftOut
    ) -> Completion:
        """Make a call for a request of a kind that was not answered yet."""
        self._under_way[kind] += 1
        try:
            completion = await send(request, form)
        finally:
            self._under_way[kind] -= 1
            self._wake()
        self.note_answer(request, form)
        return completion

    async def _search(
        self, request: Request, form: LeftOut, answer: Refusal
    ) -> Completion | Exception:
        """Try the weaker forms of a refused request."""
        kind = _kind(request)
        if not self._is_of_the_form(request, form, answer):
            return meant(request, answer)
        self._searching = True
        try:
            trials = self._trials_of(request, form, answer)
            while (change := trials.next()) is not None:
                found = await self._weaker(request, {**form, **change})
                if isinstance(found, Completion):
                    if kind not in self._answered or self._is_named(request, form, answer):
                        self._note(request, change, trials.words)
                    break
                trials.refused(found.refusal)
            else:
                self._in_vain[kind] += 1
                found = answer
            del self._trials[request.key]
            return found if isinstance(found, Completion) else meant(request, answer)
        finally:
            self._searching = False
            self._wake()

    async def _weaker(self, request: Request, form: LeftOut) -> Completion | Refusal:
        """Make a trial. An answer is none to the whole request, so nothing is counted."""
        try:
            return await self._again(request, form)
        except (FormRefused, FormFailed) as refused:
            return refused.with_traceback(None)

    def _trials_of(self, request: Request, form: LeftOut, answer: Refusal) -> Trials:
        """The trials of a request; those that a lost connection has interrupted go on."""
        found = self._trials.get(request.key)
        if found is None or found.form != form:
            is_own = _kind(request) in self._answered
            suspected = self._suspected.get(_kind(request), {})
            meant = answer.meant
            is_likely = not (isinstance(meant, AmbiguousFailure) and meant.is_likely_of_run)
            found = Trials(
                *(request, form, answer.refusal, suspected),
                is_own=is_own,
                is_likely=is_likely,
                is_length_free=self.is_length_free,
            )
            self._trials[request.key] = found
        return found

    def _note(self, request: Request, change: Change, words: str) -> None:
        """Learn a change that the server took, or suspect it until a second request needs it."""
        kind = _kind(request)
        if names_all(change, words) or self._suspected.get(kind) == change:
            self._add(scoped(change, request.stage, self._taken))
            self._in_vain.clear()
            self.note_answer(request, self.left_out)
        else:
            self._suspected[kind] = change

    def _add(self, change: Change) -> None:
        self._findings.add(change)
        self._form = None

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _kind(request: Request) -> _Kind:
    return (
        *(request.stage, request.model, request.api),
        *(request.decoding, request.response_format),
    )
