"""The task map and the balance of a run on the page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from selfinstruct.report.elements import bar, figure
from selfinstruct.stats import Stats
from selfinstruct.stats.task_map import KINDS, Point, count_kinds

MAP = "task-map"
_MOST = 4000  # points of a run that the figure shows
_LEGEND = (
    "Each point is a task. Ambiguous: the third that hangs most on words of the instruction. "
    "Of the others, those with likely outputs are easy, and the rest is difficult."
)


def task_maps(runs: Sequence[Stats]) -> dict[str, dict[str, Any]]:
    """A figure for each run whose uncertainties were measured, by the id of its element."""
    return {
        f"{MAP}-{number}": _map(run.task_map) for number, run in enumerate(runs) if run.task_map
    }


def map_section(runs: Sequence[Stats]) -> str:
    """The task maps; nothing where no run was measured."""
    if not any(run.task_map for run in runs):
        return ""
    figures = []
    for number, run in enumerate(runs):
        if run.task_map:
            counts = count_kinds(run.task_map).items()
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in counts)
            caption = f"{run.name}: {kinds}" if len(runs) > 1 else kinds
            figures.append(figure(f"{MAP}-{number}", caption, None, "map"))
    grid = f'<div class="grid">{"".join(figures)}</div>'
    return f"<section><h2>Task map</h2><p>{_LEGEND}</p>{grid}</section>"


def balance(at: int, run: Stats) -> str:
    """The largest components by each question as bars, with a warning where one has over half."""
    if not run.balance:
        return '<p class="none">There is nothing to divide yet.</p>'
    parts = []
    for each in run.balance:
        known = "" if each.different is None else f"; {each.different:,} different"
        known += "" if each.effective is None else f", effectively {each.effective:.1f}"
        title = f"<h3>by {escape(each.by)}, of {each.of:,}{known}</h3>"
        bars = "".join(bar(name or "(empty)", count, each.of, "keep") for name, count in each.parts)
        warning = escape(each.warning)
        said = f'<p class="warning">Over half: {warning}.</p>' if warning else ""
        parts.append(f"<div>{title}{said}{bars}</div>")
    return f'<div class="grid wide-cells">{"".join(parts)}</div>'


def _map(points: Sequence[Point]) -> dict[str, Any]:
    """Uncertainty against probability; of too many points every second, third, ... is shown."""
    shown = points[:: -(-len(points) // _MOST)]
    data = []
    for kind in KINDS:
        own = [point for point in shown if point.kind == kind]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": kind,
                "x": [round(point.uncertainty, 5) for point in own],
                "y": [round(point.probability, 5) for point in own],
                "text": [escape(point.task, quote=False) for point in own],
                "hovertemplate": "%{text}<br>U %{x:.3f}, p %{y:.3f}<extra></extra>",
                "marker": {"size": 7, "opacity": 0.75},
            }
        )
    axes = {
        "xaxis": {"title": {"text": "uncertainty"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "mean probability of the outputs"}, "rangemode": "tozero"},
    }
    return {"data": data, "layout": axes}
