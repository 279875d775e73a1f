"""The syntax of a template: checked against a short list of allowed parts, and made countable.

Refused is everything that data does not need: imports, inclusions, macros, blocks, recursion, calls
of anything but the methods of data, and names of Python's insides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.visitor import NodeTransformer

from selfinstruct.templates.limits import MOST, Refused, Stopped, Work
from selfinstruct.templates.operators import METHODS, calculated

SEPARATOR = "|||"
MARK = "\ue0f1|||\ue0f2"  # stands for the separators of a template, never for those of its data
CHOICES = "answer_choices"
FUNCTIONS = frozenset(("range", "zip", "namespace"))
LONGEST_SOURCE = 100_000  # characters

_INSIDE = re.compile(r"__\w+__|\b(?:mro|func_globals|gi_frame|cr_frame|f_globals)\b")
_PATH_INSIDE = re.compile(r"[\w.]*__[a-z]+__[\w.]*")
_RESERVED = frozenset(
    ("lipsum", "cycler", "joiner", "self", "super", "caller", "varargs", "kwargs")
)
_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign),
    *(nodes.AssignBlock, nodes.With, nodes.Name, nodes.NSRef, nodes.Const, nodes.Tuple, nodes.List),
    *(nodes.Dict, nodes.Pair, nodes.Keyword, nodes.CondExpr, nodes.Filter, nodes.Test),
    *(nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Call, nodes.Concat, nodes.Compare),
    *(nodes.Operand, nodes.BinExpr, nodes.UnaryExpr),
)
_SIGNS = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "FloorDiv": "//", "Mod": "%", "Pow": "**"}


def checked(environment: Environment, source: str) -> tuple[nodes.Template, frozenset[str]]:
    """The tree of a template, ready to be compiled, and the names of its fields.

    Raises Refused.
    """
    if len(source) > LONGEST_SOURCE:
        raise Refused(1, f"is longer than {LONGEST_SOURCE:,} characters")
    try:
        tree = environment.parse(source)
    except TemplateSyntaxError as error:
        raise Refused(error.lineno, f"is no Jinja: {error.message}") from None
    except RecursionError:
        raise Refused(1, "is nested too deeply") from None
    for node in _all(tree):
        why = _why_not(node, environment)
        if why is not None:
            raise Refused(_line_of(node), why)
    fields = frozenset(find_undeclared_variables(tree)) - FUNCTIONS
    _Countable(environment, fields).visit(tree)
    return tree, fields


def _all(tree: nodes.Node) -> Iterator[nodes.Node]:
    yield from tree.iter_child_nodes()
    for child in tree.iter_child_nodes():
        yield from _all(child)


def _line_of(node: nodes.Node) -> int:
    lines = (part.lineno for part in (node, *_all(node)) if part.lineno)
    return next(lines, 1)


def _why_not(node: nodes.Node, environment: Environment) -> str | None:
    """The reason to refuse a template for a part of it."""
    if not isinstance(node, _ALLOWED):
        return f"has {_called(node)}, which templates of data do not need"
    match node:
        case nodes.For(recursive=True):
            return "has a loop that calls itself"
        case nodes.Call():
            return _why_no_call(node)
        case nodes.Filter():
            return _why_no_filter(node, environment)
        case nodes.Test(name=name) if name not in environment.tests:
            return f"has the test {name!r}, which is unknown here"
        case nodes.BinExpr():
            return _why_not_constant(node)
    return _why_no_data(node)


def _why_no_data(node: nodes.Node) -> str | None:
    """The reason why a name or an attribute is none of data."""
    match node:
        case nodes.Name(name=name) if _INSIDE.search(name) or name in _RESERVED:
            return f"reaches for {name!r}, which is no data"
        case nodes.Getattr(attr=name) if name.startswith("_") or _INSIDE.search(name):
            return f"reaches for the attribute {name!r}, which is no data"
        case nodes.Getitem(arg=nodes.Const(value=str(name))) if _INSIDE.search(name):
            return f"reaches for {name!r}, which is no data"
    return None


def _called(node: nodes.Node) -> str:
    names = {
        "FromImport": "import",
        "CallBlock": "call",
        "FilterBlock": "filter",
        "Scope": "autoescape",
    }
    kind = type(node).__name__
    return f"a statement '{names.get(kind, kind.lower())}'"


def _why_no_call(node: nodes.Call) -> str | None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        return "calls with * or **"
    match node.node:
        case nodes.Name(name=name):
            if name not in FUNCTIONS:
                return f"calls {name!r}; the functions here are {', '.join(sorted(FUNCTIONS))}"
            numbers = [each.value for each in node.args if isinstance(each, nodes.Const)]
            is_long = any(isinstance(number, int) and abs(number) > MOST for number in numbers)
            return f"counts further than {MOST:,}" if name == "range" and is_long else None
        case nodes.Getattr(attr=name):
            return None if name in METHODS else f"calls the method {name!r}, which is not allowed"
    return "calls something that has no name"


def _why_no_filter(node: nodes.Filter, environment: Environment) -> str | None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        return "calls a filter with * or **"
    if node.name not in environment.filters:
        return f"has the filter {node.name!r}, which is unknown here"
    for each in (*node.args, *(keyword.value for keyword in node.kwargs)):
        value = each.value if isinstance(each, nodes.Const) else None
        if isinstance(value, str) and _PATH_INSIDE.fullmatch(value):
            return f"reaches for {value!r}, which is no data"
    if node.name in ("map", "select", "reject") and node.args:
        name, known = node.args[0], environment.filters if node.name == "map" else environment.tests
        if isinstance(name, nodes.Const) and name.value not in known:
            return f"applies {name.value!r}, which is unknown here"
    return None


def _why_not_constant(node: nodes.BinExpr) -> str | None:
    try:
        _constant(node)
    except Stopped as stop:
        return stop.why
    except (nodes.Impossible, TypeError, ValueError, ArithmeticError):
        return None
    return None


def _constant(node: nodes.Node) -> Any:
    """The value of an expression of constants. Raises Impossible for another, and Stopped."""
    match node:
        case nodes.Const(value=value):
            return value
        case nodes.Neg(node=inner):
            return -_constant(inner)
        case nodes.List(items=items) | nodes.Tuple(items=items):
            return [_constant(item) for item in items]
        case nodes.BinExpr(left=left, right=right) if type(node).__name__ in _SIGNS:
            sign = _SIGNS[type(node).__name__]
            return calculated(Work(), sign, _constant(left), _constant(right))
    raise nodes.Impossible


class _Countable(NodeTransformer):
    """Puts the counting of steps into a tree, and the mark in the place of the separators."""

    def __init__(self, environment: Environment, fields: frozenset[str]) -> None:
        self._environment, self._fields, self._loops = environment, fields, 0

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        match node:
            case nodes.TemplateData(data=text):
                node.data = text.replace(SEPARATOR, MARK)
            case nodes.Const(value=str(text)):
                node.value = text.replace(SEPARATOR, MARK)
            case nodes.Name(ctx="load", name=name) if self._loops:
                is_value = name not in ("loop", *FUNCTIONS)
                return self._filter(node, "_weighed") if is_value else node
            case nodes.Output():
                node.nodes = [self._printed(each) for each in node.nodes]
            case nodes.For():
                return self._loop(node)
            case nodes.Concat():
                parts = nodes.List([self.visit(each) for each in node.nodes], lineno=node.lineno)
                return self._filter(parts.set_environment(self._environment), "_joined")
            case nodes.List() | nodes.Dict() | nodes.Tuple(ctx="load"):
                return self._filter(self.generic_visit(node), "_made")
            case nodes.Compare() | nodes.Test():
                return self._compared(node)
            case nodes.Getitem(node=nodes.Name(name=name)) if name == CHOICES:
                return self._chosen(node)
            case _:
                return self.generic_visit(node)
        return node

    def _chosen(self, node: nodes.Getitem) -> nodes.Node:
        number = node.arg
        if isinstance(number, (nodes.Const, nodes.Slice, nodes.Neg)):
            return self.generic_visit(node)
        is_label = isinstance(number, (nodes.Name, nodes.Getattr, nodes.Getitem))
        flag = nodes.Const(is_label, environment=self._environment)
        return self._filter(self.visit(node.node), "_chosen", self.visit(number), flag)

    def _compared(self, node: nodes.Compare | nodes.Test) -> nodes.Node:
        """Both sides may be nested in themselves, so that comparing them would not end."""
        self.generic_visit(node)
        if isinstance(node, nodes.Compare):
            node.expr = self._filter(node.expr, "_made")
            for operand in node.ops:
                operand.expr = self._filter(operand.expr, "_made")
        else:
            node.node = self._filter(node.node, "_made")
            node.args = [self._filter(each, "_made") for each in node.args]
        return node

    def _printed(self, node: nodes.Expr) -> Any:
        if not isinstance(node, nodes.Name) or node.name not in self._fields:
            return self.visit(node)
        return self._filter(node, "_given", nodes.Const(node.name, environment=self._environment))

    def _loop(self, node: nodes.For) -> nodes.For:
        weight = 1 + sum(map(_weight, node.body)) + (_weight(node.test) if node.test else 0)
        cost = nodes.Const(weight, lineno=node.lineno, environment=self._environment)
        node.iter = self._filter(self.visit(node.iter), "_counted", cost)
        self._loops += 1
        node.body = [self.visit(each) for each in node.body]
        node.test = self.visit(node.test) if node.test is not None else None
        self._loops -= 1
        node.else_ = [self.visit(each) for each in node.else_]
        return node

    def _filter(self, node: nodes.Node, name: str, *given: nodes.Node) -> nodes.Filter:
        found = nodes.Filter(node, name, list(given), [], None, None, lineno=node.lineno)
        found.environment = self._environment
        return found


def _weight(node: nodes.Node) -> int:
    """The steps of a part of a template, without the repetitions of its loops."""
    own = len(node.data) // 64 if isinstance(node, nodes.TemplateData) else 1
    return own + sum(map(_weight, node.iter_child_nodes()))
