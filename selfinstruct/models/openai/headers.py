"""HTTP headers: rate limits, waiting times and basic authorisation. Pure functions."""

from __future__ import annotations

import base64
import email.utils
import math
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from urllib.parse import unquote

from selfinstruct.models import Allowance, Remaining

_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s|d)")
_SECONDS = {
    "d": 86400.0,
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "ns": 1e-9,
}
_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "ratelimit-")


def seconds_of(text: str, now: float) -> float | None:
    """Seconds from `now` (seconds since the epoch); None if the text means nothing.

    Providers write durations ("1m2.5s", "120ms", "7" for seconds) and moments (ISO 8601, seconds
    since the epoch).
    """
    text = text.strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        number = float(text)
        return max(0.0, number - now) if number > 1e9 else number
    if text and not _PARTS.sub("", text):
        return sum(float(number) * _SECONDS[unit] for number, unit in _PARTS.findall(text))
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        return None
    return max(
        0.0, (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() - now
    )


def allowance(headers: Mapping[str, str], now: float) -> Allowance | None:
    """The rate limits in a reply's headers, None without any. now: seconds since the epoch."""
    said: dict[tuple[str, str], str] = {}
    for name, value in headers.items():
        name = name.lower()
        if "ratelimit-" not in name:
            continue
        prefix = next((prefix for prefix in _PREFIXES if name.startswith(prefix)), None)
        if prefix is None:
            continue
        words = set(name.removeprefix(prefix).split("-"))
        measure = next((word for word in ("remaining", "limit", "reset") if word in words), None)
        units = words - {measure}
        # Other units, such as input tokens or requests of a day, are passed over.
        if measure is not None and units in ({"requests"}, {"tokens"}):
            said[measure, units.pop()] = value
    found = {unit: _remaining(said, unit, now) for unit in ("requests", "tokens")} if said else {}
    return Allowance(**found) if any(found.values()) else None


def _remaining(said: Mapping[tuple[str, str], str], unit: str, now: float) -> Remaining | None:
    left = _number(said.get(("remaining", unit), ""))
    limit = _number(said.get(("limit", unit), ""))
    reset = seconds_of(said.get(("reset", unit), ""), now)
    return None if left is None or reset is None else Remaining(left, limit or None, reset)


def _number(text: str) -> int | None:
    return int(float(text)) if re.fullmatch(r"\s*\d{1,15}(?:\.\d*)?\s*", text) else None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` (seconds or a date); None without."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        return max(
            0.0, email.utils.parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - now
        )
    except (ValueError, TypeError, OverflowError):
        return None


def basic(user: str, password: str) -> dict[str, str]:
    """The Authorization header for the user and the password in an address, both URL-encoded."""
    return {
        "Authorization": "Basic "
        + base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    }
