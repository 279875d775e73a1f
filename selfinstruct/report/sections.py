"""The page's parts that need no script: numbers, funnel, tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

from selfinstruct.report.elements import bar, figure, narrowing, table
from selfinstruct.stats import PAPER, PAPER_QUALITY, Stats
from selfinstruct.stats.table import model_rows, percent, quality_rows, round_rows, rows

_PAIRS, _LABELS = 12, 12  # shown


def each(runs: Sequence[Stats], section: Callable[[int, Stats], str], kind: str) -> str:
    """A section of every run, under the run's name where there are several."""
    named = [f"<h3><bdi>{escape(run.name)}</bdi></h3>" if len(runs) > 1 else "" for run in runs]
    parts = (
        f'<div class="{kind}">{name}{section(at, run)}</div>'
        for at, (name, run) in enumerate(zip(named, runs, strict=True))
    )
    return "".join(parts)


def headline(runs: Sequence[Stats]) -> str:
    """The first numbers to ask for, as cards, for a run that stands alone.

    Several runs have a table of the numbers instead.
    """
    if len(runs) > 1:
        return ""
    (run,) = runs
    cards = [
        (f"{run.counts.instances:,}", "examples", f"of {run.counts.instructions:,} instructions"),
        (
            percent(run.funnel.admitted, run.funnel.proposed),
            "admitted",
            f"of {run.funnel.proposed:,} proposed instructions",
        ),
        (
            percent(run.counts.classification, run.counts.instructions),
            "classification",
            "the paper: 22.1%",
        ),
        (
            percent(run.close, run.compared),
            "close to another",
            "ROUGE-L above 0.6 with an earlier one",
        ),
        (f"{_tokens(run)[0]}", "tokens", _tokens(run)[1]),
    ]
    if run.quality and run.quality.mean_score is not None:
        cards.append(
            (
                f"{run.quality.mean_score:.1f}",
                "mean score of 5",
                f"of {run.quality.judged:,} judged examples",
            )
        )
    every = (
        f'<div class="card"><b>{value}</b><span>{name}</span><small>{note}</small></div>'
        for value, name, note in cards
    )
    return f'<div class="cards">{"".join(every)}</div>'


def comparison(runs: Sequence[Stats]) -> str:
    """The paper's table; for several runs the numbers of their cards follow."""
    columns = [list(rows(PAPER, run.counts, run.verbs)) for run in runs]
    lines = [
        [what, papers, *(column[at][2] for column in columns)]
        for at, (what, papers, _) in enumerate(columns[0])
    ]
    if len(runs) > 1:
        lines += [
            ["proposed instructions", "", *(f"{run.funnel.proposed:,}" for run in runs)],
            [
                "of them admitted",
                "",
                *(percent(run.funnel.admitted, run.funnel.proposed) for run in runs),
            ],
            [
                "ROUGE-L above 0.6 with an earlier one",
                "",
                *(percent(run.close, run.compared) for run in runs),
            ],
            ["tokens", "", *(_tokens(run)[0] for run in runs)],
            ["cost", "", *(_tokens(run)[1] for run in runs)],
        ]
    return table(["", "the paper", *(run.name for run in runs)], lines)


def _tokens(run: Stats) -> tuple[str, str]:
    if not run.moments:
        return "0", "no reply yet"
    last = run.moments[-1]
    count = last.prompt_tokens + last.completion_tokens
    shown = (
        f"{count / 1e6:,.1f} M"
        if count >= 1e6
        else f"{count / 1e3:,.0f} K"
        if count >= 1e4
        else f"{count:,}"
    )
    return shown, "price unknown" if last.cost is None else f"${last.cost:,.2f}"


def verbs(runs: Sequence[Stats], why_not: dict[str, str]) -> str:
    """The sunbursts, each with the share of instructions that it shows."""
    return each(
        runs,
        lambda at, run: figure(f"verbs-{at}", _covered(run), why_not.get(f"verbs-{at}"), "sun"),
        "sunburst",
    )


def _covered(run: Stats) -> str:
    found = run.verbs
    if not found or not found.parsed:
        return "Verbs and nouns"
    return f"{percent(found.covered, found.parsed)} {found.said} instructions are in it"


def funnel(at: int, run: Stats) -> str:
    """The numbers of proposals, of examples, and of the drops between by reason, as bars."""

    def part(title: str, total: int, kind: str, kept: str, count: int) -> Iterator[str]:
        yield bar(title, total, total, "all")
        for reason, times in run.funnel.reasons(kind):
            yield bar(reason, times, total, "drop", narrowing(at, reason))
        yield bar(kept, count, total, "keep")

    instructions = part(
        "instructions proposed", run.funnel.proposed, "instruction", "admitted", run.funnel.admitted
    )
    instances = part(
        "instances written", run.funnel.instances, "instance", "examples", run.funnel.examples
    )
    dropped, replies = run.funnel.count("reply"), []
    for name, times in run.funnel.reasons("reply"):
        stage, _, reason = name.partition(": ")
        replies.append(bar(name, times, dropped, "drop", narrowing(at, reason, stage)))
    unread = (
        f"<details><summary>{dropped:,} replies dropped</summary>{''.join(replies)}</details>"
        if dropped
        else ""
    )
    return f"<div>{''.join(instructions)}</div><div>{''.join(instances)}</div>{unread}"


def defects(at: int, run: Stats) -> str:
    """A button for each kind of defect, which leads to the examples."""
    if not run.defects:
        return '<p class="none">The checks find nothing in the examples.</p>'
    lines = []
    for kind in run.defects:
        evidence = "".join(f'<q dir="auto">{escape(text)}</q>' for text in kind.evidence[:2])
        lines.append(
            f'<button type="button" class="defect"{narrowing(at, kind.slug)}>'
            f'<em class="{kind.severity}">{kind.severity}</em>'
            f"<span><b>{escape(kind.slug.replace('_', ' '))}</b>"
            f"<small>{escape(kind.meaning)}</small>{evidence}</span>"
            f"<b>{kind.count:,}</b><i>{percent(kind.count, run.counts.instances)}</i></button>"
        )
    return "".join(lines)


def quality(runs: Sequence[Stats]) -> str:
    """The judge's answers beside the paper's, and the scores; nothing where nothing is judged."""
    if not any(run.quality for run in runs):
        return ""
    columns = [list(quality_rows(PAPER_QUALITY, run.quality)) for run in runs]
    lines = [
        [what, papers, *(column[at][2] for column in columns)]
        for at, (what, papers, _) in enumerate(columns[0])
    ]
    beside = table(["", "the paper", *(run.name for run in runs)], lines)
    text = "The paper's answers are one of its authors', ours a model's."
    scores = figure("scores", "Scores", None)
    return (
        f'<section class="two"><div><h2>Quality</h2><p>{text}</p>{beside}</div>'
        f"<div>{scores}</div></section>"
    )


def models(runs: Sequence[Stats]) -> str:
    """The models of each run beside each other; nothing where every run has a single model."""
    tables = {at: list(model_rows(run.models)) for at, run in enumerate(runs)}
    if not any(tables.values()):
        return ""

    def section(at: int, run: Stats) -> str:
        lines = tables[at]
        head = ["model", "examples", "judged", "mean score"]
        return table(head, lines) if lines else '<p class="none">A single model.</p>'

    return f"<section><h2>Models</h2>{each(runs, section, 'models')}</section>"


def rounds(runs: Sequence[Stats]) -> str:
    """The rounds of each run that evolves instructions; nothing where no run has rounds."""
    if not any(run.rounds for run in runs):
        return ""

    def section(at: int, run: Stats) -> str:
        head = ["", "survived", "words asked", "words answered", "mean score", "fallen"]
        fallen = (
            ", ".join(
                f"{reason.replace('_', ' ')} {times:,}" for reason, times in line.fallen.items()
            )
            for line in run.rounds
        )
        lines = [[*row, why] for row, why in zip(round_rows(run.rounds), fallen, strict=True)]
        return table(head, lines) if lines else '<p class="none">No rounds.</p>'

    return f"<section><h2>Rounds</h2>{each(runs, section, 'models')}</section>"


def neighbours(at: int, run: Stats) -> str:
    """The pairs that resemble each other most."""
    if not run.closest:
        return '<p class="none">No two instructions resemble each other at more than 0.6.</p>'
    pairs = (
        f'<li><b>{pair.score:.2f}</b><p dir="auto">{escape(pair.text)}</p>'
        f'<p dir="auto">{escape(pair.nearest)}</p></li>'
        for pair in run.closest[:_PAIRS]
    )
    few = (
        f"<p>Of the first {run.compared:,} instructions.</p>"
        if run.compared < run.counts.instructions
        else ""
    )
    return f'{few}<ol class="pairs">{"".join(pairs)}</ol>'


def labels(at: int, run: Stats) -> str:
    found = run.labels
    if not found.tasks:
        return '<p class="none">No example is a classification task.</p>'
    said = f"Tasks: {found.tasks:,}. Instances: {found.instances:,}. "
    if found.balance is None:
        said += "No task has two instances, so there is no balance to speak of."
    else:
        alike = f"{found.one_label:,} of them with one label only"
        said += f"Tasks with several: {found.several:,}, {alike}; balance {found.balance:.2f} of 1."
    return f"<p>{said}</p>" + table(
        ["label", "instances"],
        [[label, f"{times:,}"] for label, times in found.commonest[:_LABELS]],
    )
