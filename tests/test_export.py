"""Exports as their consumers load them.

`datasets` reads every format, and finds the texts that the run holds.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from command import invoke, start
from hypothesis import given
from hypothesis import strategies as st

from selfinstruct.choose.candidate import Candidate
from selfinstruct.choose.ranking import Ranking
from selfinstruct.data.examples import Example, Turn
from selfinstruct.errors import UserError
from selfinstruct.exports import FORMS, Export, export
from selfinstruct.exports.alpaca import exchanges
from selfinstruct.exports.completion import WITH_INPUT, WITHOUT_INPUT, without_label
from selfinstruct.models.local import WHEEL
from selfinstruct.runs.view import load_run

# Texts that break naive writers: line separators within a line, quotes, a lone surrogate, the marks
# of templates, right-to-left letters, NUL.
NASTY = [
    (
        "Say \u2028 it \u2029 and \x85 again",
        'a "quoted" \\ back\\slash\r\nand\ttab',
        "漢字 🦙 עברית {input} {instruction}",
    ),
    ("Fill in {output} and {0}", "", "line one\n\n```\nline two\n---\n"),
    ("Half a pair \ud83e here", "\x00 and \x1b[31m", "' \" ` lone quotes"),
]


@pytest.fixture(scope="module")
def plain(finished: Path) -> Path:
    return finished


@pytest.fixture(scope="module")
def directory(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with hostile examples at its end, judgements of its first fifty, findings in one."""
    out = tmp_path_factory.mktemp("export") / "nasty"
    shutil.copytree(plain, out)
    with (out / "examples.jsonl").open("a", encoding="utf-8") as file:
        for number, (instruction, input, output) in enumerate(NASTY):
            provenance: dict[str, Any] = {
                "instruction_id": f"n{number}",
                "turn": 99,
                "model": "other",
                "findings": ["truncated"],
            }
            file.write(
                Example(f"nasty-{number}", instruction, input, output, None, provenance).to_line()
                + "\n"
            )
    ids = [one.id for one in load_run(plain).examples()][:50]
    lines = [
        json.dumps({"id": id, "score": 1 + number % 5}) + "\n" for number, id in enumerate(ids)
    ]
    (out / "judgements.jsonl").write_text("".join(lines))
    return out


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`datasets.load_dataset`, offline, with a cache of its own."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()

    def load(path: Path, *, split: str | None = "train") -> Any:
        cache = str(tmp_path / "cache")
        if path.is_dir():
            return datasets.load_dataset(str(path), split=split, cache_dir=cache)
        kind = "parquet" if path.suffix == ".parquet" else "json"
        return datasets.load_dataset(kind, data_files=str(path), split=split, cache_dir=cache)

    return load


def texts(directory: Path) -> list[tuple[str, str, str]]:
    """The examples as every loader should see them."""
    rows = [(one.instruction, one.input, one.output) for one in load_run(directory).examples()]
    return [(a.replace("\ud83e", "\ufffd"), b, c) for a, b, c in rows]


def question(instruction: str, input: str) -> str:
    return f"{instruction}\n\n{input}" if input else instruction


def seen(format: str, row: dict[str, Any]) -> tuple[str, ...]:
    """What a loader got, as (question, answer) or (instruction, input, output)."""
    if format == "messages":
        assert [one["role"] for one in row["messages"]] == ["user", "assistant"]
        return tuple(one["content"] for one in row["messages"])
    if format == "sharegpt":
        assert [one["from"] for one in row["conversations"]] == ["human", "gpt"]
        return tuple(one["value"] for one in row["conversations"])
    if format == "prompt-completion":
        return (row["prompt"], row["completion"])
    return (row["instruction"], row["input"], row["output"])


def expected(format: str, row: tuple[str, str, str]) -> tuple[str, ...]:
    return (question(row[0], row[1]), row[2]) if format in ("messages", "sharegpt") else row


UNPAIRED = [name for name, form in FORMS.items() if not form.is_paired and form.joined is None]
CASES = [
    ("alpaca", ".json"),
    *((name, ".jsonl") for name in UNPAIRED if FORMS[name].suffixes[0] == ".jsonl"),
    ("parquet", ".parquet"),
]


@pytest.mark.parametrize(
    ("format", "suffix"), [*CASES, ("hf", ""), ("messages", ""), ("alpaca", "")]
)
def test_datasets_loads_every_format_and_finds_every_text(
    format: str, suffix: str, directory: Path, tmp_path: Path, loaded: Any
) -> None:
    export([directory], tmp_path / f"out{suffix}", Export(format=format))
    rows, truth = list(loaded(tmp_path / f"out{suffix}")), texts(directory)
    assert len(rows) == len(truth) == 153
    if format == "prompt-completion":
        for row, (instruction, input, output) in zip(rows, truth, strict=True):
            forms = {
                one.format(instruction=instruction, input=input)
                for one in (WITH_INPUT if input else WITHOUT_INPUT)
            }
            assert row["prompt"] in forms and row["completion"] == output
    else:
        assert [seen(format, row) for row in rows] == [expected(format, row) for row in truth]


@pytest.mark.slow  # the embedded model writes for a minute or two
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("xllamacpp", WHEEL)),
    reason="no embedded model (extra: local)",
)
def test_every_export_of_a_run_of_the_embedded_model_is_loaded_as_it_was_written(
    tmp_path: Path, loaded: Any
) -> None:
    out = tmp_path / "run"
    process = start("generate", "--preset", "small", "--n", "8", "--out", out)
    try:
        process.communicate(timeout=900)
    finally:
        process.kill()
    assert process.returncode == 0
    truth = texts(out)
    assert len(truth) == 8
    for format, suffix in [*CASES, ("hf", "")]:
        export([out], tmp_path / f"{format}{suffix}", Export(format=format))
        rows = list(loaded(tmp_path / f"{format}{suffix}"))
        assert len(rows) == 8
        if format == "prompt-completion":
            assert [row["completion"] for row in rows] == [output for _, _, output in truth]
            assert all(
                instruction in row["prompt"]
                for row, (instruction, _, _) in zip(rows, truth, strict=True)
            )
        else:
            assert [seen(format, row) for row in rows] == [expected(format, row) for row in truth]


def test_no_instruction_is_on_both_sides_and_the_sides_are_the_whole(
    directory: Path, tmp_path: Path, loaded: Any
) -> None:
    export([directory], tmp_path / "out", Export(format="hf", split="0.7/0.1/0.2"))
    parts = loaded(tmp_path / "out", split=None)
    assert list(parts) == ["train", "validation", "test"]
    sides = [set(parts[name]["instruction"]) for name in parts]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    rows = [
        (row["instruction"], row["input"], row["output"]) for name in parts for row in parts[name]
    ]
    assert Counter(rows) == Counter(texts(directory))
    assert 0.55 < parts["train"].num_rows / len(rows) < 0.85  # whole instructions are on a side


def test_a_run_that_grows_or_is_joined_moves_no_instruction_across(
    directory: Path, plain: Path, tmp_path: Path
) -> None:
    settings = Export(format="alpaca", split="0.8/0.2", shuffle_seed=3)
    export([plain], tmp_path / "a", settings)
    export([directory, plain], tmp_path / "b", settings)
    for name in ("train", "test"):
        before, after = (
            set((tmp_path / which / f"{name}.jsonl").read_text().splitlines()) for which in "ab"
        )
        assert before <= after


def test_a_shuffle_hangs_on_its_seed_alone(directory: Path, plain: Path, tmp_path: Path) -> None:
    def shuffled(seed: int, *runs: Path) -> str:
        export(runs, tmp_path / "out.jsonl", Export(shuffle_seed=seed, force=True))
        return (tmp_path / "out.jsonl").read_text()

    assert (
        shuffled(1, directory, plain)
        == shuffled(1, plain, directory)
        != shuffled(2, directory, plain)
    )


def test_the_same_example_in_two_runs_is_written_once_and_ids_stay_apart(
    plain: Path, directory: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(plain, other)
    lines = (other / "examples.jsonl").read_text().splitlines(keepends=True)
    record = {**json.loads(lines[0]), "output": "another answer"}
    (other / "examples.jsonl").write_text(json.dumps(record) + "\n" + "".join(lines[1:]))
    done = export([plain, other], tmp_path / "out.jsonl", Export(format="sharegpt"))
    assert (done.read, done.kept, done.dropped, done.renamed) == (300, 151, {"duplicate": 149}, 1)
    ids = [json.loads(line)["id"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(set(ids)) == 151 and ids[-1] == f"other:{record['id']}"


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (["score>=4"], 20),
        (["score >= 4", "score<5"], 10),
        (["model=other"], 3),
        (["model!=other", "turn<0"], 0),
        (["finding!=truncated"], 150),
        (["finding=truncated"], 3),
        (["input_words=0", "model=other"], 1),
        (["id=nasty-0"], 1),
    ],
)
def test_a_filter_keeps_what_it_says(
    filters: list[str], kept: int, directory: Path, tmp_path: Path
) -> None:
    settings = Export(keep=tuple(filters))
    if not kept:
        with pytest.raises(UserError, match="nothing to export"):
            export([directory], tmp_path / "out.jsonl", settings)
        assert list(tmp_path.iterdir()) == []
        return
    done = export([directory], tmp_path / "out.jsonl", settings)
    assert done.kept == kept == len((tmp_path / "out.jsonl").read_text().splitlines())
    assert done.read == done.kept + sum(done.dropped.values())


def test_what_was_not_judged_is_counted(directory: Path, tmp_path: Path) -> None:
    said = (
        invoke(
            "export",
            directory,
            "--format",
            "alpaca",
            "--out",
            tmp_path / "out.json",
            "--keep",
            "score>=4",
        )
        .done()
        .out
    )
    assert "kept 20" in said and "dropped, not score>=4: 133 (103 of them not judged)" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--keep", "scores>=4"], "unknown name 'scores' (known: score, turn,"),
        (["--keep", "score"], "as in 'score>=4'"),
        (["--keep", "score>=high"], "compared with a number"),
        (["--keep", "model>=a"], "no number"),
        (["--keep", "is_classification=perhaps"], "true or false"),
        (["--keep", "__import__('os')=1"], "as in 'score>=4'"),
        (["--split", "0.9/0.2"], "shares that make 1"),
        (["--split", "nan/0.2"], "shares that make 1"),
        (["--split", "0.9/0.1"], "give a folder"),
        (["--license", "mit"], "has no place in --format alpaca (only in hf)"),
        (["--drop-labels"], "only in prompt-completion"),
        (["--out", "x.csv"], "written as .jsonl or .json"),
        (["--format", "hf", "--license", "a b"], "identifier"),
        (["--format", "hf", "--push-to-hub", "me/it"], "HF_TOKEN is not set"),
    ],
)
def test_bad_words_are_one_line_and_leave_nothing(
    words: list[str], told: str, directory: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    assert (
        told
        in invoke(
            "export", directory, "--format", "alpaca", "--out", out, *words, HF_TOKEN=""
        ).error
    )
    assert list(tmp_path.iterdir()) == []


def test_only_an_export_is_replaced(directory: Path, tmp_path: Path) -> None:
    for name in ("file.json", "full/of.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("precious")
    for settings, out in (
        (Export(), "file.json"),
        (Export(force=True), "full"),
        (Export(force=True, format="hf"), "file.json"),
    ):
        with pytest.raises(UserError, match=r"choose another --out"):
            export([directory], tmp_path / out, settings)
    assert {path.read_text() for path in tmp_path.rglob("*.*") if path.is_file()} == {"precious"}
    with pytest.raises(UserError, match="something else"):
        export([directory], directory, Export(force=True))
    export([directory], tmp_path / "file.json", Export(force=True))
    for _ in range(2):
        export([directory], tmp_path / "folder", Export())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.json", "folder", "full"]


def test_a_split_without_an_example_is_told_and_writes_nothing(plain: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no instruction fell to test"):
        export([plain], tmp_path / "out", Export(split="0.99999/0.00001"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Text: the sea is blue", "the sea is blue"),
        ("Movie review:\nIt was long.", "It was long."),
        ("Texte français: déjà", "déjà"),
        ("https://example.org/a", None),
        ("See https://example.org: now", None),
        ("10:30 at the station", None),
        ("12: the number", None),
        ("Paragraph: a b\nQuestion: c?", None),
        ("Text:", None),
        ("no label here", None),
    ],
)
def test_one_leading_label_goes_and_addresses_and_times_stay(text: str, left: str | None) -> None:
    assert without_label(text) == (text if left is None else left)


def test_every_template_is_drawn_and_another_seed_draws_otherwise(
    plain: Path, tmp_path: Path
) -> None:
    export([plain], tmp_path / "a.jsonl", Export(format="prompt-completion"))
    export([plain], tmp_path / "b.jsonl", Export(format="prompt-completion", seed=1))
    assert (tmp_path / "a.jsonl").read_text() != (tmp_path / "b.jsonl").read_text()
    prompts = [
        json.loads(line)["prompt"] for line in (tmp_path / "a.jsonl").read_text().splitlines()
    ]
    used = set()
    for prompt, (instruction, input, _) in zip(prompts, texts(plain), strict=True):
        used.add(
            next(
                form
                for form in WITH_INPUT + WITHOUT_INPUT
                if form.format(instruction=instruction, input=input) == prompt
            )
        )
    assert used == {*WITH_INPUT, *WITHOUT_INPUT} and len(used) == 13


def test_the_card_is_read_by_the_hub_s_own_library(directory: Path, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    export(
        [directory], tmp_path / "my: set", Export(format="hf", license="cc-by-4.0", split="0.8/0.2")
    )
    card = hub.DatasetCard.load(tmp_path / "my: set" / "README.md")
    assert (
        card.data.license == "cc-by-4.0"
        and card.data.pretty_name == "my: set"
        and card.data.size_categories == ["n<1K"]
    )
    assert [one["path"] for one in card.data.configs[0]["data_files"]] == [
        "data/train.parquet",
        "data/test.parquet",
    ]
    for fact in (
        "selfinstruct generate --n 150 --preset chat --model scripted",
        "instructions proposed",
        "kept 153",
        "fingerprints",
    ):
        assert fact in card.text
    assert str(tmp_path) not in card.text


def trainer_view(folder: Path, name: str) -> list[tuple[str, str, str]]:
    """(system, question, answer) as LLaMA-Factory takes them.

    Its defaults hold only where columns or tags are not given.
    """
    entry = json.loads((folder / "dataset_info.json").read_text())[name]
    assert entry.keys() <= {"file_name", "formatting", "columns", "tags"}
    columns = entry["columns"]
    tags = entry.get("tags") or {
        "role_tag": "from",
        "content_tag": "value",
        "user_tag": "human",
        "assistant_tag": "gpt",
        "system_tag": "system",
    }
    found = []
    for line in (folder / entry["file_name"]).read_text("utf-8").splitlines():
        row = json.loads(line)
        if entry["formatting"] == "alpaca":
            parts = [row[columns["prompt"]], row[columns["query"]]]
            found.append(
                (row[columns["system"]], "\n".join(filter(None, parts)), row[columns["response"]])
            )
        else:
            turns = [
                (one[tags["role_tag"]], one[tags["content_tag"]])
                for one in row[columns["messages"]]
            ]
            assert [who for who, _ in turns] == [
                tags["system_tag"],
                tags["user_tag"],
                tags["assistant_tag"],
            ]
            found.append((turns[0][1], turns[1][1], turns[2][1]))
    return found


@pytest.mark.parametrize("format", ["alpaca", "messages", "sharegpt"])
def test_llama_factory_finds_its_entry_and_every_text(
    format: str, directory: Path, tmp_path: Path
) -> None:
    export(
        [directory], tmp_path / "mine", Export(format=format, system="Be kind.", split="0.8/0.2")
    )
    rows = trainer_view(tmp_path / "mine", "mine") + trainer_view(tmp_path / "mine", "mine_test")
    joint = "\n" if format == "alpaca" else "\n\n"
    truth = [("Be kind.", joint.join(filter(None, (a, b))), c) for a, b, c in texts(directory)]
    assert sorted(rows) == sorted(truth)


# ---------------------------------------------------------------- several outputs to a prompt


def collected(
    folder: Path, plain: Path, rows: list[dict[str, Any]], scores: dict[str, float | None]
) -> Path:
    """A run directory with these examples and judgements."""
    shutil.copytree(plain, folder)
    examples = [
        Example(
            row["id"],
            row.get("instruction", "Name a river."),
            row.get("input", ""),
            row["output"],
            None,
            {"instruction_id": row["id"].partition("-")[0], "turn": 0, "model": row["model"]},
            row.get("system", ""),
            row.get("history", ()),
        )
        for row in rows
    ]
    (folder / "examples.jsonl").write_text("".join(one.to_line() + "\n" for one in examples))
    judged = [{"id": id, "score": score} for id, score in scores.items()]
    (folder / "judgements.jsonl").write_text("".join(json.dumps(one) + "\n" for one in judged))
    return folder


def answers(instruction: str, number: int, *outputs: str, **more: Any) -> list[dict[str, Any]]:
    """Each output is another model's."""
    return [
        {
            "id": f"i{number:06d}-{at}",
            "instruction": instruction,
            "output": output,
            "model": f"model-{at}",
            **more,
        }
        for at, output in enumerate(outputs, 1)
    ]


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def outputs_of(path: Path) -> list[str]:
    return [row["output"] for row in rows_of(path)]


def test_the_best_output_of_each_prompt_is_kept_and_the_rest_is_counted(
    plain: Path, tmp_path: Path
) -> None:
    rows = [
        *answers("Name a river.", 1, "Rhine", "Rhine, I think", "Po"),
        *answers("Name a lake.", 2, "Como", "Garda"),  # equal scores
        *answers("Name a sea.", 3, "Baltic", "North Sea"),  # the first is not judged
        *answers("Name a hill.", 4, "Monte Testaccio"),
    ]
    scores: dict[str, float | None] = {
        "i000001-1": 2, "i000001-2": 4, "i000001-3": 3, "i000002-1": 3, "i000002-2": 3,
        "i000003-1": None, "i000003-2": 1, "i000004-1": 1,
    }  # fmt: skip
    run = collected(tmp_path / "run", plain, rows, scores)
    done = export([run], tmp_path / "out.jsonl", Export(best=True))
    assert outputs_of(tmp_path / "out.jsonl") == [
        "Rhine, I think", "Como", "North Sea", "Monte Testaccio",
    ]  # fmt: skip
    assert (done.read, done.kept, done.dropped) == (8, 4, {"not the best of its prompt": 4})
    assert done.notes == ()


def test_examples_of_other_prompts_stay_as_they_are(plain: Path, tmp_path: Path) -> None:
    rows = [
        *answers("Translate.", 1, "good", "bad", input="gut"),
        *answers("Translate.", 2, "poor", input="schlecht"),
        *answers("Translate.", 3, "right", input="gut", system="Be brief."),
    ]
    run = collected(tmp_path / "run", plain, rows, {"i000001-1": 5, "i000001-2": 1})
    export([run], tmp_path / "out.jsonl", Export(best=True))
    assert outputs_of(tmp_path / "out.jsonl") == ["good", "poor", "right"]


def test_the_best_may_be_in_another_run_and_comes_under_its_own_id(
    plain: Path, tmp_path: Path
) -> None:
    first = collected(
        tmp_path / "a", plain, answers("Say hi.", 1, "Hi.", "Hello."), {"i000001-1": 3}
    )
    other = collected(
        tmp_path / "b", plain, answers("Say hi.", 1, "Hello.", "Hej."), {"i000001-1": 4}
    )
    done = export([first, other], tmp_path / "out.jsonl", Export(format="sharegpt", best=True))
    (row,) = rows_of(tmp_path / "out.jsonl")
    assert (row["id"], row["conversations"][-1]["value"]) == ("i000001-1", "Hello.")
    assert (done.read, done.kept, done.renamed) == (4, 1, 0)
    assert done.dropped == {"duplicate": 1, "not the best of its prompt": 2}


def test_the_best_of_what_nobody_judged_is_the_first_and_that_is_said(
    plain: Path, tmp_path: Path
) -> None:
    run = collected(tmp_path / "run", plain, answers("Say hi.", 1, "Hi.", "Hello."), {})
    said = invoke(
        "export", run, "--format", "alpaca", "--best", "--out", tmp_path / "out.jsonl"
    ).done()
    assert outputs_of(tmp_path / "out.jsonl") == ["Hi."]
    assert "dropped, not the best of its prompt: 1" in said.out
    assert "nothing is judged, so the first example of each prompt was kept" in said.out


@pytest.mark.parametrize("format", UNPAIRED)
def test_the_best_in_every_format(format: str, plain: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    rows = [row for at in range(9) for row in answers(f"Say {at}.", at, "no", "yes", "perhaps")]
    scores: dict[str, float | None] = {row["id"]: 5 - len(row["output"]) % 4 for row in rows}
    run = collected(tmp_path / "run", plain, rows, scores)
    done = export([run], tmp_path / "out", Export(format=format, best=True, split="0.7/0.3"))
    assert done.kept == sum(tally.rows for tally in done.splits.values()) == 9
    assert done.read == 27 == done.kept + sum(done.dropped.values())
    assert json.loads((tmp_path / "out" / "export.json").read_text())["options"] == [
        "--format", format, "--split", "0.7/0.3", "--best",
    ]  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(0, 2), st.none() | st.sampled_from([1.0, 2.0, 5.0])
        ),
        max_size=30,
    )
)
def test_a_ranking_finds_the_highest_score_and_of_equals_the_earliest(
    given_rows: list[tuple[int, int, float | None]],
) -> None:
    ranking, rows = Ranking(), list(enumerate(given_rows))
    for place, (prompt, output, score) in rows:
        ranking.take(
            place,
            Candidate("", f"task {prompt}", "", f"output {output}", None, "", {}, score),
        )
    wanted = set()
    for prompt in {row[0] for row in given_rows}:
        own = [(place, score) for place, (other, _, score) in rows if other == prompt]
        high = max(score or 0 for _, score in own)
        wanted.add(next(place for place, score in own if (score or 0) == high))
    assert ranking.best() == wanted
    assert ranking.outputs + ranking.duplicates == len(rows)


# ---------------------------------------------------------------- pairs


@pytest.fixture
def compared(plain: Path, tmp_path: Path) -> Path:
    """Six prompts, three of which have outputs with different scores."""
    rows = [
        *answers("Name a river.", 1, "Rhine", "Rhine, I think", "Po", input="Germany"),
        *answers("Name a lake.", 2, "Como", "Garda"),  # equal scores
        *answers("Name a sea.", 3, "Baltic", "North Sea"),  # one score
        *answers("Name a hill.", 4, "Monte Testaccio"),
        *answers("Name a town.", 5, "Bonn", "Ulm", "Bonn"),  # the third is the first
        *answers(
            "And another?", 6, "Etna", "no idea", system="Be brief.",
            history=(Turn("user", "Name a volcano."), Turn("assistant", "Vesuvius")),
        ),
    ]  # fmt: skip
    scores: dict[str, float | None] = {
        "i000001-1": 2, "i000001-2": 4, "i000001-3": 3, "i000002-1": 3, "i000002-2": 3,
        "i000003-1": None, "i000003-2": 1, "i000004-1": 1,
        "i000005-1": 1, "i000005-2": 2, "i000005-3": 5, "i000006-1": 5, "i000006-2": 1,
    }  # fmt: skip
    return collected(tmp_path / "run", plain, rows, scores)


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def test_a_pair_is_the_best_and_the_worst_output_of_a_prompt(
    compared: Path, tmp_path: Path
) -> None:
    done = export([compared], tmp_path / "out.jsonl", Export(format="preference"))
    river, town, volcano = rows_of(tmp_path / "out.jsonl")
    assert river == {
        "prompt": [said("user", "Name a river.\n\nGermany")],
        "chosen": [said("assistant", "Rhine, I think")],
        "rejected": [said("assistant", "Rhine")],
        "chosen_score": 4.0,
        "rejected_score": 2.0,
        "chosen_model": "model-2",
        "rejected_model": "model-1",
        "chosen_id": "i000001-2",
        "rejected_id": "i000001-1",
    }
    assert (town["chosen_id"], town["rejected_id"]) == ("i000005-3", "i000005-2")
    assert volcano["prompt"] == [
        said("system", "Be brief."),
        said("user", "Name a volcano."),
        said("assistant", "Vesuvius"),
        said("user", "And another?"),
    ]
    assert done.dropped == {
        "no pair": 5, "duplicate": 1, "neither the best nor the worst of its prompt": 1,
    }  # fmt: skip
    assert done.unpaired == {
        "equal scores": 1, "fewer than two scores": 1, "one output only": 1,
    }  # fmt: skip
    assert done.read == 13 == done.kept + sum(done.dropped.values())
    assert done.kept == 2 * sum(tally.rows for tally in done.splits.values())


def test_a_margin_asks_for_more_than_any_difference(compared: Path, tmp_path: Path) -> None:
    ran = invoke(
        "export", compared, "--format", "preference", "--margin", 2.5, "--out", tmp_path / "out"
    ).done()
    assert [row["chosen_id"] for row in rows_of(tmp_path / "out" / "train.jsonl")] == [
        "i000005-3", "i000006-1",
    ]  # fmt: skip
    assert "  prompts without a pair, scores less than 2.5 apart: 1\n" in ran.out
    assert "  train: 2 pairs of 2 instructions\n" in ran.out
    mark = json.loads((tmp_path / "out" / "export.json").read_text())
    assert mark["options"] == ["--format", "preference", "--margin", "2.5"]
    assert mark["unpaired"]["one output only"] == 1


def test_the_worst_output_may_be_in_another_run(plain: Path, tmp_path: Path) -> None:
    first = collected(tmp_path / "a", plain, answers("Hi?", 1, "Hi.", "Ho."), {"i000001-1": 4})
    other = collected(tmp_path / "b", plain, answers("Hi?", 1, "No."), {"i000001-1": 2})
    settings = Export(format="preference", shuffle_seed=1)
    done = export([first, other], tmp_path / "out.json", settings)
    (row,) = json.loads((tmp_path / "out.json").read_text())
    assert (row["chosen_id"], row["rejected_id"]) == ("i000001-1", "b:i000001-1")
    assert (done.kept, done.renamed) == (2, 1)


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet"])
def test_datasets_loads_pairs_as_conversations(
    suffix: str, compared: Path, tmp_path: Path, loaded: Any
) -> None:
    export([compared], tmp_path / f"out{suffix}", Export(format="preference", system="Hello."))
    export([compared], tmp_path / "truth.jsonl", Export(format="preference", system="Hello."))
    found = loaded(tmp_path / f"out{suffix}")
    assert list(found) == rows_of(tmp_path / "truth.jsonl") and len(found) == 3
    assert found[0]["prompt"][0] == said("system", "Hello.")
    assert found[2]["prompt"][0] == said("system", "Be brief.")
    for column in ("prompt", "chosen", "rejected"):
        assert set(found.features[column].feature) == {"role", "content"}


def test_pairs_of_runs_that_nobody_judged_are_refused_with_the_next_step(
    plain: Path, tmp_path: Path
) -> None:
    words = ("export", plain, "--format", "preference", "--out", tmp_path / "out.jsonl")
    error = invoke(*words).error
    assert "no example has a score" in error and f"'selfinstruct judge {plain} --model" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--format", "alpaca", "--margin", 1], "only in preference"),
        (["--format", "alpaca", "--margin", 0], "only in preference"),
        (["--format", "preference", "--best"], "--best: has no place in --format preference"),
        (["--format", "preference", "--margin", -1], "--margin -1: must be a number, 0 or more"),
        (["--format", "preference", "--margin", "nan"], "--margin nan: must be a number"),
        (["--format", "preference", "--margin", 4.5], "scores less than 4.5 apart: 3"),
        (["--format", "preference", "--out", "x.csv"], "as .jsonl, .json or .parquet"),
    ],
)
def test_pairs_that_cannot_be_are_one_line(
    words: list[object], told: str, compared: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    assert told in invoke("export", compared, "--out", out, *words).error
    assert not out.exists()


# ---------------------------------------------------------------- system messages and earlier turns


@pytest.fixture
def chats(plain: Path, tmp_path: Path) -> Path:
    """Three examples: with a system message and two earlier turns, with the turns, with none."""
    turns = (Turn("user", "Name a volcano."), Turn("assistant", "Vesuvius"))
    rows = [
        *answers("And one in Sicily?", 1, "Etna", input="Italy", system="Be brief.", history=turns),
        *answers("And another?", 2, "Stromboli", history=turns),
        *answers("Say hi.", 3, "Hi."),
    ]
    return collected(tmp_path / "chats", plain, rows, {})


def test_chats_keep_their_system_message_and_their_turns(chats: Path, tmp_path: Path) -> None:
    def written(format: str, **settings: Any) -> list[dict[str, Any]]:
        out = tmp_path / f"{format}.jsonl"
        export([chats], out, Export(format=format, force=True, **settings))
        return rows_of(out)

    before = [said("user", "Name a volcano."), said("assistant", "Vesuvius")]
    whole, turns, single = (row["messages"] for row in written("messages"))
    question = said("user", "And one in Sicily?\n\nItaly")
    assert whole == [said("system", "Be brief."), *before, question, said("assistant", "Etna")]
    assert turns == [*before, said("user", "And another?"), said("assistant", "Stromboli")]
    assert single == [said("user", "Say hi."), said("assistant", "Hi.")]
    assert [(turn["from"], turn["value"]) for turn in written("sharegpt")[0]["conversations"]] == [
        ("system", "Be brief."), ("human", "Name a volcano."), ("gpt", "Vesuvius"),
        ("human", "And one in Sicily?\n\nItaly"), ("gpt", "Etna"),
    ]  # fmt: skip
    assert [(row["system"], row["history"]) for row in written("alpaca")] == [
        ("Be brief.", [["Name a volcano.", "Vesuvius"]]), ("", [["Name a volcano.", "Vesuvius"]]),
        ("", []),
    ]  # fmt: skip
    whole, turns, single = written("prompt-completion")
    assert whole["prompt"] == (
        "Be brief.\n\nUser: Name a volcano.\n\nAssistant: Vesuvius\n\n"
        "User: And one in Sicily?\n\nItaly\n\nAssistant:\n"
    )
    assert turns["prompt"].startswith("User: Name") and turns["completion"] == "Stromboli"
    assert single["prompt"] in {
        one.format(instruction="Say hi.", input="") for one in WITHOUT_INPUT
    }


@pytest.mark.parametrize("format", ["alpaca", "messages", "sharegpt"])
def test_a_system_message_of_the_example_comes_before_that_of_the_command(
    format: str, chats: Path, tmp_path: Path
) -> None:
    export([chats], tmp_path / "out.jsonl", Export(format=format, system="Be kind."))
    text = (tmp_path / "out.jsonl").read_text()
    assert (text.count("Be brief."), text.count("Be kind.")) == (1, 2)


def test_columns_for_turns_are_there_where_an_example_has_them(
    chats: Path, plain: Path, tmp_path: Path, loaded: Any
) -> None:
    for run, more in ((plain, set()), (chats, {"system", "history"})):
        for format, suffix in (("alpaca", ".jsonl"), ("parquet", ".parquet"), ("hf", "")):
            out = tmp_path / f"{run.name}-{format}{suffix}"
            export([run], out, Export(format=format))
            found = loaded(out)
            assert {"system", "history"} & set(found.column_names) == more
    assert found[0]["history"][1] == said("assistant", "Vesuvius") and found[2]["history"] == []
    assert "- `history`: the turns of the chat" in (out / "README.md").read_text()
    export([chats], tmp_path / "mine", Export())
    entry = json.loads((tmp_path / "mine" / "dataset_info.json").read_text())["mine"]
    assert entry["columns"]["system"] == "system" and entry["columns"]["history"] == "history"


@pytest.mark.parametrize(
    ("roles", "pairs"),
    [
        ("", []),
        ("ua", [["0", "1"]]),
        ("uaua", [["0", "1"], ["2", "3"]]),
        ("uua", [["0\n\n1", "2"]]),
        ("au", [["", "0"], ["1", ""]]),
        ("u", [["0", ""]]),
    ],
)
def test_turns_become_exchanges(roles: str, pairs: list[list[str]]) -> None:
    names = {"u": "user", "a": "assistant"}
    turns = [Turn(names[letter], str(at)) for at, letter in enumerate(roles)]
    assert exchanges(turns) == pairs


def test_the_same_words_after_other_turns_are_another_example(plain: Path, tmp_path: Path) -> None:
    before = (Turn("user", "Name a river."), Turn("assistant", "Po"))
    rows = [
        *answers("Another?", 1, "Rhine"),
        *answers("Another?", 2, "Rhine", history=before),
        *answers("Another?", 3, "Rhine", history=before),
        *answers("Another?", 4, "Rhine", history=before, system="Be brief."),
    ]
    run = collected(tmp_path / "run", plain, rows, {})
    done = export([run], tmp_path / "out.jsonl", Export(format="messages"))
    assert (done.kept, done.dropped) == (3, {"duplicate": 1})
