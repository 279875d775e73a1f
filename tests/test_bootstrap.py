"""Figure 2 end to end: the dataset is a function of the settings, the seeds, the prompts and the replies, of nothing else.

The scripted model answers; around it stand models that take their time, fail, or end the process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from selfinstruct.asking.stage import asking
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.errors import ModelError, RequestFailed, Stalled, UserError
from selfinstruct.models import Completion, Model, Request
from selfinstruct.models.limits.concurrency import Paced
from selfinstruct.models.money.budget import Budget, Caps, Metered
from selfinstruct.models.money.meter import Meter
from selfinstruct.models.record import Recorded
from selfinstruct.models.scripted.model import Scripted, reply
from selfinstruct.recipes import filters
from selfinstruct.recipes.engine import Engine, Step, rank
from selfinstruct.recipes.pace import Pace
from selfinstruct.recipes.self_instruct import draws
from selfinstruct.recipes.self_instruct.draws import Lists
from selfinstruct.recipes.self_instruct.presets import method_of
from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig, configure
from selfinstruct.runs.directory import DERIVED
from selfinstruct.runs.funnel import Funnel
from selfinstruct.runs.generation import Drought
from selfinstruct.runs.inputs import Inputs
from selfinstruct.runs.plan import first_request
from selfinstruct.runs.run import Run
from selfinstruct.similarity import rouge_l, tokens

ROOT = Path(__file__).parents[1]
PRESETS = ("chat", "paper", "alpaca", "small")
N = 100
HANGS = 60.0  # seconds; a sitting that takes longer waits for nothing

Dataset = dict[str, bytes]


@dataclass
class Slow:
    """The scripted model with seeded random latency: in turns of the event loop, so that the machine's load changes nothing, or,
    where `seconds` is given, by the clock. Some replies take 25 times as long as the others.
    """

    seed: int
    seconds: float = 0.0
    answered: int = 0

    async def complete(self, request: Request) -> Completion:
        chance = Random(f"{self.seed}/{request.key}")
        length = chance.random() * (25 if chance.random() < 0.02 else 1)
        if self.seconds:
            await asyncio.sleep(length * self.seconds)
        else:
            for _ in range(int(length * 20)):
                await asyncio.sleep(0)
        self.answered += 1
        return reply(request)

    async def close(self) -> None:
        pass


@dataclass
class Ends:
    """A model whose server refuses everything after so many replies."""

    inner: Model
    after: int

    async def complete(self, request: Request) -> Completion:
        self.after -= 1
        if self.after < 0:
            raise ModelError("no credit left")
        return await self.inner.complete(request)

    async def close(self) -> None:
        pass


def config_of(preset: str = "chat", n: int = N, **settings: Any) -> SelfInstructConfig:
    return configure({"preset": preset, "model": "scripted", "n": n, "concurrency": 16, **settings})


async def go_on(run: Run, inputs: Inputs, model: Model) -> None:
    """`generation.go_on` with a model of our own."""
    config = run.config
    metered = Metered(model, Budget(Caps(), run.meter))
    paced = Paced(metered, config.concurrency, rank=rank)
    layered = Recorded(paced, run.completions, run.meter)
    recipe = inputs.open()
    known, turns = run.restore(recipe), run.funnel.turns
    pace = Pace(config.n, config.concurrency, turns, known, known, run.funnel.examples)
    engine = Engine(recipe, asking(inputs.stages, layered), pace, start=turns)
    async with aclosing(engine.steps()) as steps:
        async for step in steps:
            for outcome in step.outcomes:
                run.commit(outcome)
            if run.end_step(step):
                return
    raise AssertionError("the stream of steps has no end of its own")


def sit(directory: Path, config: SelfInstructConfig, model: Model) -> Run:
    """One sitting, closed whatever happens."""
    inputs = Inputs.read(config)
    run = Run(directory, config, inputs)
    try:
        if not run.is_finished:
            asyncio.run(asyncio.wait_for(go_on(run, inputs, model), HANGS))
    finally:
        run.close()
    return run


def settings_of(run: Run) -> SelfInstructConfig:
    """The settings of a run of this recipe."""
    assert isinstance(run.config, SelfInstructConfig)
    return run.config


def dataset(directory: Path) -> Dataset:
    return {name: (directory / name).read_bytes() for name in DERIVED}


def made(directory: Path, config: SelfInstructConfig, model: Model | None = None) -> Dataset:
    sit(directory, config, model or Scripted())
    return dataset(directory)


def records(directory: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / name).read_text("utf-8").split("\n") if line]


@pytest.fixture(scope="module", params=PRESETS)
def finished(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Run]:
    """A run of each preset, under random latencies."""
    directory = tmp_path_factory.mktemp(request.param)
    return directory, sit(directory, config_of(request.param), Slow(1))


# ------------------------------------------------------------------------------------------------ what a run gives


def test_a_run_has_exactly_its_n_examples_each_with_an_output_and_an_id_of_its_own(
    finished: tuple[Path, Run],
) -> None:
    directory, run = finished
    examples = records(directory, "examples.jsonl")
    assert len(examples) == N == run.funnel.examples
    assert len({one["id"] for one in examples}) == N
    assert all(one["output"].strip() and one["instruction"].strip() for one in examples)
    assert list(examples[0]) == [
        "id",
        "instruction",
        "input",
        "output",
        "is_classification",
        "provenance",
    ]


def test_every_example_is_of_an_instruction_that_was_admitted_in_the_same_order(
    finished: tuple[Path, Run],
) -> None:
    directory, _ = finished
    admitted = {one["id"]: one for one in records(directory, "instructions.jsonl")}
    assert list(admitted) == [f"i{number:06d}" for number in range(1, len(admitted) + 1)]
    places = []
    for example in records(directory, "examples.jsonl"):
        instruction = admitted[example["provenance"]["instruction_id"]]
        assert (example["instruction"], example["is_classification"]) == (
            instruction["instruction"],
            instruction["is_classification"],
        )
        assert example["provenance"]["turn"] == instruction["turn"]
        places.append((example["provenance"]["instruction_id"], example["id"]))
    assert places == sorted(places)


def test_no_task_has_more_examples_than_allowed_nor_one_twice(finished: tuple[Path, Run]) -> None:
    directory, run = finished
    examples = records(directory, "examples.jsonl")
    times = Counter(one["provenance"]["instruction_id"] for one in examples)
    assert max(times.values()) <= settings_of(run).max_instances_per_task
    assert len({(one["instruction"], one["input"], one["output"]) for one in examples}) == N


def test_every_demonstration_was_in_the_pool_when_its_turn_began(
    finished: tuple[Path, Run],
) -> None:
    directory, run = finished
    config, seeds = (
        settings_of(run),
        {seed.id for seed in Inputs.read(settings_of(run)).materials.value.seeds},
    )
    turn_of = {one["id"]: one["turn"] for one in records(directory, "instructions.jsonl")}
    for one in records(directory, "instructions.jsonl"):
        own = [shown for shown in one["demonstrations"] if shown not in seeds]
        assert len(one["demonstrations"]) == config.demos == len(set(one["demonstrations"]))
        assert len(own) <= config.machine_demos
        assert all(turn_of[shown] < one["turn"] for shown in own)


def test_the_models_own_instructions_become_demonstrations(finished: tuple[Path, Run]) -> None:
    directory, run = finished
    shown = {
        shown for one in records(directory, "instructions.jsonl") for shown in one["demonstrations"]
    }
    assert any(one.startswith("i0") for one in shown) == bool(settings_of(run).machine_demos)


def test_the_funnel_adds_up_against_a_count_of_the_replies_themselves(
    finished: tuple[Path, Run],
) -> None:
    """Every instruction and instance in completions.jsonl, parsed once more, is admitted or rejected, once and with a reason; but
    for what was bought beyond the last example, which the files do not speak of.
    """
    directory, run = finished
    stages = Inputs.read(settings_of(run)).stages
    last_turn = run.funnel.turns - 1
    shown = "\n".join(f"{number}. Sing for me." for number in range(1, settings_of(run).demos + 1))
    others = {"brief": "1. free", "labels": "yes, then no"}
    proposed: Counter[str] = Counter()
    instances: Counter[tuple[str, str, str]] = Counter()
    ids = {one["id"]: one["instruction"] for one in records(directory, "instructions.jsonl")}
    for one in records(directory, "completions.jsonl"):
        values = {
            "demonstrations": shown,
            "n": settings_of(run).new_per_turn,
            "next": settings_of(run).demos + 1,
            "instruction": ids.get(one["place"]),
            **others,
        }
        request = stages[one["stage"]].request(
            one["place"], {**values, "max_instances": settings_of(run).max_instances_per_task}
        )
        parsed = (
            stages[one["stage"]]
            .read(
                Completion(one["text"], one["finish_reason"], error=one.get("error")),
                request.messages,
            )
            .parsed
        )
        if one["stage"] == "propose":
            turn = int(one["place"][1:])
            proposed.update(draft.instruction for draft in parsed.drafts if turn < last_turn)
        elif one["place"] in ids:
            instances.update(
                (ids[one["place"]], each.input, each.output) for each in parsed.instances
            )
    admitted, rejected = (
        records(directory, "instructions.jsonl"),
        records(directory, "rejected.jsonl"),
    )
    told = Counter(one["instruction"] for one in admitted if one["turn"] < last_turn)
    told.update(
        one["text"] for one in rejected if one["what"] == "instruction" and one["turn"] < last_turn
    )
    assert told == proposed
    if "classify" in stages:
        kept = Counter(
            (one["instruction"], one["input"], one["output"])
            for one in records(directory, "examples.jsonl")
        )
        kept.update(
            (one["text"], one["input"], one["output"])
            for one in rejected
            if one["what"] == "instance"
        )
        beyond = instances - kept  # of the last instruction
        assert not kept - instances and {text for text, _, _ in beyond} <= {
            admitted[-1]["instruction"]
        }
    counted = Funnel(turns=run.funnel.turns)
    counted.admitted, counted.examples = len(admitted), N
    counted.classification = sum(bool(one["is_classification"]) for one in admitted)
    counted.rejected = Counter((one["what"], one["stage"], one["reason"]) for one in rejected)
    assert counted == run.funnel


def test_what_was_dropped_says_what_it_resembles_and_how_much(finished: tuple[Path, Run]) -> None:
    directory, run = finished
    duplicates = [
        one for one in records(directory, "rejected.jsonl") if one["reason"] == "near_duplicate"
    ]
    assert duplicates
    for one in duplicates:
        kind = settings_of(run).tokenizer
        assert (
            one["similarity"]
            == rouge_l(tokens(one["similar_to"], kind), tokens(one["text"], kind))
            > settings_of(run).threshold
        )


def test_no_two_instructions_are_more_alike_than_the_threshold_by_the_reference_itself(
    finished: tuple[Path, Run],
) -> None:
    """Every pair by our formula, which test_similarity.py holds to the reference, and the closest by `rouge_score`."""
    directory, run = finished
    pool = [seed.instruction for seed in Inputs.read(settings_of(run)).materials.value.seeds]
    pairs = []
    for one in records(directory, "instructions.jsonl"):
        text = one["instruction"]
        split = tokens(text, settings_of(run).tokenizer)
        pairs += [
            (rouge_l(tokens(other, settings_of(run).tokenizer), split), other, text)
            for other in pool
        ]
        pool.append(text)
    from rouge_score.rouge_scorer import (
        RougeScorer,  # slow to import, and the processes below need none
    )

    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    for score, other, text in sorted(pairs, reverse=True)[:200]:
        assert score <= settings_of(run).threshold
        if settings_of(run).tokenizer == "rouge":
            assert scorer.score(other, text)["rougeL"].fmeasure == score


def test_what_was_kept_passes_the_filters_once_more(finished: tuple[Path, Run]) -> None:
    directory, run = finished
    chosen = method_of(settings_of(run)).filters
    for one in records(directory, "instructions.jsonl"):
        assert filters.why_not_instruction(one["instruction"], chosen) is None


def test_a_finished_run_stays_as_it_is(finished: tuple[Path, Run]) -> None:
    directory, run = finished
    before, model = dataset(directory), Slow(2)
    assert made(directory, settings_of(run), model) == before and not model.answered


# ------------------------------------------------------------------------------------------------ the same bytes


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    return {
        preset: made(tmp_path_factory.mktemp("undisturbed"), config_of(preset))
        for preset in PRESETS
    }


@pytest.mark.parametrize("concurrency", [1, 8, 64, 200])
@pytest.mark.parametrize("preset", PRESETS)
def test_the_dataset_is_the_same_bytes_whatever_the_concurrency_and_the_latencies(
    preset: str, concurrency: int, undisturbed: dict[str, Dataset], tmp_path: Path
) -> None:
    assert (
        made(tmp_path, config_of(preset, concurrency=concurrency), Slow(concurrency))
        == undisturbed[preset]
    )


@pytest.mark.parametrize("pattern", range(3))
def test_the_dataset_is_the_same_bytes_in_real_time(
    pattern: int, undisturbed: dict[str, Dataset], tmp_path: Path
) -> None:
    assert (
        made(tmp_path, config_of("chat", concurrency=32), Slow(pattern, seconds=0.004))
        == undisturbed["chat"]
    )


def test_another_seed_number_gives_another_dataset(
    undisturbed: dict[str, Dataset], tmp_path: Path
) -> None:
    other = made(tmp_path, config_of("chat", seed=1))
    assert all(other[name] != undisturbed["chat"][name] for name in DERIVED)


@pytest.mark.parametrize("lag", [1, 3, 1000])
def test_any_lag_gives_one_dataset_of_its_own(lag: int, tmp_path: Path) -> None:
    runs = [
        made(
            tmp_path / str(number), config_of("chat", 60, lag=lag, concurrency=number), Slow(number)
        )
        for number in (1, 50)
    ]
    assert runs[0] == runs[1]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_run_that_is_extended_equals_one_that_was_longer_from_the_start(
    preset: str, undisturbed: dict[str, Dataset], tmp_path: Path
) -> None:
    model = Slow(3)
    for n in (1, 7, 50, 51, N):
        sit(tmp_path, config_of(preset, n, concurrency=n), model)
        assert len(records(tmp_path, "examples.jsonl")) == n
    assert dataset(tmp_path) == undisturbed[preset]
    assert model.answered == len(records(tmp_path, "completions.jsonl"))  # nothing was bought twice


@pytest.mark.slow
def test_five_hundred_examples_and_then_a_thousand_equal_a_thousand(tmp_path: Path) -> None:
    sit(tmp_path / "extended", config_of("chat", 500, concurrency=64), Scripted())
    assert made(tmp_path / "extended", config_of("chat", 1000), Scripted()) == made(
        tmp_path / "whole", config_of("chat", 1000)
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_a_run_whose_server_stops_again_and_again_loses_nothing_and_buys_nothing_twice(
    preset: str, undisturbed: dict[str, Dataset], tmp_path: Path
) -> None:
    model, chance, stops = Slow(4), Random(preset), 0
    while (
        not (tmp_path / "examples.jsonl").exists() or len(records(tmp_path, "examples.jsonl")) < N
    ):
        try:
            sit(
                tmp_path,
                config_of(preset, concurrency=chance.choice([1, 5, 40])),
                Ends(model, chance.randrange(1, 6 if preset == "alpaca" else 60)),
            )
        except ModelError:
            stops += 1
    assert stops
    assert dataset(tmp_path) == undisturbed[preset]
    keys = [one["key"] for one in records(tmp_path, "completions.jsonl")]
    assert len(keys) == len(set(keys)) == model.answered


KILLED = """
import os, signal, sys
from pathlib import Path
import test_bootstrap as bench

class Kills(bench.Slow):
    async def complete(self, request):
        completion = await super().complete(request)
        if self.answered > int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return completion

bench.sit(Path(sys.argv[1]), bench.config_of("chat", concurrency=20), Kills(5))
"""


def test_a_process_that_is_killed_again_and_again_gives_the_same_bytes(
    undisturbed: dict[str, Dataset], tmp_path: Path
) -> None:
    """Killed by itself, in the middle of its work, with replies under way; between the lives a line is torn."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    for replies in (1, 15, 16, 30, 10**9):
        words = [sys.executable, "-c", KILLED, str(tmp_path), str(replies)]
        ended = subprocess.run(
            words,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == (0 if replies == 10**9 else -signal.SIGKILL), ended.stderr
        if ended.returncode:
            for name in ("completions.jsonl", *DERIVED):
                with (tmp_path / name).open("ab") as file:
                    file.write('{"key": "0123 é'.encode()[:-1])
    assert dataset(tmp_path) == undisturbed["chat"]
    keys = [one["key"] for one in records(tmp_path, "completions.jsonl")]
    assert len(keys) == len(set(keys))


def test_a_process_in_which_strings_hash_otherwise_gives_the_same_bytes(
    undisturbed: dict[str, Dataset], tmp_path: Path
) -> None:
    code = "import sys, pathlib, test_bootstrap as b; b.sit(pathlib.Path(sys.argv[1]), b.config_of('chat'), b.Scripted())"
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "1"},
        check=True,
    )
    assert dataset(tmp_path) == undisturbed["chat"]


# ------------------------------------------------------------------------------------------------ failures on the way


def test_a_request_that_fails_for_good_is_dropped_with_its_reason_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    class Picky(Slow):
        async def complete(self, request: Request) -> Completion:
            if int(request.key, 16) % 3 == 0:
                raise RequestFailed("content_filter", "no \x1b[31m words")
            return await super().complete(request)

    runs = [
        made(tmp_path / str(number), config_of("chat", 60, concurrency=number), Picky(number))
        for number in (2, 40)
    ]
    assert runs[0] == runs[1]
    dropped = [
        one
        for one in records(tmp_path / "2", "rejected.jsonl")
        if one["reason"] == "content_filter"
    ]
    assert {one["stage"] for one in dropped} >= {"propose", "output_first", "input_first"}
    assert all(one["what"] == "reply" and one["text"] == "no \x1b[31m words" for one in dropped)
    assert b"\x1b" not in b"".join(runs[0].values())


def test_hostile_replies_make_neither_a_stop_nor_a_line_that_does_not_load(tmp_path: Path) -> None:
    hostile = "\x1b[2J\x9b31m\u202e\u2028\ud800\x00\x85\r"

    class Hostile(Slow):
        async def complete(self, request: Request) -> Completion:
            completion = await super().complete(request)
            return replace(
                completion,
                text=completion.text.replace(" about ", f" {hostile} ").replace(
                    "Output: ", f"Output: {hostile}", 1
                ),
            )

    data = made(tmp_path, config_of("paper", 40), Hostile(1))
    for name, content in data.items():
        text = content.decode("utf-8")
        assert not set("\x00\x1b\x85\x9b\r\u2028\u202e") & set(text)
        assert len(text.splitlines()) == len(records(tmp_path, name))


def test_an_error_of_the_run_stops_both_streams_and_leaves_no_task_behind(tmp_path: Path) -> None:
    async def main() -> None:
        config = config_of("chat")
        inputs = Inputs.read(config)
        run = Run(tmp_path, config, inputs)
        with pytest.raises(ModelError, match="no credit left"):
            await asyncio.wait_for(go_on(run, inputs, Ends(Slow(1), 40)), HANGS)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        run.close()

    asyncio.run(main())
    assert 20 < len(records(tmp_path, "completions.jsonl")) <= 40  # less what was under way


def test_fewer_examples_than_a_run_holds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        sit(tmp_path, config_of("chat", 200), Ends(Slow(1), 120))
    held = len(records(tmp_path, "examples.jsonl"))
    assert 10 < held < 200
    with pytest.raises(UserError, match="examples already; --n can only be raised"):
        sit(tmp_path, config_of("chat", 10), Scripted())
    before = dataset(tmp_path)
    with pytest.raises(UserError, match="examples already; --n can only be raised"):
        sit(tmp_path, config_of("chat", 1), Scripted())
    assert dataset(tmp_path) == before
    assert made(tmp_path, config_of("chat", 200)) == made(
        tmp_path.with_name("whole"), config_of("chat", 200)
    )


# ------------------------------------------------------------------------------------------------ pace and drought


def beyond_the_end(directory: Path, preset: str, n: int, concurrency: int) -> float:
    """Which share of the replies that a run began to buy its dataset has no use for."""
    model = Slow(6)
    begun = 0

    class Counted(Slow):
        async def complete(self, request: Request) -> Completion:
            nonlocal begun
            begun += 1
            return await model.complete(request)

    run = sit(directory, config_of(preset, n, concurrency=concurrency), Counted(6))
    admitted = {one["id"] for one in records(directory, "instructions.jsonl")}
    bought = records(directory, "completions.jsonl")
    used = [
        one
        for one in bought
        if (
            int(one["place"][1:]) < run.funnel.turns
            if one["stage"] == "propose"
            else one["place"] in admitted
        )
    ]
    return 1 - len(used) / begun


def test_hardly_any_reply_is_bought_beyond_the_last_example(tmp_path: Path) -> None:
    assert beyond_the_end(tmp_path, "chat", 1000, 64) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["chat", "paper", "alpaca"])
def test_of_a_run_of_3000_at_200_at_once_under_two_percent_are_bought_beyond_the_last_example(
    preset: str, tmp_path: Path
) -> None:
    assert beyond_the_end(tmp_path, preset, 3000, 200) < 0.02


def test_calls_of_all_stages_are_mixed_at_any_moment(tmp_path: Path) -> None:
    """A turn's reply is the most work: a burst of them, and of what they lead to, holds all other replies up."""
    stages: list[str] = []

    class Watched(Slow):
        async def complete(self, request: Request) -> Completion:
            stages.append(request.stage)
            for _ in range(20):
                await asyncio.sleep(0)
            return reply(request)

    with pytest.raises(ModelError):
        sit(tmp_path, config_of(n=100_000), Ends(Watched(0), 2000))
    for begin in range(400, 1800, 50):
        mix = Counter(stages[begin : begin + 200])
        assert 12 <= mix["propose"] <= 64 and 100 <= mix["input_first"] <= 160, (begin, mix)


def test_what_is_begun_grows_with_what_this_sitting_has_done() -> None:
    pace = Pace(100_000, 8, known=500)
    assert pace.instructions() == Pace.FIRST * 8
    pace.known += 100
    assert pace.instructions() == Pace.FIRST * 8 + 100
    pace.known += 10_000
    assert pace.instructions() == Pace.EAGER * 8
    assert Pace(100_000, 8, known=500, evenly=False).instructions() == Pace.EAGER * 8


def test_a_window_never_closes_while_examples_are_missing() -> None:
    for examples, known, admitted, turns in [
        (0, 0, 0, 0),
        (99, 300, 300, 400),
        (99, 1, 500, 1),
        (0, 1000, 1000, 1000),
    ]:
        pace = Pace(
            wanted=100,
            concurrency=8,
            turns=turns,
            admitted=admitted,
            known=known,
            examples=examples,
        )
        assert 1 <= pace.instructions() <= Pace.EAGER * 8
        assert pace.new_turns() <= Pace.EAGER * 8


def step(*outcomes: Instruction | Example | Rejected, ends_turn: bool = False) -> Step:
    return Step(0, outcomes, ends_turn=ends_turn)


def taken(steps: Iterator[Step], turns: int) -> int:
    """How many steps a drought of `turns` turns bears."""
    drought = Drought(turns, Funnel())
    for count, each in enumerate(steps):
        try:
            drought.take(each)
        except Stalled as stop:
            said = str(stop)
            reasons = (f"{turns} turns in a row gave no new", f"{2 * turns} instructions in a row")
            assert any(reason in said for reason in reasons)
            return count
    raise AssertionError("it bears everything")


def test_turns_without_an_instruction_and_instructions_without_an_example_end_a_run() -> None:
    admitted = step(Instruction("i1", "Say.", 0, ()))
    example = step(Instruction("i1", "Say.", 0, ()), Example("i1-1", "Say.", "", "Hi.", None, {}))
    end = step(ends_turn=True)
    assert taken(iter([end] * 99), 5) == 4
    assert taken(iter([end] * 4 + [admitted] + [end] * 99), 5) == 9
    assert taken(iter([admitted, end] * 99), 5) == 18
    assert taken(iter([admitted, end] * 9 + [example] + [end] * 99), 5) == 23


def test_a_model_that_writes_nonsense_for_ever_ends_with_a_diagnosis(tmp_path: Path) -> None:
    class Nonsense(Slow):
        async def complete(self, request: Request) -> Completion:
            return replace(await super().complete(request), text="blah blah", finish_reason="stop")

    config = config_of("chat", stall_turns=5)
    inputs = Inputs.read(config)
    run = Run(tmp_path, config, inputs)

    async def main() -> None:
        drought = Drought(config.stall_turns, run.funnel)
        layered = Recorded(Paced(Nonsense(1), 8), run.completions, Meter())
        engine = Engine(inputs.open(), asking(inputs.stages, layered), Pace(config.n, 8))
        async with aclosing(engine.steps()) as steps:
            async for each in steps:
                for outcome in each.outcomes:
                    run.commit(outcome)
                run.end_step(each)
                drought.take(each)

    with pytest.raises(
        Stalled,
        match=r"5 turns in a row gave no new instruction \(accepted so far: 0 of 0 .*reply propose: no_list 10x",
    ):
        asyncio.run(main())
    run.close()


# ------------------------------------------------------------------------------------------------ what is sent


@pytest.mark.parametrize("preset", PRESETS)
def test_the_first_prompt_shows_numbered_seeds_and_the_number_that_comes_next(preset: str) -> None:
    config = config_of(preset)
    inputs = Inputs.read(config)
    request = first_request(inputs)
    assert request is not None
    shown = [
        seed
        for seed in inputs.materials.value.seeds
        if " ".join(seed.instruction.split()).rstrip(":") in request.text
        or seed.instruction in request.text
    ]
    assert len(shown) >= config.demos
    if preset == "chat":
        assert request.messages[2].text.count("<task>\n") == config.demos
        brief = Lists(draws.read(draws.PACKAGED), 25 / 175).brief(config.seed, 0, 8)
        assert brief.count("\n") == 7 and f"\n\n{brief}\n\n" in request.messages[3].text
    else:
        for number in range(1, config.demos + 1):
            assert f"\n{number}. " in f"\n{request.text}"
    assert (
        preset in ("small", "chat")
        or f"{config.demos + 1}" in request.text.rpartition(f"\n{config.demos}. ")[2]
    )
    assert (request.stage, request.place) == ("propose", "t0")
    assert request == first_request(inputs)


PROPOSE = "--- prompt\n{{demonstrations}}\n"
INPUT_FIRST = "--- prompt\nTask: {{instruction}}\n"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (PROPOSE + "{{next}}.", " Dance a slow waltz now.\n3. Cook rice for two."),
        (
            PROPOSE + "{{next}}. Instruction:",
            " Dance a slow waltz now.\n3. Instruction: Cook rice for two.",
        ),
        (PROPOSE + "More:", "\n2. Dance a slow waltz now.\n3. Cook rice for two."),
        (PROPOSE, "\n2. Dance a slow waltz now.\n3. Cook rice for two."),
        (PROPOSE, "2. Dance a slow waltz now.\n3. Cook rice for two."),
    ],
)
def test_what_a_raw_prompt_begins_is_part_of_the_reply_and_what_it_shows_is_not(
    template: str, said: str, tmp_path: Path
) -> None:
    tmp_path.joinpath("propose.txt").write_text(template)
    stage = Inputs.read(config_of("small", prompts=str(tmp_path))).stages["propose"]
    messages = stage.request("t0", {"demonstrations": "1. Sing.", "n": 3, "next": 2}).messages
    drafts = stage.read(Completion(said, "stop"), messages).parsed.drafts
    assert [draft.instruction for draft in drafts] == [
        "Dance a slow waltz now.",
        "Cook rice for two.",
    ]


@pytest.mark.parametrize(
    "instruction",
    ["Name a fruit.", "Name a fruit that grows on trees in cold countries.", "Fill in the blank:"],
)
@pytest.mark.parametrize(
    ("template", "said"),
    [
        (INPUT_FIRST, "\nInput: red\nOutput: An apple."),
        (INPUT_FIRST, "Input: red\nOutput: An apple."),
        (INPUT_FIRST + "Input:", " red\nOutput: An apple."),
        (INPUT_FIRST + "Example 1", "\nInput: red\nOutput: An apple."),
    ],
)
def test_a_label_that_a_raw_prompt_ends_with_is_part_of_the_reply_and_an_instruction_is_not(
    instruction: str, template: str, said: str, tmp_path: Path
) -> None:
    tmp_path.joinpath("input_first.txt").write_text(template)
    stage = Inputs.read(config_of("small", prompts=str(tmp_path))).stages["input_first"]
    messages = stage.request("i1", {"instruction": instruction, "max_instances": 1}).messages
    instances = stage.read(Completion(said, "stop"), messages).parsed.instances
    assert [(one.input, one.output) for one in instances] == [("red", "An apple.")]
