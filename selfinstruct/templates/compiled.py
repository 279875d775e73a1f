"""A template that is compiled, and rendered a row at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, cast

from jinja2 import Template
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.runtime import Context

from selfinstruct.templates.limits import LONGEST, WORK, Refused, Stopped
from selfinstruct.templates.sandbox import Sandbox
from selfinstruct.templates.syntax import checked

# Of a template, whose filters may be called with anything: jinja2's assert what they are given.
_MISTAKES = (
    *(TypeError, ValueError, LookupError, ArithmeticError, AttributeError),
    *(AssertionError, RuntimeError, TemplateError),
)
_FILE = "<template>"  # the name of the compiled code


class Compiled:
    """A template that can be rendered. fields: the names of a row's fields that are used."""

    def __init__(self, sandbox: Sandbox, source: str) -> None:
        """Raises Refused, also where the template asks too much without any row."""
        tree, self.fields = checked(sandbox, source)
        sandbox.work.left = WORK  # constants are calculated at once
        self._sandbox = sandbox
        try:
            with warnings.catch_warnings():  # as of none[0]: a fault of the row's, told there
                warnings.simplefilter("ignore", SyntaxWarning)
                code = sandbox.compile(cast(Any, tree))
        except TemplateSyntaxError as error:
            raise Refused(error.lineno, f"is no Jinja: {error.message}") from None
        except (SyntaxError, RecursionError, MemoryError):  # of Python, for the compiled template
            raise Refused(1, "is nested too deeply") from None
        self._template = Template.from_code(sandbox, code, {})
        try:
            self.text(sandbox.functions, lambda: Random(0), is_strict=False)
        except Stopped as stop:
            if stop.reason in ("too_long", "too_much_work", "forbidden"):
                raise Refused(stop.line or 1, stop.why) from None

    def text(
        self, values: Mapping[str, Any], chance: Callable[[], Random], *, is_strict: bool
    ) -> str:
        """The template with the values of a row. Raises Stopped.

        chance: gives the row's generator. is_strict: nested values that are missing are a fault.
        """
        sandbox, pieces, size = self._sandbox, list[str](), 0
        sandbox.work.left, sandbox.chance, sandbox.is_strict = WORK, chance, is_strict
        context = Context(sandbox, cast(dict[str, Any], values), None, {})
        stream: Any = self._template.root_render_func(context)
        try:
            for piece in stream:
                size += len(piece)
                if size > LONGEST:
                    line = self._template.get_corresponding_lineno(stream.gi_frame.f_lineno)
                    raise Stopped("too_long", f"gives more than {LONGEST:,} characters", line)
                pieces.append(piece)
        except Stopped as stop:
            raise Stopped(stop.reason, stop.why, stop.line or self._line(stop)) from None
        except _MISTAKES as error:
            raise _stopped(error, self._line(error)) from None
        return "".join(pieces)

    def _line(self, error: Exception) -> int:
        """The line of the template at which rendering ended; 0: unknown."""
        trace, line = error.__traceback__, 0
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == _FILE:
                line = self._template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return line


def _stopped(error: Exception, line: int) -> Stopped:
    match error:
        case UndefinedError():
            return Stopped("undefined", str(error.message), line)
        case SecurityError():
            return Stopped("forbidden", str(error.message), line)
        case RecursionError():
            return Stopped("too_much_work", "values are nested too deeply", line)
    return Stopped("error", f"{type(error).__name__}: {str(error)[:200]}", line)
