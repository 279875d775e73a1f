"""Calls to an endpoint: credentials, headers, and the errors that failed calls mean.

The openai client settles addresses, keys and headers, and makes the calls for models, files and
batches. Requests for replies go over the connections below that client (transport.py).
"""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import openai

from selfinstruct.errors import ModelError, RequestFailed, Transient, UserError
from selfinstruct.models.openai.access import Access
from selfinstruct.models.openai.bodies import encoded
from selfinstruct.models.openai.errors import AmbiguousFailure, not_json, on_one_line, unexpected
from selfinstruct.models.openai.failures import HTTP_ERRORS, error_of_failure, failure_of
from selfinstruct.models.openai.headers import basic, retry_after
from selfinstruct.models.openai.keys import Secrets
from selfinstruct.models.openai.received import Reply
from selfinstruct.models.openai.refusals import Refusal, error_of_refusal, read_refusal
from selfinstruct.models.openai.replies import parsed
from selfinstruct.models.openai.stream import BrokenStream
from selfinstruct.models.openai.transport import HttpClient, Target
from selfinstruct.text import redacted

_PATHS = {"chat": "chat/completions", "completions": "completions"}  # below the base URL
_TOKENIZE = "tokenize"  # of llama.cpp, beside /v1
_NO_KEY = "none"  # a server of one's own wants no key, but the openai client wants a text
_OF_A_BODY = (400, 404, 422, 500, 501)  # refusals that may be about a field of the body
_STREAM = re.compile(r".*\bstream(?:s|ing|ed)?\b.*", re.I | re.S)
_OF_THE_CLIENT = "X-Stainless-"  # the openai client's headers about itself, nine of them
_NO_ACCESS = Access()
_LONGEST_WORDS = 200  # characters of a foreign text in a message
Result = TypeVar("Result")


class Session:
    """The clients of one endpoint.

    base_url: None for OpenAI's own. api_key: None if the endpoint wants none. timeout: seconds for
    a call. has_answered: whether the endpoint has ever answered; a few messages depend on that.
    access: further headers and a query for every call, and whether replies come as streams.
    """

    def __init__(
        self,
        base_url: str | None,
        api_key: str | None,
        timeout: float,
        has_answered: Callable[[], bool],
        access: Access = _NO_ACCESS,
    ) -> None:
        """Raises UserError if an address or a variable of the environment is wrong."""
        # The openai client always sends a key: the word `none`, where there is no key.
        is_known = api_key is None and access.has_key and "Authorization" not in access.headers
        self._http = _http_client(timeout, ("Authorization",) if is_known else ())
        self._access, self._timeout = access, timeout
        try:
            self._client = _openai_client(base_url, api_key, timeout, self._http, access)
            self._targets = {api: self._target(path) for api, path in _PATHS.items()}
            self._tokenizer = self._target(_TOKENIZE, b"v1/")
        except HTTP_ERRORS:
            where = f"--base-url {redacted(base_url or '')}"
            raise UserError(f"{where}: holds what no address can hold; copy it again") from None
        self.address = redacted(str(self._client.base_url).rstrip("/"))
        addresses = (base_url, *urllib.request.getproxies().values())
        self.secrets = Secrets(api_key, addresses, access.secrets)
        self.secrets.guard_logs()
        self._http.keep_at(self._client.base_url, access.headers)
        self._has_answered = has_answered
        self._counted: bool | None = None  # whether streams come with usage; None: nobody knows
        self._is_trying = False

    async def close(self) -> None:
        await self._client.close()
        self.secrets.leave_logs()

    # ------------------------------------------------ calls

    async def post(self, api: str, body: bytes) -> Reply:
        """Send the body of a request. api: chat or completions. A refusal is a reply as well.

        body: the JSON of an object that is not empty. Raises AmbiguousFailure, Transient or
        ModelError.
        """
        target = self._targets[api]
        if not self._access.streams:
            return await self._heard(self._http.post_json(target, body))
        counted, sent = self._counted, body[:-1] + b',"stream":true'
        if counted is not False:
            sent += b',"stream_options":{"include_usage":true}'
        reply = await self._heard(self._http.post_json(target, sent + b"}"))
        if self._takes_usage(reply, counted):
            return reply
        if counted:  # another field was in the way before: the search for that goes on
            return await self.post(api, body)
        raise Transient(
            f"{self.address}: refuses a stream with usage; asked again without",
            retry_after=0.0,
            may_be_charged=False,
        )

    async def tokenize(self, text: str) -> Reply:
        """Ask a llama.cpp server for the tokens of a text. Raises as `post`."""
        body = {"content": text, "add_special": False}
        return await self._heard(self._http.post_json(self._tokenizer, encoded(body)))

    def _takes_usage(self, reply: Reply, counted: bool | None) -> bool:
        """Learn whether streams may be asked for their usage. False: ask again without.

        counted: whether this call was known to be asked so. The first refusal may be about usage:
        if the next call without usage is refused too, the refusals are about other parts.
        """
        if not reply.is_refusal:
            self._counted, self._is_trying = counted is not False, False
            return True
        if reply.status not in _OF_A_BODY:
            return True
        if counted is False:
            if self._is_trying:
                self._counted, self._is_trying = True, False
            return True
        is_named = "stream_options" in reply.text or "include_usage" in reply.text
        if counted and not is_named:
            return True
        self._counted, self._is_trying = False, not is_named
        return False

    async def models(self) -> Any:
        """The raw response with the list of models. Raises as `through`, and AmbiguousFailure."""
        return await self._heard(self._client.models.with_raw_response.list())

    async def through(self, call: Callable[[Any], Awaitable[Any]], *, missing: str) -> Any:
        """Make a call of the openai client. missing: the meaning of HTTP 404, for the message.

        Raises Transient or ModelError.
        """
        try:
            return await self._heard(call(self._client), missing=missing)
        except AmbiguousFailure as failure:
            raise failure.of_run from None
        except RequestFailed as failure:
            raise ModelError(f"{self.address}: {failure}") from None

    def _target(self, path: str, without: bytes = b"") -> Target:
        """The address and the headers of every request to `path`, in the place of `without`.

        The openai client would put both together again for each request, and would build and read
        typed messages: most of the CPU time of a call (scripts/bench_throughput).
        """
        base = self._client.base_url
        headers = {
            "Authorization": f"Bearer {self._client.api_key}",
            **self._client.default_headers,  # holds the Authorization of a user in the address
        }
        url = base.copy_with(raw_path=base.raw_path.removesuffix(without) + path.encode("ascii"))
        users, query = self._access.headers, self._access.query
        sent = {
            name: value
            for name, value in headers.items()
            if isinstance(value, str) and (name in users or not name.startswith(_OF_THE_CLIENT))
        }
        return self._http.target(url.copy_merge_params(query) if query else url, sent)

    # ------------------------------------------------ replies

    def record(self, text: str) -> dict[str, Any]:
        """The JSON object of a reply. Raises AmbiguousFailure."""
        record = parsed(text)
        if not isinstance(record, dict):
            raise not_json(self.address, text, self.words(text))
        return record

    def words(self, text: str) -> str:
        """Foreign text for a message: one short line without secrets."""
        text = on_one_line(self.secrets.hide(text))
        return text if len(text) <= _LONGEST_WORDS else text[:_LONGEST_WORDS] + "..."

    def refusal(self, reply: Reply) -> Refusal:
        """A reply that says no, read."""
        record, after = parsed(reply.text), retry_after(reply.headers, time.time())
        body = record if isinstance(record, dict) else reply.text
        refusal = read_refusal(body, self.address, reply.status, self.words, after)
        if reply.status in _OF_A_BODY and not self._access.streams:
            words = _STREAM.sub(r"\g<0>; try --stream", refusal.words)
            refusal = replace(refusal, words=words)
        return refusal

    async def _heard(self, call: Awaitable[Result], *, missing: str = "") -> Result:
        """The result of a call of the libraries below. missing: as of `through`.

        Raises AmbiguousFailure, Transient, RequestFailed or ModelError, without secrets.
        """
        try:
            return await call
        except (openai.OpenAIError, BrokenStream, *HTTP_ERRORS) as error:
            # Without the traceback, or the exception and this frame would hold each other.
            failed: Exception = error.with_traceback(None)
        # Outside `except`: the traceback of a bug below must not show the server's words.
        if missing and isinstance(failed, openai.NotFoundError):
            raise ModelError(f"{self.refusal(Reply.of(failed.response)).said}; {missing}")
        raise self._error_of(failed)

    def _error_of(self, error: Exception) -> Exception:
        """The error that an exception of the libraries below means."""
        if isinstance(error, openai.APIStatusError):
            return error_of_refusal(self.refusal(Reply.of(error.response)), "")
        if isinstance(error, (openai.APIConnectionError, *HTTP_ERRORS)):  # timeouts included
            failure = failure_of(error)
            failure = replace(failure, words=self.words(failure.words))
            is_new = not self._has_answered()
            return error_of_failure(failure, self.address, is_new=is_new, timeout=self._timeout)
        if isinstance(error, BrokenStream):
            return Transient(f"{self.address}: {self.words(str(error))}")
        if isinstance(error, openai.APIResponseValidationError):
            return unexpected(self.address, "answers in an unexpected form")
        return ModelError(f"{self.address}: {self.words(str(error))}")


def _openai_client(
    base_url: str | None, api_key: str | None, timeout: float, http: HttpClient, access: Access
) -> openai.AsyncOpenAI:
    """A user in the address is sent as basic authorisation, in the place of the key."""
    login = urlsplit(base_url or "")
    user, password = login.username, login.password or ""
    headers = {} if user is None else basic(user, password)
    return openai.AsyncOpenAI(
        base_url=redacted(base_url) if base_url else None,
        api_key=api_key or _NO_KEY,
        timeout=timeout,
        max_retries=0,
        default_headers={**headers, **access.headers} or None,
        default_query=dict(access.query) or None,
        http_client=http,
    )


def _http_client(timeout: float, dropped: Sequence[str]) -> HttpClient:
    """Raises UserError if a variable of the environment is wrong."""
    try:
        return HttpClient(seconds=timeout, dropped=dropped)
    except OSError as error:
        raise UserError(
            "SSL_CERT_FILE, SSL_CERT_DIR: hold no certificates that can be read "
            f"({error.strerror or error}); mend or unset them"
        ) from None
    except (ValueError, *HTTP_ERRORS) as error:
        raise UserError(
            "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY: no proxy's address "
            f"({type(error).__name__}); mend or unset it"
        ) from None
