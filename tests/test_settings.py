"""Who said what: a TOML file, a command line, the environment; and what is no setting is named with its place."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from selfinstruct.asking import decoding, settings
from selfinstruct.asking.settings import merged, resumed, seconds_left
from selfinstruct.errors import UserError
from selfinstruct.recipes.catalogue import kind_of
from selfinstruct.recipes.self_instruct.settings import PRESETS, SelfInstructConfig, configure
from selfinstruct.runs import generation

STAGES = tuple(SelfInstructConfig.STAGES)


def for_stages(name: str, values: list[str]) -> dict[str, dict[str, Any]]:
    return decoding.for_stages(name, values, STAGES)


def fresh(said: dict[str, Any]) -> SelfInstructConfig:
    return settings.fresh(SelfInstructConfig, said)


def read_file(path: Path) -> dict[str, Any]:
    return settings.read_file(path, SelfInstructConfig)


def wants_embedded(said: dict[str, Any]) -> bool:
    return settings.wants_embedded(said, said.get("n", SelfInstructConfig().n))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.toml"


@pytest.fixture(autouse=True)
def _no_endpoint_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def read(path: Path, text: str) -> dict[str, Any]:
    path.write_text(text, "utf-8")
    return read_file(path)


def refused(path: Path, text: str) -> str:
    with pytest.raises(UserError) as caught:
        read(path, text)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


# ------------------------------------------------------------------------------------------------ TOML


def test_a_file_says_all_that_a_command_line_says(path: Path) -> None:
    said = read(
        path,
        """
        n = 500
        out = "runs/a"
        max-instances-per-task = 2
        machine_demos = 1
        threshold = 1
        record_similarity = true
        temperature = 0.5
        [propose]
        temperature = 1
        stop = "END"
        presence-penalty = 0.5
        [classify]
        stop = ["a", "b"]
        max_tokens = 5
        """,
    )
    assert said == {
        "n": 500,
        "out": "runs/a",
        "max_instances_per_task": 2,
        "machine_demos": 1,
        "threshold": 1.0,
        "record_similarity": True,
        "propose": {"temperature": 1.0, "stop": ("END",), "presence_penalty": 0.5},
        "classify": {"temperature": 0.5, "stop": ("a", "b"), "max_tokens": 5},
        "input_first": {"temperature": 0.5},
        "output_first": {"temperature": 0.5},
    }
    assert isinstance(said["threshold"], float)


def test_a_byte_order_mark_and_windows_newlines_do_no_harm(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbfn = 5\r\nseed = 2\r\n")
    assert read_file(path) == {"n": 5, "seed": 2}


def test_an_empty_file_says_nothing(path: Path) -> None:
    assert read(path, "") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("n = ", "not TOML ("),
        ("n = 1\nn = 2", "not TOML ("),
        ("count = 5", "unknown setting 'count' (known: adaptive, api, attempts, base_url, "),
        ("[proposed]\ntemperature = 1", "unknown setting 'proposed'"),
        ("[propose]\nn = 5", "[propose]: unknown setting 'n' (known: temperature, "),
        ("propose = 3", "'propose' must be a table"),
        (
            "api_key = 'x'",
            "'api_key' does not belong into a file; set OPENAI_API_KEY in the environment",
        ),
        ("api-key = 'x'", "'api-key' does not belong into a file"),
        ("n = 'five'", "'n' must be a whole number, not 'five'"),
        ("n = 5.0", "'n' must be a whole number, not 5.0"),
        ("n = true", "'n' must be a whole number, not True"),
        ("threshold = 'x'", "'threshold' must be a number, not 'x'"),
        ("threshold = false", "'threshold' must be a number, not False"),
        ("model = 7", "'model' must be a text, not 7"),
        ("record_similarity = 1", "'record_similarity' must be true or false, not 1"),
        ("temperature = 'hot'", "'temperature' must be a number, not 'hot'"),
        ("temperature = -1", "'temperature' must be between 0 and 5, not -1"),
        ("temperature = nan", "'temperature' must be between 0 and 5, not nan"),
        ("[classify]\ntop_p = 1.5", "[classify]: 'top_p' must be between 0 and 1, not 1.5"),
        ("max_tokens = 0", "'max_tokens' must be between 1 and 10000000, not 0"),
        ("max_tokens = 5.5", "'max_tokens' must be a whole number, not 5.5"),
        ("stop = 5", "'stop' must be a text or a list of texts"),
        ("stop = [5]", "'stop' must be a text or a list of texts"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(path: Path, text: str, words: str) -> None:
    assert words in refused(path, text)


def test_a_file_that_is_missing_or_no_utf8_is_named(path: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UserError,
        match=re.escape(f"{path}: cannot read the configuration (No such file or directory)"),
    ):
        read_file(path)
    with pytest.raises(UserError, match="Is a directory"):
        read_file(tmp_path)
    path.write_bytes(b"n = 5 # \xff")
    with pytest.raises(UserError, match="not TOML"):
        read_file(path)


# ------------------------------------------------------------------------------------------------ VALUE and STAGE=VALUE


def test_a_value_is_for_all_stages_or_for_one_the_last_word_wins() -> None:
    assert for_stages("temperature", []) == {}
    assert for_stages("temperature", ["0.5"]) == {stage: {"temperature": 0.5} for stage in STAGES}
    assert for_stages("temperature", ["0.5", "propose=1"])["propose"] == {"temperature": 1.0}
    assert for_stages("max_tokens", ["classify=7"]) == {"classify": {"max_tokens": 7}}
    assert for_stages("top_p", ["classify=0.1", "0.9"])["classify"] == {"top_p": 0.9}


def test_stops_are_collected_and_may_hold_anything() -> None:
    assert for_stages("stop", ["classify=a", "classify=b=c"]) == {
        "classify": {"stop": ("a", "b=c")}
    }
    assert for_stages("stop", ["x=y"])["propose"] == {"stop": ("x=y",)}
    assert for_stages("stop", [r"\n\n", r"a\tb"])["propose"] == {"stop": ("\n\n", "a\tb")}


@pytest.mark.parametrize("text", ["任务:", "Tâche", "###"])
def test_a_stop_text_of_any_script_stays_what_it_is(text: str) -> None:
    assert for_stages("stop", [f"classify={text}"]) == {"classify": {"stop": (text,)}}
    assert for_stages("stop", [rf"classify=\n{text}"]) == {"classify": {"stop": (f"\n{text}",)}}


def test_a_backslash_that_begins_no_escape_is_a_users_error() -> None:
    for text in (r"C:\Users", r"\x", "\\", r"\N{nothing}", r"\ud800"):
        with pytest.raises(UserError, match=re.escape(f"--stop classify={text}")):
            for_stages("stop", [f"classify={text}"])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("temperature", "hot", "--temperature hot: must be a number, or STAGE=number"),
        (
            "temperature",
            "guess=1",
            "--temperature guess=1: must be a number, or STAGE=number with one of the stages propose, classify",
        ),
        ("temperature", "propose=", "--temperature propose=: must be a number"),
        ("temperature", "nan", "--temperature nan must be between 0 and 5"),
        ("temperature", "inf", "--temperature inf must be between 0 and 5"),
        ("max_tokens", "1.5", "--max-tokens 1.5: must be a number"),
        (
            "presence_penalty",
            "classify=3",
            "--presence-penalty classify=3 must be between -2 and 2, not 3.0",
        ),
    ],
)
def test_a_value_that_is_none_is_named_as_it_was_written(name: str, value: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        for_stages(name, [value])
    assert words in str(caught.value)


# ------------------------------------------------------------------------------------------------ precedence


def test_the_command_line_wins_over_the_file_over_the_preset_over_the_default(path: Path) -> None:
    file = read(
        path, 'preset = "paper"\ndemos = 5\nseed = 3\n[propose]\ntemperature = 0.1\ntop_p = 0.2'
    )
    config = fresh(
        merged(file, {"seed": 4, "model": "m"}, for_stages("temperature", ["propose=0.9"]))
    )
    assert (config.preset, config.demos, config.seed, config.new_per_turn, config.threshold) == (
        "paper",
        5,
        4,
        7,
        0.7,
    )
    assert (
        config.decoding("propose").temperature,
        config.decoding("propose").top_p,
        config.decoding("propose").max_tokens,
    ) == (
        0.9,
        0.2,
        1024,
    )


def test_the_environments_address_is_taken_where_none_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://there/v1")
    assert fresh({"model": "m"}).base_url == ("http://there/v1",)
    assert fresh({"model": "m", "base_url": "http://here/v1"}).base_url == ("http://here/v1",)


def test_the_embedded_model_implies_a_preset_that_may_be_overruled() -> None:
    assert fresh({"model": "local"}).preset == "small"
    assert fresh({"model": "local", "preset": "chat"}).preset == "chat"
    assert fresh({"model": "local:/a.gguf"}).preset == "chat"
    assert fresh({"model": "local", "concurrency": 5}).concurrency == 5


def test_a_run_that_goes_on_stays_as_it_was_but_for_what_is_said_anew() -> None:
    recorded = configure(
        {"preset": "paper", "model": "m", "n": 50, "seed": 3, "propose": {"temperature": 0.1}}
    )
    assert resumed(recorded, {}) == recorded
    config = resumed(recorded, {"n": 80, "propose": {"top_p": 0.3}})
    assert (
        config.n,
        config.seed,
        config.model,
        config.decoding("propose").temperature,
        config.decoding("propose").top_p,
    ) == (80, 3, "m", 0.1, 0.3)
    with pytest.raises(UserError, match="--n 0: must be at least 1"):
        resumed(recorded, {"n": 0})


def test_nothing_that_points_to_an_endpoint_means_the_embedded_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert wants_embedded({}) and wants_embedded({"n": 1000, "preset": "chat"})
    assert not wants_embedded({"model": "m"}) and not wants_embedded({"base_url": "http://x/v1"})
    with pytest.raises(
        UserError,
        match=r"--n 1001 is too much to begin on the embedded model unasked: .*--model local",
    ):
        wants_embedded({"n": 1001})
    assert not wants_embedded({"model": "local", "n": 5000})
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "x")
            assert not wants_embedded({"n": 5000})
    monkeypatch.setenv("OPENAI_API_KEY", " ")
    assert wants_embedded({})


def test_a_setting_by_every_name_can_be_said_in_a_file(path: Path) -> None:
    for one, value in {
        "preset": '"paper"',
        "price_in": "0.5",
        "extra_body": "'{}'",
        "stop_at": '"07:00"',
        "max_hours": "2",
    }.items():
        assert list(read(path, f"{one} = {value}")) == [one]
    assert set(PRESETS["paper"].values) <= set(SelfInstructConfig.__dataclass_fields__)


# ------------------------------------------------------------------------------------------------ the clock


@pytest.mark.parametrize(
    ("stop_at", "max_hours", "seconds"),
    [
        (None, None, None),
        ("07:00", None, 3600.0),
        ("06:00", None, 86400.0),
        ("05:59", None, 86340.0),
        (None, 0.5, 1800.0),
        ("07:00", 0.5, 1800.0),
        ("7:00", 9, 3600.0),
    ],
)
def test_a_sitting_ends_at_whichever_limit_comes_first(
    stop_at: str | None, max_hours: float | None, seconds: float | None
) -> None:
    assert seconds_left(stop_at, max_hours, datetime(2024, 5, 1, 6, 0)) == seconds


@pytest.mark.parametrize(
    ("stop_at", "max_hours"),
    [("7", None), ("25:00", None), ("soon", None), (None, 0), (None, -1.0), (None, float("nan"))],
)
def test_a_limit_that_is_none_is_named(stop_at: str | None, max_hours: float | None) -> None:
    with pytest.raises(UserError, match=r"--(stop-at|max-hours) .*: must be"):
        seconds_left(stop_at, max_hours, datetime(2024, 5, 1, 6, 0))


@pytest.mark.parametrize(
    ("recipe", "said", "model"),
    [
        ("import", {}, "scripted"),
        ("natural", {}, "scripted"),
        ("render", {}, "scripted"),
        ("merge", {"model": "gpt-4o-mini"}, "scripted"),
        ("invert", {"instruction": "Sort the words."}, "scripted"),
        ("invert", {"instruction": "Sort the words.", "model": "local"}, "local"),
        ("dynosaur", {"tasks": "tasks.json"}, "scripted"),
        ("dynosaur", {"model": "gpt-4o-mini"}, "gpt-4o-mini"),
    ],
)
def test_a_run_without_a_question_needs_no_model_and_gets_the_scripted_one(
    recipe: str, said: dict[str, Any], model: str
) -> None:
    heard: list[str] = []
    kind = kind_of(recipe).load_settings()
    assert asyncio.run(generation.fresh(kind, said, notice=heard.append)).model == model
    assert not heard
