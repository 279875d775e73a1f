"""Rounds answered by engines on a Ray cluster: through Ray Data, with vLLM or in its place."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from command import ENVIRONMENT, ROOT, finish, invoke, start, wait_for
from server import LoopbackServer, latency
from test_ray import cluster  # noqa: F401  (a fixture)

from selfinstruct.models.batch.engine_rows import as_chat, completion_of, row_of
from selfinstruct.runs.directory import DERIVED

RUN = ("--model", "m", "--n", 60, "--seed", 5, "--lag", 400)
VLLM_MODEL = os.environ.get("SELFINSTRUCT_VLLM_MODEL")  # a folder or name, for the test with vLLM
# What takes the place of vLLM: actors that ask a server on loopback for the request of each row.
STAND_IN = """
import json, sys, urllib.request
from pathlib import Path
from selfinstruct.asking.ray_engines import Engines, answer_with
from selfinstruct.asking.ray_workers import Pool
from selfinstruct.errors import Interrupted

out, address, url = sys.argv[1:]

class Engine:
    def __init__(self):
        self.bodies = {}

    def body_of(self, row):
        sampling = json.loads(row["sampling"])
        key = row["prompt"], sampling["seed"], sampling["max_tokens"]
        if key not in self.bodies:
            for path in Path(out).glob("rounds/*/requests-*.jsonl"):
                for body in (json.loads(line)["body"] for line in path.open()):
                    own = json.dumps(body["messages"]), body["seed"], body.get("max_tokens")
                    self.bodies[own] = body
        return self.bodies[key], sampling

    def __call__(self, row):
        body, sampling = self.body_of(row)
        assert all(sampling[name] == value for name, value in body.items() if name in sampling)
        request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request) as answer:
            found = json.load(answer)
        choice, usage = found["choices"][0], found["usage"]
        is_cut = choice["finish_reason"] == "length"
        return {
            "number": row["number"],
            "text": choice["message"]["content"],
            "prompt_tokens": usage["prompt_tokens"],
            "completion_tokens": body["max_tokens"] if is_cut else usage["completion_tokens"],
            "__inference_error__": "",
        }

def process(rows):
    return rows.map(Engine, concurrency=(1, 2), num_cpus=1)

try:
    answer_with(Engines(), Pool(address), [Path(out)], notice=print, follows=True, process=process)
except Interrupted as stop:
    sys.exit(stop.code)
"""


def body(**more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "Hi."}], **more}


def test_a_row_names_every_parameter_whatever_the_request_leaves_open() -> None:
    rows = [
        row_of(0, body()),
        row_of(1, body(temperature=0.7, top_p=0.5, max_tokens=9, seed=3, stop="###")),
        row_of(2, body(stop=["a", "b"], top_k=4, max_tokens=None)),
    ]
    sampling = [json.loads(row["sampling"]) for row in rows]
    assert len({tuple(each) for each in sampling}) == 1
    assert sampling[0]["temperature"] == 1.0 and sampling[0]["max_tokens"] is None
    assert (sampling[1]["max_tokens"], sampling[1]["seed"], sampling[1]["stop"]) == (9, 3, ["###"])
    assert sampling[2]["stop"] == ["a", "b"] and sampling[2]["top_k"] == 4
    asked = as_chat(rows[1])
    assert asked["messages"] == body()["messages"] and asked["sampling_params"] == sampling[1]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"type": "json_object"}, {"json_object": True}),
        ({"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}, "schema"),
        ({"type": "text"}, None),
    ],
)
def test_a_response_format_becomes_a_structured_output(asked: Any, expected: Any) -> None:
    sampling = json.loads(row_of(0, body(response_format=asked))["sampling"])
    if expected == "schema":
        expected = {"json": {"type": "object"}}
    assert sampling.get("structured_outputs") == expected


def reply(prompt: int, completion: int, **more: Any) -> Mapping[str, Any]:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion}
    return {"number": 0, "text": "Yes.", **counts, **more}


def test_a_reply_that_fills_its_room_counts_as_cut() -> None:
    assert completion_of(reply(9, 3), 4, {}).finish_reason == "stop"
    assert completion_of(reply(9, 4), 4, {}).finish_reason == "length"
    assert completion_of(reply(9, 4), None, {}).finish_reason == "stop"
    assert completion_of(reply(9, 4), 20, {"max_model_len": 13}).finish_reason == "length"
    assert completion_of(reply(9, 3), 20, {"max_model_len": 13}).finish_reason == "stop"


def test_errors_of_a_row_are_told_apart() -> None:
    words = "ValueError: The decoder prompt (length 9) is longer than the maximum model length of 4"
    assert completion_of({"__inference_error__": words}, 4, {}).error == "context_overflow"
    assert completion_of({"__inference_error__": "EngineDead"}, 4, {}).error == "server_error"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--vllm",), "add --ray"),
        (("--vllm-option", "max_model_len=9"), "add --ray"),
        (("--vllm", "--ray", "local", "--base-url", "http://x/v1"), "--base-url"),
        (("--vllm", "--ray", "local", "--vllm-option", "eager"), "NAME=VALUE"),
    ],
)
def test_bad_words_end_in_a_line(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    ran = invoke("workers", tmp_path, *words)
    assert ran.code == 2 and said in ran.error


def stand_in(out: Path, address: str, server: LoopbackServer) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", STAND_IN, out, address, f"{server.base_url}/chat/completions"],
        env={**ENVIRONMENT, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def replies(out: Path) -> Counter[str]:
    """How many replies each request has, over all rounds."""
    paths = sorted(out.glob("rounds/*/replies-*.jsonl"))
    lines = [line for path in paths for line in path.read_text("utf-8").splitlines()]
    return Counter(json.loads(line)["custom_id"] for line in lines)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_node_and_the_driver_are_lost_and_the_run_has_the_live_runs_bytes(
    cluster: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    live, out = tmp_path / "live", tmp_path / "run"
    with LoopbackServer(latency(0.1)) as server:
        at = ("--base-url", server.base_url)
        invoke("generate", *RUN, *at, "--out", live).done()
        begun = len(server.calls)
        run = start("generate", *RUN, "--by-files", "--requests-per-file", 8, "--out", out)
        wait_for(lambda: (out / "rounds").is_dir() or run.poll() is not None)
        engines = stand_in(out, cluster.address, server)
        wait_for(lambda: len(server.calls) > begun * 1.25 or engines.poll() is not None)
        assert engines.poll() is None, engines.communicate()
        cluster.remove_node(cluster.spare.pop())
        wait_for(lambda: len(server.calls) > begun * 1.5 or engines.poll() is not None)
        engines.kill()
        engines.communicate()
        written = replies(out)
        assert written
        engines = stand_in(out, cluster.address, server)
        finish(run).done()
        engines.send_signal(signal.SIGTERM)
        ended = finish(engines)
        assert ended.code == 128 + signal.SIGTERM, ended
    assert max(replies(out).values()) == 1 and written <= replies(out)
    for name in DERIVED:
        assert (out / name).read_bytes() == (live / name).read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(VLLM_MODEL is None, reason="SELFINSTRUCT_VLLM_MODEL names no model for vLLM")
def test_vllm_answers_on_a_cluster(tmp_path: Path) -> None:
    """On a machine without a GPU, too."""
    pytest.importorskip("vllm")
    out, rows = tmp_path / "run", tmp_path / "rows.jsonl"
    questions = [*(f"Name {number} rivers." for number in range(2, 12)), "word " * 3000]
    rows.write_text("".join(json.dumps({"instruction": each}) + "\n" for each in questions))
    words = ("respond", rows, "--model", "m", "--by-files", "--files-wait", 0, "--out", out)
    assert invoke(*words, "--max-tokens", 24).code == 75
    options = ("max_model_len=1024", "enforce_eager=true", "max_num_batched_tokens=65536")
    given = [word for option in options for word in ("--vllm-option", option)]
    ray = ("--ray", "local", "--vllm", "--model", str(VLLM_MODEL), "--engine-cpus", 1)
    ran = finish(start("workers", out, *ray, *given)).done()
    assert "10 replies to 1 files of requests, 1 requests refused for good" in ran.out
