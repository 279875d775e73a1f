"""The figures of a run: counted as the paper counts, and in the shape that the schema says."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
from command import invoke

from selfinstruct.data.examples import Example, Turn
from selfinstruct.data.seeds import read_seeds
from selfinstruct.errors import UserError
from selfinstruct.runs.view import load_run
from selfinstruct.stats import PAPER, SCHEMA, find_defects, judgements_of, parser
from selfinstruct.stats.counts import count
from selfinstruct.stats.course import moments
from selfinstruct.stats.defects import count_defects
from selfinstruct.stats.labels import count_labels
from selfinstruct.stats.likeness import closest, highest_with_seeds
from selfinstruct.stats.parser import installed_model, verb_nouns
from selfinstruct.stats.quality import Answer, Judgement, ModelScore, count_models, count_quality
from selfinstruct.stats.table import model_rows, rows
from selfinstruct.stats.verbs import count_verbs, sample

SHARED = Path(__file__).parents[2] / "shared" / "data" / "rouge"
needs_model = pytest.mark.skipif(
    importlib.util.find_spec("spacy") is None or installed_model() is None,
    reason="no spaCy model (extra: report)",
)


def example(task: str, input: str, output: str, *, is_classification: bool = False) -> Example:
    return Example(
        f"{task}-1", f"do {task} now", input, output, is_classification, {"instruction_id": task}
    )


def test_json_keeps_to_its_schema(finished: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    found = json.loads(invoke("stats", finished, "--json").done().out)
    jsonschema.Draft202012Validator(schema).validate(found)
    assert found["counts"]["instances"] == 150
    assert found["paper"]["instructions"] == 52445 and found["paper_quality"]["all_three"] == {
        "yes": 108,
        "of": 200,
    }
    assert found["quality"] is None and found["compared"] == found["counts"]["instructions"]


def test_json_of_a_judged_run_keeps_to_it_too(finished: Path, tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    shutil.copytree(finished, tmp_path / "run")
    ids = [one.id for one in load_run(finished).examples()]
    lines = [
        {"id": id, "score": score, "is_valid": True, "output_right": score > 2}
        for id, score in zip(ids, (1, 5, 5), strict=False)
    ]
    (tmp_path / "run" / "judgements.jsonl").write_text(
        "".join(json.dumps(one) + "\n" for one in lines)
    )
    found = json.loads(invoke("stats", tmp_path / "run", "--json").done().out)
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(found)
    assert found["quality"]["scores"] == [1, 0, 0, 0, 2] and found["quality"]["output_right"] == {
        "yes": 2,
        "of": 3,
    }
    assert (
        "the output is right                                  58.0%             66.7%"
        in invoke("stats", tmp_path / "run").done().out
    )


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data here")
def test_the_published_means_of_the_paper_s_seeds_come_out_of_the_same_code() -> None:
    """The run's own 82,439 instances are not at hand.

    Of its 175 seeds the means are known: 13, 36 and 43 words, 50 empty inputs.
    """
    seeds = read_seeds(SHARED / "seed_tasks_175.jsonl")
    ours = [
        Example(
            one.id,
            one.instruction,
            part.input,
            part.output,
            one.is_classification,
            {"instruction_id": one.id},
        )
        for one in seeds
        for part in one.instances
    ]
    found, lengths = count(ours)
    assert (found.instructions, found.instances, found.empty_inputs) == (175, 175, 50)
    assert [
        round(mean)
        for mean in (found.instruction_words, found.input_words, found.output_words)
        if mean
    ] == [13, 36, 43]
    assert sum(lengths["instruction"].counts) == 175 and sum(lengths["input"].counts) == 125


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data here")
@needs_model
def test_instructions_of_a_real_run_have_verbs_and_nouns_as_often_as_the_paper_s() -> None:
    """50.6% of the paper's, by another parser."""
    lines = [
        (SHARED / f"davinci_{run}_accepted.jsonl").read_text("utf-8").splitlines() for run in "ab"
    ]
    texts = [json.loads(line)["instruction"] for part in lines for line in part]
    found = verb_nouns(texts, str(installed_model()))
    assert len(texts) == 161 and 0.4 < sum(pair is not None for pair in found) / len(found) < 0.6


def test_a_terminal_shows_the_paper_beside_the_run(finished: Path) -> None:
    out = invoke("stats", finished).done().out
    assert "52,445" in out and "the paper" in out and "tokens" in out


def test_an_instruction_counts_once_and_an_empty_input_has_no_length() -> None:
    found, lengths = count(
        [
            example("a", "", "x y"),
            example("a", "one two", "z"),
            example("b", "", "q", is_classification=True),
        ]
    )
    assert (found.instructions, found.classification, found.instances, found.empty_inputs) == (
        2,
        1,
        3,
        2,
    )
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
    even = [
        example("a", str(at), label, is_classification=True)
        for at, label in enumerate(("yes", "no"))
    ]
    uneven = [example("b", str(at), "yes", is_classification=True) for at in range(2)]
    found = count_labels([*even, *uneven])
    assert (found.tasks, found.several, found.one_label, found.balance) == (2, 2, 1, 0.5)
    assert found.commonest == (("yes", 3), ("no", 1))


def test_a_night_between_two_sittings_is_no_work() -> None:
    replies = [
        {"at": at, "usage": {"prompt_tokens": 10, "completion_tokens": 1}}
        for at in (0.0, 60.0, 50_000.0)
    ]
    last = moments(replies, None)[-1]
    assert (last.seconds, last.replies, last.prompt_tokens, last.cost) == (660.0, 3, 30, None)


@needs_model
def test_the_root_verb_and_its_first_object_are_found() -> None:
    texts = [
        "Write a short poem about the sea.",
        "Is this true?",
        "Explain the difference. Then list three examples.",
        "将句子翻译成英文",
    ]
    assert verb_nouns(texts, str(installed_model())) == [
        ("write", "poem"),
        None,
        ("explain", "difference"),
        None,
    ]


@needs_model
@pytest.mark.slow  # processes that each load a parser
def test_many_processes_find_what_one_finds(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [one.text for one in load_run(finished).instructions()]
    monkeypatch.setattr(parser, "_PAYS", 10)
    monkeypatch.setattr(parser, "_SHARE", 20)
    with parser.parsing(texts, str(installed_model())) as found:
        assert found() == verb_nouns(texts, str(installed_model()))
    with (
        pytest.raises(UserError, match="the parser ended with exit code 1"),
        parser.parsing(texts, "no_such_model") as found,
    ):
        found()


def test_a_sample_hangs_on_the_texts_alone() -> None:
    texts = [f"task {number}" for number in range(500)]
    some = sample(texts, 100)
    assert len(some) == 100 == len(set(some)) and some == sorted(some, key=texts.index)
    assert set(sample(texts[::-1], 100)) == set(some) and sample(texts, 500) == texts
    assert (
        len(set(sample([*texts, *(f"another {number}" for number in range(50))], 100)) & set(some))
        > 80
    )  # of a run that grew


def test_a_share_of_a_sample_says_so() -> None:
    found = count_verbs([("write", "poem"), None, ("write", "ode")], of=10, model="x")
    assert (found.structured, found.parsed, found.covered, found.said) == (2, 3, 2, "of 3 sampled")
    assert count_verbs([None], of=1, model="x").said == "of 1"


def test_answers_are_shares_of_those_that_were_given() -> None:
    said = {
        "a": Judgement(5.0, True, True, True, ""),
        "b": Judgement(1.0, True, False, None, "no"),
        "gone": Judgement(3.0, False, False, False, "of an example that is no more"),
    }
    found = count_quality(["a", "b", "c"], said)
    assert found is not None
    assert (found.judged, found.is_valid, found.input_fits, found.output_right) == (
        2,
        Answer(2, 2),
        Answer(1, 2),
        Answer(1, 1),
    )
    assert (found.all_three, found.scores, found.mean_score) == (Answer(1, 1), (1, 0, 0, 0, 1), 3.0)
    assert count_quality(["c"], said) is None


def test_what_is_no_judgement_says_nothing(tmp_path: Path, finished: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    odd = [float("nan"), 1e999, True, "5", None, -3, 10**400]
    lines = [{"id": "a", "score": score, "is_valid": "yes", "reason": ["x"]} for score in odd]
    for line in (*lines, {"score": 3}, {"id": 7, "score": 3}):
        (tmp_path / "run" / "judgements.jsonl").write_text(json.dumps(line) + "\n")
        assert judgements_of(load_run(tmp_path / "run")) in (
            {},
            {"a": Judgement(None, None, None, None, "")},
        )


def test_every_kind_of_defect_has_its_examples_and_its_evidence(
    finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    before = {one.slug: one.count for one in count_defects(find_defects(load_run(finished)))}
    refused = Example(
        "r",
        "Tell me a joke.",
        "",
        "I'm sorry, but I cannot help with that request.",
        False,
        {"findings": ["old_slug"]},
    )
    with (tmp_path / "run" / "examples.jsonl").open("a") as file:
        file.write(refused.to_line() + "\n" + refused.to_line() + "\n")
    view = load_run(tmp_path / "run")
    marks = find_defects(view)
    assert {mark.slug for mark in marks[150]} == {"refusal", "old_slug"}
    assert {mark.slug for mark in marks[151]} == {"refusal", "old_slug", "exact_duplicate"}
    found = {one.slug: one for one in count_defects(marks)}
    assert (found["refusal"].severity, found["refusal"].count) == (
        "error",
        before.get("refusal", 0) + 2,
    )
    assert "cannot help" in found["refusal"].evidence[0]
    assert (found["old_slug"].severity, found["old_slug"].count, found["old_slug"].evidence) == (
        "note",
        2,
        (),
    )
    assert [one.severity for one in count_defects(marks)] == sorted(
        (one.severity for one in found.values()), key=("error", "warning", "note").index
    )


def test_a_run_without_seeds_and_labels_has_its_figures_and_says_that_seeds_are_missing(
    finished: Path, tmp_path: Path
) -> None:
    """As a recipe that answers collected instructions leaves a run."""
    jsonschema = pytest.importorskip("jsonschema")
    answered = tmp_path / "answered"
    shutil.copytree(finished, answered)
    (answered / "inputs" / "seed_tasks.jsonl").unlink()
    turns = (Turn("user", "Hello!"), Turn("assistant", "Hello."))
    rows = [
        Example(
            f"i{number:06d}-{model}", f"Say {number}.", "", f"{number}{'!' * model}", None,
            {"instruction_id": f"i{number:06d}", "turn": number, "model": f"m{model}"},
            "Be brief.", turns,
        )
        for number in range(20) for model in (1, 2)
    ]  # fmt: skip
    (answered / "examples.jsonl").write_text("".join(row.to_line() + "\n" for row in rows))
    said = invoke("stats", answered).done().out
    assert said.endswith("the run has no seed tasks: the likeness to seeds is left out\n")
    assert "highest ROUGE-L with a seed" not in said
    found = json.loads(invoke("stats", answered, "--json").done().out)
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(found)
    assert found["seeds"] is None and found["preset"] == "chat"
    assert (found["counts"]["instructions"], found["counts"]["instances"]) == (20, 40)


def test_several_models_stand_beside_each_other_and_a_single_model_does_not() -> None:
    rows = [Example(f"{at}", "a", "", "b", None, {"model": "xxy"[at % 3]}) for at in range(9)]
    said = {
        "0": Judgement(2.0, None, None, None, ""),
        "1": Judgement(3.0, None, None, None, ""),
        "2": Judgement(4.0, None, None, None, ""),
        "3": Judgement(None, None, None, None, "no verdict"),
    }
    found = count_models(rows, said)
    assert found == (ModelScore("y", 3, 1, 4.0), ModelScore("x", 6, 2, 2.5))
    assert list(model_rows(found))[1] == ("x", "6", "2", "2.50")
    assert list(model_rows(found[:1])) == []
    assert count_models(rows, {})[0] == ModelScore("x", 6, 0, None)
