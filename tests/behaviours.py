"""How real OpenAI-compatible servers behave, as a table: BEHAVIOURS.

A row is a behaviour that public bug reports describe, shown in three ways: refusals in three
wordings and forms of body, of which one is in another language than English; replies in three
shapes. All words are our own. `generate` and `judge` say how the two commands must end.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from weakref import WeakKeyDictionary
from zlib import crc32

from aiohttp import web
from server import Answer, Behaviour, Call

Body = dict[str, Any]
BodyTest = Callable[[Body], bool]
PORTION = 8  # of so many prompts, about a single prompt is poisoned


@dataclass(frozen=True)
class Ends:
    """How a command must end: exit code, words that it must say, and whether requests are lost."""

    code: int = 0
    says: str = ""  # a regular expression, on stdout and stderr together
    loses: bool | None = False  # True: at least one request is recorded as lost; False: none
    has_gaps: bool | None = False  # of judge: several examples stay without a verdict


@dataclass(frozen=True)
class Row:
    """A behaviour. `options` are of both commands, `generates` of generate alone."""

    name: str
    ways: tuple[Behaviour, ...]
    generate: Ends = Ends()
    judge: Ends = Ends()
    options: tuple[object, ...] = ()
    generates: tuple[object, ...] = ()
    never: str = ""  # a regular expression of what no example may hold
    is_slow: bool = False  # waits for seconds
    judged: bool = True  # False: the behaviour is not about judge


DONE = Ends()
QUICK = ("--patience", 3, "--timeout", 2)
GAPS = Ends(loses=None, has_gaps=True)


# ---------------------------------------------------------------- forms of a refusal


def openai(text: str) -> Any:
    return {
        "error": {"message": text, "type": "invalid_request_error", "param": None, "code": None}
    }


def anthropic(text: str) -> Any:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": text}}


def google(text: str) -> Any:
    return [{"error": {"code": 400, "message": text, "status": "INVALID_ARGUMENT"}}]


def vllm(text: str) -> Any:
    return {"object": "error", "message": text, "type": "BadRequestError", "code": 400}


def fastapi(text: str) -> Any:
    return {"detail": text}


def pydantic(text: str) -> Any:
    return {"detail": [{"type": "value_error", "loc": ["body"], "msg": text, "input": None}]}


def short(text: str) -> Any:
    return {"error": text}


def plain(text: str) -> Any:
    return text


Form = Callable[[str], Any]


def answer_with(status: int, body: Any, **headers: str) -> web.Response:
    """A JSON body, or a text as it is. Keywords are headers, with _ for -."""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    kind = "text/plain" if isinstance(body, str) else "application/json"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(status=status, text=text, content_type=kind, headers=named)


def refuse(
    when: BodyTest, status: int, text: str, form: Form = openai, **headers: str
) -> Behaviour:
    """Refuses the bodies of which `when` is true."""

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        if when(call.body):
            return answer_with(status, form(text), **headers)
        return await go_on(call)

    return behave


def words(when: BodyTest, *ways: tuple[Any, ...]) -> tuple[Behaviour, ...]:
    """A refusal in several ways: status, text and form each."""
    return tuple(refuse(when, *way) for way in ways)


def first(calls: int, *ways: tuple[Any, ...], **headers: str) -> tuple[Behaviour, ...]:
    """Refuses the first calls of a server alone: a trouble that passes."""
    return tuple(
        once(refuse(always, status, text, (*form, openai)[0], **headers), calls)
        for status, text, *form in ways
    )


class Counted:
    """How many calls a server has had, for each server apart."""

    def __init__(self) -> None:
        self._calls: WeakKeyDictionary[web.Application, int] = WeakKeyDictionary()

    def count(self, call: Call) -> int:
        """The number of this call, from 1."""
        self._calls[call.http.app] = number = self._calls.get(call.http.app, 0) + 1
        return number


def once(trouble: Behaviour, calls: int = 2) -> Behaviour:
    """Troubles the first calls of a server alone."""
    counted = Counted()

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        return await (trouble if counted.count(call) <= calls else _pass)(call, go_on)

    return behave


def after(calls: int, trouble: Behaviour) -> Behaviour:
    """Lets the first calls of a server work, and no others."""
    counted = Counted()

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        return await (trouble if counted.count(call) > calls else _pass)(call, go_on)

    return behave


async def _pass(call: Call, go_on: Answer) -> web.StreamResponse:
    return await go_on(call)


# ---------------------------------------------------------------- conditions on a body


def has(*names: str) -> BodyTest:
    """All of these fields are there."""
    return lambda body: all(name in body for name in names)


def any_of(*names: str) -> BodyTest:
    return lambda body: any(name in body for name in names)


def above(name: str, limit: float) -> BodyTest:
    return lambda body: name in body and body[name] > limit


def is_format(*kinds: str) -> BodyTest:
    return lambda body: (body.get("response_format") or {}).get("type") in kinds


def has_system(body: Body) -> bool:
    return any(message["role"] == "system" for message in body.get("messages", ()))


def always(body: Body) -> bool:
    return True


def said(body: Body) -> str:
    """The last words of a prompt, without the few-shot turns that every prompt shares."""
    last = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
    return last if isinstance(last, str) else json.dumps(last)


def is_proposal(body: Body) -> bool:
    return "more in the language of the tasks above, one for each line below" in said(body)


def poisoned(body: Body) -> bool:
    """About one prompt of PORTION, whatever the other fields are; never a proposal."""
    text = said(body).encode("utf-8", "replace")
    return not is_proposal(body) and crc32(text) % PORTION == 0


def too_long(body: Body) -> bool:
    """A proposal that shows more than half of the usual demonstrations."""
    return is_proposal(body) and len(re.findall(r"(?m)^<task>", prompt(body))) > 4


def prompt(body: Body) -> str:
    return "\n".join(message["content"] for message in body["messages"])


# ---------------------------------------------------------------- other replies


def reshape(change: Callable[[Body, Call], Any]) -> Behaviour:
    """Another body for a reply with status 200: JSON, or bytes as they are."""

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        response = await go_on(call)
        if not isinstance(response, web.Response) or response.status != 200:
            return response
        assert isinstance(response.body, bytes)
        changed = change(json.loads(response.body), call)
        if isinstance(changed, web.Response):
            return changed
        data = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        return web.Response(body=data, content_type="application/json")

    return behave


def choice(change: Callable[[Body], Any], when: BodyTest = always) -> Behaviour:
    """Changes the first choice of a reply in place, for the bodies of which `when` is true."""

    def changed(body: Body, call: Call) -> Body:
        if when(call.body):
            change(body["choices"][0])
        return body

    return reshape(changed)


def message(**fields: Any) -> Callable[[Body], None]:
    """Sets fields of the message; a function gets the text as it was."""

    def change(choice: Body) -> None:
        said = choice["message"]
        text = said["content"]
        said |= {name: value(text) if callable(value) else value for name, value in fields.items()}

    return change


def finish(reason: object) -> Callable[[Body], None]:
    return lambda choice: choice.update(finish_reason=reason)


def cut(reason: str) -> Callable[[Body], None]:
    """Half a text, marked at its end, with the reason for which it ends there."""

    def change(choice: Body) -> None:
        text = choice["message"]["content"]
        choice["message"]["content"] = text[: max(len(text) * 3 // 4, 1)] + " " + CUT
        choice["finish_reason"] = reason

    return change


def usage(**counts: Any) -> Behaviour:
    return reshape(lambda body, call: {**body, "usage": counts or None})


def as_bytes(change: Callable[[bytes], bytes], kind: str = "", **headers: str) -> Behaviour:
    """Other bytes for the same body, another type of content, more headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def changed(body: Body, call: Call) -> web.Response:
        kinds = kind or "application/json"
        data = change(json.dumps(body).encode())
        return web.Response(body=data, content_type=kinds, headers=named)

    return reshape(changed)


def stream(body: Body, *, has_done: bool = True, newline: str = "\n") -> bytes:
    """The reply as server-sent events, in pieces of ten characters."""
    text = body["choices"][0]["message"]["content"]
    pieces = [text[at : at + 10] for at in range(0, len(text), 10)]
    deltas: list[tuple[Body, str | None]] = [({"content": piece}, None) for piece in pieces]
    lines = []
    for delta, reason in [({"role": "assistant"}, None), *deltas, ({}, "stop")]:
        chunk = {"index": 0, "delta": delta, "finish_reason": reason}
        event = {**body, "object": "chat.completion.chunk", "choices": [chunk], "usage": None}
        lines.append(f"data: {json.dumps(event)}{newline}{newline}")
    return "".join([*lines, f"data: [DONE]{newline}{newline}" * has_done]).encode()


async def _half(call: Call, go_on: Answer) -> web.StreamResponse:
    """Headers and half a body, then the end of the connection."""
    response = web.StreamResponse(headers={"Content-Length": "4096"})
    await response.prepare(call.http)
    await response.write(b'{"id": "chatcmpl-half", "choices": [{"index": 0, "mess')
    assert call.http.transport is not None
    call.http.transport.close()
    return response


def late(seconds: float) -> Behaviour:
    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await go_on(call)

    return behave


def crowded(most: int, status: int, text: str) -> Behaviour:
    """Refuses a call while so many others are under way."""
    under_way: Counter[web.Application] = Counter()

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        if under_way[call.http.app] >= most:
            return answer_with(status, openai(text))
        under_way[call.http.app] += 1
        try:
            await asyncio.sleep(0.02)
            return await go_on(call)
        finally:
            under_way[call.http.app] -= 1

    return behave


def give(status: int, text: str, kind: str = "text/html", **headers: str) -> Behaviour:
    """The same response to every call."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        return web.Response(status=status, text=text, content_type=kind, headers=named)

    return behave


def of_poisoned(trouble: Behaviour) -> Behaviour:
    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        return await (trouble if poisoned(call.body) else _pass)(call, go_on)

    return behave


def now_and_then(trouble: Behaviour) -> Behaviour:
    """Troubles the first call with a poisoned prompt, and answers the prompt later."""
    seen: WeakKeyDictionary[web.Application, set[str]] = WeakKeyDictionary()

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        known, text = seen.setdefault(call.http.app, set()), said(call.body)
        is_new = poisoned(call.body) and text not in known
        known.add(text)
        return await (trouble if is_new else _pass)(call, go_on)

    return behave


async def _hang(call: Call, go_on: Answer) -> web.StreamResponse:
    await asyncio.sleep(3600)
    return await go_on(call)


def without_choices(**fields: Any) -> Behaviour:
    return reshape(
        lambda body, call: {**{k: v for k, v in body.items() if k != "choices"}, **fields}
    )


def redirect(status: int, to: str) -> Behaviour:
    """Sends a call on to the same address with something added, and answers there."""

    async def behave(call: Call, go_on: Answer) -> web.StreamResponse:
        if call.http.query_string:
            return await go_on(call)
        return web.Response(status=status, headers={"Location": f"{call.path}?{to}"})

    return behave


CUT = "qzxcutqzx"
THOUGHT = r"<\||\|>|</?think|seed:think|</s>|end_of_turn|Hm\.|I think|denken|Let me see"
BOTH = has("temperature", "top_p")

# ---------------------------------------------------------------- the table: fields refused

PICKY = (
    Row("temperature with top_p", words(
        BOTH,
        (400, "Set either the temperature or top_p for this model, never the two.", anthropic),
        (422, "Only one sampling control may be given.", vllm),
        (400, "该模型不允许同时指定温度与核采样参数，请只保留其中一个。", openai),
    )),
    Row("no system message", words(
        has_system,
        (400, "Instructions by the developer are switched off for models/tiny-9b", google),
        (500, "TemplateError: this chat template knows two parties only", fastapi),
        (400, "Für dieses Modell sind keine Systemnachrichten vorgesehen.", openai),
    )),
    Row("no JSON schema", words(
        is_format("json_schema"),
        (400, "This kind of response_format cannot be had at the moment", openai),
        (501, "structured outputs: not built into this server", short),
        (400, "ce format de réponse n'est pas disponible", vllm),
    )),
    Row("no response format at all", words(
        has("response_format"),
        (400, "json mode is off", plain),
        (404, "No provider of this model can honour all parameters that you ask for.", openai),
        (500, "внутренняя ошибка: грамматика не загружена", fastapi),
    )),
    Row("response_format crashes the server", words(
        has("response_format"),
        (500, "Internal Server Error", plain),
        (500, "'NoneType' object is not subscriptable", fastapi),
        (500, "サーバー内部エラー", short),
    )),
    Row("max_tokens is an old name", words(
        has("max_tokens"),
        (400, "Please rename 'max_tokens' to 'max_completion_tokens' here.", openai),
        (422, "max_tokens: deprecated and no longer read", pydantic),
        (400, "el parámetro max_tokens ya no existe en este modelo", short),
    )),
    Row("max_tokens beyond the model's, with the limit", words(
        above("max_tokens", 400),
        (400, "max_tokens: at most 400 completion tokens are possible, you want more.", openai),
        (422, "Input should be less than or equal to 400 (max_tokens)", pydantic),
        (400, "max_tokens 的取值范围是 [1, 400]", vllm),
    )),
    Row("max_tokens beyond the model's, without a number", words(
        above("max_tokens", 700),
        (400, "The length that you ask for is more than this deployment gives.", openai),
        (400, "max_tokens out of range", short),
        (422, "слишком длинный ответ запрошен", fastapi),
    )),
    Row("more than four stop sequences", words(
        lambda body: len(body.get("stop") or ()) > 4,
        (400, "stop: the list holds too many items, 4 are the most.", openai),
        (422, "List should have at most 4 items after validation, not 6", pydantic),
        (400, "停止序列过多", vllm),
    ), generates=("--stop", "@@", "--stop", "##", "--stop", "%%", "--stop", "^^", "--stop", "~~",
                  "--stop", "||"), judged=False),
    Row("a single stop sequence", words(
        lambda body: len(body.get("stop") or ()) > 1,
        (400, "Only one stop text can be handled.", openai),
        (500, "list index out of range", short),
        (400, "somente uma sequência de parada", vllm),
    ), generates=("--stop", "@@", "--stop", "##", "--stop", "%%"), judged=False),
    Row("no stop sequences", words(
        has("stop"),
        (400, "A model that thinks takes no 'stop'.", openai),
        (400, "Argument not allowed in combination with reasoning", vllm),
        (400, "중지 문자열은 지원되지 않습니다", openai),
    ), generates=("--stop", "@@"), judged=False),
    Row("no seed", words(
        has("seed"),
        (400, 'Field "seed": no such name at Message type GenerateRequest', google),
        (422, "Extra inputs are forbidden", pydantic),
        (400, "champ inconnu: seed", short),
    )),
    Row("no penalties", words(
        any_of("presence_penalty", "frequency_penalty"),
        (400, "presence_penalty and frequency_penalty do not exist for this model", openai),
        (400, "Penalties: off.", short),
        (422, "惩罚参数不受支持", fastapi),
    ), generates=("--presence-penalty", "0.5", "--frequency-penalty", "0.5"), judged=False),
    Row("temperature must be 1", words(
        lambda body: body.get("temperature", 1) != 1,
        (400, "'temperature' may have no other value than the default, 1.", openai),
        (400, "invalid temperature: this model runs at 1 alone", vllm),
        (400, "La température est figée pour ce modèle.", anthropic),
    )),
    Row("temperature must be above 0", words(
        lambda body: body.get("temperature", 1) <= 0,
        (422, "`temperature` has to be strictly positive", short),
        (400, "temperature must lie in (0.0, 2.0]", vllm),
        (400, "温度は0より大きくなければなりません", openai),
    )),
    Row("temperature at most 1", words(
        above("temperature", 1),
        (400, "temperature: range: 0..1", anthropic),
        (422, "Input should be less than or equal to 1", pydantic),
        (400, "Die Temperatur liegt außerhalb des erlaubten Bereichs.", openai),
    ), generates=("--temperature", "propose=1.4"), judged=False),
    Row("top_p below 1", words(
        lambda body: body.get("top_p", 0) >= 1,
        (422, "`top_p` has to be > 0.0 and < 1.0", short),
        (400, "top_p must stay under one", vllm),
        (400, "top_p 必须小于 1", openai),
    ), generates=("--top-p", "1"), judged=False),
    Row("no top_p", words(
        has("top_p"),
        (400, "Parameter top_p: unsupported.", openai),
        (422, "Unrecognized request argument supplied", fastapi),
        (501, "nucleus sampling não implementado", short),
    )),
    Row("no sampling fields", words(
        any_of("temperature", "top_p", "seed"),
        (400, "Models with reasoning choose their own sampling.", openai),
        (400, "bad request", plain),
        (422, "недопустимые параметры", pydantic),
    )),
    Row("nothing but model, messages and a length", words(
        lambda body: bool(body.keys() - {"model", "messages", "max_tokens"}) or has_system(body),
        (400, "strict mode", short),
        (422, "Unprocessable Entity", plain),
        (400, "请求参数错误", openai),
    )),
    Row("nothing but model and messages", words(
        lambda body: bool(body.keys() - {"model", "messages"}),
        (400, "extra_forbidden", pydantic),
        (500, "unexpected keyword argument", plain),
        (400, "campo no permitido", openai),
    ), judge=Ends(has_gaps=None)),  # the form of a verdict is left to the model
    Row("a length below the least", words(
        lambda body: body.get("max_tokens", 64) < 64,
        (400, "max_tokens: 64 is the least that may be asked for.", openai),
        (422, "Input should be greater than or equal to 64", pydantic),
        (400, "слишком мало токенов для ответа", short),
    )),
    Row("prompt and length together beyond the context", words(
        lambda body: len(prompt(body).split()) + body.get("max_tokens", 0) > 1500,
        (400, "The prompt and max_tokens come to more than the 1500 tokens of the context.", vllm),
        (422, "inputs + max_new_tokens must stay <= 1500", short),
        (400, "提示与 max_tokens 之和超过上下文长度", openai),
    )),
    Row("no schema, and JSON only where the prompt says so", words(
        lambda body: is_format("json_schema")(body)
        or (is_format("json_object")(body) and "json" not in prompt(body).lower()),
        (400, "'messages' has to speak of json for this format", openai),
        (400, "response_format.type: json_object or text", short),
        (422, "format de réponse inconnu", fastapi),
    ), generates=("--response-format", "json_schema")),
    Row("a schema in another dialect", words(
        lambda body: "$defs" in json.dumps(body.get("response_format")),
        (400, "Invalid schema for response_format 'judge': '$defs' may not stand here", openai),
        (400, "Unknown name \"$defs\" at 'generation_config.response_schema'", google),
        (500, "grammatica non valida", short),
    )),
    Row("a refusal without a word", tuple(
        refuse(BOTH, status, "", plain) for status in (400, 422, 500)
    )),
    Row("a refusal inside a 200", words(
        BOTH,
        (200, "temperature excludes top_p", openai),
        (200, "upstream refused the sampling parameters", short),
        (200, "参数冲突", lambda text: {"error": {"message": text, "code": 400}}),
    )),
    Row("the system message and top_p", words(
        lambda body: has_system(body) or "top_p" in body,
        (400, "invalid request", openai),
        (500, "oops", short),
        (400, "pedido inválido", vllm),
    )),
)  # fmt: skip

# ---------------------------------------------------------------- replies in odd shapes

ODD = (
    Row("content in parts", tuple(choice(message(content=parts)) for parts in (
        lambda text: [{"type": "text", "text": text}],
        lambda text: [{"type": "text", "text": text[:9]}, {"type": "text", "text": text[9:]}],
        lambda text: [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                      {"type": "text", "text": text}],
    ))),
    Row("thoughts beside the content", tuple(choice(message(**{name: value})) for name, value in (
        ("reasoning_content", "Let me see. 1. Not a task. 2. Not this."),
        ("reasoning", "Output: no. Input: no."),
        ("reasoning_details", [{"type": "reasoning.text", "text": "Yes or No?"}]),
    )), never=THOUGHT),
    Row("think tags in the content", tuple(choice(message(content=how)) for how in (
        lambda text: f"<think>\nFirst I think.\n</think>\n\n{text}",
        lambda text: f"A thought, whose beginning is in the template.</think>{text}",
        lambda text: f"<seed:think>denken</seed:think>{text}",
    )), never=THOUGHT),
    Row("channels in the content", tuple(choice(message(content=how)) for how in (
        lambda text: f"<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
                     f"<|channel|>final<|message|>{text}",
        lambda text: f"<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
                     f"<|channel|>final<|message|>{text}<|return|>",
        lambda text: f"<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>{text}"
                     f"<|END_RESPONSE|>",
    )), never=THOUGHT),
    Row("control tokens at the end", tuple(choice(message(content=how)) for how in (
        lambda text: f"{text}<|im_end|>", lambda text: f"{text}</s>",
        lambda text: f"{text}<end_of_turn>\n",
    )), never=THOUGHT),
    Row("no reason to finish", tuple(choice(how) for how in (
        finish(None), lambda one: one.pop("finish_reason"), finish("null"),
    ))),
    Row("other words for stop", tuple(choice(finish(reason)) for reason in (
        "eos", "end_turn", "STOP",
    ))),
    Row("an empty reason to finish", tuple(choice(finish(reason)) for reason in (
        "", "stop_sequence", "COMPLETE",
    ))),
    Row("no usage", (
        usage(), reshape(lambda body, call: {k: v for k, v in body.items() if k != "usage"}),
        reshape(lambda body, call: {**body, "usage": []}),
    )),
    Row("usage of zeros or nonsense", (
        usage(prompt_tokens=0, completion_tokens=0, total_tokens=0),
        usage(prompt_tokens="12", completion_tokens="3"),
        usage(prompt_tokens=-1, completion_tokens=2**70, total_tokens=1.5),
    )),
    Row("other names of the model and missing fields", (
        reshape(lambda body, call: {**body, "model": "vendor/other-name:free"}),
        reshape(lambda body, call: {"choices": body["choices"]}),
        reshape(lambda body, call: {**body, "id": 7, "created": "now", "object": None, "x": {}}),
    )),
    Row("several choices, more fields", (
        reshape(lambda body, call: {**body, "choices": [body["choices"][0], *body["choices"]]}),
        choice(message(role=None, tool_calls=None, function_call=None, annotations=[])),
        choice(message(tool_calls=[], refusal=None, audio=None)),
    )),
    Row("text where the message should be", (
        choice(lambda one: one.update(text=one.pop("message")["content"])),
        choice(lambda one: one.update(message=None, text=one["message"]["content"])),
        choice(lambda one: one["message"].update(role="model")),
    )),
    Row("bytes before the JSON", (
        as_bytes(lambda data: b"\xef\xbb\xbf" + data), as_bytes(lambda data: b"\n\n  \n" + data),
        as_bytes(lambda data: b"\r\n" + data + b"\r\n\r\n"),
    )),
    Row("another type of content", (
        as_bytes(bytes, "text/plain"), as_bytes(bytes, "application/octet-stream"),
        as_bytes(bytes, "text/html"),
    )),
    Row("compressed", (
        as_bytes(gzip.compress, Content_Encoding="gzip"),
        as_bytes(lambda data: gzip.compress(data, 1), Content_Encoding="gzip", Vary="*"),
        as_bytes(bytes, Content_Encoding="identity"),
    )),
    Row("a connection that ends with every reply", (
        as_bytes(bytes, Connection="close"), as_bytes(bytes, Connection="Close", Server="x/0.1"),
        as_bytes(bytes, Connection="close", Keep_Alive="timeout=0"),
    )),
    Row("hostile JSON", (
        as_bytes(lambda data: data.replace(b'"choices"', b'"choices": [], "choices"', 1)),
        as_bytes(lambda data: data[:-1] + b', "x": NaN}'),
        choice(message(content=lambda text: f"{text} \ud83d")),
    )),
    Row("a slow first byte", tuple(once(late(seconds), 4) for seconds in (0.1, 0.2, 0.3))),
    Row("sent on to another address", (
        redirect(307, "again=1"), redirect(308, "again=1"), redirect(307, "token=2"),
    )),
    Row("a stream that nobody asked for", (
        as_bytes(lambda data: stream(json.loads(data)), "text/event-stream"),
        as_bytes(lambda data: b": keep-alive\n\n" + stream(json.loads(data), has_done=False),
                 "text/event-stream"),
        as_bytes(lambda data: stream(json.loads(data), newline="\r\n"), "text/plain"),
    )),
    Row("some replies are null, with a refusal", tuple(
        choice(message(content=None, **{name: value}), poisoned) for name, value in (
            ("refusal", "I won't."), ("refusal", ""), ("tool_calls", [{"id": "1"}]),
        )), GAPS, GAPS),
    Row("some replies are thoughts alone", tuple(
        choice(message(content=content, reasoning_content="Hm."), poisoned)
        for content in ("", None, "\n")
    ), GAPS, GAPS),
    Row("cut by length, by other names", tuple(choice(cut(reason), poisoned) for reason in (
        "max_tokens", "MAX_TOKENS", "model_length")), GAPS, GAPS, never=CUT),
    Row("cut by a filter", tuple(choice(cut(reason), poisoned) for reason in (
        "content_filter", "SAFETY", "recitation")), GAPS, GAPS, never=CUT),
    Row("cut by an error", tuple(choice(cut(reason), poisoned) for reason in (
        "error", "abort", "insufficient_system_resource")), GAPS, GAPS, never=CUT),
)  # fmt: skip

# ---------------------------------------------------------------- troubles that pass

PASSING = (
    Row("still loading", first(
        2,
        (503, "Loading model", openai), (503, "The model is being loaded, try later", short),
        (503, "模型正在加载", fastapi), Retry_After="0",
    )),
    Row("too many requests, wait in seconds", first(
        3,
        (429, "Rate limit reached", openai), (429, "slow down", plain),
        (429, "リクエストが多すぎます", short), Retry_After="1",
    ), is_slow=True),
    Row("too many requests, wait in words", first(
        3,
        (429, "Limit reached. Please try again in 120ms.", openai),
        (429, "Resource exhausted; please retry in 0.3s.", google),
        (429, "Zu viele Anfragen", fastapi),
    ), is_slow=True),
    Row("too many requests, wait as a date", first(
        3,
        (429, "Rate limit reached", openai), (503, "overloaded", anthropic),
        (429, "превышен лимит", short), Retry_After=formatdate(0, usegmt=True),
    )),
    Row("few calls at once", tuple(
        crowded(4, status, text) for status, text in (
            (429, "Too many concurrent requests"), (503, "no slot available"),
            (429, "同時リクエスト数が上限です"),
        )), is_slow=True),
    Row("a page instead of a reply, twice", tuple(
        once(give(status, "<html><h1>Bad Gateway</h1></html>")) for status in (502, 504, 521)
    ), is_slow=True),
    Row("a connection that breaks, twice", (
        once(_half, 1), once(_half, 2), once(give(200, '{"id": "x", "cho', "application/json")),
    ), is_slow=True),
    Row("an error in a 200, twice", tuple(
        once(give(200, json.dumps(body), "application/json")) for body in (
            {"error": {"message": "Provider returned an error", "code": 502}},
            {"error": {"message": "Upstream overloaded", "code": "429"}},
            {"object": "error", "message": "сервер перегружен", "code": 503},
        )), is_slow=True),
    Row("statuses that pass", first(
        2, (408, "timeout"), (409, "conflict"), (529, "перегрузка", anthropic),
    ), is_slow=True),
    Row("an empty body, twice", (
        once(give(200, "", "application/json")), once(give(500, "")), once(give(200, "null")),
    ), is_slow=True),
)  # fmt: skip

# ---------------------------------------------------------------- poison

LOSES = Ends(loses=True, has_gaps=True)
PATIENT = ("--patience", 60, "--timeout", 2)
ASKED_SHORTER = Ends(loses=True)  # the record holds the long prompt too
POISON = (
    Row("some prompts always fail", tuple(of_poisoned(trouble) for trouble in (
        give(500, '{"error": {"message": "internal"}}', "application/json"),
        give(502, "<html>Bad Gateway</html>"), give(500, "ошибка", "text/plain"),
    )), LOSES, LOSES, PATIENT, is_slow=True),
    Row("some prompts never get choices", tuple(of_poisoned(trouble) for trouble in (
        without_choices(), without_choices(choices=[]), without_choices(choices=None),
    )), LOSES, LOSES, PATIENT, is_slow=True),
    Row("some prompts never end", (of_poisoned(_hang),) * 3, LOSES, LOSES,
        ("--patience", 60, "--timeout", 1), is_slow=True),
    Row("some prompts break the connection", (
        of_poisoned(_half), of_poisoned(give(200, "", "application/json")),
        of_poisoned(give(200, '{"id": "x", "cho', "application/json")),
    ), LOSES, LOSES, PATIENT, is_slow=True),
    Row("some prompts are stopped by a firewall", tuple(
        of_poisoned(give(status, "<html><h1>Request blocked</h1></html>"))
        for status in (403, 406, 405)
    ), LOSES, LOSES, PATIENT, is_slow=True),
    Row("some prompts are refused at first", tuple(
        now_and_then(refuse(always, status, text, short)) for status, text in (
            (400, "upstream hiccup"), (404, "no such route"), (401, "недействительный ключ"),
        )), Ends(loses=None), Ends(loses=None, has_gaps=None), PATIENT, is_slow=True),
    Row("a router with a picky provider", words(
        lambda body: poisoned(body) and BOTH(body),
        (400, "This provider has either temperature or top_p.", openai),
        (404, "No endpoints found that take all these parameters.", openai),
        (422, "参数不受支持", vllm),
    ), judged=False),
    Row("some prompts are blocked", words(
        poisoned,
        (400, "The prompt set off our content management policy.", openai),
        (403, "Flagged by moderation", openai),
        (400, "内容审核未通过", openai),
    ), LOSES, LOSES),
    Row("some prompts are refused in a 200", words(
        poisoned,
        (200, "Provider returned error", lambda text: {"error": {"message": text, "code": 400}}),
        (200, "blocked", lambda text: {"error": {"message": text, "code": 403}}),
        (200, "违规内容", lambda text: {"error": {"message": text, "code": 422}}),
    ), LOSES, LOSES, PATIENT, is_slow=True),
    Row("proposals too long for the context", words(
        too_long,
        (400, "Your messages take 5120 tokens, and the model's context length is 4096.", openai),
        (422, "inputs + max_new_tokens must stay <= 4096", short),
        (500, "el texto no cabe en la ventana de contexto", fastapi),
    ), ASKED_SHORTER, judged=False),
    Row("proposals too long, in unknown words", words(
        too_long,
        (413, "Payload Too Large", plain),
        (400, "Range of input length should be [1, 4096]", openai),
        (400, "入力が長すぎます", vllm),
    ), ASKED_SHORTER, judged=False),
)  # fmt: skip

# ---------------------------------------------------------------- errors that the user must mend


def fails(code: int, says: str) -> tuple[Ends, Ends]:
    """The same end for both commands."""
    return Ends(code, says), Ends(code, says)


CREDIT = r"(?i)credit|top up|balance|billing"
FATAL = (
    Row("a wrong key", words(
        always,
        (401, "That key is not ours", openai), (401, "Unauthorized", plain),
        (401, "无效的令牌", short),
    ), *fails(2, r"OPENAI_API_KEY|--key-file"), QUICK),
    Row("a key in other shapes", words(
        always,
        (400, "API key not valid. Please pass a valid API key.", google),
        (403, "Forbidden: invalid api key", short), (401, "clé invalide", fastapi),
    ), *fails(2, r"(?i)key"), QUICK),
    Row("no access to the model", words(
        always,
        (403, "Your project has no access to this model", openai), (403, "Forbidden", plain),
        (403, "доступ запрещён", fastapi),
    ), *fails(2, r"key|access|Forbidden|доступ"), QUICK),
    Row("payment required", words(
        always,
        (402, "Insufficient Balance", openai), (402, "This request needs more credits", short),
        (402, "余额不足", vllm),
    ), *fails(2, CREDIT), QUICK),
    Row("no quota left", words(
        always,
        (429, "Your current quota is exceeded, look at your plan and billing details.", openai),
        (403, "The credit balance of this account is too low", anthropic),
        (400, "Your credit balance is too low to use the API", anthropic),
    ), *fails(2, CREDIT), QUICK),
    Row("no quota left, in other languages", words(
        always,
        (429, "账户已欠费，请充值", openai), (402, "Guthaben aufgebraucht", short),
        (403, "saldo insuficiente: recargue la cuenta (billing)", openai),
    ), *fails(2, r"(?i)credit|top up|balance|billing|429|充值|saldo"), QUICK, is_slow=True),
    Row("the day's limit", words(
        always,
        (429, "Rate limit exceeded: free-models-per-day", openai),
        (429, "Limit of 50 requests a day reached, resets at midnight", short),
        (429, "今日调用次数已达上限", vllm),
    ), *fails(2, r"429|limit|上限"), QUICK, is_slow=True),
    Row("no such model", words(
        always,
        (404, "The model `mentor` does not exist", openai),
        (400, "mentor is not a valid model ID", openai),
        (404, 'model "mentor" not found, try pulling it first', short),
    ), *fails(2, r"--model|model"), QUICK),
    Row("no such path", words(
        always,
        (404, "Invalid URL (POST /v2/chat/completions)", openai), (404, "404 page not found", plain),
        (404, "страница не найдена", fastapi),
    ), *fails(2, r"--base-url"), QUICK),
    Row("no such deployment", words(
        always,
        (404, "The API deployment for this resource is missing. It may take 5 minutes.", openai),
        (404, "DeploymentNotFound", openai), (404, "Kein Deployment mit diesem Namen", short),
    ), *fails(2, r"(?i)deployment|--base-url|--model"), QUICK),
    Row("no provider under this policy", words(
        always,
        (404, "No endpoints fit your data policy. See the privacy settings.", openai),
        (404, "No allowed providers are available for the selected model.", openai),
        (404, "нет провайдера, который соответствует политике данных", openai),
    ), *fails(2, r"(?i)policy|privacy|provider|провайдера"), QUICK),
    Row("a login page", tuple(give(status, "<html><title>Sign in</title></html>") for status in (
        200, 511, 203)), *fails(2, r"--base-url|log in"), QUICK),
    Row("no choices, ever", (
        without_choices(), without_choices(choices=[]), without_choices(choices=None, output="x"),
    ), *fails(2, r"choices"), QUICK),
    Row("another interface", tuple(
        give(200, json.dumps(body), "application/json") for body in (
            {"type": "message", "content": [{"type": "text", "text": "Hi."}]},
            {"model": "m", "message": {"role": "assistant", "content": "Hi."}, "done": True},
            {"result": {"response": "Hi."}, "success": True, "errors": []},
        )), *fails(2, r"choices|--base-url"), QUICK),
    Row("an error in every stream", tuple(
        give(200, text, "text/event-stream") for text in (
            'data: {"error": {"message": "Unknown model", "code": 400}}\n\ndata: [DONE]\n\n',
            'event: error\ndata: {"error": {"message": "модель не найдена"}}\n\n',
            "data: [DONE]\n\n",
        )), *fails(2, r"(?i)model|модель|stream|choices|--base-url"), QUICK, is_slow=True),
    Row("an error in every 200", tuple(
        give(200, json.dumps(body), "application/json") for body in (
            {"error": "Unexpected endpoint or method. (POST /chat/completions)"},
            {"error": {"message": "Unexpected endpoint"}, "status": "failed"},
            {"code": 1, "msg": "неизвестный метод"},
        )), *fails(2, r"(?i)unexpected|неизвестный|choices"), QUICK),
    Row("another kind of server", tuple(give(status, text, "text/plain") for status, text in (
        (501, "Unsupported method ('POST')"), (405, "Method Not Allowed"), (200, "It works!"),
    )), *fails(2, r"--base-url"), QUICK),
    Row("http where https is wanted", words(
        always,
        (400, "Client sent an HTTP request to an HTTPS server.", plain),
        (400, "The plain HTTP request was sent to HTTPS port", plain),
        (426, "Upgrade Required: use TLS", plain),
    ), *fails(2, r"https"), QUICK),
    Row("a proxy that wants a password", words(
        always,
        (407, "Proxy Authentication Required", plain), (407, "proxy login", short),
        (407, "прокси требует пароль", plain),
    ), *fails(2, r"(?i)proxy"), QUICK),
    Row("always an internal error", words(
        always,
        (500, "Internal Server Error", plain), (503, "Service Unavailable", short),
        (500, "CUDA: недостаточно памяти", fastapi),
    ), *fails(2, r"50[03]"), QUICK, is_slow=True),
    Row("money that ends in the middle", tuple(
        after(4, refuse(always, status, text, form)) for status, text, form in (
            (402, "Insufficient Balance", openai),
            (429, "You exceeded your current quota (insufficient_quota).", openai),
            (403, "余额不足，请充值 (billing)", openai),
        )), Ends(2, CREDIT), DONE, QUICK, judged=False, is_slow=True),
    Row("thoughts until the length is spent", tuple(
        choice(lambda one, reason=reason: (  # type: ignore[misc]
            message(content="", reasoning_content="Let me think about this. ")(one),
            finish(reason)(one),
        )) for reason in ("length", "max_tokens", "MAX_TOKENS")
    ), Ends(1, "--max-tokens"), judged=False, options=QUICK),
)  # fmt: skip

BEHAVIOURS = (*PICKY, *ODD, *PASSING, *POISON, *FATAL)
