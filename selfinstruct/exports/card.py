"""The dataset card: README.md of a folder for the Hub.

`datasets` reads the splits from its front matter.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from selfinstruct import __version__
from selfinstruct.asking.changes import free_names
from selfinstruct.asking.config import Config
from selfinstruct.exports.selection import Selection, names_of
from selfinstruct.exports.style import Style
from selfinstruct.exports.tally import Tally
from selfinstruct.models import Decoding
from selfinstruct.runs.view import RunView

_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
# Settings that may hold private matters: addresses within a network, paths, a server's own fields.
_PRIVATE = {"extra_body"}


def card(
    name: str,
    license: str,
    tallies: Mapping[str, Tally],
    selection: Selection,
    style: Style,
    command: Sequence[str],
) -> str:
    """The card as Markdown. command: the options of the export, without DIR and --out."""
    parts = [
        _front_matter(name, license, tallies, selection.runs),
        [f"# {_plain(name)}", "", _opening(selection.runs, tallies)],
        ["## Splits", "", *_statistics(tallies)],
        ["## Columns", "", *_columns(style)],
        ["## How it was made", "", *_recipe(selection.runs)],
        [
            "The export:",
            "",
            *_fenced([shlex.join(["selfinstruct", "export", *names_of(selection.runs), *command])]),
        ],
        ["## What was left out", "", *_funnels(selection)],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _front_matter(
    name: str, license: str, tallies: Mapping[str, Tally], runs: Sequence[RunView]
) -> list[str]:
    is_synthetic = any(run.config.STAGES for run in runs)
    rows = sum(tally.rows for tally in tallies.values())
    size = next((label for bound, label in _SIZES if rows < bound), "n>10M")
    lines = [
        "---",
        f"pretty_name: {json.dumps(name)}",  # JSON is YAML, and nothing in a name can end it
        f"license: {json.dumps(license or 'unknown')}",
        "task_categories:",
        "- text-generation",
        "size_categories:",
        f"- {size}",
        "tags:",
        *(["- synthetic"] if is_synthetic else []),
        "- instruction-tuning",
        *(["- self-instruct"] if is_synthetic else []),
        "configs:",
        "- config_name: default",
        "  data_files:",
    ]
    for split in tallies:
        lines += [f"  - split: {split}", f"    path: data/{split}.parquet"]
    return [*lines, "---"]


def _opening(runs: Sequence[RunView], tallies: Mapping[str, Tally]) -> str:
    named = set().union(*(tally.models for tally in tallies.values())) - {"none", "unknown"}
    if not named and not any(run.config.STAGES for run in runs):
        said = f"Instructions with outputs, put together with selfinstruct {__version__}."
        return f"{said} No model was asked."
    models = ", ".join(
        f"`{_plain(model)}`" for model in sorted(named or {run.config.asked for run in runs})
    )
    if all(run.record.get("seeds") for run in runs):  # the instructions grew from seeds
        made = (
            f"Instructions with inputs and outputs, written by {models} with selfinstruct "
            f"{__version__}, which follows [Self-Instruct](https://arxiv.org/abs/2212.10560) "
            "(Wang et al., ACL 2023)."
        )
    else:
        made = f"Instructions with outputs by {models}, made with selfinstruct {__version__}."
    return f"{made} No person has checked each of them: expect answers that are wrong."


def _statistics(tallies: Mapping[str, Tally]) -> list[str]:
    splits = list(tallies.values())
    rows: list[tuple[str, list[str]]] = [
        ("examples", [f"{split.rows:,}" for split in splits]),
        ("different instructions", [f"{split.instructions:,}" for split in splits]),
        ("classification", [f"{split.classification:,}" for split in splits]),
        ("with an input", [f"{split.with_input:,}" for split in splits]),
    ]
    for field, label in (
        ("instruction", "an instruction"),
        ("input", "an input that is not empty"),
        ("output", "an output"),
    ):
        rows.append((f"words of {label}, mean", [f"{split.mean(field):.1f}" for split in splits]))
    head = [f"| | {' | '.join(tallies)} |", "|---|" + "---:|" * len(tallies)]
    return [*head, *(f"| {label} | {' | '.join(values)} |" for label, values in rows)]


_COLUMNS = [
    "- `instruction`, `input` (empty where the task needs none), `output`",
    (
        "- `is_classification`: whether the model took the task for one with a closed set of "
        "answers; null where it was not asked"
    ),
    "- `id`, `run`, `instruction_id`, `turn`, `model`: where the example comes from",
    "- `score`: a model's judgement from 1 to 5; null where there is none",
    "- `findings`: defects that were found and left in",
]


def _columns(style: Style) -> Iterator[str]:
    yield from _COLUMNS
    if style.system_column:
        yield "- `system`: the system message of the chat, if any"
    if style.history_column:
        yield "- `history`: the turns of the chat before the instruction, if any"


def _recipe(runs: Sequence[RunView]) -> Iterator[str]:
    for name, run in zip(names_of(runs), runs, strict=True):
        begun = _plain(str(run.record.get("created", "at an unknown time")))
        yield f"**{_plain(name)}**, begun {begun}:"
        yield ""
        prints = {"seed tasks": run.record.get("seeds"), **run.record.get("prompts", {})}
        fingerprints = [f"{name} {value}" for name, value in prints.items() if value]
        facts = [
            f"model {run.config.asked}, {run.method}, seed {run.config.seed}",
            f"selfinstruct {run.record.get('selfinstruct')}, Python {run.record.get('python')}",
            f"fingerprints: {', '.join(fingerprints)}",
            *(f"changed on the way: {change}" for change in run.record.get("changes", [])),
            shlex.join(
                [
                    "selfinstruct",
                    run.config.command,
                    "--n",
                    str(run.config.n),
                    *_options(run.config),
                ]
            ),
        ]
        yield from _fenced(facts)
        yield ""


def _options(config: Config) -> Iterator[str]:
    """The settings that differ from the defaults of the recipe and its preset, as options."""
    usual = type(config).configured(config.basis)
    for name, value in config.basis.items():
        yield from (f"--{name.replace('_', '-')}", str(value))
    left_out = free_names(type(config)) | _PRIVATE | set(config.basis) | {"decodings"}
    left_out |= set() if config.STAGES else {"model"}
    for each in fields(config):
        value = getattr(config, each.name)
        if each.name in left_out or value == getattr(usual, each.name):
            continue
        flag = each.metadata.get("flag") or f"--{each.name.replace('_', '-')}"
        if value is True:
            yield flag
        else:
            for text in value if isinstance(value, tuple) else (value,):
                yield from (flag, str(text))
    for stage, decoding in config.decodings.items():
        before = usual.decodings.get(stage, Decoding())
        for part in fields(Decoding):
            now = getattr(decoding, part.name)
            if now != getattr(before, part.name):
                yield from (f"--{part.name.replace('_', '-')}", f"{stage}={_said(now)}")


def _said(value: Any) -> str:
    return (
        json.dumps(value, ensure_ascii=False)
        if isinstance(value, tuple)
        else ""
        if value is None
        else str(value)
    )


def _funnels(selection: Selection) -> Iterator[str]:
    for name, run in zip(names_of(selection.runs), selection.runs, strict=True):
        yield f"While {_plain(name)} was generated:"
        yield ""
        yield from _fenced(run.funnel().lines())
        yield ""
    yield "By the export:"
    yield ""
    counts = [
        f"read {selection.read:,}",
        *(f"dropped, {why}: {count:,}" for why, count in selection.dropped.most_common()),
    ]
    yield from _fenced([*counts, f"kept {selection.kept:,}"])


def _fenced(lines: Iterable[str]) -> list[str]:
    """Lines as they are; nothing in them can end the block."""
    text = [line.replace("```", "` ` `").replace("\n", " ") for line in lines]
    return ["```text", *text, "```"]


def _plain(text: str) -> str:
    """A name within Markdown."""
    return "".join(letter if letter.isalnum() or letter in " -_.:/+,@" else "?" for letter in text)
