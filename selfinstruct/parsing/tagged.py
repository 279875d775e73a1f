"""Instances in tags, with the working before an output, and a decline in place of labels."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import replace

from selfinstruct.data.tasks import Instance
from selfinstruct.parsing import Leftover, Parsed, chat, embedded
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.reasons import finished, leftovers
from selfinstruct.parsing.wording import WIDE, given_input, lines_of

_MARK = r"[ \t>*_#`]{0,9}"
_WORKING = re.compile(rf"{_MARK}working{_MARK}[:\uff1a]", re.I)
_OUTPUT = re.compile(rf"{_MARK}output{_MARK}[:\uff1a]", re.I)
_BEGINS = re.compile(rf"{_MARK}(?:example[ \t]*\d{{1,3}}\b|input{_MARK}[:\uff1a])", re.I)
_DECLINES = re.compile(
    r"[\W_]*not (?:just |only )?an? (?:bare |single )?(?:label|classification)\b", re.I
)
_FAULTY = re.compile(r"[\W_]*faulty task\b", re.I)
_OPENING = re.compile(
    r"^[ \t]*(?:\d{1,2}[.)][ \t]*)?<(?P<name>examples?|input|working|output|label)>", re.M | re.I
)
_CLOSING = re.compile(r"</(?P<name>input|working|output|label)>[ \t]*$", re.M | re.I)
_FRAME = re.compile(r"^[ \t]*</?examples?>", re.M | re.I)
_AFTER = re.compile(
    r"(</?(?:examples?|input|working|output|label)>)[ \t]*(?=</?(?:ex|in|wo|ou|la))", re.I
)


def input_first(reply: str, finish_reason: str) -> Parsed:
    """Instances in tags, or as `chat.input_first` reads them:

        <example>
        <input>
        2 and 3
        </input>
        <working>2 + 3 = 5</working>
        <output>5</output>
        </example>

    The working goes to the leftovers, with the reason `working`. A reply that says "Faulty task",
    or holds JSON without any instance, has the reason faulty_task: nobody could do the task. Other
    reasons as `chat.input_first`.
    """
    fields = _Fields(reply)
    if fields.have("output"):
        return fields.parsed(reply, finish_reason, "output", "no_output_label")
    if cut_of(finish_reason) is None and (_FAULTY.match(reply) or _is_without_instances(reply)):
        return Parsed(reason="faulty_task")
    bare, working = _without_working(reply)
    parsed = chat.input_first(bare, finish_reason)
    if parsed.reason is not None:
        return parsed
    left = [
        replace(each, reason="working") if each.text.startswith("working: ") else each
        for each in parsed.leftovers
        if each.text != "working"  # an empty field of JSON
    ]
    return replace(parsed, leftovers=(*left, *(Leftover(text, "working") for text in working)))


def output_first(reply: str, finish_reason: str) -> Parsed:
    """Instances with a label in tags, or as `chat.output_first` reads them, or a decline.

    A reply that says "Not a bare label", or holds JSON without any instance, declines: the task is
    no classification, and the reply has no reason.
    """
    fields = _Fields(reply)
    if fields.have("label"):
        return fields.parsed(reply, finish_reason, "label", "no_class_label")
    if _DECLINES.match(reply):
        return Parsed(is_classification=False)
    parsed = chat.output_first(reply, finish_reason)
    if not parsed.is_empty or cut_of(finish_reason) is not None:
        return parsed
    return Parsed(is_classification=False) if _is_without_instances(reply) else parsed


def _is_without_instances(reply: str) -> bool:
    """Whether a reply is JSON that holds no instance."""
    items = embedded.instances(reply)
    return items is not None and items.is_whole and not items.values


class _Fields:
    """The fields of a reply in tags, example by example, and the texts outside.

    An opening tag stands at the beginning of a line, a closing tag at the end of a line. A field
    without a closing tag ends at the next opening tag, or with its example.
    """

    def __init__(self, reply: str) -> None:
        reply = _AFTER.sub(r"\1\n", reply)
        self.examples: list[dict[str, str]] = []
        self.outside: list[str] = []
        self._frames = [found.start() for found in _FRAME.finditer(reply)]
        self._openings: dict[str, list[int]] = {"": []}  # "": of every name
        for found in _OPENING.finditer(reply):
            for name in ("", found["name"].lower()):
                self._openings.setdefault(name, []).append(found.start())
        self._closings: dict[str, list[int]] = {}
        for found in _CLOSING.finditer(reply):
            self._closings.setdefault(found["name"].lower(), []).append(found.start())
        done = 0
        while opening := _OPENING.search(reply, done):
            self.outside.append(reply[done : opening.start()])
            name, done = opening["name"].lower(), opening.end()
            if name.startswith("example"):
                self.examples.append({})
                continue
            end, is_closed = self._end(name, done, len(reply))
            self._take(name, reply[done:end].strip())
            done = end + len(f"</{name}>") * is_closed
        self.outside.append(reply[done:])

    def _end(self, name: str, start: int, last: int) -> tuple[int, bool]:
        """Where the text of a field ends, and whether a closing tag stands there."""
        limit = min(_first(places, start, last) for places in (self._frames, self._openings[name]))
        closing = _first(self._closings.get(name, []), start, last + 1)
        if closing <= limit:
            return closing, True
        return min(limit, _first(self._openings[""], start, last)), False

    def _take(self, name: str, text: str) -> None:
        if not self.examples or name in self.examples[-1]:
            self.examples.append({})
        self.examples[-1][name] = text

    def have(self, name: str) -> bool:
        return any(name in example for example in self.examples)

    def parsed(self, reply: str, finish_reason: str, output: str, otherwise: str) -> Parsed:
        """The instances. output: the name of the field that becomes the output."""
        tasks = [example for example in self.examples if "input" in example or output in example]
        if cut_of(finish_reason) is not None:
            tasks = tasks[:-1]
        used = ("input", "working", output)
        rest = [text for task in self.examples for name, text in task.items() if name not in used]
        outside = [_FRAME.sub("", text) for text in self.outside]
        left = leftovers(outside[0], [*outside[1:], *rest], WIDE)
        idle = (each for each in self.examples if "input" not in each and output not in each)
        working = (example.get("working", "") for example in (*tasks, *idle))
        instances = tuple(
            Instance(given_input(task.get("input", ""), WIDE), task.get(output, ""))
            for task in tasks
        )
        left += tuple(Leftover(text, "working") for text in working if text)
        return finished(
            Parsed(instances=instances, leftovers=left), reply, finish_reason, None, otherwise
        )


def _first(places: list[int], start: int, otherwise: int) -> int:
    """The first of the sorted places from `start` on."""
    at = bisect_left(places, start)
    return places[at] if at < len(places) else otherwise


def _without_working(reply: str) -> tuple[str, list[str]]:
    """The reply without the lines from "Working:" to "Output:", and those lines.

    Such lines inside an output stay, and so do lines that no output follows.
    """
    kept, found, working = list[str](), list[str](), list[str]()
    in_output = False
    for line in lines_of(reply):
        if working and not (_OUTPUT.match(line) or _BEGINS.match(line)):
            working.append(line)
            continue
        if working and _OUTPUT.match(line):
            found.append("\n".join(working).strip())
            working = []
        elif working:
            kept, working = [*kept, *working], []
        if not in_output and _WORKING.match(line):
            working = [line]
            continue
        in_output = bool(_OUTPUT.match(line)) or (in_output and not _BEGINS.match(line))
        kept.append(line)
    return "\n".join([*kept, *working]), found
