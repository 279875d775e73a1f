"""The file `index` of a large run: faster, and never a second truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from command import invoke

from selfinstruct.runs import remembering
from selfinstruct.runs.directory import DERIVED, INDEX
from selfinstruct.similarity import RougeIndex


def generate(out: Path, n: int) -> dict[str, bytes]:
    invoke("generate", "--out", out, "--model", "scripted", "--n", n, "--seed", 7).done()
    return {name: (out / name).read_bytes() for name in DERIVED}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A run without the file, from the start to the end."""
    out = tmp_path_factory.mktemp("whole") / "run"
    files = generate(out, 90)
    assert not (out / INDEX).exists()  # too small for it
    return files


@pytest.mark.parametrize("state", ["as it was", "absent", "torn"])
def test_a_run_goes_on_with_the_same_bytes_whatever_became_of_its_index(
    state: str, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "LARGE", 1)
    generate(tmp_path / "run", 40)
    index = tmp_path / "run" / INDEX
    assert index.exists()
    if state == "absent":
        index.unlink()
    elif state == "torn":
        index.write_bytes(index.read_bytes()[:-100])
    added: list[str] = []
    monkeypatch.setattr(RougeIndex, "add", noting(added))
    assert generate(tmp_path / "run", 90) == whole
    assert index.exists()
    first = whole["instructions.jsonl"].decode().split('"instruction": "')[1].split('"')[0]
    assert (first not in added) == (state == "as it was")
    invoke("verify", tmp_path / "run").done()


def noting(added: list[str]) -> Callable[[RougeIndex, str], int]:
    add = RougeIndex.add

    def add_and_note(self: RougeIndex, text: str) -> int:
        added.append(text)
        return add(self, text)

    return add_and_note
