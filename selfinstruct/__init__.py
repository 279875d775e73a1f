"""Instruction-tuning data from a language model, the Self-Instruct way (Wang et al., ACL 2023).

    import selfinstruct

    run = selfinstruct.generate("runs/mine", model="gpt-4o-mini", n=1000)
    selfinstruct.export(run, "mine.json", format="alpaca")

generate, respond, judge   ask a model: each goes on where it was stopped and buys nothing twice
unnatural, evolve, paraphrase, invert, constrain, chat, dynosaur   the other recipes, likewise
render, import_files, import_tasks   runs of datasets that exist already, without a model
preflight            does this endpoint serve a run? every stage is asked once
resume               go on with any run
check, export        look a run over; write it for a trainer
mix, select, dedupe  datasets into one, into a part, without near-duplicates
uncertainty, score_adherence   how unsure a model is; whether answers follow their constraints
load_run             a run directory to read: examples, instructions, rejections, judgements
RougeIndex, rouge_l  exact ROUGE-L novelty by itself

An error that a user can mend is a UserError. Heavy modules are imported at their first use. More:
docs/library.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selfinstruct._api import check, export, generate, judge, preflight, respond, resume
    from selfinstruct._datasets import (
        Deduping,
        Mixing,
        Scoring,
        dedupe,
        mix,
        score_adherence,
        select,
        uncertainty,
    )
    from selfinstruct._file_keywords import Exporting, Importing, ImportingTasks, Rendering
    from selfinstruct._keywords import (
        Chatting,
        Constraining,
        Eliciting,
        Evolving,
        Inverting,
        Judging,
        Organising,
        Paraphrasing,
        Responding,
        Settings,
    )
    from selfinstruct._making import (
        chat,
        constrain,
        dynosaur,
        evolve,
        import_files,
        import_tasks,
        invert,
        paraphrase,
        render,
        unnatural,
    )
    from selfinstruct.adherence.scoring import Scores
    from selfinstruct.annotate.judgement import Judgement
    from selfinstruct.annotate.measurement import Measurement
    from selfinstruct.annotate.quality import Quality
    from selfinstruct.asking.config import Config
    from selfinstruct.choose.deduplication import DedupeCounts
    from selfinstruct.data.examples import Example, Rejected
    from selfinstruct.data.tasks import Instruction, SeedTask
    from selfinstruct.defects import Finding
    from selfinstruct.defects.counts import Survey
    from selfinstruct.errors import (
        Interrupted,
        ModelError,
        NoRoom,
        NothingRead,
        SelfInstructError,
        Stalled,
        UserError,
    )
    from selfinstruct.exports import Exported
    from selfinstruct.mixing.job import Mixed
    from selfinstruct.mixing.selecting import Selected
    from selfinstruct.models import Decoding
    from selfinstruct.runs.rehearsal import Rehearsal
    from selfinstruct.runs.view import RunView, load_run
    from selfinstruct.similarity import Match, RougeIndex, rouge_l

__version__ = "0.1.0"
__all__ = [
    "Chatting",
    "Config",
    "Constraining",
    "Decoding",
    "DedupeCounts",
    "Deduping",
    "Eliciting",
    "Evolving",
    "Example",
    "Exported",
    "Exporting",
    "Finding",
    "Importing",
    "ImportingTasks",
    "Instruction",
    "Interrupted",
    "Inverting",
    "Judgement",
    "Judging",
    "Match",
    "Measurement",
    "Mixed",
    "Mixing",
    "ModelError",
    "NoRoom",
    "NothingRead",
    "Organising",
    "Paraphrasing",
    "Quality",
    "Rehearsal",
    "Rejected",
    "Rendering",
    "Responding",
    "RougeIndex",
    "RunView",
    "Scores",
    "Scoring",
    "SeedTask",
    "Selected",
    "SelfInstructError",
    "Settings",
    "Stalled",
    "Survey",
    "UserError",
    "__version__",
    "chat",
    "check",
    "constrain",
    "dedupe",
    "dynosaur",
    "evolve",
    "export",
    "generate",
    "import_files",
    "import_tasks",
    "invert",
    "judge",
    "load_run",
    "mix",
    "paraphrase",
    "preflight",
    "render",
    "respond",
    "resume",
    "rouge_l",
    "score_adherence",
    "select",
    "uncertainty",
    "unnatural",
]
_HOMES = {
    "_api": ("check", "export", "generate", "judge", "preflight", "respond", "resume"),
    "_datasets": (
        *("Deduping", "Mixing", "Scoring"),
        *("dedupe", "mix", "score_adherence", "select", "uncertainty"),
    ),
    "_file_keywords": ("Exporting", "Importing", "ImportingTasks", "Rendering"),
    "_keywords": (
        *("Chatting", "Constraining", "Eliciting", "Evolving", "Inverting", "Judging"),
        *("Organising", "Paraphrasing", "Responding", "Settings"),
    ),
    "_making": (
        *("chat", "constrain", "dynosaur", "evolve", "import_files", "import_tasks"),
        *("invert", "paraphrase", "render", "unnatural"),
    ),
    "adherence.scoring": ("Scores",),
    "annotate.judgement": ("Judgement",),
    "annotate.measurement": ("Measurement",),
    "annotate.quality": ("Quality",),
    "asking.config": ("Config",),
    "choose.deduplication": ("DedupeCounts",),
    "data.examples": ("Example", "Rejected"),
    "data.tasks": ("Instruction", "SeedTask"),
    "defects": ("Finding",),
    "defects.counts": ("Survey",),
    "errors": (
        *("Interrupted", "ModelError", "NoRoom", "NothingRead"),
        *("SelfInstructError", "Stalled", "UserError"),
    ),
    "exports": ("Exported",),
    "mixing.job": ("Mixed",),
    "mixing.selecting": ("Selected",),
    "models": ("Decoding",),
    "runs.rehearsal": ("Rehearsal",),
    "runs.view": ("RunView", "load_run"),
    "similarity": ("Match", "RougeIndex", "rouge_l"),
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
