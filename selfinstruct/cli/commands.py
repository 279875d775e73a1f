"""The commands by name. A command's module is imported when that command is called.

`--help` of the group and a wrong name import none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

import click

from selfinstruct.cli.screen import Commands


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is, as "module:name", and the first sentence of its help.

    `home` is empty for the command that is made from a recipe's settings.
    """

    home: str
    about: str


COMMANDS: Mapping[str, Entry] = {
    "adherence": Entry(
        "adherence_command:adherence",
        "Score answers by the constraints of their prompts, strict and loose, as IFEval does.",
    ),
    "chat": Entry("", "Make conversations of several turns between a person and an assistant."),
    "check": Entry(
        "check_command:check",
        "Find known defects in the examples of a run, or of a file in any usual shape.",
    ),
    "constrain": Entry(
        "", "Add verifiable constraints to instructions, and keep the answers that follow them."
    ),
    "dedupe": Entry(
        "dedupe_command:dedupe",
        "Copy the records of any dataset, in order, without near-duplicates of an earlier record.",
    ),
    "dynosaur": Entry(
        "dynosaur_command:dynosaur",
        "Turn annotated datasets into tasks: a model writes instructions over their fields.",
    ),
    "evolve": Entry(
        "", "Make the instructions of a dataset harder in rounds, and answer them: Evol-Instruct."
    ),
    "export": Entry(
        "export_command:export", "Write the examples of runs in a form that trainers load."
    ),
    "generate": Entry(
        "generate_command:generate",
        "Generate --n examples into a run directory; the same command goes on with a stopped run.",
    ),
    "import": Entry(
        "import_command:import_files",
        "Make a run of datasets, so that stats, report, check, judge, export and mix work on them.",
    ),
    "init": Entry(
        "directory_commands:init",
        "Write the seed tasks and all prompt templates into DIRECTORY, to be edited.",
    ),
    "invert": Entry(
        "source_commands:invert",
        "Swap the inputs and outputs of a dataset, with a new instruction for each task.",
    ),
    "judge": Entry(
        "judge_command:judge",
        "Ask a model of every example of the run in DIRECTORY: is it a valid task, does the input "
        "fit, is the output right?",
    ),
    "merge": Entry(
        "merge_command:merge",
        "Put finished runs of a recipe together: shards, or runs with seeds of their own.",
    ),
    "mix": Entry("mix_command:mix", "Mix runs, files and datasets into one folder for training."),
    "natural": Entry(
        "natural_commands:natural",
        "Tasks of Natural Instructions (v1) and Super-Natural-Instructions.",
    ),
    "overlap": Entry(
        "select_command:overlap",
        "Say how many lines two selections share on average, and how many they would by chance.",
    ),
    "paraphrase": Entry("", "Word the instructions of a dataset anew, and keep their outputs."),
    "render": Entry(
        "render_command:render",
        "Show the rows of annotated datasets in templates: an example for each row and template.",
    ),
    "report": Entry(
        "report_commands:report",
        "Write an HTML page on a run, or on several side by side, that opens without a network.",
    ),
    "respond": Entry(
        "respond_command:respond",
        "Answer collected instructions: those of runs, or of any dataset.",
    ),
    "resume": Entry(
        "recipe_commands:resume",
        "Go on with the run in DIRECTORY, whatever made it, with its own settings.",
    ),
    "rounds": Entry(
        "rounds_commands:rounds",
        "Show which rounds of the run in DIRECTORY wait, and write scripts that answer them.",
    ),
    "select": Entry(
        "select_command:select",
        "Choose --n records of a run or a file, and copy them as they stand.",
    ),
    "stats": Entry(
        "report_commands:stats",
        "Print the figures of the run in DIRECTORY beside the paper's: counts, defects, judgements.",
    ),
    "status": Entry(
        "directory_commands:status",
        "Show how the run in DIRECTORY stands, live, stopped or finished, without disturbing it.",
    ),
    "templates": Entry(
        "render_command:templates",
        "Templates over the rows of datasets, as `selfinstruct render` takes them.",
    ),
    "try": Entry(
        "try_command:try_endpoint",
        "Ask every stage of `generate` once; show the prompts, the replies and what was read.",
    ),
    "uncertainty": Entry(
        "uncertainty_command:uncertainty",
        "Measure how unsure a model is of each task: by how much the probability of an output "
        "changes when words of the instruction are dropped (Active Instruction Tuning).",
    ),
    "unnatural": Entry(
        "", "Draft tasks from three that are shown, then their outputs: Unnatural Instructions."
    ),
    "verify": Entry(
        "directory_commands:verify",
        "Build the dataset of the run in DIRECTORY anew, in memory, and compare the bytes.",
    ),
    "workers": Entry(
        "rounds_commands:workers",
        "Answer the rounds of runs with an endpoint, the embedded model, or engines on a cluster.",
    ),
}


class Cli(Commands):
    """Every command of the table, and one for each recipe that has no command of its own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None or not entry.home:
            return self._of_recipe(cmd_name)
        module, _, name = entry.home.partition(":")
        home = f"{__package__}.{module}"
        command: click.Command = getattr(import_module(home), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        limit = formatter.width - 6 - max(map(len, COMMANDS))
        rows = [
            (name, click.Command(name, help=COMMANDS[name].about).get_short_help_str(limit))
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    @staticmethod
    def _of_recipe(name: str) -> click.Command | None:
        from selfinstruct.cli.recipe_commands import command_of
        from selfinstruct.recipes.catalogue import RECIPES

        return command_of(name) if name in RECIPES else None
