"""The inside of the sandbox: a process that locks itself in, then runs a program and its tests.

Run as a script by sandbox.py, with nothing but the standard library. The job comes on standard
input as JSON, the verdict goes to standard output as a line that begins with a secret mark of the
job. Whatever the program does, a verdict without the mark does not count.
"""

from __future__ import annotations

import base64
import builtins
import ctypes
import importlib
import json
import os
import re
import resource
import signal
import sys
import types
from collections.abc import Mapping
from typing import Any

_NO_NEW_PRIVILEGES, _DIE_WITH_PARENT, _SECCOMP, _FILTER = 38, 1, 22, 2  # of prctl(2)
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}")
_SHOWN = 300  # characters of an error
_COMPILE, _EXECUTE, _EVALUATE, _ISINSTANCE = compile, exec, eval, isinstance  # as they are now
_TRACE, _PROFILE = sys.settrace, sys.setprofile
_NAME = "program"  # the __name__ of the program, so that no `if __name__ == "__main__"` holds


class _Filter(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


def main() -> None:
    job = json.loads(sys.stdin.buffer.read())
    channel, mark, write = os.dup(1), job["mark"], os.write
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)
    _prepare(job["modules"])
    try:
        _lock_in(job)
    except OSError as error:
        found = {"kind": "unlocked", "words": str(error)}
    else:
        found = _outcome(job)
    write(channel, _line(mark, found))
    os._exit(0)


def _line(mark: str, found: Mapping[str, Any]) -> bytes:
    """The verdict without a library's help: a program may have put its own functions there."""
    texts = [
        f"{found.get(name, '')}".encode("utf-8", "replace").hex()
        for name in ("kind", "words", "where", "test", "given", "passed")
    ]
    return f"\n{mark} {','.join(texts)}\n".encode()


def _prepare(modules: list[str]) -> None:
    """Import the modules of the program: later no file can be opened."""
    sys.path[:] = [path for path in sys.path[1:] if path]
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # not in this version of Python
    vars(builtins).update(exit=sys.exit, quit=sys.exit)  # as the module site has them
    if "random" in sys.modules:
        sys.modules["random"].seed(0)


def _lock_in(job: Mapping[str, Any]) -> None:
    """Give up everything but memory and time, for good. Raises OSError."""
    limits = job["limits"]
    for name, low, high in (
        ("RLIMIT_AS", limits["memory"], limits["memory"]),
        ("RLIMIT_CPU", limits["seconds"], limits["seconds"] + 1),
        ("RLIMIT_FSIZE", 0, 0),
        ("RLIMIT_CORE", 0, 0),
        ("RLIMIT_NOFILE", 8, 8),
        ("RLIMIT_NPROC", 0, 0),
    ):
        resource.setrlimit(getattr(resource, name), (low, high))
    steps = base64.b64decode(job["filter"])
    buffer = ctypes.create_string_buffer(steps, len(steps))
    program = _Filter(len(steps) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in (
        (_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0),
        (_NO_NEW_PRIVILEGES, 1, 0, 0, 0),
        (_SECCOMP, _FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*map(_long, call)):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def _long(value: Any) -> Any:
    return ctypes.c_ulong(value) if isinstance(value, int) else value


def _outcome(job: Mapping[str, Any]) -> dict[str, Any]:
    """The end of the program and its tests: {"kind": ..., "words": ..., "passed": count}."""
    module = types.ModuleType(_NAME)
    sys.modules[_NAME] = sys.modules["__main__"] = module  # dataclasses look their module up
    space = module.__dict__
    found = _failure(job["program"], space)
    if found is not None:
        return {**found, "where": "program"}
    passed = 0
    for test in job["tests"]:
        found = _failure(test["source"], space)
        if found is not None:
            given = _value_of(test["given"], space) if found["kind"] == "assertion" else ""
            return {**found, "where": "test", "test": test["source"], "given": given}
        passed += test["counts"]
    return {"kind": "done", "passed": passed}


def _failure(source: str, space: dict[str, Any]) -> dict[str, str] | None:
    try:
        _EXECUTE(_COMPILE(source, "<program>", "exec", dont_inherit=True), space)
    except BaseException as error:  # noqa: BLE001 - whatever the program raises is its end
        return {"kind": _kind_of(error), "words": _words(error)}
    finally:
        _TRACE(None)
        _PROFILE(None)
    return None


def _kind_of(error: BaseException) -> str:
    """The kind of an error by its type; SystemExit and KeyboardInterrupt are ends like others."""
    for kind, classes in (
        ("assertion", AssertionError),
        ("memory", MemoryError),
        ("syntax", SyntaxError),
        ("exit", (SystemExit, KeyboardInterrupt, GeneratorExit)),
        ("forbidden", PermissionError),
        ("library", ImportError),
        ("reads", EOFError),
    ):
        if _ISINSTANCE(error, classes):
            return kind
    return "forbidden" if "can't start new thread" in _words(error) else "error"


def _words(error: BaseException) -> str:
    try:
        text = f"{type(error).__name__}: {error}".rstrip(": ")
    except BaseException:  # noqa: BLE001 - the error's own __str__ is the program's
        text = type(error).__name__
    return _plain(text)


def _value_of(expression: str, space: dict[str, Any]) -> str:
    """The value that a test compares, as Python writes it; "" where there is none."""
    if not expression:
        return ""
    try:
        return _plain(repr(_EVALUATE(expression, space)))
    except BaseException:  # noqa: BLE001 - as for the test itself
        return ""


def _plain(text: str) -> str:
    """On one line, without addresses in memory, which differ from run to run."""
    return _ADDRESS.sub("0x", " ".join(text.split()))[:_SHOWN]


if __name__ == "__main__":
    main()
