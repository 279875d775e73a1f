"""Any OpenAI-compatible endpoint, through the openai client. The only module that imports it.

Every way in which a call can fail ends as one of three: Transient (make it again), RequestFailed (this request never works),
ModelError (no request of this run will); see fates.py. What a server does not understand of the optional fields is left out from
then on; see bodies.py.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import openai

from selfinstruct.errors import ModelError, RequestFailed, Transient, UserError
from selfinstruct.models import Allowance, Completion, Request
from selfinstruct.models.openai.bodies import INSTEAD, body_of, completion_of
from selfinstruct.models.openai.errors import (
    Doubtful,
    Refusal,
    Rejects,
    fate_of,
    fate_of_breakage,
    no_json,
    on_one_line,
    refusal_in,
    status_within,
    strange,
)
from selfinstruct.models.openai.headers import allowance, basic, retry_after
from selfinstruct.models.openai.keys import Secrets
from selfinstruct.models.openai.transport import (
    FAILURES,
    Careful,
    Reply,
    Target,
    TooLarge,
    breakage,
)
from selfinstruct.text import redacted

_PATHS = {"chat": "chat/completions", "completions": "completions"}  # below the base URL
_NO_KEY = "none"  # servers of one's own ask for none; the client wants a text
Result = TypeVar("Result")
_FOREIGN = (openai.OpenAIError, TooLarge, *FAILURES)  # every way in which a call fails


class _Http(Careful, openai.DefaultAioHttpClient):
    """aiohttp's pool: it stays fast with hundreds of requests under way."""


class OpenAI:
    """One endpoint. `api_key` None: it asks for none. `notice` is told, once each, what the server made us leave out; `told`
    hears, in the task of the call, what the headers say of the server's limits. `left_out` is what the server is known not to
    take (see bodies.py), None if it never answered; what is found out is added to it.
    """

    DOUBTS = 4  # refusals in a sitting that may be a request's own though nobody in it has been answered, if ever one was

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str | None,
        timeout: float,
        notice: Callable[[str], None] = lambda text: None,
        told: Callable[[Allowance], None] = lambda allowance: None,
        left_out: dict[str, str | None] | None = None,
    ) -> None:
        login = urlsplit(base_url or "")
        self._http = _http_client(timeout)
        try:
            self._client = openai.AsyncOpenAI(
                base_url=redacted(base_url) if base_url else None,
                api_key=api_key or _NO_KEY,
                timeout=timeout,
                max_retries=0,
                default_headers=basic(login.username, login.password or "")
                if login.username is not None
                else None,
                http_client=self._http,
            )
            self._targets = {api: self._target(path) for api, path in _PATHS.items()}
        except FAILURES:
            raise UserError(
                f"--base-url {redacted(base_url or '')}: holds what no address can hold; copy it again"
            ) from None
        self.address = redacted(str(self._client.base_url).rstrip("/"))
        self._secrets = Secrets(api_key, (base_url, *urllib.request.getproxies().values()))
        for logger in _loggers():
            logger.addFilter(self._secrets)
        self._notice, self._told = notice, told
        self._left_out = {} if left_out is None else left_out
        self._answered = False  # in this sitting
        self._doubts = 0 if left_out is None else self.DOUBTS
        self._first_answer: Callable[[dict[str, str | None]], object] = lambda left_out: None
        self._overflowed: set[str] = set()  # places in the run, while nobody was answered
        self._under_way = 0
        self._changed = asyncio.Event()  # either of the two has; a new one each time

    def _target(self, path: str) -> Target:
        """The address and the headers of every request to `path`.

        The openai client would put both together again for each request, and would build and read
        typed messages: most of the CPU time of a call (scripts/bench_throughput).
        """
        base = self._client.base_url
        headers = {
            "Authorization": f"Bearer {self._client.api_key}",
            **self._client.default_headers,  # its own Authorization is the address's user
        }
        return self._http.target(
            base.copy_with(raw_path=base.raw_path + path.encode("ascii")),
            {name: value for name, value in headers.items() if isinstance(value, str)},
        )

    async def complete(self, request: Request) -> Completion:
        self._under_way += 1
        try:
            return await self._accepted(request)
        except Doubtful as error:
            doubt = error.with_traceback(None)
            if self._will_be_shorter(request, doubt.of_request):
                raise doubt.of_request from None
        finally:
            self._under_way -= 1
            self._changed.set()
            self._changed = asyncio.Event()
        while self._under_way and not self._answered:  # a refusal comes back before any reply does
            await self._changed.wait()
        try:
            raise self._settled(doubt) from None
        finally:
            del doubt  # or what it holds and this frame would hold each other

    def _settled(self, doubt: Doubtful) -> Exception:
        """A refusal is the request's own where others are answered; in a run that goes on, a few are even where nobody is."""
        if self._answered:
            return doubt.of_request
        self._doubts -= 1
        return doubt.of_request if self._doubts >= 0 else doubt.of_run

    def when_it_answers(self, do: Callable[[dict[str, str | None]], object]) -> None:
        """Have `do` called with what is left out (as it is, and will be) at the sitting's first answer."""
        self._first_answer = do

    def _has_answered(self) -> None:
        if not self._answered:
            self._answered = True
            self._first_answer(self._left_out)

    def _will_be_shorter(self, request: Request, failure: Exception) -> bool:
        """Whether a prompt that does not fit is a turn's first: the turn shows less then, and asks once more."""
        is_overflow = (
            isinstance(failure, RequestFailed)
            and failure.reason == "context_overflow"
            and (request.shrinks or request.stage == "propose")
        )
        if self._answered or not is_overflow or request.place in self._overflowed:
            return False
        self._overflowed.add(request.place)
        return True

    async def _accepted(self, request: Request) -> Completion:
        for _ in range(len(INSTEAD) + 1):
            try:
                return await self._once(request)
            except Rejects as rejection:
                self._leave_out(rejection.field)
        raise ModelError(
            f"{self.address}: rejects one field after another; is this an OpenAI-compatible endpoint?"
        )

    async def models(self) -> list[str]:
        """The names that the endpoint serves."""
        try:
            record = self.record(
                (await self._heard(self._client.models.with_raw_response.list())).text
            )
        except Doubtful as fate:
            raise fate.of_run from None
        except (RequestFailed, Transient) as fate:
            raise ModelError(f"{fate}; is it running?") from None
        listed = record.get("data")
        names = (
            [str(one["id"]) for one in listed if isinstance(one, dict) and "id" in one]
            if isinstance(listed, list)
            else []
        )
        return [self._secrets.hidden_in_reply(name) for name in names]

    async def close(self) -> None:
        await self._client.close()
        for logger in _loggers():
            logger.removeFilter(self._secrets)

    # ------------------------------------------------ the same by other ways (batch_api.py)

    @property
    def left_out(self) -> dict[str, str | None]:
        """What bodies do without at this moment: see bodies.py."""
        return dict(self._left_out)

    def read(
        self, status: int, record: Any, request: Request, left_out: Mapping[str, str | None]
    ) -> Completion:
        """What a reply that came in a file says, to a body that did without `left_out`. Raises as `complete`, and Transient."""
        try:
            if status != 200:
                refusal = refusal_in(record, self.address, status, self.words)
                raise fate_of(refusal, body_of(request, left_out), request.model)
            completion = completion_of(record, request) if isinstance(record, dict) else None
            if completion is None:
                raise strange(
                    self.address, f"answers without 'choices' ({self.words(json.dumps(record))})"
                )
        except Rejects as rejection:
            self._leave_out(rejection.field)
            # Nothing against the request: without the field it can be sent again at once.
            raise Transient(
                f"does not take '{rejection.field}'", retry_after=0.0, is_server_busy=True
            ) from None
        except Doubtful as doubt:
            is_first = self._will_be_shorter(request, doubt.of_request)
            raise (doubt.of_request if is_first else self._settled(doubt)) from None
        self._has_answered()
        return self._without_secrets(completion)

    async def through(self, call: Callable[[Any], Awaitable[Any]], *, missing: str) -> Any:
        """One of the client's other calls; `missing` says what a 404 means. Raises Transient or ModelError."""
        try:
            return await self._heard(call(self._client), missing=missing)
        except Doubtful as doubt:
            raise doubt.of_run from None
        except RequestFailed as failure:
            raise ModelError(f"{self.address}: {failure}") from None

    # ------------------------------------------------ one call

    async def _once(self, request: Request) -> Completion:
        body = body_of(request, self._left_out)
        reply = await self._heard(self._http.post_json(self._targets[request.api], body))
        self._hear(reply.headers)
        if reply.is_refusal:
            raise fate_of(self._refusal(reply), body, request.model)
        record = self.record(reply.text)
        completion = completion_of(record, request)
        if completion is None:
            status = status_within(record)
            if status is not None:
                raise fate_of(
                    refusal_in(record, self.address, status, self.words), body, request.model
                )
            raise strange(self.address, f"answers without 'choices' ({self.words(reply.text)})")
        self._has_answered()
        return self._without_secrets(completion)

    async def _heard(self, call: Awaitable[Result], *, missing: str = "") -> Result:
        """What the libraries below say. Raises a fate; `missing`: what a 404 means, if not the usual."""
        try:
            return await call
        except _FOREIGN as error:
            failed: Exception = error.with_traceback(
                None
            )  # or it and this frame would hold each other: see sitting.py
        # Out here, or a bug in what follows would show the server's words in its traceback.
        if missing and isinstance(failed, openai.NotFoundError):
            raise ModelError(f"{self._refusal(Reply.of(failed.response)).said}; {missing}")
        raise self._fate(failed)

    def _without_secrets(self, completion: Completion) -> Completion:
        """A server for trying things out may repeat what it was sent, headers and all."""
        hidden = self._secrets.hidden_in_reply
        text, reasoning, reason = (
            hidden(completion.text),
            hidden(completion.reasoning),
            hidden(completion.finish_reason),
        )
        if (text, reasoning, reason) == (
            completion.text,
            completion.reasoning,
            completion.finish_reason,
        ):
            return completion
        return replace(completion, text=text, reasoning=reasoning, finish_reason=reason)

    def _hear(self, headers: Mapping[str, str]) -> None:
        said = allowance(headers, time.time())
        if said is not None:
            self._told(said)

    def _leave_out(self, field: str) -> None:
        if field in self._left_out:
            return  # another request under way found it out at the same time
        self._left_out[field] = other = INSTEAD[field]
        instead = f"; sends '{other}' instead" if other else ""
        self._notice(f"{self.address} does not take '{field}': left out from here on{instead}")

    def record(self, text: str) -> dict[str, Any]:
        """A reply's JSON object. Raises Doubtful."""
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            raise no_json(self.address, text, self.words(text))
        return record

    def words(self, text: str) -> str:
        """A foreign text on one line, shortened, without the secrets that it may repeat."""
        text = on_one_line(self._secrets.hidden(text))
        return text if len(text) <= 200 else text[:200] + "..."

    def _fate(self, error: Exception) -> Exception:
        """What a call that came to no reply means for the request and for the run; never holds a secret."""
        if isinstance(error, openai.APIStatusError):
            return fate_of(self._refusal(Reply.of(error.response)), {}, "")
        if isinstance(
            error, (openai.APIConnectionError, TooLarge, *FAILURES)
        ):  # timeouts are of this kind too
            broken = breakage(error)
            kind = (
                "late"
                if isinstance(error, openai.APITimeoutError) and error.__cause__ is None
                else broken.kind
            )
            return fate_of_breakage(
                replace(broken, kind=kind, words=self.words(broken.words)),
                self.address,
                is_new=not self._answered,
            )
        if isinstance(error, openai.APIResponseValidationError):
            return strange(self.address, "answers in an unexpected form")
        return ModelError(f"{self.address}: {self.words(str(error))}")

    def _refusal(self, reply: Reply) -> Refusal:
        try:
            record = json.loads(reply.text)
        except (ValueError, RecursionError):
            record = None
        after = retry_after(reply.headers, time.time())
        return refusal_in(
            record if isinstance(record, dict) else reply.text,
            self.address,
            reply.status,
            self.words,
            after,
        )


def _http_client(timeout: float) -> _Http:
    """Raises UserError if the environment leads it astray."""
    try:
        return _Http(seconds=timeout)
    except OSError as error:
        raise UserError(
            f"SSL_CERT_FILE, SSL_CERT_DIR: hold no certificates that can be read ({error.strerror or error}); mend or unset them"
        ) from None
    except (ValueError, *FAILURES) as error:
        raise UserError(
            f"HTTPS_PROXY, HTTP_PROXY, ALL_PROXY: no proxy's address ({type(error).__name__}); mend or unset it"
        ) from None


def _loggers() -> list[logging.Logger]:
    """Of the libraries below. A filter holds for a logger alone, not for those under it."""
    names = [
        name
        for name in logging.root.manager.loggerDict
        if name.partition(".")[0] in ("openai", "httpx2", "httpcore2", "aiohttp")
    ]
    return [logging.getLogger(name) for name in names]
