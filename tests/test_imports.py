"""`import`: datasets of the field as runs, with every turn that can be kept."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from command import Ran, dataset, invoke, start

import selfinstruct
from selfinstruct.records.markup import is_markup, to_markdown

CHAT = Path(__file__).resolve().parents[2] / "shared" / "data" / "strategies" / "chat"
DUMMY = CHAT / "fastchat_dummy_conversation.json"
with_data = pytest.mark.skipif(not DUMMY.is_file(), reason="the published chats are not here")
Record = dict[str, Any]


def written(path: Path, *records: Record) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return path


def lines_of(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def imported(*words: object) -> Ran:
    return invoke("import", *words)


def examples_of(run: Path) -> list[Record]:
    return lines_of(run / "examples.jsonl")


def reasons_of(run: Path) -> Counter[str]:
    return Counter(line["reason"] for line in lines_of(run / "rejected.jsonl"))


def turns_of(example: Record) -> list[str]:
    """All texts of a chat in order."""
    history = example.get("history") or []
    history = json.loads(history) if isinstance(history, str) else history
    before = [turn["content"] for turn in history]
    return [*before, example["instruction"], example["output"]]


def said(*texts: str, first: str = "human") -> list[Record]:
    names = ["human", "gpt"] if first == "human" else ["gpt", "human"]
    return [{"from": names[at % 2], "value": text} for at, text in enumerate(texts)]


def message(role: str, text: str, *replies: Record, rank: int = 0, **fields: Any) -> Record:
    return {"role": role, "text": text, "rank": rank, "replies": list(replies), **fields}


TREE: Record = {
    "message_tree_id": "tree-1",
    "tree_state": "ready_for_export",
    "prompt": message(
        "prompter",
        "Name a river.",
        message("assistant", "The Po.", rank=1),
        message(
            *("assistant", "The Rhine."),
            message("prompter", "Another?", message("assistant", "The Elbe.")),
            message("prompter", "A third?"),
        ),
        message("assistant", "Spam.", rank=2, deleted=True),
    ),
}
ROWS: list[Record] = [
    {
        "instruction": "Add.",
        "input": "1, 2",
        "output": "3",
        "model": "m",
        "is_classification": True,
    },
    {"question": "What is blue?", "answer": "The sky."},
    {"inputs": "Translate: chien", "targets": "dog", "language": "fr"},
    {
        "inputs_pretokenized": "Sky? \n",
        "targets_pretokenized": "\nblue",
        "inputs": [1],
        "targets": [2],
    },
    {"inputs_pretokenized": "Sea?", "targets_pretokenized": "red", "is_correct": False},
    {"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]},
    {"conversations": said("Who are you?", "A program.", "Why?", "By chance."), "id": "c1"},
    TREE,
    {
        "instruction": "Sort the words.",
        "instances": [
            {"input": "b a", "constraints": "None.", "output": "a b"},
            {"input": "d c", "constraints": "None.", "output": "c d"},
        ],
        "reformulations": [
            {
                "instruction": "Put {INPUT} in order.",
                "instruction_with_input": "Put b a in order.",
                "input": "b a",
                "output": "a b",
            }
        ],
    },
    {"instruction": "Nobody answered this."},
    {"instruction": "Add.", "input": "1, 2", "output": "3"},
    {"image": "x.png"},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imports")
    imported(written(folder / "mixed.jsonl", *ROWS), "--out", folder / "run").done()
    return folder / "run"


def test_each_shape_gives_its_examples(run: Path) -> None:
    found = examples_of(run)
    assert [(each["instruction"], each["input"], each["output"]) for each in found] == [
        ("Add.", "1, 2", "3"),
        ("What is blue?", "", "The sky."),
        ("Translate: chien", "", "dog"),
        ("Sky?", "", "blue"),
        ("Hi.", "", "Hello."),
        ("Why?", "", "By chance."),
        ("Another?", "", "The Elbe."),
        ("Sort the words.", "b a", "a b"),
        ("Sort the words.", "d c", "c d"),
        ("Put b a in order.", "", "a b"),
    ]
    assert turns_of(found[6]) == ["Name a river.", "The Rhine.", "Another?", "The Elbe."]


def test_provenance_says_where_a_row_comes_from(run: Path) -> None:
    by_text = {each["instruction"]: each for each in examples_of(run)}
    assert by_text["Add."]["is_classification"] is True
    assert by_text["Add."]["provenance"]["model"] == "m"
    assert by_text["What is blue?"]["provenance"]["source_id"] == "mixed.jsonl:2"
    assert by_text["Another?"]["provenance"]["source_id"] == "tree-1"
    assert json.loads(by_text["Translate: chien"]["provenance"]["rest"]) == {"language": "fr"}
    assert by_text["Put b a in order."]["provenance"]["paraphrase"] == "Put {INPUT} in order."


def test_the_function_is_the_command(run: Path, tmp_path: Path) -> None:
    view = selfinstruct.import_files(
        run.parent / "mixed.jsonl", tmp_path / "made", progress=False, drop=["same-id"]
    )
    assert dataset(view.directory) == dataset(run)


def test_each_part_that_is_left_out_has_a_line(run: Path) -> None:
    assert reasons_of(run) == {
        "not_correct": 1,
        "no_output": 1,
        "exact_duplicate": 1,
        "unreadable": 1,
    }
    unreadable = next(
        line for line in lines_of(run / "rejected.jsonl") if line["reason"] == "unreadable"
    )
    assert unreadable["text"].startswith("mixed.jsonl:12: no instruction (columns: image)")


def test_the_commands_of_runs_work_on_it(run: Path, tmp_path: Path) -> None:
    assert "are what the replies give" in invoke("verify", run).done().out
    assert "recipe import" in invoke("status", run).done().out
    for form in ("alpaca", "messages", "sharegpt", "unnatural"):
        invoke("export", run, "--format", form, "--out", tmp_path / f"{form}.jsonl").done()
    joined = lines_of(tmp_path / "unnatural.jsonl")[-1]
    assert [len(joined["instances"]), len(joined["reformulations"])] == [2, 1]


@with_data
def test_every_published_turn_is_kept(tmp_path: Path) -> None:
    imported(DUMMY, "--out", tmp_path / "run").done()
    before = [
        [turn["value"] for turn in chat["conversations"]] for chat in json.loads(DUMMY.read_text())
    ]
    after = [turns_of(example) for example in examples_of(tmp_path / "run")]
    assert after == before and sum(map(len, after)) == 2000


@with_data
@pytest.mark.parametrize("most", [60])
def test_a_split_loses_no_pair(tmp_path: Path, most: int) -> None:
    """Upstream's split keeps 1,394 of the 2,000 turns."""
    tokenizer = {
        "version": "1.0",
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"},
        "added_tokens": [],
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    limit = ("--split-tokens", most, "--tokenizer", tmp_path / "tokenizer.json")
    imported(DUMMY, *limit, "--out", tmp_path / "run").done()
    again: dict[str, list[str]] = {}
    examples = examples_of(tmp_path / "run")
    for example in examples:
        id = "_".join(example["provenance"]["source_id"].split("_")[:2])
        again.setdefault(id, []).extend(turns_of(example))
    before = {
        chat["id"]: [turn["value"] for turn in chat["conversations"]]
        for chat in json.loads(DUMMY.read_text())
    }
    assert again == before and len(examples) > 500
    assert not (tmp_path / "run" / "rejected.jsonl").read_text()


def test_chats_are_cleaned_and_what_goes_is_written_down(tmp_path: Path) -> None:
    chats = [
        {"id": "a", "conversations": said("Hi!", "What?", "An answer.", "Bye?", first="gpt")},
        {"id": "b", "conversations": [*said("One"), *said("Two", "Both."), *said("", "Nothing.")]},
        {"id": "c", "conversations": said("1 &lt; 2?", "<div><p>Say <b>so</b>.</p></div>")},
        {"id": "d", "conversations": said("Nobody answers")},
        {"id": "e", "conversations": [{"from": "robot", "value": "Beep."}]},
    ]
    imported(written(tmp_path / "chats.jsonl", *chats), "--out", tmp_path / "run").done()
    assert list(map(turns_of, examples_of(tmp_path / "run"))) == [
        ["What?", "An answer."],
        ["One\n\nTwo", "Both."],
        ["1 < 2?", "Say **so**."],
    ]
    lost = [
        line["text"]
        for line in lines_of(tmp_path / "run" / "rejected.jsonl")
        if line["reason"] == "unpaired_turn"
    ]
    assert lost == ["Hi!", "Bye?", "Nothing.", "Nobody answers"]
    assert reasons_of(tmp_path / "run") == {"unpaired_turn": 4, "no_pair": 1, "unreadable": 1}


def test_a_chat_of_messages_is_kept_as_far_as_it_is_answered(tmp_path: Path) -> None:
    turns = [("user", "Hi."), ("assistant", "Hello."), ("user", "Bye."), ("user", "Still there?")]
    chat = {"messages": [{"role": role, "content": text} for role, text in turns]}
    imported(written(tmp_path / "chats.jsonl", chat), "--out", tmp_path / "run").done()
    assert list(map(turns_of, examples_of(tmp_path / "run"))) == [["Hi.", "Hello."]]
    (lost,) = lines_of(tmp_path / "run" / "rejected.jsonl")
    assert (lost["reason"], lost["text"]) == ("unpaired_turn", "Bye.\n\nStill there?")


def test_published_filters_are_chosen_by_name(tmp_path: Path) -> None:
    chats = [
        {"id": "a", "conversations": said("Hi!", "Yes.")},
        {"id": "b", "conversations": said("Dial!", "Call 0000000000 at any time.")},
        {"id": "c", "conversations": said("Who?", "A program that talks.")},
        {"id": "c", "conversations": said("Other?", "Another program that talks.")},
        {"id": "d", "conversations": said("Who?", "A program that talks.", "Why?", "So.")},
    ]
    source = written(tmp_path / "chats.jsonl", *chats)
    imported(source, "--out", tmp_path / "all").done()
    assert len(examples_of(tmp_path / "all")) == 5
    rules = ("short-output", "repeated-digits", "same-id", "same-first-pair")
    options = [word for rule in rules for word in ("--drop", rule)]
    imported(source, *options, "--out", tmp_path / "few").done()
    assert [each["provenance"]["source_id"] for each in examples_of(tmp_path / "few")] == ["c"]
    assert reasons_of(tmp_path / "few") == dict.fromkeys(
        ("short_output", "repeated_digits", "same_id", "same_first_pair"), 1
    )


def test_all_paths_of_a_tree(tmp_path: Path) -> None:
    source = written(tmp_path / "trees.jsonl", TREE)
    imported(source, "--paths", "all", "--out", tmp_path / "run").done()
    found = examples_of(tmp_path / "run")
    assert list(map(turns_of, found)) == [
        ["Name a river.", "The Po."],
        ["Name a river.", "The Rhine.", "Another?", "The Elbe."],
    ]
    assert [each["provenance"]["source_id"] for each in found] == ["tree-1-1", "tree-1-2"]


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>One</p><p>Two<br>lines</p>", "One\n\nTwo\nlines"),
        ("<ol><li><p>a</p></li><li>b<ul><li>c</li></ul></li></ol>", "1. a\n2. b\n   - c"),
        (
            (
                '<pre><div><span>python</span><button>Copy code</button><code class="hljs">'
                "if a &lt; b:\n    go(<span>'x'</span>)\n</code></div></pre>"
            ),
            "```python\nif a < b:\n    go('x')\n```",
        ),
        (
            '<p>See <a href="u">it</a>, <em>now</em>, <code>a_b</code>.</p>',
            "See [it](u), *now*, `a_b`.",
        ),
        (
            (
                "<table><thead><tr><th>A</th><th>B</th></tr></thead>"
                "<tbody><tr><td>1</td><td>2</td></tr></tbody></table>"
            ),
            "| A | B |\n|---|---|\n| 1 | 2 |",
        ),
        ("<h2>Head</h2><p>R&amp;D</p>", "## Head\n\nR&D"),
        ("<p>never closed", "never closed"),
    ],
)
def test_html_becomes_markdown(html: str, markdown: str) -> None:
    assert to_markdown(html) == markdown


@pytest.mark.parametrize(
    "text",
    [
        "Use the <p> tag for a paragraph.",
        "```html\n<p>Hello</p>\n```",
        "a < b and c > d",
        "<b>only marked</b>",
    ],
)
def test_a_text_that_speaks_of_tags_is_no_page(text: str) -> None:
    assert not is_markup(text)


def test_what_cannot_be_told_is_said_with_the_way_out(tmp_path: Path) -> None:
    source = written(tmp_path / "odd.jsonl", {"ask": "Why?", "reply": "So."})
    said = imported(source, "--out", tmp_path / "run").error
    assert "none of the 1 records of odd.jsonl can be an example" in said
    assert "odd.jsonl:1: no instruction (columns: ask, reply)" in said and "--as" in said
    named = ("--field", "instruction=ask", "--field", "output=reply")
    imported(source, *named, "--out", tmp_path / "run").done()
    assert examples_of(tmp_path / "run")[0]["output"] == "So."
    questions = written(tmp_path / "questions.jsonl", {"instruction": "Why?"})
    assert "selfinstruct respond" in imported(questions, "--out", tmp_path / "none").error
    missing = imported(tmp_path / "none.jsonl", "--out", tmp_path / "none").error
    assert "no such file" in missing
    unpaired = imported(DUMMY, "--split-tokens", 9, "--out", tmp_path / "none").error
    assert "together with --split-tokens" in unpaired
    assert not (tmp_path / "none").exists()


def test_a_shape_can_be_said(tmp_path: Path) -> None:
    pairs = {
        "conversation": [{"role": "user", "content": "Hi."}, {"role": "gpt", "content": "Ho."}]
    }
    source = written(tmp_path / "chats.jsonl", pairs)
    imported(source, "--as", "sharegpt", "--out", tmp_path / "run").done()
    assert turns_of(examples_of(tmp_path / "run")[0]) == ["Hi.", "Ho."]
    assert "can be an example" in imported(source, "--as", "p3", "--out", tmp_path / "none").error


def test_a_run_goes_on_with_the_same_bytes_only(run: Path, tmp_path: Path) -> None:
    source = written(tmp_path / "rows.jsonl", *ROWS[:3])
    imported(source, "--n", 1, "--out", tmp_path / "run").done()
    assert len(examples_of(tmp_path / "run")) == 1
    imported(source, "--n", 3, "--out", tmp_path / "run").done()
    imported(source, "--out", tmp_path / "whole").done()
    assert dataset(tmp_path / "run") == dataset(tmp_path / "whole")
    written(source, *ROWS[:4])
    said = imported(source, "--n", 4, "--out", tmp_path / "run").error
    assert "the sources hold other bytes" in said


@pytest.mark.slow
def test_figures_a_judge_and_a_mixture_of_it(run: Path, tmp_path: Path) -> None:
    for command in ("stats", "check"):
        invoke(command, run).done()
    invoke("judge", run, "--model", "scripted", "--sample", 5).done()
    invoke("mix", f"all={run}", "--n", 8, "--out", tmp_path / "mixed").done()
    invoke("report", run, "--out", tmp_path / "report.html").done()


@pytest.mark.slow
def test_an_import_that_is_killed_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    rows = [json.loads(json.dumps(ROWS[at % 9])) for at in range(2000)]
    for at, row in enumerate(rows):
        if "instruction" in row:
            row["instruction"] += f" {at // 3}"
    source = written(tmp_path / "rows.jsonl", *rows)
    imported(source, "--out", tmp_path / "whole").done()
    process = start("import", source, "--out", tmp_path / "killed")
    path = tmp_path / "killed" / "examples.jsonl"
    while process.poll() is None and not (path.exists() and path.stat().st_size > 60_000):
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert len(examples_of(tmp_path / "whole")) > path.read_bytes().count(b"\n") > 0
    invoke("resume", tmp_path / "killed").done()
    assert dataset(tmp_path / "killed") == dataset(tmp_path / "whole")
