"""The page's parts that need no script: numbers, funnel, tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

from selfinstruct.report.elements import bar, figure, narrowing, table
from selfinstruct.stats import PAPER, PAPER_QUALITY, Stats
from selfinstruct.stats.table import percent, quality_rows, rows

_PAIRS, _LABELS = 12, 12  # shown


def each(runs: Sequence[Stats], section: Callable[[int, Stats], str], kind: str) -> str:
    """A section of every run, under the run's name where there are several."""
    named = [f"<h3><bdi>{escape(one.name)}</bdi></h3>" if len(runs) > 1 else "" for one in runs]
    parts = (
        f'<div class="{kind}">{name}{section(at, one)}</div>'
        for at, (name, one) in enumerate(zip(named, runs, strict=True))
    )
    return "".join(parts)


def headline(runs: Sequence[Stats]) -> str:
    """The numbers that one asks for first, of a run that stands alone; several have a table of them."""
    if len(runs) > 1:
        return ""
    (one,) = runs
    cards = [
        (f"{one.counts.instances:,}", "examples", f"of {one.counts.instructions:,} instructions"),
        (
            percent(one.funnel.admitted, one.funnel.proposed),
            "admitted",
            f"of {one.funnel.proposed:,} proposed instructions",
        ),
        (
            percent(one.counts.classification, one.counts.instructions),
            "classification",
            "the paper: 22.1%",
        ),
        (
            percent(one.close, one.compared),
            "close to another",
            "ROUGE-L above 0.6 with an earlier one",
        ),
        (f"{_tokens(one)[0]}", "tokens", _tokens(one)[1]),
    ]
    if one.quality and one.quality.mean_score is not None:
        cards.append(
            (
                f"{one.quality.mean_score:.1f}",
                "mean score of 5",
                f"of {one.quality.judged:,} judged examples",
            )
        )
    every = (
        f'<div class="card"><b>{value}</b><span>{name}</span><small>{note}</small></div>'
        for value, name, note in cards
    )
    return f'<div class="cards">{"".join(every)}</div>'


def comparison(runs: Sequence[Stats]) -> str:
    """The paper's table, and below it, for several runs, what their cards would say."""
    columns = [list(rows(PAPER, one.counts, one.verbs)) for one in runs]
    lines = [
        [what, papers, *(column[at][2] for column in columns)]
        for at, (what, papers, _) in enumerate(columns[0])
    ]
    if len(runs) > 1:
        lines += [
            ["proposed instructions", "", *(f"{one.funnel.proposed:,}" for one in runs)],
            [
                "of them admitted",
                "",
                *(percent(one.funnel.admitted, one.funnel.proposed) for one in runs),
            ],
            [
                "ROUGE-L above 0.6 with an earlier one",
                "",
                *(percent(one.close, one.compared) for one in runs),
            ],
            ["tokens", "", *(_tokens(one)[0] for one in runs)],
            ["cost", "", *(_tokens(one)[1] for one in runs)],
        ]
    return table(["", "the paper", *(one.name for one in runs)], lines)


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
    """The sunbursts, each with what it stands for."""
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
    """What went in, what came out, and why the rest did not, as bars."""

    def part(title: str, total: int, what: str, kept: str, count: int) -> Iterator[str]:
        yield bar(title, total, total, "all")
        for reason, times in run.funnel.reasons(what):
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
    """A button for each kind; it leads to the examples."""
    if not run.defects:
        return '<p class="none">The checks find nothing in the examples.</p>'
    lines = []
    for one in run.defects:
        evidence = "".join(f'<q dir="auto">{escape(text)}</q>' for text in one.evidence[:2])
        lines.append(
            f'<button type="button" class="defect"{narrowing(at, one.slug)}><em class="{one.severity}">{one.severity}</em>'
            f"<span><b>{escape(one.slug.replace('_', ' '))}</b><small>{escape(one.meaning)}</small>{evidence}</span>"
            f"<b>{one.count:,}</b><i>{percent(one.count, run.counts.instances)}</i></button>"
        )
    return "".join(lines)


def quality(runs: Sequence[Stats]) -> str:
    """The judge's answers beside the paper's, and the scores; nothing where nothing is judged."""
    if not any(one.quality for one in runs):
        return ""
    columns = [list(quality_rows(PAPER_QUALITY, one.quality)) for one in runs]
    lines = [
        [what, papers, *(column[at][2] for column in columns)]
        for at, (what, papers, _) in enumerate(columns[0])
    ]
    beside = table(["", "the paper", *(one.name for one in runs)], lines)
    text = "The paper's answers are one of its authors', ours a model's."
    scores = figure("scores", "Scores", None)
    return f'<section class="two"><div><h2>Quality</h2><p>{text}</p>{beside}</div><div>{scores}</div></section>'


def neighbours(at: int, run: Stats) -> str:
    """The pairs that resemble each other most."""
    if not run.closest:
        return '<p class="none">No two instructions resemble each other at more than 0.6.</p>'
    pairs = (
        f'<li><b>{pair.score:.2f}</b><p dir="auto">{escape(pair.text)}</p><p dir="auto">{escape(pair.nearest)}</p></li>'
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
