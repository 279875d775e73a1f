"""Batches as files, which anybody may answer: `vllm run-batch` on a cluster, a script, a person.

    rounds/0007/requests-0001.jsonl    requests in the JSON Lines of OpenAI's batches
    rounds/0007/replies-ANY.jsonl      replies to them, in any number of files and any order
    rounds/0007/closed                 no more replies are wanted; holds the reason

A round has ended when each of its requests has a reply or an error, or when it is closed. Files may
be half written: a line counts as soon as the line is whole. A lost file is missing replies.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from selfinstruct.errors import ModelError
from selfinstruct.models import Completion, Request
from selfinstruct.models.batch.api import BatchApi
from selfinstruct.models.batch.folder import CLOSED, REQUESTS, RoundFolder
from selfinstruct.models.batch.lines import Line
from selfinstruct.models.batch.log import ROUND, SentBatch
from selfinstruct.models.batch.place import line_of
from selfinstruct.models.batch.state import CANCELLED, COMPLETED, UNDER_WAY, BatchState, Counts
from selfinstruct.models.disk import Notice, disk_errors

FOLDER = "rounds"  # beside the log of batches
_NOT_NEEDED = "the dataset is whole without this round\n"


class Rounds:
    """Rounds in a folder: an implementation of place.Place.

    reader: reads the bodies of replies. most_waiting: as of Place. per_file: requests of a file.
    """

    is_discounted, settle = False, 0.0
    pauses = (0.5, 5.0)

    def __init__(
        self,
        folder: Path,
        reader: BatchApi,
        notice: Notice,
        *,
        per_file: int,
        most_waiting: float = math.inf,
    ) -> None:
        self._folder, self._reader, self._notice = folder, reader, notice
        self._per_file, self.most_waiting = per_file, most_waiting
        self._folders: dict[str, RoundFolder] = {}  # by the name of the round

    @property
    def address(self) -> str:
        return str(self._folder)

    @property
    def left_out(self) -> Mapping[str, str | None]:
        return self._reader.left_out

    def line(self, request: Request) -> bytes:
        return line_of(request, self.left_out)

    # ------------------------------------------------ out

    async def upload(self, lines: bytes) -> str:
        """Write the files of a round, which stay hidden until `create`. Raises NoRoom or UserError.

        A hidden round of a process that died is overwritten: nobody has seen it.
        """
        name = f"{self._last() + 1:04}"
        hidden = self._hidden(name)
        with disk_errors(self._folder):
            shutil.rmtree(hidden, ignore_errors=True)
            hidden.mkdir(parents=True)
            for number, part in enumerate(self._parts(lines), 1):
                (hidden / REQUESTS.format(number)).write_bytes(part)
        return ROUND + name

    async def create(self, sent: SentBatch, like: Request) -> str | None:
        name = sent.file.removeprefix(ROUND)
        with disk_errors(self._folder):
            self._hidden(name).rename(self._folder / name)
        return sent.file

    async def find(self, sent: SentBatch) -> list[str]:
        is_there = (self._folder / sent.file.removeprefix(ROUND)).is_dir()
        return [sent.file] if is_there else []

    async def cancel(self, batch_id: str) -> None:
        with disk_errors(self._folder):
            (self._of(batch_id) / CLOSED).write_text(_NOT_NEEDED, "utf-8")

    # ------------------------------------------------ back

    async def look(self, batch_id: str) -> BatchState:
        """Read the new lines of a round. Raises ModelError if the round is gone."""
        folder = self._of(batch_id)
        if not folder.is_dir():
            raise ModelError(
                f"{folder}: the round is gone; bring the folder back, or remove "
                "batches.jsonl to ask its requests anew"
            )
        files = self._folders.get(batch_id)
        if files is None:
            files = self._folders[batch_id] = RoundFolder(folder)
        for fault in files.read():
            self._notice(f"{batch_id}/{fault}")
        closed = files.closed
        answered, failed, total = len(files.answered), len(files.failed), len(files.keys)
        status = COMPLETED if answered + failed >= total else UNDER_WAY
        if status == UNDER_WAY and closed is not None:
            status = CANCELLED if closed == _NOT_NEEDED else COMPLETED
            failed = total - answered
        counts = Counts(total, answered, failed)
        names = tuple(f"{batch_id}/{path.name}" for path in files.replies)
        return BatchState(status, status, True, counts, names, True, ("", ""), True)

    async def content(self, file_id: str) -> bytes:
        with disk_errors(self._folder):
            return (self._folder / file_id.removeprefix(ROUND)).read_bytes()

    def reply(self, line: Line, request: Request, left_out: Mapping[str, str | None]) -> Completion:
        return self._reader.reply(line, request, left_out)

    def words(self, text: str) -> str:
        return self._reader.words(text)

    # ------------------------------------------------ folders

    def _last(self) -> int:
        """The number of the last round; 0 if there is none."""
        if not self._folder.is_dir():
            return 0
        names = (path.name for path in self._folder.iterdir())
        return max((int(name) for name in names if name.isdecimal()), default=0)

    def _of(self, batch_id: str) -> Path:
        return self._folder / batch_id.removeprefix(ROUND)

    def _hidden(self, name: str) -> Path:
        return self._folder / f".{name}"

    def _parts(self, lines: bytes) -> Iterator[bytes]:
        """The lines of each file of requests."""
        each = lines.splitlines(keepends=True)
        for start in range(0, len(each), self._per_file):
            yield b"".join(each[start : start + self._per_file])
