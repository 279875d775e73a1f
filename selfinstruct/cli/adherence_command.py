"""`selfinstruct adherence`: whether recorded answers follow the constraints of their prompts."""

from __future__ import annotations

import click

from selfinstruct.cli.screen import show


@click.command()
@click.argument("answers", metavar="ANSWERS")
@click.option(
    "--prompts",
    metavar="FILE",
    help="The prompts with their constraints.  [default: the answers have them]",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def adherence(answers: str, prompts: str | None, as_json: bool) -> None:
    """Score answers by the constraints of their prompts, strict and loose, as IFEval does.

    \b
    selfinstruct adherence answers.jsonl --prompts input_data.jsonl
    selfinstruct respond input_data.jsonl --model gpt-4o-mini --out runs/ifeval
    selfinstruct adherence runs/ifeval --prompts input_data.jsonl --json
    selfinstruct adherence runs/constrained

    ANSWERS is a file or a run whose records have a prompt and a response. A prompt's record names
    its constraints in instruction_id_list and kwargs. No model is asked. docs/adherence.md lists
    the types of constraints.
    """
    import json

    from selfinstruct.adherence.recordings import scores

    found = scores(answers, prompts)
    show([json.dumps(found.to_record())] if as_json else list(found.lines()))
