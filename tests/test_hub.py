"""Pushing to the Hub, against a server on loopback that answers as the Hub does."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from command import run

SECRET = "hf_never_to_be_shown"


@dataclass
class Hub:
    """What it was asked for and what it was sent."""

    url: str = ""
    status: int = 200  # for a commit
    created: dict[str, Any] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> web.Response:
        self.tokens.add(request.headers.get("Authorization", ""))
        path = request.path
        if path == "/api/repos/create":
            self.created = await request.json()
            return web.json_response(
                {"url": f"{self.url}/datasets/me/it", "name": "me/it", "id": "1"}
            )
        if path == "/api/validate-yaml":
            return web.json_response({"errors": [], "warnings": []})
        if path.endswith("/preupload/main"):
            files = (await request.json())["files"]
            return web.json_response(
                {
                    "files": [
                        {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                        for one in files
                    ]
                }
            )
        if path.endswith("/commit/main"):
            if self.status != 200:
                return web.json_response({"error": f"no leave for {SECRET}"}, status=self.status)
            for line in (await request.text()).splitlines():
                record = json.loads(line)
                if record["key"] == "file":
                    self.files[record["value"]["path"]] = base64.b64decode(
                        record["value"]["content"]
                    )
            return web.json_response(
                {
                    "commitUrl": f"{self.url}/datasets/me/it/commit/1",
                    "commitOid": "1",
                    "success": True,
                }
            )
        return web.json_response({"id": "me/it", "sha": "0", "siblings": [], "xetEnabled": False})


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{rest:.*}", hub.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        hub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def work() -> None:
        runner = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    try:
        yield hub
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def push(hub: Hub, tmp_path: Path) -> Any:
    pytest.importorskip("huggingface_hub")
    pytest.importorskip("pyarrow")
    source = tmp_path / "run"
    run("generate", "--model", "scripted", "--n", "30", "--out", source).done()
    words = (
        "export",
        source,
        "--format",
        "hf",
        "--out",
        tmp_path / "mine",
        "--push-to-hub",
        "me/it",
    )
    return run(
        *words,
        HF_ENDPOINT=hub.url,
        HF_TOKEN=SECRET,
        HF_HOME=str(tmp_path / "home"),
        HF_HUB_DISABLE_TELEMETRY="1",
    )


def test_what_is_pushed_is_the_export_and_it_is_private(tmp_path: Path) -> None:
    with serving(Hub()) as hub:
        ran = push(hub, tmp_path).done()
    exported = {
        str(path.relative_to(tmp_path / "mine")): path.read_bytes()
        for path in (tmp_path / "mine").rglob("*.*")
        if path.is_file()
    }
    assert hub.files == exported and set(exported) == {
        "README.md",
        "data/train.parquet",
        "export.json",
    }
    assert (
        hub.created.get("private") is True or hub.created.get("visibility") == "private"
    ) and hub.created["type"] == "dataset"
    assert hub.tokens == {f"Bearer {SECRET}"}
    assert f"pushed to {hub.url}/datasets/me/it" in ran.out
    assert SECRET not in ran.out + ran.err and not any(
        SECRET.encode() in text for text in exported.values()
    )


# A 500 is tried again by the hub's own library, for half a minute.
@pytest.mark.parametrize("status", [401, pytest.param(403, marks=pytest.mark.slow)])
def test_a_refused_push_is_one_line_without_the_token_and_the_export_stays(
    status: int, tmp_path: Path
) -> None:
    with serving(Hub(status=status)) as hub:
        ran = push(hub, tmp_path)
    assert "was not uploaded" in ran.error and SECRET not in ran.out + ran.err
    assert (tmp_path / "mine" / "README.md").exists()


@pytest.mark.slow  # the hub's own library tries again for a while
def test_a_hub_that_nobody_answers_for_is_told(tmp_path: Path) -> None:
    assert "was not uploaded" in push(Hub(url="http://127.0.0.1:9"), tmp_path).error
