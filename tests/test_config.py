"""One frozen Config: presets, what makes no sense, and what may change between two sittings."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from selfinstruct.asking.changes import changes, free_names
from selfinstruct.asking.endpoint import check
from selfinstruct.errors import UserError
from selfinstruct.models import Decoding
from selfinstruct.recipes.catalogue import config_of
from selfinstruct.recipes.self_instruct.presets import METHODS
from selfinstruct.recipes.self_instruct.settings import PRESETS, SelfInstructConfig, configure
from selfinstruct.text import redacted

FREE = free_names(SelfInstructConfig)
STAGES = tuple(SelfInstructConfig.STAGES)

SETTINGS = [
    each.name for each in fields(SelfInstructConfig) if each.name not in ("decodings", "edition")
]
DECIDING = [name for name in SETTINGS if name not in FREE]


def another(value: Any) -> Any:
    """A value of the same type that is not the same."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return (*value, "x")
    return value + 1 if isinstance(value, int | float) else value + "x"


def refused(**settings: Any) -> str:
    with pytest.raises(UserError) as caught:
        configure(settings)
    return str(caught.value)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_makes_sense_and_reads_back_from_its_record(preset: str) -> None:
    config = configure({"preset": preset, "model": "m"})
    assert config.preset == preset
    assert config_of({"config": json.loads(json.dumps(config.record()))}) == config


def test_the_papers_values_are_the_papers() -> None:
    config = configure({"preset": "paper"})
    assert (config.api, config.tokenizer, config.threshold, config.demos, config.machine_demos) == (
        "completions",
        "rouge",
        0.7,
        8,
        2,
    )
    assert (config.new_per_turn, config.max_instances_per_task) == (7, 5)
    assert (
        config.decoding("propose").temperature,
        config.decoding("propose").top_p,
        config.decoding("propose").presence_penalty,
    ) == (
        0.7,
        0.5,
        2.0,
    )
    assert (
        config.decoding("propose").frequency_penalty,
        config.decoding("propose").max_tokens,
    ) == (0.0, 1024)
    assert {"\n\n", "\n16"} <= set(config.decoding("propose").stop)
    assert (config.decoding("classify").temperature, config.decoding("classify").max_tokens) == (
        0.0,
        3,
    )
    for decoding, longest in (
        (config.decoding("input_first"), 350),
        (config.decoding("output_first"), 300),
    ):
        assert (decoding.temperature, decoding.presence_penalty, decoding.max_tokens) == (
            0.0,
            1.5,
            longest,
        )


def test_alpacas_values_are_alpacas() -> None:
    config = configure({"preset": "alpaca"})
    assert (
        config.demos,
        config.machine_demos,
        config.new_per_turn,
        config.max_instances_per_task,
    ) == (3, 0, 20, 1)
    assert (
        config.decoding("propose").temperature,
        config.decoding("propose").top_p,
        config.decoding("propose").max_tokens,
    ) == (
        1.0,
        1.0,
        3072,
    )
    assert [each.name for each in METHODS["alpaca"].questions] == ["propose"]


def test_later_layers_win_over_earlier_ones_and_all_over_the_preset() -> None:
    assert configure().preset == "chat"
    config = configure({"preset": "alpaca", "demos": 5, "n": 7}, {"preset": "paper", "n": 9})
    assert (config.preset, config.demos, config.n, config.new_per_turn) == ("paper", 5, 9, 7)
    assert config.decoding("propose") == PRESETS["paper"].decodings["propose"]


def test_a_stages_decoding_is_changed_field_by_field_and_none_leaves_a_field_to_the_server() -> (
    None
):
    config = configure(
        {"preset": "paper", "propose": {"temperature": 0.2}}, {"propose": {"top_p": None}}
    )
    assert config.decoding("propose") == replace(
        PRESETS["paper"].decodings["propose"], temperature=0.2, top_p=None
    )
    assert config.decoding("classify") == PRESETS["paper"].decodings["classify"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"preset": "x"}, "--preset x: no such preset (known: chat, paper, alpaca, small)"),
        ({"n": 0}, "--n 0: must be at least 1"),
        ({"n": -3}, "--n -3: must be at least 1"),
        ({"threshold": 1.1}, "--threshold 1.1: must be between 0 and 1"),
        ({"threshold": float("nan")}, "--threshold nan: must be between 0 and 1"),
        ({"demos": 0}, "--demos 0: must be at least 1"),
        ({"machine_demos": 9}, "--machine-demos 9: must be between 0 and --demos (8)"),
        ({"new_per_turn": 101}, "--new-per-turn 101: must be between 1 and 100"),
        ({"max_instances_per_task": 0}, "--max-instances-per-task 0: must be at least 1"),
        ({"lag": 0}, "--lag 0: must be at least 1"),
        ({"concurrency": 0}, "--concurrency 0: must be at least 1"),
        ({"timeout": 0.0}, "--timeout 0.0: must be more than 0 seconds"),
        ({"retries": 0}, "--retries 0: must be at least 1"),
        ({"patience": -1.0}, "--patience -1.0: must be 0 seconds or more"),
        ({"stall_turns": 0}, "--stall-turns 0: must be at least 1"),
        ({"api": "x"}, "--api x: must be one of chat, completions"),
        ({"tokenizer": "x"}, "--tokenizer x: must be one of rouge, unicode"),
        (
            {"response_format": "x"},
            "--response-format x: must be one of text, json_object, json_schema",
        ),
        (
            {"preset": "alpaca", "machine_demos": 1},
            "--machine-demos 1: must be 0 with --preset alpaca",
        ),
        (
            {"preset": "alpaca", "response_format": "json_object"},
            "--response-format json_object: must be text with --preset alpaca",
        ),
        (
            {"base_url": "localhost:8000"},
            "--base-url localhost:8000: must be an address such as http://",
        ),
        (
            {"base_url": "http://[::1"},
            "--base-url (not an address): must be an address such as http://",
        ),
    ],
)
def test_what_makes_no_sense_is_named_with_what_would(settings: dict[str, Any], words: str) -> None:
    assert words in refused(**settings)


@pytest.mark.parametrize("threshold", [0.0, 1.0, 0.7])
def test_the_ends_of_a_range_belong_to_it(threshold: float) -> None:
    check(configure({"threshold": threshold}))


@pytest.mark.parametrize("name", DECIDING)
def test_whatever_decides_the_data_is_named_when_it_changes(name: str) -> None:
    before = configure({"model": "m"})
    value = getattr(before, name)
    after = replace(before, **{name: another(value)})
    assert changes(before, after) == [f"{name} was {value!r} and is now {another(value)!r}"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stages_decoding_is_named_field_by_field_when_it_changes(stage: str) -> None:
    before = configure({"model": "m"})
    for part in fields(Decoding):
        then = getattr(before.decoding(stage), part.name)
        now: Any = ("x",) if part.name == "stop" else another(then or 0)
        changed = replace(before.decoding(stage), **{part.name: now})
        after = replace(before, decodings={**before.decodings, stage: changed})
        assert changes(before, after) == [f"{stage}.{part.name} was {then!r} and is now {now!r}"]


@pytest.mark.parametrize("name", sorted(FREE))
def test_what_only_decides_how_fast_and_where_may_change(name: str) -> None:
    before = configure({"model": "m"})
    assert changes(before, replace(before, **{name: another(getattr(before, name))})) == []


def test_several_changes_are_named_one_by_one() -> None:
    before = configure({"model": "m"})
    warm = replace(before.decoding("classify"), temperature=0.1)
    decodings = {**before.decodings, "classify": warm}
    after = replace(before, seed=3, threshold=0.5, decodings=decodings, n=10**6)
    assert [line.split(" was ")[0] for line in changes(before, after)] == [
        "seed",
        "threshold",
        "classify.temperature",
    ]


def test_every_setting_has_one_line_of_help() -> None:
    for one in fields(SelfInstructConfig):
        if one.name not in ("decodings", "edition") and not one.metadata.get("is_recorded_only"):
            assert one.metadata["help"].endswith(".") and "\n" not in one.metadata["help"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("", ""),
        ("https://user:pass@host:8000/v1?key=secret#part", "https://host:8000/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("http://[::1", "(not an address)"),
        ("https://a@b@host/v1", "https://host/v1"),
    ],
)
def test_an_address_is_shown_and_recorded_without_its_secrets(address: str, shown: str) -> None:
    assert redacted(address) == shown
    assert replace(SelfInstructConfig(), base_url=(address,)).record()["base_url"] == (shown,)


def test_what_a_later_version_recorded_is_left_aside() -> None:
    config = configure({"model": "m"})
    assert config_of({"config": {**config.record(), "something_new": 1}}) == config
