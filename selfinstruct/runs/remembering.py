"""The file `index` of a large run: what a recipe has computed of its instructions.

A run that goes on is restored from its committed instructions alone, with or without this file. The
file makes that faster. It is written once, at the end of a sitting, and says itself which texts it
is about (similarity/saved.py). So it may be missing, old or torn.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from selfinstruct.recipes import Recipe
from selfinstruct.runs.directory import INDEX
from selfinstruct.runs.run import Run

LARGE = 50_000  # instructions; fewer are computed anew in less than half a second


@contextlib.contextmanager
def remembering(run: Run, recipe: Recipe) -> Iterator[None]:
    """Write the file when the body ends, however that is. A full disk is no reason to fail."""
    try:
        yield
    finally:
        instructions = int(run.mark.funnel["admitted"])  # those that the next start will find
        if instructions >= LARGE:
            with contextlib.suppress(OSError):
                recipe.save(run.directory / INDEX, instructions)
