"""Prices go by the address as well as by the name, and each model of a run has its own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from command import invoke

from selfinstruct.asking.settings import fresh
from selfinstruct.errors import UserError
from selfinstruct.models import Decoding, Request, Usage
from selfinstruct.models.batch.log import SentBatch, SentRequest
from selfinstruct.models.money.budget import NoLedger
from selfinstruct.models.money.hosts import is_near
from selfinstruct.models.money.meter import Meter
from selfinstruct.models.money.prices import (
    Price,
    TokenPrice,
    budget,
    no_price,
    price_of,
)
from selfinstruct.recipes.responses import RespondConfig
from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig
from selfinstruct.runs.batches import Batches
from selfinstruct.runs.status import read_status
from selfinstruct.stats.course import moments

OPENROUTER, TOGETHER = "https://openrouter.ai/api/v1", "https://api.together.xyz/v1"
NEAR = [
    "http://localhost:8000/v1",
    "http://LOCALHOST./v1",
    "http://127.0.0.1:8080/v1",
    "http://127.8.9.1/v1",
    "http://0.0.0.0:8000/v1",
    "http://[::1]:8000/v1",
    "http://[::ffff:10.0.0.1]/v1",
    "http://[fd12::7]/v1",
    "http://[fe80::1%25eth0]/v1",
    "http://10.1.2.3/v1",
    "http://172.20.0.2:8000/v1",
    "https://user:secret@192.168.0.7/v1",
    "http://tower.local:11434/v1",
    "http://vllm:8000/v1",
]
FAR = [
    "https://api.openai.com/v1",
    "https://example.org/v1",
    "http://11.0.0.1/v1",
    "http://172.32.0.1/v1",
    "http://193.168.0.1/v1",
    "http://localhost.example.org/v1",
    "http://10.example.org/v1",
    "http://[2001:db8::1]/v1",
    "http://[broken/v1",
    "",
]


def priced(model: str, *addresses: str, **said: object) -> Price | None:
    return price_of(
        fresh(SelfInstructConfig, {"model": model, "base_url": tuple(addresses), **said})
    )


def live(model: str, *addresses: str, **said: object) -> tuple[float, float]:
    found = priced(model, *addresses, **said)
    assert found is not None
    return found.live.prompt, found.live.completion


@pytest.mark.parametrize(
    ("address", "is_here"), [*((each, True) for each in NEAR), *((each, False) for each in FAR)]
)
def test_a_server_on_this_machine_or_in_a_private_network_is_told_by_its_address(
    address: str, is_here: bool
) -> None:
    assert is_near(address) == is_here


@pytest.mark.parametrize("model", ["m", "gpt-4o", "meta-llama/Llama-3.3-70B-Instruct"])
def test_such_a_server_is_free_unless_told(model: str) -> None:
    free = priced(model, "http://192.168.1.2:8000/v1")
    assert free is not None and free.is_free
    assert live(model, "http://localhost:8000/v1", price_in=1.0, price_out=2.0) == (1.0, 2.0)


def test_a_cap_does_not_trust_a_server_here_to_be_free() -> None:
    """It may pass the calls on to a provider who is not."""
    assert live("gpt-4o-mini", "http://localhost:4000/v1", max_cost=5.0) == (0.15, 0.6)
    unknown = fresh(
        SelfInstructConfig, {"model": "m", "base_url": "http://localhost:4000/v1", "max_cost": 5.0}
    )
    assert price_of(unknown) is None
    with pytest.raises(UserError, match="nobody knows what 'm' costs; give both --price-in"):
        budget(unknown, Meter(), NoLedger(), lambda text: None)


@pytest.mark.parametrize("address", [OPENROUTER, TOGETHER, "https://api.together.ai/v1"])
def test_a_provider_has_prices_of_its_own_by_its_own_names(address: str) -> None:
    name = {OPENROUTER: "meta-llama/llama-3.3-70b-instruct"}.get(
        address, "meta-llama/Llama-3.3-70B-Instruct-Turbo"
    )
    prompt, completion = live(name, address)
    assert 0 < prompt <= completion < 3
    unknown = fresh(SelfInstructConfig, {"model": "no-vendor/no-model", "base_url": address})
    assert price_of(unknown) is None
    assert "no price for 'no-vendor/no-model'; give --price-in and --price-out" in no_price(unknown)


def test_a_name_has_a_providers_price_only_at_that_provider() -> None:
    assert live("openai/gpt-4o-mini", OPENROUTER) == (0.15, 0.6)
    assert priced("openai/gpt-4o-mini", "https://example.org/v1") is None
    assert priced("openai/gpt-4o-mini") is None
    assert live("some/model:free", OPENROUTER) == (0.0, 0.0)
    assert live("gpt-4o-mini", "https://api.openai.com/v1") == live("gpt-4o-mini") == (0.15, 0.6)
    assert live("gpt-4o-mini", "https://example.org/v1") == (0.15, 0.6)  # by the name alone
    assert priced("claude-sonnet-4-5", "https://api.openai.com/v1") is None


def test_of_several_addresses_the_dearest_holds_and_an_unknown_one_is_unknown() -> None:
    here, there = "http://localhost:8000/v1", "https://api.openai.com/v1"
    assert live("gpt-4o-mini", here, there) == (0.15, 0.6)
    assert priced("m", here, "https://example.org/v1") is None


def test_a_plan_at_a_server_here_costs_nothing(tmp_path: Path) -> None:
    words = ("generate", "--dry-run", "--model", "m", "--base-url", "http://localhost:9/v1")
    assert re.search(r"cost +\$0\.00 to \$0\.00\n", invoke(*words).done().out)


# ---------------------------------------------------------------- several models

TWO = {"model": "gpt-4o-mini", "other_models": ("gpt-4o",), "sources": ("x",)}


def two() -> RespondConfig:
    return fresh(RespondConfig, TWO)


def test_the_course_of_a_run_counts_each_model_at_its_own_price() -> None:
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 0}
    replies = [{"at": 1.0, "usage": usage}, {"at": 2.0, "model": "gpt-4o", "usage": usage}]
    first, last = moments(replies, two())
    assert [first.cost, last.cost] == pytest.approx([0.15, 0.15 + 2.5])
    unknown = [*replies, {"at": 3.0, "model": "nobody/knows", "usage": usage}]
    assert [moment.cost for moment in moments(unknown, two())] == [None] * 3


@pytest.mark.slow
def test_a_plan_counts_each_model_at_its_own_price(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(f'{{"instruction": "Name river {n}."}}\n' for n in range(20_000)))

    def least(*models: str) -> float:
        named = [word for model in models for word in ("--model", model)]
        out = invoke("respond", rows, "--dry-run", *named).done().out
        found = re.search(r"cost +\$([\d.]+) to ", out)
        assert found is not None, out
        return float(found[1])

    small, large, both = least("gpt-4o-mini"), least("gpt-4o"), least("gpt-4o-mini", "gpt-4o")
    assert both == pytest.approx(small + large, rel=0.02) and large > 10 * small
    said = invoke("respond", rows, "--dry-run", "--model", "gpt-4o", "--model", "nobody/knows")
    assert "cost         unknown, no price for 'nobody/knows'" in said.done().out


def test_the_cost_of_an_open_batch_is_its_models(tmp_path: Path) -> None:
    config, most = two(), Usage(1_000_000, 0).in_batch()
    record = {"format": 1, "recipe": config.recipe, "config": config.record()}
    (tmp_path / "run.json").write_text(json.dumps(record), "utf-8")
    log = Batches(tmp_path / "batches.jsonl", Meter(model=config.model))
    for model in config.models:
        request = Request("answer", "i1", model, "chat", (), Decoding(), 0)
        log.begin(SentBatch(model, (SentRequest.of(request, most),), 1.0, "file"))
    log.leave()
    costs = [batch.cost_usd for batch in read_status(tmp_path).open_batches]
    assert costs == [pytest.approx(0.075), pytest.approx(1.25)]


def test_a_batch_price_is_the_providers(tmp_path: Path) -> None:
    found = priced("gpt-5-mini", "https://api.openai.com/v1")
    assert found is not None and found.batch == TokenPrice(0.125, 1.0, 0.0125)
