"""The sandbox holds what tries to get out of it, and tells right programs from wrong ones."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from command import ENVIRONMENT, wait_for

from selfinstruct.errors import UserError
from selfinstruct.verification import sandbox
from selfinstruct.verification.programs import checks_of, joined, program_of
from selfinstruct.verification.sandbox import Check, Limits, Program, Verdict

_SHORT = Limits(memory=256 << 20, seconds=1, patience=20.0)


def outcome(
    source: str, tests: str = "", modules: tuple[str, ...] = (), limits: Limits = _SHORT
) -> Verdict:
    checks = checks_of(tests) if tests else ()
    return asyncio.run(sandbox.run(Program(source, checks, modules), limits))


def from_output(output: str, tests: str) -> Verdict:
    """As the gate runs the program of an output."""
    found = program_of(output)
    assert found is not None
    return asyncio.run(sandbox.run(joined(found, checks_of(tests)), _SHORT))


def test_this_machine_holds_a_program() -> None:
    asyncio.run(sandbox.check())


def test_a_right_program_passes_and_a_wrong_one_shows_its_value() -> None:
    right = outcome(
        "def double(n):\n    return 2 * n", "assert double(2) == 4\nassert double(0) == 0"
    )
    assert right == Verdict("done", passed=2)
    wrong = outcome(
        "def double(n):\n    return n * n", "assert double(2) == 4\nassert double(3) == 6"
    )
    assert (wrong.kind, wrong.where, wrong.given) == ("assertion", "test", "9")
    assert wrong.test == "assert double(3) == 6"


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("1 / 0", "error"),
        ("raise SystemExit(0)", "exit"),
        ("import os\nos._exit(0)", "exit"),
        ("import numpy", "library"),
        ("input()", "reads"),
        ("import threading\nthreading.Thread(target=print).start()", "forbidden"),
        ("import ctypes\nctypes.string_at(0)", "crash"),
    ],
)
def test_ends_have_their_kinds(source: str, kind: str) -> None:
    assert outcome(source, "assert True", ("os", "threading", "ctypes")).kind == kind


def test_nothing_reaches_a_server_on_loopback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        for source in (
            f"import socket\nsocket.create_connection(('127.0.0.1', {port}))",
            f"from urllib.request import urlopen\nurlopen('http://127.0.0.1:{port}')",
            f"import asyncio\nasyncio.run(asyncio.open_connection('127.0.0.1', {port}))",
        ):
            modules = ("socket", "urllib.request", "asyncio", "asyncio.unix_events")
            assert outcome(source, modules=modules).kind in ("forbidden", "error", "library")
        with pytest.raises(TimeoutError):
            server.accept()


def test_no_file_is_read_written_or_seen(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("swordfish")
    for source in (
        f"print(open({str(secret)!r}).read())",
        f"open({str(tmp_path / 'new')!r}, 'w')",
        "open('/tmp/out-of-the-sandbox', 'w')",
        f"import os\nos.unlink({str(secret)!r})",
        f"import os\nos.listdir({str(tmp_path)!r})",
        f"import shutil\nshutil.rmtree({str(tmp_path)!r})",
        "print(open('/proc/self/environ').read())",
        "import tempfile\ntempfile.mkdtemp()",
    ):
        assert outcome(source, modules=("os", "shutil", "tempfile")).kind in ("forbidden", "error")
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert secret.read_text() == "swordfish"
    assert not Path("/tmp/out-of-the-sandbox").exists()


def test_nothing_is_inherited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-swordfish")
    (tmp_path / "open").write_text("swordfish")
    with open(tmp_path / "open") as file:
        os.set_inheritable(file.fileno(), True)
        said = outcome(
            "import os\n"
            "found = dict(os.environ)\n"
            "def reads(number):\n"
            "    try:\n"
            "        return os.read(number, 9)\n"
            "    except OSError:\n"
            "        return None\n"
            "inherited = [number for number in range(256) if reads(number)]",
            "assert 'OPENAI_API_KEY' not in found\nassert 'HOME' not in found\n"
            "assert inherited == []",
            ("os",),
        )
    assert said.kind == "done", said


@pytest.mark.parametrize(
    "source",
    [
        "import os\nwhile True:\n    os.fork()",
        "import subprocess\nsubprocess.run(['/bin/sh', '-c', 'true'])",
        "import os\nos.execv('/bin/sh', ['sh'])",
        "import os\nos.posix_spawn('/bin/sh', ['sh'], {})",
        "import multiprocessing\nmultiprocessing.Process(target=print).start()",
    ],
)
def test_no_process_is_started(source: str) -> None:
    found = outcome(source, modules=("os", "subprocess", "multiprocessing"))
    assert found.kind in ("forbidden", "error", "library"), found


def test_no_signal_is_sent() -> None:
    for target in ("os.getppid()", "0", "-1", "1"):
        source = f"import os, signal\nos.kill({target}, signal.SIGKILL)"
        assert outcome(source, modules=("os", "signal")).kind == "forbidden"


def test_system_calls_of_machine_code_are_refused_as_well() -> None:
    found = outcome(
        "import ctypes\n"
        "libc = ctypes.CDLL(None)\n"
        "calls = [libc.fork(), libc.socket(2, 1, 0), libc.open(b'/etc/passwd', 0),\n"
        "         libc.prctl(22, 0, 0), libc.ptrace(0, 1, 0, 0), libc.execv(b'/bin/sh', 0),\n"
        "         libc.kill(libc.getppid(), 9), libc.unshare(0x10000000), libc.chroot(b'/')]",
        "assert set(calls) == {-1}",
        ("ctypes",),
    )
    assert found.kind == "done", found


def test_time_memory_and_output_have_limits() -> None:
    late = Limits(patience=0.3)
    assert outcome("import time\ntime.sleep(60)", modules=("time",), limits=late).kind == "time"
    assert outcome("kept = []\nwhile True:\n    kept.append(bytearray(1 << 20))").kind == "memory"
    assert outcome("kept = 'a' * (1 << 40)").kind == "memory"
    flood = "import os\nwhile True:\n    for number in range(3, 9):\n        try:\n"
    flood += "            os.write(number, b'x' * 65536)\n        except OSError:\n            pass"
    assert outcome(flood, modules=("os",)).kind == "flood"
    assert outcome("for number in range(20000):\n    print('x' * 1000)").kind == "done"


@pytest.mark.slow
def test_a_processor_is_given_for_a_time() -> None:
    for source in (
        "while True:\n    pass",
        "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True:\n    pass",
        "pow(7, 10 ** 9)",
        "import re\nre.match('(a+)+b', 'a' * 60)",
    ):
        assert outcome(source, modules=("signal", "re")).kind == "time"


@pytest.mark.parametrize(
    "trick",
    [
        "import builtins\nbuiltins.AssertionError = ZeroDivisionError",
        "import builtins\nbuiltins.exec = builtins.compile = lambda *given: None",
        "import sys\nsys.modules['__main__']._failure = lambda *given: None",
        "import sys\nsys.settrace(lambda frame, event, given: None)",
        "import sys\nsys.setprofile(lambda frame, event, given: None)",
        "import atexit, os\natexit.register(os._exit, 0)",
        'import os\nos.write(3, b\'{"kind": "done", "passed": 9}\\n\')',
        'import json\njson.dumps = lambda value: \'{"kind": "done", "passed": 9}\'',
        "import os\nos._exit(0)",
        "import sys\nsys.exit(0)",
        "class Answer:\n    def __eq__(self, other): return 1 / 0\nwrong = Answer",
    ],
)
def test_a_wrong_program_does_not_talk_itself_out(trick: str) -> None:
    source = f"{trick}\ndef double(n):\n    return n + 1"
    found = outcome(source, "assert double(2) == 4", ("atexit", "builtins", "json", "os", "sys"))
    assert found.kind not in ("done", "forbidden", "library", "reads"), found


def test_equal_programs_have_equal_verdicts() -> None:
    source = "import random\nnames = {'a', 'b', 'c', 'd', 'e'}\nlisted = [*names, random.random()]"
    program = f"{source}\nclass Thing: pass"
    found = {outcome(program, "assert (listed, Thing()) == 1", ("random",)) for _ in range(3)}
    assert len(found) == 1


def test_programs_of_outputs_run_with_what_they_import() -> None:
    output = (
        "Here it is:\n\n```python\nfrom __future__ import annotations\n"
        "from dataclasses import dataclass\nfrom datetime import datetime\n\n"
        "@dataclass\nclass Day:\n    text: str\n\n    def year(self) -> int:\n"
        "        return datetime.strptime(self.text, '%d.%m.%Y').year\n```\n\nDone."
    )
    assert from_output(output, "assert Day('1.2.2026').year() == 2026").kind == "done"


def test_an_error_that_the_task_fixes_is_tested() -> None:
    checks = checks_of("assert raises(ValueError, f, 0)\nassert f(2) == 4")
    assert sum(check.counts for check in checks) == 2
    good = program_of("def f(n):\n    if n < 1:\n        raise ValueError(n)\n    return 2 * n")
    bad = program_of("def f(n):\n    return 2 * n")
    odd = program_of("def f(n):\n    return 4 if n else 1 / n")
    assert good is not None and bad is not None and odd is not None
    ends = [asyncio.run(sandbox.run(joined(found, checks))) for found in (good, bad, odd)]
    assert [(end.kind, end.where) for end in ends] == [
        ("done", ""), ("assertion", "test"), ("error", "test"),
    ]  # fmt: skip
    own = checks_of("def raises(kind, call):\n    return True\nassert raises(ValueError, f)")
    assert len(own) == 2  # the reply's own function stands


def test_a_program_dies_with_the_process_that_runs_it(tmp_path: Path) -> None:
    driver = (
        "import asyncio\nfrom selfinstruct.verification.sandbox import Program, run\n"
        "asyncio.run(run(Program('import time\\ntime.sleep(600)', (), ('time',))))"
    )
    parent = subprocess.Popen([sys.executable, "-c", driver], env=ENVIRONMENT, cwd=tmp_path)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    wait_for(lambda: bool(children.read_text().split()))
    [child] = children.read_text().split()
    wait_for(lambda: "Seccomp:\t2" in Path(f"/proc/{child}/status").read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_for(lambda: not Path(f"/proc/{child}").exists() or _is_dead(child))


def _is_dead(process: str) -> bool:
    return "State:\tZ" in Path(f"/proc/{process}/status").read_text()


def test_without_the_kernels_help_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "m68k")
    with pytest.raises(UserError, match="--verify-with code: Linux on m68k; programs are run only"):
        asyncio.run(sandbox.check())


def test_a_filter_that_the_kernel_refuses_is_an_error_not_a_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "call_filter", lambda machine: b"\xff" * 16)
    with pytest.raises(UserError, match="refuses seccomp"):
        asyncio.run(sandbox.run(Program("print(1)", (Check("assert True", 1),))))
