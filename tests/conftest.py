"""What several test files read and none changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import run
from hypothesis import HealthCheck, settings

# How fast a busy machine draws and runs an example decides nothing.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 150 examples by the scripted model. Who wants to change it copies it."""
    out = tmp_path_factory.mktemp("finished") / "plain"
    run("generate", "--model", "scripted", "--n", "150", "--out", out).done()
    return out
