"""The table of commands says of each what the command itself says, without importing any."""

from __future__ import annotations

import inspect
import subprocess
import sys

import click
import pytest

from selfinstruct.cli import cli
from selfinstruct.cli.commands import COMMANDS
from selfinstruct.recipes.catalogue import RECIPES

CONTEXT = click.Context(cli, info_name="selfinstruct")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_of_the_table_is_there_under_its_name_with_its_own_first_sentence(
    name: str,
) -> None:
    command = cli.get_command(CONTEXT, name)
    assert command is not None and command.name == name and command.help
    first = inspect.cleandoc(command.help).split("\n\n")[0].split("\b")[0]
    assert COMMANDS[name].about == " ".join(first.split())
    assert not command.hidden and not command.short_help


@pytest.mark.parametrize("width", [60, 80, 110])
def test_the_list_of_commands_is_that_of_a_group_that_has_imported_them_all(width: int) -> None:
    commands = {name: cli.get_command(CONTEXT, name) for name in COMMANDS}
    eager = click.Group(commands={name: found for name, found in commands.items() if found})
    ours, theirs = (click.HelpFormatter(width=width) for _ in range(2))
    cli.format_commands(CONTEXT, ours)
    eager.format_commands(CONTEXT, theirs)
    assert ours.getvalue() == theirs.getvalue() != ""


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_a_command(name: str) -> None:
    known = {"self-instruct": "generate", "alpaca": "generate"}
    assert cli.get_command(CONTEXT, known.get(name, name)) is not None


def test_a_name_that_is_no_command_is_none() -> None:
    assert cli.get_command(CONTEXT, "nonsense") is None


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["status", "--help"]])
def test_help_imports_no_recipe_and_no_other_command(arguments: list[str]) -> None:
    program = f"""
import sys
from selfinstruct.cli import main
sys.argv = ["selfinstruct", *{arguments!r}]
try:
    main()
except SystemExit:
    pass
print(*sorted(name for name in sys.modules if name.startswith("selfinstruct.")), file=sys.stderr)
"""
    command = [sys.executable, "-c", program]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    loaded = shown.stderr.split()
    assert "selfinstruct.cli.commands" in loaded
    assert not [name for name in loaded if name.startswith("selfinstruct.recipes")]
    others = [name for name in loaded if name.endswith(("_command", "_commands"))]
    assert others in ([], ["selfinstruct.cli.directory_commands"])
