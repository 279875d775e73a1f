"""The command line. A command is imported when it is called, so that --help is quick."""

from __future__ import annotations

import io
import sys
from typing import NoReturn

import click

from selfinstruct import __version__
from selfinstruct.cli.commands import Cli


@click.group(
    cls=Cli, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, package_name="selfinstruct", message="%(prog)s %(version)s")
def cli() -> None:
    """Make instruction-tuning data with a language model, the Self-Instruct way (Wang et al., ACL
    2023).
    """


def main() -> NoReturn:
    """The console script.

    Exit codes: 0 done, 2 something for the user to mend, 128 + the number of a signal.
    """
    for stream in (sys.stdout, sys.stderr):  # whose encoding must not end a run that is done
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        cli.main(prog_name="selfinstruct", standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)
