"""The command end to end: over HTTP, through every accident, stopped and resumed, always to the
same bytes.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from command import (
    ENVIRONMENT,
    PATIENCE,
    Ran,
    at,
    control_characters,
    dataset,
    finish,
    invoke,
    run,
    running,
    start,
)
from server import (
    FAILURES,
    Call,
    Gate,
    LoopbackServer,
    error,
    failing,
    hostile,
    latency,
    rejecting,
    saying,
    without_usage,
)

from selfinstruct.models import Completion, Decoding, Request
from selfinstruct.models.scripted.model import reply
from selfinstruct.runs.directory import DERIVED

PRESETS = {
    "chat": (),
    "chat, json_object": ("--response-format", "json_object"),
    "chat, json_schema": ("--response-format", "json_schema"),
    "chat, completions": ("--api", "completions"),
    "paper": ("--preset", "paper"),
    "alpaca": ("--preset", "alpaca"),
    "small": ("--preset", "small"),
}
RAW = ("chat, completions", "paper", "small")
N = 60


def generate(out: Path, *words: object, n: int = 20, **environment: str) -> Ran:
    return invoke("generate", "--n", n, "--out", out, *words, **environment)


def records(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def deaf(request: Request) -> Completion:
    """A model that ignores every optional field."""
    return reply(replace(request, decoding=Decoding(), seed=0, response_format="text"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of N examples on a server that does all it should."""
    out = tmp_path_factory.mktemp("undisturbed")
    with LoopbackServer() as server:
        generate(out, *at(server), n=N).done()
    return out


# ---------------------------------------------------------------- over HTTP


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_exactly_n_examples_the_same_at_every_concurrency(
    tmp_path: Path, name: str
) -> None:
    ran = []
    with LoopbackServer(latency(spread=0.01)) as server:
        for concurrency in (1, 32):
            done = generate(
                tmp_path / str(concurrency),
                *at(server),
                *PRESETS[name],
                "--concurrency",
                concurrency,
                n=12,
            ).done()
            ran += [done]
        assert {call.path for call in server.calls} == {
            f"/v1/{'' if name in RAW else 'chat/'}completions"
        }
    assert ran[0].out.replace("/1/", "/32/") == ran[1].out and ran[0].err == ""
    assert dataset(tmp_path / "1") == dataset(tmp_path / "32")
    examples = records(tmp_path / "1" / "examples.jsonl")
    assert len(examples) == len({one["id"] for one in examples}) == 12
    assert all(one["instruction"].strip() and one["output"].strip() for one in examples)
    assert {one["provenance"]["model"] for one in examples} == {"mentor"}
    invoke("verify", tmp_path / "32").done()


@pytest.mark.parametrize(
    ("field", "words", "names"),
    [
        ("seed", (), ["seed"]),
        (
            "response_format",
            ("--response-format", "json_schema"),
            ["json_schema", "json_object"],
        ),  # step by step
        ("max_tokens", (), ["max_tokens"]),
    ],
)
def test_a_field_that_a_server_does_not_take_changes_nothing_but_itself(
    tmp_path: Path, field: str, words: tuple[str, ...], names: list[str]
) -> None:
    with LoopbackServer(model=deaf) as easy, LoopbackServer(rejecting(field), model=deaf) as strict:
        generate(tmp_path / "easy", *at(easy), *words).done()
        ran = generate(tmp_path / "strict", *at(strict), *words).done()
    said = ran.err.splitlines()
    assert len(said) == len(names)
    for line, name in zip(said, names, strict=True):
        assert f"{strict.base_url} does not take '{name}': left out from here on" in line
    assert dataset(tmp_path / "easy") == dataset(tmp_path / "strict")


def test_a_server_that_takes_no_penalties_serves_the_paper_preset(tmp_path: Path) -> None:
    with LoopbackServer(rejecting("presence_penalty", "frequency_penalty")) as server:
        ran = generate(tmp_path / "run", *at(server), "--preset", "paper").done()
    assert re.findall(r"does not take '(\w+)'", ran.err) == [
        "presence_penalty",
        "frequency_penalty",
    ]


def test_a_server_that_counts_no_tokens_changes_no_byte_of_the_dataset(
    tmp_path: Path, undisturbed: Path
) -> None:
    with LoopbackServer(without_usage()) as server:
        generate(tmp_path / "run", *at(server), n=N).done()
    assert dataset(tmp_path / "run") == dataset(undisturbed)
    assert (
        json.loads(invoke("status", "--json", tmp_path / "run").done().out)["prompt_tokens"] > 1000
    )


@pytest.mark.slow
def test_accidents_on_the_way_change_no_byte(tmp_path: Path, undisturbed: Path) -> None:
    """Each kind hits about one request in thirty, at its first try: errors, resets, pages of HTML,
    replies without a choice.
    """
    kinds = [
        "429",
        "429 ms",
        "408",
        "409",
        "500",
        "502",
        "503",
        "504",
        "html 502",
        "html",
        "not json",
        "not an object",
    ]
    kinds += ["empty body", "no choices", "error in 200", "reset"]
    accidents = [
        failing(kind, rate=0.06, attempts=1, seed=number) for number, kind in enumerate(kinds)
    ]
    lost = failing("reset", rate=0.02, attempts=1, seed=99, before=False)
    with LoopbackServer(*accidents, lost) as server:
        generate(tmp_path / "run", *at(server), n=N).done()
        assert sum(times > 1 for times in server.received.values()) > 15
    assert set(kinds) <= {*FAILURES, "reset"}
    assert dataset(tmp_path / "run") == dataset(undisturbed)


@pytest.mark.slow
def test_waiting_as_long_as_a_server_asks_and_hanging_calls_change_no_byte(
    tmp_path: Path, undisturbed: Path
) -> None:
    kinds = ("429 seconds", "429 date", "hang")
    slow = [failing(kind, rate=0.06, attempts=1, seed=number) for number, kind in enumerate(kinds)]
    with LoopbackServer(*slow) as server:
        generate(tmp_path / "run", *at(server), "--timeout", 2, n=N).done()
        assert sum(times > 1 for times in server.received.values()) > 3
    assert dataset(tmp_path / "run") == dataset(undisturbed)


@pytest.mark.slow
def test_a_server_that_wants_to_be_called_less_often_is_no_reason_to_drop_a_request(
    tmp_path: Path, undisturbed: Path
) -> None:
    with LoopbackServer(failing("429 ms", rate=0.2)) as server:
        generate(tmp_path / "run", *at(server), "--retries", 1, "--concurrency", 64, n=N).done()
        assert server.statuses[429] > 8
    assert dataset(tmp_path / "run") == dataset(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["500", "502", "reset", "html"])
def test_a_server_that_is_gone_for_a_while_is_no_reason_to_drop_a_request(
    tmp_path: Path, kind: str
) -> None:
    """However often it is asked meanwhile: nobody else is answered either. A small run, where few
    requests take turns.
    """
    small = ("generate", "--n", 4, "--concurrency", 2, "--retries", 3)
    with LoopbackServer() as server:
        finish(start(*small, "--out", tmp_path / "undisturbed", *at(server))).done()

    def is_gone(call: Call) -> bool:
        """From the third reply on, until a request has failed four times, more than its retries."""
        return sum(server.completed.values()) >= 3 and max(server.received.values()) <= 4

    with LoopbackServer(failing(kind, when=is_gone)) as server:
        finish(start(*small, "--out", tmp_path / "run", *at(server))).done()
        assert max(server.received.values()) > 4
    assert dataset(tmp_path / "run") == dataset(tmp_path / "undisturbed")


def telling(secret: str) -> Any:
    """A behaviour: repeats secrets in errors, for good to one prompt of eight, in whatever form it
    is asked, and once to every other one. Prompts are counted as they come: the share holds
    whatever they say.
    """
    places: dict[str, int] = {}

    async def tell(call: Any, go_on: Any) -> Any:
        said = f"{secret} {call.headers['authorization']}"
        place = places.setdefault(call.body["messages"][-1]["content"][-200:], len(places))
        if place % 8 == 5:
            return error(400, f"Bad request of {said}", "invalid_request_error")
        return (
            error(503, f"Busy, {said}", "server_error")
            if call.attempt == 1 and place % 2 == 0
            else await go_on(call)
        )

    return tell


def test_neither_key_nor_password_is_printed_or_written_anywhere(tmp_path: Path) -> None:
    """Not even by a server that repeats them in its errors."""
    key, password = "sk-PLANTED0123456789abcdef", "pa55-PLANTED-word"

    def everything(ran: Ran) -> str:
        written = [path.read_text() for path in (tmp_path / "run").rglob("*") if path.is_file()]
        return "".join([ran.out, ran.err, *written, *map(str, tmp_path.iterdir())])

    with LoopbackServer(telling(key)) as server:
        ran = run(
            "generate", "--n", 24, "--out", tmp_path / "run", *at(server), OPENAI_API_KEY=key
        ).done()
        assert server.calls[0].headers["authorization"] == f"Bearer {key}"
    assert "PLANTED" not in everything(ran) and "bad_request" in everything(ran)
    with LoopbackServer(telling(password)) as server:
        address = server.base_url.replace("//", f"//ann:{password}@")
        words = ("--out", tmp_path / "run", "--model", "mentor", "--base-url", address)
        for more in ((), ("--dry-run",)):
            assert "PLANTED" not in everything(
                invoke("generate", "--n", 48, *words, *more, OPENAI_API_KEY=key).done()
            )
        assert server.calls[0].headers["authorization"].startswith("Basic ")
        server.behaviours = (failing("401"),)
        ran = invoke("generate", "--n", 72, *words, OPENAI_API_KEY=key)
        assert "HTTP 401" in ran.error and "PLANTED" not in everything(ran)
        assert "PLANTED" not in everything(invoke("status", tmp_path / "run").done())


# ---------------------------------------------------------------- stopped and resumed


@dataclass(frozen=True)
class Begun:
    """A process in the middle of a run, and the gate that keeps it there."""

    process: subprocess.Popen[bytes]
    gate: Gate

    def end(self, number: signal.Signals) -> Ran:
        """Sends the signal, then lets the server go on."""
        self.process.send_signal(number)
        self.gate.open()
        return finish(self.process)


@contextmanager
def begun(
    server: LoopbackServer, out: Path, *words: object, until: Callable[[], bool]
) -> Iterator[Begun]:
    """A run of N examples that has come as far as `until` says; the server holds it there."""
    gate = Gate(until)
    server.behaviours = (gate, *server.behaviours)
    with running("generate", "--n", N, "--out", out, *at(server), *words, until=until) as process:
        yield Begun(process, gate)
    gate.open()


def has_sent(server: LoopbackServer, replies: int) -> Callable[[], bool]:
    return lambda: sum(server.completed.values()) >= replies


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        *(
            pytest.param(*one, marks=pytest.mark.slow)
            for one in ((signal.SIGTERM, 143), (signal.SIGHUP, 129))
        ),
    ],
)
def test_a_signal_ends_the_run_cleanly_and_the_command_that_it_names_goes_on(
    tmp_path: Path, undisturbed: Path, number: signal.Signals, code: int
) -> None:
    out = tmp_path / "the run"
    with LoopbackServer(latency(0.05)) as server:
        with begun(server, out, until=has_sent(server, 20)) as under_way:
            ran = under_way.end(number)
        assert ran.code == code and ran.err == ""
        counts = rf"(\d+) of {N} examples and (\d+) replies are saved in (.+)"
        told = re.search(rf"stopped \({number.name}\): {counts}; go on with: (.+)\n", ran.out)
        assert told and told[4] == f"selfinstruct resume '{out}'"
        assert int(told[1]) == len(records(out / "examples.jsonl")) < N
        assert (
            int(told[2])
            == len(records(out / "completions.jsonl"))
            == sum(server.completed.values())
        )
        assert "stopped; 'selfinstruct resume' goes on" in invoke("status", out).done().out
        assert "goes on at" in invoke(*shlex.split(told[4])[1:]).done().out
        calls = len(server.calls)
        assert f"goes on at {N} of {N}" in invoke("generate", "--out", out).done().out
        assert len(server.calls) == calls and not server.bought_twice
    assert dataset(out) == dataset(undisturbed)


@pytest.mark.slow
def test_a_kill_in_the_middle_and_the_same_command_again_give_the_same_bytes(
    tmp_path: Path, undisturbed: Path
) -> None:
    with LoopbackServer(latency(0.03)) as server:
        with begun(server, tmp_path / "run", until=has_sent(server, 20)) as under_way:
            assert under_way.end(signal.SIGKILL).code == -signal.SIGKILL
        finish(start("generate", "--n", N, "--out", tmp_path / "run", *at(server))).done()
        assert len(server.bought_twice) <= 16  # those under way
    assert dataset(tmp_path / "run") == dataset(undisturbed)
    invoke("verify", tmp_path / "run").done()


def test_a_signal_before_the_first_reply_keeps_nothing_and_says_so(tmp_path: Path) -> None:
    with (
        LoopbackServer(failing("hang")) as server,
        running(
            "generate", "--out", tmp_path / "run", *at(server), until=lambda: bool(server.calls)
        ) as process,
    ):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)  # two at once would be one
        process.send_signal(signal.SIGINT)  # does not wait for what is under way
        ran = finish(process)
    assert ran.code == 130 and "stopped (SIGINT): no reply had come yet" in ran.out
    assert not (tmp_path / "run").exists()


@contextmanager
def silent_port() -> Iterator[tuple[str, socket.socket]]:
    """An address where calls come in and are never answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1", listener


def takes_a_call(listener: socket.socket, calls: list[socket.socket]) -> bool:
    try:
        calls.append(listener.accept()[0])
    except BlockingIOError:
        return False
    return True


@pytest.mark.slow
def test_a_signal_while_a_server_is_asked_for_its_model_leaves_no_traceback(tmp_path: Path) -> None:
    calls: list[socket.socket] = []
    words = ("generate", "--out", tmp_path / "run", "--base-url")
    with (
        silent_port() as (address, listener),
        running(*words, address, until=lambda: takes_a_call(listener, calls)) as process,
        calls[0],
    ):
        process.send_signal(signal.SIGINT)
        ran = finish(process)
    assert (ran.code, ran.out, ran.err) == (130, "", "stopped (SIGINT)\n")


def test_time_that_is_up_ends_a_sitting_with_a_code_of_its_own(
    tmp_path: Path, undisturbed: Path
) -> None:
    """However little is answered in the time: the first replies come in a sitting before."""
    out = tmp_path / "run"
    with LoopbackServer(latency(0.1)) as server:
        assert generate(out, *at(server), "--max-requests", 5, n=N).code == 75
        words = ("--max-hours", 0.5 / 3600, "--concurrency", 4, "--max-requests", 10_000)
        stopped = generate(out, *words, n=N)
        assert (
            stopped.code == 75
            and "stopped (time is up): " in stopped.out
            and "go on with" in stopped.out
        )
        generate(out, "--concurrency", 64, n=N).done()
        assert not server.bought_twice
    assert dataset(out) == dataset(undisturbed)


def test_an_endpoint_that_refuses_does_not_lose_what_it_is_still_writing(tmp_path: Path) -> None:
    """Of three requests under way, the first is refused at once; the replies to the others come
    in later and are paid for.
    """

    refused = set[str]()

    def is_first(call: Call) -> bool:
        refused.update([] if refused else [call.key])
        return call.key in refused

    three = Gate(lambda: len(server.calls) < 3)
    with LoopbackServer(three, failing("quota", when=is_first), latency(0.5)) as server:
        assert "no credit left" in generate(tmp_path / "run", *at(server), n=N).error
        assert sum(server.completed.values())
        server.behaviours = (latency(0.01),)
        generate(tmp_path / "run", *at(server), n=N).done()
        assert not server.bought_twice


def test_one_run_belongs_to_one_process_and_status_may_look(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with (
        LoopbackServer(latency(0.1)) as server,
        begun(server, out, "--concurrency", 2, until=has_sent(server, 5)) as under_way,
    ):
        number = under_way.process.pid
        assert f"{out}: in use by process {number} on " in generate(out, *at(server), n=N).error
        live = invoke("status", out).done().out
        assert f"{out}: running, process {number} on " in live and f" of {N}\n" in live
        assert f"mentor at {server.base_url}" in live
        assert json.loads(invoke("status", "--json", out).done().out)["state"] == "running"
        assert under_way.end(signal.SIGINT).code == 130


def test_a_finished_run_stays_as_it_is_and_can_grow(tmp_path: Path, undisturbed: Path) -> None:
    out = tmp_path / "run"
    with LoopbackServer() as server:
        first = generate(out, *at(server)).done()
        before, asked = dataset(out), len(server.calls)
        again = generate(out).done()
        assert (
            again.out.endswith(first.out) and len(server.calls) == asked and dataset(out) == before
        )
        assert (
            f"{out}: holds 20 examples already; --n can only be raised" in generate(out, n=19).error
        )
        assert dataset(out) == before and f"{out}: finished\n" in invoke("status", out).done().out
        generate(out, n=N).done()
    assert dataset(out) == dataset(undisturbed)


@pytest.mark.slow
def test_an_n_below_what_a_stopped_run_holds_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "run"
    file, words = out / "examples.jsonl", ("--new-per-turn", 2, "--concurrency", 4)

    def holds_two() -> bool:
        return file.exists() and len(records(file)) >= 2

    with LoopbackServer(latency(0.03)) as server:
        with begun(server, out, *words, until=holds_two) as under_way:
            assert under_way.end(signal.SIGTERM).code == 143
        held, before = len(records(out / "examples.jsonl")), dataset(out)
        assert 2 <= held < N
        assert "examples already; --n can only be raised" in generate(out, n=1).error
        assert dataset(out) == before
        for n in (held + 1, N):
            generate(out, n=n).done()
            assert len(records(out / "examples.jsonl")) == n
    invoke("verify", out).done()


def test_a_changed_file_is_found_refused_and_built_anew(tmp_path: Path) -> None:
    out = tmp_path / "run"
    generate(out, "--model", "scripted").done()
    for name in DERIVED:
        path = out / name
        whole = path.read_bytes()
        lines = whole.split(b"\n")
        path.write_bytes(b"\n".join([*lines[:2], lines[2].replace(b"a", b"e"), *lines[3:]]))
        assert f"{path}:3: is not what the replies on record give" in invoke("verify", out).error
        assert f"{path}: was changed or cut after this program wrote it" in generate(out).error
        generate(out, "--repair").done()
        assert path.read_bytes() == whole


def test_settings_that_change_the_data_are_refused_by_name_and_those_that_do_not_are_free(
    tmp_path: Path,
) -> None:
    out, mine = tmp_path / "run", tmp_path / "mine"
    generate(out, "--model", "scripted", n=10).done()
    before = dataset(out)
    invoke("init", mine)
    seeds, template = mine / "seed_tasks.jsonl", mine / "prompts" / "chat" / "input_first.txt"
    own = ("--seed-tasks", seeds, "--prompts", mine / "prompts")
    assert (
        "10 examples in"
        in generate(out, *own, "--stall-turns", 9, "--concurrency", 3, n=10).done().out
    )
    seeds.write_text("\n".join(seeds.read_text().splitlines()[:-1]))
    template.write_text(template.read_text() + "\nBe brief.\n")
    other = (*own, "--temperature", "propose=0.5", "--seed", 1, "--model", "mentor")
    refused = generate(out, *other, n=12).error
    for what in (
        "this run began otherwise: ",
        "seed was 0 and is now 1",
        "model was 'scripted' and is now 'mentor'",
        "propose.temperature was 1.0 and is now 0.5",
        "the seed tasks are others",
        "the template input_first is another",
        "add --accept-change",
    ):
        assert what in refused
    assert dataset(out) == before
    with LoopbackServer() as server:
        generate(out, *other, "--accept-change", "--base-url", server.base_url, n=20).done()
        assert "Be brief." in json.dumps(server.requests)
    after = dataset(out)
    kept = {
        name: before[name].splitlines()[:-8] for name in DERIVED
    }  # whole turns stay, the last one is made anew
    assert all(after[name].splitlines()[: len(kept[name])] == kept[name] for name in DERIVED)
    assert len(records(out / "examples.jsonl")) == 20
    [change] = json.loads((out / "run.json").read_text())["changes"]
    assert "seed was 0 and is now 1" in change["what"]
    assert "cannot be built anew" in invoke("verify", out).error


# ---------------------------------------------------------------- plans, settings, own files


def test_a_dry_run_sends_nothing_and_shows_the_first_prompt(tmp_path: Path) -> None:
    out = ""
    with silent_port() as (address, listener):
        for model in (("--model", "mentor"), ()):
            out = (
                generate(tmp_path / "run", "--dry-run", "--base-url", address, *model, n=52_000)
                .done()
                .out
            )
            assert (
                "plan: 52,000 examples" in out
                and "requests" in out
                and "tokens" in out
                and address in out
            )
        assert not takes_a_call(listener, [])
    assert not (tmp_path / "run").exists()
    with LoopbackServer() as server:
        generate(tmp_path / "run", *at(server), "--concurrency", 1, n=5).done()
        first, calls = server.requests[0]["messages"], len(server.calls)
        assert (
            "plan: 15 examples (5 of 20 are there already)"
            in generate(tmp_path / "run", "--dry-run").done().out
        )
        assert len(server.calls) == calls
    shown = "".join(f"--- {one['role']}\n{one['content']}\n" for one in first)
    assert out.endswith(f"\n{shown}--- end; nothing was sent\n")


def test_a_plan_in_dollars(tmp_path: Path) -> None:
    words = ("--dry-run", "--base-url", "http://127.0.0.1:9/v1", "--model", "mentor")
    out = generate(tmp_path / "run", *words, "--price-in", 1, "--price-out", 2, n=1000).done().out
    found = re.search(r"cost +\$([\d.]+) to \$([\d.]+)\n", out)
    assert found and 0 < float(found[1]) < float(found[2])
    far = ("--dry-run", "--base-url", "https://example.org/v1", "--model", "mentor")
    assert (
        "no price for 'mentor'; give --price-in and --price-out"
        in generate(tmp_path / "run", *far).done().out
    )


def test_the_command_line_wins_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    file, out = tmp_path / "run.toml", tmp_path / "run"
    file.write_text(
        f"""
        n = 7
        out = "{out}"
        model = "scripted"
        demos = 6
        machine-demos = 1
        temperature = 0.3
        stop = "END"
        [propose]
        temperature = 0.9
        top-p = 0.8
        [classify]
        max_tokens = 5
        """
    )
    words = ("generate", "--config", file, "--demos", 5)
    assert (
        f"7 examples in {out}"
        in invoke(*words, "--top-p", 0.6, "--top-p", "classify=0.7").done().out
    )
    config = json.loads((out / "run.json").read_text())["config"]
    assert [config[name] for name in ("n", "demos", "machine_demos", "lag", "preset")] == [
        7,
        5,
        1,
        256,
        "chat",
    ]
    names = ("temperature", "top_p", "max_tokens", "stop")
    assert [config["propose"][name] for name in names] == [0.9, 0.6, 3072, ["END"]]
    assert [config["classify"][name] for name in names] == [0.3, 0.7, 5, ["END"]]
    assert "7 examples in" in invoke(*words, "--top-p", 0.6, "--top-p", "classify=0.7").done().out
    assert "top_p was 0.6 and is now 0.4" in invoke(*words, "--top-p", 0.4).error


def test_stops_are_written_as_a_command_line_can(tmp_path: Path) -> None:
    words = (
        "--stop",
        "\\n\\n",
        "--stop",
        "Ünd\\t",
        "--stop",
        "classify=Ende。\\n",
        "--stop",
        "a\\\\b",
    )
    generate(tmp_path / "run", "--model", "scripted", *words, n=1)
    config = json.loads((tmp_path / "run" / "run.json").read_text())["config"]
    assert config["propose"]["stop"] == ["\n\n", "Ünd\t", "a\\b"]
    assert config["classify"]["stop"] == ["\n\n", "Ünd\t", "Ende。\n", "a\\b"]


def test_addresses_and_keys_come_from_the_environment_and_the_command_line_wins(
    tmp_path: Path,
) -> None:
    with LoopbackServer() as one, LoopbackServer() as other:
        environment = {"OPENAI_BASE_URL": one.base_url, "OPENAI_API_KEY": "sk-1"}
        generate(tmp_path / "a", "--model", "mentor", n=5, **environment).done()
        generate(tmp_path / "b", *at(other), n=5, **environment).done()
        assert (
            one.calls
            and other.calls
            and {call.headers["authorization"] for call in one.calls} == {"Bearer sk-1"}
        )
        ran = generate(
            tmp_path / "c", "--model", "scripted", "--dry-run", n=5, **environment
        ).done()
        assert one.base_url not in ran.out  # it needs no endpoint
    assert dataset(tmp_path / "a") == dataset(tmp_path / "b")


def test_what_init_wrote_and_a_user_edited_is_what_is_sent(tmp_path: Path) -> None:
    mine = tmp_path / "my files"
    told = invoke("init", mine).done().out
    assert f"generate --seed-tasks '{mine}/seed_tasks.jsonl' --prompts '{mine}/prompts'" in told
    task = {
        "id": "x",
        "instruction": "Fold a heron\u2028out of paper.",
        "instances": [{"input": "", "output": "Crease it."}],
    }
    (mine / "seed_tasks.jsonl").write_text(
        "\ufeff" + json.dumps(task, ensure_ascii=False) + "\r\n\n", "utf-8"
    )
    template = mine / "prompts" / "chat" / "propose.txt"
    added = "Answer like a {heron}, in 'JSON': {\"a\": 1}."
    template.write_text(template.read_text().replace("--- user\n", f"--- user\n{added}\n"))
    with LoopbackServer() as server:
        words = (
            "--seed-tasks",
            mine / "seed_tasks.jsonl",
            "--prompts",
            mine / "prompts",
            "--concurrency",
            1,
        )
        generate(tmp_path / "run", *at(server), *words, n=5).done()
        sent = "\n".join(one["content"] for one in server.requests[0]["messages"])
        assert added in sent
        assert "<task>\nFold a heron\u2028out of paper.\n</task>" in sent
        for path in (mine / "prompts" / "chat").iterdir():
            path.unlink()
        generate(tmp_path / "run", n=6).done()  # the run keeps what it began with
        assert added in json.dumps(server.requests[-1]) or added in sent


def test_paths_that_are_no_utf8_are_no_trouble(tmp_path: Path) -> None:
    out = tmp_path / "caf\udce9\nrun"
    ran = run("generate", "--n", 2, "--model", "scripted", "--out", out).done()
    assert "2 examples in" in ran.out and "caf\\udce9" in ran.out
    assert "caf\\udce9" in run("status", out).done().out


def test_an_old_terminals_encoding_does_not_end_a_run_that_is_done(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.jsonl"
    task = {
        "id": "x",
        "instruction": "What is 鷺 in English?",
        "instances": [{"input": "", "output": "Heron."}],
    }
    seeds.write_text(json.dumps(task), "utf-8")
    words = (
        "generate",
        "--model",
        "scripted",
        "--out",
        tmp_path / "run",
        "--seed-tasks",
        seeds,
        "--dry-run",
    )
    assert "What is \\u9dfa in English?" in run(*words, PYTHONIOENCODING="latin-1").done().out
    assert "What is 鷺 in English?" in run(*words, PYTHONIOENCODING="utf-8").done().out


# ---------------------------------------------------------------- on a terminal


def now_and_then(call: Call) -> bool:
    return int(call.key, 16) % 4 == 0


def test_on_a_terminal_a_bar_shows_and_a_hostile_model_cannot_reach_it(tmp_path: Path) -> None:
    """Nothing but text, line ends and the bar's carriage returns; tqdm draws with block characters
    and no escapes.
    """
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 150, 0, 0))
    words = (
        "--n",
        "20",
        "--concurrency",
        "4",
        "--price-in",
        "1",
        "--price-out",
        "1",
        "--out",
        str(tmp_path / "run"),
    )
    with (
        LoopbackServer(
            rejecting("seed"), saying(hostile, when=now_and_then), latency(0.02)
        ) as server,
        open(controller, "rb", buffering=0) as screen,
        subprocess.Popen(
            [sys.executable, "-m", "selfinstruct", "generate", *words, *at(server)],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**ENVIRONMENT, "TERM": "xterm"},
        ) as process,
    ):
        os.close(terminal)
        shown = b""
        try:
            while piece := screen.read(1 << 16):
                shown += piece
        except OSError:  # Linux: the last writer has gone
            pass
        assert process.wait(PATIENCE) == 0
    text = shown.decode()
    assert (
        re.search(r"examples: +\d+%\|.*\| \d+/20 \[", text) and "requests/s" in text and "$" in text
    )
    assert "does not take 'seed'" in text and "20 examples in" in text
    assert set(control_characters(text)) <= {"\r"}
