"""HTML as Markdown, for turns of chats that were saved from a web page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

# Tags with their end tag are a saved page, if none of them stands in a code block of Markdown.
_SAVED = re.compile(r"<(p|div|pre|ol|ul|table|h[1-6])(?:\s[^<>]*)?>.*</\1>", re.DOTALL)
_BLOCKS = {"p", "div", "blockquote", "table", "section", "article"}
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_MARKS = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~", "code": "`"}
_OPENING = {**_MARKS, "td": "| ", "th": "| "}
_CLOSING = {**_MARKS, "td": " ", "th": " ", "tr": "|"}
_HIDDEN = {"button", "script", "style", "svg", "head", "title"}
_LISTS = ("ol", "ul")
_SPACE = re.compile(r"[ \t\r\n]+")
_LANGUAGE = re.compile(r"(?:^|\s)language-([\w+#-]+)")
_WORD = re.compile(r"\s*([\w+#-]+)\s*")


def is_markup(text: str) -> bool:
    """Whether a text is a piece of a web page, not a text that speaks of tags."""
    return "<" in text and "```" not in text and _SAVED.search(text) is not None


def to_markdown(text: str) -> str:
    """The text of a piece of HTML, with the signs of Markdown. Never raises."""
    page = _Page()
    page.feed(text)
    page.close()
    return page.text()


class _Page(HTMLParser):
    """Writes Markdown while tags come by."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._lists: list[int | None] = []  # the next number of each open list; None: bullets
        self._hidden = 0
        self._code: list[str] | None = None  # of a code block
        self._language = ""
        self._links: list[str] = []
        self._cells = 0

    def text(self) -> str:
        joined = "".join(self._parts)
        joined = re.sub(r"[ \t]+\n", "\n", joined)
        return re.sub(r"\n{3,}", "\n\n", joined).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag in _HIDDEN:
            self._hidden += 1
        elif self._code is not None:
            self._in_code(tag, found)
        elif tag == "pre":
            self._code, self._language = [], ""
        elif tag in _LISTS:
            start = found.get("start", "1")
            self._break(1 if self._lists else 2)
            self._lists.append((int(start) if start.isdigit() else 1) if tag == "ol" else None)
        elif tag == "li":
            self._item()
        elif tag in _BLOCKS:
            self._block()
        else:
            self._open(tag, found)

    def _in_code(self, tag: str, found: dict[str, str]) -> None:
        if tag == "br":
            self._parts_of_code().append("\n")
        elif tag == "code":  # before it stood the bar above a block: a language, a button
            named = _WORD.fullmatch("".join(self._parts_of_code()))
            self._language = named[1] if named else ""
            self._code = []
        if named := _LANGUAGE.search(found.get("class", "")):
            self._language = named[1]

    def _open(self, tag: str, found: dict[str, str]) -> None:
        if tag in _HEADINGS:
            self._break(2)
            self._parts.append(f"{_HEADINGS[tag]} ")
        elif tag == "br":
            self._parts.append("\n" + self._indent())
        elif tag == "hr":
            self._break(2)
            self._parts.append("---\n\n")
        elif tag == "img":
            self._parts.append(f"![{found.get('alt', '')}]({found.get('src', '')})")
        elif tag == "tr":
            self._break(1)
            self._cells = 0
        self._parts.append(_OPENING.get(tag, ""))
        self._cells += tag in ("td", "th")
        if tag == "a":
            self._links.append(found.get("href", ""))
            self._parts.append("[" if self._links[-1] else "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif self._code is not None:
            if tag == "pre":
                self._end_code()
        elif tag in _LISTS:
            if self._lists:
                self._lists.pop()
            self._break(1 if self._lists else 2)
        elif tag in _HEADINGS or (tag in _BLOCKS and not self._lists):
            self._break(2)
        elif tag == "a" and self._links:
            address = self._links.pop()
            self._parts.append(f"]({address})" if address else "")
        elif tag == "thead":
            self._parts.append("\n" + "|---" * self._cells + "|")
        else:
            self._parts.append(_CLOSING.get(tag, ""))

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if self._code is not None:
            self._code.append(data)
            return
        text = _SPACE.sub(" ", data)
        if self._is_at_start():
            text = text.lstrip(" ")
        self._parts.append(text)

    def _parts_of_code(self) -> list[str]:
        return self._code if self._code is not None else []

    def _end_code(self) -> None:
        code = "".join(self._code or [])
        self._code = None
        indent = self._indent()
        lines = [f"```{self._language}", *code.strip("\n").split("\n"), "```"]
        self._break(2 if not indent else 1)
        self._parts.append("\n".join(f"{indent}{line}" for line in lines))
        self._break(2 if not indent else 1)

    def _item(self) -> None:
        self._break(1)
        number = self._lists[-1] if self._lists else None
        indent = "   " * max(0, len(self._lists) - 1)
        self._parts.append(f"{indent}{'-' if number is None else f'{number}.'} ")
        if number is not None:
            self._lists[-1] = number + 1

    def _block(self) -> None:
        """A paragraph of its own; in an item of a list the text goes on."""
        if not self._lists:
            self._break(2)
        elif not self._is_at_start():
            self._parts.append("\n" + self._indent())
        elif not self._line():
            self._parts.append(self._indent())

    def _indent(self) -> str:
        return "   " * len(self._lists)

    def _line(self) -> str:
        return "".join(self._parts[-6:]).rpartition("\n")[2]

    def _is_at_start(self) -> bool:
        """Whether nothing but spaces, or the sign of an item, stands on the line so far."""
        line = self._line()
        return not line.strip() or re.fullmatch(r"\s*(?:-|\d+\.) ", line) is not None

    def _break(self, lines: int) -> None:
        """End the line, with an empty line for 2, unless that has just been done."""
        ends = "".join(self._parts[-3:])
        if not ends.strip() and not any(part.strip() for part in self._parts):
            return
        there = len(ends) - len(ends.rstrip("\n"))
        self._parts.append("\n" * max(0, lines - there))
