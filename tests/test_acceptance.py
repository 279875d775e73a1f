"""What was promised of the main job, measured with the tools that it was promised by."""

from __future__ import annotations

import heapq
import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from command import Ran, dataset, finish, start
from rapidfuzz.distance import LCSseq
from rapidfuzz.process import cdist
from rouge_score import tokenizers
from rouge_score.rouge_scorer import RougeScorer

from selfinstruct.asking.templates import SEED_TASKS

SIZES = [300, pytest.param(2000, marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=SIZES)
def n(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def two_runs(n: int, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Ran]:
    """The same command twice, at different concurrency, at the same time."""
    home = tmp_path_factory.mktemp("runs")
    words = ("generate", "--n", n, "--model", "scripted", "--out")
    processes = [start(*words, home / "A"), start(*words, home / "B", "--concurrency", 3)]
    ran, _ = (finish(process).done() for process in processes)
    return home / "A", home / "B", ran


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def test_n_examples_are_exactly_n_lines(n: int, two_runs: tuple[Path, Path, Ran]) -> None:
    run, _, _ = two_runs
    assert (run / "examples.jsonl").read_bytes().count(b"\n") == n
    examples = records(run / "examples.jsonl")
    ids = [str(one["id"]) for one in examples]
    assert len(set(ids)) == n and all(one["instruction"] and one["output"] for one in examples)
    order = [
        (int(found[1]), int(found[2]))
        for found in (re.fullmatch(r"i(\d+)-(\d+)", one) for one in ids)
        if found
    ]
    assert len(order) == n and all(one < other for one, other in pairwise(order))


def test_another_concurrency_gives_the_same_bytes(two_runs: tuple[Path, Path, Ran]) -> None:
    one, other, _ = two_runs
    assert dataset(one) == dataset(other)


def test_the_funnel_adds_up_to_what_was_proposed(n: int, two_runs: tuple[Path, Path, Ran]) -> None:
    """The printed counts are those of the files, and each sum is the sum of its parts."""
    run, _, ran = two_runs
    printed = {
        label.strip(): int(count.replace(",", ""))
        for label, count in re.findall(r"(?m)^( *\S.*?) {2,}([\d,]+)  ", ran.out)
    }
    rejected = records(run / "rejected.jsonl")
    dropped = Counter((one["what"], one["reason"]) for one in rejected)
    of = {
        what: {str(reason): count for (kind, reason), count in dropped.items() if kind == what}
        for what in ("instruction", "instance")
    }
    admitted = len(records(run / "instructions.jsonl"))
    assert printed["instructions admitted"] == admitted
    assert printed["instructions proposed"] == admitted + sum(of["instruction"].values())
    assert (
        printed["instances written"] == n + sum(of["instance"].values())
        and printed["examples"] == n
    )
    assert {
        label.removeprefix("dropped, "): count
        for label, count in printed.items()
        if label.startswith("dropped, ")
    } == {
        **of["instruction"],
        **of["instance"],
    }
    replies = {
        label.removeprefix("reply dropped, "): count
        for label, count in printed.items()
        if label.startswith("reply dropped, ")
    }
    assert replies == Counter(
        f"{one['stage']}: {one['reason']}" for one in rejected if one["what"] == "reply"
    )


def test_no_two_instructions_or_seeds_are_more_alike_than_allowed(
    n: int, two_runs: tuple[Path, Path, Ran]
) -> None:
    """ROUGE-L F is at most 0.7 between every admitted instruction and all before: by the formula
    for all pairs, and by rouge_score itself for the two thousand most alike.
    """
    run, _, _ = two_runs
    seeds = [str(one["instruction"]) for one in records(SEED_TASKS)]
    texts = seeds + [str(one["instruction"]) for one in records(run / "instructions.jsonl")]
    tokenizer = tokenizers.DefaultTokenizer(use_stemmer=False)
    words = [tokenizer.tokenize(text) for text in texts]
    letters = {
        word: chr(0x4E00 + number)
        for number, word in enumerate(dict.fromkeys(word for one in words for word in one))
    }
    lengths = np.array([len(one) for one in words], dtype=np.float64)
    spelled = ["".join(map(letters.__getitem__, one)) for one in words]  # a character a word
    common = cdist(spelled, spelled, scorer=LCSseq.similarity, dtype=np.float64, workers=2)
    scores = np.divide(2 * common, np.add.outer(lengths, lengths))
    first, second = np.triu_indices(len(texts), 1)
    is_ours = second >= len(seeds)
    first, second = first[is_ours], second[is_ours]
    assert len(first) > 50_000
    worst = heapq.nlargest(2000, range(len(first)), key=scores[first, second].__getitem__)
    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    exact = [
        scorer.score(texts[first[one]], texts[second[one]])["rougeL"].fmeasure for one in worst
    ]
    assert exact == pytest.approx([scores[first[one], second[one]] for one in worst])
    assert 0.6 < max(exact) <= 0.7
