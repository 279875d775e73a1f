"""`--topics` and `--personas`: drawn by the item, shown in the prompt, noted in the provenance."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from command import at, dataset, invoke, killed_at
from server import LoopbackServer, latency

from selfinstruct.models import Completion, Request, Usage
from selfinstruct.recipes.topics.themes import Themes

AUTO = ("--topics", "auto", "--personas", "auto")
TOPICS = ("tax returns of freelancers", "sourdough", "leaking taps")


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def topics_in(folder: Path, *more: str) -> Path:
    path = folder / "topics.txt"
    path.write_text("# ours\n" + "\n".join((*TOPICS, *more)) + "\n\n")
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose topics and personas the model has written."""
    out = tmp_path_factory.mktemp("topics") / "run"
    invoke("unnatural", "--model", "scripted", "--n", 60, *AUTO, "--out", out).done()
    return out


def test_the_lists_are_asked_for_once_and_on_record(written: Path) -> None:
    replies = lines_of(written / "completions.jsonl")
    places = {reply["place"] for reply in replies if reply["stage"] == "topics"}
    assert "topics0" in places and 10 <= len(places) <= 16
    records = [line["provenance"] for line in lines_of(written / "examples.jsonl")]
    assert len({record["topic"] for record in records}) > 40
    assert len({record["persona"] for record in records}) > 40
    invoke("verify", written).done()


def test_a_run_with_written_lists_is_extended_and_the_same_at_any_concurrency(
    written: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = ("unnatural", "--model", "scripted", *AUTO, "--out", out)
    assert invoke(*words, "--n", 40, "--max-requests", 9, "--concurrency", 1).code == 75
    invoke("resume", out, "--max-requests", -1).done()
    invoke("resume", out, "--n", 60, "--concurrency", 64).done()
    assert dataset(out) == dataset(written)


@pytest.mark.slow
def test_it_is_killed_while_the_lists_are_written(tmp_path: Path) -> None:
    chance = Random(4)
    with LoopbackServer(latency(0.01, spread=0.01, seed=3)) as server:
        words = ("generate", *at(server), *AUTO, "--n", 30, "--concurrency", 4)
        invoke(*words, "--out", tmp_path / "whole", OPENAI_API_KEY="none").done()
        out = tmp_path / "killed"
        code, said, kills = killed_at(server, words, out, lambda: chance.randint(5, 20))
    assert code == 0 and kills >= 3, said
    assert dataset(out) == dataset(tmp_path / "whole")


def test_a_file_is_shown_in_prompts_kept_and_not_read_again(tmp_path: Path) -> None:
    path, out = topics_in(tmp_path), tmp_path / "run"
    with LoopbackServer() as server:
        words = ("generate", *at(server), "--topics", path, "--n", 12, "--out", out)
        invoke(*words, OPENAI_API_KEY="none").done()
        prompts = [json.dumps(call.body) for call in server.calls]
        path.unlink()
        invoke("resume", out, "--n", 15, OPENAI_API_KEY="none").done()
    shown = [
        next(topic for topic in TOPICS if f"about this topic: {topic}." in prompt)
        for prompt in prompts
        if "about this topic: " in prompt
    ]
    assert len(shown) >= 2 and len({*shown[:3]}) == min(len(shown), 3)  # each once before any again
    assert not any("; about: " in prompt for prompt in prompts)
    assert {line["provenance"]["topic"] for line in lines_of(out / "examples.jsonl")} <= {*TOPICS}
    changed = topics_in(tmp_path, "another")
    ran = invoke("generate", "--topics", changed, "--out", out, OPENAI_API_KEY="none")
    assert "the topics are others" in ran.error


def test_every_topic_comes_once_before_any_comes_again() -> None:
    topics = tuple(f"topic {number}" for number in range(7))
    themes = Themes(seed=5, topics=topics, personas=topics[:3])
    drawn = [themes.of(at) for at in range(21)]
    for deal in range(3):
        assert {theme.topic for theme in drawn[7 * deal : 7 * deal + 7]} == {*topics}
    assert len({(theme.topic, theme.persona) for theme in drawn}) > 9
    assert drawn[:7] != [
        Themes(seed=6, topics=topics, personas=topics[:3]).of(at) for at in range(7)
    ]


def test_without_topics_prompts_and_lines_are_as_ever(tmp_path: Path) -> None:
    with LoopbackServer() as server:
        words = ("generate", *at(server), "--n", 5, "--out", tmp_path / "run")
        invoke(*words, OPENAI_API_KEY="none").done()
        assert not any("about this topic" in json.dumps(call.body) for call in server.calls)
    made = lines_of(tmp_path / "run/examples.jsonl")
    assert {*made[0]["provenance"]} == {"instruction_id", "turn", "model"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tea\ncoffee\nTea.\n", "3: the same topic as in line 1"),
        ("\n# nothing\n", "holds no topic"),
        ('{"topic": "tea"}\n{"title": "coffee"}\n', '2: no JSON object with the field "topic"'),
        ('{"topic": 4}\n', '1: the field "topic" is no text'),
        (None, "No such file"),
    ],
)
def test_a_bad_file_is_refused_in_a_line(text: str | None, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "topics.txt"
    if text is not None:
        path.write_text(text)
    ran = invoke("generate", "--model", "scripted", "--topics", path, "--out", tmp_path / "run")
    assert fault in ran.error and not (tmp_path / "run").exists()


def test_what_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    words = ("generate", "--model", "scripted", "--out", tmp_path / "run", "--topics", "auto")
    assert "raw text" in invoke(*words, "--preset", "paper").error
    with LoopbackServer(model=_no_list) as server:
        ran = invoke("generate", *at(server), *words[3:], OPENAI_API_KEY="none")
    assert "holds no list of topics" in ran.error


def _no_list(request: Request) -> Completion:
    return Completion("There are many.", "stop", Usage(160, 4))
