"""The command line. Each command imports the heavy modules it needs, so that --help is quick."""

from __future__ import annotations

import io
import sys
from typing import NoReturn

import click

from selfinstruct import __version__
from selfinstruct.cli.adherence_command import adherence
from selfinstruct.cli.check_command import check
from selfinstruct.cli.dedupe_command import dedupe
from selfinstruct.cli.directory_commands import init, status, verify
from selfinstruct.cli.dynosaur_command import dynosaur
from selfinstruct.cli.export_command import export
from selfinstruct.cli.generate_command import generate
from selfinstruct.cli.import_command import import_files
from selfinstruct.cli.judge_command import judge
from selfinstruct.cli.merge_command import merge
from selfinstruct.cli.mix_command import mix
from selfinstruct.cli.natural_commands import natural
from selfinstruct.cli.recipe_commands import command_of, resume
from selfinstruct.cli.render_command import render, templates
from selfinstruct.cli.report_commands import report, stats
from selfinstruct.cli.respond_command import respond
from selfinstruct.cli.rounds_commands import rounds, workers
from selfinstruct.cli.screen import Commands
from selfinstruct.cli.select_command import overlap, select
from selfinstruct.cli.source_commands import invert
from selfinstruct.cli.try_command import try_endpoint
from selfinstruct.cli.uncertainty_command import uncertainty
from selfinstruct.recipes.catalogue import RECIPES


class Cli(Commands):
    """Every command, and one for each recipe that has no command of its own."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        return command_of(cmd_name) if own is None and cmd_name in RECIPES else own


@click.group(
    cls=Cli, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, package_name="selfinstruct", message="%(prog)s %(version)s")
def cli() -> None:
    """Make instruction-tuning data with a language model, the Self-Instruct way (Wang et al., ACL 2023)."""


for _command in (
    *(
        generate,
        respond,
        *map(command_of, ("unnatural", "evolve", "paraphrase", "constrain", "chat")),
        invert,
        dynosaur,
        render,
        templates,
        import_files,
        natural,
        resume,
        try_endpoint,
        init,
        status,
        verify,
        merge,
        rounds,
        workers,
    ),
    *(check, adherence, judge, uncertainty, stats, report, export, dedupe, mix, select, overlap),
):
    cli.add_command(_command)


def main() -> NoReturn:
    """The console script. Exit codes: 0 done, 2 something for the user to mend, 128 + number of a signal."""
    for stream in (sys.stdout, sys.stderr):  # whose encoding must not end a run that is done
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        cli.main(prog_name="selfinstruct", standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)
