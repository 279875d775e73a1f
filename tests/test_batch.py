"""Runs through the batch endpoint have the live run's bytes, and buy nothing twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import iscoroutinefunction
from pathlib import Path
from random import Random
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet
from batches import BatchServer, Course
from command import ENVIRONMENT, Ran, at, dataset, finish, invoke
from server import LoopbackServer, failing, rejecting

from selfinstruct.asking.settings import fresh
from selfinstruct.models import Decoding, Request, Usage
from selfinstruct.models.batch.api import BatchApi
from selfinstruct.models.batch.collector import Collector, PendingRequest
from selfinstruct.models.batch.log import SentBatch, SentRequest
from selfinstruct.models.batch.patience import Patience
from selfinstruct.models.batch.polling import Polling
from selfinstruct.models.money.meter import Meter, Tokens
from selfinstruct.models.money.prices import TokenPrice, price_of
from selfinstruct.recipes.pace import Pace
from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig
from selfinstruct.runs.batches import Batches, left_open
from selfinstruct.runs.completions import Completions

N = 20  # examples: five rounds of batches
PRICED = ("--price-in", 1000, "--price-out", 2000)
HALF = 0.5  # of these prices, for a batch
QUICK = [
    (Collector, "IDLE", 0.03),
    (BatchApi, "pauses", (0.02, 60.0)),
    (Polling, "LATE", 0.1),
    (Polling, "GROWING", 0.1),
    (BatchApi, "settle", 0.1),
    (Patience, "PAUSE", 0.02),
]
QUICKLY = "".join(
    f"from {kind.__module__} import {kind.__name__}\n{kind.__name__}.{name} = {value}\n"
    for kind, name, value in QUICK
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, name, value in QUICK:
        monkeypatch.setattr(kind, name, value)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return made_live(tmp_path_factory.mktemp("live") / "run")


def made_live(out: Path, *words: object) -> dict[str, bytes]:
    with LoopbackServer() as server:
        invoke("generate", *at(server), "--n", N, "--out", out, *words).done()
    return dict(dataset(out))


def through(server: BatchServer, out: Path, *words: object) -> Ran:
    return invoke("generate", *at(server), "--n", N, "--out", out, "--batch", *words)


def slowly(*values: object) -> ParameterSet:
    """A case that the default run leaves to others like it."""
    return pytest.param(*values, marks=pytest.mark.slow)


def bill(server: BatchServer) -> float:
    """USD, by the server's own books."""
    return (
        HALF * sum(prompt * 1000 + completion * 2000 for prompt, completion in server.charged) / 1e6
    )


def told(out: Path) -> dict[str, Any]:
    found = json.loads(invoke("status", out, "--json").done().out)
    assert isinstance(found, dict)
    return found


# ---------------------------------------------------------------- the same bytes


@pytest.mark.parametrize(
    "courses",
    [
        (Course(),),
        (Course(), Course(seconds=0.3, expires=0.4), Course(expires=1.0), Course()),
        (
            Course(failing={0: "500", 2: "429"}),
            Course(failing=dict.fromkeys(range(5, 15), "503")),
            Course(),
        ),
        (Course(failing=dict.fromkeys(range(100), "500")), Course()),  # an error file alone
        (Course(loses=0.3), Course(loses=0.3), Course(loses=1.0), Course()),
        (
            Course(),
            Course(refused=("token_limit_exceeded", "Enqueued token limit reached.")),
            Course(),
        ),
        (Course(garbage=True),),
    ],
    ids=[
        "smoothly",
        "expired",
        "partly failed",
        "error file only",
        "lines missing",
        "too many tokens",
        "garbage",
    ],
)
def test_a_batched_run_gives_the_live_runs_bytes_however_its_batches_go(
    courses: tuple[Course, ...], live: dict[str, bytes], tmp_path: Path
) -> None:
    with BatchServer(*courses) as server:
        ran = through(server, tmp_path / "run").done()
    assert dataset(tmp_path / "run") == live
    assert server.live == 0 and len(server.batches) > 2
    if courses == (Course(),):  # else one more may be open when the run is whole
        assert not any(left_open(tmp_path / "run"))
    if not any(course.loses for course in courses):  # who loses a reply has it paid for
        assert not server.bought_twice
    assert "batch batch_0: sent with 1 request\n" in ran.err


def test_another_interface_and_a_field_that_is_not_taken_give_them_as_well(tmp_path: Path) -> None:
    words = ("--preset", "paper")
    with BatchServer() as server:
        server.behaviours = (rejecting("seed"),)
        through(server, tmp_path / "run", *words).done()
        assert {call.path for call in server.calls} == {"/v1/completions"}
        assert [name for name in server.calls[-1].body if name == "seed"] == []
    with LoopbackServer(rejecting("seed")) as server:
        invoke("generate", *at(server), "--n", N, "--out", tmp_path / "live", *words).done()
    assert dataset(tmp_path / "run") == dataset(tmp_path / "live")


def test_big_batches_are_split(
    live: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Collector, "MOST", 5)
    with BatchServer(Course(seconds=0.05)) as server:
        through(server, tmp_path / "by number").done()
        assert max(server.sizes) == 5 and dataset(tmp_path / "by number") == live
    monkeypatch.setattr(Collector, "MOST_BYTES", 10_000)
    with BatchServer() as server:
        through(server, tmp_path / "by size").done()
        assert (
            max(map(len, server.files.values())) <= 10_000 and dataset(tmp_path / "by size") == live
        )


def test_every_token_is_counted_once_and_costs_half(tmp_path: Path) -> None:
    with BatchServer(Course(expires=0.3), Course(failing={1: "500"}), Course()) as server:
        through(server, tmp_path / "run", *PRICED).done()
    meter = Meter()
    Completions(tmp_path / "run" / "completions.jsonl", meter, read_only=True)
    prompt, completion = (sum(counts) for counts in zip(*server.charged, strict=True))
    assert meter.usage == Usage(
        prompt, completion, batch_prompt_tokens=prompt, batch_completion_tokens=completion
    )
    assert meter.requests == len(server.charged)
    said = told(tmp_path / "run")
    assert said["cost_usd"] == pytest.approx(bill(server)) and said["calls"] == sum(server.sizes)
    assert (said["unknown_calls"], said["open_batches"]) == (0, [])


def test_a_lost_reply_may_be_on_the_bill_and_counts_at_its_worst(tmp_path: Path) -> None:
    with BatchServer(Course(), Course(loses=0.4), Course()) as server:
        through(server, tmp_path / "run", *PRICED).done()
    said = told(tmp_path / "run")
    assert (
        said["unknown_calls"] > 0
        and said["cost_usd"] < bill(server) <= said["cost_usd"] + said["unknown_cost_usd"]
    )
    with BatchServer() as other:
        invoke(
            "generate", "--out", tmp_path / "run", "--n", N + 1, "--base-url", other.base_url
        ).done()
    again = told(tmp_path / "run")  # read from the files
    assert (again["unknown_calls"], again["unknown_cost_usd"]) == (
        said["unknown_calls"],
        said["unknown_cost_usd"],
    )


def test_replies_from_before_there_were_batches_still_load() -> None:
    assert Usage(3, 4) + Usage(1, 1).in_batch() == Usage(4, 5, 0, 0, 1, 1)
    assert Usage(4, 5, 2).in_batch() - Usage(1, 1, 1).in_batch() == Usage(3, 4, 1).in_batch()


def test_a_dry_run_tells_the_batch_price() -> None:
    words = (
        "generate",
        "--dry-run",
        "--model",
        "m",
        "--base-url",
        "http://127.0.0.1:9/v1",
        "--n",
        1000,
        *PRICED,
    )
    costs = []
    for more in ((), ("--batch",), ("--batch", "--price-batch", 0.25)):
        line = next(
            one for one in invoke(*words, *more).done().out.splitlines() if "  cost " in one
        )
        assert ("at the batch price" in line) == bool(more)
        costs.append(
            [
                float(word.strip("$,").replace(",", ""))
                for word in line.split()
                if word.startswith("$")
            ]
        )
    assert costs[1] == pytest.approx([one / 2 for one in costs[0]], abs=0.01)
    assert costs[2] == pytest.approx([one / 4 for one in costs[0]], abs=0.01)


def test_prices_of_batches_and_of_cached_tokens_are_those_of_the_list() -> None:
    cached = Usage(1_000_000, 0, 1_000_000)
    mini = price_of(fresh(SelfInstructConfig, {"model": "gpt-5-mini"}))
    older = price_of(fresh(SelfInstructConfig, {"model": "gpt-4o-mini"}))
    assert mini is not None and older is not None
    assert (mini.live, mini.batch) == (TokenPrice(0.25, 2.0, 0.025), TokenPrice(0.125, 1.0, 0.0125))
    assert older.batch == TokenPrice(0.075, 0.3)  # in a batch it has no discount for what is cached
    assert [
        one.cost(usage) for one in (mini, older) for usage in (cached, cached.in_batch())
    ] == pytest.approx([0.025, 0.0125, 0.075, 0.075])
    said = price_of(fresh(SelfInstructConfig, {"model": "gpt-5-mini", "price_batch": 0.8}))
    assert said is not None and (said.batch.prompt, said.batch.completion) == pytest.approx(
        (0.2, 1.6)
    )
    mixed = Usage(300, 20, 100) + Usage(500, 40, 200).in_batch()
    assert mini.cost(mixed) == pytest.approx(
        mini.cost(Usage(300, 20, 100)) + mini.cost(Usage(500, 40, 200).in_batch())
    )


@pytest.mark.parametrize(
    ("cap", "more"),
    [("--max-cost", 8.0), slowly("--max-tokens-total", 17_000), slowly("--max-requests", 7)],
)
def test_a_cap_ends_a_batched_run_and_a_higher_one_goes_on(
    cap: str, more: float, live: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with BatchServer(Course(), Course(failing={0: "500"}), Course()) as server:
        ended = through(server, out, *PRICED, cap, more)
        assert ended.code == 75 and f"stopped ({cap} {more:g}: " in ended.out, ended
        assert 0 < spent(server, cap) <= more
        through(server, out, cap, 10**9).done()
        assert not server.bought_twice
    assert dataset(out) == live


def spent(server: BatchServer, cap: str) -> float:
    tokens = sum(map(sum, server.charged))
    return {
        "--max-cost": bill(server),
        "--max-tokens-total": tokens,
        "--max-requests": sum(server.sizes),
    }[cap]


# ---------------------------------------------------------------- failures


def test_a_request_that_is_refused_alone_is_lost_alone_and_recorded(tmp_path: Path) -> None:
    with BatchServer(
        Course(), Course(failing={0: "content filter", 1: "400", 2: "context openai"}), Course()
    ) as server:
        through(server, tmp_path / "run").done()
        assert not server.bought_twice
    rejected = [
        json.loads(line) for line in (tmp_path / "run" / "rejected.jsonl").read_text().splitlines()
    ]
    reasons = Counter(one["reason"] for one in rejected if one["what"] == "reply")
    assert reasons["content_filter"] and reasons["bad_request"] and reasons["context_overflow"], (
        reasons
    )


def test_a_request_that_always_fails_while_others_do_not_is_given_up(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.behaviours = (failing("500", when=lambda call: call.key[0] in "57"),)
        through(server, tmp_path / "run", "--retries", 3).done()
        failed = [server.received[key] for key in server.received if not server.completed[key]]
        assert max(failed) == 3 and failed.count(3) > 1  # others were not needed after all
    replies = (tmp_path / "run" / "completions.jsonl").read_text("utf-8")
    assert '"error": "server_error"' in replies


@pytest.mark.parametrize(
    ("course", "words"),
    [
        (
            Course(refused=("invalid_json_line", "This line is not parseable.")),
            "refused (This line is not parseable.)",
        ),
        (Course(cancelled=0.5), "was cancelled"),
        (Course(failing=dict.fromkeys(range(99), "401")), "HTTP 401"),
        slowly(Course(failing=dict.fromkeys(range(99), "model")), "HTTP 404"),
    ],
    ids=["refused", "cancelled", "key", "model"],
)
def test_a_batch_that_helps_nobody_ends_the_sitting_and_the_next_one_begins_another(
    course: Course, words: str, live: dict[str, bytes], tmp_path: Path
) -> None:
    with BatchServer(Course(), course, Course()) as server:
        assert words in through(server, tmp_path / "run").error
        assert not any(left_open(tmp_path / "run"))
        through(server, tmp_path / "run").done()
        assert not server.bought_twice
    assert dataset(tmp_path / "run") == live


def test_requests_that_nobody_answers_end_the_sitting(tmp_path: Path) -> None:
    with BatchServer(Course(failing=dict.fromkeys(range(99), "500"))) as server:
        assert (
            "no request was answered, and so 2 times"
            in through(server, tmp_path / "run", "--retries", 2).error
        )


def test_an_endpoint_without_batches_is_told_from_one_that_is_gone(tmp_path: Path) -> None:
    with LoopbackServer() as server:
        said = invoke("generate", *at(server), "--n", N, "--out", tmp_path / "run", "--batch").error
    assert "no batch endpoint (leave out --batch)" in said
    said = invoke(
        "generate",
        "--model",
        "m",
        "--base-url",
        server.base_url,
        "--out",
        tmp_path / "gone",
        "--batch",
    ).error
    assert "cannot connect" in said


@pytest.mark.parametrize(
    "strange",
    [
        {"status": 7},
        slowly({"status": None}),
        {"request_counts": "x", "output_file_id": 7, "error_file_id": []},
        slowly({"status": "failed", "errors": "x"}),
        slowly({"status": "failed", "errors": {"data": [7]}}),
        {"status": "failed", "errors": {"data": [{"message": ["\x1b[31m"], "line": {}}]}},
        {"status": "completed", "output_file_id": "gone"},
        {"status": "COMPLETED", "request_counts": {"completed": "x"}},
    ],
    ids=str,
)
def test_what_no_batch_endpoint_should_say_ends_in_one_line_at_worst(
    strange: dict[str, Any], tmp_path: Path
) -> None:
    with BatchServer() as server:
        server.strange = strange
        ran = through(server, tmp_path / "run", "--retries", 2, *PRICED)
        assert ran.code == 0 or ran.error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--model", "scripted"),
            "'scripted' is this program's own and has no batch endpoint; leave --batch out",
        ),
        (("--model", "local"), "'local' is this program's own and has no batch endpoint"),
        (
            ("--model", "local:some.gguf"),
            "'local:some.gguf' is this program's own and has no batch endpoint",
        ),
        (
            ("--model", "m", "--base-url", "http://a/v1", "--base-url", "http://b/v1"),
            "--batch: needs one --base-url",
        ),
    ],
)
def test_what_has_no_batch_endpoint_says_so(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    assert said in invoke("generate", *words, "--out", tmp_path / "run", "--batch").error
    assert not (tmp_path / "run").exists()


def test_a_server_that_breaks_connections_is_waited_for(
    live: dict[str, bytes], tmp_path: Path
) -> None:
    """Before and after it has done what it was asked: a batch is not made twice."""
    happened: Counter[str] = Counter()

    def now_and_then(what: str) -> None:
        happened[what] += 1
        if happened[what] % 3 == 2:
            raise OSError(what)  # aiohttp's server answers 500

    with BatchServer(on=now_and_then) as server:
        through(server, tmp_path / "run").done()
        assert not server.bought_twice
    assert dataset(tmp_path / "run") == live and min(happened.values()) > 2


# ---------------------------------------------------------------- processes that die


class Killed(BaseException):
    """Nothing that would come next comes."""


# A step, whether it has been taken, and what a process that dies there has done.
STEPS = {
    "asked": (BatchApi, "upload", "before"),
    "uploaded": (BatchApi, "upload", "after"),
    "intent noted": (Batches, "begin", "after"),
    "created": (BatchApi, "create", "after"),
    "its id noted": (Batches, "name", "after"),
    "polled": (BatchApi, "look", "after"),
    "done but not fetched": (BatchApi, "content", "before"),
    "fetched": (BatchApi, "content", "after"),
    "half of the replies recorded": (Completions, "put", "after"),
    "all of them recorded": (Batches, "close", "before"),
    "closed": (Batches, "close", "after"),
}


@contextmanager
def dying(out: Path, step: str, number: int) -> Iterator[Path]:
    """Dies the nth time that a sitting comes to a step.

    Yields the directory as a kill -9 at that moment would leave it.
    """
    kind, name, when = STEPS[step]
    take, left, taken = getattr(kind, name), out.with_name("left by the dead"), 0

    def die() -> None:
        if not left.exists():
            shutil.copytree(out, left)
        raise Killed

    async def later(self: object, *arguments: object) -> object:
        nonlocal taken
        taken += 1
        if taken >= number and when == "before":
            die()
        found = await take(self, *arguments)
        if taken >= number:
            die()
        return found

    def at_once(self: object, *arguments: object, **more: object) -> object:
        nonlocal taken
        taken += 1
        if taken >= number and when == "before":
            die()
        found = take(self, *arguments, **more)
        if taken >= number:
            die()
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kind, name, later if iscoroutinefunction(take) else at_once)
        yield left


@pytest.mark.parametrize("step", STEPS)
def test_wherever_a_process_dies_nothing_is_lost_or_bought_twice_and_the_cost_is_right(
    step: str, live: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with BatchServer() as server:
        with dying(out, step, 9 if step.startswith("half") else 2) as left, pytest.raises(Killed):
            through(server, out, *PRICED)
        through(server, left, *PRICED).done()
        assert not server.bought_twice
        assert dataset(left) == live
        said = told(left)
        assert said["cost_usd"] == pytest.approx(bill(server)) and said["unknown_calls"] == 0
        assert (said["calls"], said["open_batches"]) == (sum(server.sizes), [])


def test_a_batch_is_found_again_at_an_endpoint_that_keeps_no_token(
    live: dict[str, bytes], tmp_path: Path
) -> None:
    with BatchServer() as server:
        server.keeps_metadata = False
        with dying(tmp_path / "run", "created", 2) as left, pytest.raises(Killed):
            through(server, tmp_path / "run")
        through(server, left).done()
        assert not server.bought_twice
    assert dataset(left) == live


def test_a_round_is_for_a_high_yield_at_first_and_holds_a_reserve_near_the_end() -> None:
    first = Pace(1000, 16, most=2.0, evenly=False)
    assert 500 <= first.instructions() <= 515
    first.admitted, first.known, first.examples = 500, 500, 500
    assert 500 <= first.instructions() <= 525  # the yield may still turn out to be higher
    last = Pace(1000, 16, known=900, admitted=900, examples=900, most=2.0, evenly=False)
    assert 105 <= last.instructions() <= 115


def test_no_turn_begins_for_half_of_what_it_will_give_while_a_round_is_out() -> None:
    pace = Pace(60, 16, turns=4, admitted=28, per_turn=6.0, most=2.0, evenly=False)
    assert 28 < pace.instructions() < 32 and not pace.needs_turn()
    pace.known, pace.examples = 28, 56
    assert pace.needs_turn()


@pytest.mark.parametrize(("n", "share"), [(60, 0.1), slowly(3000, 0.05)])
@pytest.mark.parametrize("seed", [0, slowly(1), slowly(2)])
def test_a_batched_run_buys_little_beyond_its_end(
    n: int, share: float, seed: int, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with BatchServer() as server:
        through(server, out, "--seed", seed, "--n", n).done()
        assert not server.bought_twice
    last = len((out / "instructions.jsonl").read_text("utf-8").splitlines())
    turns = json.loads((out / "checkpoint.json").read_text("utf-8"))["end"]["turns"]
    bought, beyond = Counter[str](), Counter[str]()
    for reply in map(json.loads, (out / "completions.jsonl").read_text("utf-8").splitlines()):
        kind, number = reply["place"][0], int(reply["place"][1:])
        stage = "instances" if reply["stage"].endswith("first") else reply["stage"]
        bought[stage] += 1
        beyond[stage] += number >= turns if kind == "t" else number > last
    assert {stage for stage in bought if beyond[stage] > share * bought[stage]} == set()


def test_what_is_open_counts_at_its_worst_until_it_is_back(tmp_path: Path) -> None:
    """A batch may take up a whole cap: nothing else is sent until its replies are there."""
    out = tmp_path / "run"
    with BatchServer() as server:
        with dying(out, "its id noted", 1) as left, pytest.raises(Killed):
            through(server, out, *PRICED)
        (batch,) = told(left)["open_batches"]
        assert batch["id"] == "batch_0" and batch["requests"] == 1
        assert bill(server) < batch["cost_usd"] < 9 * bill(server)
        cap = batch["cost_usd"] + 1.5
        ended = through(server, left, "--max-cost", cap)
        assert ended.code == 75 and len(server.batches) > 1
        assert 1.0 < bill(server) <= cap and told(left)["cost_usd"] == pytest.approx(bill(server))


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=[pytest.mark.slow] if seed else []) for seed in range(20)]
)
def test_no_cap_is_passed_by_the_servers_books_whatever_dies_and_whatever_fails(
    seed: int, live: dict[str, bytes], tmp_path: Path
) -> None:
    chance = Random(seed)
    cap = chance.choice(["--max-cost", "--max-tokens-total", "--max-requests"])
    most = (
        chance.uniform(0.1, 0.7)
        * {"--max-cost": 9.0, "--max-tokens-total": 16_000, "--max-requests": 40}[cap]
    )
    most = round(most, 2) if cap == "--max-cost" else int(most)
    courses = [
        Course(
            expires=chance.choice([0.0, 0.0, 0.5]),
            loses=chance.choice([0.0, 0.0, 0.3]),
            failing=dict.fromkeys(
                chance.sample(range(30), chance.choice([0, 3])), chance.choice(["500", "429"])
            ),
        )
        for _ in range(30)
    ]
    out = tmp_path / "0"
    with BatchServer(
        Course(), *courses
    ) as server:  # a run in which nothing at all was answered is taken away again
        for sitting in range(3):
            step = chance.choice(list(STEPS))
            try:
                with dying(
                    out, step, chance.randint(1, 12 if step.startswith("half") else 3)
                ) as left:
                    through(server, out, *PRICED, cap, most)
            except Killed:
                out = left.rename(tmp_path / str(sitting + 1))
            assert spent(server, cap) <= most
        assert through(server, out, *PRICED, cap, most).code in (0, 75)
        assert spent(server, cap) <= most
        server.courses = [Course()]
        through(server, out, *PRICED, cap, 10**9).done()
    assert dataset(out) == live
    said = told(out)
    assert said["calls"] == sum(server.sizes)
    assert (
        said["cost_usd"]
        <= bill(server) + 1e-9
        <= said["cost_usd"] + said["unknown_cost_usd"] + 2e-9
    )


def stopping(what: str, number: int) -> Callable[[str], None]:
    """For a server: sends this process a signal the nth time that something happens."""
    seen = Counter[str]()

    def hear(happened: str) -> None:
        seen[happened] += 1
        if (happened, seen[happened]) == (what, number):
            os.kill(os.getpid(), signal.SIGTERM)

    return hear


def test_a_signal_leaves_batches_open_and_says_so_and_status_shows_them(
    live: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with BatchServer(Course(seconds=0.6), Course(), on=stopping("look", 3)) as server:
        ran = through(server, out, *PRICED)
        assert ran.code == 128 + signal.SIGTERM
        assert "batches that stay open: batch_0; the same command goes on with them" in ran.err
        assert f"selfinstruct resume {out}" in ran.out
        status = invoke("status", out).done().out
        assert (
            "  batch        batch_0: 1 request, $" in status
            and "at most, not counted below until they are back" in status
        )
        through(server, out).done()
        assert server.sizes[0] == 1 and not server.bought_twice
    assert dataset(out) == live


def test_a_run_that_goes_on_without_batches_still_takes_what_is_open(
    live: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with BatchServer(Course(seconds=0.6), Course(), on=stopping("look", 3)) as server:
        through(server, out, *PRICED)
        two = ("--base-url", server.base_url, "--base-url", server.base_url + "/")
        refused = invoke("generate", *two, "--out", out, "--no-batch").error
        assert (
            "batches are open (batch_0); "
            "go on with the one --base-url and --model that they went to" in refused
        )
        invoke("generate", *at(server), "--out", out, "--no-batch").done()
        assert len(server.batches) == 1 and server.live > 0 and not server.bought_twice
        spent = bill(server) + sum(
            (call["usage"]["prompt_tokens"] * 1000 + call["usage"]["completion_tokens"] * 2000)
            / 1e6
            for call in map(json.loads, (out / "completions.jsonl").read_text("utf-8").splitlines())
            if "batch_prompt_tokens" not in call["usage"]
        )
        said = told(out)
        assert (
            said["cost_usd"] == pytest.approx(spent)
            and said["calls"] == server.live + 1
            and said["unknown_calls"] == 0
        )
    assert dataset(out) == live and not any(left_open(out))


def test_a_run_that_is_whole_cancels_what_nobody_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits a moment for what that has cost; a longer run takes what was done of it."""
    monkeypatch.setattr(Collector, "MOST", 8)
    out = tmp_path / "run"
    with BatchServer(*[Course(seconds=0.02 * (number % 7)) for number in range(50)]) as server:
        through(server, out, *PRICED).done()
        assert told(out)["cost_usd"] == pytest.approx(bill(server)) and not any(left_open(out))
        invoke("generate", *at(server), "--out", out, "--batch", "--n", N + 15).done()
        assert not server.bought_twice
    with LoopbackServer() as plain:
        invoke("generate", *at(plain), "--out", tmp_path / "live", "--n", N + 15).done()
    assert dataset(out) == dataset(tmp_path / "live")


def test_the_same_command_settles_what_a_finished_run_has_left_open(tmp_path: Path) -> None:
    out = tmp_path / "run"
    log = out / "batches.jsonl"
    with BatchServer() as server:
        through(server, out, *PRICED).done()
        made, cost = dataset(out), told(out)["cost_usd"]
        log.write_text(
            log.read_text("utf-8").rpartition('{"batch"')[0], "utf-8"
        )  # as if it had died before the last line
        assert len(told(out)["open_batches"]) == 1
        invoke("generate", "--out", out).done()
    said = told(out)
    assert (said["open_batches"], said["unknown_calls"]) == ([], 0) and said[
        "cost_usd"
    ] == cost == pytest.approx(bill(server))
    assert dataset(out) == made and not any(left_open(out))


def test_a_batch_holds_requests_of_a_single_model() -> None:
    collector = Collector()
    for number, model in enumerate("abba"):
        asked = Request("answer", f"i{number}", model, "chat", (), Decoding(), 0)
        collector.add(asked.key, PendingRequest(asked, Usage(10, 100).in_batch()))
    taken = [[item.request.model for item in collector.take(lambda _: b"-")[1]] for _ in range(3)]
    assert taken == [["a", "a"], ["b", "b"], []]


def test_a_log_names_a_model_only_where_it_is_not_the_main_one(tmp_path: Path) -> None:
    path, meter = tmp_path / "batches.jsonl", Meter(model="a")
    log, most = Batches(path, meter), Usage(10, 100).in_batch()
    asked = [Request("answer", name, name, "chat", (), Decoding(), 0) for name in "ab"]
    sent = tuple(SentRequest.of(request, most) for request in asked)
    log.begin(SentBatch("t", sent, 1.0, "f"))
    [line] = [json.loads(text) for text in path.read_text().splitlines()]
    assert [entry[5:] for entry in line["requests"]] == [[], ["b"]]
    opened = Batches(path, Meter(model="a"))
    assert [request.model for request in opened.open["t"].requests] == ["", "b"]
    assert opened.open["t"].requests[1].request.model == "b"
    opened.close("t", "completed", opened.open["t"].requests)
    again = Meter(model="a")
    Batches(path, again)
    assert (again.calls, again.unknown_calls) == (2, 2)
    assert again.unsure == Tokens(Usage(20, 200).in_batch(), {"b": most})


def test_a_damaged_log_is_named(tmp_path: Path) -> None:
    with BatchServer() as server:
        through(server, tmp_path / "run").done()
        with (tmp_path / "run" / "batches.jsonl").open("a") as file:
            file.write('{"batch": 1}\n')
        said = through(server, tmp_path / "run", "--n", N + 1).error
    assert "batches.jsonl:" in said and "damaged" in said


# ---------------------------------------------------------------- real processes


def process(server: BatchServer, out: Path, *words: object) -> subprocess.Popen[bytes]:
    """The command in a process of its own, quick."""
    program = QUICKLY + "from selfinstruct.cli import main\nmain()"
    command = [
        sys.executable,
        "-c",
        program,
        "generate",
        *at(server),
        "--n",
        N,
        "--out",
        out,
        "--batch",
        *PRICED,
        *words,
    ]
    return subprocess.Popen(
        list(map(str, command)),
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def killed_when(what: str, number: int, server: BatchServer, out: Path) -> int:
    """Kills a sitting when the server sees something for the nth time; its exit code."""
    begun: list[subprocess.Popen[bytes]] = []
    seen = Counter[str]()

    def kill(happened: str) -> None:
        seen[happened] += 1
        if (happened, seen[happened]) == (what, number):
            os.kill(begun[0].pid, signal.SIGKILL)

    server.on = kill
    begun.append(process(server, out))
    begun[0].communicate(timeout=60)
    server.on = lambda happened: None
    return begun[0].returncode


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("what", ["upload", "uploaded", "create", "created", "look", "content"])
def test_a_process_killed_in_any_state_loses_and_buys_again_nothing(
    what: str, number: int, live: dict[str, bytes], tmp_path: Path
) -> None:
    with BatchServer(Course(seconds=0.05)) as server:
        assert killed_when(what, number, server, tmp_path / "run") == -signal.SIGKILL
        finish(process(server, tmp_path / "run")).done()
        assert not server.bought_twice
    assert dataset(tmp_path / "run") == live
    said = told(tmp_path / "run")
    assert said["cost_usd"] == pytest.approx(bill(server)) and said["unknown_calls"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("replies", [1, 9, 12])
def test_a_process_killed_while_it_records_replies_loses_and_buys_again_nothing(
    replies: int, live: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    program = (
        QUICKLY
        + f"""
import os, signal
from selfinstruct.runs.completions import Completions
from selfinstruct.cli import main
put, done = Completions.put, []
def dying(self, *arguments):
    put(self, *arguments)
    done.append(1)
    if len(done) == {replies}:
        os.kill(os.getpid(), signal.SIGKILL)
Completions.put = dying
main()
"""
    )
    with BatchServer() as server:
        words = ("generate", *at(server), "--n", N, "--out", out, "--batch", *PRICED)
        dead = subprocess.run(
            [sys.executable, "-c", program, *map(str, words)], env=ENVIRONMENT, capture_output=True
        )
        assert dead.returncode == -signal.SIGKILL
        finish(process(server, out)).done()
        assert not server.bought_twice
    assert dataset(out) == live
    assert told(out)["cost_usd"] == pytest.approx(bill(server)) and told(out)["unknown_calls"] == 0


def test_two_models_answer_through_batches_of_their_own(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(f'{{"instruction": "Name river {n}."}}\n' for n in range(30)))
    words = ("respond", rows, "--model", "a", "--model", "b", "--out")
    with LoopbackServer() as server:
        invoke(*words, tmp_path / "live", "--base-url", server.base_url).done()
    with BatchServer() as server:
        address = ("--base-url", server.base_url)
        invoke(*words, tmp_path / "run", *address, "--batch").done()
        assert server.live == 0
    assert dataset(tmp_path / "run") == dataset(tmp_path / "live")
    replies = (tmp_path / "run" / "completions.jsonl").read_text().splitlines()
    assert len(replies) == 60
    for batch in map(json.loads, (tmp_path / "run" / "batches.jsonl").read_text().splitlines()):
        assert len({tuple(entry[5:]) for entry in batch.get("requests", ())}) <= 1
