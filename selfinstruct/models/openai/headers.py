"""What an endpoint says in its headers about how often it may be called, and when again; what is said to it. Pure."""

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
    """A duration as providers write them: "1m2.5s", "120ms", "7" (seconds), a moment as ISO 8601 or in seconds since the epoch."""
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
    """What the headers of a reply say, or None if they say nothing. `now`: seconds since the epoch."""
    said: dict[tuple[str, str], str] = {}
    for name, value in headers.items():
        name = name.lower()
        prefix = next((one for one in _PREFIXES if name.startswith(one)), None)
        if prefix is None:
            continue
        words = set(name.removeprefix(prefix).split("-"))
        what = next((one for one in ("remaining", "limit", "reset") if one in words), None)
        of = words - {what}
        if what is not None and of in (
            {"requests"},
            {"tokens"},
        ):  # some count input and output tokens too, or days
            said[what, of.pop()] = value
    found = {of: _remaining(said, of, now) for of in ("requests", "tokens")} if said else {}
    return Allowance(**found) if any(found.values()) else None


def _remaining(said: Mapping[tuple[str, str], str], of: str, now: float) -> Remaining | None:
    left, limit = _number(said.get(("remaining", of), "")), _number(said.get(("limit", of), ""))
    reset = seconds_of(said.get(("reset", of), ""), now)
    return None if left is None or reset is None else Remaining(left, limit or None, reset)


def _number(text: str) -> int | None:
    return int(float(text)) if re.fullmatch(r"\s*\d{1,15}(?:\.\d*)?\s*", text) else None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds, from `retry-after-ms`, or from `retry-after` as seconds or as a date; None for none that makes sense."""
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
    """For an address with a user and a password in it; it takes the place of the key."""
    return {
        "Authorization": "Basic "
        + base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    }
