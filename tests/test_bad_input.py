"""All that a user can get wrong: a clear line that says what, where and what next; exit code 2,
nothing lost.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command import Ran, at, dataset, invoke
from server import (
    NONSENSE,
    LoopbackServer,
    api_key,
    failing,
    only_models,
    saying,
    stage_by_templates,
)

from selfinstruct.asking.templates import PROMPTS

SCRIPTED = ("--model", "scripted")
AHEAD = 5  # turns at most that have ended and are not committed when a run stops
SEED = {
    "id": "a",
    "name": "a",
    "instruction": "Name a bird that can swim.",
    "instances": [{"input": "", "output": "A penguin."}],
}


def generate(out: Path, *words: object, n: int = 5, **environment: str) -> Ran:
    return invoke("generate", "--n", n, "--out", out, *words, **environment)


@contextmanager
def closed_port() -> Iterator[str]:
    """An address that nobody listens at."""
    with socket.socket() as held:
        # held and not listening, so that nobody else takes it meanwhile
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/v1"


# ---------------------------------------------------------------- command line, configuration file


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("--n 0", "--n 0: must be at least 1"),
        ("--n -3", "--n -3: must be at least 1"),
        ("--n many", "'many' is not a valid integer"),
        ("--threshold 1.5", "--threshold 1.5: must be between 0 and 1"),
        ("--threshold nan", "--threshold nan: must be between 0 and 1"),
        ("--demos 0", "--demos 0: must be at least 1"),
        ("--machine-demos 9", "--machine-demos 9: must be between 0 and --demos (8)"),
        ("--new-per-turn 101", "--new-per-turn 101: must be between 1 and 100"),
        ("--max-instances-per-task 0", "must be at least 1"),
        ("--lag 0", "--lag 0: must be at least 1"),
        ("--concurrency 0", "--concurrency 0: must be at least 1"),
        ("--timeout 0", "--timeout 0.0: must be more than 0"),
        ("--retries 0", "--retries 0: must be at least 1"),
        ("--stall-turns 0", "--stall-turns 0: must be at least 1"),
        ("--preset best", "'best' is not one of 'chat', 'paper', 'alpaca', 'small'"),
        ("--api rest", "'rest' is not one of 'chat', 'completions'"),
        (
            "--preset alpaca --response-format json_object",
            "--response-format json_object: must be text",
        ),
        ("--temperature hot", "--temperature hot: must be a number, or STAGE=number"),
        ("--temperature clasify=0.1", "propose, classify, input_first, output_first"),
        ("--temperature 6", "--temperature 6 must be between 0 and 5"),
        ("--top-p propose=1.5", "--top-p propose=1.5 must be between 0 and 1"),
        ("--max-tokens 1.5", "--max-tokens 1.5: must be a number"),
        ("--max-tokens 0", "--max-tokens 0 must be between 1"),
        ("--presence-penalty nan", "--presence-penalty nan must be between -2 and 2"),
        ("--stop a\\", "--stop a\\: holds a \\ that begins nothing known"),
        ("--stop-at 25:00", "--stop-at 25:00: must be a time of day as HH:MM"),
        ("--max-hours 0", "--max-hours 0.0: must be more than 0"),
        ("--max-hours nan", "--max-hours nan: must be more than 0"),
        ("--extra-body {", "--extra-body: not JSON"),
        ("--extra-body []", "--extra-body: must be a JSON object"),
        ("--model \udcff", "--model \\udcff: is no UTF-8"),
        ("--model scripted --base-url http://127.0.0.1:9/v1", "leave one of the two out"),
        ("--model local:/nowhere/model.gguf", "/nowhere/model.gguf"),
        (
            "--model remote:model.gguf",
            "no key: set OPENAI_API_KEY or --key-file, name a server of your own with --base-url",
        ),
        ("--model scripted --model gpt-4o", "at the same endpoint as gpt-4o"),
        ("--modle scripted", "No such option '--modle'"),
        ("twenty", "unexpected extra argument (twenty) (see 'selfinstruct generate --help')"),
    ],
)
def test_an_option_that_makes_no_sense(tmp_path: Path, words: str, wanted: str) -> None:
    model = () if "--model" in words else SCRIPTED  # a second --model is a second model
    assert wanted in generate(tmp_path / "run", *model, *words.split()).error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words", ["--help-me", "generat", "init", "status", "verify", "status here there"]
)
def test_a_command_that_makes_no_sense(words: str) -> None:
    assert "(see 'selfinstruct" in invoke(*words.split()).error


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8000/v1",
        "ftp://localhost/v1",
        "http://",
        "http:///v1",
        "http://[::1",
        "http://a:port/v1",
        "http://a:99999/v1",
        "http://a b/v1",
    ],
)
def test_an_address_that_is_none(tmp_path: Path, address: str) -> None:
    error = generate(tmp_path / "run", "--model", "m", "--base-url", address).error
    assert error.startswith("--base-url") and "http://localhost:8000/v1" in error
    assert generate(tmp_path / "run", "--model", "m", OPENAI_BASE_URL=address).error == error
    assert not (tmp_path / "run").exists()


def test_more_than_a_thousand_examples_are_not_begun_on_the_embedded_model_unasked(
    tmp_path: Path,
) -> None:
    error = generate(tmp_path / "run", n=1001).error
    assert (
        "--n 1001" in error
        and "--model local" in error
        and "--base-url" in error
        and "OPENAI_API_KEY" in error
    )
    assert invoke("generate", "--n", 1000, "--out", tmp_path / "run", "--dry-run").out.startswith(
        "model: the embedded"
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("n = ", "not TOML"),
        (b"model = '\xff'", "not TOML"),
        ("examples = 5", "unknown setting 'examples' (known: "),
        ("n = '5'", "'n' must be a whole number, not '5'"),
        ("n = 5.0", "'n' must be a whole number, not 5.0"),
        ("n = true", "'n' must be a whole number, not True"),
        ("threshold = 'high'", "'threshold' must be a number"),
        ("record_similarity = 1", "'record_similarity' must be true or false"),
        ("n = 0", "--n 0: must be at least 1"),
        ("preset = 'best'", "--preset best: no such preset"),
        ("api = 'rest'", "--api rest: must be one of chat, completions"),
        ("temperature = 'hot'", "'temperature' must be a number"),
        ("propose = 5", "'propose' must be a table of decoding settings"),
        ("[propose]\nheat = 1", "[propose]: unknown setting 'heat' (known: "),
        ("[propose]\ntemperature = 9", "[propose]: 'temperature' must be between 0 and 5"),
        ("stop = 5", "'stop' must be a text or a list of texts"),
        ("max_hours = 0", "--max-hours 0.0: must be more than 0"),
        ("api_key = 'sk-1'", "does not belong into a file; set OPENAI_API_KEY"),
        ("openai-api-key = 'sk-1'", "does not belong into a file; set OPENAI_API_KEY"),
    ],
)
def test_a_configuration_that_makes_no_sense(
    tmp_path: Path, text: str | bytes, wanted: str
) -> None:
    file = tmp_path / "run.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    error = invoke("generate", "--config", file, "--out", tmp_path / "run", *SCRIPTED).error
    assert wanted in error and "sk-1" not in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["missing.toml", ""])
def test_a_configuration_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    assert (
        "cannot read the configuration"
        in generate(tmp_path / "run", "--config", tmp_path / name).error
    )


# ---------------------------------------------------------------- seed tasks and templates


def line(**changes: Any) -> str:
    return json.dumps(
        {name: value for name, value in {**SEED, **changes}.items() if value != "absent"}
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "holds no seed task; write one JSON object a line"),
        ("\n \n", "holds no seed task"),
        (f"{line()}\n{{", ":2: not JSON"),
        (f"{line()}\n\n\n[1]", ":4: a seed task is a JSON object, not list"),
        (
            f"{line()}\n{line(name='b')}",
            ":2: id 'a' is taken by line 1; give each seed task its own",
        ),
        (line(instruction="absent"), ":1: 'instruction' is missing"),
        (line(instruction=5), ":1: 'instruction' must be a text, not 5"),
        (line(instruction=" "), ":1: 'instruction' is empty"),
        (line(instances="absent"), ":1: 'instances' must be a list"),
        (line(instances=[]), ":1: 'instances' must be a list"),
        (line(instances=[{"input": ""}]), ":1: 'output' is missing"),
        (line(instances=[{"input": "", "output": " "}]), ":1: an 'output' is empty"),
        (line(is_classification="no"), ":1: 'is_classification' must be true or false"),
        (line(id=7.5), ":1: 'id' must be a text or an integer, not 7.5"),
        (b"\xff\xfe{", "not UTF-8 (byte 0); save the seed tasks as UTF-8"),
    ],
)
def test_seed_tasks_that_make_no_sense(tmp_path: Path, text: str | bytes, wanted: str) -> None:
    file = tmp_path / "seeds.jsonl"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    error = generate(tmp_path / "run", *SCRIPTED, "--seed-tasks", file).error
    assert error.startswith(str(file)) and wanted in error
    assert not (tmp_path / "run").exists()


def test_seed_tasks_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        assert (
            "cannot read the seed tasks"
            in generate(tmp_path / "run", *SCRIPTED, "--seed-tasks", path).error
        )


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        (
            "propose.txt",
            "--- user\n{{demonstrations}}\n{{nxt}}",
            ":3: unknown name 'nxt' (known: demonstrations, n, next, brief)",
        ),
        ("classify.txt", "--- user\nIs it?", "never uses {{instruction}}"),
        ("input_first.txt", "{{instruction}}", "has no section; put '--- user'"),
        (
            "input_first.txt",
            "--- usr\n{{instruction}}",
            ":1: unknown section 'usr' (known: system, user, assistant, prompt)",
        ),
        (
            "input_first.txt",
            "--- system\n\n--- user\n{{instruction}}",
            "the section '--- system' is empty",
        ),
        ("output_first.txt", b"--- user\n\xff{{instruction}}", "not UTF-8 (byte 9)"),
        (
            "propse.txt",
            "--- user\n{{demonstrations}}",
            "no stage has a template of this name (known: propose.txt",
        ),
        ("chat/propse.txt", "--- user\n{{demonstrations}}", "no stage has a template of this name"),
        ("README.txt", "Mine.", "no stage has a template of this name"),
    ],
)
def test_templates_that_make_no_sense(
    tmp_path: Path, name: str, text: str | bytes, wanted: str
) -> None:
    file = tmp_path / "prompts" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    error = generate(tmp_path / "run", *SCRIPTED, "--prompts", tmp_path / "prompts").error
    assert error.startswith(str(file)) and wanted in error
    assert not (tmp_path / "run").exists()


def test_a_directory_without_templates_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    assert (
        "no such directory of prompts"
        in generate(tmp_path / "run", *SCRIPTED, "--prompts", tmp_path / "missing").error
    )
    invoke("init", tmp_path / "mine")
    assert (
        "holds no template"
        in generate(tmp_path / "run", *SCRIPTED, "--prompts", tmp_path / "mine").error
    )  # it is mine/prompts


def test_what_init_would_overwrite_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "seed_tasks.jsonl").write_text("mine")
    assert "exists already and stays as it is" in invoke("init", tmp_path / "mine").error
    assert [path.read_text() for path in (tmp_path / "mine").iterdir()] == ["mine"]
    (tmp_path / "file").write_text("mine")
    assert "cannot be written" in invoke("init", tmp_path / "file").error


# ---------------------------------------------------------------- the output directory


def test_a_directory_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    assert (
        "holds something else (thesis.tex) and no run; choose another --out"
        in generate(tmp_path, *SCRIPTED).error
    )
    assert "cannot be used as a run directory" in generate(tmp_path / "thesis.tex", *SCRIPTED).error
    assert (
        "cannot be used as a run directory"
        in generate(tmp_path / "thesis.tex" / "run", *SCRIPTED).error
    )
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [
        ("thesis.tex", "mine")
    ]


def test_a_lock_that_cannot_be_taken(tmp_path: Path) -> None:
    (tmp_path / "run" / "lock").mkdir(parents=True)
    assert (
        "cannot be written (Is a directory); choose another --out"
        in generate(tmp_path / "run", *SCRIPTED).error
    )


@contextmanager
def modes_hold_for_root() -> Iterator[None]:
    """Root without the capability to pass over the modes of files, in this thread.

    Another user would not do: where the checkout lies in a folder that is closed to others, that
    user can read neither the program nor its templates.
    """
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this thread
    data = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice
    assert libc.capget(header, data) == 0, os.strerror(ctypes.get_errno())
    before = list(data)
    data[0] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(header, data) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        data[:] = before
        assert libc.capset(header, data) == 0, os.strerror(ctypes.get_errno())


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
def test_a_directory_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o555)
    with modes_hold_for_root():
        found = [generate(tmp_path / "run" / name, *SCRIPTED) for name in ("", "new")]
    assert "cannot be written (Permission denied); choose another --out" in found[0].error
    assert (
        "cannot be used as a run directory (Permission denied); choose another --out"
        in found[1].error
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"format": 99, "config": {}}',
        '{"format": 1}',
        '{"format": 1, "config": {"n": 5}}',
    ],
)
def test_a_damaged_record_of_the_run(tmp_path: Path, text: str) -> None:
    run = tmp_path / "run"
    generate(run, *SCRIPTED).done()
    before = dataset(run)
    (run / "run.json").write_text(text)
    for ran in (generate(run, *SCRIPTED), invoke("status", run), invoke("verify", run)):
        assert "run.json" in ran.error
    assert dataset(run) == before


def test_no_run_where_one_is_looked_for(tmp_path: Path) -> None:
    for command in ("status", "verify"):
        for path in (tmp_path, tmp_path / "missing"):
            assert "no run here (no run.json)" in invoke(command, path).error


# ---------------------------------------------------------------- the endpoint, from the start


def test_no_key(tmp_path: Path) -> None:
    for key in ("", "  "):
        error = generate(tmp_path / "run", "--model", "gpt-4o-mini", OPENAI_API_KEY=key).error
        assert error == (
            "no key: set OPENAI_API_KEY or --key-file, name a server of your own with --base-url, "
            "or use --model local"
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("key", ["sk-t\u00e9st", "sk-\u201ctest\u201d", "sk-te\nst", "sk te"])
def test_a_key_that_no_header_can_hold_is_named_but_not_shown(tmp_path: Path, key: str) -> None:
    error = generate(
        tmp_path / "run", "--model", "m", "--base-url", "http://127.0.0.1:9/v1", OPENAI_API_KEY=key
    ).error
    assert error.startswith("OPENAI_API_KEY: character ") and "sk" not in error


def test_a_wrong_key_and_a_wrong_model(tmp_path: Path) -> None:
    with LoopbackServer(api_key("sk-right"), only_models("mentor")) as server:
        wrong_key = generate(tmp_path / "run", *at(server), OPENAI_API_KEY="sk-wrong").error
        wrong_model = generate(
            tmp_path / "run", *at(server, model="tutor"), OPENAI_API_KEY="sk-right"
        ).error
        generate(tmp_path / "run", *at(server), OPENAI_API_KEY="sk-right").done()
    assert "HTTP 401" in wrong_key and "set OPENAI_API_KEY" in wrong_key
    assert "HTTP 404" in wrong_model and "check --model 'tutor'" in wrong_model


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("403", "this key may not use the model 'mentor'"),
        ("404", "--base-url, which usually ends in /v1"),
        ("quota", "no credit left"),
        ("400", "does not accept the requests of this run"),
        ("422", "does not accept the requests of this run"),
        (
            "context openai",
            "show less (--demos), ask for less (--max-tokens), or serve more context",
        ),
        ("context llama.cpp", "serve more context"),
        ("context vllm", "serve more context"),
        ("html", "answers with a web page (Welcome)"),
        ("not json", "check --base-url, which usually ends in /v1"),
        ("not an object", "check --base-url"),
        ("empty body", "check --base-url"),
        ("no choices", "answers without 'choices'"),
        pytest.param("error in 200", "Provider returned error", marks=pytest.mark.slow),
        ("500", "gave up after"),
        pytest.param("html 502", "gave up after", marks=pytest.mark.slow),
        pytest.param("429 ms", "gave up after", marks=pytest.mark.slow),
        pytest.param("reset", "gave up after", marks=pytest.mark.slow),
        pytest.param("hang", "no reply in time; gave up after", marks=pytest.mark.slow),
    ],
)
def test_an_endpoint_that_serves_nobody(tmp_path: Path, kind: str, wanted: str) -> None:
    with LoopbackServer(failing(kind)) as server:
        options = ("--patience", "3", "--timeout", "0.2" if kind == "hang" else "30")
        error = generate(tmp_path / "run", *at(server), *options).error
        address = server.base_url
    assert wanted in error and address in error
    assert not (tmp_path / "run").exists()


def test_an_endpoint_that_is_not_there(tmp_path: Path) -> None:
    with closed_port() as address:
        for model in (("--model", "mentor"), ()):
            error = generate(tmp_path / "run", "--base-url", address, *model).error
            assert f"{address}: cannot connect (Connection refused)" in error
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_an_endpoint_whose_name_nobody_knows(tmp_path: Path) -> None:
    assert (
        "http://nowhere.invalid/v1: cannot connect ("
        in generate(tmp_path, "--model", "m", "--base-url", "http://nowhere.invalid/v1").error
    )


def test_a_server_that_speaks_no_http(tmp_path: Path) -> None:
    import threading

    def greet(listener: socket.socket) -> None:
        while True:
            try:
                with listener.accept()[0] as caller:
                    caller.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=greet, args=(listener,), daemon=True).start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        error = generate(tmp_path / "run", "--model", "m", "--base-url", address).error
        listener.shutdown(socket.SHUT_RDWR)
    assert address in error and "is no HTTP" in error and "whether it is https://" in error


def test_without_a_models_name_the_only_one_that_an_endpoint_serves_is_taken(
    tmp_path: Path,
) -> None:
    for models, wanted in (
        ((), "serves 0 models; name one"),
        (("one", "two"), "serves 2 models (one, two); name one"),
        (tuple(map(str, range(11))), "9, ...); name one"),
        (("scripted",), "serve it by another name"),
    ):
        with LoopbackServer(models=models) as server:
            assert wanted in generate(tmp_path / "run", *at(server, model=None)).error
    with LoopbackServer(models=("\x1b[31mmentor\x9b\u202e",)) as server:
        generate(tmp_path / "run", *at(server, model=None)).done()
        assert server.requests[0]["model"] == "\x1b[31mmentor\x9b\u202e"
    record = (tmp_path / "run" / "run.json").read_text()
    assert (
        "\\u001b[31mmentor\\u009b\\u202e" in record
        and json.loads(record)["config"]["model"] == "\x1b[31mmentor\x9b\u202e"
    )
    assert "\\x1b[31mmentor\\x9b\\u202e" in invoke("status", tmp_path / "run").done().out


# ---------------------------------------------------------------- the endpoint, in mid-run


def after(count: int) -> Callable[[Any], bool]:
    """True from the so-many-th call on."""
    calls = iter(range(count))
    return lambda call: next(calls, None) is None


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("undisturbed")
    with LoopbackServer() as server:
        generate(run, *at(server), n=30).done()
    return run


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("quota", "no credit left"),
        ("503", "gave up after"),
        pytest.param("401", "set OPENAI_API_KEY", marks=pytest.mark.slow),
        pytest.param("model", "check --model 'mentor'", marks=pytest.mark.slow),
        pytest.param("reset", "gave up after", marks=pytest.mark.slow),
    ],
)
def test_an_endpoint_that_stops_serving_ends_the_run_and_loses_nothing(
    undisturbed: Path, tmp_path: Path, kind: str, wanted: str
) -> None:
    run = tmp_path / "run"
    with LoopbackServer(failing(kind, when=after(20))) as server:
        stopped = generate(run, *at(server), "--patience", 0, "--retries", 2, n=30)
        paid = {key for key, times in server.completed.items() if times}
    assert wanted in stopped.error
    assert len((run / "completions.jsonl").read_bytes().splitlines()) == len(paid) == 20
    with LoopbackServer() as server:
        generate(run, *at(server), n=30).done()
        assert not paid & set(server.completed)
    assert dataset(run) == dataset(undisturbed)


HOPELESS = {
    "context openai": "context_overflow",
    "context llama.cpp": "context_overflow",
    "context vllm": "context_overflow",
    "content filter": "content_filter",
    "400": "bad_request",
    "422": "bad_request",
    "null content": "empty_reply",
    "502": "server_error",
}


def test_a_request_that_never_works_is_dropped_and_recorded_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    """Alone, at every concurrency, and it is not tried again by a run that goes on."""

    def of(number: int) -> Callable[[Any], bool]:
        """Whether a prompt is of a kind. A probe ("hi") is of none: 18."""
        return lambda call: zlib.crc32(b"poison " + text_of(call).encode()) % 24 == number

    def text_of(call: Any) -> str:
        """The prompt, whose text stays the same in every form of a request."""
        return "\n\n".join(message["content"] for message in call.body["messages"])

    with LoopbackServer(
        *(failing(kind, when=of(number)) for number, kind in enumerate(HOPELESS))
    ) as server:
        for concurrency in (2, 16):
            run = tmp_path / str(concurrency)
            for n in (10, 50):
                generate(run, *at(server), "--retries", 1, "--concurrency", concurrency, n=n).done()
            rejected = [
                json.loads(text) for text in (run / "rejected.jsonl").read_text().splitlines()
            ]
            dropped = [one for one in rejected if one["reason"] in HOPELESS.values()]
            assert {one["reason"] for one in dropped} == set(HOPELESS.values())
            assert all(one["what"] == "reply" for one in dropped)
            assert len((run / "examples.jsonl").read_bytes().splitlines()) == 50
            invoke("verify", run).done()
    assert dataset(tmp_path / "2") == dataset(tmp_path / "16")


# ---------------------------------------------------------------- a model that gives nothing


def test_nonsense_for_ever_ends_with_a_diagnosis_and_goes_on_with_a_better_model(
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    with LoopbackServer(saying(NONSENSE)) as server:
        error = generate(run, *at(server), "--stall-turns", 5, n=20).error
        again = generate(run, *at(server), "--stall-turns", 9, n=20).error
        asked = len(server.calls)
    assert (
        "stopped: 5 turns in a row gave no new instruction (accepted so far: 0 of 0 proposed, 0.0%"
        in error
    )
    assert "commonest reasons: reply propose: no_list 10x" in error
    assert "rejected.jsonl" in error and "higher --stall-turns" in error
    assert "stopped: 9 turns in a row" in again
    # Turns may begin up to twice those that have ended and 7 more, each with two attempts. How many
    # of the first sitting's turns were still answered, and so end in the second, time decides.
    ended = (run / "rejected.jsonl").read_text().count("no_list") // 2 + AHEAD
    assert 28 <= asked <= 2 * (2 * ended + 7)
    assert "no_list" in invoke("status", run).done().out
    with LoopbackServer() as server:
        assert "20 examples in" in generate(run, *at(server), n=20).done().out
    assert len((run / "examples.jsonl").read_bytes().splitlines()) == 20
    assert (run / "rejected.jsonl").read_text().count("no_list") >= 14


@pytest.mark.parametrize(
    ("stages", "words", "what"),
    [
        (
            ("propose",),
            "9. Name a bird that can swim.\n10. Name a bird that can swim well.",
            "gave no new instruction",
        ),
        (("input_first", "output_first"), NONSENSE, "instructions in a row gave no example"),
        (
            ("input_first", "output_first"),
            "Input: same\nOutput: same",
            "instructions in a row gave no example",
        ),
    ],
)
def test_the_same_for_ever_ends_as_well(
    tmp_path: Path, stages: tuple[str, ...], words: str, what: str
) -> None:
    stage_of = stage_by_templates(PROMPTS)

    def is_meant(call: Any) -> bool:
        return stage_of("\n\n".join(one["content"] for one in call.body["messages"])) in stages

    with LoopbackServer(saying(words, when=is_meant)) as server:
        error = generate(tmp_path / "run", *at(server), "--stall-turns", 4).error
    assert what in error and "commonest reasons: " in error
    for reason in {"propose": ("near_duplicate",), NONSENSE: ("no_output_label",)}.get(
        stages[0] if len(stages) == 1 else words, ()
    ):
        assert reason in error
