"""The figures of a run: counted as the paper counts, and in the shape that the schema says."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from command import invoke, run

from selfinstruct.stats import PAPER, SCHEMA
from selfinstruct.stats.counts import count
from selfinstruct.stats.course import moments
from selfinstruct.stats.labels import count_labels
from selfinstruct.stats.likeness import closest, highest_with_seeds
from selfinstruct.stats.parser import installed_model, verb_nouns
from selfinstruct.stats.table import rows
from selfinstruct.tasks import Example


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("stats") / "run"
    run("generate", "--model", "scripted", "--n", "60", "--out", out).done()
    return out


def example(task: str, input: str, output: str, *, is_classification: bool = False) -> Example:
    return Example(f"{task}-1", f"do {task} now", input, output, is_classification, {"instruction_id": task})


def test_json_keeps_to_its_schema(directory: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    found = json.loads(invoke("stats", directory, "--json").done().out)
    jsonschema.Draft202012Validator(schema).validate(found)
    assert found["counts"]["instances"] == 60
    assert found["paper"]["instructions"] == 52445


def test_a_terminal_shows_the_paper_beside_the_run(directory: Path) -> None:
    out = invoke("stats", directory).done().out
    assert "52,445" in out and "the paper" in out and "tokens" in out


def test_an_instruction_counts_once_and_an_empty_input_has_no_length() -> None:
    found, lengths = count([example("a", "", "x y"), example("a", "one two", "z"), example("b", "", "q", is_classification=True)])
    assert (found.instructions, found.classification, found.instances, found.empty_inputs) == (2, 1, 3, 2)
    assert (found.instruction_words, found.input_words, found.output_words) == (3.0, 2.0, 4 / 3)
    assert sum(lengths["input"].counts) == 1


def test_nothing_has_no_means() -> None:
    found, _ = count([])
    assert found.output_words is None
    assert [ours for _, _, ours in rows(PAPER, found, None)][-1] == "\u2013"


def test_likeness_is_the_highest_rouge_l() -> None:
    assert highest_with_seeds(["a b c d", "x y"], ["a b c d"], "rouge").counts[19] == 1
    number, pairs = closest(["a b c d e", "x y z", "a b c d f"], "rouge")
    assert (number, pairs[0].nearest, round(pairs[0].score, 3)) == (1, "a b c d e", 0.8)


def test_labels_in_equal_parts_are_balanced() -> None:
    even = [example("a", str(at), label, is_classification=True) for at, label in enumerate(("yes", "no"))]
    uneven = [example("b", str(at), "yes", is_classification=True) for at in range(2)]
    found = count_labels([*even, *uneven])
    assert (found.tasks, found.several, found.one_label, found.balance) == (2, 2, 1, 0.5)
    assert found.commonest == (("yes", 3), ("no", 1))


def test_a_night_between_two_sittings_is_no_work() -> None:
    replies = [{"at": at, "usage": {"prompt_tokens": 10, "completion_tokens": 1}} for at in (0.0, 60.0, 50_000.0)]
    last = moments(replies, None)[-1]
    assert (last.seconds, last.replies, last.prompt_tokens, last.cost) == (660.0, 3, 30, None)


@pytest.mark.skipif(importlib.util.find_spec("spacy") is None or installed_model() is None, reason="no spaCy model (extra: report)")
def test_the_root_verb_and_its_first_object_are_found() -> None:
    model = installed_model()
    assert model is not None
    texts = ["Write a short poem about the sea.", "Is this true?", "Explain the difference. Then list three examples."]
    assert verb_nouns(texts, model) == [("write", "poem"), None, ("explain", "difference")]
