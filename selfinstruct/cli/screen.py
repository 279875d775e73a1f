"""A command's output for a person: lines, headings of the help, user errors in a single line."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from selfinstruct.errors import UserError
from selfinstruct.text import printable


def show(lines: Iterable[str], *, err: bool = False) -> None:
    """Print lines, none of which can act on the terminal."""
    for line in lines:
        click.echo(printable(line), err=err)


class Fault(click.ClickException):
    """A user's error: a single line, exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(
            f"Error: {printable(' '.join(self.format_message().split()))}", file=file or sys.stderr
        )


class Lack(Fault):
    """All went as it should, and nothing of use came of that: a single line, exit code 1."""

    exit_code = 1


class Commands(click.Group):
    """Turns every error that a user can mend into a single line."""

    def make_context(self, *arguments: Any, **named: Any) -> click.Context:
        with _one_line():
            return super().make_context(*arguments, **named)

    def invoke(self, ctx: click.Context) -> Any:
        with _one_line():
            return super().invoke(ctx)


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise (Fault if error.exit_code == Fault.exit_code else Lack)(str(error)) from error
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "selfinstruct"
        raise Fault(f"{error.format_message()} (see '{command} --help')") from error
    except KeyboardInterrupt:  # while no run was under way; click would exit with 1
        click.echo("stopped (SIGINT)", err=True)
        raise click.exceptions.Exit(130) from None


class Sectioned(click.Command):
    """A command whose help shows its options under headings."""

    sections: Mapping[str, Sequence[str]] = {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        by_name = {option.name: option.get_help_record(ctx) for option in self.get_params(ctx)}
        for heading, names in self.sections.items():
            shown = [record for name in names if (record := by_name.get(name))]
            if shown:
                with formatter.section(heading):
                    formatter.write_dl(shown)
