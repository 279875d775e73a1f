"""Requests that go out as files: rounds, workers, wrong and missing replies, scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random

import pytest
from command import ENVIRONMENT, Ran, dataset, invoke, start
from server import LoopbackServer, latency

from selfinstruct.models import Completion, Decoding, Message, Request, Usage
from selfinstruct.models.batch.collector import Collector
from selfinstruct.models.batch.folder import RoundFolder
from selfinstruct.models.batch.lines import Line
from selfinstruct.models.batch.place import line_of
from selfinstruct.models.batch.polling import Polling
from selfinstruct.models.batch.rounds import Rounds
from selfinstruct.models.batch.wire import reply_line, request_of
from selfinstruct.models.openai.replies import completion_of
from selfinstruct.runs.status import read_status

N = 12
NOT_YET = 75
RUN = ("--model", "some/model", "--n", N, "--seed", 3, "--lag", 200)
BY_FILES = (*RUN, "--by-files", "--files-wait", 0, "--requests-per-file", 10)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Collector, "IDLE", 0.03)
    monkeypatch.setattr(Polling, "_LEAST_WAIT", 0.2)
    monkeypatch.setattr(Rounds, "pauses", (0.02, 0.05))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    out = tmp_path_factory.mktemp("live") / "run"
    with LoopbackServer() as server:
        invoke("generate", *RUN, "--base-url", server.base_url, "--out", out).done()
    return dataset(out)


def work(out: Path, server: LoopbackServer) -> Ran:
    return invoke("workers", out, "--base-url", server.base_url)


def to_the_end(out: Path, answer: Callable[[], object], most: int = 30) -> int:
    """Answer and resume until the run is done. Returns the sittings."""
    for sitting in range(1, most):
        ran = invoke("resume", out) if out.exists() else invoke("generate", *BY_FILES, "--out", out)
        if ran.code == 0:
            return sitting
        assert ran.code == NOT_YET, ran
        assert "waits for the replies to rounds/" in ran.out
        answer()
    raise AssertionError("the run does not end")


def open_round(out: Path) -> Path:
    return max(path for path in (out / "rounds").iterdir() if path.name.isdecimal())


def requests_of(folder: Path) -> list[dict[str, object]]:
    files = sorted(folder.glob("requests-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def test_files_give_the_live_runs_bytes_and_nothing_is_bought_twice(
    live: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with LoopbackServer() as server:
        assert to_the_end(out, lambda: work(out, server).done()) > 2
        assert not server.bought_twice
        assert read_status(out).calls == len(server.calls)
    assert dataset(out) == live
    invoke("verify", out).done()
    assert "no round waits" in invoke("rounds", out).done().out
    name = (open_round(out) / "requests-0001.jsonl").read_text("utf-8").splitlines()[0]
    assert list(json.loads(name)) == ["custom_id", "method", "url", "body"]


@pytest.mark.slow
def test_torn_wrong_and_double_lines_are_named_and_harm_nothing(
    live: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"

    def spoil() -> None:
        folder = open_round(out)
        key = requests_of(folder)[0]["custom_id"]
        stranger = {"custom_id": "nobody", "response": {"status_code": 200, "body": {}}}
        failed = {"custom_id": key, "response": None, "error": {"message": "worker died"}}
        lines = ["half of {", json.dumps(stranger), "[1, 2]", "", json.dumps(failed)]
        (folder / "replies-0.jsonl").write_text("\n".join(lines) + '\n{"custom_id": "x', "utf-8")

    with LoopbackServer() as server:

        def answer() -> None:
            # The workers first: they pass over requests that have an error already.
            work(out, server).done()
            for path in open_round(out).glob("replies-*.jsonl"):
                whole = path.read_text("utf-8")
                path.with_name(f"{path.stem}-again.jsonl").write_text(whole + whole, "utf-8")
            spoil()

        to_the_end(out, answer)
        assert not server.bought_twice
    assert dataset(out) == live
    shown = invoke("rounds", out).done().out
    assert "0001/replies-0.jsonl:1: not JSON; passed over" in shown
    assert "0001/replies-0.jsonl:2: custom_id 'nobody' is none of this round's" in shown
    assert "0001/replies-0.jsonl:3: no reply (it has no custom_id)" in shown


@pytest.mark.slow
def test_a_lost_file_is_missing_replies_which_are_asked_again(
    live: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with LoopbackServer() as server:
        lost: list[int] = []

        def answer() -> None:
            work(out, server).done()
            if not lost:
                folder = open_round(out)
                whole = next(folder.glob("replies-*.jsonl"))
                lost.append(len(whole.read_text("utf-8").splitlines()))
                whole.unlink()
                assert f", {lost[0]} missing" in invoke("rounds", out, "--no-scripts").done().out
                invoke("rounds", out, "--close", folder.name).done()

        to_the_end(out, answer)
        assert len(server.bought_twice) == lost[0] > 0
    assert dataset(out) == live


@pytest.mark.slow
def test_errors_of_workers_send_the_request_into_the_next_round(
    live: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    rounds = Counter[str]()
    with LoopbackServer() as server:

        def answer() -> None:
            folder = open_round(out)
            rounds[folder.name] += 1
            if len(rounds) == 1:
                lines = [
                    {"custom_id": each["custom_id"], "response": {"status_code": 500, "body": {}}}
                    for each in requests_of(folder)[::2]
                ]
                text = "".join(f"{json.dumps(line)}\n" for line in lines)
                (folder / "replies-bad.jsonl").write_text(text, "utf-8")
            work(out, server).done()

        to_the_end(out, answer)
        assert not server.bought_twice
    assert dataset(out) == live


def test_a_run_changes_between_files_and_live_calls(live: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "run"
    with LoopbackServer() as server:
        assert invoke("generate", *BY_FILES, "--out", out).code == NOT_YET
        work(out, server).done()
        assert invoke("resume", out).code == NOT_YET  # a second round is open
        work(out, server).done()
        invoke("resume", out, "--no-by-files", "--base-url", server.base_url).done()
        assert not server.bought_twice
    assert dataset(out) == live


@pytest.mark.slow
def test_a_cap_holds_over_rounds(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with LoopbackServer() as server:
        cap = 20
        for _ in range(10):
            ran = invoke(
                *(("resume", out) if out.exists() else ("generate", *BY_FILES, "--out", out)),
                *("--n", 60, "--max-requests", cap),
            )
            assert ran.code == NOT_YET
            if "--max-requests" in ran.out.partition("saved in")[0]:
                break
            work(out, server).done()
        assert 0 < len(server.calls) <= cap


def test_the_judge_asks_by_files(tmp_path: Path) -> None:
    out, words = tmp_path / "run", ("--model", "m", "--by-files", "--files-wait", 0)
    invoke("generate", "--model", "scripted", "--n", 6, "--out", out).done()
    with LoopbackServer() as server:
        assert invoke("judge", out, *words).code == NOT_YET
        work(out, server).done()
        for _ in range(3):
            ran = invoke("judge", out, *words)
            if ran.code == 0:
                break
            work(out, server).done()
        ran.done()
        assert not server.bought_twice


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("generate", "--by-files", "--batch"), "--batch and --by-files: two ways"),
        (("generate", "--by-files", "--model", "scripted"), "leave --by-files out"),
        (("generate", "--requests-per-file", 0), "must be at least 1"),
        (("generate", "--files-wait", -2), "0 seconds or more"),
    ],
)
def test_settings_that_make_no_sense(
    words: tuple[object, ...], message: str, tmp_path: Path
) -> None:
    model = () if "--model" in words else ("--model", "m")
    assert message in invoke(*words, *model, "--n", 5, "--out", tmp_path / "run").error


def test_folders_without_rounds_and_rounds_that_are_gone(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert "holds no rounds" in invoke("rounds", tmp_path).error
    assert "no such folder" in invoke("workers", out, "--base-url", "http://localhost:1/v1").error
    assert invoke("generate", *BY_FILES, "--out", out).code == NOT_YET
    assert "has no round 7" in invoke("rounds", out, "--close", 7).error
    folder = open_round(out)
    folder.rename(tmp_path / "away")
    assert "the round is gone; bring the folder back" in invoke("resume", out).error
    (tmp_path / "away").rename(folder)
    assert invoke("resume", out).code == NOT_YET


# ---------------------------------------------------------------- lines


def test_a_line_of_vllms_run_batch_is_read(tmp_path: Path) -> None:
    """The documented form of its replies, with fields that OpenAI's own have not."""
    request = a_request()
    body = {
        "id": "chatcmpl-5",
        "object": "chat.completion",
        "created": 1732000000,
        "model": "some/model",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello.",
                    "reasoning_content": None,
                    "tool_calls": [],
                },
                "logprobs": None,
                "finish_reason": "stop",
                "stop_reason": None,
            }
        ],
        "usage": {"prompt_tokens": 12, "total_tokens": 15, "completion_tokens": 3},
        "prompt_logprobs": None,
    }
    record = {
        "id": "vllm-1",
        "custom_id": request.key,
        "response": {"status_code": 200, "request_id": "vllm-batch-2", "body": body},
        "error": None,
    }
    line = Line.of(record)
    assert line is not None and line.is_answered
    completion = completion_of(line.body, request)
    assert completion == Completion("Hello.", "stop", Usage(12, 3))
    (tmp_path / "requests-0001.jsonl").write_bytes(line_of(request, {}))
    (tmp_path / "replies-0001.jsonl").write_text(json.dumps(record), "utf-8")  # no last newline
    folder = RoundFolder(tmp_path)
    assert folder.read() == [] and folder.answered == {request.key}


@pytest.mark.parametrize("api", ["chat", "completions"])
@pytest.mark.parametrize(
    "completion",
    [
        Completion("A text.", "stop", Usage(7, 3, 2, 1)),
        Completion("", "stop", Usage(7, 0)),
        Completion("cut", "length", Usage(7, 3)),
        Completion("half", "unnamed_at_max_tokens", Usage(7, 3)),
        Completion("I will not.", "message.refusal", Usage(7, 3)),
        Completion("", "content_filter", Usage(7, 0), error="content_filter"),
    ],
    ids=lambda completion: completion.finish_reason,
)
def test_a_worker_hands_on_a_completion_as_it_is(api: str, completion: Completion) -> None:
    request = a_request(api)
    record = json.loads(json.dumps(reply_line(request.key, request, completion)))
    line = Line.of(record)
    assert line is not None and line.is_answered
    assert completion_of(line.body, request) == completion


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_a_worker_sends_the_body_that_the_run_would_send(api: str) -> None:
    from selfinstruct.models.openai.bodies import body_of

    request = a_request(api)
    record = json.loads(line_of(request, {}))
    assert body_of(request_of(record, ""), {}) == record["body"]
    assert body_of(request_of(record, "other"), {}) == {**record["body"], "model": "other"}


def a_request(api: str = "chat") -> Request:
    messages = (Message("system", "Be brief."), Message("user", "Say hello to me, please."))
    return Request(
        *("propose", "t1", "some/model", api),
        messages if api == "chat" else (Message("prompt", "Say hello"),),
        Decoding(0.7, 0.9, 50, stop=("\n\n", "###")),
        seed=17,
        response_format="json_schema" if api == "chat" else "text",
        grammar="root ::= .*",
        extra=(("min_p", 0.1),),
        schema={"text": {"type": "string"}},
    )


# ---------------------------------------------------------------- scripts


VLLM = """#!{python}
import json, sys, urllib.request
words = dict(zip(sys.argv[2::2], sys.argv[3::2]))
assert sys.argv[1] == "run-batch" and words["--model"] == "some/model", sys.argv
with open(words["-i"]) as requests, open(words["-o"], "w") as replies:
    for line in map(json.loads, requests):
        call = urllib.request.Request("{base}" + line["url"].removeprefix("/v1"),
            json.dumps(line["body"]).encode(), {{"Content-Type": "application/json"}})
        with urllib.request.urlopen(call) as reply:
            body = json.load(reply)
        response = {{"status_code": 200, "request_id": "1", "body": body}}
        print(json.dumps({{"id": "1", "custom_id": line["custom_id"], "response": response,
            "error": None}}), file=replies)
"""


@pytest.mark.slow
@pytest.mark.parametrize("script", ["answer.sh", "slurm.sh"])
def test_the_scripts_answer_what_waits(script: str, live: dict[str, bytes], tmp_path: Path) -> None:
    """With a program that takes the words of `vllm run-batch` and asks the server on loopback."""
    out, programs = tmp_path / "a run", tmp_path / "programs"
    programs.mkdir()
    with LoopbackServer() as server:
        vllm = programs / "vllm"
        vllm.write_text(VLLM.format(python=sys.executable, base=server.base_url), "utf-8")
        vllm.chmod(0o755)
        path = f"{programs}{os.pathsep}{ENVIRONMENT['PATH']}"

        def answer() -> None:
            shown = invoke("rounds", out).done().out
            assert f"wrote {out / 'rounds' / script}" in shown
            waiting = (out / "rounds/waiting.txt").read_text("utf-8").splitlines()
            tasks = range(1, len(waiting) + 1) if script == "slurm.sh" else [1]
            for task in [*tasks, 1]:  # the first twice: what is answered is passed over
                subprocess.run(
                    ["sh", out / "rounds" / script],
                    env={**ENVIRONMENT, "PATH": path, "SLURM_ARRAY_TASK_ID": str(task)},
                    check=True,
                )

        to_the_end(out, answer)
        assert not server.bought_twice
    assert dataset(out) == live


# ---------------------------------------------------------------- kills


@pytest.mark.slow
def test_workers_and_the_run_are_killed_and_give_the_same_bytes(
    tmp_path: Path,
) -> None:
    run = ("--model", "m", "--n", 400, "--seed", 5, "--lag", 400)
    out, rng = tmp_path / "run", Random(7)
    with LoopbackServer(latency(0.02)) as server:
        at = ("--base-url", server.base_url)
        invoke("generate", *run, *at, "--out", tmp_path / "live").done()

        def driver() -> subprocess.Popen[bytes]:
            words = ("--by-files", "--requests-per-file", 40, "--out", out)
            return start("generate", *run, *words)

        def worker() -> subprocess.Popen[bytes]:
            (out / "rounds").mkdir(parents=True, exist_ok=True)
            return start("workers", out, *at, "--follow")

        driving = driver()
        while not out.is_dir():
            assert driving.poll() is None, driving.communicate()
        working = [worker() for _ in range(3)]
        for _ in killing(driving, len(server.calls), server):
            number = rng.randrange(4)
            if number == 3:
                driving.kill()
                driving.communicate()
                driving = driver()
            else:
                working[number].kill()
                working[number].communicate()
                working[number] = worker()
            if driving.poll() is not None:
                break
        said = driving.communicate()
        for process in working:
            process.kill()
            process.communicate()
        assert driving.returncode == 0, said
    # A reply under way dies with its worker. One that is written is never asked for again.
    files = (out / "rounds").rglob("replies-*.jsonl")
    lines = [line for file in files for line in file.read_bytes().splitlines(keepends=True)]
    written = Counter(json.loads(line)["custom_id"] for line in lines if line.endswith(b"\n"))
    assert max(written.values()) == 1
    assert dataset(out) == dataset(tmp_path / "live")


def killing(
    driving: subprocess.Popen[bytes], begun: int, server: LoopbackServer, every: int = 40
) -> Iterator[None]:
    """A moment for a kill whenever `every` further calls have come, fifteen at most."""
    import time

    for number in range(1, 16):
        while len(server.calls) < begun + number * every:
            if driving.poll() is not None:
                return
            time.sleep(0.01)
        yield
