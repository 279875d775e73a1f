"""A self-contained page on runs: figures, funnel, tables, and a browser of every example.

A model's texts are untrusted. They enter the page escaped, or as compressed data that the script
shows with textContent. The content security policy lets exactly two scripts run, this package's
and Plotly's, each named by its hash.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from pathlib import Path

from selfinstruct.errors import UserError, how_to_install
from selfinstruct.report import sections
from selfinstruct.report.elements import figure
from selfinstruct.report.figures import Figure, figures
from selfinstruct.report.gates import gates_section
from selfinstruct.report.maps import balance, map_section, task_maps
from selfinstruct.report.rows import Packed, packed
from selfinstruct.runs.view import RunView, load_run
from selfinstruct.stats import Marks, Stats, find_defects, measure

_HERE = Path(__file__).parent
_LENGTHS = {
    "length-instruction": "Instructions",
    "length-input": "Inputs",
    "length-output": "Outputs",
    "seeds": "Likeness to the seeds",
}
_COURSE = {"rate": "Instructions admitted", "tokens": "Tokens", "cost": "Cost"}


def write_report(
    directories: Sequence[Path],
    out: Path,
    notice: Callable[[str], None] = lambda text: None,
    *,
    every: bool = False,
) -> int:
    """Writes the page and returns its size in bytes. every: as in `measure`.

    Raises UserError: no run, no Plotly, a broken file, no place to write.
    """
    if importlib.util.find_spec("plotly") is None:
        raise UserError(
            f"report: its figures need Plotly, which is not installed; {how_to_install('report')}"
        )
    if not out.parent.is_dir():  # said before the work, not after it
        raise UserError(
            f"{out}: there is no folder {out.parent}; make it, or name another place with --out"
        )
    views = [load_run(directory) for directory in directories]
    marks: list[Marks] = []

    def look(view: RunView) -> Marks:
        marks.append(find_defects(view))
        return marks[-1]

    runs = [measure(view, notice, every=every, look=look) for view in views]
    text = page(runs, packed(views, marks))
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise UserError(
            f"{out}: cannot be written ({error.strerror}); name another place with --out"
        ) from None
    return len(text.encode())


def page(runs: Sequence[Stats], rows: Packed) -> str:
    """The page as HTML."""
    script, (drawing, policy) = (_HERE / "page.js").read_text("utf-8"), _plotly()
    drawn, why_not = figures(runs)
    drawn |= task_maps(runs)
    data = {
        "figures": drawn,
        "runs": [run.name for run in runs],
        "judged": any(run.quality for run in runs),
    }
    about = " · ".join(dict.fromkeys(f"{run.model}, {run.method}" for run in runs))
    parts = {
        "csp": (
            f"default-src 'none'; script-src {_hash(script)} {policy}; "
            "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
        ),
        "several": "several" if len(runs) > 1 else "single",
        "style": (_HERE / "page.css").read_text("utf-8"),
        "title": escape(", ".join(run.name for run in runs)),
        "about": escape(about),
        **_sections(runs, drawn, why_not),
        "sampled": rows.said,
        "data": json.dumps(data).replace("<", "\\u003c"),
        "script": script,
        "plotly": drawing,
        "rows": rows.data,
    }
    text = (_HERE / "page.html").read_text("utf-8")
    pieces = text.split("@@")  # never filled twice: a model's text may hold any mark
    return "".join(parts[piece] if at % 2 else piece for at, piece in enumerate(pieces))


def _sections(
    runs: Sequence[Stats], drawn: dict[str, Figure], why_not: dict[str, str]
) -> dict[str, str]:
    """The parts of the page that show figures and numbers, by their names in the template."""
    course = {name: caption for name, caption in _COURSE.items() if name != "cost" or name in drawn}
    return {
        "headline": sections.headline(runs),
        "comparison": sections.comparison(runs),
        "verbs": sections.verbs(runs, why_not),
        "quality": sections.quality(runs),
        "models": sections.models(runs),
        "rounds": sections.rounds(runs),
        "gates": gates_section(runs),
        "map": map_section(runs),
        "balance": sections.each(runs, balance, "balance"),
        "lengths": "".join(
            figure(name, caption, why_not.get(name)) for name, caption in _LENGTHS.items()
        ),
        "course": "".join(
            figure(name, caption, why_not.get(name)) for name, caption in course.items()
        ),
        "funnels": sections.each(runs, sections.funnel, "funnel"),
        "neighbours": sections.each(runs, sections.neighbours, "near"),
        "labels": sections.each(runs, sections.labels, "labels"),
        "defects": sections.each(runs, sections.defects, "defects"),
        "defects_lead": (
            "<p>A defect leads to its examples.</p>" if any(run.defects for run in runs) else ""
        ),
    }


@cache
def _plotly() -> tuple[str, str]:
    """Plotly's script, compressed, and the hash by which the policy lets the script run."""
    from plotly.offline import get_plotlyjs

    text = get_plotlyjs()
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode("ascii"), _hash(text)


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}'"
