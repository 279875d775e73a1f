"""Words in a reply that ask to wait: for how long, and whether a model is being loaded. Pure.

Hints only: they decide how long a server is waited for, never whether a request is lost.
"""

from __future__ import annotations

import json
import re
from typing import Any

from selfinstruct.models.openai.headers import seconds_of

_UNITS = {
    "ms": r"ms|milliseconds?|msecs?",
    "s": r"s|secs?|seconds?|sekunden?|secondes?|segundos?|secondi|seconden|секунд\w*|秒|초|ثانية",
    "m": r"m|mins?|minutes?|minuten?|minutos?|minuti|минут\w*|分|分钟|分鐘|분",
    "h": r"h|hrs?|hours?|stunden?|heures?|horas?|ore|час\w*|小时|小時|時間|시간",
}
_PART = rf"\d+(?:\.\d+)?\s*(?:{'|'.join(_UNITS.values())})(?![a-z])"
_DURATION = re.compile(rf"(?:{_PART}\s*(?:,|and|und|et|y|e)?\s*)+", re.I)
_ASKS = re.compile(
    r"retry|try again|again in|wait|available in|reset|erneut|warten|réessa|attend|intent|esper|"
    r"aguard|riprov|attend|повтор|подожд|через|重试|重試|等待|再試|待|다시|estimated_time",
    re.I,
)
_BEFORE = 30  # characters
_FIELDS = ("retryDelay", "retry_after", "retryAfter", "retry_after_seconds", "estimated_time")
_FIELD = re.compile(rf'"(?:{"|".join(_FIELDS)})":\s*"?(\d+(?:\.\d+)?)\s*(s|ms)?"?')
_LOADING = re.compile(
    r"\bload(?:ing|s)\b|still load|warm(?:ing)?.?up|cold start|start(?:ing)?.?up|is starting|"
    r"initiali[sz]ing|not (?:yet )?ready|being (?:loaded|deployed|pulled)|estimated_time|"
    r"lädt|geladen|charge(?:ment)? (?:du|le|en)|cargando|carregando|caricamento|загру|"
    r"加载|載入|加載|ロード|読み込|로드|로딩",
    re.I,
)


def wait_in(record: Any) -> float | None:
    """Seconds that a refusal's body asks to wait, in a field or in words; None if it does not.

    "try again in 1m3.5s", "Please retry in 20 seconds", {"retryDelay": "36s"}
    """
    text = record if isinstance(record, str) else json.dumps(record, ensure_ascii=False)[:20_000]
    field = _FIELD.search(text)
    if field is not None:
        return float(field[1]) / (1000 if field[2] == "ms" else 1)
    asks = _ASKS.search(text)
    if asks is None:
        return None
    # "try again in 20s", but "in 20 Sekunden erneut versuchen"
    before = max(0, asks.start() - _BEFORE)
    found = _DURATION.search(text, asks.start()) or _DURATION.search(text, before)
    return None if found is None else _seconds(found[0])


def is_loading(text: str) -> bool:
    """Whether a server says that its model is not there yet."""
    return _LOADING.search(text) is not None


def _seconds(text: str) -> float | None:
    parts = re.findall(rf"(\d+(?:\.\d+)?)\s*({'|'.join(_UNITS.values())})(?![a-z])", text, re.I)
    units = [
        next(short for short, words in _UNITS.items() if re.fullmatch(words, unit, re.I))
        for _, unit in parts
    ]
    return seconds_of(
        "".join(number + unit for (number, _), unit in zip(parts, units, strict=True)), 0.0
    )
