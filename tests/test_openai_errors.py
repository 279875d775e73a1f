"""Every exception of the libraries below, and every HTTP status, means a stated error.

The tables are the full list behind docs/models.md.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import aiohttp
import httpx2
import openai
import pytest

from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models import Decoding, Message, Request
from selfinstruct.models.openai.client import OpenAI
from selfinstruct.models.openai.errors import AmbiguousFailure
from selfinstruct.models.openai.refusals import (
    Refusal,
    error_of_refusal,
    rejected_field,
    status_within,
)
from selfinstruct.models.openai.replies import parsed

REQUEST = Request(
    "propose", "t0", "mentor", "chat", (Message("user", "Go on."),), Decoding(max_tokens=10), 5
)
ENDPOINT = OpenAI(base_url="http://127.0.0.1:9/v1", api_key="none", timeout=5)  # never connects
SENT = httpx2.Request("POST", "http://127.0.0.1:9/v1/chat/completions")
REFUSED = OSError(111, "Connection refused")
UNTRUSTED = ssl.SSLCertVerificationError(1, "certificate verify failed")
UNTRUSTED.verify_message, UNTRUSTED.verify_code = "self-signed certificate", 18


def name_of(error: Exception) -> str:
    """An error in a few words, with the flags that the layers above look at."""
    if isinstance(error, AmbiguousFailure):
        return f"{name_of(error.of_run)} | {name_of(error.of_request)}"
    if isinstance(error, Transient):
        flags = ("is_server_gone", "is_server_busy", "may_be_charged")
        return " ".join(["again", *(flag.split("_")[-1] for flag in flags if getattr(error, flag))])
    if isinstance(error, RequestFailed):
        return f"this one: {error.reason}"
    assert isinstance(error, ModelError), error
    return "the run"


CALLS: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
    "a chat request, over the HTTP client": lambda: ENDPOINT.calls.send(REQUEST, {}),
    "another call, by the openai client": ENDPOINT.session.models,
}


def error_in_the_client(error: BaseException, *, below: bool = False) -> Exception:
    """The error that an exception becomes where requests are sent, or `below`, in aiohttp.

    Both ways to an endpoint give the same error with the same words.
    """
    chat, other = (error_of_call(call, error, below=below) for call in CALLS.values())
    assert (name_of(chat), str(chat)) == (name_of(other), str(other))
    return chat


def error_of_call(
    call: Callable[[], Coroutine[Any, Any, object]], error: BaseException, *, below: bool
) -> Exception:
    class Transport(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            raise error

    class Session:
        def request(self, *words: Any, **options: Any) -> Any:
            raise error

    client: Any = ENDPOINT.session._http
    usual = client._transport
    if below:
        usual.client = Session
    else:
        client._transport = Transport()
    try:
        asyncio.run(call())
    except (ModelError, RequestFailed, Transient, AmbiguousFailure) as meant:
        return meant
    finally:
        client._transport = usual
    raise AssertionError("it was answered")


def below(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for one in kind.__subclasses__():
        yield from below(one)


def classes(library: str, *roots: type[BaseException]) -> set[str]:
    """Names of the library's own classes, without subclasses in libraries of earlier tests."""
    found = {one for root in roots for one in below(root)}
    return {one.__name__ for one in found if one.__module__.partition(".")[0] == library}


# ---------------------------------------------------------------- openai

EITHER = "the run | this one: bad_request"
STATUSES = {  # a bare one, without words that say more
    **dict.fromkeys((101, 300, 301, 304), "the run | again charged"),
    **dict.fromkeys((407, 426, 511), "the run"),
    401: "the run | again",
    501: "again charged",  # often of a field: it is looked for after the second try
    **dict.fromkeys(
        (402, 403, 404, 405, 406, 410, 411, 414, 415, 418, 421, 428, 431, 451),
        "the run | this one: bad_request",
    ),
    **dict.fromkeys((400, 422), "the run | this one: bad_request"),
    413: "the run | this one: context_overflow",
    **dict.fromkeys((408, 409, 425), "again"),
    429: "again busy",
    **dict.fromkeys((500, 502, 504, 505, 507, 508, 520, 522, 524, 599), "again charged"),
    **dict.fromkeys((503, 529), "again"),  # they say that nothing was begun
}
OF_OPENAI = {
    "APIConnectionError": "again gone charged",
    "APITimeoutError": "again charged",
    "APIResponseValidationError": "the run | again charged",
    "APIStatusError": STATUSES[418],
    "BadRequestError": STATUSES[400],
    "AuthenticationError": STATUSES[401],
    "OAuthError": STATUSES[401],
    "PermissionDeniedError": STATUSES[403],
    "NotFoundError": STATUSES[404],
    "ConflictError": STATUSES[409],
    "UnprocessableEntityError": STATUSES[422],
    "RateLimitError": STATUSES[429],
    "InternalServerError": STATUSES[500],
}
# None of these comes of the calls here; they are of streams, parsing and other clients.
OF_THE_CLIENT = {
    "OpenAIError", "APIError", "LengthFinishReasonError", "ContentFilterFinishReasonError",
    "WebSocketConnectionClosedError", "WebSocketQueueFullError", "_AmbiguousModuleClientUsageError",
}  # fmt: skip
OF_OTHERS = {"InvalidWebhookSignatureError"}  # no OpenAIError: only what checks webhooks raises it


def of_openai() -> dict[str, type[BaseException]]:
    """All that it exports. In other corners of it there are more, defined as they are imported."""
    exported = (getattr(openai, name) for name in dir(openai) if "Error" in name)
    return {
        one.__name__: one
        for one in exported
        if isinstance(one, type) and issubclass(one, BaseException)
    }


def test_the_table_knows_every_exception_of_openai() -> None:
    assert set(of_openai()) == {*OF_OPENAI, *OF_THE_CLIENT, *OF_OTHERS}


def test_an_exception_from_a_far_corner_of_openai_ends_the_run_too() -> None:
    others = [one for one in below(openai.OpenAIError) if one.__name__ not in of_openai()]
    assert others and {name_of(error_in_the_client(made(one))) for one in others} == {"the run"}


def made(kind: type[BaseException]) -> BaseException:
    status = {"AuthenticationError": 401, "OAuthError": 401, "InternalServerError": 500}.get(
        kind.__name__
    )
    status = status or getattr(kind, "status_code", 418)
    status = status if isinstance(status, int) else 418
    found = kind.__new__(kind)  # whatever their constructors want, it is nothing that is looked at
    Exception.__init__(found, "words")
    vars(found).update(
        message="words",
        request=SENT,
        body=None,
        code=None,
        param=None,
        type=None,
        status_code=status,
    )
    vars(found).update(response=httpx2.Response(status, request=SENT))
    return found


@pytest.mark.parametrize("name", sorted({*OF_OPENAI, *OF_THE_CLIENT}))
def test_every_exception_of_openai_has_its_error(name: str) -> None:
    assert name_of(error_in_the_client(made(of_openai()[name]))) == OF_OPENAI.get(name, "the run")


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_its_error(status: int) -> None:
    assert (
        name_of(error_of_refusal(Refusal("http://there/v1", status, "words"), "mentor"))
        == STATUSES[status]
    )


# ---------------------------------------------------------------- what carries the requests

OF_HTTPX2 = {
    **dict.fromkeys(("HTTPError", "RequestError", "TransportError"), "again gone charged"),
    **dict.fromkeys(("NetworkError", "ReadError"), "again gone charged"),
    **dict.fromkeys(("WriteError", "CloseError"), "again gone charged"),
    **dict.fromkeys(("ConnectError", "ProxyError"), "again gone"),
    **dict.fromkeys(("TimeoutException", "ConnectTimeout"), "again charged"),
    **dict.fromkeys(("ReadTimeout", "WriteTimeout"), "again charged"),
    "PoolTimeout": "again gone",
    **dict.fromkeys(("ProtocolError", "LocalProtocolError"), "the run | again charged"),
    "RemoteProtocolError": "the run | again charged",
    **dict.fromkeys(("DecodingError", "SSEError"), "the run | again charged"),
    **dict.fromkeys(("TooManyRedirects", "UnsupportedProtocol"), "the run | again charged"),
    "InvalidURL": "the run | again charged",
    "HTTPStatusError": "again gone charged",  # the openai client turns its own into APIStatusError
}  # fmt: skip
OF_AIOHTTP = {
    "ClientError": "again gone charged",
    **dict.fromkeys(
        ("ClientConnectionError", "ClientConnectionResetError", "ClientOSError"),
        "again gone charged",
    ),
    **dict.fromkeys(("ServerConnectionError", "ServerDisconnectedError"), "again gone charged"),
    **dict.fromkeys(("ClientPayloadError", "UploadAbortedError"), "again gone charged"),
    **dict.fromkeys(("ServerTimeoutError", "SocketTimeoutError"), "again charged"),
    "ConnectionTimeoutError": "again gone",
    **dict.fromkeys(
        (
            "ClientConnectorError",
            "ClientConnectorDNSError",
            "ClientConnectorSSLError",
            "ClientSSLError",
        ),
        "again gone",
    ),
    **dict.fromkeys(("ClientProxyConnectionError", "UnixClientConnectorError"), "again gone"),
    **dict.fromkeys(("ClientConnectorCertificateError", "ServerFingerprintMismatch"), "the run"),
    **dict.fromkeys(
        ("ClientResponseError", "ContentTypeError", "WSServerHandshakeError"),
        "the run | again charged",
    ),
    "ClientHttpProxyError": "the run",
    **dict.fromkeys(("TooManyRedirects", "RedirectClientError"), "the run | again charged"),
    **dict.fromkeys(
        ("InvalidURL", "InvalidUrlClientError", "InvalidUrlRedirectClientError"),
        "the run | again charged",
    ),
    **dict.fromkeys(
        ("NonHttpUrlClientError", "NonHttpUrlRedirectClientError"), "the run | again charged"
    ),
}


def of_aiohttp() -> dict[str, type[BaseException]]:
    return {one.__name__: one for one in below(aiohttp.ClientError)}


def aiohttps(kind: type[BaseException]) -> Any:
    info: Any = aiohttp.RequestInfo(
        url="http://there",  # type: ignore[arg-type]
        method="POST",
        headers={},  # type: ignore[arg-type]
        real_url="http://there",  # type: ignore[arg-type]
    )
    key: Any = aiohttp.client_reqrep.ConnectionKey("there", 443, True, True, None, None, None)
    build: Any = kind
    if issubclass(kind, aiohttp.ClientConnectorCertificateError):
        return build(key, UNTRUSTED)
    if kind.__name__ == "UnixClientConnectorError":
        return build("/socket", key, REFUSED)
    if issubclass(kind, aiohttp.ClientConnectorError):
        return build(key, REFUSED)
    if issubclass(kind, aiohttp.ClientResponseError):
        return build(info, (), status=407, message="words")
    if issubclass(kind, aiohttp.ServerFingerprintMismatch):
        return build(b"", b"", "there", 443)
    if issubclass(kind, OSError):
        return build(104, "Connection reset by peer")
    return build("words")


def test_the_tables_know_every_exception_of_what_carries_the_requests() -> None:
    assert classes("httpx2", httpx2.HTTPError, httpx2.InvalidURL) == set(OF_HTTPX2)
    ours = {one for one in of_aiohttp().values() if one.__module__.startswith("aiohttp.")}
    assert {one.__name__ for one in ours} == set(OF_AIOHTTP)


@pytest.mark.parametrize("name", OF_HTTPX2)
def test_every_exception_of_httpx2_has_its_error(name: str) -> None:
    kind: Any = getattr(httpx2, name)
    error = (
        kind("words", request=SENT, response=httpx2.Response(500))
        if name == "HTTPStatusError"
        else kind("words")
    )
    assert name_of(error_in_the_client(error)) == OF_HTTPX2[name]


@pytest.mark.parametrize("name", OF_AIOHTTP)
def test_every_exception_of_aiohttp_has_its_error(name: str) -> None:
    """Through the openai client's own translation of them."""
    assert (
        name_of(error_in_the_client(aiohttps(of_aiohttp()[name]), below=True)) == OF_AIOHTTP[name]
    )


@pytest.mark.parametrize(
    "error",
    [UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates"), ValueError("too many digits")],
)
def test_a_reply_that_trips_the_client_up_is_no_http(error: Exception) -> None:
    assert name_of(error_in_the_client(error, below=True)) == "the run | again charged"


def test_a_bug_stays_a_bug() -> None:
    with pytest.raises(ZeroDivisionError):
        error_in_the_client(ZeroDivisionError())


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("status", "code", "words", "meaning", "hint"),
    [
        (404, "model_not_found", "words", EITHER, "check --model 'mentor'"),
        (404, "", "The model `mentor` does not exist.", EITHER, "check --model 'mentor'"),
        (
            404,
            "",
            "model 'llama' not found, try pulling it first",
            EITHER,
            "check --model 'mentor'",
        ),
        (404, "", "Not Found", EITHER, "check --base-url, which usually ends in /v1"),
        (404, "", "Invalid URL (POST /v2/chat/completions)", EITHER, "no such path"),
        (
            400,
            "",
            "The plain HTTP request was sent to HTTPS port",
            "the run",
            "write https:// instead",
        ),
        (
            400,
            "",
            "Client sent an HTTP request to an HTTPS server.",
            "the run",
            "write https:// instead",
        ),
        (429, "insufficient_quota", "words", "the run | again busy", "no credit left"),
        (
            429,
            "",
            "Request too large for gpt-4o on tokens per min",
            "the run | this one: context_overflow",
            "",
        ),
        (451, "", "words", "the run | this one: bad_request", ""),
        (
            403,
            "",
            "Your input was flagged by moderation.",
            "the run | this one: content_filter",
            "",
        ),
    ],
)
def test_words_and_codes_say_more_than_a_status(
    status: int, code: str, words: str, meaning: str, hint: str
) -> None:
    found = error_of_refusal(Refusal("http://there/v1", status, words, code), "mentor")
    assert name_of(found) == meaning
    assert hint in str(found)


def test_a_field_that_is_refused_outright_is_named() -> None:
    refusal = Refusal("http://there/v1", 400, "Unsupported parameter: 'seed'", param="seed")
    assert rejected_field(refusal, {"seed": 1}) == "seed"
    assert rejected_field(refusal, {"top_p": 1}) is None


def test_a_reply_or_an_error_in_a_list_of_one_is_taken_out() -> None:
    assert parsed('[{"error": {"code": 400}}]') == {"error": {"code": 400}}
    for text in ('[{"id": "batch_1"}]', "[1]", "[]", '[{"error": 1}, {"error": 2}]'):
        assert isinstance(parsed(text), list)


def test_a_field_is_named_by_a_whole_word() -> None:
    refusal = Refusal("http://there/v1", 500, "Unexpected error, worker stopped")
    assert rejected_field(refusal, {"stop": ["x"]}) is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": {"code": 429, "message": "words"}}, 429),
        ({"error": {"code": "503", "message": "words"}}, 503),
        ({"status": 400, "title": "words"}, 400),
        ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, 402),
        ({"code": 1214, "msg": "words"}, None),
        ({"status": 200, "message": "words"}, None),
    ],
)
def test_the_status_inside_of_a_200(body: dict[str, object], status: int | None) -> None:
    assert status_within(body) == status
