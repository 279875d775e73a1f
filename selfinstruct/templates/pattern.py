"""A template as written, and a row as rendered."""

from __future__ import annotations

from dataclasses import dataclass

from selfinstruct.errors import UserError

PROMPTSOURCE, FLAN, PLAIN = "promptsource", "flan", "plain"


class NoTemplates(UserError):
    """A file of another kind: in a folder of templates it is passed over."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A template, unchecked.

    name: within its file. text: the input and the target in Jinja, with the separator "|||"; of
    FLAN the input alone. target: of FLAN. choices: the answers to choose from, in Jinja. dataset:
    the name of its dataset with the subset ("glue/mrpc"); "" for any.
    where, line: its place in a file.
    """

    name: str
    form: str
    text: str
    where: str
    line: int = 1
    target: str = ""
    choices: str | None = None
    dataset: str = ""
    original_task: bool | None = None  # None: the file does not say
    choices_in_prompt: bool | None = None
    languages: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        """The text of both parts."""
        return f"{self.text} ||| {self.target}" if self.form == FLAN else self.text

    def at(self, line: int, why: str) -> str:
        """A message about a line of the text."""
        inside = f", line {line}" if "\n" in self.text else ""
        return f"{self.where}:{self.line}: template {self.name!r}{inside}: {why}"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A row as a template shows it. targets: at least one; the others are right as well."""

    prompt: str
    targets: tuple[str, ...]
