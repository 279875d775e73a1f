"""The folder of a judge or a scorer: every reply paid for, every call, and the template."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from selfinstruct.errors import UserError
from selfinstruct.models.disk import disk_errors
from selfinstruct.models.money.meter import Meter
from selfinstruct.models.openai.fields import read_learned
from selfinstruct.runs.batches import NAME as BATCHES
from selfinstruct.runs.batches import Batches
from selfinstruct.runs.completions import Completions, append
from selfinstruct.runs.journal import Journal, Lock, write_whole
from selfinstruct.runs.spending import NAME as SPENDING
from selfinstruct.runs.spending import Spending
from selfinstruct.text import to_json

FOLDER = "judge"  # in a run directory
COMPLETIONS = "completions.jsonl"
FORMAT = 1  # of the record beside the folders: judge/judge.json


class Asked(Protocol):
    """A model with the settings that decide its answers: a judge, a scorer."""

    @property
    def name(self) -> str:
        """The name of its folder."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """The settings that decide the answers."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """All settings, for the record."""
        ...

    @property
    def files(self) -> Sequence[tuple[str, str]]:
        """The names and texts of its template."""
        ...


class Line(Protocol):
    """A record of a derived file."""

    def to_line(self) -> str: ...


class Books:
    """The process's hold on DIR/judge, or DIR/`folder`; an implementation of `sitting.Books`."""

    def __init__(self, run: Path, judge: Asked, folder: str = FOLDER) -> None:
        """Raises UserError if another process is judging, or the folder cannot be used."""
        self._home, self._folder = run / folder, run / folder / judge.name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{self._folder}: cannot be used ({error.strerror}); "
                "what is judged must be writable"
            ) from None
        self._lock = Lock(self._home / "lock")
        try:
            self.meter = Meter()
            with disk_errors(self._folder):
                self.completions = Completions(self._folder / COMPLETIONS, self.meter)
                self.batches = Batches(self._folder / BATCHES, self.meter)
                self.spending = Spending(
                    self._folder / SPENDING, self.meter, self.completions.__contains__
                )
                for name, text in judge.files:
                    write_whole(self._folder / name, text)
            self._before, self._judge = recorded(run, folder), judge
            self.learned = read_learned((self._before or {}).get("left_out"))
            self._note(self._record)
        except BaseException:
            self._lock.release()
            raise

    @property
    def is_worth_keeping(self) -> bool:
        """True once there is a reply, or a reply to come; failed requests may be made again."""
        return self.meter.requests > self.meter.failed or bool(self.batches.open)

    def sync(self) -> None:
        """Bring calls and replies to the disk. Raises NoRoom or UserError."""
        self.spending.sync()
        self.completions.sync()

    def close(self) -> None:
        """A judge that never answered leaves no trace."""
        self.completions.close()
        self.spending.close()
        self.batches.leave()
        if self.is_worth_keeping:
            self._note(self._record)
        else:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._note(self._before)
        self._lock.release()
        if not self.is_worth_keeping and self._before is None:
            (self._home / "lock").unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # another judge's folder is in it
                self._home.rmdir()

    @property
    def _record(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "folder": self._judge.name,
            "identity": self._judge.identity,
            "settings": self._judge.settings,
            "left_out": read_learned(self.learned),
        }

    def _note(self, record: dict[str, Any] | None) -> None:
        path = self._home / f"{self._home.name}.json"
        with disk_errors(self._home):
            if record is None:
                path.unlink(missing_ok=True)
            else:
                write_whole(path, to_json(record, indent=1) + "\n")


class Derived:
    """A file of lines that every sitting builds anew.

    Lines that are there already and equal stay. The file is cut at the first difference.
    """

    def __init__(self, path: Path) -> None:
        """Raises NoRoom or UserError."""
        with disk_errors(path):
            self._journal = Journal(path)
        self._known: Iterator[tuple[int, bytes]] | None = self._journal.lines()
        self._end = 0

    def put(self, record: Line) -> None:
        """Raises NoRoom or UserError; then nothing was written."""
        line = record.to_line()
        if self._known is not None:
            _, known = next(self._known, (0, b""))
            if known == line.encode():
                self._end += len(known) + 1
                return
            self.cut()
        append(self._journal, line)

    def cut(self) -> None:
        """Cut the file after the last line that was put. Raises NoRoom or UserError."""
        if self._known is not None:
            with disk_errors(self._journal.path):
                self._journal.truncate(self._end)
            self._known = None

    def close(self) -> None:
        with disk_errors(self._journal.path):
            self._journal.close()


def recorded(run: Path, folder: str = FOLDER) -> dict[str, Any] | None:
    """The record in judge.json of a run directory; None if the run was never judged.

    folder: another, with a record of its name. Raises UserError if the file is unreadable.
    """
    path = run / folder / f"{folder}.json"
    try:
        record = json.loads(path.read_text("utf-8"))
        if not isinstance(record, dict) or record["format"] != FORMAT:
            raise UserError(f"{path}: written by another version of this program; use that one")
        needed = {name: record[name] for name in ("folder", "identity", "settings")}
        return {**record, **needed}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: cannot be read ({error!r}); "
            f"restore it, or delete it to name the {folder} anew"
        ) from None
