"""The provider's batch endpoint: the same requests at half the price, answered in minutes or hours instead of seconds.

    asked -> collected -> uploaded -> intent on disk -> batch created -> id on disk -> polled -> handed out -> on record -> closed

Whatever a process dies of, and wherever on this way, the next one finds the batch again: by its id, or by a token that was
written down before the batch was made and that the endpoint keeps with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from selfinstruct.errors import ModelError, RequestFailed, Transient
from selfinstruct.models import Completion, Decoding, Model, Request, Usage
from selfinstruct.models.layers import Notice, when_there_is_room

if TYPE_CHECKING:
    from selfinstruct.models.openai import OpenAI

_ENDED = {"completed", "expired", "failed", "cancelled"}
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request as it stands in the log: enough to put its reply on record when nobody asks for it."""

    key: str
    stage: str
    place: str

    def request(self) -> Request:
        return Request(self.stage, self.place, "", "", (), Decoding(), 0)


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch. `id` is None until the endpoint is known to have it; `at`: seconds since the epoch."""

    token: str
    wanted: tuple[Wanted, ...]
    at: float
    id: str | None = None
    is_cancelled: bool = False  # by us


class Log(Protocol):
    """Where batches are written down (`batches.Batches`). All but `open` may raise NoRoom or UserError."""

    @property
    def open(self) -> Mapping[str, Sent]:
        """By token, in the order in which they began."""
        ...

    def begin(self, sent: Sent) -> None: ...

    def name(self, token: str, batch_id: str) -> None: ...

    def cancel(self, token: str) -> None: ...

    def close(self, token: str, why: str) -> None: ...


class Shelf(Protocol):
    """Where replies are kept; Recorded's own record."""

    def __contains__(self, key: str) -> bool: ...

    def get(self, key: str) -> Completion | None: ...

    def put(self, key: str, request: Request, completion: Completion, seconds: float) -> None: ...

    def sync(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Asked:
    request: Request
    answer: asyncio.Future[Completion]


class Batch:
    """Stands where the provider stands. `start` it first; `stop` it or `finish` it, and `close` it, at the end.

    Requests are collected until nothing new has been asked for IDLE seconds: by then everything is asked that can be without
    a reply. `live`: answers what is in no open batch, instead of another batch (a run that goes on without --batch).
    `took` hears of replies that go on record without having been waited for, `waiting` what is being waited for.
    """

    MOST, MOST_BYTES = 50_000, 190_000_000  # of one batch; the API takes 50,000 requests in 200 MB
    IDLE = 1.0  # seconds
    PAUSE, LONGEST_PAUSE = 5.0, 60.0  # seconds between two looks at a batch
    FIRST_TRIES, FIRST_PAUSE = 4, 0.5  # calls to an endpoint that has not answered yet; seconds after the first
    SETTLE = 10.0  # seconds until a batch that was being made when a process died is listed, if it was made at all

    def __init__(
        self,
        endpoint: OpenAI,
        log: Log,
        shelf: Shelf,
        *,
        retries: int,
        patience: float,
        notice: Notice = lambda text: None,
        took: Callable[[str, Completion], None] = lambda stage, completion: None,
        waiting: Callable[[str], None] = lambda text: None,
        live: Model | None = None,
    ) -> None:
        self._endpoint, self._log, self._shelf, self._live = endpoint, log, shelf, live
        self._retries, self._patience = retries, patience
        self._notice, self._took, self._waiting = notice, took, waiting
        self._asked: dict[str, _Asked] = {}  # by key: whoever waits
        self._wanted: dict[str, None] = {}  # keys to be sent
        self._held: dict[str, str] = {}  # by key: the token of the latest open batch that it is in
        self._tries: Counter[str] = Counter()
        self._done: dict[str, int] = {}  # by token, requests
        self._back: set[str] = set()  # tokens of batches that have ended, until all their replies are on record
        self._most, self._is_limited = self.MOST, False
        self._asked_at = 0.0
        self._something, self._one_ended = asyncio.Event(), asyncio.Event()
        self._idle = asyncio.Event()  # no batch is just being made
        self._idle.set()
        self._last_answer: float | None = None
        self._failure: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._collecting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Take up the batches that are open, and collect."""
        for sent in list(self._log.open.values()):
            self._held.update(dict.fromkeys((one.key for one in sent.wanted), sent.token))
            self._spawn(self._taken_up(sent))
        if self._live is None:
            self._collecting = self._spawn(self._collect())

    async def complete(self, request: Request) -> Completion:
        key = request.key
        known = self._shelf.get(key)
        if known is not None:  # it came in while this call waited for its turn: counted and on record already
            return replace(known, usage=Usage())
        if self._live is not None and key not in self._held:
            return await self._live.complete(request)
        if self._failure is not None:
            raise self._failure
        assert key not in self._asked, f"{request.stage} {request.place} is asked twice at once"
        asked = self._asked[key] = _Asked(request, asyncio.get_running_loop().create_future())
        if key not in self._held:
            self._want(key)
        try:
            return await asked.answer
        finally:
            self._asked.pop(key, None)
            self._wanted.pop(key, None)

    async def stop(self, grace: float) -> None:
        """Send nothing new; wait up to `grace` seconds for a batch that is just being made. What is open stays open."""
        if self._collecting is not None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._idle.wait(), grace)
            self._collecting.cancel()
        names = [sent.id or "one without a name yet" for sent in self._log.open.values()]
        if names:
            self._notice(f"batches that stay open: {', '.join(names)}; the same command goes on with them")

    async def finish(self, grace: float) -> None:
        """As `stop`, and cancel what is open: nobody needs it any more. What was done by then serves a longer run."""
        if self._collecting is not None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._idle.wait(), grace)
            self._collecting.cancel()
        end = time.monotonic() + grace
        while self._back and time.monotonic() < end and self._failure is None:  # noqa: ASYNC110  # a moment, once a run
            await asyncio.sleep(0.02)
        for sent in list(self._log.open.values()):
            if sent.id is not None and not sent.is_cancelled and not await self._has_ended(sent.id):
                self._log.cancel(sent.token)
                with contextlib.suppress(Transient, ModelError):  # it ends by itself
                    await self._endpoint.cancel(sent.id)
                self._notice(f"batch {sent.id}: cancelled, the dataset is whole without it")

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._endpoint.close()

    # ------------------------------------------------ tasks

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and self._failure is None:
            self._failure = error
            for asked in self._asked.values():
                _refuse(asked, error)

    async def _patiently(self, call: Callable[[], Awaitable[Result]]) -> Result:
        """Make a call until it succeeds, for `patience` seconds if the endpoint has ever answered. Raises ModelError."""
        begun = time.monotonic()
        for trial in itertools.count(1):
            try:
                result = await call()
            except Transient as error:
                now = time.monotonic()
                is_new = self._last_answer is None
                if trial >= self.FIRST_TRIES if is_new else now - max(begun, self._last_answer or 0.0) > self._patience:
                    raise ModelError(f"{error}; gave up after {now - begun:.0f} s, start again when it answers") from None
                pause = min(self.FIRST_PAUSE * 2.0 ** (trial - 1), self.LONGEST_PAUSE)
                pause = pause if error.retry_after is None else max(pause, error.retry_after)
                if trial == 3 or pause >= self.LONGEST_PAUSE:
                    self._notice(f"waiting: {error} (again in {pause:.0f} s)")
                await asyncio.sleep(pause)
            else:
                self._last_answer = time.monotonic()
                return result
        raise AssertionError("nobody counts that far")

    # ------------------------------------------------ out

    def _want(self, key: str) -> None:
        self._wanted[key] = None
        self._asked_at = time.monotonic()
        self._something.set()

    async def _collect(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._wanted:
                rest = self._asked_at + self.IDLE - time.monotonic()
                if rest > 0 and len(self._wanted) < self._most:
                    await asyncio.sleep(rest)
                elif self._is_limited and self._log.open:
                    self._one_ended.clear()
                    await self._one_ended.wait()
                else:
                    self._idle.clear()
                    try:
                        await self._send()
                    finally:
                        self._idle.set()

    async def _send(self) -> None:
        lines: list[bytes] = []
        wanted: list[Wanted] = []
        size, url = 0, ""
        for key in list(itertools.islice(self._wanted, self._most)):
            request = self._asked[key].request
            url, body = self._endpoint.line(request)
            record = {"custom_id": key, "method": "POST", "url": url, "body": body}
            line = json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"
            if lines and size + len(line) > self.MOST_BYTES:
                break
            size += len(line)
            lines.append(line)
            wanted.append(Wanted(key, request.stage, request.place))
            del self._wanted[key]
        sent = Sent(uuid.uuid4().hex, tuple(wanted), time.time())
        self._held.update(dict.fromkeys((one.key for one in wanted), sent.token))
        file_id = await self._patiently(lambda: self._endpoint.upload(b"".join(lines)))
        await when_there_is_room(lambda: self._log.begin(sent), self._notice)
        await self._named(sent, await self._patiently(self._making(sent.token, file_id, url)))
        self._notice(f"batch {self._log.open[sent.token].id}: sent with {_count(len(wanted), 'request')}")
        self._spawn(self._watch(self._log.open[sent.token]))

    def _making(self, token: str, file_id: str, url: str) -> Callable[[], Awaitable[str]]:
        """The call that creates a batch; after a first try without an answer it looks whether that has made one."""
        trials = itertools.count()

        async def make() -> str:
            found = await self._endpoint.find_batch(token) if next(trials) else None
            return found or await self._endpoint.create_batch(file_id, url, token)

        return make

    async def _named(self, sent: Sent, batch_id: str) -> None:
        await when_there_is_room(lambda: self._log.name(sent.token, batch_id), self._notice)

    async def _taken_up(self, sent: Sent) -> None:
        """Go on with a batch that another process began."""
        if sent.id is None:
            found = await self._patiently(lambda: self._endpoint.find_batch(sent.token))
            if found is None and (rest := sent.at + self.SETTLE - time.time()) > 0:
                await asyncio.sleep(min(rest, self.SETTLE))
                found = await self._patiently(lambda: self._endpoint.find_batch(sent.token))
            if found is None:
                for one in sent.wanted:
                    self._again(sent, one.key, "its batch was never made")
                await self._close(sent, "never made")
                return
            await self._named(sent, found)
        await self._watch(self._log.open[sent.token])

    # ------------------------------------------------ back

    async def _watch(self, sent: Sent) -> None:
        batch = await self._end_of(sent)
        self._back.add(sent.token)
        status = batch["status"]
        lines = await self._replies(batch)
        delivered, errors = await self._hand_out(sent, lines)
        again = self._left_over(sent, delivered, errors, status)
        while not all(key in self._shelf for key in delivered):  # noqa: ASYNC110  # who waited puts them there, and tells nobody
            await asyncio.sleep(0.02)
        await self._close(sent, status)
        replies = _count(len(delivered), "reply", "replies")
        self._notice(f"batch {sent.id}: {status}, {replies}" + (f", {again:,} requests without" if again else ""))
        refusal = next((one for one in errors.values() if isinstance(one, ModelError)), None)
        if refusal is not None:
            raise refusal
        if status == "failed":
            self._take_failure(sent, batch)
        if status == "cancelled" and not sent.is_cancelled:
            raise ModelError(f"batch {sent.id}: was cancelled; what it had done is kept, start again to send the rest")

    async def _end_of(self, sent: Sent) -> dict[str, Any]:
        pause = self.PAUSE
        while True:
            batch = await self._patiently(lambda: self._endpoint.batch(sent.id or ""))
            counts = batch.get("request_counts")
            done = counts.get("completed") if isinstance(counts, dict) else 0
            self._done[sent.token] = done if isinstance(done, int) else 0
            self._say_what_is_waited_for()
            if batch["status"] in _ENDED:
                return batch
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, self.LONGEST_PAUSE)

    async def _has_ended(self, batch_id: str) -> bool:
        with contextlib.suppress(Transient, ModelError):
            return (await self._endpoint.batch(batch_id))["status"] in _ENDED
        return False

    def _say_what_is_waited_for(self) -> None:
        opened = self._log.open.values()
        done, total = (sum(self._done.get(one.token, 0) for one in opened), sum(len(one.wanted) for one in opened))
        batches = _count(len(opened), "batch", "batches")
        self._waiting(f"waits for {batches} ({done:,} of {total:,} requests done)" if opened else "")

    async def _replies(self, batch: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The lines of both of a batch's files by request, those that were answered first."""
        found: dict[str, dict[str, Any]] = {}
        for name in ("error_file_id", "output_file_id"):  # a line in both counts as answered
            if isinstance(batch.get(name), str):
                data = await self._patiently(lambda name=name: self._endpoint.content(batch[name]))  # type: ignore[misc]
                records = filter(None, map(_record, data.split(b"\n")))
                found |= {str(one.get("custom_id")): one for one in records}
        return dict(sorted(found.items(), key=lambda item: not _is_answered(item[1])))

    async def _hand_out(self, sent: Sent, lines: Mapping[str, dict[str, Any]]) -> tuple[set[str], dict[str, Exception]]:
        """Returns the keys that have their replies, and why others have none."""
        by_key = {one.key: one for one in sent.wanted}
        delivered: set[str] = set()
        errors: dict[str, Exception] = {}
        for key in filter(by_key.__contains__, lines):
            try:
                await self._deliver(by_key[key], lines[key])
            except (Transient, ModelError) as error:
                errors[key] = error
            else:
                delivered.add(key)
        return delivered, errors

    def _left_over(self, sent: Sent, delivered: set[str], errors: Mapping[str, Exception], status: str) -> int:
        """Send again what has no reply, and say how much that is. What a batch had no time for is nothing against a request."""
        missing = [one.key for one in sent.wanted if one.key not in delivered]
        is_counted = status == "completed" or (status == "expired" and not delivered)
        if not any(isinstance(error, ModelError) for error in errors.values()):
            for key in missing:
                why = str(errors.get(key, "no reply in the batch's files"))
                self._again(sent, key, why, is_counted=is_counted, answers=bool(delivered))
        return len(missing)

    async def _deliver(self, wanted: Wanted, line: Mapping[str, Any]) -> None:
        """To who waits for it, else on record. Raises Transient, ModelError."""
        asked = self._asked.get(wanted.key)
        request = asked.request if asked else wanted.request()
        try:
            completion = self._endpoint.reply(line, request)
        except RequestFailed as failure:
            if asked:
                return _refuse(asked, failure)
            completion = Completion(failure.detail, "error", error=failure.reason)
        used = completion.usage
        bought = replace(used, batch_prompt_tokens=used.prompt_tokens, batch_completion_tokens=used.completion_tokens)
        completion = replace(completion, usage=bought)
        if asked is None and wanted.key not in self._shelf:
            await when_there_is_room(lambda: self._shelf.put(wanted.key, request, completion, 0.0), self._notice)
            self._took(wanted.stage, completion)
            asked, completion = self._asked.get(wanted.key), replace(completion, usage=Usage())
        if asked and not asked.answer.done():
            asked.answer.set_result(completion)
        return None

    def _again(self, sent: Sent, key: str, why: str, *, is_counted: bool = False, answers: bool = True) -> None:
        """Into the next batch with a request, unless it is in another already, or nobody asks for it, or it never works."""
        if self._held.get(key) != sent.token:
            return
        del self._held[key]
        asked = self._asked.get(key)
        if asked is None:
            return
        self._tries[key] += is_counted
        if self._live is not None:
            _refuse(asked, Transient(why))  # who retries comes back, and is answered live
        elif self._tries[key] < self._retries:
            self._want(key)
        elif answers:
            _refuse(asked, RequestFailed("server_error", why))
        else:
            raise ModelError(f"batch {sent.id}: no request was answered, and so {self._retries} times ({why}); start again later")

    def _take_failure(self, sent: Sent, batch: Mapping[str, Any]) -> None:
        """A batch that was refused as a whole. Raises ModelError unless a smaller one, or a later one, can help."""
        code, words = self._endpoint.refusal(batch)
        if code != "token_limit_exceeded" or len(sent.wanted) == 1:
            raise ModelError(f"batch {sent.id}: refused ({words})")
        if not self._log.open:
            self._most = max(1, len(sent.wanted) // 2)
        self._is_limited = True
        self._notice(f"batch {sent.id}: too many tokens are waiting at the endpoint; from here on one batch at a time")

    async def _close(self, sent: Sent, why: str) -> None:
        await when_there_is_room(self._shelf.sync, self._notice)  # a power cut must not keep the one and lose the other
        await when_there_is_room(lambda: self._log.close(sent.token, why), self._notice)
        for one in sent.wanted:
            if self._held.get(one.key) == sent.token:
                del self._held[one.key]
        self._back.discard(sent.token)
        self._one_ended.set()
        self._say_what_is_waited_for()


def _refuse(asked: _Asked, error: BaseException) -> None:
    if not asked.answer.done():
        asked.answer.set_exception(error)


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _is_answered(line: Mapping[str, Any]) -> bool:
    response = line.get("response")
    return isinstance(response, dict) and response.get("status_code") == 200


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
