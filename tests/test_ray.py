"""Workers on a real Ray cluster of several nodes on this machine, one of which is removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import ENVIRONMENT, ROOT, finish, invoke, start
from server import LoopbackServer, latency

from selfinstruct.runs.directory import DERIVED

RUN = ("--model", "m", "--n", 60, "--seed", 5, "--lag", 400)


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Three nodes of a core each. The nodes' processes see the environment of this moment."""
    found = pytest.importorskip("ray.cluster_utils")
    before = dict(os.environ)
    os.environ.update(ENVIRONMENT, PYTHONPATH=str(ROOT))
    try:
        cluster = found.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        cluster.spare = [cluster.add_node(num_cpus=1) for _ in range(2)]
        yield cluster
        cluster.shutdown()
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_node_is_lost_and_the_run_has_the_live_runs_bytes(cluster: Any, tmp_path: Path) -> None:
    live, out = tmp_path / "live", tmp_path / "run"
    with LoopbackServer(latency(0.1)) as server:
        at = ("--base-url", server.base_url)
        invoke("generate", *RUN, *at, "--out", live).done()
        begun = len(server.calls)
        driver = start("generate", *RUN, "--by-files", "--requests-per-file", 8, "--out", out)
        while not (out / "rounds").is_dir():
            assert driver.poll() is None, driver.communicate()
            time.sleep(0.05)
        ray = ("--ray", cluster.address, "--follow")
        workers = start("workers", out, *at, *ray, OPENAI_API_KEY="none")
        while len(server.calls) < begun + 20:
            assert workers.poll() is None, workers.communicate()
            time.sleep(0.05)
        cluster.remove_node(cluster.spare.pop())
        finish(driver).done()
        workers.send_signal(signal.SIGTERM)
        ended = finish(workers)
        assert ended.code == 128 + signal.SIGTERM
        assert "stopped (SIGTERM): all replies so far are written" in ended.err
    for name in DERIVED:
        assert (out / name).read_bytes() == (live / name).read_bytes()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_an_error_of_an_actor_is_one_line(cluster: Any, tmp_path: Path) -> None:
    out = tmp_path / "run"
    begin = invoke("generate", *RUN, "--by-files", "--files-wait", 0, "--out", out)
    assert begin.code == 75
    at = ("--base-url", "http://127.0.0.1:9/v1", "--patience", 1)
    ended = finish(start("workers", out, *at, "--ray", cluster.address))
    assert ended.code == 2 and "127.0.0.1:9" in ended.error


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    block = "import sys; sys.modules['ray'] = None; from selfinstruct.cli import main; main()"
    words = ("workers", str(tmp_path), "--base-url", "http://127.0.0.1:9/v1", "--ray", "local")
    ran = subprocess.run(
        [sys.executable, "-c", block, *words], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert ran.returncode == 2
    assert "pip install -e " in ran.stderr and "[ray]" in ran.stderr
