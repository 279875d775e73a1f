"""checkpoint.json is written beside the event loop, after the bytes that it is about."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from selfinstruct.errors import NoRoom
from selfinstruct.runs.checkpoints import Checkpoints


class File:
    """A file that tells in which thread it was brought to the disk, and may wait or fail there."""

    def __init__(self, name: str, told: list[str], gate: threading.Event | None = None) -> None:
        self.name, self.told, self.gate = name, told, gate
        self.is_full = False

    def sync(self) -> None:
        if self.gate is not None and threading.current_thread() is not threading.main_thread():
            self.gate.wait(10)
        if self.is_full:
            raise NoRoom("full")
        self.told.append(self.name)


def noted(directory: Path) -> object:
    path = directory / "checkpoint.json"
    return json.loads(path.read_text("utf-8"))["number"] if path.exists() else None


def record(number: int) -> dict[str, object]:
    return {"number": number, "left_out": {}}


def test_a_note_waits_for_the_next_sync_and_is_written_after_all_bytes(tmp_path: Path) -> None:
    told: list[str] = []
    checkpoints = Checkpoints(tmp_path, [File("replies", told)], [File("examples", told)])
    checkpoints.write_soon(record(1))
    assert noted(tmp_path) is None and told == []
    checkpoints.sync()
    assert noted(tmp_path) == 1 and told == ["replies", "examples"]
    checkpoints.sync()
    assert told == ["replies", "examples", "replies"]  # no note waits


def test_an_older_note_never_replaces_a_newer_one(tmp_path: Path) -> None:
    told: list[str] = []
    gate = threading.Event()
    checkpoints = Checkpoints(tmp_path, [File("replies", told, gate)], [])
    checkpoints.write_soon(record(1))
    slow = threading.Thread(target=checkpoints.sync)
    slow.start()
    while checkpoints._waiting is not None:
        pass
    checkpoints.write(record(2))
    gate.set()
    slow.join()
    assert noted(tmp_path) == 2


def test_a_note_without_room_is_left_to_the_next_one(tmp_path: Path) -> None:
    told: list[str] = []
    examples = File("examples", told)
    checkpoints = Checkpoints(tmp_path, [File("replies", told)], [examples])
    examples.is_full = True
    checkpoints.write_soon(record(1))
    checkpoints.sync()
    assert noted(tmp_path) is None and told == ["replies"]
    examples.is_full = False
    checkpoints.write_soon(record(2))
    checkpoints.sync()
    assert noted(tmp_path) == 2
