"""Datasets as sources: files, folders with cards, folders that were saved, names on the Hub."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from command import ENVIRONMENT

from selfinstruct.errors import UserError
from selfinstruct.records.datasets import BadRow, Row, leaves, open_dataset, value_at

CARD = """---
license: mit
language: [no, en]
pretty_name: Reviews
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': no
          '1': yes
  - name: topics
    sequence:
      class_label:
        names: {'0': sea, '1': land}
  - name: inner
    struct:
    - name: kind
      dtype: {class_label: {names: [small, large]}}
---
# Reviews

## Table of Contents
- [Dataset Summary](#dataset-summary)

### Dataset Summary

![logo](logo.png)
[More Information Needed]

## Description

<b>Reviews</b> of [boats](https://boats.example), by sailors.

## Citation
None.
"""


def written(folder: Path, rows: list[Any], name: str = "train.jsonl", card: str = "") -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    text = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    (folder / name).write_text(text)
    if card:
        (folder / "README.md").write_text(card)
    return folder


def fields(place: object) -> list[Any]:
    return [row.fields if isinstance(row, Row) else row for row in open_dataset(str(place))]


def test_labels_have_their_names_wherever_they_stand(tmp_path: Path) -> None:
    row = {"text": "a", "label": 1, "topics": [1, 0], "inner": {"kind": 1}}
    written(
        tmp_path, [row, {**row, "label": -1}, {**row, "label": "0"}, {**row, "label": 7}], card=CARD
    )
    first, second, third, fourth = fields(tmp_path)
    assert first == {
        "text": "a",
        "label": "yes",
        "topics": ["land", "sea"],
        "inner": {"kind": "large"},
    }
    assert second["label"] is None and third["label"] == "no"
    assert fourth == BadRow(4, "train.jsonl:4", "'label': the label 7 has no name in the card")


def test_the_card_is_read_without_its_noise(tmp_path: Path) -> None:
    card = open_dataset(str(written(tmp_path, [{"text": "a"}], card=CARD))).card
    assert (card.title, card.license, card.languages) == ("Reviews", "mit", ("no", "en"))
    assert card.description == "Reviews of boats, by sailors."


def test_a_header_that_is_no_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    written(tmp_path, [{"a": 1}], card="---\nlicense: mit\nlanguage: [en\nx: y\n---\n")
    with pytest.raises(UserError, match=r"README.md:\d: the header is no YAML"):
        open_dataset(str(tmp_path))


def test_splits_are_told_by_names_and_by_the_card(tmp_path: Path) -> None:
    for name in ("data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl", "dev.jsonl"):
        written(tmp_path, [{"from": name}], name)
    (tmp_path / "constrained.json").write_text("[]")  # "train" is no word of this name
    plain = open_dataset(str(tmp_path))
    assert (plain.split, plain.splits, plain.unused) == (
        "train",
        ("train", "validation"),
        ("constrained.json",),
    )
    assert len(fields(tmp_path)) == 2
    assert fields(f"{tmp_path}:validation") == [{"from": "dev.jsonl"}]
    with pytest.raises(UserError, match=r"no split 'test' \(splits: train, validation\)"):
        open_dataset(f"{tmp_path}:test")
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: one\n  data_files:\n  - {split: held, path: de*.jsonl}\n"
        "- config_name: two\n  data_files: data/*.jsonl\n---\n"
    )
    assert fields(f"{tmp_path}@one:held") == [{"from": "dev.jsonl"}]
    assert len(fields(f"{tmp_path}@two")) == 2
    with pytest.raises(UserError, match="several configurations"):
        open_dataset(str(tmp_path))


def test_rows_that_cannot_be_read_keep_their_places(tmp_path: Path) -> None:
    written(tmp_path, [{"a": 1}, "{broken\n", {"a": 3}])
    good, bad, last = fields(tmp_path)
    assert (good, last) == ({"a": 1}, {"a": 3})
    assert isinstance(bad, BadRow) and (bad.number, bad.where) == (2, "train.jsonl:2")
    assert [row.number for row in open_dataset(str(tmp_path)).rows(2)] == [3]


def test_the_fingerprint_is_of_rows_and_card(tmp_path: Path) -> None:
    first = open_dataset(str(written(tmp_path, [{"a": 1}], card=CARD))).fingerprint
    assert open_dataset(str(tmp_path)).fingerprint == first
    other_card = open_dataset(str(written(tmp_path, [{"a": 1}], card=CARD.replace("mit", "gpl"))))
    other_rows = open_dataset(str(written(tmp_path, [{"a": 2}], card=CARD)))
    assert len({first, other_card.fingerprint, other_rows.fingerprint}) == 3


def test_values_are_found_by_path() -> None:
    row = {"answers": {"text": ["a", "b"]}, "home.dest": "x", "turns": [{"by": 1}, {"by": 2}]}
    assert value_at(row, "answers.text.1") == "b" and value_at(row, "home.dest") == "x"
    assert value_at(row, "turns.by") == [1, 2] and value_at(row, "answers.start") is None
    assert [path for path, _ in leaves(row)] == ["answers.text", "home.dest", "turns"]


def test_what_the_library_saved_is_opened_with_its_labels(tmp_path: Path) -> None:
    library = pytest.importorskip("datasets")
    features = library.Features(
        {"text": library.Value("string"), "label": library.ClassLabel(names=["bad", "good"])}
    )
    rows = [{"text": "a", "label": 1}, {"text": "b", "label": -1}]
    made = library.Dataset.from_list(rows, features=features)
    library.DatasetDict(train=made, test=made).save_to_disk(tmp_path / "saved")
    made.to_parquet(tmp_path / "parquet" / "train.parquet")
    wanted = [{"text": "a", "label": "good"}, {"text": "b", "label": None}]
    assert fields(f"{tmp_path / 'saved'}:test") == fields(tmp_path / "parquet") == wanted


def test_without_a_network_a_name_on_the_hub_is_said_to_be_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datasets")
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    began = time.monotonic()
    with pytest.raises(UserError, match="no such file or folder here, and the Hub is out of reach"):
        open_dataset("somebody/something")
    assert time.monotonic() - began < 60
    with pytest.raises(UserError, match="no such file or folder; name a dataset"):
        open_dataset(os.fspath(tmp_path / "nothing.jsonl"))


# ---------------------------------------------------------------- the Hub, on loopback

SHA = "a" * 40
ON_THE_HUB = {
    "README.md": b"---\nlicense: mit\nconfigs:\n- config_name: boats\n  data_files:\n"
    b"  - {split: train, path: a.jsonl}\n  - {split: test, path: b.jsonl}\n"
    b"- config_name: cars\n  data_files: b.jsonl\n---\n# Boats\n\nReviews of boats.\n",
    "a.jsonl": b'{"text": "a"}\n{"text": "b"}\n',
    "b.jsonl": b'{"text": "c"}\n',
}
NOWHERE = (
    "no such file or folder here, and no such dataset on the Hub; check the name "
    "(a private dataset needs HF_TOKEN)"
)
OPENS = """
import sys
from selfinstruct.errors import UserError
from selfinstruct.records.datasets import open_dataset
for name in sys.argv[1:]:
    try:
        found = open_dataset(name)
        print(found.name, found.card.license, [row.fields["text"] for row in found])
    except UserError as error:
        print(error)
"""


async def as_the_hub(request: web.Request) -> web.Response:
    """Answers for the dataset me/boats."""
    told = {"X-Repo-Commit": SHA, "Accept-Ranges": "bytes"}
    if "/resolve/" in request.path:
        name = request.path.partition("/resolve/")[2].partition("/")[2]
        if name not in ON_THE_HUB:
            code = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": SHA}
            return web.json_response({"error": "Entry not found"}, status=404, headers=code)
        return web.Response(body=ON_THE_HUB[name], headers={**told, "ETag": f'"{name[0]}"'})
    files = [
        {"type": "file", "oid": name, "size": len(text), "path": name, "rfilename": name}
        for name, text in ON_THE_HUB.items()
    ]
    if "/tree/" in request.path or "/paths-info/" in request.path:
        return web.json_response(files)
    if request.path.startswith("/api/datasets/me/boats"):
        record = {"_id": "1", "id": "me/boats", "sha": SHA, "siblings": files, "tags": []}
        return web.json_response({**record, "private": False, "downloads": 0, "likes": 0})
    code = {"X-Error-Code": "RepoNotFound"}
    return web.json_response({"error": "Repository not found"}, status=404, headers=code)


@contextmanager
def serving_the_hub() -> Iterator[str]:
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), list[str]()

    async def begin() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", as_the_hub)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        found.append(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}")  # type: ignore[attr-defined]
        ready.set()
        return runner

    def work() -> None:
        runner = loop.run_until_complete(begin())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.mark.slow
def test_a_name_on_the_hub_is_opened_at_its_revision(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    names = ("me/boats@boats:test", "me/boats@boats", "me/boats", "me/none", "me/boats@boats:dev")
    with serving_the_hub() as address:
        said = subprocess.run(
            [sys.executable, "-c", OPENS, *names],
            capture_output=True,
            text=True,
            check=True,
            env={**ENVIRONMENT, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path)},
        ).stdout.splitlines()
    assert said == [
        "me/boats@boats:test mit ['c']",
        "me/boats@boats:train mit ['a', 'b']",
        "me/boats: has several configurations (boats, cars); name one: me/boats@boats",
        f"me/none: {NOWHERE}",
        "me/boats: no split 'dev' (splits: train, test); name one of these",
    ]
