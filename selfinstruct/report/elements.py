"""Tables, figures and bars as HTML. Every text comes in plain and goes out escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from selfinstruct.stats.table import percent


def table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """The first column is text, the others are numbers."""

    def row(cells: Iterable[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}><bdi>{escape(cell)}</bdi></{tag}>' for cell in cells)}</tr>"

    body = "".join(row(line, "td") for line in lines)
    return (
        f'<div class="wide"><table><thead>{row(head, "th")}</thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def figure(id: str, caption: str, why_not: str | None, kind: str = "") -> str:
    """The place of a figure, or why there is none."""
    if why_not is not None:
        inner = f'<p class="none">{escape(why_not)}</p>'
    else:
        inner = (
            f'<div class="plot {kind}" id="{escape(id)}" role="img" '
            f'aria-label="{escape(caption)}"></div>'
        )
    return f"<figure><figcaption>{escape(caption)}</figcaption>{inner}</figure>"


def bar(name: str, count: int, of: int, kind: str, link: str = "") -> str:
    """A count as a share. link: the attributes of `narrowing`, which make the name a button."""
    shown = escape(name.replace("_", " "))
    label = (
        f'<button type="button" class="link"{link}>{shown}</button>'
        if link
        else f"<span>{shown}</span>"
    )
    width = 100 * count / of if of else 0
    meter = f'<meter min="0" max="100" value="{width:.2f}" aria-hidden="true"></meter>'
    return (
        f'<div class="bar {kind}">{label}{meter}<b>{count:,}</b><i>{percent(count, of)}</i></div>'
    )


def narrowing(run: int, reason: str, source: str = "") -> str:
    """Attributes that say to which candidates a click leads."""
    return f' data-run="{run}" data-reason="{escape(reason)}" data-source="{escape(source)}"'
