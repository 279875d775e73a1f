"""The page's parts that need no script: numbers, funnel, tables. Every text that a model wrote is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from selfinstruct.stats import PAPER, Stats
from selfinstruct.stats.table import percent, rows


def headline(runs: Sequence[Stats]) -> str:
    """Five numbers of the first run."""
    one = runs[0]
    last = one.moments[-1] if one.moments else None
    tokens = (last.prompt_tokens + last.completion_tokens) / 1e6 if last else 0.0
    cost = "cost unknown" if last is None or last.cost is None else f"${last.cost:,.2f}"
    cards = [
        (f"{one.counts.instances:,}", "examples", f"of {one.counts.instructions:,} instructions"),
        (percent(one.funnel.admitted, one.funnel.proposed), "admitted", f"of {one.funnel.proposed:,} proposed instructions"),
        (percent(one.counts.classification, one.counts.instructions), "classification", "the paper: 22.1%"),
        (percent(one.close, one.counts.instructions), "close to another", "ROUGE-L above 0.6 with an earlier one"),
        (f"{tokens:,.1f} M", "tokens", cost),
    ]
    return "".join(f'<div class="card"><b>{value}</b><span>{name}</span><small>{note}</small></div>' for value, name, note in cards)


def comparison(runs: Sequence[Stats]) -> str:
    columns = [list(rows(PAPER, one.counts, one.verbs)) for one in runs]
    lines = [[what, papers, *(column[at][2] for column in columns)] for at, (what, papers, _) in enumerate(columns[0])]
    return table(["", "the paper", *(one.name for one in runs)], lines)


def funnel(run: Stats) -> str:
    """What went in, what came out, and why the rest did not, as bars."""

    def bar(name: str, count: int, of: int, kind: str) -> str:
        width = 100 * count / of if of else 0
        return (
            f'<div class="bar {kind}"><span>{escape(name)}</span><meter min="0" max="100" value="{width:.2f}"></meter>'
            f"<b>{count:,}</b><i>{percent(count, of)}</i></div>"
        )

    def part(title: str, total: int, what: str, kept: str, count: int) -> Iterator[str]:
        yield bar(title, total, total, "all")
        for reason, times in run.funnel.reasons(what):
            yield bar(reason.replace("_", " "), times, total, "drop")
        yield bar(kept, count, total, "keep")

    instructions = part("instructions proposed", run.funnel.proposed, "instruction", "admitted", run.funnel.admitted)
    instances = part("instances written", run.funnel.instances, "instance", "examples", run.funnel.examples)
    replies = [bar(reason.replace("_", " "), times, 0, "drop") for reason, times in run.funnel.reasons("reply")]
    unread = f"<details><summary>{run.funnel.count('reply'):,} replies dropped</summary>{''.join(replies)}</details>"
    return f"<h3>{escape(run.name)}</h3><div>{''.join(instructions)}</div><div>{''.join(instances)}</div>{unread}"


def neighbours(run: Stats) -> str:
    """The pairs that resemble each other most."""
    return table(
        ["ROUGE-L", "instruction", "its nearest, earlier"],
        [[f"{pair.score:.2f}", pair.text, pair.nearest] for pair in run.closest[:12]],
    )


def labels(run: Stats) -> str:
    found = run.labels
    balance = "no task has two instances" if found.balance is None else f"balance {found.balance:.2f} of 1"
    alike = f"{found.one_label:,} of {found.several:,} tasks with several have one label only"
    said = f"{found.tasks:,} tasks, {found.instances:,} instances; {alike}; {balance}."
    return f"<p>{said}</p>" + table(["label", "instances"], [[label, f"{times:,}"] for label, times in found.commonest[:12]])


def table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    def row(cells: Iterable[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "".join(row(line, "td") for line in lines)
    return f'<div class="wide"><table><thead>{row(head, "th")}</thead><tbody>{body}</tbody></table></div>'
