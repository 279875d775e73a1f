"""Prefixes of a chat template: the text of a conversation up to where the user's turn begins.

The template is rendered with a mark in the user's place and cut there, so that system messages
of its own are kept. The token that begins every prompt is left out: servers add that token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

from selfinstruct.data.examples import Turn
from selfinstruct.errors import UserError, how_to_install
from selfinstruct.recipes import Materials
from selfinstruct.text import to_json

FILE = "chat_template.json"  # in the folder of a run's inputs
_MARK = "Zx7userturnXz7"
_CONFIG, _BESIDE = "tokenizer_config.json", "chat_template.jinja"
_ENDS = ("eos_token", "pad_token", "unk_token")


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Where a user's turn begins: a given text, or as a chat template says.

    tokens: the special tokens that the template may use, by their names.
    """

    given: str = ""
    template: str = ""
    tokens: Mapping[str, str] = field(default_factory=dict)

    def before(self, turns: Sequence[Turn]) -> str:
        """The text that ends where the user's next turn begins. Raises UserError."""
        if self.given:
            return self.given
        messages = [{"role": turn.role, "content": turn.text} for turn in turns]
        text = _rendered(
            self.template, self.tokens, [*messages, {"role": "user", "content": _MARK}]
        )
        before, mark, after = text.partition(_MARK)
        if not mark or _MARK in after or not before:
            raise UserError(
                "--chat-template: does not show a user's text once, behind a beginning of its own; "
                "give that beginning as --prefix TEXT"
            )
        return before


def read_prefixes(template: str, prefix: str, copy: Path | None) -> Materials:
    """The prefixes of a tokenizer's template or of a run's own copy. Raises UserError."""
    if prefix:
        return Materials(Prefixes(given=prefix))
    record = _loaded(copy) if copy is not None else _read(Path(template))
    found = Prefixes(template=record["template"], tokens=record["tokens"])
    found.before(())
    text = to_json(record) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Materials(found, {FILE: text}, {"chat_template": digest})


def _read(path: Path) -> dict[str, Any]:
    """The template of a folder, of a tokenizer's configuration, or of a file that is a template."""
    config: dict[str, Any] = {}
    if path.is_dir():
        config = _loaded(path / _CONFIG) if (path / _CONFIG).exists() else {}
        own = path / _BESIDE
    elif path.suffix == ".json":
        config, own = _loaded(path), path.with_name(_BESIDE)
    else:
        own = path
    template = config.get("chat_template")
    if own.exists() or not config:
        template = _text(own)
    if isinstance(template, list):  # of several, the plain one
        named = {each.get("name"): each.get("template") for each in template}
        template = named.get("default")
    if not isinstance(template, str):
        raise UserError(f"{path}: holds no chat template; name the .jinja file, or give --prefix")
    tokens = {name: _token(config.get(name)) for name in _ENDS}
    if not config and "eos_token" in template:
        raise UserError(
            f"{path}: the template uses eos_token; name the folder with the {_CONFIG} that has it"
        )
    return {"template": template, "tokens": tokens}


def _token(value: Any) -> str:
    """A token as a text; some files hold an object with the text and its properties."""
    text = value.get("content") if isinstance(value, dict) else value
    return text if isinstance(text, str) else ""


def _loaded(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error})") from None
    if not isinstance(record, dict):
        raise UserError(f"{path}: must be a JSON object, as {_CONFIG} is")
    return record


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(
            f"{path}: cannot read the chat template ({error.strerror}); name a tokenizer's folder, "
            f"its {_CONFIG} or a .jinja file"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start})") from None


def _rendered(template: str, tokens: Mapping[str, str], messages: list[dict[str, str]]) -> str:
    """Raises UserError for a template that fails."""
    import jinja2

    try:
        values = {**tokens, "bos_token": "", "messages": messages, "add_generation_prompt": False}
        return cast(str, _compiled(template).render(**values))
    except (jinja2.TemplateError, TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise UserError(
            f"--chat-template: cannot be rendered ({' '.join(str(error).split())}); "
            "give the beginning of the user's turn as --prefix TEXT"
        ) from None


@cache
def _compiled(template: str) -> Any:
    """The template in a sandbox. Raises UserError where jinja2 is missing."""
    try:
        import jinja2
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        raise UserError(
            f"--chat-template: needs jinja2 ({how_to_install('templates')}), "
            "or give the beginning of the user's turn as --prefix TEXT"
        ) from None

    def raise_exception(text: str) -> None:
        raise jinja2.TemplateError(text)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = raise_exception
    environment.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    return environment.from_string(template)
