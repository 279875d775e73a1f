"""Exports: the examples of runs as files that trainers load.

Each format is a module with the same function `record(row, style)`.

export(["runs/mine"], "mine", Export(format="hf", split="0.95/0.05"))
"""

from selfinstruct.exports.forms import FORMS
from selfinstruct.exports.job import Exported, export
from selfinstruct.exports.settings import Export

__all__ = ["FORMS", "Export", "Exported", "export"]
