"""The figures as Plotly reads them: data and layout.

The page adds the colours, light or dark.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from selfinstruct.stats import Histogram, Stats, Verbs
from selfinstruct.stats.parser import MISSING
from selfinstruct.stats.quality import SCORES

Figure = dict[str, Any]
_Line = tuple[Sequence[float], Sequence[float]]  # x, y


def figures(runs: Sequence[Stats]) -> tuple[dict[str, Figure], dict[str, str]]:
    """The figures by the id of the element that shows them, and reasons for the missing figures.

    Several runs share a figure; only the sunbursts are each run's own.
    """
    found, why_not = dict[str, Figure](), dict[str, str]()
    for number, run in enumerate(runs):
        if run.verbs and run.verbs.verbs:
            found[f"verbs-{number}"] = sunburst(run.verbs)
        else:
            why_not[f"verbs-{number}"] = (
                MISSING
                if run.verbs is None
                else "No instruction has a verb with its noun; only English is parsed."
            )
    _lengths(runs, found, why_not)
    _seeds(runs, found, why_not)
    if any(run.quality for run in runs):
        found["scores"] = _scores(runs)
    _course(runs, found, why_not)
    return found, why_not


def _lengths(runs: Sequence[Stats], found: dict[str, Figure], why_not: dict[str, str]) -> None:
    for name, axis in (
        ("instruction", "words"),
        ("input", "words, inputs that are not empty"),
        ("output", "words"),
    ):
        bars = [run.lengths[name] for run in runs]
        if any(any(histogram.counts) for histogram in bars):
            found[f"length-{name}"] = _bars(runs, bars, axis)
        else:
            why_not[f"length-{name}"] = (
                f"No example has an {name}." if name == "input" else "There is no example yet."
            )


def _seeds(runs: Sequence[Stats], found: dict[str, Figure], why_not: dict[str, str]) -> None:
    """Likeness to the seeds, of the runs that have seeds."""
    seeded = [(run, run.seeds) for run in runs if run.seeds is not None]
    bars = [histogram for _, histogram in seeded]
    if any(any(histogram.counts) for histogram in bars):
        found["seeds"] = _bars([run for run, _ in seeded], bars, "highest ROUGE-L with a seed task")
    else:
        why_not["seeds"] = (
            "There is no example yet." if seeded else "There are no seed tasks to compare with."
        )


def _course(runs: Sequence[Stats], found: dict[str, Figure], why_not: dict[str, str]) -> None:
    """Admission by turn; tokens and cost by time."""
    if max(len(run.stretches) for run in runs) > 1:
        shares = [
            (
                [at.first + at.turns for at in run.stretches],
                [100 * at.admitted / at.turns for at in run.stretches],
            )
            for run in runs
        ]
        found["rate"] = _lines(runs, shares, "turns", "admitted per 100 prompts")
    else:
        why_not["rate"] = "A run of one turn has no course."
    if max(len(run.moments) for run in runs) < 2:
        why_not["tokens"] = "There are not two replies yet."
        return
    span, unit = _unit(max(run.moments[-1].seconds for run in runs if run.moments), _TIMES)
    most = max(
        run.moments[-1].prompt_tokens + run.moments[-1].completion_tokens
        for run in runs
        if run.moments
    )
    size, tokens = _unit(most, _TOKENS)
    times = [[at.seconds / span for at in run.moments] for run in runs]
    spent = [
        [(at.prompt_tokens + at.completion_tokens) / size for at in run.moments] for run in runs
    ]
    found["tokens"] = _lines(runs, list(zip(times, spent, strict=True)), f"{unit} of work", tokens)
    costs = [[at.cost or 0.0 for at in run.moments] for run in runs]
    if any(map(any, costs)):
        found["cost"] = _lines(
            runs, list(zip(times, costs, strict=True)), f"{unit} of work", "US dollars"
        )


_TIMES = ((3 * 3600, 3600, "hours"), (180, 60, "minutes"), (0, 1, "seconds"))
_TOKENS = ((1e6, 1e6, "million tokens"), (1e4, 1e3, "thousand tokens"), (0, 1, "tokens"))


def _unit(most: float, units: Sequence[tuple[float, float, str]]) -> tuple[float, str]:
    """The divisor and its name that keep the numbers of an axis short."""
    return next((size, name) for least, size, name in units if most >= least)


def sunburst(verbs: Verbs) -> Figure:
    """The paper's figure 3: verbs inside, their nouns outside.

    The width of an arc is a number of instructions.
    """
    ids, labels, parents, values = [], [], [], []
    for verb in verbs.verbs:
        ids.append(verb.verb)
        labels.append(_plain(verb.verb))
        parents.append("")
        values.append(sum(times for _, times in verb.nouns))
        for noun, times in verb.nouns:
            ids.append(f"{verb.verb}/{noun}")
            labels.append(_plain(noun))
            parents.append(verb.verb)
            values.append(times)
    trace = {
        "type": "sunburst",
        "ids": ids,
        "labels": labels,
        "parents": parents,
        "values": values,
        "branchvalues": "total",
        "hovertemplate": "%{label}: %{value}<extra></extra>",
        "insidetextorientation": "radial",
    }
    # Labels that would be smaller are left to the mouse.
    return {
        "data": [trace],
        "layout": {
            "margin": {"t": 4, "l": 4, "r": 4, "b": 4},
            "uniformtext": {"minsize": 9, "mode": "hide"},
        },
    }


def _bars(runs: Sequence[Stats], bars: Sequence[Histogram], axis: str) -> Figure:
    """Shares, as far to the right as anything stands."""
    width = bars[0].width
    end = max(at + 1 for histogram in bars for at, times in enumerate(histogram.counts) if times)
    names = [f"{at * width:g} to {(at + 1) * width - (width >= 1):g}" for at in range(end)]
    if end == len(bars[0].counts) and width >= 1:
        names[-1] = f"{(end - 1) * width:g} or more"
    shares = [
        [round(100 * times / (sum(histogram.counts) or 1), 3) for times in histogram.counts[:end]]
        for histogram in bars
    ]
    drawn = _histogram(
        runs,
        [round((at + 0.5) * width, 4) for at in range(end)],
        names,
        shares,
        axis,
        "bar" if len(runs) < 2 else "line",
    )
    drawn["layout"]["xaxis"]["range"] = [0, round(end * width, 4)]
    return drawn


def _scores(runs: Sequence[Stats]) -> Figure:
    scores = [run.quality.scores if run.quality else (0,) * SCORES for run in runs]
    shares = [[round(100 * times / (sum(row) or 1), 3) for times in row] for row in scores]
    drawn = _histogram(
        runs,
        list(range(1, SCORES + 1)),
        [f"score {at}" for at in range(1, SCORES + 1)],
        shares,
        "score",
        "bar",
    )
    drawn["layout"]["xaxis"]["dtick"] = 1
    return drawn


def _histogram(
    runs: Sequence[Stats],
    xs: list[float],
    names: list[str],
    shares: list[list[float]],
    axis: str,
    kind: str,
) -> Figure:
    common = {
        "x": xs,
        "text": names,
        "textposition": "none",
        "hovertemplate": "%{text}: %{y:.1f}%<extra></extra>",
        "type": "bar",
    }
    lines = {
        "type": "scatter",
        "mode": "lines",
        "line": {"width": 2.5},
        "textposition": "middle center",
    }
    data = [
        {**common, **(lines if kind == "line" else {}), "name": _plain(run.name), "y": ys}
        for run, ys in zip(runs, shares, strict=True)
    ]
    yaxis = {"ticksuffix": "%", "rangemode": "tozero"}
    return {
        "data": data,
        "layout": {"xaxis": {"title": {"text": axis}}, "yaxis": yaxis, "bargap": 0.12},
    }


def _lines(runs: Sequence[Stats], lines: Sequence[_Line], x: str, y: str) -> Figure:
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": _plain(run.name),
            "x": xs,
            "y": ys,
            "line": {"width": 2.5},
        }
        for run, (xs, ys) in zip(runs, lines, strict=True)
    ]
    return {
        "data": data,
        "layout": {
            "xaxis": {"title": {"text": x}},
            "yaxis": {"title": {"text": y}, "rangemode": "tozero"},
        },
    }


def _plain(text: str) -> str:
    """Plotly reads markup in its labels: an instruction's word must not become any."""
    return html.escape(text, quote=False)
