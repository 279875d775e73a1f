"""Templates: those we ship load, a user's edits are used, faults are named with file and line."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinstruct.annotate.judges import JUDGE, QUESTION
from selfinstruct.asking import templates as templating
from selfinstruct.asking.stage import Question
from selfinstruct.asking.templates import PROMPTS, Template
from selfinstruct.errors import UserError
from selfinstruct.models import Message
from selfinstruct.recipes.catalogue import RECIPES
from selfinstruct.recipes.chats.styles import QUESTIONS as CHATS
from selfinstruct.recipes.self_instruct.draws import PACKAGED
from selfinstruct.recipes.self_instruct.presets import METHODS
from selfinstruct.recipes.self_instruct.settings import PRESETS, SelfInstructConfig
from selfinstruct.recipes.topics.tree import question_of
from selfinstruct.verification.questions import CRITERIA
from selfinstruct.verification.questions import questions_of as verifying

STAGES = tuple(SelfInstructConfig.STAGES)

VALUES = {
    "demonstrations": "1. Sing.",
    "n": 8,
    "next": 2,
    "instruction": "Dance.",
    "max_instances": 3,
    "brief": "1. free",
    "labels": "yes, then no",
    "example": '{"output": "Yes."}',
}
PROPOSE = "What it does.\n--- user\n{{demonstrations}}\nWrite {{n}} more.\n"
EVERY = [(preset, as_json) for preset in PRESETS for as_json in (False, True)]


def stages_of(preset: str) -> tuple[str, ...]:
    return tuple(question.name for question in METHODS[preset].questions)


def load(preset: str, *, stages: tuple[str, ...], **options: Any) -> dict[str, Template]:
    """The templates of some stages of a preset."""
    known: dict[str, Question] = {each.name: each for each in METHODS["chat"].questions}
    known |= {each.name: each for each in METHODS[preset].questions}
    known[JUDGE] = QUESTION
    questions = [known[stage] for stage in stages]
    return templating.load(preset, questions=questions, **options)


def read(
    directory: Path,
    text: str,
    *,
    name: str = "propose.txt",
    preset: str = "chat",
    stage: str = "propose",
) -> Template:
    directory.joinpath(name).write_text(text, "utf-8", newline="")
    return load(preset, stages=(stage,), directory=directory)[stage]


def refused(directory: Path, text: str, *, stage: str = "propose") -> str:
    with pytest.raises(UserError) as caught:
        read(directory, text, name=f"{stage}.txt", stage=stage)
    return str(caught.value)


@pytest.mark.parametrize(("preset", "as_json"), EVERY)
def test_every_template_that_we_ship_loads_and_leaves_nothing_unfilled(
    preset: str, as_json: bool
) -> None:
    templates = load(preset, stages=stages_of(preset), as_json=as_json)
    assert tuple(templates) == stages_of(preset)
    for stage, template in templates.items():
        filled = template.fill(VALUES)
        assert template.stage == stage and filled
        for message in filled:
            assert message.text.strip() and message.text == message.text.strip("\n")
            assert "{{" not in message.text and "}}" not in message.text
        assert [one.role for one in filled] == ["prompt"] or filled[-1].role in (
            "user",
            "assistant",
        )


def test_every_file_among_the_templates_is_read_by_some_preset() -> None:
    used = set()
    for preset, as_json in EVERY:
        judging = (JUDGE,) if preset in ("chat", "small") else ()
        for template in load(
            preset, stages=(*stages_of(preset), *judging), as_json=as_json
        ).values():
            used |= {PROMPTS / preset / name for name, _ in template.files}
    for recipe, kind in RECIPES.items():
        if (PROMPTS / recipe).is_dir() and recipe not in PRESETS:
            for as_json in (False, True):
                questions = kind.load().questions
                for template in templating.load(
                    recipe, questions=questions, as_json=as_json
                ).values():
                    used |= {PROMPTS / recipe / name for name, _ in template.files}
    beside = {"chats": [each for style in CHATS.values() for each in style]}
    beside["topics"] = [question_of(name) for name in ("topics", "personas")]
    gates = verifying(("code",), reviewed=True, mends=True, criteria=CRITERIA)
    beside |= {"verify": list(gates), "small": list(gates[:1])}
    for folder, questions in beside.items():
        for as_json in (False, True):
            for template in templating.load(folder, questions=questions, as_json=as_json).values():
                used |= {PROMPTS / folder / name for name, _ in template.files}
    found = {path for path in PROMPTS.glob("*/*") if path.suffix in (".txt", ".gbnf")}
    assert used == found - {PACKAGED}


@pytest.mark.parametrize("preset", ["chat", "small"])
def test_a_judge_sees_the_example_last(preset: str) -> None:
    filled = load(preset, stages=(JUDGE,))[JUDGE].fill(VALUES)
    assert str(VALUES["example"]) in filled[-1].text and filled[-1].role in ("user", "prompt")
    assert "{{" not in "".join(one.text for one in filled)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_raw_prompt_ends_exactly_where_the_model_goes_on(preset: str) -> None:
    for template in load(preset, stages=stages_of(preset)).values():
        if template.messages[-1].role == "prompt":
            assert not template.fill(VALUES)[-1].text.endswith((" ", "\n"))


def test_documentation_above_the_first_section_is_never_sent(tmp_path: Path) -> None:
    template = read(
        tmp_path,
        "Uses {{anything}} and --- more.\n\n--- system\nBe brief.\n\n"
        "--- user\n\nGo on: {{demonstrations}}\n\n",
    )
    assert template.messages == (
        Message("system", "Be brief."),
        Message("user", "Go on: {{demonstrations}}"),
    )


def test_an_unknown_name_is_named_with_its_line_and_what_is_known(tmp_path: Path) -> None:
    said = refused(tmp_path, "--- user\nGo on:\n{{taks}}\n{{demonstrations}}")
    assert (
        said
        == f"{tmp_path}/propose.txt:3: unknown name 'taks' (known: demonstrations, n, next, brief)"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "--- user\nGo on.",
            (
                "propose.txt: never uses {{demonstrations}}; without it every request of the stage "
                "propose is the same"
            ),
        ),
        ("{{demonstrations}}", "propose.txt: has no section; put '--- user'"),
        ("", "propose.txt: has no section"),
        (
            "--- robot\n{{demonstrations}}",
            "propose.txt:1: unknown section 'robot' (known: system, user, assistant, prompt)",
        ),
        (
            "--- system\n\n--- user\n{{demonstrations}}",
            "propose.txt: the section '--- system' is empty",
        ),
        (
            "--- user\n{{demonstrations}}\n--- assistant\n \n",
            "propose.txt: the section '--- assistant' is empty",
        ),
        ("--- user\n{{demonstrations}}{{}}", "propose.txt:2: unknown name ''"),
        (
            "--- user\n{{demonstrations}} {{instruction}}",
            "propose.txt:2: unknown name 'instruction'",
        ),
        ("{{demonstrations}}\n--- user\nGo on.", "propose.txt: never uses {{demonstrations}}"),
    ],
)
def test_what_is_wrong_with_a_template_is_said(tmp_path: Path, text: str, words: str) -> None:
    assert words in refused(tmp_path, text)


@pytest.mark.parametrize("stage", STAGES[1:])
def test_a_stage_about_an_instruction_must_show_it(tmp_path: Path, stage: str) -> None:
    assert "never uses {{instruction}}" in refused(tmp_path, "--- user\nHello.", stage=stage)


def test_a_file_that_is_no_utf8_is_named(tmp_path: Path) -> None:
    tmp_path.joinpath("propose.txt").write_bytes(b"--- user\n\xff")
    with pytest.raises(UserError, match=r"propose\.txt: not UTF-8 \(byte 9\)"):
        load("chat", stages=("propose",), directory=tmp_path)


def test_a_byte_order_mark_and_windows_newlines_change_nothing(tmp_path: Path) -> None:
    plain = read(tmp_path, PROPOSE)
    windows = read(tmp_path, "\ufeff" + PROPOSE.replace("\n", "\r\n"))
    assert (windows.messages, windows.fingerprint) == (plain.messages, plain.fingerprint)


def test_names_may_stand_apart_from_their_braces_and_single_braces_are_text(tmp_path: Path) -> None:
    template = read(tmp_path, '--- user\n{{ demonstrations }} {"a": {"b": [1]}} {n} {{n}}')
    assert template.fill(VALUES)[0].text == '1. Sing. {"a": {"b": [1]}} {n} 8'


@given(st.text())
def test_a_value_is_never_filled_again(value: str) -> None:
    template = load("chat", stages=("classify",))["classify"]
    for text in (value, "{{instruction}}", "{{n}} " + value, "{{{instruction}}}", "\\1 \\g<0>"):
        before, after = template.fill({**VALUES, "instruction": "\0"})[-1].text.split("\0")
        assert template.fill({**VALUES, "instruction": text})[-1].text == before + text + after


def test_a_directory_takes_the_place_of_what_is_packaged_file_by_file(tmp_path: Path) -> None:
    packaged = load("chat", stages=STAGES)
    template = read(tmp_path, PROPOSE)
    mixed = load("chat", stages=STAGES, directory=tmp_path)
    assert mixed["propose"] == template != packaged["propose"]
    assert {stage: mixed[stage] for stage in STAGES[1:]} == {
        stage: packaged[stage] for stage in STAGES[1:]
    }


def test_a_folder_named_like_the_preset_serves_that_preset_alone(tmp_path: Path) -> None:
    tmp_path.joinpath("chat").mkdir()
    tmp_path.joinpath("chat", "propose.txt").write_text(PROPOSE)
    assert (
        load("chat", stages=("propose",), directory=tmp_path)["propose"].messages
        == read(tmp_path / "chat", PROPOSE).messages
    )
    with pytest.raises(UserError, match="holds no template of the preset paper"):
        load("paper", stages=("propose",), directory=tmp_path)


def test_a_copy_of_everything_changes_nothing(tmp_path: Path) -> None:
    shutil.copytree(PROMPTS, tmp_path / "prompts")
    for preset, as_json in EVERY:
        stages = stages_of(preset)
        assert load(preset, stages=stages, as_json=as_json) == load(
            preset, stages=stages, directory=tmp_path / "prompts", as_json=as_json
        )


def test_a_directory_that_is_not_there_or_holds_nothing_of_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=re.escape(f"{tmp_path / 'none'}: no such directory of prompts")
    ):
        load("chat", stages=STAGES, directory=tmp_path / "none")
    with pytest.raises(
        UserError,
        match=re.escape(f"{tmp_path}: holds no template of the preset chat (propose.txt, "),
    ):
        load("chat", stages=STAGES, directory=tmp_path)
    tmp_path.joinpath("classify.txt").write_text("--- user\n{{instruction}}")
    with pytest.raises(UserError, match="holds no template of the preset alpaca"):
        load("alpaca", stages=("propose",), directory=tmp_path)


@pytest.mark.parametrize("folder", ["", "chat"])
@pytest.mark.parametrize("name", ["propse.txt", "propose.json.gbnf", "notes.txt"])
def test_a_file_that_no_stage_would_read_is_named_and_not_passed_over(
    tmp_path: Path, folder: str, name: str
) -> None:
    read(tmp_path, PROPOSE)
    tmp_path.joinpath(folder).mkdir(exist_ok=True)
    tmp_path.joinpath(folder, name).write_text("x")
    with pytest.raises(
        UserError,
        match=re.escape(f"{tmp_path / folder / name}: no stage has a template of this name"),
    ):
        load("chat", stages=STAGES, directory=tmp_path)


def test_a_readme_beside_the_templates_disturbs_nobody(tmp_path: Path) -> None:
    tmp_path.joinpath("README.md").write_text("x")
    read(tmp_path, PROPOSE)


def test_a_grammar_goes_with_the_template_beside_it(tmp_path: Path) -> None:
    assert load("small", stages=("classify",))["classify"].grammar
    assert load("chat", stages=("classify",))["classify"].grammar is None
    own = read(
        tmp_path,
        "--- prompt\n{{instruction}}",
        name="classify.txt",
        preset="small",
        stage="classify",
    )
    assert own.grammar is None
    tmp_path.joinpath("classify.gbnf").write_text('root ::= "Yes"')
    assert (
        load("small", stages=("classify",), directory=tmp_path)["classify"].grammar
        == 'root ::= "Yes"'
    )


def test_a_grammar_of_ones_own_goes_with_the_packaged_template(tmp_path: Path) -> None:
    tmp_path.joinpath("classify.gbnf").write_text('root ::= "Yes"')
    packaged, own = (
        load("small", stages=("classify",), directory=one)["classify"] for one in (None, tmp_path)
    )
    assert (
        own.messages == packaged.messages
        and own.grammar == 'root ::= "Yes"'
        and own.fingerprint != packaged.fingerprint
    )


def test_a_json_twin_is_preferred_where_json_is_asked_for(tmp_path: Path) -> None:
    text, twin = (
        load("chat", stages=("classify",), as_json=one)["classify"] for one in (False, True)
    )
    assert text.fingerprint != twin.fingerprint
    assert load("paper", stages=("classify",), as_json=True) == load(
        "paper", stages=("classify",)
    )  # it has none
    tmp_path.joinpath("classify.json.txt").write_text("--- user\n{{instruction}} as JSON")
    assert (
        load("chat", stages=("classify",), directory=tmp_path, as_json=True)["classify"]
        .messages[0]
        .text
        == "{{instruction}} as JSON"
    )


def test_the_fingerprint_is_of_what_is_sent_and_of_nothing_else(tmp_path: Path) -> None:
    first = read(tmp_path, PROPOSE)
    assert read(tmp_path, "Other words.\n\n" + PROPOSE + "\n").fingerprint == first.fingerprint
    assert read(tmp_path, PROPOSE.replace("Write", "Add")).fingerprint != first.fingerprint
    assert (
        read(tmp_path, PROPOSE.replace("--- user", "--- prompt")).fingerprint != first.fingerprint
    )
