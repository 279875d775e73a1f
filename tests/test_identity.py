"""The dataset is a function: the same configuration gives the same bytes, and a run does not go on
with another configuration unasked.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import ROOT, at, dataset, invoke, run
from server import LoopbackServer, latency

from selfinstruct.asking.changes import free_names
from selfinstruct.models import Completion, Decoding, Request
from selfinstruct.models.scripted.model import reply
from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig
from selfinstruct.seeding import sampling_seed

N = 40
STAGES = tuple(SelfInstructConfig.STAGES)
FREE = free_names(SelfInstructConfig)
SCRIPTED = ("generate", "--model", "scripted")
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


def made(*words: object, out: Path) -> dict[str, bytes]:
    """The dataset of a run of its own, made in this process."""
    ran = invoke(*words, "--out", out)
    assert ran.code == 0, ran
    return dict(dataset(out))


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return made(*SCRIPTED, "--n", N, out=tmp_path_factory.mktemp("scripted") / "run")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    with LoopbackServer() as server:
        return made(
            "generate", *at(server), "--n", N, out=tmp_path_factory.mktemp("served") / "run"
        )


# ---------------------------------------------------------------- where, when and how fast


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_the_order_of_sets_decides_nothing(
    hash_seed: str, scripted: dict[str, bytes], tmp_path: Path
) -> None:
    ran = run(*SCRIPTED, "--n", N, "--out", tmp_path / "run", PYTHONHASHSEED=hash_seed)
    assert ran.code == 0, ran
    assert dataset(tmp_path / "run") == scripted


@pytest.mark.parametrize(
    "environment", [{"LC_ALL": "C", "TZ": "Asia/Tokyo"}, {"PYTHONOPTIMIZE": "2", "PYTHONUTF8": "0"}]
)
def test_nor_do_the_locale_the_time_zone_and_pythons_switches(
    environment: dict[str, str], scripted: dict[str, bytes], tmp_path: Path
) -> None:
    ran = run(*SCRIPTED, "--n", N, "--out", tmp_path / "run", cwd=None, **environment)
    assert ran.code == 0, ran
    assert dataset(tmp_path / "run") == scripted


@pytest.mark.parametrize("concurrency", [1, 8, 64, 256])
def test_nor_does_the_concurrency(
    concurrency: int, scripted: dict[str, bytes], served: dict[str, bytes], tmp_path: Path
) -> None:
    assert (
        made(*SCRIPTED, "--n", N, "--concurrency", concurrency, out=tmp_path / "scripted")
        == scripted
    )
    with LoopbackServer(latency(0.001, spread=0.01)) as server:
        assert (
            made(
                "generate",
                *at(server),
                "--n",
                N,
                "--concurrency",
                concurrency,
                out=tmp_path / "served",
            )
            == served
        )


@pytest.mark.parametrize(
    "pattern",
    [
        number if number < 5 else pytest.param(number, marks=pytest.mark.slow)
        for number in range(20)
    ],
)
def test_nor_does_any_pattern_of_latencies(
    pattern: int, served: dict[str, bytes], tmp_path: Path
) -> None:
    chance = Random(pattern)
    seconds, spread = 0.02 * chance.random() ** 2, 0.05 * chance.random() ** 2
    waits = latency(
        seconds,
        spread=spread,
        tail=0.1 * chance.random(),
        factor=chance.uniform(2, 10),
        seed=pattern,
    )
    concurrency = chance.choice([4, 16, 64, 256])
    with LoopbackServer(waits) as server:
        assert (
            made(
                "generate",
                *at(server),
                "--n",
                N,
                "--concurrency",
                concurrency,
                out=tmp_path / "run",
            )
            == served
        )


def by_its_place(seed: int) -> Callable[[Request], Completion]:
    """The scripted model as it answers in the process, where a request names its place in the run.
    A request over HTTP does not; its sampling seed gives the place away.
    """
    places = [("propose", f"t{turn}") for turn in range(1000)]
    places += [(stage, f"i{number:06d}") for stage in STAGES[1:] for number in range(1000)]
    draws: tuple[tuple[int, ...], ...] = ((), (1,))  # the first attempt and the second
    known = {
        sampling_seed(seed, stage, place, *draw): (stage, place)
        for stage, place in places
        for draw in draws
    }

    def answer(request: Request) -> Completion:
        stage, place = known[request.seed]
        return reply(replace(request, stage=stage, place=place, model="scripted"))

    return answer


@pytest.mark.parametrize("preset", ["chat", "paper", "alpaca"])
def test_a_model_behind_http_gives_what_it_gives_in_the_process(
    preset: str, tmp_path: Path
) -> None:
    """So nothing of a request or a reply is lost or changed on the way."""
    options = ("--n", N, "--preset", preset, "--seed", 3)
    with LoopbackServer(latency(spread=0.01), model=by_its_place(3)) as server:
        over_http = made("generate", *at(server), *options, out=tmp_path / "served")
    inside = made(*SCRIPTED, *options, out=tmp_path / "scripted")
    assert {
        name: data.replace(b'"model": "mentor"', b'"model": "scripted"')
        for name, data in over_http.items()
    } == inside


@pytest.mark.slow  # the same with fewer: tests/test_bootstrap.py
def test_500_examples_and_then_1000_are_the_1000_of_one_go(tmp_path: Path) -> None:
    whole = made(*SCRIPTED, "--n", 1000, out=tmp_path / "whole")
    half = made(*SCRIPTED, "--n", 500, "--concurrency", 64, out=tmp_path / "extended")
    assert all(whole[name].startswith(half[name]) for name in whole)
    assert half["examples.jsonl"].count(b"\n") == 500
    assert made("generate", "--n", 1000, out=tmp_path / "extended") == whole


def test_an_extension_buys_only_what_is_new(tmp_path: Path) -> None:
    """A finished sitting breaks off the requests under way, as many as there may be at once, and
    nothing else is lost.
    """
    with LoopbackServer(latency(0.002)) as server:
        for n in (40, 41, 60, 100):
            extended = made(
                "generate", *at(server), "--n", n, "--concurrency", 2, out=tmp_path / "extended"
            )
        assert len(server.bought_twice) <= 2 * 3
        assert extended == made("generate", *at(server), "--n", 100, out=tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("version", PYTHONS)
def test_another_python_makes_the_same_bytes(version: str, tmp_path: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    alone = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV", "OPENAI"))
    }
    copy = tmp_path / "source"  # a build leaves nothing in the checkout
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "seed_tasks.jsonl"):
        shutil.copy(ROOT / name, copy)
    for name in ("selfinstruct", "prompts"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    environment = tmp_path / "environment"
    subprocess.run([python, "-m", "venv", environment], env=alone, check=True, capture_output=True)
    installed = subprocess.run(
        [
            environment / "bin" / "python", "-m", "pip", "install", "-q",
            "--disable-pip-version-check", copy,
        ],
        env=alone, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if installed.returncode:
        pytest.skip(f"cannot be installed for Python {version}: {installed.stderr.strip()[-300:]}")
    command = [
        str(environment / "bin" / "selfinstruct"),
        *SCRIPTED,
        "--n",
        "500",
        "--out",
        str(tmp_path / "theirs"),
    ]
    done = subprocess.run(
        command, env=alone, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "theirs" / "run.json").read_text())["python"].startswith(
        f"{version}."
    )
    assert dataset(tmp_path / "theirs") == made(
        *SCRIPTED, "--n", 500, "--concurrency", 5, out=tmp_path / "ours"
    )


def interpreter(version: str) -> str | None:
    """A Python of this version that runs and can make environments: on the PATH, or pyenv's."""
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    found = [shutil.which(f"python{version}"), *map(str, kept), sys.executable]
    numbers = tuple(map(int, version.split(".")))
    check = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != {numbers})"
    for python in filter(None, found):
        if subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0:
            return python
    return None


# ---------------------------------------------------------------- changes between two sittings

# Another value for every setting that decides the data.
OTHER: dict[str, object] = {
    "preset": "paper",
    "model": "other",
    "api": "completions",
    "response_format": "json_object",
    "seed": 1,
    "threshold": 0.6,
    "tokenizer": "rouge",
    "demos": 6,
    "machine_demos": 1,
    "new_per_turn": 7,
    "max_instances_per_task": 2,
    "attempts": 3,
    "lag": 8,
    "record_similarity": True,
    "reject": "annotate",
    "extra_body": '{"min_p": 0.1}',
    "shard": "1/2",
    "tail": 0.3,
    "verify_with": ("arithmetic",),
    "mend": 0,
    "other_models": ("scripted:b",),
}
FILES = ("seed_tasks", "prompts", "draws", "topics", "personas")  # judged by what is in them
OTHER_DECODING: dict[str, object] = {
    "temperature": 0.25,
    "top_p": 0.25,
    "max_tokens": 99,
    "presence_penalty": 0.25,
    "frequency_penalty": 0.25,
    "stop": "###",
}
FREELY: dict[str, object] = {
    "n": 21,
    "base_url": "http://localhost:1/v1",
    "key_file": "not-there",
    "leave_out": "seed",
    "system": False,
    "header": "X-Title: a test",
    "header_env": "X-Team=HOME",
    "query": "api-version=1",
    "stream": True,
    "concurrency": 3,
    "adaptive": True,
    "batch": False,
    "by_files": False,
    "files_wait": 3,
    "requests_per_file": 100,
    "rpm": 6000,
    "tpm": 10_000_000,
    "timeout": 5,
    "retries": 2,
    "patience": 1,
    "stall_turns": 9,
    "price_in": 1,
    "price_out": 1,
    "price_batch": 0.25,
    "max_cost": 9,
    "max_tokens_total": 900000,
    "max_requests": 900,
}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("begun") / "run"
    made(*SCRIPTED, "--n", 20, out=directory)
    return directory


@pytest.fixture
def copy(begun: Path, tmp_path: Path) -> Path:
    """A run of 20 examples, to be gone on with."""
    return Path(shutil.copytree(begun, tmp_path / "run"))


def option(name: str, value: Any) -> tuple[str, ...]:
    if name == "other_models":  # beside the first, with the same option
        return tuple(part for each in ("scripted", *value) for part in ("--model", each))
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, tuple):
        return tuple(part for each in value for part in (flag, each))
    if isinstance(value, bool):
        return (flag if value else flag.replace("--", "--no-", 1),)
    return (flag, str(value))


def everything(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def refused(directory: Path, *words: str) -> str:
    """What is said to a run that is to go on otherwise; makes sure that nothing was touched."""
    before = everything(directory)
    said = invoke("generate", "--out", directory, "--n", 25, *words).error
    assert "this run began otherwise: " in said and "--accept-change" in said
    assert everything(directory) == before
    return re.split(r"began otherwise: |\. Go on", said)[1]


def test_every_setting_is_free_or_refused_and_has_its_test() -> None:
    decided = {one.name for one in fields(SelfInstructConfig)} - FREE - {"decodings", "edition"}
    assert decided == OTHER.keys()
    assert {one.name for one in fields(Decoding)} == OTHER_DECODING.keys()
    assert {*FILES, *FREELY} == FREE


@pytest.mark.parametrize("name", OTHER)
def test_a_setting_that_decides_the_data_is_named_and_refused(name: str, copy: Path) -> None:
    recorded = json.loads((copy / "run.json").read_text())["config"][name]
    recorded = tuple(recorded) if isinstance(recorded, list) else recorded
    assert f"{name} was {recorded!r} and is now {OTHER[name]!r}" in refused(
        copy, *option(name, OTHER[name])
    ).split("; ")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", OTHER_DECODING)
def test_so_is_every_decoding_value_of_every_stage(stage: str, name: str, copy: Path) -> None:
    recorded = json.loads((copy / "run.json").read_text())["config"][stage][name]
    before = tuple(recorded) if isinstance(recorded, list) else recorded
    now = (OTHER_DECODING[name],) if name == "stop" else OTHER_DECODING[name]
    said = refused(copy, *option(name, f"{stage}={OTHER_DECODING[name]}"))
    assert said == f"{stage}.{name} was {before!r} and is now {now!r}"


def test_all_changes_are_named_at_once(copy: Path) -> None:
    said = refused(copy, "--seed", "1", "--temperature", "0.25", "--demos", "6")
    assert re.findall(r"([\w.]+) was", said) == [
        "seed",
        "demos",
        *(f"{stage}.temperature" for stage in STAGES),
    ]


def test_so_are_other_seed_tasks(copy: Path, tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.jsonl"
    lines = (copy / "inputs" / "seed_tasks.jsonl").read_text("utf-8").splitlines(keepends=True)
    seeds.write_text("".join(lines[:-1]), "utf-8")
    assert refused(copy, "--seed-tasks", str(seeds)) == "the seed tasks are others"
    seeds.write_text("".join(lines), "utf-8")
    assert invoke("generate", "--out", copy, "--n", 25, "--seed-tasks", seeds).code == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("draws", "the lists to draw from are others"),
        ("topics", "the topics are others"),
        ("personas", "the personas are others"),
    ],
)
def test_so_are_other_lists(name: str, said: str, copy: Path, tmp_path: Path) -> None:
    lists = tmp_path / "lists.txt"
    text = (copy / "inputs" / "draws.txt").read_text("utf-8")
    lists.write_text(text + "the tides\n" if name == "draws" else "the tides\nbees\n", "utf-8")
    assert refused(copy, *option(name, lists)) == said


@pytest.mark.parametrize("stage", STAGES)
def test_so_is_another_template(stage: str, copy: Path, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    text = (copy / "inputs" / "prompts" / f"{stage}.txt").read_text("utf-8")
    (prompts / f"{stage}.txt").write_text(text.rstrip() + " Please.\n", "utf-8")
    assert refused(copy, "--prompts", str(prompts)) == f"the template {stage} is another"
    (prompts / f"{stage}.txt").write_text("Another comment, which is never sent.\n" + text, "utf-8")
    assert invoke("generate", "--out", copy, "--n", 25, "--prompts", prompts).code == 0


@pytest.mark.parametrize("name", FREELY)
def test_what_decides_only_how_fast_and_where_is_free(
    name: str, copy: Path, tmp_path: Path
) -> None:
    words = dict.fromkeys([name], FREELY[name]) | ({} if name == "n" else {"n": 21})
    ran = invoke(
        "generate", "--out", copy, *(part for each in words.items() for part in option(*each))
    )
    assert ran.code == 0, ran
    assert dataset(copy) == made(*SCRIPTED, "--n", 21, out=tmp_path / "whole")


def test_an_accepted_change_is_written_down_and_holds_from_the_next_turn_on(copy: Path) -> None:
    before = dataset(copy)
    accepted: dict[str, Any] = {}
    for _ in range(2):  # the second time it is nothing new
        ran = invoke("generate", "--out", copy, "--n", 40, "--demos", 6, "--accept-change")
        assert ran.code == 0, ran
        accepted = json.loads((copy / "run.json").read_text())
    assert [change["what"] for change in accepted["changes"]] == [["demos was 8 and is now 6"]]
    turns = accepted["changes"][0]["after_turns"]
    kept = [
        line
        for line in before["instructions.jsonl"].splitlines(keepends=True)
        if json.loads(line)["turn"] < turns
    ]
    now = dataset(copy)["instructions.jsonl"].splitlines(keepends=True)
    assert now[: len(kept)] == kept
    assert {len(json.loads(line)["demonstrations"]) for line in now[len(kept) :]} == {6}
