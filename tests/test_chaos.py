"""scripts/chaos: runs killed at random moments end as if nothing had happened; and the script
notices when they do not.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from command import ROOT

CHAOS = ROOT / "scripts" / "chaos"
# What a process of the tortured run does wrong, as code that runs before the command line does.
SABOTAGE = {
    "forgets a reply now and then": """
from selfinstruct.runs.completions import Completions
put = Completions.put
Completions.put = lambda self, key, *rest: int(key, 16) % 8 and put(self, key, *rest)
""",
    "buys again what is on record": """
from selfinstruct.runs.completions import Completions
get = Completions.get
Completions.get = lambda self, key: None if int(key, 16) % 8 == 0 else get(self, key)
""",
    "shows the pool as it is now": """
from selfinstruct.recipes.pool import Pool
demonstrations = Pool.demonstrations
def now(self, choose, after_turn, **rest):
    return demonstrations(self, choose, after_turn=self.turns - 1, **rest)
Pool.demonstrations = now
""",
    "goes on behind half a line": """
from unittest.mock import patch
from selfinstruct.runs import journal
patch.object(journal, "_end_of_last_line", lambda file: journal.os.fstat(file).st_size).start()
""",
    "believes every checkpoint": """
from unittest.mock import patch
from selfinstruct.runs import run
patch.object(run, "check_unchanged", lambda directory, noted, last: None).start()
patch.object(run.Run, "_forget", lambda self, mark, end: None).start()
def truncate(self, size):
    self._hash.update(self.path.read_bytes())
patch.object(run.Journal, "truncate", truncate).start()
""",
}


def chaos(*options: object, script: str | None = None) -> subprocess.CompletedProcess[str]:
    begin = [sys.executable, CHAOS] if script is None else [sys.executable, "-c", script]
    return subprocess.run(
        [*begin, *map(str, options)], capture_output=True, text=True, timeout=1500, check=False
    )


@pytest.mark.slow  # by default tests/test_bootstrap.py and tests/test_cli.py kill
def test_runs_killed_again_and_again_end_as_if_nothing_had_happened() -> None:
    done = chaos("--kills", 4, "--runs", 1, "--n", 30)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every run ended with the undisturbed run's bytes" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("--kills", 100),
        ("--kills", 20, "--runs", 2, "--preset", "paper", "--n", 150, "--seed", 1),
        ("--kills", 20, "--runs", 2, "--command", "respond", "--n", 150, "--seed", 2),
        *(
            ("--kills", 3, "--runs", 1, "--n", 30, "--command", command)
            for command in ("unnatural", "evolve", "paraphrase", "invert", "constrain")
        ),
    ],
)
def test_many_kills_change_nothing(options: tuple[object, ...]) -> None:
    done = chaos(*options)
    sys.stdout.write(done.stdout)  # the table, for pytest -rP
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("wrong", SABOTAGE)
def test_chaos_notices_a_run_that(wrong: str) -> None:
    subprocess.run(
        [sys.executable, "-c", SABOTAGE[wrong]], cwd=ROOT, check=True
    )  # what it replaces is there
    script = f"""
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
loader = SourceFileLoader("chaos", {str(CHAOS)!r})
chaos = module_from_spec(spec_from_loader("chaos", loader))
sys.modules["chaos"] = chaos
loader.exec_module(chaos)
whole, launch = chaos.tortured, chaos.LAUNCH
def tortured(*arguments):
    chaos.LAUNCH = {SABOTAGE[wrong]!r} + launch
    return whole(*arguments)
chaos.tortured = tortured
sys.exit(chaos.main())
"""
    done = chaos("--kills", 30, "--runs", 3, "--n", 60, script=script)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "WRONG in run" in done.stdout
