"""Find, check, fill and fingerprint the prompt templates: plain text files that a user may edit.

A template is documentation, then sections headed `--- system`, `--- user`, `--- assistant` or
`--- prompt`, in which `{{name}}` stands for a value. See prompts/README.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from selfinstruct.errors import UserError
from selfinstruct.models import Message

# in an installed wheel; in a checkout the files lie one folder up
_PACKAGED = Path(__file__).parents[1] / "packaged"
HOME = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[2]
SEED_TASKS = HOME / "seed_tasks.jsonl"
PROMPTS = HOME / "prompts"

_SECTION = re.compile(r"---[ \t]*(\w+)[ \t]*")
_NAME = re.compile(r"\{\{[ \t]*([^{}\n]*?)[ \t]*\}\}")
CONVERSATION = "conversation"  # a section that stands for several messages
_ROLES = ("system", "user", "assistant", "prompt", CONVERSATION)


class Asked(Protocol):
    """The subject of a template: `stage.Question`."""

    @property
    def name(self) -> str: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def template(self) -> str: ...
    @property
    def ending(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Template:
    """A stage's prompt, ready to be filled."""

    stage: str
    messages: tuple[Message, ...]
    grammar: str | None
    fingerprint: str  # 16 hex digits over everything that is sent
    files: tuple[tuple[str, str], ...]  # the names and texts that it was read from
    named: tuple[int, ...] = field(init=False)  # the messages that values go into

    def __post_init__(self) -> None:
        named = (
            number
            for number, message in enumerate(self.messages)
            if message.role == CONVERSATION or "{{" in message.text
        )
        object.__setattr__(self, "named", tuple(named))

    def fill(self, values: Mapping[str, object]) -> tuple[Message, ...]:
        """The messages with every {{name}} replaced; a value's own text is never filled again.

        A section "conversation" becomes the messages of the value of that name, a sequence of
        (role, text).
        """
        messages = list(self.messages)
        for number in reversed(self.named):  # a conversation moves the messages after it
            messages[number : number + 1] = _filled(self.messages[number], values)
        return tuple(messages)


def _filled(message: Message, values: Mapping[str, object]) -> list[Message]:
    if message.role == CONVERSATION:
        turns = values[CONVERSATION]
        assert isinstance(turns, list)
        return [Message(role, text) for role, text in turns]
    parts = list(_parts(message.text))
    parts[1::2] = [str(values[name]) for name in parts[1::2]]
    return [Message(message.role, "".join(parts))]


@cache
def _parts(text: str) -> tuple[str, ...]:
    """A section's text and the names in it, by turns: "a {{x}} b" gives ("a ", "x", " b")."""
    return tuple(_NAME.split(text))


def load(
    preset: str,
    *,
    questions: Sequence[Asked],
    directory: Path | None = None,
    fallback: Path | None = None,
    as_json: bool = False,
) -> dict[str, Template]:
    """The templates of a preset by stage.

    Each comes from `directory` (or its folder named like the preset) if there is a file, else from
    `fallback`, else from the package.

    Raises UserError for a directory or file that is missing or unreadable, and for unknown or
    missing names in a template.
    """
    if not questions:
        return {}
    packaged = (PROMPTS / preset, PROMPTS / "topics")  # the second for recipes of every kind
    folders = [*([fallback] if fallback is not None else []), *packaged]
    if directory is not None:
        if not directory.is_dir():
            raise UserError(
                f"{directory}: no such directory of prompts; "
                "'selfinstruct init DIR' writes one to start from"
            )
        own = [directory, directory / preset]
        _check_own(own, preset, tuple(question.name for question in questions))
        folders = [*own, *folders]
    return {question.name: _read(question, folders, as_json) for question in questions}


def _check_own(folders: list[Path], preset: str, stages: tuple[str, ...]) -> None:
    """Raises UserError for a file of the user's that would go unused for its name or its folder."""
    found = [
        path
        for folder in folders
        for path in sorted(folder.glob("*.*"))
        if path.suffix in (".txt", ".gbnf")
    ]
    packaged = (path for path in sorted(PROMPTS.rglob("*.txt")) if path.stem.isidentifier())
    known = tuple(dict.fromkeys([*stages, *(path.stem for path in packaged)]))
    for path in found:
        if path.name not in _file_names(known):
            names = ", ".join(f"{name}.txt" for name in known)
            raise UserError(f"{path}: no stage has a template of this name (known: {names})")
    if not any(path.name in _file_names(stages) for path in found):
        wanted = ", ".join(f"{stage}.txt" for stage in stages)
        raise UserError(
            f"{folders[0]}: holds no template of the preset {preset} ({wanted}), "
            f"nor does {folders[1]}"
        )


def _file_names(stages: tuple[str, ...]) -> set[str]:
    return {f"{stage}{ending}" for stage in stages for ending in (".txt", ".json.txt", ".gbnf")}


def _read(question: Asked, folders: list[Path], as_json: bool) -> Template:
    stage = question.name
    names = [f"{stage}.json.txt", f"{stage}.txt"] if as_json else [f"{stage}.txt"]
    path = next(
        (folder / name for folder in folders for name in names if (folder / name).is_file()), None
    )
    if path is None and question.template:  # the recipe's own text
        messages = _sections(question.template, Path(f"{stage}.txt"), question)
        return _made(question, messages, None, [(f"{stage}.txt", question.template)])
    if path is None:
        raise UserError(
            f"{folders[0] / names[-1]}: the template is missing; "
            "'selfinstruct init DIR' writes them all"
        )
    text = _text(path)
    messages = _sections(text, path, question)
    # A grammar of the user's own also goes with the packaged template.
    beside = folders[: folders.index(path.parent) + 1]
    rules = next(
        (folder / f"{stage}.gbnf" for folder in beside if (folder / f"{stage}.gbnf").is_file()),
        path.with_suffix(".gbnf"),
    )
    grammar = _text(rules) if rules.is_file() and not as_json else None
    files = [(path.name, text), *([(rules.name, grammar)] if grammar is not None else [])]
    return _made(question, messages, grammar, files)


def _made(
    question: Asked,
    messages: tuple[Message, ...],
    grammar: str | None,
    files: list[tuple[str, str]],
) -> Template:
    messages = ended(messages, question.ending) if question.ending else messages
    sent = "\0".join([*(f"{message.role}\0{message.text}" for message in messages), grammar or ""])
    fingerprint = hashlib.sha256(sent.encode()).hexdigest()[:16]
    return Template(question.name, messages, grammar, fingerprint, tuple(files))


def ended(messages: tuple[Message, ...], ending: str) -> tuple[Message, ...]:
    """The messages with a paragraph more at the end of the last that is no assistant's."""
    last = max(at for at, message in enumerate(messages) if message.role != "assistant")
    longer = Message(messages[last].role, f"{messages[last].text}\n\n{ending}")
    return (*messages[:last], longer, *messages[last + 1 :])


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot read the template ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not UTF-8 (byte {error.start}); save the template as UTF-8"
        ) from None


def _sections(text: str, path: Path, question: Asked) -> tuple[Message, ...]:
    parts: list[tuple[str, list[str]]] = []
    used: set[str] = set()
    roles = _ROLES if CONVERSATION in question.names else _ROLES[:-1]
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        heading = _SECTION.fullmatch(line)
        if heading:
            if heading[1] not in roles:
                raise UserError(
                    f"{path}:{number}: unknown section '{heading[1]}' (known: {', '.join(roles)})"
                )
            parts.append((heading[1], []))
        elif parts:
            used |= _names_in(line, f"{path}:{number}", question)
            parts[-1][1].append(line)
    if not parts:
        raise UserError(
            f"{path}: has no section; "
            "put '--- user' (or '--- prompt' for raw text) above what is to be sent"
        )
    needed = question.names[0]
    if needed == CONVERSATION and "instruction" in used:
        needed = "instruction"
    if needed not in used:
        raise UserError(
            f"{path}: never uses {{{{{needed}}}}}; without it every request of the stage "
            f"{question.name} is the same"
        )
    messages = tuple(Message(role, "\n".join(lines).strip("\n")) for role, lines in parts)
    blank = next((message.role for message in messages if not message.text.strip()), None)
    if blank:
        raise UserError(
            f"{path}: the section '--- {blank}' is empty; write its text or delete its heading"
        )
    return messages


def _names_in(line: str, where: str, question: Asked) -> set[str]:
    names = set(_NAME.findall(line))
    for name in sorted(names - set(question.names)):
        known = ", ".join(question.names)
        raise UserError(f"{where}: unknown name '{name}' (known: {known})")
    return names
