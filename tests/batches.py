"""A loopback server with the batch endpoint: /v1/files and /v1/batches as OpenAI's API has them.

    with BatchServer(Course(expires=0.5), Course()) as server: ...

Each batch takes the next Course; the last Course holds for all further batches. Lines are answered
as single calls are, with the same behaviours and counts.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from random import Random
from typing import Any

from aiohttp import web
from server import FAILURES, LoopbackServer, error


@dataclass(frozen=True)
class Course:
    """How a batch goes."""

    seconds: float = 0.0
    refused: tuple[str, str] | None = None  # code and words: it fails as a whole
    expires: float = 0.0  # share of its lines that it has no time for
    cancelled: float = 0.0  # share of its lines that it is cancelled before
    failing: dict[int, str] | None = None  # number of a line, and a name of FAILURES
    loses: float = 0.0  # share of its lines that are in neither file
    garbage: bool = False  # between its lines stands what belongs into no such file


@dataclass(frozen=True)
class Shape:
    """How an endpoint words and orders its answers about batches.

    seen: of a batch as OpenAI would show it and the number of the look (from 1), the batch as it is
    shown; None is HTTP 404. file: of a file's bytes and the number of the download, the bytes that
    are sent; None is HTTP 404. created: the same as `seen`, for the answer to the making of a batch.
    listed: of all batches, newest first, and the number of the list.
    """

    seen: Callable[[dict[str, Any], int], dict[str, Any] | None] = lambda batch, look: batch
    file: Callable[[bytes, int], bytes | None] = lambda data, download: data
    created: Callable[[dict[str, Any]], dict[str, Any]] = lambda batch: batch
    listed: Callable[[list[dict[str, Any]], int], list[dict[str, Any]]] = lambda found, time: found
    is_made_twice: bool = False


class BatchServer(LoopbackServer):
    """on: called with the event: "upload", "uploaded", "create", "created", "look", "content"."""

    def __init__(
        self,
        *courses: Course,
        on: Callable[[str], None] = lambda what: None,
        shape: Shape | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.shape = shape or Shape()
        self.times: Counter[str] = Counter()  # looks, downloads and lists so far, by id
        self.courses = list(courses) or [Course()]
        self.on = on
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.sizes: list[int] = []  # of the batches, in requests
        self.keeps_metadata = self.lists = True
        self.listing = "data"  # the field of a list with the batches
        self.strange: dict[str, Any] = {}  # what it says of every batch instead
        self.live = 0  # calls outside of batches
        self.charged: list[
            tuple[int, int]
        ] = []  # for each line that was answered: tokens of the prompt, of the completion
        self._working: set[asyncio.Task[None]] = set()

    def _routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files/{id}/content", self._content)
        app.router.add_post("/v1/batches", self._create)
        app.router.add_get("/v1/batches", self._list)
        app.router.add_get("/v1/batches/{id}", self._look)
        app.router.add_post("/v1/batches/{id}/cancel", self._cancel)

    async def _completions(self, http: web.Request) -> web.StreamResponse:
        self.live += 1
        return await super()._completions(http)

    async def _upload(self, http: web.Request) -> web.Response:
        self.on("upload")
        headers = f"Content-Type: {http.headers['Content-Type']}\r\n\r\n".encode("ascii")
        form = message_from_bytes(
            headers + await http.read(), policy=policy.HTTP
        )  # aiohttp's own reader warns about itself
        parts = {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
            for part in form.iter_parts()
        }
        assert parts["purpose"] == b"batch" and isinstance(parts["file"], bytes)
        name = self._kept(parts["file"])
        self.on("uploaded")
        return web.json_response({"id": name, "object": "file", "purpose": "batch"})

    def _kept(self, data: bytes) -> str:
        name = f"file-{len(self.files)}"
        self.files[name] = data
        return name

    async def _content(self, http: web.Request) -> web.StreamResponse:
        self.on("content")
        name = http.match_info["id"]
        self.times[name] += 1
        kept = self.files.get(name)
        data = None if kept is None else self.shape.file(kept, self.times[name])
        if data is None:
            return FAILURES["404"](None)  # type: ignore[arg-type]
        return web.Response(body=data)

    async def _create(self, http: web.Request) -> web.Response:
        self.on("create")
        body = await http.json()
        assert body["completion_window"] == "24h"
        batch = self._begun(body, http)
        if self.shape.is_made_twice:  # by a gateway that sends again; the second is never worked at
            name = f"again_{len(self.batches)}"
            self.batches[name] = {**batch, "id": name}
        self.on("created")
        return web.json_response(self.shape.created(batch))

    def _begun(self, body: dict[str, Any], http: web.Request) -> dict[str, Any]:
        batch = {
            "id": f"batch_{len(self.batches)}",
            "object": "batch",
            "status": "validating",
            "created_at": int(time.time()),
            "endpoint": body["endpoint"],
            "metadata": body["metadata"] if self.keeps_metadata else None,
            "input_file_id": body["input_file_id"],
            "output_file_id": None,
            "error_file_id": None,
            "errors": None,
        }
        course = self.courses[min(len(self.batches), len(self.courses) - 1)]
        self.batches[str(batch["id"])] = batch
        working = asyncio.ensure_future(self._work(batch, course, http))
        self._working.add(working)
        working.add_done_callback(self._working.discard)
        return batch

    async def _list(self, http: web.Request) -> web.Response:
        """Newest first, two to a page, so that pages are turned."""
        if not self.lists:
            return FAILURES["404"](None)  # type: ignore[arg-type]
        self.times["list"] += 1
        found = self.shape.listed([*reversed(self.batches.values())], self.times["list"])
        after = http.query.get("after")
        begin = 1 + next((at for at, one in enumerate(found) if one["id"] == after), -1)
        page = {self.listing: found[begin : begin + 2], "has_more": len(found) > begin + 2}
        return web.json_response({"object": "list", **page})

    async def _look(self, http: web.Request) -> web.Response:
        self.on("look")
        name = http.match_info["id"]
        self.times[name] += 1
        kept = self.batches.get(name)
        batch = None if kept is None else self.shape.seen({**kept}, self.times[name])
        return (
            error(404, "No batch found", "invalid_request_error")
            if batch is None
            else web.json_response(batch | self.strange)
        )

    async def _cancel(self, http: web.Request) -> web.Response:
        batch = self.batches[http.match_info["id"]]
        if batch["status"] == "validating":
            batch["status"] = "cancelling"
        return web.json_response(batch)

    async def _work(self, batch: dict[str, Any], course: Course, http: web.Request) -> None:
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        self.sizes.append(len(lines))
        batch["request_counts"] = {"total": len(lines), "completed": 0, "failed": 0}
        await asyncio.sleep(course.seconds)
        if course.refused:
            code, words = course.refused
            batch["errors"] = {
                "object": "list",
                "data": [{"code": code, "message": words, "line": None, "param": None}],
            }
            batch["status"] = "failed"
            return
        is_cancelled = batch["status"] == "cancelling" or course.cancelled > 0
        not_done = int(
            len(lines)
            * (1.0 if batch["status"] == "cancelling" else max(course.expires, course.cancelled))
        )
        chance = Random(len(self.sizes))
        done: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for number, line in enumerate(lines):
            if number >= len(lines) - not_done:
                why = "batch_cancelled" if is_cancelled else "batch_expired"
                failed.append(
                    {
                        "custom_id": line["custom_id"],
                        "response": None,
                        "error": {"code": why, "message": "Too late."},
                    }
                )
                continue
            response = await self._line(line, (course.failing or {}).get(number), http)
            record = {
                "id": f"r{number}",
                "custom_id": line["custom_id"],
                "response": response,
                "error": None,
            }
            (done if response["status_code"] == 200 else failed).append(record)
        for records, name in ((done, "output_file_id"), (failed, "error_file_id")):
            kept = [one for one in records if chance.random() >= course.loses]
            chance.shuffle(kept)
            if kept:
                written = [json.dumps(one).encode("ascii") for one in kept]
                if course.garbage:
                    written = [
                        part
                        for line in written
                        for part in (*_garbage(json.loads(line)["custom_id"]), line)
                    ]
                batch[name] = self._kept(b"".join(line + b"\n" for line in written))
        batch["request_counts"] = {
            "total": len(lines),
            "completed": len(done),
            "failed": len(failed),
        }
        batch["status"] = (
            "cancelled" if is_cancelled else "expired" if course.expires else "completed"
        )

    async def _line(
        self, line: dict[str, Any], failure: str | None, http: web.Request
    ) -> dict[str, Any]:
        assert set(line) == {"custom_id", "method", "url", "body"} and line["method"] == "POST"
        call = self._call(line["url"], {}, line["body"], http)
        response: Any = FAILURES[failure](call) if failure else await self._answer(call)
        body = json.loads(response.body)
        if response.status == 200:
            self.completed[call.key] += 1
            self.charged.append(
                (body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"])
            )
        return {"status_code": response.status, "request_id": "r", "body": body}


def _garbage(key: str) -> list[bytes]:
    """Before a line: what is no line, of nobody, or a reply to `key` that cannot be read."""
    bodies: list[Any] = ["x", None, 7, [], {}, {"choices": "x"}, {"choices": [7]}]
    responses: list[Any] = [
        "x",
        7,
        {},
        {"status_code": "200"},
        *({"status_code": 200, "body": body} for body in bodies),
    ]
    records = [{"custom_id": key, "response": one, "error": None} for one in responses]
    records += [
        {"custom_id": key, "response": {"status_code": 500, "body": body}}
        for body in ("x", None, {"error": 7}, [7])
    ]
    strange: list[Any] = [
        *records,
        {"custom_id": [7]},
        {"custom_id": None},
        {},
        [],
        None,
        7,
        {"custom_id": key, "error": "x"},
    ]
    return [
        b"\xff\xfe\x00",
        b"",
        b"[" * 100_000,
        b'{"custom_id": "' + key.encode()[:9],
        *(json.dumps(one).encode() for one in strange),
    ]
