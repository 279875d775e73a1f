"""Commands whose time, CPU time and memory are watched, for the scripts that measure."""

from __future__ import annotations

import filecmp
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Watched:
    """What a command and the processes that it forked took."""

    seconds: float
    cpu: float  # of the command
    forked: float  # CPU seconds of its processes
    megabytes: float

    def line(self, total: int, processes: int) -> str:
        return (
            f"processes {processes or 'default'}: {self.seconds:.0f} s,"
            f" {total / self.seconds:,.0f}/s; CPU {self.cpu:.0f} s and {self.forked:.0f} s in forked"
            f" processes; peak of all {self.megabytes:,.0f} MB"
        )


def watched(words: list[str]) -> Watched:
    """Run a command, and look at its memory all the time."""
    begun, peak, tick = time.monotonic(), 0.0, os.sysconf("SC_CLK_TCK")
    command = [sys.executable, "-m", "selfinstruct", *words]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    forked = 0.0
    while True:
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        if done:
            break
        peak = max(peak, proportional(process.pid))
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        forked = (int(fields[13]) + int(fields[14])) / tick  # cutime, cstime
        time.sleep(0.2 if time.monotonic() - begun < 60 else 1)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    whole = usage.ru_utime + usage.ru_stime
    return Watched(time.monotonic() - begun, whole - forked, forked, peak)


def proportional(process: int) -> float:
    """The MB of a process and of those that it forked; a shared page counts once."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0.0
    own = sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000
    return own + sum(proportional(int(child)) for child in children)


def count(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def equal(path: Path, other: Path) -> bool:
    return filecmp.cmp(path, other, shallow=False)
