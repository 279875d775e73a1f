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

# From the roof down. A room imports from the floors below its own, never from its own floor or above. A folder is one room,
# whose modules may know one another, but for models/: what a model is (models) lies on the ground, who answers further up.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("library",),  # the commands as functions; `import selfinstruct` gives them
    ("plan", "status", "verify", "dedupe", "survey", "export", "report"),  # the commands, but for the one that everything is about
    ("stats",),  # what is in a run, in numbers
    ("judge",),  # what a model thinks of a run's examples
    ("view",),  # a run as those see it who come afterwards
    ("generate",),  # the main job
    ("sitting",),  # layers and signals around paid work
    ("batching",),  # its requests in batches
    ("run", "progress"),  # the run directory; what a person sees
    ("run_directory",),  # what stands in it
    ("spending", "batches"),  # every call sent, and every batch
    ("bootstrap", "completions", "inputs"),  # Figure 2; every reply paid for; seeds and templates
    ("stage", "settings"),  # one stage of the paper; from a file and a command line to a config
    ("pool", "check", "models.providers", "models.spread"),  # what is kept and may be shown; known defects; which provider answers
    ("parse", "filters", "similarity", "funnel", "prices", "records", "models.batch"),
    ("models.batch_making", "models.batch_replies"),
    ("models.metered", "models.patient", "models.batch_api"),  # what calls cost, and the caps on it; the batch interface
    ("models.openai", "models.local", "models.scripted", "models.layers", "models.paced", "models.limits"),
    ("models.transport",),  # how it is carried, and what breaks there
    ("models.fates",),  # what a failed call means
    (
        "config",
        "prompts",
        "models.bodies",
        "models.opinions",
        "models.phrases",
        "models.meter",
        "models.headers",
        "models.keys",
        "models.rates",
        "models.adaptive",
        "models.breaker",
        "models.sent",
        "models.waiters",
        "models.collector",
    ),
    ("tasks", "journal", "models", "hub"),  # records of the dataset; files that survive a crash; what a model is; the Hub
    ("errors", "ordered", "pace", "keywords"),  # (how far ahead; what the library's functions take)
    ("selfinstruct",),  # the version
)

# Every library from outside has one owner.
OWNERS = {
    "aiohttp": "models.transport",  # under the openai client
    "async_timeout": "ordered",  # for Python 3.10
    "backports": "records",  # backports.zstd
    "click": "cli",
    "genai_prices": "prices",
    "httpx2": "models.transport",  # under the openai client
    "huggingface_hub": "hub",
    "numpy": "similarity",
    "openai": "models.openai",
    "plotly": "report",
    "pyarrow": "records",
    "rapidfuzz": "similarity",
    "spacy": "stats",
    "tenacity": "models.layers",
    "thinc": "stats",  # under spaCy
    "tomli": "settings",
    "tqdm": "progress",
    "typing_extensions": "library",  # for type checkers alone
    "xllamacpp": "models.local",
}
NEWER_PYTHONS = {"tomllib", "compression"}  # of the standard library, but not of the oldest Python that we run on
LATE_IMPORTS = {"import_module", "_extra"}  # functions that take the name of what they import

PURE = {"parse", "filters", "check", "similarity", "pool", "funnel", "tasks"}  # the same for the same arguments
FORKING = {"similarity.rounds"}  # asks the system for cores, and gives the same answers on any number of them
IMPURE = {"time", "datetime", "os", "logging", "secrets", "socket", "threading", "asyncio"}
GLOBAL_RANDOM = {"random", "randint", "randrange", "choice", "choices", "sample", "shuffle", "seed", "uniform", "gauss"}
HEAVY = {
    "aiohttp",
    "genai_prices",
    "huggingface_hub",
    "numpy",
    "openai",
    "plotly",
    "pyarrow",
    "pydantic",
    "rapidfuzz",
    "spacy",
    "tenacity",
    "thinc",
    "tqdm",
    "xllamacpp",
    "backports",
}


def module_of(path: Path) -> str:
    """`models.local` for selfinstruct/models/local.py, `models` for its __init__, `selfinstruct` for the package's own."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or PACKAGE.name


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py")) if "data" not in path.relative_to(PACKAGE).parts}


def room_of(module: str) -> str:
    return module if module.startswith("models.") else module.partition(".")[0]


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
            case ast.Call(func=ast.Name(id=call) | ast.Attribute(attr=call), args=[name, *_]) if call in LATE_IMPORTS:
                found |= {one.value for one in ast.walk(name) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return frozenset(found)


def inner_imports_of(module: str) -> set[str]:
    """The modules of this package that `module` imports, named as in FLOORS."""
    found = set()
    for name in imports_of(module):
        head, _, rest = name.partition(".")
        if head == PACKAGE.name:
            closest = next((one for one in (rest, rest.rpartition(".")[0]) if one in MODULES), PACKAGE.name)
            found.add(closest)
    return found


def calls_in(module: str) -> Iterator[str]:
    """Every call's name as it is written: `print`, `os.fsync`, `self._file.flush`."""
    return (ast.unparse(node.func) for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call))


def test_every_module_stands_on_one_floor() -> None:
    rooms = [room for floor in FLOORS for room in floor]
    assert len(rooms) == len(set(rooms))
    assert {room_of(module) for module in MODULES} == set(rooms)


@pytest.mark.parametrize("module", [module for module in MODULES if module != PACKAGE.name])  # its front door shows everything
def test_imports_lead_downward(module: str) -> None:
    height = {room: -number for number, floor in enumerate(FLOORS) for room in floor}
    room = room_of(module)
    others = {room_of(one) for one in inner_imports_of(module)} - {room}
    upward = sorted(one for one in others if height[one] >= height[room])
    assert not upward, f"{MODULES[module].name} imports {', '.join(upward)}, not below it"


def test_within_a_room_no_two_modules_need_each_other() -> None:
    inner = {module: {one for one in inner_imports_of(module) if room_of(one) == room_of(module)} - {module} for module in MODULES}
    while leaves := [module for module, needed in inner.items() if not needed]:
        inner = {module: needed - set(leaves) for module, needed in inner.items() if module not in leaves}
    assert not inner, "these import one another in a circle"


def test_every_outside_library_has_one_owner() -> None:
    found: dict[str, set[str]] = {}
    for module in MODULES:
        for name in {name.split(".")[0] for name in imports_of(module)} - {PACKAGE.name, *sys.stdlib_module_names, *NEWER_PYTHONS}:
            found.setdefault(name, set()).add(room_of(module))
    assert found == {name: {owner} for name, owner in OWNERS.items()}


def test_only_the_journal_asks_for_fsync() -> None:
    assert {module for module in MODULES if any(call.endswith("fsync") for call in calls_in(module))} == {"journal"}


def test_only_the_progress_prints() -> None:
    """The command line has click.echo."""
    assert {module for module in MODULES if "print" in calls_in(module)} <= {"progress"}


def test_nobody_below_the_command_line_swallows_everything() -> None:
    """To tidy up and raise again is another thing."""

    def swallows(node: ast.AST) -> bool:
        return isinstance(node, ast.ExceptHandler) and ast.unparse(node.body[-1]) != "raise" and catches_everything(node.type)

    def catches_everything(kind: ast.expr | None) -> bool:
        return kind is None or not {"Exception", "BaseException"}.isdisjoint(ast.unparse(one) for one in ast.walk(kind))

    assert {module for module in MODULES if any(map(swallows, ast.walk(tree_of(module))))} <= {"cli"}


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) in PURE and module not in FORKING])
def test_what_decides_the_dataset_knows_no_clock_and_no_system(module: str) -> None:
    assert not {name.split(".")[0] for name in imports_of(module)} & IMPURE


def test_random_numbers_come_from_a_generator_with_a_seed() -> None:
    loose = {f"random.{name}" for name in GLOBAL_RANDOM} | {"Random()", "random.Random()"}
    calls = {call for module in MODULES for call in calls_in(module)}
    whole = {ast.unparse(node) for module in MODULES for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)}
    assert not loose & (calls | whole)
    assert not {f"random.{name}" for name in GLOBAL_RANDOM} & {name for module in MODULES for name in imports_of(module)}


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) == "parse"])
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
        "report --help",
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
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stderr.splitlines()[-1].split() == ["loaded:"]
