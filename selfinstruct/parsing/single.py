"""A reply that is a single instruction."""

from __future__ import annotations

import re

from selfinstruct.parsing import Leftover
from selfinstruct.parsing.answer import Answer
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.reasons import why_nothing

_LABEL = re.compile(
    r"[*_#>\s]*(?:(?:the |my )?(?:new |inverse |inverted |reverse |rewritten )?"
    r"(?:instruction|task|prompt))\s*[*_]*:[*_\s]*",
    re.IGNORECASE,
)
_OPENER = re.compile(r"[^\n]{0,120}:\s*\n+(?=\S)")
_MARKS = " \t\n*_`"
_QUOTES = (('"', '"'), ("\u201c", "\u201d"), ("'", "'"))


def instruction(reply: str, finish_reason: str) -> Answer:
    """The first paragraph of a reply, without label, quotation marks and code fence.

    A first line that ends with a colon is a remark, and so are later paragraphs. Reasons: a cut,
    empty_reply, refusal.
    """
    cut = cut_of(finish_reason)
    if cut is not None:
        return Answer(reason=cut)
    text, remarks = reply.strip(_MARKS), list[Leftover]()
    label = _LABEL.match(text)
    if label is None and (opener := _OPENER.match(text)) is not None:
        remarks.append(Leftover(opener[0].strip(), "remark"))
        text = text[opener.end() :]
        label = _LABEL.match(text)
    text = text[label.end() :] if label is not None else text
    first, _, rest = text.strip(_MARKS).partition("\n\n")
    if rest.strip(_MARKS):
        remarks.append(Leftover(rest.strip(), "left_over"))
    first = _bare(first.strip(_MARKS))
    reason = why_nothing(reply, "empty_reply")
    if not first or reason == "refusal":
        return Answer(reason=reason)
    return Answer(first, leftovers=tuple(remarks))


def _bare(text: str) -> str:
    for opening, closing in _QUOTES:
        if len(text) > 2 and text.startswith(opening) and text.endswith(closing):
            inner = text[1:-1]
            return text if opening in inner or closing in inner else inner.strip()
    return text
