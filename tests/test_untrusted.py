"""Texts of a model or a server are untrusted: on the screen and in files they are escaped."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import Ran, at, control_characters, dataset, invoke, run
from server import HOSTILE, LoopbackServer, error, hostile, saying

from selfinstruct.runs.directory import DERIVED

PARTS = (
    *HOSTILE,
    "\x1b]8;;http://evil\x07link\x1b]8;;\x07",
    "\u2066\u2069\u061c\u200e",
    "\x0b\x0c\x1c\x1d\x1e",
    "\r\n\r",
    "\ufffe\uffff",
)


def peppered(call: Any, text: str) -> str:
    """Every third reply with one of the hostile parts between its words, each with its own."""
    number = int(call.key, 16)
    part = PARTS[number // 3 % len(PARTS)]
    return text.replace(" ", f" {part} ", 12) if number % 3 == 0 else text


def assert_harmless(*rans: Ran) -> None:
    for ran in rans:
        assert not control_characters(ran.out + ran.err), ran


def assert_loadable(directory: Path) -> int:
    """Every JSONL file has a record a line, however a reader splits lines.

    Returns the number of lines with an escaped character.
    """
    escaped = 0
    for name in (*DERIVED, "completions.jsonl"):
        path = directory / name
        text = path.read_bytes().decode("utf-8")
        lines = text.split("\n")[:-1]
        assert text[-1:] in ("", "\n") and not control_characters(text)
        assert text.splitlines() == lines == path.read_text("utf-8").splitlines()
        found = [json.loads(line) for line in lines]
        assert all(isinstance(one, dict) for one in found)
        if name in DERIVED:
            json.dumps(found, ensure_ascii=False).encode(
                "utf-8"
            )  # no lone surrogate is left in what trainers load
        escaped += sum(bool(control_characters("".join(map(str, one.values())))) for one in found)
    return escaped


def assert_pyarrow_loads(directory: Path) -> None:
    try:
        pyarrow = importlib.import_module("pyarrow.json")
    except ImportError:
        return
    for name in DERIVED:
        lines = (directory / name).read_bytes().count(b"\n")
        assert pyarrow.read_json(directory / name).num_rows == lines


@pytest.mark.parametrize(
    "words",
    [(), ("--preset", "paper"), ("--preset", "alpaca"), ("--preset", "small")],
    ids=lambda words: words[-1:],
)
def test_a_hostile_reply_is_its_own_escaped_text_on_the_screen_and_in_the_files(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    out, n = tmp_path / "run", 150 if "alpaca" in words else 25  # of twenty tasks in a reply
    with LoopbackServer(saying(peppered)) as server:
        ran = invoke("generate", "--n", n, "--out", out, *at(server), *words).done()
    assert_harmless(ran, invoke("status", out).done(), invoke("verify", out).done())
    assert assert_loadable(out) > 1
    assert_pyarrow_loads(out)
    examples = [json.loads(line) for line in (out / "examples.jsonl").read_bytes().splitlines()]
    assert len(examples) == n
    texts = "".join(one["instruction"] + one["input"] + one["output"] for one in examples)
    assert words == ("--preset", "paper") or not set(texts) & set("\x00\x07\x08\x1b\x7f\x9b\ufffd")


def test_a_thoroughly_hostile_model_stalls_and_even_its_diagnosis_is_harmless(
    tmp_path: Path,
) -> None:
    """In a process of its own, byte by byte."""
    out = tmp_path / "run"
    with LoopbackServer(
        saying(lambda call, text: hostile(call, text).replace("e", "\x9b"))
    ) as server:
        ran = run("generate", "--n", 25, "--out", out, *at(server), "--stall-turns", 3)
    assert "control_characters" in ran.error
    assert_harmless(ran, invoke("status", out).done())
    assert assert_loadable(out) > 5


def test_what_is_no_control_character_may_stay_in_an_example_but_only_escaped(
    tmp_path: Path,
) -> None:
    """The three examples that end a run show it as its escape."""
    out, marks = (
        tmp_path / "run",
        "\u2067\u2028\u200f",
    )  # an isolate; an override is a defect (docs/checks.md)
    with LoopbackServer(
        saying(lambda call, text: text.replace(" a ", f" a {marks}").replace(", ", f", {marks}"))
    ) as server:
        ran = invoke("generate", "--n", 25, "--out", out, *at(server)).done()
    assert_harmless(ran)
    assert_loadable(out)
    examples = [json.loads(line) for line in (out / "examples.jsonl").read_bytes().splitlines()]
    assert any(mark in one["instruction"] + one["output"] for one in examples for mark in marks)
    assert "\\u2067" in ran.out


SAYS: dict[str, Callable[[str], Any]] = {
    "400": lambda words: error(400, words, words, words, words),
    "401": lambda words: error(401, words, "invalid_request_error"),
    "404": lambda words: error(404, words, "invalid_request_error"),
    "429": lambda words: error(429, words, "requests"),
    "quota": lambda words: error(429, f"insufficient_quota {words}", "requests"),
}


@pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=pytest.mark.slow if one == "429" else ()) for one in SAYS]
)
def test_a_hostile_server_gets_one_line_of_its_own_escaped_text(tmp_path: Path, kind: str) -> None:
    async def refuse(call: Any, go_on: Any) -> Any:
        return SAYS[kind]("".join(PARTS))

    with LoopbackServer(refuse) as server:
        ran = invoke("generate", "--n", 5, "--out", tmp_path / "run", *at(server))
    assert "\\x1b[2J" in ran.error
    assert_harmless(ran)


def test_a_hostile_page_instead_of_a_reply_is_one_line_as_well(tmp_path: Path) -> None:
    from aiohttp import web

    for body in (
        "".join(PARTS).encode("utf-8", "surrogatepass"),
        b"\x1b[2J\xff\xfe\x00",
        b"[" * 200_000,
        b'{"choices": ["\x1b[2J"]}',
    ):

        async def answer(call: Any, go_on: Any, body: bytes = body) -> Any:
            return web.Response(body=body, content_type="text/html")

        with LoopbackServer(answer) as server:
            ran = invoke("generate", "--n", 5, "--out", tmp_path / "run", *at(server))
        assert "check --base-url" in ran.error
        assert_harmless(ran)


def test_hostile_words_about_a_request_are_recorded_escaped(tmp_path: Path) -> None:
    async def refuse(call: Any, go_on: Any) -> Any:
        return (
            error(400, "".join(PARTS), "invalid_request_error")
            if int(call.key, 16) % 5 == 0
            else await go_on(call)
        )

    with LoopbackServer(refuse) as server:
        assert_harmless(
            invoke("generate", "--n", 15, "--out", tmp_path / "run", *at(server)).done()
        )
    assert b"bad_request" in dataset(tmp_path / "run")["rejected.jsonl"]
    assert assert_loadable(tmp_path / "run") > 0


def test_strange_shapes_of_a_reply_drop_that_reply_alone(tmp_path: Path) -> None:
    shapes = (
        "[" * 100_000,
        '{"a":' * 50_000,
        "9" * 200_000,
        "\n" * 50_000,
        "1. " * 50_000,
        "# " * 50_000,
        "x" * 1_000_000,
        "\ud800" * 1000,
    )

    def shaped(call: Any, text: str) -> str:
        number = int(call.key, 16)
        return shapes[number // 4 % len(shapes)] if number % 4 == 0 else text

    for words in ((), ("--response-format", "json_object")):
        out = tmp_path / str(len(words))
        with LoopbackServer(saying(shaped)) as server:
            assert_harmless(invoke("generate", "--n", 15, "--out", out, *at(server), *words).done())
        assert_loadable(out)
