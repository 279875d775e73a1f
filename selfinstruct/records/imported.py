"""Records of the field's shapes as tasks with outputs, ready to be the examples of a run.

| shape     | known by                                        | gives                              |
|-----------|-------------------------------------------------|------------------------------------|
| sharegpt  | conversations: [{from, value}, ...]             | a cleaned chat, or several parts   |
| unnatural | instruction and a list of instances             | each instance, each reformulation  |
| oasst     | a tree of messages: prompt {text, replies}      | the best path, or every path       |
| p3        | inputs_pretokenized and targets_pretokenized    | the pair, unless it is not correct |
| rows      | anything else that records/shapes.py reads      | the row, if it has an output       |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from selfinstruct.data.collected import Collected
from selfinstruct.data.examples import Turn
from selfinstruct.data.imported import Dropped, ImportedTask, Origin
from selfinstruct.records.chats import Chat
from selfinstruct.records.collected import collect, id_of
from selfinstruct.records.conversations import Conversation, cleaned, pieces, why_not
from selfinstruct.records.natural.task import is_task
from selfinstruct.records.record import Bad, Record
from selfinstruct.records.trees import is_tree, read_paths, read_thread
from selfinstruct.records.values import Unreadable, plain, text_of
from selfinstruct.text import to_json

SHAPES = ("rows", "sharegpt", "unnatural", "oasst", "p3")
_CHATS = ("conversations", "conversation", "messages")
_PRETOKENIZED = ("inputs_pretokenized", "targets_pretokenized")


@dataclass(frozen=True, slots=True)
class Importer:
    """Reads records of a shape, or of the shape that each record has.

    fields: columns by part, for rows. paths: of trees, "best" or "all". short, digits: whether
    conversations with little output and with long numbers are dropped. count and most: split
    conversations of more tokens.
    """

    shape: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    paths: str = "best"
    short: bool = False
    digits: bool = False
    count: Callable[[str], int] | None = None
    most: int = 0

    def read(self, record: Record | Bad, name: str) -> Iterator[ImportedTask | Dropped]:
        """The tasks of a record. name: the path of the source. Never raises."""
        where = f"{Path(name).name}:{record.where}"
        if isinstance(record, Bad):
            yield Dropped("unreadable", f"{where}: {record.why}")
            return
        try:
            yield from self._tasks(record, name)
        except Unreadable as error:
            yield Dropped("unreadable", f"{where}: {error}")
        except RecursionError:
            yield Dropped("unreadable", f"{where}: nested too deeply")

    def _tasks(self, record: Record, name: str) -> Iterator[ImportedTask | Dropped]:
        shape = self.shape or shape_of(record.fields, self.fields)
        if shape == "sharegpt":
            yield from self._conversations(record, name)
        elif shape == "unnatural":
            yield _unnatural(record, name)
        elif shape == "oasst":
            yield from self._trees(record, name)
        elif shape == "p3":
            yield _p3(record, name)
        elif is_task(record.fields) and "Instances" in record.fields:
            raise Unreadable("a task of Super-NI: 'selfinstruct natural import' reads those")
        else:
            yield from self._rows(record, name)

    def _rows(self, record: Record, name: str) -> Iterator[ImportedTask | Dropped]:
        """The row; of a chat that is no row as it stands, the pairs in it."""
        row, fault = None, None
        try:
            row = collect(record, name, self.fields)
        except Unreadable as error:
            fault = error
        if row is not None and row.output:
            yield _task(row)
        elif not self.fields and _has_pairs(record.fields):
            yield from self._conversations(record, name)
        elif fault is not None:
            raise fault
        elif row is not None:
            yield Dropped("no_output", row.instruction, row.input)

    def _conversations(self, record: Record, name: str) -> Iterator[ImportedTask | Dropped]:
        column = _column(record.fields, _CHATS)
        conversation = cleaned(record.fields[column], column)
        row = _row(record, name, {column, "id"})
        system = text_of(record.fields.get("system"), "system")
        conversation = replace(conversation, system=conversation.system or system)
        for turn in conversation.lost:
            if turn.text:
                yield Dropped("unpaired_turn", turn.text)
        if reason := why_not(conversation, short=self.short, digits=self.digits):
            first = conversation.pairs[0][0] if conversation.pairs else ""
            yield Dropped(reason, f"{row.id}: {first}")
            return
        parts: Sequence[Any] = (conversation,)
        if self.count is not None:
            parts = list(pieces(conversation, self.count, self.most))
        for number, part in enumerate(parts, 1):
            if isinstance(part, Conversation):
                found = row if len(parts) == 1 else replace(row, id=f"{row.id}_{number}")
                origin = _origin(conversation, number if len(parts) > 1 else 0)
                row_of_part = _put(found, part.system, part.history, *part.pairs[-1])
                yield replace(_task(row_of_part), origin=origin)
            else:
                yield Dropped("too_long", part[0], output=part[1])

    def _trees(self, record: Record, name: str) -> Iterator[ImportedTask | Dropped]:
        column = next((key for key, value in record.fields.items() if is_tree(value)), "")
        value = record.fields[column] if column else record.fields
        if not is_tree(value):
            raise Unreadable("no tree of messages (text and replies)")
        row = _row(record, name, {column} if column else {"text", "replies", "role"})
        id = id_of(record.fields.get("message_tree_id")) or id_of(value.get("message_id"))
        row = replace(row, id=id or row.id)
        place = column or "text"
        chats = read_paths(value, place) if self.paths == "all" else [read_thread(value, place)]
        if not any(_is_answered(chat) for chat in chats):
            yield Dropped("no_output", str(value["text"]))
        for number, chat in enumerate(filter(_is_answered, chats), 1):
            *before, asked, said = chat.turns
            part = replace(row, id=f"{row.id}-{number}") if self.paths == "all" else row
            yield _task(_put(part, "", before, asked.text, said.text))


def shape_of(fields: Mapping[str, Any], named: Mapping[str, str]) -> str:
    """The shape that a record shows. named: columns that were named, which makes it a row."""
    if named:
        return "rows"
    instances = fields.get("instances")
    if isinstance(instances, (list, tuple)) and "instruction" in fields:
        return "unnatural"
    if is_tree(fields.get("prompt")) or is_tree(fields):
        return "oasst"
    if all(name in fields for name in _PRETOKENIZED):
        return "p3"
    return "sharegpt" if any(_has_turns(fields.get(name)) for name in _CHATS) else "rows"


def _has_turns(value: Any) -> bool:
    """Whether a value is a list of {from, value}; pairs and others are read as rows."""
    turns = value if isinstance(value, (list, tuple)) else ()
    return any(isinstance(turn, Mapping) and "value" in turn for turn in turns)


def _has_pairs(fields: Mapping[str, Any]) -> bool:
    """Whether a question and its answer can be read from a list of turns."""
    try:
        column = _column(fields, _CHATS)
        return bool(cleaned(fields[column], column).pairs)
    except Unreadable:
        return False


def _column(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    found = next((name for name in names if fields.get(name) is not None), None)
    if found is None:
        raise Unreadable(f"no column {' or '.join(map(repr, names))}")
    return found


def _row(record: Record, name: str, used: set[str]) -> Collected:
    """A row of the record without its texts: its id, and the columns that are not used."""
    rest = plain({key: value for key, value in record.fields.items() if key not in used})
    id = id_of(record.fields.get("id")) or f"{Path(name).name}:{record.where}"
    return Collected(id, "", rest=rest, where=record.where)


def _put(
    row: Collected, system: str, history: Sequence[Turn], instruction: str, output: str
) -> Collected:
    return replace(
        row, system=system, history=tuple(history), instruction=instruction, output=output
    )


def _origin(conversation: Conversation, part: int) -> Origin:
    whole = to_json([conversation.system, conversation.pairs])
    return Origin(whole, to_json(conversation.pairs[0]), part)


def _is_answered(chat: Chat) -> bool:
    return len(chat.turns) > 1 and chat.turns[-1].role == "assistant"


def _task(row: Collected) -> ImportedTask:
    return ImportedTask(row.instruction, (row,), (), _flag(row.rest))


def _flag(fields: Mapping[str, Any]) -> bool | None:
    said = fields.get("is_classification")
    return said if isinstance(said, bool) else None


def _unnatural(record: Record, name: str) -> ImportedTask:
    """Instances, then reformulations, whose text holds {INPUT} in the place of the input."""
    fields = record.fields
    instruction = text_of(fields.get("instruction"), "instruction")
    if not instruction:
        raise Unreadable("'instruction': is empty")
    used = {"instruction", "instances", "reformulations", "id"}
    row, rows, made = _row(record, name, used), list[Collected](), list[Mapping[str, Any]]()
    for place, member in _members(fields, "instances"):
        given, output = _texts(member, place, "input", "output")
        rows.append(replace(row, instruction=instruction, input=given, output=output))
        constraints = text_of(member.get("constraints"), f"{place}.constraints")
        made.append({"input": given, "constraints": constraints, "paraphrase": ""})
    constraints = made[0]["constraints"] if made else ""
    for place, member in _members(fields, "reformulations"):
        given, output = _texts(member, place, "input", "output")
        wording, asked = _texts(member, place, "instruction", "instruction_with_input")
        rows.append(replace(row, instruction=asked or wording, output=output))
        made.append({"input": given, "constraints": constraints, "paraphrase": wording})
    if not any(each.output for each in rows):
        raise Unreadable("'instances': hold no output")
    return ImportedTask(instruction, tuple(rows), tuple(made), _flag(fields))


def _members(fields: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    value = fields.get(name)
    if value is not None and not isinstance(value, (list, tuple)):
        raise Unreadable(f"{name!r}: must be a list")
    for number, member in enumerate(value or (), 1):
        if not isinstance(member, Mapping):
            raise Unreadable(f"{name!r}, {number}: must be an object")
        yield f"{name}, {number}", member


def _texts(member: Mapping[str, Any], place: str, *names: str) -> list[str]:
    return [text_of(member.get(name), f"{place}.{name}") for name in names]


def _p3(record: Record, name: str) -> ImportedTask | Dropped:
    """P3's texts without the white space around; rows of a wrong choice are marked there."""
    fields = record.fields
    asked, said = (text_of(fields.get(key), key).strip() for key in _PRETOKENIZED)
    if not asked:
        raise Unreadable(f"{_PRETOKENIZED[0]!r}: is empty")
    if not said:
        return Dropped("no_output", asked)
    if fields.get("is_correct") is False:
        return Dropped("not_correct", asked, output=said)
    row = _row(record, name, {*_PRETOKENIZED, "inputs", "targets", "id"})
    return _task(_put(row, "", (), asked, said))
