"""What surrounds a provider: how many calls at once, which are made again and for how long, what is counted and kept."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any, TypeVar

import pytest

from selfinstruct.errors import ModelError, NoRoom, Refused, RequestFailed, Transient
from selfinstruct.models import PROBE, Completion, Decoding, Message, Model, Request, Usage
from selfinstruct.models.limits.concurrency import Bounded, Paced
from selfinstruct.models.money.budget import Budget, Caps, Metered
from selfinstruct.models.money.meter import Meter
from selfinstruct.models.record import Recorded
from selfinstruct.models.retry import Retried

T = TypeVar("T")
Answer = Callable[
    [Request, int], Awaitable[Completion]
]  # the request, and how many times it came before


class Provider:
    """Answers as it is told, and remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked: list[str] = []
        self.answered: Counter[str] = Counter()
        self.under_way = self.most = 0
        self.closed = 0

    async def complete(self, request: Request) -> Completion:
        before = self.asked.count(request.place)
        self.asked.append(request.place)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            completion = await self._answer(request, before)
            self.answered[request.place] += 1
            return completion
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        self.closed += 1


class Quick(Retried):
    PAUSE, LONGEST_PAUSE = 0.001, 0.005


class Shelf:
    """A record in memory. `full`: how many times it has no room."""

    def __init__(self, full: int = 0) -> None:
        self.kept: dict[str, Completion] = {}
        self.puts: list[str] = []
        self._full = full

    def get(self, key: str) -> Completion | None:
        return self.kept.get(key)

    def put(self, key: str, request: Request, completion: Completion, seconds: float) -> None:
        if self._full:
            self._full -= 1
            raise NoRoom("the disk is full")
        self.kept[key] = completion
        self.puts.append(request.place)


def request(place: object, stage: str = "propose") -> Request:
    return Request(stage, f"t{place}", "m", "chat", (Message("user", "Hello."),), Decoding(), 0)


def completion(to: Request) -> Completion:
    return Completion(f"to {to.place}", "stop", Usage(3, 2))


async def at_once(asked: Request, before: int) -> Completion:
    return completion(asked)


def failing(times: int, error: Callable[[], Exception] = lambda: Transient("busy")) -> Answer:
    async def answer(asked: Request, before: int) -> Completion:
        if before < times:
            raise error()
        return completion(asked)

    return answer


def gone() -> Exception:
    return Transient("cannot connect", is_server_gone=True)


async def all_of(model: Model, count: int) -> list[Completion]:
    return list(await asyncio.gather(*(model.complete(request(place)) for place in range(count))))


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(main)


# ------------------------------------------------------------------------------------------------ paced


@pytest.mark.parametrize("concurrency", [1, 3, 50])
def test_never_more_calls_at_once_than_allowed_and_none_is_forgotten(concurrency: int) -> None:
    chance = Random(concurrency)

    async def answer(asked: Request, before: int) -> Completion:
        await asyncio.sleep(chance.random() * 0.003)
        if chance.random() < 0.1:
            raise Transient("busy")
        return completion(asked)

    provider = Provider(answer)
    model = Quick(Paced(provider, concurrency), retries=50, patience=60)
    assert run(all_of(model, 200)) == [completion(request(place)) for place in range(200)]
    assert provider.most == concurrency and provider.under_way == 0


def test_of_the_calls_that_wait_those_of_the_lowest_rank_go_first_and_equal_ones_as_they_came() -> (
    None
):
    async def answer(asked: Request, before: int) -> Completion:
        await asyncio.sleep(0)
        return completion(asked)

    async def main() -> None:
        provider = Provider(answer)
        paced = Paced(provider, 1, rank=lambda asked: (0, int(asked.place[1:]) // 10))
        await asyncio.gather(
            *(paced.complete(request(place)) for place in (25, 21, 11, 13, 5, 12, 22))
        )
        assert provider.asked == ["t25", "t5", "t11", "t13", "t12", "t21", "t22"]

    run(main())


def test_a_place_that_a_cancelled_call_was_just_given_goes_to_the_next() -> None:
    async def main() -> None:
        async def answer(asked: Request, before: int) -> Completion:
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(
                calls[1].cancel
            )  # runs when the place is free, before the call has heard of it
            return completion(asked)

        provider = Provider(answer)
        paced = Paced(provider, 1)
        calls = [asyncio.ensure_future(paced.complete(request(place))) for place in range(3)]
        found = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 60)
        assert isinstance(found[1], asyncio.CancelledError) and provider.asked == ["t0", "t2"]

    run(main())


def test_a_call_that_waits_to_be_made_again_holds_no_place() -> None:
    async def answer(asked: Request, before: int) -> Completion:
        if asked.place == "t0" and not before:
            raise Transient("busy", retry_after=0.05)
        return completion(asked)

    provider = Provider(answer)
    run(all_of(Quick(Paced(provider, 1), retries=5, patience=60), 5))
    assert provider.asked == ["t0", "t1", "t2", "t3", "t4", "t0"]


def test_after_a_stop_nothing_new_is_sent_and_what_was_sent_is_waited_for() -> None:
    async def main() -> None:
        reply = asyncio.Event()

        async def answer(asked: Request, before: int) -> Completion:
            await reply.wait()
            return completion(asked)

        provider = Provider(answer)
        paced = Paced(provider, 2)
        calls = [asyncio.ensure_future(paced.complete(request(place))) for place in range(4)]
        await asyncio.sleep(0)
        stopping = asyncio.ensure_future(paced.stop(60.0))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not stopping.done()
        reply.set()
        await stopping
        assert provider.asked == ["t0", "t1"] and [one.done() for one in calls] == [
            True,
            True,
            False,
            False,
        ]
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    run(main())


def test_a_stop_waits_no_longer_than_its_grace() -> None:
    async def main() -> None:
        provider = Provider(lambda asked, before: asyncio.Event().wait())  # type: ignore[arg-type, return-value]  # never answers
        paced = Paced(provider, 2)
        call = asyncio.ensure_future(paced.complete(request(0)))
        await asyncio.sleep(0)
        await paced.stop(0.01)
        assert not call.done()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    run(main())


def test_when_an_endpoint_refuses_the_run_nothing_more_is_sent_what_is_under_way_comes_in_and_everybody_hears_of_it() -> (
    None
):
    """Also those that were never sent: they may be the ones whose results come first."""

    async def answer(asked: Request, before: int) -> Completion:
        await asyncio.sleep(0.001 if asked.place == "t1" else 0.05)
        if asked.place == "t1":
            raise ModelError("no credit left")
        return completion(asked)

    async def main() -> None:
        provider = Provider(answer)
        paced = Paced(provider, 3)
        calls = [asyncio.ensure_future(paced.complete(request(place))) for place in range(8)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_EXCEPTION, timeout=60)
        assert (
            not provider.under_way
        )  # whoever hears of it first may cancel the others, whose replies are paid for
        found = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 60)
        assert found[0] == completion(request(0)) and found[2] == completion(request(2))
        assert [str(one) for one in found if isinstance(one, ModelError)] == ["no credit left"] * 6
        assert provider.asked == ["t0", "t1", "t2"]

    run(main())


# ------------------------------------------------------------------------------------------------ bounded


class Tight(Bounded):
    SAMPLES, LEAST, TIMES = 3, 0.03, 3.0


def test_a_call_far_beyond_the_usual_is_cut_off_and_given_twice_the_time_when_it_is_made_again() -> (
    None
):
    limits: list[float | None] = []

    async def answer(asked: Request, before: int) -> Completion:
        if asked.place == "t9":
            limits.append(bounded._limit(asked))
            await asyncio.sleep(3600 if len(limits) < 3 else 0)
        return completion(asked)

    provider = Provider(answer)
    bounded = Tight(provider)
    model = Quick(bounded, retries=50, patience=60)

    async def main() -> Completion:
        await all_of(model, 8)
        return await model.complete(request(9))

    assert run(main()) == completion(request(9))
    first, second, third = (limit or 0 for limit in limits)
    assert second == 2 * first and third == 2 * second
    assert not bounded._cut  # it starts anew


def test_what_is_usual_is_so_for_a_stage_and_unknown_at_first() -> None:
    async def answer(asked: Request, before: int) -> Completion:
        if asked.stage == "input_first":
            await asyncio.sleep(0.1)
        return completion(asked)

    provider = Provider(answer)

    async def main() -> None:
        bounded = Tight(provider)
        await all_of(bounded, 8)
        for place in range(2):
            await bounded.complete(request(place, "input_first"))

    run(main())


def test_a_call_that_was_cancelled_is_no_straggler() -> None:
    async def main() -> None:
        bounded = Tight(Provider(lambda asked, before: asyncio.Event().wait()))  # type: ignore[arg-type, return-value]
        call = asyncio.ensure_future(bounded.complete(request(0)))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not bounded._cut

    run(main())


# ------------------------------------------------------------------------------------------------ retried


def test_a_call_is_made_again_until_it_is_answered() -> None:
    provider = Provider(failing(3))
    assert run(Quick(provider, retries=8, patience=60).complete(request(0))) == completion(
        request(0)
    )
    assert provider.asked == ["t0"] * 4


@pytest.mark.parametrize(
    "error",
    [
        RequestFailed("context_overflow", "too long"),
        ModelError("no key"),
        ZeroDivisionError(),
        KeyError("bug"),
    ],
)
def test_what_will_not_pass_is_not_made_again(error: Exception) -> None:
    provider = Provider(failing(1, lambda: error))
    with pytest.raises(type(error)) as caught:
        run(Quick(provider, retries=8, patience=60).complete(request(0)))
    assert caught.value is error and provider.asked == ["t0"]


def test_the_pause_that_a_server_asks_for_is_kept() -> None:
    times: list[float] = []

    async def answer(asked: Request, before: int) -> Completion:
        times.append(time.monotonic())
        if not before:
            raise Transient("busy", retry_after=0.1)
        return completion(asked)

    run(Quick(Provider(answer), retries=8, patience=60).complete(request(0)))
    assert times[1] - times[0] >= 0.1


def test_a_request_that_fails_while_others_are_answered_fails_alone() -> None:
    async def answer(asked: Request, before: int) -> Completion:
        if asked.place == "t3":
            raise Transient("HTTP 500 (boom)")
        await asyncio.sleep(0.01)
        return completion(asked)

    provider = Provider(answer)
    meter, shelf = Meter(), Shelf()
    model = Recorded(
        Quick(Paced(Metered(provider, Budget(Caps(), meter)), 2), retries=5, patience=60),
        shelf,
        meter,
    )
    replies = run(all_of(model, 20))
    assert replies[3] == Completion("HTTP 500 (boom)", "error", error="server_error")
    assert [one for one in replies if one.error] == [replies[3]]
    assert shelf.kept[request(3).key] == replies[3] and len(shelf.kept) == 20
    assert provider.asked.count("t3") >= 5
    assert (meter.requests, meter.failed, meter.usage) == (20, 1, Usage(57, 38))
    before = len(provider.asked)
    assert (
        run(all_of(model, 20)) == replies and len(provider.asked) == before
    )  # it is part of the function


def test_a_server_that_never_answered_is_given_up_after_a_few_tries() -> None:
    provider = Provider(failing(99, gone))
    with pytest.raises(
        ModelError, match=r"cannot connect; gave up after \d+ s, start again when it answers"
    ):
        run(Quick(provider, retries=50, patience=3600).complete(request(0)))
    assert provider.asked == ["t0"] * Retried.FIRST_TRIES


def test_a_server_that_is_gone_is_waited_for_with_patience_and_then_given_up() -> None:
    provider = Provider(failing(10**6, gone))
    model = Quick(provider, retries=1, patience=0.1)

    async def main() -> None:
        provider._answer = at_once
        await model.complete(request(0))
        provider._answer = failing(10**6, gone)
        begun = time.monotonic()
        with pytest.raises(ModelError, match="cannot connect; gave up"):
            await model.complete(request(1))
        assert time.monotonic() - begun >= 0.1

    run(main())
    assert provider.asked.count("t1") > 4


def test_a_server_that_comes_back_goes_on_as_if_nothing_had_been() -> None:
    """Also if it cannot take all at once that have waited for it: their tries while it was gone do not count against them."""
    down, first_contact = 100, set[str]()

    async def answer(asked: Request, before: int) -> Completion:
        nonlocal down
        if down:
            down -= 1
            raise gone()
        if asked.place not in first_contact:
            first_contact.add(asked.place)
            if asked.place != "t0":
                raise Transient("HTTP 429 (slow down)")
        return completion(asked)

    provider, notices = Provider(at_once), list[str]()
    model = Quick(Paced(provider, 4), retries=3, patience=60, notice=notices.append)

    async def main() -> list[Completion]:
        await all_of(model, 2)
        provider._answer = answer
        return await all_of(model, 10)

    assert run(main()) == [completion(request(place)) for place in range(10)]
    assert notices == ["waiting: cannot connect"]  # said once, not by every request


def test_patience_counts_from_the_servers_last_answer_and_not_from_when_a_request_was_first_made() -> (
    None
):
    begun = time.monotonic()

    async def answer(asked: Request, before: int) -> Completion:
        if asked.place == "t0":
            if time.monotonic() - begun < 0.3:
                raise gone()
        else:
            await asyncio.sleep(0.02)
        return completion(asked)

    model = Quick(Provider(answer), retries=10**6, patience=0.2)

    async def others() -> None:
        for place in range(1, 12):
            await model.complete(request(place))

    async def main() -> Completion:
        await model.complete(request(1))
        return (await asyncio.gather(model.complete(request(0)), others()))[0]

    assert run(main()) == completion(request(0))


class QuickAtFirst(Retried):
    PAUSE = 0.001


def test_a_server_with_errors_for_everybody_is_gone_as_well_and_no_request_fails_for_it() -> None:
    """A proxy says 502 for as long as what stands behind it starts anew."""
    down, is_begun = 60, asyncio.Event()

    async def answer(asked: Request, before: int) -> Completion:
        nonlocal down
        if asked.place == "t99":
            return completion(asked)
        await is_begun.wait()
        down -= 1
        if down > 0:
            raise Transient("HTTP 502 (bad gateway)")
        return completion(asked)

    async def main() -> list[Completion]:
        under_way = [asyncio.ensure_future(model.complete(request(place))) for place in range(8)]
        await asyncio.sleep(0)
        await model.complete(request(99))  # answered after the others were begun
        is_begun.set()
        return list(await asyncio.gather(*under_way))

    provider = Provider(answer)
    model = QuickAtFirst(provider, retries=3, patience=60)
    assert run(main()) == [completion(request(place)) for place in range(8)]
    assert max(provider.asked.count(f"t{place}") for place in range(8)) > 4


def test_a_server_that_is_busy_has_nothing_against_a_request() -> None:
    async def answer(asked: Request, before: int) -> Completion:
        await asyncio.sleep(0.001)
        if asked.place == "t0" and before < 20:
            raise Transient("HTTP 429 (slow down)", is_server_busy=True)
        return completion(asked)

    provider = Provider(answer)
    assert run(all_of(Quick(Paced(provider, 2), retries=1, patience=60), 40))[0] == completion(
        request(0)
    )
    assert provider.asked.count("t0") == 21


@pytest.mark.parametrize("is_known", [False, True])
def test_while_nothing_but_probes_is_answered_few_requests_are_taken_for_lost(
    is_known: bool,
) -> None:
    """A wrong setting may be refused in each request, and never in a probe."""

    async def answer(asked: Request, before: int) -> Completion:
        if asked.stage != PROBE:
            raise Refused(ModelError("refused"), RequestFailed("bad_request", "no"))
        return completion(asked)

    async def errors() -> list[type[Exception]]:
        found: list[type[Exception]] = []
        for place in range(20):
            try:
                await model.complete(request(place))
            except (ModelError, RequestFailed) as error:
                found.append(type(error))
        return found

    model = Quick(Provider(answer), retries=8, patience=60, is_known=is_known)
    doubts = Retried.DOUBTS_IF_KNOWN if is_known else Retried.DOUBTS
    assert run(errors()) == [RequestFailed] * doubts + [ModelError] * (20 - doubts)


def test_a_refusal_of_everything_ends_the_run_and_no_request_is_lost() -> None:
    refuses = False

    async def answer(asked: Request, before: int) -> Completion:
        if refuses:
            raise Refused(ModelError("no money"), RequestFailed("bad_request", "no money"))
        return completion(asked)

    async def main() -> list[Completion | BaseException]:
        nonlocal refuses
        await all_of(model, 4)
        refuses = True
        asked = (model.complete(request(place)) for place in range(10, 30))
        return list(await asyncio.gather(*asked, return_exceptions=True))

    provider = Provider(answer)
    model = Quick(Paced(provider, 8), retries=8, patience=60)
    ends = run(main())
    assert {type(end) for end in ends} == {ModelError}
    assert all("no money; it has answered others, and now refuses" in str(end) for end in ends)
    assert provider.asked.count("probe") == 2  # of two texts


def test_a_run_whose_requests_mostly_fail_for_good_is_told_why() -> None:
    def lost() -> Exception:
        return RequestFailed("content_filter", "no")

    async def main() -> None:
        for place in range(20):
            with pytest.raises(RequestFailed):
                await model.complete(request(place))
        wanted = "20 of the last 20 requests failed for good, most of them with: content_filter"
        with pytest.raises(ModelError, match=wanted):
            await model.complete(request(20))

    provider = Provider(failing(99, lost))
    model = Quick(provider, retries=8, patience=60)
    run(main())
    assert len(provider.asked) == 20


# ------------------------------------------------------------------------------------------------ metered, recorded


def test_tokens_are_counted_and_an_error_of_the_run_is_not() -> None:
    meter = Meter()

    async def answer(asked: Request, before: int) -> Completion:
        if asked.place == "t2":
            raise ModelError("no credit")
        return completion(asked)

    async def main() -> None:
        model = Metered(Provider(answer), Budget(Caps(), meter))
        await model.complete(request(0))
        await model.complete(request(1, "classify"))
        with pytest.raises(ModelError):
            await model.complete(request(2))

    run(main())
    assert (meter.requests, meter.failed, meter.usage) == (2, 0, Usage(6, 4))


def test_what_is_on_record_is_never_bought_again_and_what_is_new_is_kept_before_anybody_sees_it() -> (
    None
):
    provider, shelf = Provider(at_once), Shelf()
    model = Recorded(provider, shelf, Meter())
    first = run(all_of(model, 10))
    assert len(shelf.puts) == 10 and run(all_of(model, 10)) == first
    assert len(provider.asked) == 10


def test_nothing_goes_on_record_that_was_not_answered() -> None:
    shelf = Shelf()

    async def main() -> None:
        with pytest.raises(ModelError):
            await Recorded(Provider(failing(1, lambda: ModelError("x"))), shelf, Meter()).complete(
                request(0)
            )
        hanging = Provider(lambda asked, before: asyncio.Event().wait())  # type: ignore[arg-type, return-value]
        never = Recorded(hanging, shelf, Meter())
        call = asyncio.ensure_future(never.complete(request(1)))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    run(main())
    assert not shelf.kept


def test_a_reply_that_finds_the_disk_full_is_kept_until_there_is_room() -> None:
    provider, shelf, notices = Provider(at_once), Shelf(full=1), list[str]()
    assert run(
        Recorded(provider, shelf, Meter(), notices.append).complete(request(0))
    ) == completion(request(0))
    assert (
        provider.asked == ["t0"]
        and shelf.puts == ["t0"]
        and notices == ["paused: the disk is full"]
    )


def test_closing_reaches_the_provider_through_every_layer() -> None:
    provider = Provider(at_once)
    metered = Metered(Bounded(provider), Budget(Caps(), Meter()))
    run(Recorded(Retried(Paced(metered, 1), retries=1, patience=0), Shelf(), Meter()).close())
    assert provider.closed == 1


# ------------------------------------------------------------------------------------------------ the request


def test_equal_requests_have_one_key_and_every_field_changes_it() -> None:
    one = request(0)
    others = [
        request(1),
        request(0, "classify"),
        Request("propose", "t0", "n", "chat", one.messages, one.decoding, 0),
        Request("propose", "t0", "m", "completions", one.messages, one.decoding, 0),
        Request("propose", "t0", "m", "chat", (Message("system", "Hello."),), one.decoding, 0),
        Request("propose", "t0", "m", "chat", (Message("user", "Hello!"),), one.decoding, 0),
        Request("propose", "t0", "m", "chat", (*one.messages, *one.messages), one.decoding, 0),
        Request("propose", "t0", "m", "chat", one.messages, one.decoding, 1),
        Request("propose", "t0", "m", "chat", one.messages, one.decoding, 0, "json_object"),
        Request("propose", "t0", "m", "chat", one.messages, one.decoding, 0, grammar="root"),
        Request("propose", "t0", "m", "chat", one.messages, one.decoding, 0, extra=(("a", {"b": 1}),)),
        *(
            Request("propose", "t0", "m", "chat", one.messages, decoding, 0)
            for decoding in (
                Decoding(temperature=1), Decoding(top_p=1), Decoding(max_tokens=1), Decoding(presence_penalty=1),
                Decoding(frequency_penalty=1), Decoding(stop=("a",)), Decoding(stop=("a", "b")), Decoding(stop=("ab",)),
            )
        ),
    ]  # fmt: skip
    assert request(0).key == one.key and len(one.key) == 32
    assert len({each.key for each in [one, *others]}) == len(others) + 1


def test_the_key_is_the_same_on_every_machine() -> None:
    """Pinned: a run resumed under another Python must find its replies."""
    asked = Request(
        "propose",
        "t0",
        "m",
        "chat",
        (Message("user", "naïve \ud800 日本"),),
        Decoding(0.7, stop=("\n",)),
        5,
        extra=(("k", [1.5]),),
    )
    assert asked.key == "7cb1f1506d4e8dbe3d42a8fedc7c2974"
