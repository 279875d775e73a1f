"""The place of an export. An export appears whole or not at all, and replaces exports only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfinstruct.errors import UserError

MARK = "export.json"  # in every exported folder: its origin, and leave to replace the folder


@contextmanager
def placed(out: Path, *, is_file: bool, force: bool, mark: str = MARK) -> Iterator[Path]:
    """Gives a scratch path of the same name, which takes the place of `out` in the end.

    mark: the file that every such folder has. After an error in the block, `out` stays as before.
    Raises UserError where `out` is no export, or cannot be written.
    """
    out = out.absolute()
    if why := _why_not(out, is_file, force, mark):
        raise UserError(f"{out}: {why}")
    # Always the same name: the next export takes away the remains of a crash.
    scratch = out.with_name(f".{out.name}.part")
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        aside = scratch / out.name
        if not is_file:
            aside.mkdir()
        yield aside
        if out.is_dir():
            os.replace(out, scratch / f"{out.name}.old")
        os.replace(aside, out)
    except OSError as error:
        raise UserError(
            f"{out}: cannot be written ({error.strerror or error}); "
            "choose another --out or make room"
        ) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _why_not(out: Path, is_file: bool, force: bool, mark: str) -> str | None:
    if not out.name:
        return "is no place for an export; choose another --out"
    if is_file and out.is_dir():
        return "is a folder; choose a file's name for --out"
    if is_file and out.exists() and not force:
        return "exists already; choose another --out, or add --force to replace it"
    if not is_file and out.exists() and not out.is_dir():
        return "is a file, and this export is a folder; choose another --out"
    if not is_file and out.is_dir() and any(out.iterdir()) and not (out / mark).is_file():
        return "is a folder of something else and stays as it is; choose another --out"
    return None
