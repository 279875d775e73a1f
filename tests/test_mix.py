"""`selfinstruct mix`: from sources of any shape to one folder, exactly and provably."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from command import invoke

from selfinstruct.mixing.job import mix
from selfinstruct.mixing.proof import faults
from selfinstruct.mixing.tables import of_words, read_mixture

Row = dict[str, Any]


def write(path: Path, rows: Iterable[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def alpaca(path: Path, number: int, name: str) -> Path:
    return write(
        path,
        (
            {
                "instruction": f"Do {name} {at}.",
                "input": "",
                "output": f"{name} done " + "very well " * (at % 7),
                "level": at % 5,
            }
            for at in range(number)
        ),
    )


def chats(path: Path, number: int) -> Path:
    turns = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
    return write(
        path,
        (
            {
                "messages": [
                    *turns,
                    {"role": "user", "content": f"Tell me of {at}."},
                    {"role": "assistant", "content": f"It is {at}."},
                ]
            }
            for at in range(number)
        ),
    )


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    alpaca(tmp_path / "a.jsonl", 300, "a")
    alpaca(tmp_path / "b.jsonl", 40, "b")
    chats(tmp_path / "c.jsonl", 25)
    (tmp_path / "web.txt").write_text(
        "".join(" ".join(f"w{at}{each}" for each in range(at % 90 + 5)) + "\n" for at in range(800))
    )
    tokenizer(tmp_path / "tokenizer.json")
    return tmp_path


def tokenizer(path: Path) -> None:
    library = pytest.importorskip("tokenizers")
    made = library.Tokenizer(library.models.WordLevel({"?": 0}, unk_token="?"))
    made.pre_tokenizer = library.pre_tokenizers.WhitespaceSplit()
    made.save(str(path))


def lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def origins(folder: Path, name: str = "origins.tsv") -> list[list[str]]:
    return [line.split("\t") for line in (folder / name).read_text().splitlines()[1:]]


STAGES = """
seed = 4

[[stage]]
name = "tasks"
n = 200
cap = 100
[[stage.component]]
name = "a"
source = "a.jsonl"
[[stage.component]]
name = "b"
source = "b.jsonl"

[[stage]]
name = "chat"
replay = 0.2
order = "mixed"
[[stage.component]]
name = "c"
source = "c.jsonl"

[[stage]]
name = "last"
n = 40
replay = 0.5
[[stage.component]]
name = "b"
source = "b.jsonl"
"""


def test_counts_are_exact_and_rows_come_from_where_their_origins_say(sources: Path) -> None:
    said = invoke("mix", "a=a.jsonl", "b=b.jsonl", "c=c.jsonl", "--n", "120", "--out", "m").done()
    assert "effective number of components" in said.out
    rows, notes = lines(sources / "m/train.jsonl"), origins(sources / "m")
    assert len(rows) == len(notes) == 120
    # 300 : 40 : 25 of 365
    assert Counter(name for name, *_ in notes) == {"a": 99, "b": 13, "c": 8}
    for row, (name, record, turn, stage) in zip(rows, notes, strict=True):
        source = lines(sources / f"{name}.jsonl")[int(record) - 1]
        answer = source["output"] if name != "c" else source["messages"][-1]["content"]
        assert row["messages"][-1] == {"role": "assistant", "content": answer}
        assert (turn, stage) == ("0", "")
    assert len({tuple(note) for note in notes}) == 120


def test_the_order_of_components_changes_nothing_and_1_is_1_0(sources: Path) -> None:
    words = ["a=a.jsonl", "b=b.jsonl", "c=c.jsonl"]
    first = mix(of_words(words, {"n": 90, "temperature": 2}), "one", on_read=lambda name: None)
    again = mix(
        of_words(words[::-1], {"n": 90.0, "temperature": 2.0}), "two", on_read=lambda name: None
    )
    assert first.stages[0].files == again.stages[0].files


def test_what_is_asked_beyond_what_there_is_comes_in_whole_passes(sources: Path) -> None:
    said = invoke("mix", "b=b.jsonl", "--n", "100", "--out", "m").done().out
    assert "b: 100 rows of 40 records: each is there 2.5 times on average" in said
    times = Counter(record for _, record, _, _ in origins(sources / "m"))
    assert Counter(times.values()) == {3: 20, 2: 20}


def test_limits_filters_and_fixed_shares_hold(sources: Path) -> None:
    (sources / "m.toml").write_text(
        """
        n = 50
        [[component]]
        name = "a"
        source = "a.jsonl"
        keep = ["output_words>=8"]
        share = 0.3
        [[component]]
        name = "b"
        source = "b.jsonl"
        limit = 10
        repeats = 1
        [[component]]
        name = "c"
        source = "c.jsonl"
        """
    )
    invoke("mix", "m.toml", "--out", "m").done()
    counts = Counter(name for name, *_ in origins(sources / "m"))
    assert counts == {"a": 15, "b": 10, "c": 25}
    dropped = json.loads((sources / "m/mixture.json").read_text())["stages"][0]["components"][0]
    assert dropped["read"] == 300 and sum(dropped["dropped"].values()) == 300 - dropped["of"]
    for row in lines(sources / "m/train.jsonl"):
        answer = row["messages"][-1]["content"]
        assert not answer.startswith("a done") or len(answer.split()) >= 8


def test_text_is_its_share_of_tokens_to_one_document(sources: Path) -> None:
    (sources / "m.toml").write_text(
        """
        tokenizer = "tokenizer.json"
        tokens = 2000
        [[component]]
        name = "a"
        source = "a.jsonl"
        [[component]]
        name = "web"
        source = "web.txt"
        text = true
        share = 0.25
        cut = 32
        """
    )
    invoke("mix", "m.toml", "--out", "m").done()
    documents = [row["text"].split() for row in lines(sources / "m/text.jsonl")]
    assert max(map(len, documents)) <= 32
    assert abs(sum(map(len, documents)) - 500) <= 32
    stage = json.loads((sources / "m/mixture.json").read_text())["stages"][0]
    conversations = next(part["tokens"] for part in stage["components"] if part["name"] == "a")
    assert abs(conversations - 1500) <= 20
    assert invoke("mix", "--verify", "m").code == 0


def test_an_easy_to_hard_order_is_by_the_records_own_numbers(sources: Path) -> None:
    invoke("mix", "a=a.jsonl", "--n", "60", "--order", "level", "--out", "m").done()
    levels = [
        lines(sources / "a.jsonl")[int(record) - 1]["level"]
        for _, record, _, _ in origins(sources / "m")
    ]
    assert levels == sorted(levels) and len(set(levels)) == 5


def test_stages_replay_earlier_ones_and_all_of_it_is_proven(sources: Path) -> None:
    (sources / "m.toml").write_text(STAGES)
    invoke("mix", "m.toml", "--out", "m").done()
    tasks, chat, last = (sources / "m" / name for name in ("tasks", "chat", "last"))
    replayed = [note for note in origins(chat) if note[0] == "replay"]
    assert (len(origins(chat)), len(replayed)) == (31, 6)  # 25 new ones are four fifths
    earlier = (tasks / "train.jsonl").read_text().splitlines()
    shown = (chat / "train.jsonl").read_text().splitlines()
    for line, (name, record, _, stage) in zip(shown, origins(chat), strict=True):
        if name == "replay":
            assert stage == "tasks" and line == earlier[int(record) - 1]
    assert Counter(note[0] for note in origins(last)) == {"replay": 20, "b": 20}
    assert {note[3] for note in origins(last)} == {"", "tasks", "chat"}
    assert list(faults("m")) == []


def _edit(name: str, edit: Callable[[str], str]) -> Callable[[Path], None]:
    def sabotage(folder: Path) -> None:
        path = folder / name
        path.write_text(edit(path.read_text()))

    return sabotage


def _manifest(edit: Callable[[Any], Any]) -> Callable[[Path], None]:
    def change(text: str) -> str:
        record = json.loads(text)
        edit(record)
        return json.dumps(record)

    return _edit("mixture.json", change)


def _swap(text: str) -> str:
    first, second, *rest = text.splitlines(keepends=True)
    return "".join([second, first, *rest])


def _double(text: str) -> str:
    return text + text.splitlines(keepends=True)[-1]


def _drop(text: str) -> str:
    return "".join(text.splitlines(keepends=True)[:-1])


def _other_replay(text: str) -> str:
    first, *rest = text.splitlines(keepends=True)
    at = next(number for number, line in enumerate(rest) if line.startswith("replay"))
    name, record, *others = rest[at].split("\t")
    rest[at] = "\t".join([name, str(int(record) + 1), *others])
    return "".join([first, *rest])


def _consistently(folder: Path) -> None:
    """A row is changed, and its digest in the manifest as well."""
    import hashlib

    data = folder / "tasks/train.jsonl"
    data.write_text(data.read_text().replace("done", "dune", 1))
    record = json.loads((folder / "mixture.json").read_text())
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    record["stages"][0]["files"]["train.jsonl"]["sha256"] = digest
    (folder / "mixture.json").write_text(json.dumps(record))


SABOTAGE: dict[str, Callable[[Path], object]] = {
    "a row is edited": _edit("tasks/train.jsonl", lambda text: text.replace("done", "dune", 1)),
    "a row is missing": _edit("tasks/train.jsonl", _drop),
    "a row stands twice": _edit("chat/train.jsonl", _double),
    "two rows changed places": _edit("chat/train.jsonl", _swap),
    "an origin is another": _edit("chat/origins.tsv", _other_replay),
    "origins changed places": _edit("tasks/origins.tsv", _swap),
    "a file is missing": lambda folder: (folder / "last/train.jsonl").unlink(),
    "a count is another": _manifest(
        lambda record: record["stages"][0]["components"][0].update(rows=1)
    ),
    "a share is another": _manifest(
        lambda record: record["stages"][1]["mixture"].update(replay=0.25)
    ),
    "a source changed": lambda folder: (folder.parent / "b.jsonl").write_text("{}\n"),
    "a row and its digest are changed": _consistently,
    "a file is too many": lambda folder: (folder / "chat/text.jsonl").write_text("{}\n"),
}


@pytest.mark.parametrize("name", SABOTAGE)
def test_a_sabotaged_folder_is_caught(sources: Path, name: str) -> None:
    (sources / "m.toml").write_text(STAGES)
    mix(read_mixture(Path("m.toml"), {}), "m", on_read=lambda name: None)
    SABOTAGE[name](sources / "m")
    found = list(faults("m"))
    assert found
    said = invoke("mix", "--verify", "m")
    assert said.code == 1 and said.err.startswith("Error: m: is not what its manifest says")


def test_a_dry_run_prints_the_table_and_writes_nothing(sources: Path) -> None:
    before = sorted(sources.iterdir())
    shown = invoke("mix", "a=a.jsonl", "b=b.jsonl", "--n", "50", "--dry-run").done().out
    assert shown.splitlines()[0].split() == ["component", "rows", "share", "passes"]
    assert sorted(sources.iterdir()) == before


def test_a_component_with_over_half_of_the_rows_is_said(sources: Path) -> None:
    shown = invoke("mix", "a=a.jsonl", "b=b.jsonl", "--dry-run").done().out
    assert "a: is over half of all rows; a cap or a temperature spreads them" in shown
    shown = invoke("mix", "a=a.jsonl", "b=b.jsonl", "--cap", "40", "--dry-run").done().out
    assert "over half" not in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.jsonl", "--out", "m"], "a.jsonl: write NAME=SOURCE, as night=runs/night"),
        (["a=none.jsonl", "--out", "m"], "component a: none.jsonl: no such run, file or folder"),
        (["a=a.jsonl", "a=b.jsonl", "--out", "m"], "two components are called 'a'"),
        (["a=a.jsonl", "--n", "0", "--out", "m"], "n 0: must be at least 1"),
        (["a=a.jsonl", "--temperature", "0", "--out", "m"], "temperature 0.0: must be above 0"),
        (["a=a.jsonl", "--n", "5", "--tokens", "5", "--out", "m"], "leave one out"),
        (["a=a.jsonl", "--tokens", "5", "--out", "m"], "name its tokenizer.json"),
        (
            ["a=a.jsonl", "--tokens", "5", "--tokenizer", "a.jsonl", "--out", "m"],
            "--tokenizer a.jsonl: is no tokenizer.json",
        ),
        (["a=a.jsonl"], "name the folder to write with --out"),
        (["--verify", "none"], "none/mixture.json: cannot be read"),
        (["a=a.jsonl", "--order", "size", "--out", "m"], "no component has a record"),
        (["none.toml", "--out", "m"], "none.toml: cannot read the configuration"),
        (["a=a.jsonl", "--out", "taken"], "is a folder of something else"),
    ],
)
def test_bad_input_is_one_line(sources: Path, words: list[str], message: str) -> None:
    (sources / "taken").mkdir()
    (sources / "taken/thesis.txt").write_text("mine")
    said = invoke("mix", *words)
    assert said.code == 2 and message in said.err.splitlines()[-1]
    assert not (sources / "m").exists()
    assert (sources / "taken/thesis.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("n = 5", "names no component"),
        ("capp = 5\n[[component]]\nname='a'\nsource='a.jsonl'", "unknown setting 'capp'"),
        ("[[component]]\nname='a'", "component a: needs a source"),
        ("[[component]]\nname='a'\nsource='a.jsonl'\nshare=0.5", "shares sum to 0.5"),
        ("[[component]]\nname='a'\nsource='a.jsonl'\ncap=5", "'cap' belongs to a group"),
        ("[[component]]\nname='a'\nsource='a.jsonl'\nkeep='finding>3'", "--keep 'finding>3'"),
        ("n='many'\n[[component]]\nname='a'\nsource='a.jsonl'", "'n' must be a whole number"),
        ("[[stage]]\nreplay=0.5\n[[stage.component]]\nname='a'\nsource='a.jsonl'", "none before"),
        ("[[component]]\nname='w'\nsource='web.txt'\ntext=true", "needs a share of all tokens"),
        ("not toml", "not TOML"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_the_place(
    sources: Path, table: str, message: str
) -> None:
    (sources / "m.toml").write_text(table)
    said = invoke("mix", "m.toml", "--out", "m").error
    assert said.startswith(("m.toml", "--keep"))
    assert message in said
    assert not (sources / "m").exists()


def test_more_replay_than_there_is_is_refused(sources: Path) -> None:
    (sources / "m.toml").write_text(STAGES.replace("replay = 0.2", "replay = 0.95"))
    assert (
        "needs 475 rows of earlier stages, which have 200"
        in invoke("mix", "m.toml", "--out", "m").error
    )


# ---------------------------------------------------------------- datasets by name


@pytest.mark.slow  # the library datasets takes seconds to import
def test_a_saved_dataset_is_a_component_with_its_split_and_its_labels(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {
        "instruction": [f"Say whether the boat {at} is large." for at in range(6)],
        "output": [at % 2 for at in range(6)],
        "when": [datetime(2024, 1, 1 + at) for at in range(6)],
    }
    features = datasets.Features(
        instruction=datasets.Value("string"),
        output=datasets.ClassLabel(names=["small", "large"]),
        when=datasets.Value("timestamp[s]"),
    )
    splits = {
        name: datasets.Dataset.from_dict(rows, features=features) for name in ("test", "train")
    }
    datasets.DatasetDict(splits).save_to_disk(str(tmp_path / "boats"))
    invoke("mix", f"a={tmp_path / 'boats'}", "--out", tmp_path / "mixed").done()
    text = (tmp_path / "mixed" / "train.jsonl").read_text("utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == 6
    assert {line["messages"][-1]["content"] for line in lines} == {"small", "large"}
    manifest = json.loads((tmp_path / "mixed" / "mixture.json").read_text())
    assert manifest["stages"][0]["components"][0]["source"] == str(tmp_path / "boats")
    invoke("mix", "--verify", tmp_path / "mixed").done()
    invoke("mix", f"a={tmp_path / 'boats'}:test", "--out", tmp_path / "test").done()
    assert "no split 'dev'" in invoke("mix", f"a={tmp_path / 'boats'}:dev", "--out", "x").error
    splits["train"].select(range(5)).save_to_disk(str(tmp_path / "other"))
    shutil.rmtree(tmp_path / "boats")
    (tmp_path / "other").rename(tmp_path / "boats")
    ran = invoke("mix", "--verify", tmp_path / "mixed")
    assert ran.code == 1 and "component a: the source has changed" in ran.out


@pytest.mark.slow
def test_a_name_on_the_hub_is_asked_for_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datasets")
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    said = invoke("mix", "a=owner/boats@en:test", "--out", tmp_path / "mixed").error
    assert said.startswith("component a: owner/boats: no such file or folder here, and the Hub is")
    (tmp_path / "runs").mkdir()
    said = invoke("mix", f"a={tmp_path}/runs/night", "--out", tmp_path / "mixed").error
    assert "no such run, file or folder" in said  # and no question to the Hub
    assert not (tmp_path / "mixed").exists()
