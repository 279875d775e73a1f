"""What several test files read and none changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command import run
from hypothesis import HealthCheck, settings

# How fast a busy machine draws and runs an example decides nothing. The examples are the same every
# time, since the verdict of a gate must not be drawn; HYPOTHESIS_RANDOM=1 looks for new ones.
settings.register_profile(
    "busy",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="HYPOTHESIS_RANDOM" not in os.environ,
)
settings.load_profile("busy")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 150 examples by the scripted model. Who wants to change it copies it."""
    out = tmp_path_factory.mktemp("finished") / "plain"
    run("generate", "--model", "scripted", "--n", "150", "--out", out).done()
    return out
