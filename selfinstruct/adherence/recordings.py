"""Recorded answers and the prompts with their constraints, from files or runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from selfinstruct.adherence.catalogue import imposed
from selfinstruct.adherence.constraint import Imposed
from selfinstruct.adherence.scoring import Scores
from selfinstruct.data.examples import Example
from selfinstruct.errors import UserError
from selfinstruct.records import Bad, Record, Source
from selfinstruct.records.collected import file_of
from selfinstruct.records.columns import listed
from selfinstruct.text import to_json

Fields = Mapping[str, Any]
Read = TypeVar("Read")
IDS, ARGUMENTS = "instruction_id_list", "kwargs"
_PROMPTS = ("prompt", "instruction", "question")
_ANSWERS = ("response", "output", "answer", "completion")


def scores(answers: str, prompts: str | None = None) -> Scores:
    """The scores of recorded answers.

    answers: a file or run; each record has a prompt and a response. prompts: a file or run whose
    records have a prompt, `instruction_id_list` and `kwargs`; None: the answers have them. Raises
    UserError.
    """
    found = Scores()
    if prompts is None:
        for where, fields in _records(answers):
            found.add(_at(where, _constraints, fields), _at(where, _response, fields))
        return found
    known: dict[str, tuple[Imposed, ...]] = {}
    for where, fields in _records(prompts):
        text = _at(where, _prompt, fields)
        if text in known:
            raise UserError(f"{where}: the prompt of an earlier record; keep one of the two")
        known[text] = _at(where, _constraints, fields)
    given = _answers(answers)
    found.unknown = len(given.keys() - known.keys())
    if known and found.unknown == len(given):
        raise UserError(
            f"{answers}: no answer to a prompt of {prompts}; name the file of its prompts"
        )
    for text, constraints in known.items():
        found.add(constraints, given.get(text))
    return found


def unfollowed(example: Example) -> str | None:
    """The id of the first recorded constraint that the output of an example does not follow."""
    fields = {"instruction": example.instruction, "provenance": example.provenance}
    failed = (each for each in _constraints(fields) if not each.is_followed_by(example.output))
    return next((each.constraint.id for each in failed), None)


def recorded(constraints: Sequence[Imposed]) -> dict[str, Any]:
    """The fields of a record: the types, and the arguments as a text of JSON."""
    arguments = [dict(each.arguments) for each in constraints]
    return {IDS: [each.constraint.id for each in constraints], ARGUMENTS: to_json(arguments)}


def _answers(path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for where, fields in _records(path):
        text = _at(where, _prompt, fields)
        if text in found:
            raise UserError(f"{where}: a second answer to a prompt; score one model at a time")
        found[text] = _at(where, _response, fields)
    return found


def _records(path: str) -> Iterator[tuple[str, Fields]]:
    """Places and fields. A JSON object whose single list of objects holds the records is taken."""
    file = file_of(path) if Path(path).is_dir() else path
    wrapped = _wrapped(file)
    if wrapped is not None:
        yield from ((f"{path}:{at}", fields) for at, fields in enumerate(wrapped, 1))
        return
    for record in Source(file):
        if isinstance(record, Bad):
            raise UserError(f"{path}:{record.where}: {record.why}")
        assert isinstance(record, Record)
        yield f"{path}:{record.where}", record.fields


def _wrapped(path: str) -> Sequence[Fields] | None:
    if not path.endswith(".json") or not Path(path).is_file():
        return None
    try:
        whole = json.loads(Path(path).read_text("utf-8-sig"))
    except (ValueError, RecursionError):
        return None  # the reader of records names the place
    lists = [value for value in whole.values() if _is_list(value)] if type(whole) is dict else []
    return lists[0] if len(lists) == 1 else None


def _is_list(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _at(where: str, read: Callable[[Fields], Read], fields: Fields) -> Read:
    try:
        return read(fields)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _prompt(fields: Fields) -> str:
    """The prompt without white space at its ends; an input follows after a blank line."""
    text = _text(fields, _PROMPTS, "a prompt")
    given = fields.get("input")
    return f"{text}\n\n{given}".strip() if isinstance(given, str) and given else text.strip()


def _response(fields: Fields) -> str:
    return _text(fields, _ANSWERS, "an answer")


def _text(fields: Fields, names: Sequence[str], what: str) -> str:
    for name in names:
        if isinstance(value := fields.get(name), str):
            return value
    known = ", ".join(names)
    raise UserError(f"no text for {what} ({known}); the columns are {listed(fields)}")


def _constraints(fields: Fields) -> tuple[Imposed, ...]:
    """The constraints of a record, or of its provenance in a run of `constrain`."""
    holder = fields if IDS in fields else fields.get("provenance", {})
    names, given = (_value(holder, name) for name in (IDS, ARGUMENTS))
    if not isinstance(names, list) or not isinstance(given, list) or len(names) != len(given):
        raise UserError(f"no lists {IDS} and {ARGUMENTS} of the same length; name --prompts FILE")
    prompt = _prompt(fields)
    return tuple(
        imposed(str(name), arguments if isinstance(arguments, dict) else {}, prompt)
        for name, arguments in zip(names, given, strict=True)
    )


def _value(holder: object, name: str) -> object:
    """A list as it stands, or as the JSON text that a column of plain text holds."""
    value = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value
