"""Recorded runs of the published system: from the same replies come the same results.

The recordings belong to other people and are no part of this project. Without them these tests are
skipped.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from selfinstruct.data.seeds import read_seeds
from selfinstruct.models import Completion, Message
from selfinstruct.parsing import paper
from selfinstruct.recipes.filters import PAPER_FILTERS, why_not_instances, why_not_instruction
from selfinstruct.recipes.pool import Pool
from selfinstruct.recipes.self_instruct.settings import configure
from selfinstruct.runs.inputs import Inputs

DATA = Path(__file__).parents[2] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the recorded runs are not here")

CONFIG = configure({"preset": "paper", "model": "davinci"})
RAW = (Message("prompt", "whatever was sent\n9."),)


def recorded(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in DATA.joinpath(name).read_text("utf-8").split("\n") if line]


def top_ten(similar: dict[str, float]) -> tuple[list[float], dict[str, float]]:
    """The ten scores, and the texts above the tenth score.

    Several texts may have the tenth score, and chance decides which of them are recorded.
    """
    scores = sorted(similar.values(), reverse=True)
    return scores, {text: score for text, score in similar.items() if score > scores[-1]}


@pytest.mark.parametrize(("run", "count"), [("davinci_a", 54), ("davinci_b", 107)])
def test_a_recorded_run_accepts_the_recorded_instructions_in_order_with_bit_equal_similarities(
    run: str, count: int
) -> None:
    pool = Pool(
        read_seeds(DATA / "rouge" / "seed_tasks_175.jsonl"), CONFIG.threshold, CONFIG.tokenizer
    )
    stage = Inputs.read(CONFIG).stages["propose"]
    found = []
    for reply in recorded(f"rouge/{run}_completions.jsonl"):
        for draft in stage.read(
            Completion(reply["text"], reply["finish_reason"]), RAW
        ).parsed.drafts:
            text = draft.instruction
            if why_not_instruction(text, PAPER_FILTERS) is None and pool.resembles(text) is None:
                top = pool.index.top(text, 10)
                found.append(
                    (
                        text,
                        top[0].score,
                        pool.index.mean(text),
                        top_ten({match.text: match.score for match in top}),
                    )
                )
                pool.admit(f"i{len(found)}", text)
    expected = [
        (
            accepted["instruction"],
            accepted["max_similarity"],
            accepted["avg_similarity_score"],
            top_ten(accepted["most_similar"]),
        )
        for accepted in recorded(f"rouge/{run}_accepted.jsonl")
    ]
    assert len(found) == len(expected) == count
    assert found == expected


def test_the_recorded_replies_of_the_later_stages_give_exactly_the_recorded_instances() -> None:
    made: Counter[tuple[str, str, str]] = Counter()
    for reply in recorded("chain_davinci/replies.jsonl"):
        is_classification = paper.classify(reply["classification_reply"], "stop").is_classification
        parse = paper.output_first if is_classification else paper.input_first
        instances = parse(reply["instances_reply"], reply["finish_reason"]).instances
        verdicts = why_not_instances(
            instances, at_most=CONFIG.max_instances_per_task, control=False
        )
        kept = [
            instance
            for instance, verdict in zip(instances, verdicts, strict=True)
            if verdict is None
        ]
        made.update((reply["instruction"], instance.input, instance.output) for instance in kept)
    expected = Counter(
        (instance["instruction"], instance["input"], instance["output"])
        for instance in recorded("chain_davinci/all_generated_instances.jsonl")
    )
    assert made == expected
    assert made.total() == 78
