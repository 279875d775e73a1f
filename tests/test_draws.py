"""The preset `chat`: what each propose prompt draws, and the way from a marked task to examples."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfinstruct.asking.reading import Reply
from selfinstruct.asking.templates import PROMPTS
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instance, Instruction
from selfinstruct.errors import UserError
from selfinstruct.parsing import Parsed
from selfinstruct.recipes import Outcome
from selfinstruct.recipes.filters import named_share
from selfinstruct.recipes.self_instruct import draws
from selfinstruct.recipes.self_instruct.draws import Lists, drawn_labels
from selfinstruct.recipes.self_instruct.instances import Admitted, Instances
from selfinstruct.recipes.self_instruct.presets import method_of
from selfinstruct.recipes.self_instruct.recipe import Draft, SelfInstruct
from selfinstruct.recipes.self_instruct.seeds import read_materials
from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig, configure

JSON = {"response_format": "json_object"}
LISTS = {
    "forms": ["a question; about: {subject}; {difficulty}", "works on a {material}: {work}"],
    "labels": ["a bare label for a {material}; asked by: {asker}"],
    "subjects": ["tea", "trains", "taxes"],
    "materials": ["letter"],
    "work": ["shorten"],
}


def lists_of(**settings: Any) -> Lists:
    config = configure({"model": "scripted", **settings})
    lists: Lists = read_materials(config, None, ("seed_tasks", "prompts")).value.lists
    return lists


# ---------------------------------------------------------------- briefs


def test_a_brief_fills_the_names_and_leaves_out_the_parts_of_empty_lists() -> None:
    lines = Lists(LISTS, 0.3).brief(7, 0, 40).split("\n")
    said = {line.partition(". ")[2] for line in lines}
    assert said == {
        *(f"a question; about: {subject}" for subject in LISTS["subjects"]),
        "works on a letter: shorten",
        "a bare label for a letter",
    }
    assert [line.partition(".")[0] for line in lines] == [str(number) for number in range(1, 41)]
    assert lines == Lists(LISTS, 0.3).brief(7, 0, 40).split("\n")


def test_every_entry_comes_once_before_any_comes_again_over_the_turns() -> None:
    entries = [f"subject {number}" for number in range(30)]
    lists = Lists({"forms": ["{subject}"], "subjects": entries})
    lines = "\n".join(lists.brief(3, turn, 6) for turn in range(10)).split("\n")
    texts = [line.partition(". ")[2] for line in lines]
    assert sorted(texts[:30]) == sorted(texts[30:]) == sorted(entries)
    assert texts[:30] != texts[30:] and texts[:30] != entries


def test_as_many_tasks_have_labels_as_among_the_seeds() -> None:
    lists = lists_of()
    lines = [line for turn in range(100) for line in lists.brief(1, turn, 8).split("\n")]
    share = sum("a bare label" in line for line in lines) / len(lines)
    assert abs(share - 25 / 175) < 0.04


def test_with_seeds_of_the_users_own_the_field_is_not_drawn(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text(json.dumps({"instruction": "Add the numbers.", "input": "1", "output": "1"}))
    assert {"subjects", "askers", "materials"} <= set(lists_of().entries)
    own = lists_of(seed_tasks=str(seeds))
    assert set(own.entries) == {"forms", "labels", "work", "difficulties"}
    assert "about:" not in own.brief(1, 0, 50) and "{" not in own.brief(1, 0, 50)
    named = lists_of(seed_tasks=str(seeds), draws=str(draws.PACKAGED))
    assert set(named.entries) == set(lists_of().entries)
    assert set(lists_of(topics="t").entries) == set(lists_of().entries) - {"subjects"}


def test_lists_beside_templates_of_ones_own_count_and_none_draws_nothing(tmp_path: Path) -> None:
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "propose.txt").write_text("--- user\n{{demonstrations}}{{brief}}")
    (tmp_path / "chat" / "draws.txt").write_text("Ours.\n--- forms\n a  riddle \n\n--- work\n")
    assert lists_of(prompts=str(tmp_path)).brief(0, 0, 2) == "1. a riddle\n2. a riddle"
    assert lists_of(draws="none").brief(0, 0, 2) == "1. free\n2. free"


def test_a_run_keeps_its_lists(tmp_path: Path) -> None:
    config = configure({"model": "scripted", "draws": str(tmp_path / "own.txt")})
    (tmp_path / "own.txt").write_text("--- forms\nriddle\n")
    first = read_materials(config, None, ("seed_tasks", "prompts"))
    for name, text in first.files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "own.txt").unlink()
    again = read_materials(config, tmp_path, ())
    assert again.value.lists == first.value.lists and again.fingerprints == first.fingerprints


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("--- form\nx\n", ":1: unknown list 'form' (known: forms, labels, "),
        ("subjects\n", ": holds no list; put '--- subjects' above the subjects"),
        (b"--- forms\n\xff", ": not UTF-8 (byte 10)"),
    ],
)
def test_a_fault_in_the_lists_is_named(tmp_path: Path, text: str | bytes, words: str) -> None:
    path = tmp_path / "draws.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as caught:
        lists_of(draws=str(path))
    assert str(caught.value).startswith(f"{path}{words}")
    with pytest.raises(UserError, match="no-such: cannot read the lists to draw from"):
        lists_of(draws="no-such")


# ---------------------------------------------------------------- seeds and labels


def test_a_stretch_of_turns_shows_every_seed_at_most_once() -> None:
    config = configure({"model": "scripted", "machine_demos": 0})
    recipe = SelfInstruct(config, SelfInstruct.read(config, None, ("seed_tasks",)).value)
    stretch = 175 // 8
    shown = list[str]()
    for turn in range(2 * stretch):
        shown += [task.id for task in recipe._demonstrations(turn)]
        recipe.end(turn)
    half = stretch * 8
    assert Counter(shown[:half]).most_common(1)[0][1] == 1
    assert Counter(shown[half:]).most_common(1)[0][1] == 1 and shown[:half] != shown[half:]


def test_labels_are_drawn_evenly() -> None:
    labels = ("a", "b", "c", "d", "e")
    drawn = Counter(label for number in range(400) for label in drawn_labels(0, number, labels, 2))
    assert set(drawn) == set(labels) and max(drawn.values()) < 1.3 * min(drawn.values())
    assert sorted(drawn_labels(0, 1, ("yes", "no"), 3))[:2] in (["no", "no"], ["no", "yes"])


# ---------------------------------------------------------------- from a task to its examples

LABEL = Parsed(instances=(Instance("Late again.", "late"), Instance("Odd.", "Early")))
TEXT = Parsed(instances=(Instance("", "A text."),))
DECLINE = Parsed(is_classification=False)


def filled(
    labels: tuple[str, ...] | None, replies: Mapping[str, Parsed], edition: int = 3
) -> tuple[list[str], list[Outcome], list[Mapping[str, object]]]:
    """The stages that are asked, the outcomes, and the values of each request."""
    config: SelfInstructConfig = replace(configure({"model": "m"}), edition=edition)
    asked, values_of = list[str](), list[Mapping[str, object]]()

    async def ask(
        stage: str, place: str, values: Mapping[str, object], to: str | None = None
    ) -> Reply:
        asked.append(stage)
        values_of.append(values)
        return Reply("said", replies[stage])

    admitted = Admitted(Instruction("i000004", "Is the train late?", 0, ()), labels)
    instances = Instances(config, method_of(config))
    return asked, list(asyncio.run(instances.of(0, admitted, ask))), values_of


def test_a_marked_task_is_not_classified_and_its_labels_are_drawn() -> None:
    asked, outcomes, values = filled(("late", "on time"), {"output_first": LABEL})
    assert asked == ["output_first"]
    assert values[0]["labels"] in (
        "late, then on time, then late",
        "on time, then late, then late",
        "late, then on time, then on time",
        "on time, then late, then on time",
    )
    instruction, example, dropped = outcomes
    assert isinstance(instruction, Instruction) and instruction.is_classification is True
    assert isinstance(example, Example) and example.output == "late"
    assert isinstance(dropped, Rejected) and dropped.reason == "unlisted_label"


def test_labels_that_are_not_drawn_are_named_beside_those_that_are() -> None:
    _, _, values = filled(("a", "b", "c", "d"), {"output_first": LABEL})
    drawn, _, rest = str(values[0]["labels"]).partition(" (of all: ")
    assert len(set(drawn.split(", then "))) == 3 and rest == "a, b, c, d)"


def test_an_ordinary_task_is_asked_for_its_input_first() -> None:
    asked, outcomes, _ = filled((), {"input_first": TEXT})
    assert asked == ["input_first"] and len(outcomes) == 2


def test_a_task_that_is_declined_is_handed_back() -> None:
    asked, outcomes, _ = filled(("a", "b"), {"output_first": DECLINE, "input_first": TEXT})
    assert asked == ["output_first", "input_first"]
    instruction, example = outcomes
    assert isinstance(instruction, Instruction) and instruction.is_classification is False
    assert isinstance(example, Example) and example.output == "A text."


def test_a_label_that_is_not_read_is_not_taken_for_no() -> None:
    unread = Parsed(reason="neither_yes_nor_no")
    replies = {"classify": unread, "output_first": DECLINE, "input_first": TEXT}
    asked, outcomes, _ = filled(None, replies)
    assert asked == ["classify", "output_first", "input_first"]
    assert [each.reason for each in outcomes if isinstance(each, Rejected)] == [
        "neither_yes_nor_no"
    ]
    asked, outcomes, _ = filled(None, {**replies, "output_first": LABEL})
    assert asked == ["classify", "output_first"]
    assert isinstance(outcomes[0], Instruction) and outcomes[0].is_classification is True
    nothing = Parsed(reason="no_class_label")
    asked, outcomes, _ = filled(None, {**replies, "output_first": nothing})
    reasons = [each.reason for each in outcomes if isinstance(each, Rejected)]
    assert reasons == ["neither_yes_nor_no", "no_class_label", "unknown_label"]
    assert isinstance(outcomes[0], Instruction) and outcomes[0].is_classification is None


def test_runs_of_edition_2_classify_every_task() -> None:
    asked, _, _ = filled(("a", "b"), {"classify": DECLINE, "input_first": TEXT}, edition=2)
    assert asked == ["classify", "input_first"]


def test_a_classification_that_was_not_read_is_asked_for_again_at_another_temperature() -> None:
    questions = {question.name: question for question in method_of(configure({})).questions}
    assert questions["classify"].warmer and configure({}).attempts > 1
    assert (PROMPTS / "chat" / "classify.txt").is_file()


def test_seeds_in_another_language_are_told_of_the_form_that_holds(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.jsonl"
    texts = ["Erkläre, warum Brot altbacken wird.", "Fasse den Brief zusammen.", "翻译这个句子。"]
    seeds.write_text("\n".join(json.dumps({"instruction": text, "output": "x"}) for text in texts))
    said = []
    for settings in ({"seed_tasks": str(seeds)}, {}, {"seed_tasks": str(seeds), **JSON}):
        config = configure({"model": "scripted", **settings})
        start = SelfInstruct.read(config, None, ("seed_tasks",)).value
        said.append(list(SelfInstruct(config, start).remarks()))
    assert ["--response-format json_object" in line for line in said[0]] == [True]
    assert said[1:] == [[], []]


@pytest.mark.parametrize(
    ("labels", "text", "share"),
    [
        (("refund", "repair", "none of these"), "Refund, repair or none of these?", 1),
        (("refund", "repair"), "Does the customer ask for a repair?", 0.5),
        (("refund", "repair"), "What does the customer ask for?", 0),
        (("yes", "no"), "Did the program finish?", 1),
        (("1", "2", "3", "4", "5"), "Rate the essay from 1 to 5.", 1),
        (("fully itemised", "not itemised"), "Fully itemised or not?", 1),
        (("dringend", "normal"), "Ist die Mail dringender als normale Post?", 1),
        (("正面", "负面"), "这条评论是正面还是负面?", 1),
        ((), "Sing.", 1),
    ],
)
def test_a_task_names_its_labels(labels: tuple[str, ...], text: str, share: float) -> None:
    assert named_share(labels, text) == share


def test_a_task_that_hides_a_label_is_dropped_and_a_foreign_tag_is_not_believed() -> None:
    config = configure({"model": "m"})
    recipe = SelfInstruct(config, SelfInstruct.read(config, None, ()).value)
    text = "Does the customer in this letter ask for a refund or for something else?"
    hidden = recipe.admit(0, Draft(text, (), labels=("refund", "something else", "repair")))
    assert isinstance(hidden, Rejected) and hidden.reason == "unnamed_label"
    admitted = recipe.admit(0, Draft(text, (), labels=("on time", "late")))
    assert isinstance(admitted, Admitted) and admitted.labels == ()
