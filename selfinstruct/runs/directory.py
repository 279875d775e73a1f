"""The files of a run directory, and the records in its two JSON files.

inputs/             the seed tasks and templates as the run began with them
run.json            config, fingerprints of seeds and templates, versions; for each address, the
                    settings that the server does not take, with those sent instead
completions.jsonl   every reply paid for
spending.jsonl      every call that was sent, and the most that the call can have cost
batches.jsonl       the same for calls through a batch endpoint, if there were any
executions.jsonl    the end of every program that was run, if there were any
rounds/             requests that go out as files, and the replies to them
instructions.jsonl  admitted instructions
rejected.jsonl      everything that was dropped, with its reason
examples.jsonl      the dataset
checkpoint.json     how far the three files above are known to be whole
index               of a large run, what the next start need not compute again
lock                the holder of the run

Two equal runs may differ in completions.jsonl, spending.jsonl and index only. Without checkpoint.json the
three derived files are built anew from run.json and completions.jsonl.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfinstruct import __version__
from selfinstruct.asking.changes import changes
from selfinstruct.asking.config import Config
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.files import FILES
from selfinstruct.data.tasks import Instruction
from selfinstruct.errors import UserError
from selfinstruct.models.batch.rounds import FOLDER as ROUNDS
from selfinstruct.models.disk import disk_errors
from selfinstruct.recipes.catalogue import config_of
from selfinstruct.runs.batches import NAME as BATCHES
from selfinstruct.runs.executions import NAME as EXECUTIONS
from selfinstruct.runs.hashes import Hashes, hashes_of
from selfinstruct.runs.inputs import FOLDER, Inputs
from selfinstruct.runs.journal import write_whole
from selfinstruct.runs.spending import NAME as SPENDING
from selfinstruct.text import to_json

FORMAT = 1  # of the directory
REPLIES = "completions.jsonl"
INDEX = "index"
DERIVED = tuple(FILES.values())
OURS = {
    "run.json",
    REPLIES,
    SPENDING,
    BATCHES,
    EXECUTIONS,
    "checkpoint.json",
    INDEX,
    "lock",
    ROUNDS,
    FOLDER,
    *DERIVED,
}


@dataclass(frozen=True, slots=True)
class Mark:
    """How the derived files stood at one moment."""

    turns: int  # whole ones
    sizes: dict[str, int]  # bytes
    sha256: dict[str, str]
    funnel: dict[str, Any]
    items_ended: bool = False  # no item is left


def note(directory: Path, record: Mapping[str, Any]) -> None:
    """Write checkpoint.json, and into run.json the settings that a server does not take."""
    write_whole(
        directory / "checkpoint.json", json.dumps(record, ensure_ascii=True, indent=1) + "\n"
    )
    not_taken = {address: found for address, found in record["left_out"].items() if found}
    settings = recorded(directory) if not_taken else None
    if settings is not None and settings.get("not_taken") != not_taken:
        settings["not_taken"] = not_taken
        write_whole(directory / "run.json", to_json(settings, indent=1) + "\n")


def recorded(directory: Path) -> dict[str, Any] | None:
    """The record in run.json; None if there is none. Raises UserError if the file is unreadable."""
    path = directory / "run.json"
    try:
        record = json.loads(path.read_text("utf-8"))
        if not isinstance(record, dict) or record["format"] != FORMAT:
            raise UserError(
                f"{path}: written by another version of this program "
                f"(format {record['format']}); use that one"
            )
        config_of(record)
        return record
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: cannot be read ({error}); restore it, or choose another --out"
        ) from None


def recorded_config(directory: Path) -> Config | None:
    """The config that a run was last started with."""
    record = recorded(directory)
    return None if record is None else config_of(record)


def checkpointed(directory: Path) -> dict[str, Any] | None:
    """The record in checkpoint.json. None if unusable: the derived files are then built anew."""
    try:
        record = json.loads((directory / "checkpoint.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    is_whole = isinstance(record, dict) and record.keys() >= {"mark", "end", "completions"}
    return record if is_whole else None


def marks(record: Mapping[str, Any] | None) -> tuple[Mark | None, Mark | None]:
    """The ends of the last whole turn and of a finished dataset, from checkpoint.json's record."""
    if record is None:
        return None, None
    return Mark(**record["mark"]), Mark(**record["end"]) if record["end"] else None


def prepare(directory: Path) -> None:
    """Make the directory if there is none. Raises UserError if other files are in the way."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in directory.iterdir()}
        begun = any((directory / name).stat().st_size for name in names & {REPLIES, *DERIVED})
    except OSError as error:
        raise UserError(
            f"{directory}: cannot be used as a run directory ({error.strerror}); "
            "choose another --out"
        ) from None
    others = sorted(name for name in names - OURS if not name.startswith(".run.json."))
    if "run.json" not in names and (others or begun):
        what = (
            f"something else ({others[0]}) and no run"
            if others
            else "a run whose run.json is missing; restore it"
        )
        raise UserError(
            f"{directory}: holds {what}{', or' if begun and not others else ';'} "
            "choose another --out"
        )


def file_of(outcome: Instruction | Rejected | Example) -> str:
    """The name of the file that an outcome is written to."""
    return FILES[type(outcome)]


def differences(before: Mapping[str, Any], config: Config, inputs: Inputs) -> list[str]:
    """The differences that would make the rest of a run another dataset, each named."""
    found = changes(config_of(before), config)
    if before.get("recipe", config.recipe) != config.recipe:
        found.insert(0, f"the recipe was {before['recipe']} and is now {config.recipe}")
    return found + inputs.differences(before)


def check_unchanged(directory: Path, noted: Mapping[str, Any], last: Mark) -> Hashes:
    """Hashes of the files, by name. Raises UserError if they have changed since the checkpoint.

    `noted` is the mark of completions.jsonl, `last` the mark of the derived files.
    """
    sizes = {REPLIES: noted["size"], **{name: last.sizes[name] for name in DERIVED}}
    hashes = hashes_of({directory / name: size for name, size in sizes.items()})
    digests = {name: hashed.hash.hexdigest() for name, hashed in hashes.items()}
    if digests.get(REPLIES) != noted["sha256"]:
        raise UserError(
            f"{directory / REPLIES}: was changed or cut after this program wrote it, "
            "and holds replies that were paid for; restore it, "
            "or add --repair to go on with what it still holds"
        )
    for name in DERIVED:
        if digests.get(name) != last.sha256[name]:
            raise UserError(
                f"{directory / name}: was changed or cut after this program wrote it; "
                "keep a copy if you need it, and add --repair to build it anew from the replies"
            )
    return hashes


def write_settings(
    directory: Path,
    before: Mapping[str, Any] | None,
    config: Config,
    inputs: Inputs,
    change: list[dict[str, Any]],
) -> None:
    """Write run.json and the inputs that the record names. `before`: the record that is there."""
    if before is None or change:
        with disk_errors(directory):
            inputs.keep(directory)
    record = {
        "format": FORMAT,
        "selfinstruct": __version__,
        "python": platform.python_version(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        **{name: value for name, value in (before or {}).items() if name != "config"},
        "changes": [*(before or {"changes": []})["changes"], *change],
        "recipe": config.recipe,
        **inputs.fingerprints,
        "prompts": inputs.prompt_fingerprints,
        "config": config.record(),
    }
    with disk_errors(directory):
        write_whole(directory / "run.json", to_json(record, indent=1) + "\n")
