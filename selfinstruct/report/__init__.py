"""One self-contained page on a run or several: figures, funnel, tables, and a browser of every example.

What a model wrote is untrusted. It enters the page escaped, or as compressed data that the script shows with textContent;
the content security policy lets exactly two scripts run, this package's and Plotly's, each named by its hash.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from selfinstruct.errors import UserError
from selfinstruct.report import sections
from selfinstruct.report.figures import figures
from selfinstruct.report.rows import packed
from selfinstruct.stats import Stats, measure
from selfinstruct.view import load_run

_HERE = Path(__file__).parent


def write_report(directories: Sequence[Path], out: Path, notice: Callable[[str], None] = lambda text: None) -> int:
    """Writes the page and returns its size in bytes. Raises UserError: no run, no Plotly, a broken file, no place to write."""
    if importlib.util.find_spec("plotly") is None:
        raise UserError("report: its figures need Plotly, which is not installed; pip install 'selfinstruct[report]'")
    views = [load_run(directory) for directory in directories]
    runs = [measure(view, notice) for view in views]
    text = page(runs, *packed(views))
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror}); name another place with --out") from None
    return len(text.encode())


def page(runs: Sequence[Stats], rows: str, shown: int, total: int) -> str:
    from plotly.offline import get_plotlyjs

    plotly, script = get_plotlyjs(), (_HERE / "page.js").read_text("utf-8")
    drawn = figures(runs)
    data = {"figures": drawn, "runs": [one.name for one in runs], "rows": shown}
    verbs = "".join(
        f"<figure><figcaption>{escape(one.name)}</figcaption>" + f'<div class="plot sun" id="verbs-{number}"></div></figure>'
        for number, one in enumerate(runs)
        if one.verbs
    )
    found = [(run.name, slug, times) for run in runs for slug, times in run.findings]
    parts = {
        "csp": f"default-src 'none'; script-src {_hash(script)} {_hash(plotly)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'",
        "several": "several" if len(runs) > 1 else "single",
        "style": (_HERE / "page.css").read_text("utf-8"),
        "title": escape(", ".join(one.name for one in runs)),
        "about": escape(" · ".join(dict.fromkeys(f"{one.model}, preset {one.preset}" for one in runs))),
        "headline": sections.headline(runs),
        "comparison": sections.comparison(runs),
        "verbs": verbs or f"<p>{escape(' '.join(runs[0].missing) or 'No instruction has a verb with its noun.')}</p>",
        "cost": '<figure><figcaption>Cost</figcaption><div class="plot" id="cost"></div></figure>' if "cost" in drawn else "",
        "funnels": "".join(f'<div class="funnel">{sections.funnel(one)}</div>' for one in runs),
        "neighbours": "".join(f"<h3>{escape(one.name)}</h3>{sections.neighbours(one)}" for one in runs),
        "labels": "".join(f"<h3>{escape(one.name)}</h3>{sections.labels(one)}" for one in runs),
        "defects": "<section><h2>Defects found</h2>"
        + sections.table(["run", "defect", "examples"], [[run, slug, f"{times:,}"] for run, slug, times in found])
        + "</section>"
        if found
        else "",
        "sampled": "" if shown == total else f"{shown:,} of {total:,} candidates, evenly drawn to keep this page small.",
        "data": json.dumps(data).replace("<", "\\u003c"),
        "script": script,
        "plotly": base64.b64encode(gzip.compress(plotly.encode(), 9, mtime=0)).decode("ascii"),
        "rows": rows,
    }
    text = (_HERE / "page.html").read_text("utf-8")
    pieces = text.split("@@")  # never filled twice: what a model wrote may hold any mark
    return "".join(parts[piece] if at % 2 else piece for at, piece in enumerate(pieces))


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}'"
