"""The figures as Plotly reads them: data and layout without colours, which the page lays over them, light or dark."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from selfinstruct.stats import Histogram, Stats, Verbs

Figure = dict[str, Any]


def figures(runs: Sequence[Stats]) -> dict[str, Figure]:
    """By the id of the element that shows it. Several runs share a figure, but for the sunbursts."""
    found = {f"verbs-{number}": sunburst(one.verbs) for number, one in enumerate(runs) if one.verbs and one.verbs.verbs}
    for name, axis in (("instruction", "words"), ("input", "words, inputs that are not empty"), ("output", "words")):
        found[f"length-{name}"] = _bars(runs, [one.lengths[name] for one in runs], axis)
    found["seeds"] = _bars(runs, [one.seeds for one in runs], "highest ROUGE-L with a seed task")
    found["rate"] = _lines(
        runs,
        [([at.first + at.turns for at in one.stretches], [100 * at.admitted / at.turns for at in one.stretches]) for one in runs],
        "turns",
        "admitted per 100 prompts",
    )
    found["tokens"] = _lines(
        runs,
        [
            ([at.seconds / 60 for at in one.moments], [(at.prompt_tokens + at.completion_tokens) / 1e6 for at in one.moments])
            for one in runs
        ],
        "minutes of work",
        "million tokens",
    )
    if any(one.moments and one.moments[-1].cost for one in runs):
        found["cost"] = _lines(
            runs,
            [([at.seconds / 60 for at in one.moments], [at.cost for at in one.moments]) for one in runs],
            "minutes of work",
            "US dollars",
        )
    return found


def sunburst(verbs: Verbs) -> Figure:
    """The paper's figure 3: verbs inside, their nouns outside. An arc is as wide as its instructions are many."""
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
        "type": "sunburst", "ids": ids, "labels": labels, "parents": parents, "values": values, "branchvalues": "total",
        "hovertemplate": "%{label}: %{value}<extra></extra>", "insidetextorientation": "radial",
    }  # fmt: skip
    return {"data": [trace], "layout": {"margin": {"t": 4, "l": 4, "r": 4, "b": 4}}}


def _bars(runs: Sequence[Stats], bars: Sequence[Histogram], axis: str) -> Figure:
    several = len(runs) > 1
    data = []
    for run, one in zip(runs, bars, strict=True):
        total = sum(one.counts) or 1
        data.append({
            "type": "scatter" if several else "bar",
            "name": _plain(run.name),
            "x": [round((at + 0.5) * one.width, 4) for at in range(len(one.counts))],
            "y": [round(100 * times / total, 3) for times in one.counts],
            "hovertemplate": "%{x}: %{y:.1f}%<extra></extra>",
            **({"mode": "lines", "line": {"shape": "spline", "width": 2.5}} if several else {}),
        })  # fmt: skip
    return {"data": data, "layout": {"xaxis": {"title": {"text": axis}}, "yaxis": {"title": {"text": "%"}}, "bargap": 0.12}}


def _lines(runs: Sequence[Stats], lines: Sequence[tuple[list[Any], list[Any]]], x: str, y: str) -> Figure:
    data = [
        {"type": "scatter", "mode": "lines", "name": _plain(run.name), "x": xs, "y": ys, "line": {"width": 2.5}}
        for run, (xs, ys) in zip(runs, lines, strict=True)
    ]
    return {"data": data, "layout": {"xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}, "rangemode": "tozero"}}}


def _plain(text: str) -> str:
    """Plotly reads markup in its labels: an instruction's word must not become any."""
    return html.escape(text, quote=False)
