"""Limits of an endpoint, on a clock that the test turns: what is sent when, and how often it is refused."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from random import Random

import pytest

from selfinstruct.errors import Transient
from selfinstruct.models import Allowance, Completion, Decoding, Message, Remaining, Request
from selfinstruct.models.limits.breaker import Breaker
from selfinstruct.models.limits.limits import Limits
from selfinstruct.models.openai.headers import allowance, seconds_of

REQUEST = Request("propose", "t0", "m", "chat", (Message("user", "Hello."),), Decoding(), 0)
Server = Callable[
    [float], float | None
]  # at a moment: None takes the call, else the Retry-After (nan: none said)


def window(limit: int, *, says: bool) -> Server:
    counts: dict[int, int] = {}

    def serve(now: float) -> float | None:
        counts[int(now)] = counts.get(int(now), 0) + 1
        return None if counts[int(now)] <= limit else int(now) + 1 - now if says else math.nan

    return serve


def bucket(per_second: float, burst: int, *, says: bool = False) -> Server:
    level, last = float(burst), 0.0

    def serve(now: float) -> float | None:
        nonlocal level, last
        level, last = min(burst, level + (now - last) * per_second), now
        if level < 1:
            return (1 - level) / per_second if says else math.nan
        level -= 1
        return None

    return serve


def sliding(limit: int) -> Server:
    sent = deque[float]()

    def serve(now: float) -> float | None:
        while sent and sent[0] <= now - 1.0:
            sent.popleft()
        if len(sent) >= limit:
            return math.nan
        sent.append(now)
        return None

    return serve


def by_chance(share: float, seed: int = 1) -> Server:
    chance = Random(seed)
    return lambda now: math.nan if chance.random() < share else None


def drive(
    server: Server,
    requests: int,
    *,
    concurrency: int = 64,
    latency: float = 0.2,
    back: float = 0.005,
) -> tuple[float, int]:
    """Seconds until all are answered, and how many calls were refused. `back`: seconds until a refusal is."""
    now, refused, answered = 0.3, 0, 0
    limits = Limits(clock=lambda: now)
    waiting, events = requests, list[tuple[float, int, str, object]]()
    count = 0
    while answered < requests:
        while waiting and limits.under_way < concurrency and limits.delay(REQUEST) <= 0:
            waiting, count = waiting - 1, count + 1
            call, verdict = limits.begin(REQUEST), server(now)
            heapq.heappush(
                events,
                (now + (latency if verdict is None else back), count, "reply", (call, verdict)),
            )
        delay = limits.delay(REQUEST) if waiting and limits.under_way < concurrency else math.inf
        if events and events[0][0] <= now + delay:
            now, _, kind, what = heapq.heappop(events)
            if kind == "again":
                waiting += 1
                continue
            call, verdict = what  # type: ignore[misc]
            if verdict is None:
                limits.answered(call, Completion("", "stop"))
                answered += 1
            else:
                refused, count = refused + 1, count + 1
                asked = None if math.isnan(verdict) else verdict
                limits.failed(call, Transient("429", retry_after=asked, is_server_busy=True))
                heapq.heappush(events, (now + (asked or 0.0) + 0.2, count, "again", None))
            limits.end(call)
        else:
            now += delay + 0.0005  # a clock is never early and always a little late
    return now - 0.3, refused


@pytest.mark.parametrize(
    "server",
    [
        window(100, says=False),
        window(100, says=True),
        bucket(100, 100),
        bucket(
            100, 10, says=True
        ),  # some milliseconds: the whole line would come again in the next moment
        bucket(100, 10),
    ],
    ids=[
        "window",
        "window and Retry-After",
        "bucket of 100",
        "bucket of 10 and Retry-After",
        "bucket of 10",
    ],
)
def test_a_thousand_requests_at_a_hundred_a_second_take_little_over_ten_seconds_with_few_refusals(
    server: Server,
) -> None:
    seconds, refused = drive(server, 1000)
    assert refused <= 100 and seconds <= 11.5, (seconds, refused)


@pytest.mark.parametrize(
    ("server", "requests", "seconds"),
    [
        (lambda: window(100, says=False), 5000, 56),
        (lambda: sliding(100), 5000, 56),
        (lambda: bucket(100, 500), 5000, 47),
        (lambda: bucket(100, 3000, says=True), 5000, 22),
        (lambda: bucket(100, 1), 5000, 60),
        (lambda: bucket(2, 2), 200, 102),
    ],
    ids=[
        "window",
        "sliding window",
        "bucket of 500",
        "bucket of 3,000 and Retry-After",
        "bucket of 1",
        "two a second",
    ],
)
@pytest.mark.parametrize("concurrency", [64, 256])
def test_a_limit_is_learned_once_and_kept_to(
    server: Callable[[], Server], requests: int, seconds: float, concurrency: int
) -> None:
    took, refused = drive(server(), requests, concurrency=concurrency)
    assert refused <= 60 and took <= seconds, (took, refused)


@pytest.mark.parametrize("back", [0.05, 0.2, 1.0])
def test_calls_that_were_sent_before_the_first_refusal_was_back_count_as_what_became_of_them(
    back: float,
) -> None:
    for server, requests, seconds in [(bucket(2, 2), 200, 110), (bucket(100, 100), 5000, 53)]:
        took, refused = drive(server, requests, concurrency=256, back=back)
        assert refused <= 750 and took <= seconds, (took, refused)


@pytest.mark.parametrize(("concurrency", "latency"), [(1, 0.02), (8, 2.0), (64, 5.0), (2, 30.0)])
def test_slow_replies_and_few_calls_at_once_can_be_refused_as_well(
    concurrency: int, latency: float
) -> None:
    seconds, refused = drive(by_chance(0.1), 300, concurrency=concurrency, latency=latency)
    assert refused >= 10 and seconds <= 60 + 2.2 * 300 * latency / concurrency, (seconds, refused)


def test_a_small_run_that_is_refused_by_chance_from_its_first_call_on_does_not_crawl() -> None:
    for seed in range(10):
        seconds, refused = drive(by_chance(0.2, seed), 60, concurrency=7, latency=0.01)
        assert refused >= 5 and seconds <= 25, (seed, seconds, refused)


def test_refusals_that_have_nothing_to_do_with_the_pace_do_not_bring_it_down_for_long() -> None:
    seconds, refused = drive(by_chance(0.05), 2000)
    assert 60 <= refused <= 150 and seconds <= 35, (seconds, refused)


def test_a_rate_that_the_user_names_is_kept_evenly() -> None:
    now, sent = 0.0, 0
    limits = Limits(rpm=600, clock=lambda: now)
    while now < 10:
        if limits.delay(REQUEST) <= 0:
            limits.end(limits.begin(REQUEST))
            sent += 1
        else:
            now += limits.delay(REQUEST) + 1e-9
    assert 99 <= sent <= 102


def test_a_retry_after_holds_everything_in_full() -> None:
    now = 5.0
    limits = Limits(clock=lambda: now)
    call = limits.begin(REQUEST)
    limits.failed(call, Transient("429", retry_after=40.0, is_server_busy=True))
    limits.end(call)
    assert limits.delay(REQUEST) == pytest.approx(40.0)
    now = 45.1
    assert limits.delay(REQUEST) < 1


def test_a_burst_of_refusals_lowers_an_adaptive_limit_once() -> None:
    now = 0.0
    limits = Limits(adaptive=True, most=64, clock=lambda: now)
    calls = [limits.begin(REQUEST) for _ in range(8)]
    assert limits.delay(REQUEST) == math.inf
    now = 0.01
    for call in calls:
        limits.failed(call, Transient("429", is_server_busy=True))
        limits.end(call)
    assert limits._adaptive is not None and limits._adaptive.limit == 5


def test_most_calls_failing_opens_the_breaker_and_the_first_success_closes_it() -> None:
    said = list[str]()
    breaker = Breaker("here", said.append)
    breaker.answered()
    for number in range(25):
        breaker.failed(number, "HTTP 500 (boom)", 0.0)
    assert breaker.is_open and 0 < breaker.delay(0, 0.0) <= 0.5
    breaker.sent(30)
    assert breaker.delay(1, 1.0) == math.inf  # one probe at a time
    breaker.ended(30)
    breaker.answered()
    still_open = bool(breaker.is_open)
    assert (still_open, len(said)) == (False, 2)
    assert "HTTP 500 (boom)" in said[0] and "answers again" in said[1]


def test_the_breaker_remembers_only_the_latest_requests_that_failed() -> None:
    breaker, others = Breaker("here", lambda text: None), Breaker.MOST_REQUESTS
    for number in range(3 * others):
        breaker.answered()
        breaker.answered()
        breaker.failed(number, "HTTP 500 (boom)", 0.0, f"request {number}")
    assert not breaker.is_open and len(breaker._failed) == others
    for number in range(40):  # a request that is remembered does not count again
        breaker.answered()
        breaker.failed(number, "HTTP 500 (boom)", 0.0, f"request {3 * others - 1}")
    assert not breaker.is_open


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1m2.5s", 62.5),
        ("120ms", 0.12),
        ("7", 7.0),
        ("6m0s", 360.0),
        ("1970-01-01T00:00:09Z", 9.0),
        ("soon", None),
        ("", None),
    ],
)
def test_durations_are_read_as_providers_write_them(text: str, seconds: float | None) -> None:
    assert seconds_of(text, 0.0) == seconds


def test_headers_say_what_is_left() -> None:
    headers = {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
    }
    assert allowance(headers, 0.0) == Allowance(requests=Remaining(59, 60, 1.0))
    assert allowance({"content-type": "text/plain"}, 0.0) is None
