"""`selfinstruct export`: runs as files that trainers load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from selfinstruct.cli.screen import show


@click.command()
@click.argument(
    "directories", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path)
)
@click.option(
    "--format",
    type=click.Choice(
        [
            "alpaca",
            "messages",
            "sharegpt",
            "prompt-completion",
            "preference",
            "unnatural",
            "super-ni",
            "parquet",
            "hf",
        ]
    ),
    required=True,
    help="messages is the chat form of OpenAI and TRL; preference has pairs of a chosen and a "
    "rejected output, as TRL trains on them; hf is a dataset folder with a card.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="PATH",
    help="A file (.jsonl, .json, .parquet), or a folder with a file for each split.",
)
@click.option(
    "--split",
    default="",
    metavar="A/B",
    help="Shares of train/test, or of train/validation/test. An instruction is never on two sides.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="EXPR",
    help="Only examples that fit, as in 'score>=4' or is_classification=false. Repeatable: all "
    "must hold.",
)
@click.option(
    "--best",
    is_flag=True,
    help="Of the examples of a prompt only the one with the judge's highest score.",
)
@click.option(
    "--margin",
    type=float,
    metavar="N",
    help="Only pairs whose scores differ by N at least (preference).  [default: any difference]",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Decides splits and templates."
)
@click.option(
    "--shuffle-seed",
    type=int,
    metavar="N",
    help="Shuffle; N decides the order.  [default: the order of the run]",
)
@click.option(
    "--system",
    default="",
    metavar="TEXT",
    help="A system message for the examples without their own (alpaca, messages, sharegpt, "
    "preference).",
)
@click.option(
    "--drop-labels",
    is_flag=True,
    help="Half of the inputs lose a label at their beginning, such as 'Text:' (prompt-completion).",
)
@click.option(
    "--grouped",
    is_flag=True,
    help="Tasks of up to 6,500 examples of any instruction, not one of each instruction (super-ni).",
)
@click.option(
    "--language",
    default="English",
    show_default=True,
    help="The language of the texts, by its English name (super-ni).",
)
@click.option(
    "--new-schema",
    is_flag=True,
    help="Write imported tasks of v1 and of older files in the new schema too (super-ni).",
)
@click.option(
    "--license",
    default="",
    metavar="ID",
    help="For the dataset card, as the Hub writes licenses: cc-by-4.0, apache-2.0 (hf).",
)
@click.option(
    "--push-to-hub",
    default="",
    metavar="OWNER/NAME",
    help="Upload as a private dataset, with HF_TOKEN from the environment (hf).",
)
@click.option(
    "--force",
    is_flag=True,
    help="Replace a file that exists. A folder from an earlier export needs no leave.",
)
def export(directories: tuple[Path, ...], out: Path, **settings: Any) -> None:
    """Write the examples of runs in a form that trainers load.

    \b
    selfinstruct export runs/mine --format alpaca --out mine.json
    selfinstruct export runs/mine --format messages --split 0.95/0.05 --out mine-chat
    selfinstruct export runs/mine --format preference --margin 2 --out pairs.jsonl
    selfinstruct export runs/a runs/b --format hf --keep 'score>=4' --license cc-by-4.0 --out both

    The same example in two runs is written once. Parquet, hf and --push-to-hub need the extra
    'export'; the other formats need nothing beyond the base install.

    --keep compares score, turn, instruction_words, input_words, output_words (numbers),
    is_classification, is_valid, input_fits, output_right (true or false), id, run, model, source,
    finding with >= <= > < = !=. Examples that the judge was not asked about have no score,
    is_valid, input_fits and output_right: such a comparison drops and counts them.

    A prompt is the system message, the earlier turns, the instruction and the input. Where several
    models answered a prompt and 'selfinstruct judge' gave scores, --best keeps the best output,
    and preference makes a pair of the best and the worst.
    """
    from selfinstruct.exports import Export
    from selfinstruct.exports import export as write

    settings["license"] = settings["license"].lower()
    show(write(directories, out, Export(**settings)).lines())
