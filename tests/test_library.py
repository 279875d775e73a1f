"""`import selfinstruct`: small, typed, quick to import, the commands' equal, fit for a notebook."""

from __future__ import annotations

import asyncio
import json
import pkgutil
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, get_type_hints

import click
import pytest
from command import ENVIRONMENT, PATIENCE, ROOT, dataset, invoke, wait_for
from server import LoopbackServer, failing, latency
from test_floors import HEAVY

import selfinstruct
from selfinstruct.annotate.judges import NAMES
from selfinstruct.asking.decoding import DECODING
from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.choose.deduplication import Dedupe
from selfinstruct.cli.mix_command import mix
from selfinstruct.cli.select_command import select
from selfinstruct.cli.uncertainty_command import uncertainty
from selfinstruct.exports import Export
from selfinstruct.recipes.catalogue import RECIPES
from selfinstruct.recipes.responses import RespondConfig
from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig

QUIET: Mapping[str, Any] = {"model": "scripted", "progress": False}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> selfinstruct.RunView:
    return selfinstruct.generate(
        tmp_path_factory.mktemp("library") / "run", model="scripted", n=40, progress=False
    )


def python(program: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_the_program_in_the_readme_works_as_it_stands(tmp_path: Path) -> None:
    found = re.search(
        r"## Library\n.*?```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL
    )
    assert found is not None and 5 < len(found[1].splitlines()) <= 12
    for _ in range(2):  # and again, where it goes on from what is there
        ran = python(found[1], tmp_path)
        assert ran.returncode == 0, ran.stderr
        assert re.search(r"all three right: \d+%\n\d+ examples in tried\.json\n\Z", ran.stdout), (
            ran.stdout
        )
    assert json.loads((tmp_path / "tried.json").read_text("utf-8"))


# ---------------------------------------------------------------- what is there


def test_nothing_heavy_is_imported_before_it_is_needed(tmp_path: Path) -> None:
    heavy = HEAVY | {"asyncio"}
    program = f"import sys, selfinstruct; dir(selfinstruct); print({heavy!r} & set(sys.modules))"
    ran = python(program, tmp_path)
    assert ran.stdout == "set()\n", ran


def test_every_name_is_there_and_documented() -> None:
    assert sorted(selfinstruct.__all__) == selfinstruct.__all__ and set(
        selfinstruct.__all__
    ) <= set(dir(selfinstruct))
    for name in selfinstruct.__all__:
        assert getattr(selfinstruct, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'generat'"):
        selfinstruct.generat  # type: ignore[attr-defined]  # noqa: B018


def test_no_module_is_called_like_a_public_function() -> None:
    """Of the modules that lie directly in the package, where both would be the same attribute."""
    modules = {module.name for module in pkgutil.iter_modules(selfinstruct.__path__)}
    functions = {name for name in selfinstruct.__all__ if name.islower() and name != "__version__"}
    assert functions >= {"generate", "respond", "resume", "judge", "check", "export"}
    assert not functions & modules


def test_what_the_functions_take_is_what_the_commands_take() -> None:
    assert set(get_names(selfinstruct.Settings)) == settings_of(SelfInstructConfig)
    own = {"sources", "model", "other_models"}  # parameters, the models as one of them
    assert set(get_names(selfinstruct.Responding)) == settings_of(RespondConfig) - own
    assert own - {"other_models"} <= set(signature(selfinstruct.respond).parameters)
    assert set(get_names(selfinstruct.Exporting)) == {one.name for one in fields(Export)}
    judging = {*NAMES, "temperature", "max_tokens"} - {"preset"}  # a model's, not a user's
    assert set(get_names(selfinstruct.Judging)) == judging
    assert set(get_names(selfinstruct.Deduping)) == {one.name for one in fields(Dedupe)}
    assert set(get_names(selfinstruct.Mixing)) == options_of(mix) - {"words", "out", "folder"}
    measuring = options_of(uncertainty) - {"sources", "out", "ask_again"}
    assert set(get_names(selfinstruct.Scoring)) == measuring
    taken = set(signature(selfinstruct.select).parameters)
    assert taken == options_of(select)


@pytest.mark.parametrize(
    ("recipe", "keywords"),
    [
        ("unnatural", selfinstruct.Eliciting),
        ("evolve", selfinstruct.Evolving),
        ("chat", selfinstruct.Chatting),
        ("paraphrase", selfinstruct.Paraphrasing),
        ("invert", selfinstruct.Inverting),
        ("constrain", selfinstruct.Constraining),
        ("dynosaur", selfinstruct.Organising),
    ],
)
def test_a_recipe_s_function_takes_the_settings_of_its_command(recipe: str, keywords: type) -> None:
    sitting = {"progress", "seconds", "repair", "ask_again", "accept_change"}
    settings = settings_of(RECIPES[recipe].load_settings()) - {"sources", "datasets"}
    assert set(get_names(keywords)) == settings | sitting


def options_of(command: click.Command) -> set[str]:
    return {str(option.name) for option in command.params} - {"dry_run"}


def settings_of(kind: type[Endpoint]) -> set[str]:
    names = {one.name for one in fields(kind)} - {"decodings", "edition"}
    return names | set(kind.STAGES) | set(DECODING)


def get_names(kind: type) -> list[str]:
    homes = (import_module(f"selfinstruct.{name}") for name in ("_keywords", "_file_keywords"))
    known = {name: value for home in homes for name, value in vars(home).items()}
    return list(get_type_hints(kind, {**known, "Decoding": selfinstruct.Decoding}))


def test_the_surface_is_typed(run: selfinstruct.RunView, tmp_path: Path) -> None:
    """mypy reads this as a program of a user's: every annotation must hold, and every mistake that
    is ignored must be a mistake.
    """
    index: selfinstruct.RougeIndex = selfinstruct.RougeIndex("unicode")
    index.add("Name three rivers.")
    match: selfinstruct.Match | None = index.nearest("Name three rivers.", above=0.7)
    survey: selfinstruct.Survey = selfinstruct.check(str(run.directory), only=["refusal"])
    written: selfinstruct.Exported = selfinstruct.export(
        [run, run.directory], tmp_path / "a.jsonl", keep=["turn>=0"]
    )
    again: selfinstruct.RunView = selfinstruct.load_run(run.directory)
    examples: list[selfinstruct.Example] = list(again.examples())
    config: selfinstruct.Config = again.config
    assert (
        match is not None
        and survey.examples == len(examples) == config.n == 40
        and written.kept <= 40
    )
    with pytest.raises(
        selfinstruct.UserError, match=r"generate\(\): unknown setting 'modle' \(known: "
    ):
        selfinstruct.generate(tmp_path / "b", modle="scripted")  # type: ignore[call-arg]
    with pytest.raises(selfinstruct.UserError, match="'n' must be a whole number, not 'ten'"):
        selfinstruct.generate(tmp_path / "b", n="ten")  # type: ignore[arg-type]
    with pytest.raises(selfinstruct.UserError, match=r"judge\(\): unknown setting 'demos'"):
        selfinstruct.judge(run, demos=3)  # type: ignore[call-arg]
    with pytest.raises(selfinstruct.UserError, match="set OPENAI_API_KEY in the environment"):
        selfinstruct.generate(tmp_path / "b", api_key="sk-secret")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        selfinstruct.export(run, tmp_path / "c.json", formt="alpaca")  # type: ignore[call-arg]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl"]


# ---------------------------------------------------------------- it does what the commands do


def test_a_run_is_the_command_s_byte_for_byte(run: selfinstruct.RunView, tmp_path: Path) -> None:
    invoke("generate", "--model", "scripted", "--n", 40, "--out", tmp_path / "run").done()
    assert dataset(tmp_path / "run") == dataset(run.directory)
    invoke("judge", tmp_path / "run", "--model", "scripted").done()
    quality = selfinstruct.judge(run, **QUIET)
    assert (tmp_path / "run" / "judgements.jsonl").read_bytes() == (
        run.directory / "judgements.jsonl"
    ).read_bytes()
    assert (
        quality.judged == 40 == sum(quality.scores.values()) and len(list(run.judgements())) == 40
    )


def test_the_other_recipes_are_the_commands_byte_for_byte(
    run: selfinstruct.RunView, tmp_path: Path
) -> None:
    """mypy reads this as a program of a user's."""
    made: Mapping[str, selfinstruct.RunView] = {
        "unnatural": selfinstruct.unnatural(tmp_path / "1", n=6, model="scripted", progress=False),
        "chat": selfinstruct.chat(tmp_path / "7", style="transcript", n=6, **QUIET),
        "evolve": selfinstruct.evolve(run, tmp_path / "2", rounds=1, n=6, **QUIET),
        "paraphrase": selfinstruct.paraphrase([run], tmp_path / "3", n=6, **QUIET),
        "invert": selfinstruct.invert(run.directory, tmp_path / "4", most_outputs=3, **QUIET),
        "constrain": selfinstruct.constrain(run, tmp_path / "5", constraint="punctuation:no_comma", **QUIET),
    }  # fmt: skip
    said = {
        "unnatural": ("--n", 6),
        "chat": ("--style", "transcript", "--n", 6),
        "evolve": ("--rounds", 1, "--n", 6),
        "paraphrase": ("--n", 6),
        "invert": ("--most-outputs", 3),
        "constrain": ("--constraint", "punctuation:no_comma"),
    }
    for name, view in made.items():
        source = () if name in ("unnatural", "chat") else ("--from", run.directory)
        out = ("--out", tmp_path / name, "--model", "scripted")
        invoke(name, *source, *said[name], *out).done()
        assert list(view.examples()) and dataset(view.directory) == dataset(tmp_path / name)
    with pytest.raises(selfinstruct.UserError, match=r"evolve\(\): unknown setting 'demos'"):
        selfinstruct.evolve(run, tmp_path / "6", demos=3)  # type: ignore[call-arg]
    with pytest.raises(selfinstruct.UserError, match="evolve: no source"):
        selfinstruct.evolve([], tmp_path / "6", model="scripted")


def test_datasets_are_mixed_selected_deduplicated_and_scored(
    run: selfinstruct.RunView, tmp_path: Path
) -> None:
    """mypy reads this as a program of a user's."""
    mixed: selfinstruct.Mixed = selfinstruct.mix({"a": run, "b": run}, tmp_path / "mixed", n=20)
    assert mixed.out == tmp_path / "mixed"
    invoke("mix", f"a={run.directory}", f"b={run.directory}", "--n", 20, "--out", tmp_path / "m")
    files = [(tmp_path / name / "train.jsonl").read_bytes() for name in ("mixed", "m")]
    assert files[0] == files[1] and files[0].count(b"\n") == 20
    chosen: selfinstruct.Selected = selfinstruct.select(run, tmp_path / "s.jsonl", n=5, by="length")
    assert (chosen.read, sum(chosen.chosen.values())) == (40, 5)
    counts: selfinstruct.DedupeCounts = selfinstruct.dedupe(
        [run, tmp_path / "s.jsonl"], tmp_path / "d.jsonl", threshold=0.9, turns="all"
    )
    assert counts.read == 45 and counts.near_duplicates >= 5
    rules = selfinstruct.constrain(run, tmp_path / "c", n=5, model="scripted", progress=False)
    scores: selfinstruct.Scores = selfinstruct.score_adherence(rules)
    assert scores.prompt_strict == scores.prompts == len(list(rules.examples())) > 0
    with pytest.raises(selfinstruct.UserError, match=r"mix\(\): unknown"):
        selfinstruct.mix({"a": run}, tmp_path / "x", amount=3)  # type: ignore[call-arg]
    with pytest.raises(selfinstruct.UserError, match="knows no probabilities"):
        selfinstruct.uncertainty(run, tmp_path / "u", model="scripted", examples=1)
    assert not (tmp_path / "x").exists() and not (tmp_path / "u").exists()


def test_settings_are_said_in_python_s_types(tmp_path: Path) -> None:
    with LoopbackServer() as one, LoopbackServer() as other:
        run = selfinstruct.generate(
            tmp_path / "run",
            n=20,
            model="mentor",
            base_url=(one.base_url, other.base_url),
            extra_body={"min_p": 0.1},
            propose={"temperature": 0.5, "stop": ["\n\n\n"]},
            temperature=0.25,
            progress=False,
        )
        assert one.calls and other.calls and all(body["min_p"] == 0.1 for body in one.requests)
    propose, classify = run.config.decoding("propose"), run.config.decoding("classify")
    assert (propose.temperature, classify.temperature, propose.stop) == (0.5, 0.25, ("\n\n\n",))


def test_the_same_call_goes_on_and_a_higher_n_makes_it_longer(tmp_path: Path) -> None:
    with LoopbackServer() as server:
        with pytest.raises(selfinstruct.Interrupted, match="--max-requests 9") as caught:
            selfinstruct.generate(
                str(tmp_path / "run"),
                model="m",
                base_url=server.base_url,
                n=30,
                max_requests=9,
                progress=False,
            )
        assert caught.value.code == 75 and isinstance(caught.value, selfinstruct.SelfInstructError)
        selfinstruct.generate(tmp_path / "run", n=30, max_requests=1000, progress=False)
        calls = len(server.calls)
        assert len(list(selfinstruct.generate(tmp_path / "run", progress=False).examples())) == 30
        assert len(server.calls) == calls and not server.bought_twice
        assert (
            len(list(selfinstruct.generate(tmp_path / "run", n=40, progress=False).examples()))
            == 40
        )


def test_an_endpoint_that_refuses_is_a_model_error_and_leaves_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with (
        LoopbackServer(failing("401")) as server,
        pytest.raises(selfinstruct.ModelError, match="HTTP 401"),
    ):
        selfinstruct.generate(tmp_path / "run", model="m", base_url=server.base_url, progress=False)
    assert not (tmp_path / "run").exists()


def test_a_function_hears_how_far_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[tuple[int, int]] = []

    def hears(done: int, wanted: int) -> None:
        heard.append((done, wanted))

    run = selfinstruct.generate(tmp_path / "run", model="scripted", n=25, progress=hears)
    assert heard[-1] == (25, 25) and heard == sorted(heard)
    selfinstruct.judge(run, sample=5, progress=hears, model="scripted")
    assert heard[-1] == (5, 5)
    assert capsys.readouterr() == ("", "")

    def fails(done: int, wanted: int) -> None:
        raise ValueError("of the caller's own")

    with pytest.raises(ValueError, match="of the caller's own"):
        selfinstruct.generate(run.directory, n=30, progress=fails)
    assert len(list(selfinstruct.generate(run.directory, n=30, progress=False).examples())) == 30


# ---------------------------------------------------------------- notebooks


def test_an_event_loop_that_runs_already_is_not_in_the_way(tmp_path: Path) -> None:
    async def cell() -> selfinstruct.Quality:
        return selfinstruct.judge(selfinstruct.generate(tmp_path / "run", n=15, **QUIET), **QUIET)

    assert asyncio.run(cell()).judged > 10
    assert not [one for one in threading.enumerate() if one.name.startswith("selfinstruct")]


STOPPED = """
import selfinstruct, sys
try:
    selfinstruct.generate(
        {out!r}, model="m", base_url={url!r}, n=2000, concurrency=4, progress=False
    )
except KeyboardInterrupt:
    print("stopped")
    print(len(selfinstruct.load_run({out!r}).config.model))
"""


def test_ctrl_c_ends_it_and_the_run_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with LoopbackServer(latency(0.02)) as server:
        program = STOPPED.format(out=str(out), url=server.base_url)
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        wait_for(lambda: len(server.calls) > 40 or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        said, complaints = process.communicate(timeout=PATIENCE)
        assert (said, complaints) == (b"stopped\n1\n", b"")
        on_record = (out / "completions.jsonl").read_bytes().count(b"\n")
        assert on_record >= 30
        with pytest.raises(selfinstruct.Interrupted):  # it goes on, as far as it may
            selfinstruct.generate(out, max_requests=len(server.calls) + 20, progress=False)
    invoke("verify", out).done()
