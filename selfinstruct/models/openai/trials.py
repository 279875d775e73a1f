"""The trials of a search: which weaker form of a refused request is sent next. Pure.

Single parts are left out first, then the pairs that servers refuse together, then all parts: if
the server refuses even that, the refusal is not about the form. Where that helped an earlier
request, all pairs are tried, so that no more is left out than must be.

A refusal whose words have changed is progress: the form that changed them stays, and the trials go
on from there. So a server that names its fields singly is soon satisfied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from selfinstruct.models import Request
from selfinstruct.models.openai.bodies import body_of
from selfinstruct.models.openai.fields import LeftOut
from selfinstruct.models.openai.forms import (
    Change,
    barest_forms,
    names_all,
    pairs,
    parts_of,
    single_parts,
    weaker_forms,
)
from selfinstruct.models.openai.hints import is_about_another, likeness, names
from selfinstruct.models.openai.refusals import Refusal, rejected_field

Body: TypeAlias = dict[str, object]
_SELDOM = (404, 405, 500, 501)  # statuses that are seldom about the form of a request


class Trials:
    """The trials for a request. form: the form of the request when the server refused.

    suspected: a change that has helped another request. is_own: requests of the same kind were
    answered, so the refusal is about this one; only parts that are named are tried, then all.
    is_likely: the refusal may well be about the form.
    is_length_free: no cap rests on the limit to the length of a reply.
    """

    MOST = 40  # calls

    def __init__(
        self,
        request: Request,
        form: Mapping[str, str | None],
        refusal: Refusal | None,
        suspected: Change,
        *,
        is_own: bool = False,
        is_likely: bool = True,
        is_length_free: bool = False,
    ) -> None:
        self.form = form
        self._request, self._suspected = request, suspected
        self._is_own, self._is_likely = is_own, is_likely
        self._is_length_free = is_length_free
        self._first = self._last = refusal
        self.words = words_of(refusal)
        self._status = 0 if refusal is None else refusal.status
        self._refused = {self._body({})}
        self._forms = self._all_forms()

    def next(self) -> Change | None:
        """The change for the next call, None if no form is left."""
        if len(self._refused) > self.MOST:
            return None
        for change in self._forms:
            body = self._body(change)
            if body not in self._refused:
                self._refused.add(body)
                return change
        return None

    def refused(self, refusal: Refusal | None) -> None:
        """Take the refusal of the form that `next` gave."""
        self._last = refusal

    def _all_forms(self) -> Iterator[Change]:
        first = self._sent({})
        stage, free = self._request.stage, self._is_length_free
        barest = barest_forms(first, stage, is_length_free=free)
        is_curable = self._suspected in barest  # the bare form was taken, a fuller one may be
        if self._suspected and not is_curable:
            yield self._suspected
        if is_curable:
            yield from single_parts(first, stage, is_length_free=free)
            yield from pairs(first)
            yield from barest
        elif self._is_seldom_the_form(first):
            yield from barest
        else:
            base: Change = {}
            yield from self._steps(base)
            yield from ({**base, **change} for change in barest)

    def _steps(self, base: Change) -> Iterator[Change]:
        """Forms without single parts, as long as that makes progress; `base` grows."""
        refusal = self._first
        while True:
            told: list[tuple[Change, Refusal | None]] = []
            body, words = self._sent(base), words_of(refusal)
            outright = None if refusal is None else rejected_field(refusal, body)
            for change in self._weaker(body, words, outright):
                if self._is_own and not names_all(change, words):
                    continue
                yield {**base, **change}
                told.append((change, self._last))
                if _is_progress(change, words, words_of(self._last)):
                    break
            step = _progress(words, told)
            if step is None:
                return
            change, refusal = step
            base.update(change)
            self.words += f" {words_of(refusal)}"

    def _weaker(self, body: Body, words: str, outright: str | None) -> list[Change]:
        free = self._is_length_free
        return weaker_forms(body, self._request.stage, words, outright, is_length_free=free)

    def _is_seldom_the_form(self, body: Body) -> bool:
        is_likely = self._is_likely and self._status not in _SELDOM
        first = words_of(self._first)
        is_likely = is_likely and not is_about_another(first)
        return not is_likely and not any(names(first, part) for part in parts_of(body))

    def _sent(self, change: Change) -> Body:
        left_out: LeftOut = {**self.form, **change}
        return body_of(self._request, left_out)

    def _body(self, change: Change) -> str:
        return json.dumps(self._sent(change), sort_keys=True)


def words_of(refusal: Refusal | None) -> str:
    """The words of a refusal that may name a part, with its code and parameter."""
    return "" if refusal is None else f"{refusal.words} {refusal.code} {refusal.param}"


def _progress(
    words: str, told: list[tuple[Change, Refusal | None]]
) -> tuple[Change, Refusal | None] | None:
    """The first change that made progress, with the refusal that followed."""
    for change, refusal in told:
        if _is_progress(change, words, words_of(refusal)):
            return change, refusal
    others = [
        (change, refusal)
        for change, refusal in told
        if likeness(words_of(refusal)) != likeness(words)
    ]
    if len(told) - len(others) >= 2:  # the server's words do not vary by themselves
        for change, refusal in others:
            if not _is_about_change(change, words_of(refusal)):
                return change, refusal
    return None


def _is_progress(change: Change, words: str, said: str) -> bool:
    """Whether a refusal named all of a change, and the next refusal is about another part."""
    return (
        names_all(change, words)
        and likeness(said) != likeness(words)
        and not _is_about_change(change, said)
    )


def _is_about_change(change: Change, said: str) -> bool:
    """Whether a refusal is about the parts that a form has changed or put in their place."""
    return names_all(change, said) or any(
        instead and instead in said for instead in change.values()
    )
