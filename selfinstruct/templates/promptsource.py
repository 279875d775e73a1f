"""promptsource's files: YAML with a template for each id, `input ||| target` in Jinja.

The file is read as a tree of texts and never made into objects of Python, so that `answer_choices:
yes` is the text "yes", and a tag can ask for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from selfinstruct.errors import UserError, how_to_install
from selfinstruct.templates.pattern import PROMPTSOURCE, NoTemplates, Pattern

_TAGS = ("tag:yaml.org,2002:", "!Template")


def read_promptsource(text: str, where: str) -> list[Pattern]:
    """The templates of a file, in its order. Raises UserError, naming the line."""
    yaml = _yaml(where)
    try:
        tree = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        why = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise UserError(f"{where}{line}: is no YAML ({why}); mend it") from None
    except RecursionError:
        raise UserError(f"{where}: is nested too deeply; mend it") from None
    fields = _fields(tree, where)
    if "templates" not in fields:
        raise NoTemplates(f"{where}: has no 'templates'; give a file of promptsource's")
    names = [_text(fields.get(name), where) or "" for name in ("dataset", "subset")]
    dataset = "/".join(filter(None, names))
    entries = _fields(fields["templates"], where)
    if not entries:
        raise UserError(f"{where}: holds no template")
    return [_pattern(entry, where, dataset, key) for key, entry in entries.items()]


def _pattern(node: Any, where: str, dataset: str, key: str) -> Pattern:
    fields = _fields(node, where)
    text = fields.get("jinja")
    if text is None:
        raise _wrong(where, node, f"template {key!r} has no 'jinja'")
    described = fields.get("metadata")
    metadata = _fields(described, where) if _is_given(described) else {}
    return Pattern(
        name=_text(fields.get("name"), where) or key,
        form=PROMPTSOURCE,
        text=_text(text, where) or "",
        where=where,
        line=text.start_mark.line + 1,
        choices=_text(fields.get("answer_choices"), where) or None,
        dataset=dataset,
        original_task=_flag(metadata.get("original_task")),
        choices_in_prompt=_flag(metadata.get("choices_in_prompt")),
        languages=tuple(_texts(metadata.get("languages"), where)),
        metrics=tuple(_texts(metadata.get("metrics"), where)),
    )


def _fields(node: Any, where: str) -> dict[str, Any]:
    """The nodes of a mapping by their keys. Raises UserError for another node."""
    if getattr(node, "id", "") != "mapping":
        raise _wrong(where, node, "is no mapping of names to values")
    if not node.tag.startswith(_TAGS) or node.tag.startswith("tag:yaml.org,2002:python"):
        raise _wrong(where, node, f"has the tag {node.tag!r}, which is none of promptsource's")
    return {key.value: value for key, value in node.value if isinstance(key.value, str)}


def _text(node: Any, where: str) -> str | None:
    """The text of a scalar; None for null or nothing. Raises UserError for another node."""
    if not _is_given(node):
        return None
    if node.id != "scalar":
        raise _wrong(where, node, "is no text")
    return str(node.value)


def _texts(node: Any, where: str) -> Iterator[str]:
    if getattr(node, "id", "") == "sequence":
        yield from (text for each in node.value if (text := _text(each, where)))


def _flag(node: Any) -> bool | None:
    said = node.value if getattr(node, "id", "") == "scalar" else None
    return {"true": True, "false": False}.get(str(said).lower())


def _is_given(node: Any) -> bool:
    return node is not None and node.tag != "tag:yaml.org,2002:null"


def _wrong(where: str, node: Any, why: str) -> UserError:
    line = f":{node.start_mark.line + 1}" if node is not None else ""
    return UserError(f"{where}{line}: {why}; mend it, or take another file")


def _yaml(where: str) -> Any:
    try:
        return import_module("yaml")
    except ImportError:
        raise UserError(
            f"{where}: templates need two packages: {how_to_install('templates')}"
        ) from None
