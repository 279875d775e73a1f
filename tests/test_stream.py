"""Replies that come as streams of events are read as whole replies are, or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from command import Ran, at, dataset, invoke
from hypothesis import given
from hypothesis import strategies as st
from server import Answer, Call, LoopbackServer, completion_body, error, rejecting
from test_endpoint import CHAT

from selfinstruct.errors import Transient
from selfinstruct.models import Completion, Usage
from selfinstruct.models.openai.access import Access
from selfinstruct.models.openai.client import OpenAI
from selfinstruct.models.openai.failures import TooLarge
from selfinstruct.models.openai.stream import BrokenStream, Endings, Events, gathered, read_stream

MOST = 100_000
USAGE = {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> str:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    record = {"id": "c1", "object": "chat.completion.chunk", "choices": choices, **more}
    return f"data: {json.dumps(record, ensure_ascii=False)}\n\n"


def whole(*texts: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(gathered("".join(texts), MOST, Endings()))
    return record


def message(*texts: str) -> dict[str, Any]:
    found: dict[str, Any] = whole(*texts)["choices"][0]["message"]
    return found


DONE = "data: [DONE]\n\n"
HELLO = (chunk({"role": "assistant", "content": "Hé"}), chunk({"content": "llo 世界"}))
END = (chunk({}, "stop"), chunk(usage=USAGE), DONE)


# ---------------------------------------------------------------- events


@given(st.data())
def test_events_are_the_same_however_the_bytes_are_cut(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = "\ufeff: hello\n\ndata: é世\ndata:two\nid: 5\n\nevent: x\n\ndata: 🙂\n\n"
    raw = text.replace("\n", lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=9)))
    events, found = Events(), list[str]()
    for begin, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        found += events.feed(raw[begin:end])
    assert [*found, *events.feed(b"", is_last=True)] == ["é世\ntwo", "🙂"]


def test_the_last_event_needs_no_blank_line() -> None:
    assert list(Events().feed(b"data: a\n\ndata: b", is_last=True)) == ["a", "b"]


def test_a_text_that_is_no_stream_stays() -> None:
    for text in ('{"choices": []}', "<html>data: x</html>", "", "database: 5"):
        assert gathered(text, MOST, Endings()) == text


# ---------------------------------------------------------------- from events to a record


def test_pieces_become_a_whole_reply() -> None:
    record = whole(*HELLO, *END)
    assert record["choices"][0]["message"] == {"role": "assistant", "content": "Héllo 世界"}
    assert record["choices"][0]["finish_reason"] == "stop" and record["usage"] == USAGE


def test_done_may_be_missing_and_usage_may_come_with_every_piece() -> None:
    assert message(*HELLO, chunk({}, "length"))["content"] == "Héllo 世界"
    early = {"prompt_tokens": 20, "completion_tokens": 1}
    record = whole(
        chunk({"content": "a"}, usage=early), chunk({"content": "b"}, "stop", usage=USAGE)
    )
    assert record["usage"] == USAGE


def test_reasoning_tools_refusals_and_parts_are_kept_apart() -> None:
    found = message(
        chunk({"role": "assistant", "reasoning_content": "Let me "}),
        chunk({"reasoning_content": "see.", "content": None}),
        chunk({"content": "Yes"}),
        chunk({"refusal": "I can"}),
        chunk({"refusal": "not"}),
        chunk({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f"}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '": 1}'}}]}, "tool_calls"),
    )
    assert found["reasoning_content"] == "Let me see." and found["content"] == "Yes"
    assert found["refusal"] == "I cannot"
    assert found["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": 1}'}
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    parts = message(chunk({"content": [thought]}), chunk({"content": "Yes"}, "stop"))["content"]
    assert parts == [thought, {"type": "text", "text": "Yes"}]


def test_completions_have_texts() -> None:
    texts = [{"index": 0, "text": "1. A"}, {"index": 0, "text": "pple", "finish_reason": "stop"}]
    record = whole(*(f"data: {json.dumps({'choices': [choice]})}\n\n" for choice in texts))
    assert record["choices"] == [{"index": 0, "finish_reason": "stop", "text": "1. Apple"}]


def test_an_error_among_the_events_is_the_reply() -> None:
    said = {"message": "overloaded", "code": 529}
    for words in (f"data: {json.dumps({'error': said})}\n\n", f"event: error\n{chunk(error=said)}"):
        assert whole(*HELLO, words, DONE) == {"error": said}


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (HELLO, "ended with a reply and without a finish reason"),
        ((*HELLO, DONE), "ended with a reply and without a finish reason"),
        ((": ping\n\n",), "ended with nothing and without a finish reason"),
        ((*HELLO, 'data: {"choices": [{"ind'), "an event that is no JSON"),
        (("data: 5\n\n",), "an event that is no JSON"),
    ],
)
def test_a_stream_that_is_cut_is_no_reply(texts: Iterable[str], words: str) -> None:
    with pytest.raises(BrokenStream, match=words):
        gathered("".join(texts), MOST, Endings())


def test_usage_and_done_are_an_end_of_a_server_that_names_no_finish_reason() -> None:
    assert whole(*HELLO, chunk(usage=USAGE), DONE)["choices"][0]["finish_reason"] is None


@pytest.mark.parametrize("blank", ["", "null"])
def test_a_blank_finish_reason_in_every_chunk_is_none(blank: str) -> None:
    began = chunk({"content": "Hel"}, blank)
    with pytest.raises(BrokenStream, match="without a finish reason"):
        gathered(began, MOST, Endings())
    assert whole(began, chunk({"content": "lo"}, blank), *END)["choices"][0]["message"] == {
        "role": "assistant",
        "content": "Hello",
    }


def test_events_without_blank_lines_between_them_are_told_apart() -> None:
    text = "".join((*HELLO, *END))
    assert gathered(text.replace("\n\n", "\n"), MOST, Endings()) == gathered(text, MOST, Endings())


def test_done_alone_is_an_end_of_a_server_that_never_names_a_finish_reason() -> None:
    cut, never, once = "".join((*HELLO, DONE)), Endings(), Endings()
    for _ in range(3):
        with pytest.raises(BrokenStream, match="without a finish reason"):
            gathered(cut, MOST, never)
    assert json.loads(gathered(cut, MOST, never))["choices"][0]["finish_reason"] is None
    gathered("".join((*HELLO, *END)), MOST, once)
    for _ in range(9):
        with pytest.raises(BrokenStream, match="without a finish reason"):
            gathered(cut, MOST, once)
    with pytest.raises(BrokenStream):  # the connection broke
        gathered("".join(HELLO), MOST, never)


async def _pieces(texts: Iterable[str]) -> AsyncIterator[bytes]:
    for text in texts:
        yield text.encode()


@pytest.mark.parametrize(
    "text",
    [chunk({"content": "x" * 1000}), ": " + "x" * 1000, ": ping\n\n" * 1000],
    ids=["a text", "a line", "comments"],
)
def test_no_stream_is_endless(text: str) -> None:
    with pytest.raises(TooLarge):
        asyncio.run(read_stream(_pieces(text for _ in range(10**6)), MOST, Endings()))


# ---------------------------------------------------------------- a server that streams

Send = Callable[[web.StreamResponse], Any]


def streaming(
    *, size: int = 7, only: bool = False, usage: bool = True, end: str = DONE, kind: str = ""
) -> Any:
    """Sends the reply in pieces of `size` bytes of the wire, as a server of one's own might.

    only: a body that asks for no stream is refused. end: the last bytes.
    """

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        streams = call.body.pop("stream", False)
        options = call.body.pop("stream_options", {})
        if only and not streams:
            return error(400, "Only streams here (stream=true).", "invalid_request_error")
        if options and not usage:
            return error(400, "Unknown parameter: stream_options", "invalid_request_error")
        plain = await go_on(call)
        if not streams or not isinstance(plain, web.Response) or plain.status != 200:
            return plain
        assert isinstance(plain.body, bytes)
        raw = "".join(_events(json.loads(plain.body), bool(options))).encode() + end.encode()
        response = web.StreamResponse(headers={"Content-Type": kind or "text/event-stream"})
        await response.prepare(call.http)
        for begin in range(0, len(raw), size * 40):
            await response.write(raw[begin : begin + size * 40])
        await response.write_eof()
        return response

    return behave


def _events(record: dict[str, Any], counted: bool) -> Iterable[str]:
    choice = record["choices"][0]
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    for begin in range(0, len(text), 20):
        piece = text[begin : begin + 20]
        part = {"delta": {"content": piece}} if "message" in choice else {"text": piece}
        yield ": keep alive\r\n\r\n"
        yield f"data: {json.dumps({'choices': [{'index': 0, 'finish_reason': None, **part}]})}\r\n\r\n"
    last = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
    if "message" not in choice:
        last["text"] = ""
    yield f"data: {json.dumps({'choices': [last]})}\n\n"
    if counted:
        yield f"data: {json.dumps({'choices': [], 'usage': record['usage']})}\n\n"


def generate(out: Path, *words: object, n: int = 12) -> Ran:
    return invoke("generate", "--n", n, "--out", out, *words)


def replies(out: Path) -> dict[str, Any]:
    lines = (out / "completions.jsonl").read_text("utf-8").splitlines()
    return {
        record["key"]: (record["text"], record["finish_reason"], record["usage"])
        for record in map(json.loads, lines)
    }


@pytest.mark.parametrize("preset", ["chat", "paper"])
def test_a_streamed_run_is_the_run_without_streams(tmp_path: Path, preset: str) -> None:
    words = ("--preset", preset, "--concurrency", 1)
    with LoopbackServer() as server:
        generate(tmp_path / "plain", *at(server), *words, n=40).done()
    with LoopbackServer(streaming(only=True)) as server:
        generate(tmp_path / "streamed", *at(server), *words, "--stream", n=40).done()
    assert dataset(tmp_path / "streamed") == dataset(tmp_path / "plain")
    streamed, plain = replies(tmp_path / "streamed"), replies(tmp_path / "plain")
    shared = streamed.keys() & plain.keys()  # which calls the end of a run cuts off, varies
    assert len(shared) > 12
    assert {key: streamed[key] for key in shared} == {key: plain[key] for key in shared}


def test_usage_is_not_asked_for_again_where_it_was_refused(tmp_path: Path) -> None:
    with LoopbackServer(streaming(only=True, usage=False)) as server:
        generate(tmp_path / "run", *at(server), "--stream", "--concurrency", 1).done()
    assert server.statuses[400] == 1
    assert all(usage["completion_tokens"] for *_, usage in replies(tmp_path / "run").values())


def test_a_server_that_only_streams_gets_the_advice_to_ask_for_streams(tmp_path: Path) -> None:
    with LoopbackServer(streaming(only=True)) as server:
        assert "try --stream" in generate(tmp_path / "run", *at(server)).error


@pytest.mark.parametrize("usage", [True, False])
def test_usage_and_another_field_may_be_refused_together(tmp_path: Path, usage: bool) -> None:
    with LoopbackServer(rejecting("top_p"), streaming(only=True, usage=usage)) as server:
        generate(tmp_path / "run", *at(server), "--stream", "--concurrency", 1).done()
    last = server.calls[-1].body
    assert "top_p" not in last and server.statuses[400] <= 4


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
def test_a_stream_by_another_name_is_read_too(tmp_path: Path, kind: str) -> None:
    with LoopbackServer(streaming(only=True, kind=kind)) as server:
        generate(tmp_path / "run", *at(server), "--stream").done()


def one_call(*behaviours: Any, **named: Any) -> Completion:
    async def ask(server: LoopbackServer) -> Completion:
        client = OpenAI(
            base_url=server.base_url,
            api_key="sk-0123456789abcdef",
            timeout=named.pop("timeout", 20.0),
            access=Access(streams=True),
        )
        try:
            return await client.complete(CHAT)
        finally:
            await client.close()

    with LoopbackServer(*behaviours) as server:
        return asyncio.run(ask(server))


def sending(*parts: str, hangs: bool = False, breaks: bool = False) -> Any:
    """Sends these events and ends, hangs, or breaks the connection."""

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(call.http)
        for part in parts:
            await response.write(part.encode())
        if hangs:
            await asyncio.sleep(3600)
        if breaks and call.http.transport is not None:
            await asyncio.sleep(0.02)
            call.http.transport.abort()
        return response

    return behave


@pytest.mark.parametrize("ending", [{}, {"hangs": True}, {"breaks": True}])
def test_what_comes_after_the_end_does_no_harm(ending: dict[str, bool]) -> None:
    found = one_call(sending(*HELLO, *END, **ending))
    assert (found.text, found.finish_reason) == ("Héllo 世界", "stop")
    assert found.usage == Usage(20, 7)


def test_reasoning_and_the_finish_reason_come_through() -> None:
    found = one_call(
        sending(chunk({"reasoning_content": "Hm."}), chunk({"content": "4"}, "length"))
    )
    assert (found.text, found.reasoning, found.finish_reason) == ("4", "Hm.", "length")


@pytest.mark.parametrize("ending", [{}, {"breaks": True}])
def test_a_cut_stream_is_asked_for_again(ending: dict[str, bool]) -> None:
    with pytest.raises(Transient) as caught:
        one_call(sending(*HELLO, **ending))
    assert caught.value.may_be_charged


def test_an_error_in_a_stream_is_that_error() -> None:
    overloaded = json.dumps({"error": {"message": "too many", "code": 429}})
    with pytest.raises(Transient, match="too many") as caught:
        one_call(sending(*HELLO, f"event: error\ndata: {overloaded}\n\n"))
    assert caught.value.is_server_busy


def test_a_key_in_a_broken_stream_is_hidden() -> None:
    with pytest.raises(Transient) as caught:
        one_call(sending("data: sk-0123456789abcdef\n\n"))
    assert "sk-0123456789abcdef" not in str(caught.value) and "***" in str(caught.value)


def test_every_second_stream_is_cut_and_no_half_text_is_in_the_data(tmp_path: Path) -> None:
    async def cutting(call: Call, go_on: Answer) -> Any:
        if call.attempt > 1:
            return await go_on(call)
        text = completion_body(call, "")["model"]
        return await sending(chunk({"content": f"1. Half of {text}"}))(call, go_on)

    with LoopbackServer() as server:
        generate(tmp_path / "plain", *at(server)).done()
    with LoopbackServer(cutting, streaming()) as server:
        generate(tmp_path / "cut", *at(server), "--stream").done()
    assert dataset(tmp_path / "cut") == dataset(tmp_path / "plain")
