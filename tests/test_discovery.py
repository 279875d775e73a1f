"""The form in which a server takes requests is found out by trying, whatever its words."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from behaviours import too_long
from command import Ran, at, dataset, invoke
from server import Behaviour, LoopbackServer, error, failing

from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models import Completion, Decoding, Message, Request
from selfinstruct.models.limits.limits import Limits
from selfinstruct.models.openai.client import OpenAI

CHAT = Request(
    *("propose", "t0", "mentor", "chat"),
    messages=(Message("system", "You write tasks."), Message("user", "1. Sort.\n\nGo on.")),
    decoding=Decoding(1.3, 0.5, 4096, 1.0, 0.5, ("\n\n", "16.", "17.", "18.", "19.", "20.")),
    seed=5,
    response_format="json_object",
)
Refuses = Callable[[dict[str, Any]], bool]


def refusing(when: Refuses, words: object, status: int = 400) -> Behaviour:
    """Refuses the bodies for which `when` is true; `words` is the message or the whole body."""

    async def behave(call: Any, go_on: Any) -> Any:
        if not when(call.body):
            return await go_on(call)
        if isinstance(words, str):
            return error(status, words, "invalid_request_error")
        return web.json_response(words, status=status)

    return behave


def has(*fields: str) -> Refuses:
    """Whether a body has all of these fields."""
    return lambda body: all(field in body for field in fields)


def roles(body: dict[str, Any]) -> set[str]:
    return {message["role"] for message in body.get("messages", ())}


def slowly(*values: object) -> Any:
    return pytest.param(*values, marks=pytest.mark.slow)


def of_kind(kind: str) -> Refuses:
    return lambda body: body.get("response_format", {}).get("type") == kind


def changed(number: int, **changes: Any) -> Request:
    fields = {name: getattr(CHAT, name) for name in Request.__dataclass_fields__}
    messages = (CHAT.messages[0], Message("user", f"1. Sort.\n\nGo on with {number}."))
    changes = {"seed": number, "place": f"t{number}", "messages": messages, **changes}
    return Request(**{**fields, **changes})


def ask(
    server: LoopbackServer, *requests: Request, at_once: bool = False, **known: Any
) -> tuple[list[Completion | Exception], list[str]]:
    """The outcomes of requests and the notices of an endpoint."""
    said: list[str] = []

    async def outcome(endpoint: OpenAI, request: Request) -> Completion | Exception:
        try:
            return await endpoint.complete(request)
        except (ModelError, RequestFailed, Transient) as failed:
            return failed

    async def outcomes() -> list[Completion | Exception]:
        endpoint = OpenAI(
            base_url=server.base_url, api_key="k", timeout=20, notice=said.append, **known
        )
        try:
            if at_once:
                return list(await asyncio.gather(*(outcome(endpoint, each) for each in requests)))
            return [await outcome(endpoint, each) for each in requests]
        finally:
            await endpoint.close()

    return asyncio.run(outcomes()), said


def generate(out: Path, n: int, *words: object) -> Ran:
    return invoke("generate", "--n", n, "--out", out, *words).done()


def left_out(out: Path) -> dict[str, Any]:
    [found] = json.loads((out / "checkpoint.json").read_text())["left_out"].values()
    assert isinstance(found, dict)
    return found


# ---------------------------------------------------------------- a field, in any words

WORDS = (
    "Nope, that knob is taken off here.",
    "リクエストの形式が正しくありません。",
    {"detail": [{"type": "extra_forbidden", "msg": "Zusätzliche Eingaben sind nicht erlaubt"}]},
)
FIELDS: dict[str, dict[str, str | None]] = {
    "top_p": {"top_p": None},
    "temperature": {"temperature": None},
    "presence_penalty": {"presence_penalty": None},
    "frequency_penalty": {"frequency_penalty": None},
    "stop": {"stop": None},
    "seed": {"seed": None},
    "response_format": {"json_object": None},
    "max_tokens": {"max_tokens": "max_completion_tokens"},
}

FIELDS_AND_WORDS = [
    pytest.param(
        *(field, words),
        marks=[] if (number + at) % 3 == 0 else pytest.mark.slow,
        id=f"{field}-{at}",
    )
    for number, field in enumerate(FIELDS)
    for at, words in enumerate(WORDS)
]


@pytest.mark.parametrize(("field", "words"), FIELDS_AND_WORDS)
def test_a_field_is_found_without_its_name(field: str, words: object) -> None:
    """By the request that was refused and another one; the replies lack nothing else."""
    known: dict[str, str | None] = {}
    with LoopbackServer(refusing(has(field), words)) as server:
        found, said = ask(server, *map(changed, range(3)), left_out=known)
        answered = [call.body for call in server.calls if call.status == 200]
        refused = len(server.calls) - len(answered)
    assert all(isinstance(each, Completion) for each in found), found
    assert known == FIELDS[field] and len(said) == 1
    others = set(FIELDS) - {field}
    assert all(others <= set(body) for body in answered) and len(answered) == 3
    assert refused <= 25


@pytest.mark.parametrize("status", [400, 404, 422, 200])
def test_the_status_does_not_matter(status: int) -> None:
    words = {"error": {"message": "не поддерживается", "code": None}}
    known: dict[str, str | None] = {}
    with LoopbackServer(refusing(has("seed"), words, status)) as server:
        found, _ = ask(server, *map(changed, range(4)), left_out=known)
    assert all(isinstance(each, Completion) for each in found), found
    assert known == {"seed": None}


@pytest.mark.parametrize("status", [500, slowly(501)])
def test_an_error_of_the_server_is_of_the_form_if_it_comes_again(status: int) -> None:
    known: dict[str, str | None] = {}
    with LoopbackServer(refusing(has("top_p"), "Internal error", status)) as server:
        again = [request for number in range(3) for request in [changed(number)] * 4]
        found, _ = ask(
            server, *again, left_out=known
        )  # a server that is known: it may have a fault
    assert all(isinstance(each, Transient) for each in found[:3]), found
    assert isinstance(found[3], Completion)
    assert known == {"top_p": None}


def test_a_passing_error_teaches_nothing() -> None:
    known: dict[str, str | None] = {}
    with LoopbackServer(failing("500", attempts=1)) as server:
        found, said = ask(server, changed(0), changed(0), changed(1), left_out=known)
    assert isinstance(found[1], Completion) and not said and not known


PAIRS = (("temperature", "top_p"), ("seed", "stop"), ("presence_penalty", "response_format"))


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("words", ["Tu ne peux pas faire cela.", slowly("bad input")])
def test_two_fields_that_are_both_refused_are_found(pair: tuple[str, str], words: str) -> None:
    known: dict[str, str | None] = {}

    def either(body: dict[str, Any]) -> bool:
        return any(field in body for field in pair)

    with LoopbackServer(refusing(either, words)) as server:
        found, said = ask(server, *map(changed, range(5)), left_out=known)
        late = [call.body for call in server.calls if call.status == 200][-1]
    assert all(isinstance(each, Completion) for each in found), found
    assert known == {**FIELDS[pair[0]], **FIELDS[pair[1]]} and len(said) == 2
    assert set(FIELDS) - set(pair) <= set(late)


def test_fields_that_are_refused_together_lose_one_of_them() -> None:
    """As newer models of Anthropic refuse temperature with top_p."""
    words = "`temperature` and `top_p` cannot both be specified for this model."
    with LoopbackServer(refusing(has("temperature", "top_p"), words)) as server:
        [found], said = ask(server, changed(0))
        assert isinstance(found, Completion) and len(said) == 1 and len(server.calls) == 2
        assert "temperature" in server.requests[-1] and "top_p" not in server.requests[-1]


def test_a_server_that_names_one_field_after_another_is_soon_satisfied() -> None:
    names = ("seed", "stop", "top_p", "presence_penalty", "frequency_penalty")

    async def one_by_one(call: Any, go_on: Any) -> Any:
        for name in names:
            if name in call.body:
                return error(400, f"El campo «{name}» no se admite.", "bad")
        return await go_on(call)

    with LoopbackServer(one_by_one) as server:
        [found], said = ask(server, changed(0))
        assert isinstance(found, Completion) and len(said) == len(names)
        assert len(server.calls) <= len(names) + 8


def test_all_fields_at_once_in_one_wording_leave_a_bare_request() -> None:
    def any_of(body: dict[str, Any]) -> bool:
        return bool(set(body) - {"model", "messages", "max_tokens"})

    with LoopbackServer(refusing(any_of, "整个请求无效")) as server:
        found, _ = ask(server, *map(changed, range(4)))
    assert all(isinstance(each, Completion) for each in found), found


@pytest.mark.parametrize(
    "words",
    [
        "Developer instruction is not enabled for models/gemma-3-27b-it",
        slowly("Die Rolle der Nachricht ist hier unzulässig"),
        "第一条消息无效",
    ],
)
def test_the_words_of_a_system_message_go_to_the_user(words: str) -> None:
    with LoopbackServer(refusing(lambda body: "system" in roles(body), words)) as server:
        found, said = ask(server, *map(changed, range(3)))
        assert all(isinstance(each, Completion) for each in found) and len(said) == 1
        [message] = server.requests[-1]["messages"]
    assert message["content"].startswith("You write tasks.\n\n1. Sort.")


@pytest.mark.parametrize(
    "words",
    [
        "This response_format type is unavailable now",
        slowly("Ce format de sortie n'existe pas"),
        "不支持",
    ],
)
def test_a_schema_becomes_an_object_and_then_nothing(words: str) -> None:
    schema = {"label": {"type": "string"}}
    requests = [
        changed(number, response_format="json_schema", schema=schema) for number in range(3)
    ]
    with LoopbackServer(refusing(of_kind("json_schema"), words)) as server:
        found, _ = ask(server, *requests)
        assert all(isinstance(each, Completion) for each in found)
        assert server.requests[-1]["response_format"] == {"type": "json_object"}
    with LoopbackServer(refusing(has("response_format"), words)) as server:
        found, _ = ask(server, *requests)
        assert all(isinstance(each, Completion) for each in found)
        assert "response_format" not in server.requests[-1]


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("words", "bound"),
    [
        ("temperature must be between 0 and 1", "1"),
        ("La température doit être comprise dans l'intervalle [0, 1].", "1"),
        slowly("温度过高", "1"),
        ("Wert ungültig, höchstens 0,9 erlaubt (temperature)", "0.9"),
    ],
)
def test_a_temperature_out_of_range_is_lowered_for_its_stage(words: str, bound: str) -> None:
    known: dict[str, str | None] = {}
    high = 1.0 if bound == "1" else 0.9

    def too_hot(body: dict[str, Any]) -> bool:
        return bool(body.get("temperature", 0) > high)

    with LoopbackServer(refusing(too_hot, words)) as server:
        found, said = ask(server, *map(changed, range(3)), left_out=known)
        sent = server.requests[-1]["temperature"]
    assert all(isinstance(each, Completion) for each in found), found
    assert known == {"propose.temperature": bound} and sent == high and len(said) == 1
    assert "propose" in said[0] and bound in said[0]


@pytest.mark.parametrize(
    "words",
    ["temperature: must be greater than 0", "采样参数无效", slowly("Nur positive Werte, bitte.")],
)
def test_a_greedy_stage_gets_a_small_temperature(words: str) -> None:
    known: dict[str, str | None] = {}
    greedy = [
        changed(number, stage="classify", decoding=Decoding(0.0, max_tokens=16))
        for number in range(3)
    ]
    with LoopbackServer(refusing(lambda body: body.get("temperature") == 0, words)) as server:
        found, _ = ask(server, *greedy, changed(9), left_out=known)
        *_, small, usual = [call.body for call in server.calls if call.status == 200]
    assert all(isinstance(each, Completion) for each in found), found
    assert known == {"classify.temperature": "0.01+"}
    assert (small["temperature"], usual["temperature"]) == (0.01, 1.3)


@pytest.mark.parametrize(
    ("words", "bound"),
    [
        ("max_tokens is too large: 4096. This model supports at most 2,500 tokens.", "2500"),
        slowly("La longueur demandée dépasse la limite de 2500.", "2500"),
        ("請求過長", "2048"),
        ("الحد الأقصى هو ٢٥٠٠ رمز", "2500"),
    ],
)
def test_a_reply_that_may_not_be_so_long_is_bounded(words: str, bound: str) -> None:
    known: dict[str, str | None] = {}

    def too_many_tokens(body: dict[str, Any]) -> bool:
        return bool(body.get("max_tokens", body.get("max_completion_tokens", 0)) > 2500)

    with LoopbackServer(refusing(too_many_tokens, words)) as server:
        found, said = ask(server, *map(changed, range(3)), left_out=known)
        assert server.requests[-1]["max_tokens"] == int(bound)
    assert all(isinstance(each, Completion) for each in found), found
    assert known == {"propose.max_tokens": bound} and len(said) == 1


@pytest.mark.parametrize(
    ("words", "bound"),
    [
        ("At most 4 stop sequences are allowed", "4"),
        ("停止序列过多", "4"),
        ("Zu viele: 5 sind erlaubt (stop)", "5"),
    ],
)
def test_too_many_stop_sequences_are_cut_to_the_first(words: str, bound: str) -> None:
    known: dict[str, str | None] = {}
    most = int(bound)
    with LoopbackServer(refusing(lambda body: len(body.get("stop", ())) > most, words)) as server:
        found, _ = ask(server, *map(changed, range(3)), left_out=known)
        assert server.requests[-1]["stop"] == list(CHAT.decoding.stop[:most])
    assert all(isinstance(each, Completion) for each in found), found
    assert known == {"propose.stop": bound}


# ---------------------------------------------------------------- evidence


def test_a_refusal_is_the_requests_own_once_others_of_its_kind_are_answered() -> None:
    poison = changed(7, messages=(Message("user", "poison"),))
    when: Refuses = lambda body: "poison" in str(body["messages"])  # noqa: E731
    with LoopbackServer(refusing(when, "kann nicht")) as server:
        found, said = ask(server, changed(0), poison)
        assert len(server.calls) == 2
    assert isinstance(found[1], (RequestFailed, Transient)) and not said


@pytest.mark.parametrize("kind", ["400", "404", "model"])
def test_a_server_that_refuses_everything_is_soon_given_up(kind: str) -> None:
    with LoopbackServer(failing(kind)) as server:
        found, said = ask(server, *map(changed, range(64)), at_once=True)
        assert not any(isinstance(each, Completion) for each in found) and not said
        assert len(server.calls) <= 64 + (60 if kind == "400" else 10)


@pytest.mark.parametrize("words", ["unbekannt", "seed is not supported"])
def test_many_refused_requests_make_one_search(words: str) -> None:
    """Each is sent in the usual form once, and the forms are tried by two requests at most."""
    with LoopbackServer(refusing(has("seed"), words)) as server:
        found, said = ask(server, *map(changed, range(64)), at_once=True)
        refused = sum(call.status != 200 for call in server.calls)
        assert not server.bought_twice
    assert all(isinstance(each, Completion) for each in found) and len(said) == 1
    assert refused <= 64 + 25


def test_requests_of_another_stage_keep_a_field_that_was_taken() -> None:
    def cold(body: dict[str, Any]) -> bool:
        return body.get("max_tokens") == 16 and "top_p" in body

    known: dict[str, str | None] = {}
    others = [
        changed(number, stage="classify", decoding=Decoding(0.7, 0.9, 16)) for number in (1, 2, 3)
    ]
    with LoopbackServer(refusing(cold, "top_p: no")) as server:
        ask(server, changed(0), *others, changed(4), left_out=known)
        assert "top_p" in server.requests[-1]
    assert known == {"classify.top_p": None}


# ---------------------------------------------------------------- end to end


def claude(body: dict[str, Any]) -> bool:
    return "temperature" in body and "top_p" in body


def gemma(body: dict[str, Any]) -> bool:
    return "system" in roles(body)


NAMED = {
    "Claude": (claude, "`temperature` and `top_p` cannot both be specified for this model."),
    "Gemma": (gemma, "Developer instruction is not enabled for models/gemma-3-27b-it"),
    "Claude in French": (claude, "Ces deux paramètres ne vont pas ensemble."),
    "Gemma in Chinese": (gemma, "请求无效"),
}


@pytest.mark.parametrize(
    ("name", "concurrency"),
    [
        ("Claude", 64),
        slowly("Claude", 1),
        slowly("Gemma", 64),
        ("Gemma", 1),
        ("Claude in French", 1),
        slowly("Claude in French", 64),
        slowly("Gemma in Chinese", 1),
        ("Gemma in Chinese", 64),
    ],
)
def test_a_run_with_default_settings_finds_the_form_and_a_resumed_one_knows_it(
    name: str, concurrency: int, tmp_path: Path
) -> None:
    when, words = NAMED[name]
    out, told = tmp_path / "run", ("--concurrency", concurrency)
    with LoopbackServer(refusing(when, words)) as server:
        first = generate(out, 12, *at(server), *told)
        before = sum(call.status == 400 for call in server.calls)
        generate(out, 20, *at(server), *told)
        assert sum(call.status == 400 for call in server.calls) == before
        assert not server.bought_twice
        shown = invoke("status", out).done().out
    field = next(iter(left_out(out)))
    assert json.loads((out / "run.json").read_text())["not_taken"] == {
        server.base_url: left_out(out)
    }
    assert (first.out + first.err).count("does not take") == 1 and field in shown
    invoke("verify", out).done()


def test_a_judge_whose_server_knows_no_schema_asks_for_an_object(tmp_path: Path) -> None:
    words = "This response_format type is unavailable now"
    with LoopbackServer(refusing(of_kind("json_schema"), words)) as server:
        generate(tmp_path / "run", 12, *at(server))
        invoke("judge", tmp_path / "run", *at(server)).done()
        kinds = Counter(
            body["response_format"]["type"] for body in server.requests if "response_format" in body
        )
    assert kinds["json_schema"] >= 1 and kinds["json_object"] >= 12


def test_the_calls_of_a_search_count_against_the_caps(tmp_path: Path) -> None:
    for cap in (3, 20):
        with LoopbackServer(refusing(has("top_p"), "いいえ")) as server:
            ended = invoke(
                *("generate", "--n", 40, "--out", tmp_path / str(cap), *at(server)),
                *("--max-requests", cap, "--concurrency", 16),
            )
            assert len(server.calls) <= cap
        assert ended.code == 75, ended


def test_a_prompt_that_is_too_long_is_found_by_a_shorter_one(tmp_path: Path) -> None:
    with LoopbackServer(refusing(too_long, "入力が多すぎます")) as server:
        generate(tmp_path / "run", 5, *at(server))
    files = dataset(tmp_path / "run")
    shown = {
        len(json.loads(line)["demonstrations"]) for line in files["instructions.jsonl"].splitlines()
    }
    assert shown == {4} and b'"reason": "context_overflow"' in files["rejected.jsonl"]
    invoke("verify", tmp_path / "run").done()


def test_the_dataset_is_the_same_at_every_concurrency(tmp_path: Path) -> None:
    def picky(body: dict[str, Any]) -> bool:
        return "seed" in body or body.get("temperature") == 0

    made = []
    for concurrency in (1, 64):
        out = tmp_path / str(concurrency)
        with LoopbackServer(refusing(picky, "seed: no, and no temperature of 0")) as server:
            generate(out, 30, *at(server), "--concurrency", concurrency)
        made.append(dataset(out))
    assert made[0] == made[1]


def test_a_router_that_sends_some_requests_to_a_pickier_server_loses_none() -> None:
    """Others keep their fields: the server that refuses is a single one behind the router."""

    def picky(body: dict[str, Any]) -> bool:
        return "picky" in str(body["messages"]) and "seed" in body

    requests = [
        changed(number, messages=(Message("user", f"{'picky' if number % 2 else 'any'} {number}"),))
        for number in range(6)
    ]
    known: dict[str, str | None] = {}
    with LoopbackServer(refusing(picky, "没有服务商支持这些参数", 404)) as server:
        found, _ = ask(server, *requests, left_out=known)
        assert all(
            "seed" in call.body for call in server.calls if "any" in str(call.body["messages"])
        )
    assert all(isinstance(each, Completion) for each in found) and not known


def test_a_prompt_too_long_for_a_server_that_fails_at_it_is_shortened() -> None:
    words = "el texto no cabe en la ventana de contexto"
    long = changed(7, messages=(Message("user", "long"),), shrinks=True)
    with LoopbackServer(refusing(lambda body: "long" in str(body), words, 500)) as server:
        found, _ = ask(server, changed(0), long)
    assert isinstance(found[1], RequestFailed) and found[1].reason == "context_overflow"


def test_a_server_that_takes_no_limit_is_served_unless_a_cap_rests_on_the_limit(
    tmp_path: Path,
) -> None:
    def limited(body: dict[str, Any]) -> bool:
        return bool({"max_tokens", "max_completion_tokens"} & set(body))

    with LoopbackServer(refusing(limited, "不要限制长度")) as server:
        generate(tmp_path / "run", 8, *at(server))
        assert left_out(tmp_path / "run")["max_tokens"] is None
        generate(tmp_path / "run", 12, *at(server))
        before = len(server.calls)
        capped = invoke(
            *("generate", "--n", 16, "--out", tmp_path / "run", *at(server)),
            *("--max-tokens-total", 10**6),
        )
        assert capped.code == 2 and all(limited(call.body) for call in server.calls[before:])


def test_a_reply_that_may_not_be_so_short_gets_more_room() -> None:
    known: dict[str, str | None] = {}
    short = [changed(number, decoding=Decoding(0.5, max_tokens=16)) for number in range(3)]

    async def outcomes(server: LoopbackServer) -> list[Completion]:
        endpoint = OpenAI(base_url=server.base_url, api_key="k", timeout=20, left_out=known)
        endpoint.surround(lambda calls: calls, Limits(), is_length_free=True)
        try:
            return [await endpoint.complete(each) for each in short]
        finally:
            await endpoint.close()

    words = "слишком мало токенов: не меньше 64"
    with LoopbackServer(
        refusing(lambda body: body.get("max_tokens", 0) < 64, words, 422)
    ) as server:
        asyncio.run(outcomes(server))
        assert server.requests[-1]["max_tokens"] == 64
    assert known == {"propose.max_tokens": "64+"}


def test_a_501_is_about_a_field_until_the_search_has_shown_otherwise(tmp_path: Path) -> None:
    with LoopbackServer(refusing(has("seed"), "nicht vorhanden", 501)) as server:
        generate(tmp_path / "run", 5, *at(server))
    with LoopbackServer(refusing(lambda body: True, "nicht vorhanden", 501)) as server:
        said = invoke("generate", "--n", 5, "--out", tmp_path / "none", *at(server)).error
    assert "check --base-url" in said
