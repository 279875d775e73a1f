"""selfinstruct: instruction-tuning data from a language model, the Self-Instruct way (Wang et al., ACL 2023).

    import selfinstruct

    run = selfinstruct.generate("runs/mine", model="gpt-4o-mini", n=1000)
    selfinstruct.export(run, "mine.json", format="alpaca")

generate, judge      ask a model: both go on where they were stopped, and buy nothing twice
check, export        look a run over; write it for a trainer
load_run             a run directory to read: examples, instructions, rejections, judgements
RougeIndex, rouge_l  exact ROUGE-L novelty by itself

What a user can mend is a UserError. Everything heavy is imported when it is first used. More: docs/library.md.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selfinstruct.check import Finding
    from selfinstruct.config import Config
    from selfinstruct.errors import Interrupted, ModelError, NoRoom, SelfInstructError, Stalled, UserError
    from selfinstruct.export import Exported
    from selfinstruct.judge import Judgement, Quality
    from selfinstruct.keywords import Exporting, Judging, Settings
    from selfinstruct.library import check, export, generate, judge
    from selfinstruct.models import Decoding
    from selfinstruct.similarity import Match, RougeIndex, rouge_l
    from selfinstruct.survey import Survey
    from selfinstruct.tasks import Example, Instruction, Rejected, SeedTask
    from selfinstruct.view import RunView, load_run

__version__ = "0.1.0"
__all__ = [
    "Config",
    "Decoding",
    "Example",
    "Exported",
    "Exporting",
    "Finding",
    "Instruction",
    "Interrupted",
    "Judgement",
    "Judging",
    "Match",
    "ModelError",
    "NoRoom",
    "Quality",
    "Rejected",
    "RougeIndex",
    "RunView",
    "SeedTask",
    "SelfInstructError",
    "Settings",
    "Stalled",
    "Survey",
    "UserError",
    "__version__",
    "check",
    "export",
    "generate",
    "judge",
    "load_run",
    "rouge_l",
]
_HOMES = {
    "check": ("Finding",),
    "config": ("Config",),
    "errors": ("Interrupted", "ModelError", "NoRoom", "SelfInstructError", "Stalled", "UserError"),
    "export": ("Exported",),
    "judge": ("Judgement", "Quality"),
    "keywords": ("Exporting", "Judging", "Settings"),
    "library": ("check", "export", "generate", "judge"),
    "models": ("Decoding",),
    "similarity": ("Match", "RougeIndex", "rouge_l"),
    "survey": ("Survey",),
    "tasks": ("Example", "Instruction", "Rejected", "SeedTask"),
    "view": ("RunView", "load_run"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:  # a type checker would take it to mean that every name is there

    def __getattr__(name: str) -> Any:
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = f"{__name__}.{_HOME_OF[name]}"
        return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Four functions are called like the modules that do their work. Python binds a module to its package when it is first
    imported, which must not put the module in the function's place: `from selfinstruct.check import ...` needs no binding.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
