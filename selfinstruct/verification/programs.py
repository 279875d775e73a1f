"""Python programs in outputs, and the checks in a reply: pure functions over text."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from selfinstruct.verification.sandbox import Check, Program

# Modules that a program may import; each is imported before the sandbox closes. `_strptime` and
# the like are imported by others only when they are needed.
_MODULES = frozenset(
    "abc array ast base64 binascii bisect builtins calendar cmath codecs collections"
    " collections.abc colorsys contextlib contextvars copy copyreg csv ctypes dataclasses datetime"
    " decimal difflib dis doctest enum errno fnmatch fractions functools gc getopt glob graphlib"
    " hashlib heapq hmac html html.parser inspect io ipaddress itertools json keyword linecache"
    " locale logging math numbers operator os os.path pathlib pickle pprint queue random re"
    " reprlib sched secrets select shlex shutil signal socket stat statistics string struct"
    " subprocess sys tempfile textwrap threading time timeit token tokenize traceback types typing"
    " unicodedata unittest unittest.mock urllib.parse uuid warnings weakref xml.etree.ElementTree"
    " zlib zoneinfo asyncio argparse bz2 lzma gzip symtable".split()
)
_BESIDE = {"datetime": "_strptime", "time": "_strptime", "zoneinfo": "_strptime"}
_FENCE = re.compile(r"^[ \t]*```+[ \t]*([\w+#.-]*)[^\n]*\n(.*?)^[ \t]*```+[ \t]*$", re.M | re.S)
_PYTHON = ("python", "py", "python3")
_SESSION = re.compile(r"^[ \t]*(?:>>> |In \[\d|[!%]\w)", re.M)  # of a console or a notebook
_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# What checks may call that they do not define.
_RAISES = """def raises(kind, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except kind:
        return True
    return False"""
MOST_CHECKS, _LONGEST = 12, 20_000  # assertions; characters of a program


@dataclass(frozen=True, slots=True)
class Found:
    """The program of an output."""

    source: str
    signatures: tuple[str, ...] = ()  # the heads of its functions and classes
    modules: tuple[str, ...] = ()


def program_of(output: str, shown: str = "") -> Found | None:
    """The Python program in an output: its blocks of code, or the whole; None where none is.

    shown: the instruction and its input. Code that was shown there is a quotation. A program
    defines a function or a class, or is marked as Python.
    """
    blocks = [(name.lower(), text) for name, text in _FENCE.findall(output)]
    sources = [text for name, text in blocks if name in _PYTHON]
    marked = bool(sources)
    if not blocks:
        sources = [output]
    elif not sources:
        sources = [text for name, text in blocks if not name and _defines(text)]
    kept = [text for text in sources if text.strip() and _letters(text) not in _letters(shown)]
    kept = [text for text in kept if not _is_session(text) and len(text) <= _LONGEST]
    defining = [text for text in kept if _defines(text)]
    if defining:
        return _found("\n\n".join(map(_flush, defining)))
    if not marked or not kept:
        return None
    broken = [text for text in kept if _tree(_flush(text)) is None]
    return _found(_flush((broken or kept)[0]))


def _found(source: str) -> Found:
    tree = _tree(source)
    if tree is None:  # marked as Python: the sandbox says where it breaks
        return Found(source)
    modules = tuple(dict.fromkeys(_imported(tree)))
    return Found(source, tuple(_signatures(tree, source)), modules)


def checks_of(reply: str) -> tuple[Check, ...]:
    """The statements of a reply that hold assertions; none where the reply is no Python.

    Functions without arguments whose names begin with "test" are called. The checks may call
    `raises(ValueError, name, argument)`, which is true if that call ends with that error.
    """
    blocks = [text for _, text in _FENCE.findall(reply)]
    source = _flush("\n".join(blocks) if blocks else reply)
    tree = _tree(source)
    if tree is None:
        return ()
    checks, asserted = [Check(_RAISES)] if _calls_raises(tree) else [], 0
    for node in tree.body:
        text = ast.get_source_segment(source, node) or ""
        count = sum(isinstance(part, ast.Assert) for part in ast.walk(node))
        if isinstance(node, _DEFINES):
            checks.append(Check(text))
            is_test = isinstance(node, ast.FunctionDef) and node.name.startswith("test")
            if is_test and count and not node.args.args:  # type: ignore[union-attr]
                checks.append(Check(f"{node.name}()", count))
                asserted += count
        elif asserted < MOST_CHECKS:
            checks.append(Check(text, count, _given(node)))
            asserted += count
    return tuple(checks) if asserted else ()


def _calls_raises(tree: ast.Module) -> bool:
    """Whether checks call `raises` without defining or importing it."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.alias)}
    return "raises" in names and "raises" not in own


def modules_of(checks: Iterable[Check]) -> Iterator[str]:
    """The modules that checks import."""
    for check in checks:
        if (tree := _tree(check.source)) is not None:
            yield from _imported(tree)


def joined(found: Found, checks: tuple[Check, ...]) -> Program:
    """The program with its checks, ready for the sandbox."""
    modules = dict.fromkeys((*found.modules, *modules_of(checks)))
    return Program(found.source, checks, tuple(modules))


def _given(node: ast.stmt) -> str:
    """The left side of an assertion of equality, such as `f(2)` of `assert f(2) == 4`."""
    match node:
        case ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq()])):
            return ast.unparse(left)
    return ""


def _signatures(tree: ast.Module, source: str) -> Iterator[str]:
    """The heads of functions, of classes, and of the methods of classes, as they are written."""
    lines = source.split("\n")
    for node in tree.body:
        if isinstance(node, _DEFINES):
            yield _head(node, lines)
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"    {_head(part, lines)}"


def _head(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, lines: list[str]) -> str:
    last = max(node.body[0].lineno - 1, node.lineno)
    head = " ".join(line.strip() for line in lines[node.lineno - 1 : last])
    return head[: end + 1] if (end := head.rfind(":")) >= 0 else head


def _imported(tree: ast.Module) -> Iterator[str]:
    """The modules that a program imports and may, and those that these need later."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
        for name in names:
            if name in _MODULES:
                yield name
                if (beside := _BESIDE.get(name)) is not None:
                    yield beside


def _defines(text: str) -> bool:
    """Whether a text is a program, or meant to be, that defines something."""
    tree = _tree(_flush(text))
    return tree is not None and any(isinstance(node, _DEFINES) for node in tree.body)


def _is_session(text: str) -> bool:
    return _SESSION.search(text) is not None and _tree(_flush(text)) is None


def _tree(source: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _flush(text: str) -> str:
    """Without the indentation that all lines of a block share, and without blank lines around."""
    lines = text.replace("\r\n", "\n").strip("\n").rstrip().split("\n")
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] for line in lines)


def _letters(text: str) -> str:
    return "".join(text.split())
