"""`selfinstruct select` and `overlap`: exact counts a stratum, whatever the order of the records."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from command import invoke
from hypothesis import given
from hypothesis import strategies as st

from selfinstruct.choose.picks import Pick, best, counts_of, overlap
from selfinstruct.similarity import RougeIndex

PUBLISHED = Path(__file__).parents[2] / "shared/data/strategies/active_it"
Row = dict[str, Any]


def rows(number: int) -> list[Row]:
    return [
        {
            "instruction": f"Describe thing {at} "
            + ("in short." if at % 3 else "at length, please."),
            "output": "word " * (at % 17 + 1),
            "is_classification": at % 4 == 0,
            "uncertainty": (at * 37 % 101) / 100,
        }
        for at in range(number)
    ]


def write(path: Path, some: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in some))
    return path


def chosen(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_highest_are_chosen_and_copied_as_they_stand(tmp_path: Path) -> None:
    source = write(tmp_path / "all.jsonl", rows(100))
    out = tmp_path / "some.jsonl"
    said = invoke("select", source, "--by", "uncertainty", "--n", 10, "--out", out).done()
    assert "chose 10 of 100 records" in said.out
    lines = source.read_text().splitlines()
    assert [line for line in lines if line in out.read_text().splitlines()] == (
        out.read_text().splitlines()
    )
    numbers = sorted(row["uncertainty"] for row in rows(100))
    assert sorted(row["uncertainty"] for row in chosen(out)) == numbers[-10:]
    invoke("select", source, "--by", "uncertainty", "--lowest", "--n", 10, "--out", out).done()
    assert sorted(row["uncertainty"] for row in chosen(out)) == numbers[:10]


@pytest.mark.parametrize("by", ["random", "length", "diversity", "uncertainty"])
def test_the_order_of_the_records_has_no_say(tmp_path: Path, by: str) -> None:
    some = rows(60)
    found = []
    for name, order in (("one", some), ("two", some[::-1])):
        source = write(tmp_path / f"{name}.jsonl", order)
        out = tmp_path / f"{name}.out.jsonl"
        invoke("select", source, "--by", by, "--n", 12, "--seed", 3, "--out", out).done()
        found.append(sorted(out.read_text().splitlines()))
    assert found[0] == found[1]


def test_strata_have_exact_counts(tmp_path: Path) -> None:
    source = write(tmp_path / "all.jsonl", rows(688))
    out = tmp_path / "some.jsonl"
    words = ["select", source, "--by", "uncertainty", "--n", 68, "--out", out, "--strata"]
    invoke(*words, "is_classification:true=24,false=44").done()
    assert Counter(row["is_classification"] for row in chosen(out)) == {True: 24, False: 44}
    invoke(*words, "is_classification").done()
    assert Counter(row["is_classification"] for row in chosen(out)) == {True: 17, False: 51}


def test_diverse_records_resemble_none_of_the_others(tmp_path: Path) -> None:
    source = write(tmp_path / "all.jsonl", rows(40))
    out = tmp_path / "some.jsonl"
    words = ["--by", "diversity", "--n", 40, "--threshold", "0.6", "--out", out]
    said = invoke("select", source, *words).done().out
    texts = [row["instruction"] for row in chosen(out)]
    assert f"chose {len(texts)} of 40 records" in said and 1 < len(texts) < 40
    index = RougeIndex("unicode")
    for text in texts:
        assert index.nearest(text, above=0.6) is None
        index.add(text)


def test_several_seeds_are_compared_with_chance(tmp_path: Path) -> None:
    source = write(tmp_path / "all.jsonl", rows(100))
    seeds = [word for seed in range(20) for word in ("--seed", seed)]
    said = invoke("select", source, "--n", 20, *seeds, "--out", tmp_path / "picks").done().out
    assert "190 pairs); by chance 4.0" in said
    shared = float(said.partition("share ")[2].split()[0])
    assert 3.2 < shared < 4.8
    files = sorted((tmp_path / "picks").iterdir())
    again = invoke("overlap", *files, "--of", 100).done().out
    assert again.split("\n")[0] in said


def test_the_published_rounds_of_active_instruction_tuning_overlap_as_they_do() -> None:
    if not PUBLISHED.is_dir():
        pytest.skip("the published selections are not here")
    seeds = (10, 20, 30, 40, 50)
    for name, shared in (
        ("uncertainty", "28.0"), ("high_perplexity", "33.9"), ("low_perplexity", "27.1"),
        ("random", "6.9"),
    ):  # fmt: skip
        after = [PUBLISHED / f"seed_{seed}/{name}_1.txt" for seed in seeds]
        before = [PUBLISHED / f"seed_{seed}/{name}_0.txt" for seed in seeds]
        without = [word for path in before for word in ("--without", path)]
        said = invoke("overlap", *after, *without, "--of", 734).done().out
        assert said == (f"two selections share {shared} on average (10 pairs); by chance 6.3\n")


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.sampled_from("abc")), min_size=1, max_size=40),
    st.integers(0, 40),
)
def test_counts_are_exact_for_any_strata(some: list[tuple[float, str]], n: int) -> None:
    picks = [Pick(at, worth, at, stratum) for at, (worth, stratum) in enumerate(some)]
    sizes = Counter(stratum for _, stratum in some)
    n = min(n, len(some))
    counts = counts_of(n, sizes, {})
    places = best(picks, counts)
    assert sum(counts.values()) == len(places) == n
    for stratum, count in counts.items():
        of_it = [pick for pick in picks if pick.stratum == stratum]
        assert abs(count - n * len(of_it) / len(some)) < 1
        worths = sorted((pick.worth or 0 for pick in of_it), reverse=True)
        assert (
            sorted((some[at][0] for at in places if some[at][1] == stratum), reverse=True)
            == (worths[:count])
        )


def test_selections_of_everything_share_everything() -> None:
    found = overlap([{1, 2, 3}, {1, 2, 3}], 3)
    assert (found.shared, found.by_chance) == (3, 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--n", "200"], "--n: 200 records are wanted, and there are 50 that can be chosen"),
        (["--n", "0"], "--n 0: must be at least 1"),
        (["--n", "5", "--by", "colour"], "and there are 0 that can be chosen"),
        (["--n", "5", "--by", "score"], "and there are 0 that can be chosen"),
        (["--n", "5", "--strata", "x:a=3"], "the counts sum to 3, and --n is 5"),
        (["--n", "5", "--strata", "x:a"], "write FIELD:VALUE=COUNT"),
        (["--n", "5", "--seed", "1", "--seed", "1"], "--seed: names a seed twice"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, words: list[str], message: str) -> None:
    source = write(tmp_path / "all.jsonl", rows(50))
    assert message in invoke("select", source, "--out", tmp_path / "out.jsonl", *words).error
    assert not (tmp_path / "out.jsonl").exists()
