"""The most tokens that a call can take."""

from __future__ import annotations

import math
from typing import Any

from selfinstruct.models import Request, Usage

# Tokens at most that a server's chat template and a JSON schema add.
_PER_MESSAGE, _PER_CALL = 16, 512
# Tokens, if neither the decoding nor --extra-body limits a reply; no cap is held with it.
_REPLY_WITHOUT_LIMIT = 4096


def worst(request: Request, factor: float = 1.0) -> Usage:
    """More tokens than a call can take, times `factor`.

    A prompt has no more tokens than bytes, whatever the byte-level tokenizer. A reply has no more
    than its limit.
    """
    sizes = [message.size for message in request.messages]
    size = _PER_CALL + sum(sizes) + len(sizes) * _PER_MESSAGE + len(request.grammar or "")
    most = request.decoding.max_tokens
    if not request.extra and factor == 1.0:  # the usual case
        return Usage(size, _REPLY_WITHOUT_LIMIT if most is None else most)
    extra = dict(request.extra)
    size += sum(len(str(value)) for value in extra.values())
    reply = max(_limits(request, extra), default=_REPLY_WITHOUT_LIMIT)
    choices = max(
        (extra[name] for name in ("n", "best_of") if isinstance(extra.get(name), int)), default=1
    )
    return Usage(math.ceil(size * factor), math.ceil(reply * choices * factor))


def _limits(request: Request, extra: dict[str, Any]) -> list[int]:
    said = [extra.get(name) for name in ("max_tokens", "max_completion_tokens")]
    return [limit for limit in (*said, request.decoding.max_tokens) if isinstance(limit, int)]
