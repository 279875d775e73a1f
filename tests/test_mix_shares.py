"""Shares of a mixture are exact, whatever the components."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinstruct.choose.shares import apportioned, effective, equal, limited, proportional
from selfinstruct.errors import UserError
from selfinstruct.mixing import plan
from selfinstruct.mixing.drawing import Draw, Permutation
from selfinstruct.mixing.mixture import Component, Mixture

FLAN = Path(__file__).parents[2] / "shared/data/strategies/flan/num_cases.json"
NAMES = st.text("abcdefgh", min_size=1, max_size=3)
SIZES = st.dictionaries(NAMES, st.integers(0, 10_000), min_size=1, max_size=8)


def flan() -> dict[str, int]:
    if not FLAN.is_file():
        pytest.skip("the sizes of FLAN's datasets are not here")
    cases = json.loads(FLAN.read_text())
    return {name: splits["zero_shot"] for name, splits in list(cases.items())[:71]}


@pytest.mark.parametrize(
    ("cap", "total", "rates", "number"),
    [
        (3000, 191_920, {"bool_q": 0.01563, "cb": 0.001042}, 67.28),
        (
            30_000,
            1_495_430,
            {"natural_questions": 0.02006, "bool_q": 0.006165, "cb": 0.0001337},
            56.39,
        ),
        (None, 114_400_460, {"wmt16_translate_csen": 0.4575}, 4.72),
    ],
)
def test_flan_s_rates(cap: int | None, total: int, rates: dict[str, float], number: float) -> None:
    sizes = flan()
    shares = proportional(sizes, cap)
    assert sum(min(size, cap or size) for size in sizes.values()) == total
    assert {name: float(f"{float(shares[name]):.4g}") for name in rates} == rates
    assert round(effective(shares), 2) == number


@pytest.mark.parametrize(("temperature", "rate"), [(1, 0.00033), (2, 0.00235), (4, 0.00595)])
def test_flan_s_rates_at_a_temperature(temperature: float, rate: float) -> None:
    assert round(float(proportional(flan(), 30_000, temperature)["wsc"]), 5) == rate


def test_flan_2022_mixes_its_five_collections_at_fixed_rates() -> None:
    caps = {"flan": 30_000, "t0": 20_000, "cot": 100_000, "niv2": 5_000, "dialog": 200_000}
    rates = {"flan": 0.40, "t0": 0.32, "cot": 0.20, "niv2": 0.05, "dialog": 0.03}
    tasks = {
        name: tuple(Component(f"{name}{number}", "x", license="") for number in range(3))
        for name in caps
    }
    groups = tuple(
        Component(name, share=rates[name], cap=caps[name], parts=tasks[name]) for name in caps
    )
    sizes = {
        f"{name}{number}": plan.Size([50, 30_000, 10**6][number])
        for name in caps
        for number in range(3)
    }
    shares = plan.shares_of(Component("", parts=groups), sizes)
    for name, rate in rates.items():
        counted = [min(size, caps[name]) for size in (50, 30_000, 10**6)]
        of_group = [shares[f"{name}{number}"] for number in range(3)]
        assert float(sum(of_group)) == pytest.approx(rate, abs=1e-12)
        assert [float(share / sum(of_group)) for share in of_group] == pytest.approx(
            [count / sum(counted) for count in counted]
        )


@given(SIZES, st.integers(0, 10**6), st.sampled_from([None, 1, 30, 3000]), st.floats(0.5, 8))
def test_counts_sum_exactly_and_are_off_by_less_than_a_row(
    sizes: dict[str, int], total: int, cap: int | None, temperature: float
) -> None:
    shares = proportional(sizes, cap, temperature)
    counts = apportioned(total, shares)
    assert sum(counts.values()) == (total if any(sizes.values()) else 0)
    assert all(abs(counts[name] - total * shares[name]) < 1 for name in sizes)


@given(SIZES, st.integers(0, 10**5))
def test_the_order_of_the_components_changes_nothing(sizes: dict[str, int], total: int) -> None:
    other = dict(reversed(sizes.items()))
    assert apportioned(total, proportional(sizes, 300, 2)) == apportioned(
        total, proportional(other, 300, 2)
    )


@given(SIZES, st.integers(0, 10**5), st.integers(1, 3))
def test_no_component_gives_more_than_its_most_and_nothing_is_missing_without_need(
    sizes: dict[str, int], total: int, repeats: int
) -> None:
    most = {name: repeats * size for name, size in sizes.items()}
    counts = limited(total, equal(sizes), most)
    assert all(counts[name] <= most[name] for name in sizes)
    assert sum(counts.values()) == min(total, sum(most.values()))


@given(st.integers(1, 3000), st.integers(0, 99))
def test_a_permutation_has_each_number_once(size: int, seed: int) -> None:
    numbers = np.concatenate(list(Permutation(size, seed).blocks()))
    assert sorted(numbers.tolist()) == list(range(size))


@given(st.integers(1, 500), st.integers(1, 4))
def test_whole_passes_come_before_a_record_is_drawn_again(size: int, passes: int) -> None:
    draws = np.arange(size * passes, dtype=np.uint64)
    records, turns = Draw(size, 3, "a").records(draws)
    for number in range(passes):
        assert sorted(records[turns == number].tolist()) == list(range(size))
    assert turns.tolist() == [number // size for number in range(size * passes)]


def test_without_a_budget_nothing_is_repeated() -> None:
    sizes = {"a": plan.Size(100), "b": plan.Size(50), "c": plan.Size(7)}
    parts = tuple(Component(name, "x") for name in sizes)
    all_of_it = plan.wanted(Mixture(Component("", parts=parts)), sizes, "mix")
    assert {name: wanted.records for name, wanted in all_of_it.items()} == {
        name: size.records for name, size in sizes.items()
    }
    evenly = Mixture(Component("", parts=parts, weights="equal"))
    assert {x.records for x in plan.wanted(evenly, sizes, "mix").values()} == {7}
    with pytest.raises(UserError, match="no component has a record"):
        plan.wanted(evenly, dict.fromkeys(sizes, plan.Size(0)), "mix")


@given(st.integers(0, 10**7), st.integers(1, 95))
def test_text_is_its_share_of_all_tokens(conversations: int, percent: int) -> None:
    text = Component("web", "x", share=percent / 100, text=True)
    tokens = plan.text_tokens(Mixture(Component("", parts=(text,))), conversations)["web"]
    assert abs(tokens - Fraction(percent, 100) * (tokens + conversations)) < 1
