"""The house's floors and who owns what, read off the imports. Where the tables here and the code differ, one of them is wrong."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "selfinstruct"

# The folders carry the floors, from the ground up. A folder is one room, whose modules may know one
# another; it imports from the rooms before it in this list and from the ground. Plain modules beside
# the folders are the ground (no import of a room) or the roof.
ROOMS = (
    "data",
    "records",
    "similarity",
    "defects",
    "models",
    "parsing",
    "asking",
    "adherence",
    "verification",
    "templates",
    "recipes",
    "runs",
    "annotate",
    "choose",
    "stats",
    "report",
    "exports",
    "mixing",
)
ROOF = (
    *("_keywords", "_file_keywords", "_calls", "_making", "_datasets", "_api"),
    *("cli", "__main__"),
)

# Every library from outside has one owner; arrays of numbers have two.
OWNERS = {
    "aiohttp": "models",  # models/openai/failures.py, under the openai client
    "async_timeout": "compat",  # for Python 3.10
    "backports": "records",  # backports.zstd
    "click": "cli",
    "datasets": "records",
    "genai_prices": "models",
    "httpx2": "models",  # models/openai/transport.py, under the openai client
    "huggingface_hub": "records",
    "jinja2": "recipes templates",  # an immutable sandbox, always
    "langdetect": "adherence",
    "numpy": "similarity mixing",
    "openai": "models",
    "plotly": "report",
    "punkt": "adherence",
    "pyarrow": "records",
    "rapidfuzz": "similarity",
    "ray": "asking",
    "spacy": "stats",
    "tenacity": "models",
    "thinc": "stats",  # under spaCy
    "tokenizers": "records",
    "tomli": "asking",
    "tqdm": "runs",
    "typing_extensions": "_api _datasets _making",  # for type checkers alone
    "xllamacpp": "models",
    "yaml": "records templates",  # cards of datasets; promptsource's files
    "yarl": "models",  # addresses, under aiohttp
}
NEWER_PYTHONS = {
    "tomllib",
    "compression",
}  # of the standard library, but not of the oldest Python that we run on
LATE_IMPORTS = {"import_module", "_extra"}  # functions that take the name of what they import

PURE = {
    "parse",
    "filters",
    "check",
    "similarity",
    "pool",
    "funnel",
    "tasks",
}  # the same for the same arguments
FORKING = {
    "similarity.rounds",
    "similarity.scouts",
}  # asks the system for cores, and gives the same answers on any number of them
IMPURE = {"time", "datetime", "os", "logging", "secrets", "socket", "threading", "asyncio"}
GLOBAL_RANDOM = {
    "random",
    "randint",
    "randrange",
    "choice",
    "choices",
    "sample",
    "shuffle",
    "seed",
    "uniform",
    "gauss",
}
HEAVY = {
    "aiohttp",
    "datasets",
    "genai_prices",
    "huggingface_hub",
    "jinja2",
    "langdetect",
    "numpy",
    "openai",
    "plotly",
    "punkt",
    "pyarrow",
    "pydantic",
    "rapidfuzz",
    "spacy",
    "tenacity",
    "thinc",
    "tqdm",
    "xllamacpp",
    "backports",
    "yaml",
}


def module_of(path: Path) -> str:
    """`models.local` for selfinstruct/models/local.py, `models` for its __init__, `selfinstruct` for the package's own."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or PACKAGE.name


MODULES = {
    module_of(path): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if "packaged" not in path.relative_to(PACKAGE).parts
}


def room_of(module: str) -> str:
    return module.partition(".")[0]


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text("utf-8"))


@cache
def imports_of(module: str) -> frozenset[str]:
    """Full names, wherever in the file they are imported, and however late."""
    found: set[str] = set()
    for node in ast.walk(tree_of(module)):
        match node:
            case ast.Import(names=names):
                found |= {one.name for one in names}
            case ast.ImportFrom(module=str(origin), names=names, level=0):
                found |= {f"{origin}.{one.name}" for one in names}
            case ast.ImportFrom():
                found.add(f"{PACKAGE.name}.(a relative import)")
            case ast.Call(func=ast.Name(id=call) | ast.Attribute(attr=call), args=[name, *_]) if (
                call in LATE_IMPORTS
            ):
                found |= {
                    one.value
                    for one in ast.walk(name)
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
    return frozenset(found)


def inner_imports_of(module: str) -> set[str]:
    """The modules of this package that `module` imports, named as in FLOORS."""
    found = set()
    for name in imports_of(module):
        head, _, rest = name.partition(".")
        if head == PACKAGE.name:
            closest = next(
                (one for one in (rest, rest.rpartition(".")[0]) if one in MODULES), PACKAGE.name
            )
            found.add(closest)
    return found


def calls_in(module: str) -> Iterator[str]:
    """Every call's name as it is written: `print`, `os.fsync`, `self._file.flush`."""
    return (
        ast.unparse(node.func) for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)
    )


def height_of(room: str) -> int:
    """0 for the ground, then the rooms in their order, then the roof."""
    return {name: number for number, name in enumerate((*ROOMS, *ROOF), 1)}.get(room, 0)


def test_the_rooms_are_the_folders() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == {*ROOMS, "cli"}


@pytest.mark.parametrize("module", [name for name in MODULES if name != PACKAGE.name])
def test_imports_lead_downward(module: str) -> None:
    room = room_of(module)
    others = {room_of(name) for name in inner_imports_of(module)} - {room, PACKAGE.name}
    upward = sorted(name for name in others if height_of(name) >= max(height_of(room), 1))
    assert not upward, f"{module} imports {', '.join(upward)}, not below it"


def test_no_two_modules_need_each_other() -> None:
    needed = {
        module: {name for name in inner_imports_of(module) if name != PACKAGE.name} - {module}
        for module in MODULES
        if module != PACKAGE.name
    }
    while leaves := [module for module, others in needed.items() if not others]:
        needed = {
            module: others - set(leaves)
            for module, others in needed.items()
            if module not in leaves
        }
    assert not needed, "these import one another in a circle"


def test_every_outside_library_has_one_owner() -> None:
    found: dict[str, set[str]] = {}
    for module in MODULES:
        for name in {name.split(".")[0] for name in imports_of(module)} - {
            PACKAGE.name,
            *sys.stdlib_module_names,
            *NEWER_PYTHONS,
        }:
            found.setdefault(name, set()).add(room_of(module))
    assert found == {name: set(owners.split()) for name, owners in OWNERS.items()}


def test_only_the_journal_asks_for_fsync() -> None:
    assert {
        module for module in MODULES if any(call.endswith("fsync") for call in calls_in(module))
    } == {"runs.journal"}


def test_only_the_progress_prints() -> None:
    """The command line has click.echo."""
    assert {module for module in MODULES if "print" in calls_in(module)} <= {"runs.progress"}


def test_nobody_below_the_command_line_swallows_everything() -> None:
    """To tidy up and raise again is another thing."""

    def swallows(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.ExceptHandler)
            and ast.unparse(node.body[-1]) != "raise"
            and catches_everything(node.type)
        )

    def catches_everything(kind: ast.expr | None) -> bool:
        return kind is None or not {"Exception", "BaseException"}.isdisjoint(
            ast.unparse(one) for one in ast.walk(kind)
        )

    assert {module for module in MODULES if any(map(swallows, ast.walk(tree_of(module))))} <= {
        "cli",
        "recipes.ordered",  # raises it in its place, after all results before it
        "verification.cell",  # ends with whatever the program raises that it runs
    }


@pytest.mark.parametrize(
    "module", [module for module in MODULES if room_of(module) in PURE and module not in FORKING]
)
def test_what_decides_the_dataset_knows_no_clock_and_no_system(module: str) -> None:
    assert not {name.split(".")[0] for name in imports_of(module)} & IMPURE


def test_random_numbers_come_from_a_generator_with_a_seed() -> None:
    loose = {f"random.{name}" for name in GLOBAL_RANDOM} | {"Random()", "random.Random()"}
    calls = {call for module in MODULES for call in calls_in(module)}
    whole = {
        ast.unparse(node)
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call)
    }
    assert not loose & (calls | whole)
    assert not {f"random.{name}" for name in GLOBAL_RANDOM} & {
        name for module in MODULES for name in imports_of(module)
    }


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) == "parsing"])
def test_parsers_raise_nothing(module: str) -> None:
    assert not [node.lineno for node in ast.walk(tree_of(module)) if isinstance(node, ast.Raise)]


@pytest.mark.parametrize(
    "arguments",
    [
        "--help",
        "--version",
        "generate --help",
        "init --help",
        "status --help",
        "verify --help",
        "dedupe --help",
        "check --help",
        "export --help",
        "stats --help",
        "judge --help",
        "adherence --help",
        "report --help",
        "mix --help",
        "",
    ],
)
def test_help_waits_for_nothing_heavy(arguments: str) -> None:
    program = f"""
import sys
from selfinstruct.cli import main
sys.argv = ["selfinstruct", *{arguments.split()!r}]
try:
    main()
except SystemExit:
    pass
print("loaded:", *sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)
"""
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stderr.splitlines()[-1].split() == ["loaded:"]
